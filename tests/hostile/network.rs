//! Who comes in at the port and is no debugger.

use crate::support::server::Server;
use std::io::{BufRead, BufReader};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// A dump to serve.
fn dump() -> coroner::dump::Dump {
    let bytes = std::fs::read(crate::limits::demo("dump.core")).expect("it is there");
    crate::support::opened(bytes).dump
}

fn closed(stream: &mut TcpStream) -> bool {
    stream.set_read_timeout(Some(Duration::from_secs(10))).expect("an option");
    let mut bytes = Vec::new();
    let _ = stream.read_to_end(&mut bytes);
    !bytes.contains(&b'$')
}

#[test]
fn a_browser_gets_no_answer_to_what_a_page_sends() {
    let server = Server::of(dump());
    for method in ["GET", "HEAD", "POST", "PUT", "OPTIONS", "CONNECT", "FETCH"] {
        let mut stream = server.connect().stream;
        let request = format!("{method} / HTTP/1.1\r\nHost: x\r\n\r\n$m20000000,10#4e$?#3f");
        stream.write_all(request.as_bytes()).expect("it listens");
        assert!(closed(&mut stream), "{method}");
    }
    // Also one that comes a letter at a time.
    let mut stream = server.connect().stream;
    for byte in b"POST /\r\n\r\n$?#3f" {
        if stream.write_all(&[*byte]).is_err() {
            break;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    assert!(closed(&mut stream));
    assert!(server.connect().lives());
}

#[test]
fn those_who_say_nothing_keep_nobody_out() {
    let server = Server::of(dump());
    let silent: Vec<TcpStream> = (0..40).map(|_| server.connect().stream).collect();
    let mut noisy: Vec<TcpStream> = (0..40).map(|_| server.connect().stream).collect();
    for stream in &mut noisy {
        let _ = stream.write_all(b"++--\x03\x03$");
    }
    assert!(server.connect().lives());
    drop((silent, noisy));
}

/// The beginning of a session of TLS 1.2, as browsers and scanners send it.
const CLIENT_HELLO: &[u8] =
    b"\x16\x03\x01\x00\x2f\x01\x00\x00\x2b\x03\x03AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\
    \x00\x00\x04\x00\x2f\x00\x35\x01\x00";

#[test]
fn other_protocols_and_halves_of_requests_get_no_answer_and_keep_nobody_out() {
    let server = Server::of(dump());
    let mut halves = Vec::new();
    for bytes in
        [CLIENT_HELLO, b"GET / HT", b"\n", b"Content-Length: 9", b"$m20000000,1", b"SSH-2.0-x\r\n"]
    {
        for _ in 0..8 {
            let mut stream = server.connect().stream;
            // One that is hung up on at once takes nothing.
            let _ = stream.write_all(bytes);
            halves.push(stream);
        }
    }
    assert!(server.connect().lives());
    for stream in &mut halves {
        let _ = stream.shutdown(std::net::Shutdown::Write);
        assert!(closed(stream));
    }
}

#[test]
fn the_debug_adapter_hangs_up_on_those_who_are_no_editors() {
    let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
        .args(["dap", "--listen", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    let mut lines = BufReader::new(child.stderr.take().expect("it is piped")).lines();
    let place = lines
        .by_ref()
        .map_while(Result::ok)
        .find_map(|line| Some(line.rsplit_once("listening on ")?.1.trim().to_string()));
    let place = place.expect("it listens");
    let connect = || TcpStream::connect(&place).expect("it listens");
    let body = r#"{"seq":1,"type":"request","command":"initialize","arguments":{}}"#;
    let message = format!("Content-Length: {}\r\n\r\n{body}", body.len());
    for head in ["GET", "HEAD", "POST"] {
        let mut stream = connect();
        let request = format!("{head} / HTTP/1.1\r\nHost: x\r\n{message}");
        let _ = stream.write_all(request.as_bytes());
        let mut answer = Vec::new();
        stream.set_read_timeout(Some(Duration::from_secs(30))).expect("an option");
        let _ = stream.read_to_end(&mut answer);
        assert!(answer.is_empty(), "{head}: {}", answer.escape_ascii());
    }
    // As many as there are places, each with half of something.
    let halves: [&[u8]; 4] = [CLIENT_HELLO, b"C", b"Content-Length: 100\r\n\r\n{", b"\r\n"];
    let kept: Vec<TcpStream> = (0..40)
        .map(|n| {
            let mut stream = connect();
            let _ = stream.write_all(halves[n % 4]);
            stream
        })
        .collect();
    let until = Instant::now() + Duration::from_secs(60);
    let answered = loop {
        let mut stream = connect();
        stream.set_read_timeout(Some(Duration::from_secs(5))).expect("an option");
        let mut answer = [0; 16];
        if stream.write_all(message.as_bytes()).is_ok() && stream.read_exact(&mut answer).is_ok() {
            break answer == *b"Content-Length: ";
        }
        assert!(Instant::now() < until, "clients that say nothing keep all places");
        std::thread::sleep(Duration::from_millis(200));
    };
    assert!(answered);
    drop(kept);
    child.kill().expect("it is ours");
    child.wait().expect("it is ours");
}
