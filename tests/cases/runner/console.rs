//! What happens to a console text on its way to the reader: loggers put a time before each line,
//! terminals wrap, shells and web pages encode. The kinds are those of `fixtures/field/prefixes.py`.

/// The text as it is after `kind`.
pub(crate) fn through(kind: &str, bytes: &[u8]) -> Result<Vec<u8>, String> {
    let text = std::str::from_utf8(bytes).map_err(|error| format!("the case itself: {error}"))?;
    let text = text.replace("\r\n", "\n");
    Ok(match kind {
        "utf-16" => {
            let units = text.replace('\n', "\r\n");
            let units = units.encode_utf16().flat_map(u16::to_le_bytes);
            [0xff, 0xfe].into_iter().chain(units).collect()
        }
        "html" => escape_html(&text).into_bytes(),
        "html-numbers" => {
            let text = text.replace('+', "&#43;").replace('/', "&#47;").replace('=', "&#61;");
            text.into_bytes()
        }
        "crlf" => text.replace('\n', "\r\n").into_bytes(),
        "wrap-80" => each_line(&text, |_, line| wrap(line, 80)).into_bytes(),
        "wrap-64" => each_line(&text, |_, line| wrap(line, 64)).into_bytes(),
        _ => {
            prefixed(kind, 0, "").ok_or_else(|| format!("the case itself: no kind '{kind}'"))?;
            each_line(&text, |n, line| prefixed(kind, n, line).unwrap_or_default()).into_bytes()
        }
    })
}

/// Line `n` as a logger writes it; `None` for a logger that is not known.
fn prefixed(kind: &str, n: usize, line: &str) -> Option<String> {
    let clock = Clock(n);
    let (second, stamp) = (clock.second(), clock.stamp());
    Some(match kind {
        "idf-monitor" => format!("2026-03-14 {second} {line}"),
        "arduino" => format!("{stamp} -> {line}"),
        "platformio" => format!("{stamp} > {line}"),
        "syslog" => format!("Mar 14 {second} bench7 serlog[391]: {line}"),
        "journald" => format!("2026-03-14T{second}+0100 bench7 serlog[391]: {line}"),
        "esphome" => format!("[{second}]{line}"),
        "rtt" => format!("00> {line}"),
        "minicom" => format!("[2026-03-14 {second}] {line}"),
        "json" => {
            let message = serde_json::Value::from(line);
            format!(r#"{{"ts": {}, "stream": "uart0", "msg": {message}}}"#, 1_773_477_667 + n)
        }
        "csv" => format!("{stamp},uart0,\"{}\"", line.replace('"', "\"\"")),
        "mail" => format!("> {line}"),
        "ansi" => format!("\u{1b}[0;31m{line}\u{1b}[0m"),
        _ => return None,
    })
}

/// The time of a line: one each 11 ms.
struct Clock(usize);

impl Clock {
    fn ms(&self) -> usize {
        ((9 * 60 + 41) * 60 + 7) * 1000 + 311 + 11 * self.0
    }

    fn second(&self) -> String {
        let s = self.ms() / 1000;
        format!("{:02}:{:02}:{:02}", s / 3600, s / 60 % 60, s % 60)
    }

    fn stamp(&self) -> String {
        format!("{}.{:03}", self.second(), self.ms() % 1000)
    }
}

fn each_line(text: &str, change: impl Fn(usize, &str) -> String) -> String {
    let (body, end) = text.strip_suffix('\n').map_or((text, ""), |body| (body, "\n"));
    let lines = body.split('\n').enumerate().map(|(n, line)| change(n, line));
    lines.collect::<Vec<_>>().join("\n") + end
}

fn wrap(line: &str, width: usize) -> String {
    let characters: Vec<char> = line.chars().collect();
    let pieces = characters.chunks(width).map(|piece| piece.iter().collect::<String>());
    pieces.collect::<Vec<_>>().join("\n")
}

fn escape_html(text: &str) -> String {
    let text = text.replace('&', "&amp;").replace('<', "&lt;").replace('>', "&gt;");
    text.replace('"', "&quot;").replace('\'', "&#x27;")
}
