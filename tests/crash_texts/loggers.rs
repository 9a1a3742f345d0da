//! What loggers, terminals, mail and web pages make of a line or of a text, in their own forms.

/// What is done to a text.
pub(crate) struct Logger {
    pub(crate) name: &'static str,
    pub(crate) apply: fn(&str) -> Vec<u8>,
}

/// Seconds since midnight in milliseconds, 11 ms a line.
fn clock(line: usize) -> [usize; 4] {
    let ms = ((9 * 60 + 59) * 60 + 58) * 1000 + 311 + 11 * line;
    [ms / 3_600_000, ms / 60_000 % 60, ms / 1000 % 60, ms % 1000]
}

fn second(line: usize) -> String {
    let [h, m, s, _] = clock(line);
    format!("{h:02}:{m:02}:{s:02}")
}

fn milli(line: usize, point: char) -> String {
    format!("{}{point}{:03}", second(line), clock(line)[3])
}

/// Each line through `each`, which gets its number from 0 on.
fn lines(text: &str, each: impl Fn(usize, &str) -> String) -> Vec<u8> {
    let mut out = String::new();
    for (number, line) in text.lines().enumerate() {
        out.push_str(&each(number, line));
        out.push('\n');
    }
    out.into_bytes()
}

fn utf16(text: &str, unit: fn(u16) -> [u8; 2]) -> Vec<u8> {
    text.replace('\n', "\r\n").encode_utf16().flat_map(unit).collect()
}

fn html(text: &str) -> String {
    let escape = |c: char| match c {
        '&' => "&amp;".to_string(),
        '<' => "&lt;".to_string(),
        '>' => "&gt;".to_string(),
        '"' => "&quot;".to_string(),
        '\'' => "&#39;".to_string(),
        c => c.to_string(),
    };
    text.chars().map(escape).collect()
}

fn json(text: &str) -> String {
    serde_json::Value::from(text).to_string()
}

macro_rules! line_loggers {
    ($($name:literal: |$i:ident, $s:ident| $form:expr;)*) => {
        &[$(Logger { name: $name, apply: |text| lines(text, |$i, $s| { let _ = $i; $form }) }),*]
    };
}

/// What is put before each line, or behind it.
pub(crate) static LINES: &[Logger] = line_loggers! {
    "idf.py monitor --timestamps": |i, s| format!("2026-03-14 {} {s}", second(i));
    "idf.py monitor, colours": |i, s| format!("\x1b[0;31m{s}\x1b[0m");
    "Arduino serial monitor": |i, s| format!("{} -> {s}", milli(i, '.'));
    "PlatformIO time filter": |i, s| format!("{} > {s}", milli(i, '.'));
    "minicom": |i, s| format!("[2026-03-14 {}] {s}", second(i));
    "minicom, extended": |i, s| format!("[2026-03-14 {}] {s}", milli(i, '.'));
    "tio": |i, s| format!("[{}] {s}", milli(i, '.'));
    "tio, delta": |i, s| format!("[00:00:00.{:03}] {s}", 7 + i % 5);
    "grabserial": |i, s| format!("[{}.{:06} 0.{:06}] {s}", 3 + i / 90, i % 90 * 11_013, 11_013);
    "ts": |i, s| format!("Mar 14 {} {s}", second(i));
    "ts -s": |i, s| format!("{} {s}", milli(i, '.'));
    "syslog": |i, s| format!("Mar 14 {} bench7 serlog[391]: {s}", second(i));
    "syslog, RFC 5424": |i, s| format!("<13>1 2026-03-14T{}+01:00 bench7 serlog 391 - - {s}", milli(i, '.'));
    "journald": |i, s| format!("2026-03-14T{}+0100 bench7 serlog[391]: {s}", second(i));
    "RTT viewer": |_i, s| format!("00> {s}");
    "mail": |_i, s| format!("> {s}");
    "mail, twice": |_i, s| format!("> > {s}");
    "mail, without blanks": |_i, s| if s.is_empty() { ">".into() } else { format!(">{s}") };
    "ESPHome": |i, s| format!("[{}]{s}", second(i));
    "ESPHome, milliseconds": |i, s| format!("[{}]{s}", milli(i, '.'));
    "twister": |i, s| format!("2026-03-14 {} - twister - DEBUG - DEVICE: {s}", milli(i, ','));
    "twister, short": |_i, s| format!("DEBUG   - DEVICE: {s}");
    "pytest-embedded": |i, s| format!("2026-03-14 {} [dut-0] {s}", second(i));
    "pytest, failure": |_i, s| format!("E       {s}");
    "pytest, live log": |i, s| format!("{} INFO     root:test_boot.py:{} {s}", second(i), 31);
    "docker compose": |_i, s| format!("device-1  | {s}");
    "docker logs -t": |i, s| format!("2026-03-14T{}456789Z {s}", milli(i, '.'));
    "GitHub Actions": |i, s| format!("2026-03-14T{}3111Z {s}", milli(i, '.'));
    "GitLab": |i, s| format!("2026-03-14T{}123Z 01O {s}", milli(i, '.'));
    "Jenkins": |i, s| format!("[2026-03-14T{}Z] {s}", milli(i, '.'));
    "logcat": |i, s| format!("03-14 {}  1234  5678 I SerialLog: {s}", milli(i, '.'));
    "logcat, brief": |_i, s| format!("I/SerialLog( 1234): {s}");
    "cat -n": |i, s| format!("{:6}\t{s}", i + 1);
    "grep -n": |i, s| format!("{}:{s}", i + 97);
    "less -N": |i, s| format!("{:7} {s}", i + 1);
    "Tera Term": |i, s| format!("[2026-03-14 {}] {s}", milli(i, '.'));
    "CoolTerm": |i, s| format!("2026-03-14 {} {s}", milli(i, '.'));
    "port behind each line": |_i, s| format!("{s} (uart0)");
    "blanks behind each line": |_i, s| format!("{s}   ");
    "blanks at the start are lost": |_i, s| s.trim_start().to_string();
    "four blanks, a list in markdown": |_i, s| format!("    {s}");
    "JSON lines": |i, s| format!("{{\"ts\": {}, \"stream\": \"uart0\", \"msg\": {}}}", 1_773_477_667 + i, json(s));
    "docker json-file": |i, s| {
        let line = json(&format!("{s}\n"));
        format!("{{\"log\":{line},\"stream\":\"stdout\",\"time\":\"2026-03-14T{}Z\"}}", milli(i, '.'))
    };
    "CSV": |i, s| format!("{},uart0,\"{}\"", milli(i, '.'), s.replace('"', "\"\""));
    "spelled ends of lines": |_i, s| format!("{s}<\\r><\\n>");
    "colours in the middle": |_i, s| s.replacen(' ', "\x1b[1m \x1b[0m", 1);
    "empty lines between": |_i, s| format!("{s}\n");
};

