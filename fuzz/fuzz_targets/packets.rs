//! Any bytes, sent to a server of the demo's dump over a real connection: each session comes to its
//! end when the client has said all, and the server lives on.
#![no_main]

use bytes::Bytes;
use coroner::firmware::Firmware;
use coroner::input::Input;
use coroner::open::{Options, open_inputs};
use coroner::server::{self, Address, Listener, Served};
use libfuzzer_sys::fuzz_target;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpStream};
use std::sync::atomic::AtomicBool;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

static STOP: AtomicBool = AtomicBool::new(false);

static PORT: LazyLock<u16> = LazyLock::new(|| {
    let dump = include_bytes!("../../tests/data/demo/dump.core");
    let input = Input { name: "demo".into(), bytes: Bytes::from_static(dump), addr: None };
    let opened = open_inputs(&[input], &Options::default()).expect("our own dump opens");
    let elf = Bytes::from_static(include_bytes!("../../tests/data/demo/firmware.elf"));
    let elf = Firmware::parse("/demo/firmware.elf".into(), elf).expect("our own ELF file");
    let served = Served::new(opened.dump, Some(Arc::new(elf)));
    let place = Address::Tcp { host: "127.0.0.1".into(), port: 0 };
    let listener = Listener::bind(&[place]).expect("a free port");
    let Address::Tcp { port, .. } = listener.addresses()[0] else { unreachable!("it was TCP") };
    std::thread::spawn(move || listener.serve(&served, &server::Options::default(), &STOP));
    port
});

fuzz_target!(|data: &[u8]| {
    let mut client = TcpStream::connect(("127.0.0.1", *PORT)).expect("the server lives");
    client.set_read_timeout(Some(Duration::from_secs(10))).expect("a time above zero");
    client.set_write_timeout(Some(Duration::from_secs(10))).expect("a time above zero");
    // Replies are read at the same time: who does not read them is cut off, and rightly.
    let mut reader = client.try_clone().expect("a second handle");
    let reading = std::thread::spawn(move || std::io::copy(&mut reader, &mut std::io::sink()));
    // The server may hang up first, over a `k` for one.
    let _ = client.write_all(data);
    let _ = client.shutdown(Shutdown::Write);
    let read = reading.join().expect("no panic while reading");
    if let Err(error) = read {
        let kind = error.kind();
        assert!(
            kind != std::io::ErrorKind::WouldBlock && kind != std::io::ErrorKind::TimedOut,
            "a session hangs"
        );
    }
    let mut byte = [0];
    let _ = client.read(&mut byte);
});
