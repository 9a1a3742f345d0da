//! As much of HTTP as a browser needs to read pages: `GET`, one request a connection.

use std::io::{self, Read, Write};

/// Longer requests come from no browser that looks at our pages.
const LONGEST_REQUEST: usize = 64 * 1024;
const MOST_HEADERS: usize = 100;

/// A request.
pub(super) struct Request {
    /// The path without the query, percent-decoded piece by piece.
    pub(super) path: Vec<String>,
    /// Names and values of the query.
    pub(super) query: Vec<(String, String)>,
    /// It came from a page of another site.
    pub(super) is_foreign: bool,
}

impl Request {
    /// The value of the query's `name`.
    pub(super) fn get(&self, name: &str) -> Option<&str> {
        self.query.iter().find(|(own, _)| own == name).map(|(_, value)| value.as_str())
    }
}

/// An answer.
pub(super) struct Response {
    pub(super) status: u16,
    pub(super) kind: &'static str,
    pub(super) body: String,
}

impl Response {
    /// A page.
    pub(super) fn page(body: String) -> Response {
        Response { status: 200, kind: "text/html; charset=utf-8", body }
    }

    /// An error, in one sentence.
    pub(super) fn error(status: u16, words: &str) -> Response {
        Response { status, kind: "text/plain; charset=utf-8", body: format!("{words}\n") }
    }

    /// Sends it.
    ///
    /// # Errors
    /// What the operating system says.
    pub(super) fn send(&self, to: &mut impl Write) -> io::Result<()> {
        let words = match self.status {
            200 => "OK",
            400 => "Bad Request",
            403 => "Forbidden",
            404 => "Not Found",
            405 => "Method Not Allowed",
            _ => "Error",
        };
        write!(
            to,
            "HTTP/1.1 {} {words}\r\nContent-Type: {}\r\nContent-Length: {}\r\nConnection: close\r\n\
             Cache-Control: no-store\r\nReferrer-Policy: no-referrer\r\nX-Content-Type-Options: nosniff\r\n\
             Cross-Origin-Resource-Policy: same-origin\r\nCross-Origin-Opener-Policy: same-origin\r\n\
             Content-Security-Policy: default-src 'none'; style-src 'self'; script-src 'self'; \
             connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'\r\n\r\n",
            self.status,
            self.kind,
            self.body.len()
        )?;
        to.write_all(self.body.as_bytes())?;
        to.flush()
    }
}

/// Reads a request; the answer to what is none.
///
/// # Errors
/// What the operating system says.
pub(super) fn read(from: &mut impl Read) -> io::Result<Result<Request, Response>> {
    let mut bytes = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let n = from.read(&mut piece)?;
        if n == 0 {
            return Err(io::ErrorKind::UnexpectedEof.into());
        }
        bytes.extend(piece.iter().take(n));
        let mut headers = [httparse::EMPTY_HEADER; MOST_HEADERS];
        let mut request = httparse::Request::new(&mut headers);
        match request.parse(&bytes) {
            Ok(httparse::Status::Complete(_)) => return Ok(understood(&request)),
            Ok(httparse::Status::Partial) if bytes.len() < LONGEST_REQUEST => {}
            Ok(httparse::Status::Partial) => {
                return Ok(Err(Response::error(400, "the request is too long")));
            }
            Err(error) => return Ok(Err(Response::error(400, &error.to_string()))),
        }
    }
}

fn understood(request: &httparse::Request<'_, '_>) -> Result<Request, Response> {
    if request.method != Some("GET") {
        return Err(Response::error(405, "pages are read, nothing else"));
    }
    let target = request.path.unwrap_or_default();
    let (path, query) = target.split_once('?').unwrap_or((target, ""));
    let pieces = path.split('/').filter(|piece| !piece.is_empty());
    let header = |name: &str| {
        let found = request.headers.iter().find(|header| header.name.eq_ignore_ascii_case(name));
        found.and_then(|header| std::str::from_utf8(header.value).ok())
    };
    // A browser says where a request comes from. A link from elsewhere has the token only by theft.
    let from_elsewhere = matches!(header("Sec-Fetch-Site"), Some("cross-site" | "same-site"));
    // A name that leads to this machine may belong to somebody else's page.
    let host = header("Host").unwrap_or_default();
    let host = host.rsplit_once(':').map_or(host, |(name, _)| name);
    let is_own = matches!(host, "localhost" | "127.0.0.1" | "[::1]");
    let pairs = query.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        (decoded(name), decoded(value))
    });
    Ok(Request {
        path: pieces.map(decoded).collect(),
        query: pairs.collect(),
        is_foreign: from_elsewhere || !is_own,
    })
}

/// Text without percent signs and plus signs.
fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        let digits = behind.get(..2).and_then(|pair| std::str::from_utf8(pair).ok());
        match (first, digits.and_then(|digits| u8::from_str_radix(digits, 16).ok())) {
            (b'%', Some(byte)) => {
                bytes.push(byte);
                rest = behind.get(2..).unwrap_or_default();
            }
            (b'+', _) => bytes.push(b' '),
            (other, _) => bytes.push(*other),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Text for a query or a piece of a path.
pub(super) fn encoded(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for byte in text.bytes() {
        match byte {
            b'a'..=b'z' | b'A'..=b'Z' | b'0'..=b'9' | b'-' | b'_' | b'.' => out.push(byte.into()),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    fn request(text: &str) -> Result<Request, u16> {
        let read = read(&mut text.as_bytes()).expect("memory");
        read.map_err(|response| response.status)
    }

    #[test]
    fn requests_are_taken_apart() {
        let found =
            request("GET /a%20b/c?x=1+2&y=%5B%22z%22%5D HTTP/1.1\r\nHost: localhost:8\r\n\r\n");
        let found = found.expect("a request");
        assert_eq!(found.path, ["a b", "c"]);
        assert_eq!((found.get("x"), found.get("y")), (Some("1 2"), Some("[\"z\"]")));
        assert!(!found.is_foreign);
        assert_eq!(decoded(&encoded("a&b=c/ü%")), "a&b=c/ü%");
    }

    #[test]
    fn who_comes_from_elsewhere_is_known() {
        let foreign = |headers: &str| {
            let text = format!("GET / HTTP/1.1\r\n{headers}\r\n\r\n");
            request(&text).expect("a request").is_foreign
        };
        assert!(foreign("Host: evil.example"));
        assert!(foreign("Host: 127.0.0.1:80\r\nSec-Fetch-Site: cross-site"));
        assert!(!foreign("Host: [::1]:80\r\nSec-Fetch-Site: same-origin"));
    }

    #[test]
    fn what_is_no_request_for_a_page_is_refused() {
        assert_eq!(request("POST / HTTP/1.1\r\nHost: localhost\r\n\r\n").err(), Some(405));
        assert_eq!(request("\u{1}\u{2}\r\n\r\n").err(), Some(400));
        let long = format!("GET /{} HTTP/1.1\r\n\r\n", "x".repeat(LONGEST_REQUEST));
        assert_eq!(request(&long).err(), Some(400));
    }
}