/// What is done to a whole text.
pub(crate) static WHOLE: &[Logger] = &[
    Logger { name: "CR LF", apply: |text| text.replace('\n', "\r\n").into() },
    Logger { name: "CR CR LF", apply: |text| text.replace('\n', "\r\r\n").into() },
    Logger { name: "CR alone", apply: |text| text.replace('\n', "\r").into() },
    Logger { name: "no end of the last line", apply: |text| text.trim_end().into() },
    Logger { name: "byte order mark", apply: |text| format!("\u{feff}{text}").into() },
    Logger {
        name: "UTF-16, PowerShell",
        apply: |text| [vec![0xff, 0xfe], utf16(text, u16::to_le_bytes)].concat(),
    },
    Logger { name: "UTF-16 without mark", apply: |text| utf16(text, u16::to_le_bytes) },
    Logger {
        name: "UTF-16, big end first",
        apply: |text| [vec![0xfe, 0xff], utf16(text, u16::to_be_bytes)].concat(),
    },
    Logger { name: "HTML", apply: |text| html(text).into() },
    Logger {
        name: "HTML, numbers",
        apply: |text| {
            text.replace('+', "&#43;").replace('/', "&#x2F;").replace('=', "&#61;").into()
        },
    },
    Logger { name: "HTML, lines", apply: |text| html(text).replace('\n', "<br>\n").into() },
    Logger { name: "no-break spaces", apply: |text| text.replace(' ', "\u{a0}").into() },
    Logger { name: "blanks become a tab", apply: |text| text.replace("  ", "\t").into() },
    Logger {
        name: "markdown fence",
        apply: |text| {
            format!("My board resets every night:\n\n```text\n{text}```\n\nAny idea?\n").into()
        },
    },
    Logger {
        name: "markdown details",
        apply: |text| {
            format!("<details><summary>log</summary>\n\n~~~\n{text}~~~\n</details>\n").into()
        },
    },
    Logger {
        name: "JSON array",
        apply: |text| {
            let all: Vec<String> = text.lines().map(json).collect();
            format!("[\n  {}\n]\n", all.join(",\n  ")).into()
        },
    },
    Logger {
        name: "PuTTY",
        apply: |text| {
            let head =
                "=~=~=~=~=~=~=~=~=~=~=~= PuTTY log 2026.03.14 09:41:07 =~=~=~=~=~=~=~=~=~=~=~=";
            format!("{head}\r\n{}", text.replace('\n', "\r\n")).into()
        },
    },
];
