//! The pages of `coroner view`, as a browser asks for them: every link leads somewhere, nothing of a dump means
//! anything to a browser, and nobody sees anything without the whole address.

use crate::support::server::riscv;
use coroner::convert::{Extent, to_elf_core};
use std::collections::{BTreeSet, VecDeque};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

/// As many pages of one dump are looked at.
const MOST_PAGES: usize = 400;

struct Viewer {
    child: Child,
    address: String,
    /// The path that the browser begins at.
    home: String,
}

impl Viewer {
    fn start(args: &[&str]) -> Viewer {
        let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
            .arg("view")
            .args(args)
            .stderr(Stdio::piped())
            .spawn()
            .expect("our own program starts");
        let said = BufReader::new(child.stderr.take().expect("it is piped"));
        let line = said.lines().next().expect("it says where").expect("text");
        let link = line.split("http://").nth(1).expect("an address").to_string();
        let (address, home) = link.split_once('/').expect("a path");
        Viewer { child, address: address.to_string(), home: format!("/{home}") }
    }

    /// What it answers to `bytes`.
    fn speak(&self, bytes: &str) -> String {
        let mut stream = TcpStream::connect(&self.address).expect("it listens");
        stream.set_read_timeout(Some(Duration::from_secs(20))).expect("an option");
        stream.write_all(bytes.as_bytes()).expect("it reads");
        let mut answer = Vec::new();
        let _ = stream.read_to_end(&mut answer);
        String::from_utf8(answer).expect("pages are UTF-8")
    }

    fn get(&self, path: &str) -> (u16, String) {
        let answer = self.speak(&format!("GET {path} HTTP/1.1\r\nHost: {}\r\n\r\n", self.address));
        let status = answer.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
        let body = answer.split_once("\r\n\r\n").expect("a body").1;
        (status, body.to_string())
    }

    /// The texts of all pages that links lead to.
    fn all_pages(&self) -> Vec<String> {
        let mut waiting = VecDeque::from([self.home.clone()]);
        let mut seen: BTreeSet<String> = waiting.iter().cloned().collect();
        let mut pages = Vec::new();
        while let Some(path) = waiting.pop_front().filter(|_| pages.len() < MOST_PAGES) {
            let (status, page) = self.get(&path);
            assert_eq!(status, 200, "{path}");
            for link in page.split(" href=\"").skip(1).filter_map(|rest| rest.split('"').next()) {
                assert!(link.starts_with(&self.home), "{link} leads elsewhere");
                let link = link.replace("&amp;", "&");
                if seen.insert(link.clone()) {
                    waiting.push_back(link);
                }
            }
            pages.push(page);
        }
        pages
    }
}

