//! Who comes in at the port and is no debugger.

use crate::support::server::Server;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

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
    for method in ["GET", "POST", "PUT", "OPTIONS", "CONNECT", "FETCH"] {
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
