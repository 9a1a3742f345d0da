//! Messages on the wire: a header that tells a length, and a JSON object of that length.

use serde_json::Value;
use std::io::{self, BufRead, Read, Write};

/// Longer messages are no requests of an editor.
const LONGEST_MESSAGE: usize = 16 << 20;
/// Longer header lines neither, nor more of them.
const LONGEST_HEADER: u64 = 1024;
const MOST_HEADERS: usize = 16;

/// What came in.
#[derive(Debug, PartialEq)]
pub(super) enum Message {
    /// A JSON value, whatever it is.
    Json(Value),
    /// Something that is no JSON, and why.
    Garbage(String),
}

fn no_client(what: &str) -> io::Error {
    io::Error::other(format!("hung up: {what}"))
}

/// The next message; `None` at the end of the connection.
///
/// # Errors
/// What the operating system says; a header that no client of the protocol sends, after which nobody can
/// tell where the next message begins.
pub(super) fn read(from: &mut impl BufRead) -> io::Result<Option<Message>> {
    let mut len = None;
    for _ in 0..MOST_HEADERS {
        let mut line = Vec::new();
        from.by_ref().take(LONGEST_HEADER).read_until(b'\n', &mut line)?;
        if line.is_empty() {
            return Ok(None);
        }
        let text = String::from_utf8_lossy(&line);
        let text = text.trim();
        if text.is_empty() {
            match len {
                Some(len) => return body(from, len).map(Some),
                // Blank lines between messages do no harm.
                None => continue,
            }
        }
        // What a web page makes a browser send must not become a session.
        let Some((name, value)) = text.split_once(':').filter(|_| !text.contains(" HTTP/")) else {
            return Err(no_client("it speaks another protocol"));
        };
        if name.eq_ignore_ascii_case("Content-Length") {
            let wanted = value.trim().parse().ok().filter(|len| *len <= LONGEST_MESSAGE);
            len = Some(wanted.ok_or_else(|| no_client("a message without a sensible length"))?);
        }
    }
    Err(no_client("a header without an end"))
}

fn body(from: &mut impl Read, len: usize) -> io::Result<Message> {
    let mut bytes = Vec::new();
    from.take(len as u64).read_to_end(&mut bytes)?;
    if bytes.len() < len {
        return Err(io::ErrorKind::UnexpectedEof.into());
    }
    Ok(match serde_json::from_slice(&bytes) {
        Ok(value) => Message::Json(value),
        Err(error) => Message::Garbage(error.to_string()),
    })
}

/// Sends one message.
///
/// # Errors
/// What the operating system says.
pub(super) fn write(to: &mut impl Write, message: &Value) -> io::Result<()> {
    // What a dump says may hold anything; JSON escapes the rest.
    let text = crate::display::json(&message.to_string()).into_owned();
    write!(to, "Content-Length: {}\r\n\r\n{text}", text.len())?;
    to.flush()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all(bytes: &[u8]) -> Vec<Result<Message, String>> {
        let mut from = bytes;
        let mut found = Vec::new();
        loop {
            match read(&mut from) {
                Ok(None) => return found,
                Ok(Some(message)) => found.push(Ok(message)),
                Err(error) => {
                    found.push(Err(error.to_string()));
                    return found;
                }
            }
        }
    }

    #[test]
    fn messages_follow_each_other() {
        let bytes = b"Content-Length: 2\r\n\r\n{}\r\ncontent-length: 4\r\nX: y\r\n\r\nnullContent-Length: 1\n\n{";
        let found = all(bytes);
        assert_eq!(found[0], Ok(Message::Json(serde_json::json!({}))));
        assert_eq!(found[1], Ok(Message::Json(Value::Null)));
        assert!(matches!(&found[2], Ok(Message::Garbage(_))));
        assert_eq!(found.len(), 3);
    }

    #[test]
    fn what_is_no_client_is_hung_up_on() {
        for bytes in [
            &b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..],
            b"Content-Length: 99999999999\r\n\r\n",
            b"Content-Length: -1\r\n\r\n",
            b"hello\n",
            &[b'x'; 4096],
            &b"a: b\r\n".repeat(100),
            b"Content-Length: 5\r\n\r\n{}",
        ] {
            assert!(matches!(all(bytes).as_slice(), [Err(_)]), "{}", bytes.escape_ascii());
        }
    }

    #[test]
    fn what_is_written_is_read() {
        let mut bytes = Vec::new();
        let message = serde_json::json!({"text": "\u{1b}[31mä\n"});
        write(&mut bytes, &message).expect("memory");
        assert_eq!(all(&bytes), [Ok(Message::Json(message))]);
    }
}