impl Drop for Viewer {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn demo(name: &str) -> String {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo").join(name);
    path.to_str().expect("UTF-8").to_string()
}

#[test]
fn every_page_of_the_demo_is_there_and_says_what_is_known() {
    let elf = demo("firmware.elf");
    let source = env!("CARGO_MANIFEST_DIR");
    let viewer = Viewer::start(&[&demo("dump.core"), "--elf", &elf, "--source-dir", source]);
    let pages = viewer.all_pages();
    assert!(pages.len() > 50, "{} pages", pages.len());
    let home = &viewer.home;
    let (_, first) = viewer.get(home);
    for words in
        ["bus fault: precise data access: 0xdeadbee0", "To blame:", "demo::read_offset", "BFAR"]
    {
        assert!(first.contains(words), "{words}: {first}");
    }
    let (_, frame) = viewer.get(&format!("{home}frame/0/0"));
    for words in
        ["table.offset * table.gain_percent", "calibration", "0xdeadbee0", "Registers", "Stack"]
    {
        assert!(frame.contains(words), "{words}: {frame}");
    }
    let (_, memory) = viewer.get(&format!("{home}memory/0xdeadbee0"));
    assert!(
        memory.contains("neither in the dump nor in an ELF file") && memory.contains("--"),
        "{memory}"
    );
    let (_, found) = viewer.get(&format!("{home}search?q=SETTINGS.interval_ms"));
    assert!(found.contains("48879"), "{found}");
    let (_, found) = viewer.get(&format!("{home}search?q=sett"));
    assert!(found.contains("demo::SETTINGS"), "{found}");
}

#[test]
fn who_does_not_have_the_whole_address_sees_nothing() {
    let viewer = Viewer::start(&[&demo("dump.core")]);
    let host = format!("Host: {}", viewer.address);
    let token = viewer.home.trim_matches('/');
    assert_eq!(token.len(), 32);
    let wrong = format!("{}{}", &token[..31], if token.ends_with('0') { '1' } else { '0' });
    for (request, status) in [
        (format!("GET / HTTP/1.1\r\n{host}\r\n\r\n"), "404"),
        (format!("GET /{wrong}/ HTTP/1.1\r\n{host}\r\n\r\n"), "403"),
        (format!("GET /{wrong}/view.css HTTP/1.1\r\n{host}\r\n\r\n"), "403"),
        (format!("GET {} HTTP/1.1\r\nHost: evil.example\r\n\r\n", viewer.home), "403"),
        (
            format!("GET {} HTTP/1.1\r\n{host}\r\nSec-Fetch-Site: cross-site\r\n\r\n", viewer.home),
            "403",
        ),
        (format!("POST {} HTTP/1.1\r\n{host}\r\n\r\n", viewer.home), "405"),
        (format!("GET {}frame/99/0 HTTP/1.1\r\n{host}\r\n\r\n", viewer.home), "404"),
        (format!("GET {}branch?b=%5B%5D HTTP/1.1\r\n{host}\r\n\r\n", viewer.home), "404"),
        ("\u{16}\u{3}\u{1} hello\r\n\r\n".to_string(), "400"),
    ] {
        let answer = viewer.speak(&request);
        assert!(answer.starts_with(&format!("HTTP/1.1 {status} ")), "{request}: {answer}");
        assert!(!answer.contains("sensor"), "{request}: {answer}");
    }
    // Who says nothing keeps nobody else out.
    let silent: Vec<TcpStream> =
        (0..8).map(|_| TcpStream::connect(&viewer.address).expect("it listens")).collect();
    assert_eq!(viewer.get(&viewer.home).0, 200);
    drop(silent);
}

#[test]
fn pages_are_for_this_machine_alone() {
    let mut refused = Command::new(env!("CARGO_BIN_EXE_coroner"));
    refused.args(["view", &demo("dump.core"), "--listen", "0.0.0.0:0"]);
    let output = refused.output().expect("it starts");
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("other machines"));
}

#[test]
fn nothing_that_a_dump_says_means_anything_to_a_browser() {
    const HOSTILE: &str =
        "<script>alert(1)</script>\"'><img src=x onerror=alert(2)>\u{1b}[31m\u{202e}";
    let mut dump = riscv();
    dump.texts.push(HOSTILE.into());
    dump.reason.words = HOSTILE.into();
    for thread in &mut dump.threads {
        thread.name = Some(HOSTILE.into());
        thread.state = Some(HOSTILE.into());
    }
    dump.identity.facts.push((HOSTILE.into(), HOSTILE.into()));
    dump.notes.push(coroner::dump::Note::warning(HOSTILE));
    let core = to_elf_core(&dump, Extent::All).expect("it can be written");
    let folder = std::env::temp_dir().join(format!("coroner-view-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("room");
    let path = folder.join("x.core");
    std::fs::write(&path, core.bytes).expect("room");
    let viewer = Viewer::start(&[path.to_str().expect("UTF-8")]);
    for page in viewer.all_pages() {
        for bad in ["<script>alert", "<img", "\u{1b}", "\u{202e}", "\"'>"] {
            assert!(!page.contains(bad), "{bad:?} in {page}");
        }
    }
    drop(viewer);
    let _ = std::fs::remove_dir_all(folder);
}
