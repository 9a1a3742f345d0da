//! Whatever clients send: no session ends of it, the server never does, and the next client is
//! served. One test for each line of the table of what gdbstub alone would die of, and more.

use crate::support::server as support;
use coroner::memory::Region;
use coroner::server::{Address, Listener, Options, Served};
use std::net::TcpStream;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, Instant};
use support::{Client, Server, packet, riscv};

#[test]
fn a_bad_checksum_is_asked_for_again() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.send("$?#00");
    assert_eq!(client.expect_byte(), b'-');
    client.send("$?#zz");
    assert_eq!(client.expect_byte(), b'-');
    assert!(client.lives());
}

#[test]
fn without_acknowledgements_a_bad_checksum_is_passed_over() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    assert_eq!(client.ask("QStartNoAckMode"), "OK");
    client.acks = false;
    client.send("$?#00");
    assert!(client.lives());
}

#[test]
fn a_minus_gets_the_last_reply_again_but_not_for_ever() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    let reply = client.ask("?");
    client.send("-");
    assert_eq!(client.packet().escape_ascii().to_string(), reply);
    client.send("-----------------------------------------------------");
    client.acks = false;
    for _ in 0..4 {
        client.packet();
    }
    client.acks = true;
    assert!(client.lives());
}

#[test]
fn stray_bytes_a_web_browser_and_control_c_are_passed_over() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.send("\x03\x03 nonsense ");
    assert!(client.lives());
    client.send("GET / HTTP/1.1\r\nHost: localhost:3333\r\nAccept: */*\r\n\r\n");
    assert!(client.lives());
}

#[test]
fn control_c_inside_a_packet_damages_that_packet_only() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.send("$m4200\x030000,4#00");
    assert_eq!(client.expect_byte(), b'-');
    assert!(client.lives());
}

#[test]
fn requests_that_make_no_sense_get_an_error_and_the_session_goes_on() {
    let elf = support::demo_elf("/build/app.elf");
    let server = Server::with(Served::new(riscv(), Some(elf)), Options::default());
    let mut client = server.connect().into_gdb();
    let requests = [
        "mzz,4",
        "m0",
        "m,",
        "m42000000,4,4",
        "m42000000,-1",
        "m10000000000000000,4",
        "pzz",
        "p",
        "p10000000000000000",
        "Hgzz",
        "Hg-1",
        "H",
        "Hx1",
        "Hg",
        "T-1",
        "Tzz",
        "T",
        "qXfer:features:read:target.xml:zz,100",
        "qXfer:features:read:target.xml",
        "qXfer:features:read",
        "qXfer:memory-map:read:annex:0,100",
        "qXfer:memory-map:read::0",
        "qXfer:threads:read::zz,1",
        "qXfer:threads:read::0",
        "qXfer:threads:read::ffffffffffffffff,1",
        "qThreadExtraInfo,zz",
        "qThreadExtraInfo",
        "qThreadExtraInfo,-1",
        "qRcmd,zz",
        "qRcmdx",
        "qCRC:",
        "qCRC:zz,1",
        "qSearch:memory:",
        "qSearch:memory:0;1;",
        "qSearch:memory:0",
        "qMemoryRegionInfo:",
        "qMemoryRegionInfo:zz",
        "qThreadStopInfo",
        "qThreadStopInfozz",
        "qThreadStopInfo-1",
        "M0",
        "M0,1:z",
        "M42000000,ffffffffffffffff:00",
        "X",
        "X0,1:",
        "P",
        "Pzz=00",
        "P20",
        "Gzz",
        "G",
        "vFile:pread:zz",
        "gg",
        "qSupported",
    ];
    for request in requests {
        let reply = client.ask(request);
        assert!(reply.starts_with('E'), "{request}: {reply}");
        assert_eq!(client.ask("Hgp1.3fc92000"), "OK", "{request}");
        assert!(client.ask("g").contains("07000000"), "{request}: the selected thread stays");
    }
    assert_eq!(client.ask("qfThreadInfo"), "mp01.3fc91000,p01.3fc92000,p01.01");
}

#[test]
fn thousands_of_digits_are_an_error() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    assert_eq!(client.ask(format!("m{},4", "0".repeat(8000))), "E0e", "that is address 0");
    assert_eq!(client.ask(format!("m{},4", "1".repeat(8000))), "E16");
    assert_eq!(client.ask(format!("m0,{}", "f".repeat(8000))), "E16");
    assert_eq!(client.ask(format!("p{}", "f".repeat(40_000))), "E16");
    assert_eq!(client.ask(format!("qRcmd,{}", "41".repeat(20_000))), "E16", "too long for gdbstub");
    assert!(client.lives());
}

#[test]
fn a_packet_that_is_too_long_is_an_error_and_one_that_never_ends_costs_nothing() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    assert_eq!(client.ask(format!("m{}", "a".repeat(100_000))), "E16");
    client.send("$m");
    for _ in 0..64 {
        client.send([b'a'; 65536]);
    }
    assert!(client.lives(), "a dollar sign starts anew");
}

#[test]
fn a_read_longer_than_a_packet_is_capped_and_one_across_a_regions_end_is_short() {
    let mut dump = riscv();
    let long: Vec<u8> = (0..200_000u32).map(|i| (i * 7) as u8).collect();
    dump.memory.insert(Region::dumped(0x5000_0000, long.clone().into()));
    let server = Server::of(dump);
    let mut client = server.connect().into_gdb();
    let reply = client.ask("m50000000,30d40");
    assert_eq!(reply.len(), 0x10000);
    let expected: String = long[..0x8000].iter().map(|b| format!("{b:02x}")).collect();
    assert_eq!(reply, expected);
    let reply = client.ask("m50030d00,8000");
    assert_eq!(reply.len(), 0x40 * 2);
    assert!(!reply.contains('E'), "no error code behind the data");
}

#[test]
fn two_packets_at_once_and_one_in_pieces_are_answered_in_order() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.ask("QStartNoAckMode");
    client.acks = false;
    client.send([packet("m42000000,2"), packet("m42000002,2"), packet("qC")].concat());
    assert_eq!(client.packet(), b"1301");
    assert_eq!(client.packet(), b"01ff");
    assert_eq!(client.packet(), b"QC3fc91000");
    for byte in packet("m42000000,2") {
        client.send([byte]);
        std::thread::sleep(Duration::from_millis(2));
    }
    assert_eq!(client.packet(), b"1301");
}

#[test]
fn a_disconnect_in_the_middle_of_a_packet_is_that_clients_end_only() {
    let server = Server::of(riscv());
    let mut other = server.connect();
    let mut client = server.connect();
    client.send("$m4200");
    drop(client);
    assert!(other.lives());
    assert!(server.connect().lives());
}

#[test]
fn eight_clients_are_served_at_a_time_each_with_its_own_state() {
    let server = Server::of(riscv());
    let mut clients: Vec<Client> = (0..8).map(|_| server.connect().into_gdb()).collect();
    for (i, client) in clients.iter_mut().enumerate() {
        assert_eq!(client.ask(format!("M3fc80000,1:{i:02x}")), "OK");
    }
    assert_eq!(clients[3].ask("D;1"), "OK");
    assert_eq!(clients[4].ask("Hgp1.3fc92000"), "OK");
    clients.remove(5);
    for (i, client) in [0, 1, 2, 3, 4, 6, 7].into_iter().zip(&mut clients) {
        match i {
            3 => assert_eq!(client.ask("?"), "W00"),
            _ => assert_eq!(client.ask("m3fc80000,1"), format!("{i:02x}")),
        }
    }
    assert_eq!(clients[4].ask("qC"), "QCp1.3fc92000");
    assert_eq!(clients[0].ask("qC"), "QCp1.3fc91000");
}

#[test]
fn a_client_that_stops_reading_is_dropped_and_the_others_notice_nothing() {
    let mut dump = riscv();
    dump.memory.insert(Region::dumped(0x5000_0000, vec![0x5a; 0x8000].into()));
    let quick = Options { write_timeout: Duration::from_millis(300), ..Options::default() };
    let server = Server::with(Served::new(dump, None), quick);
    let mut deaf = server.connect();
    deaf.ask("QStartNoAckMode");
    deaf.stream.set_write_timeout(Some(Duration::from_secs(10))).unwrap();
    let flood = packet("X50000000,0:").repeat(50).repeat(200);
    // It sends until the server, which gets no reply out, is done with it.
    let sending = std::thread::spawn(move || {
        use std::io::Write;
        while deaf.stream.write_all(&flood).is_ok() {}
    });
    let mut other = server.connect();
    let start = Instant::now();
    while !sending.is_finished() {
        assert!(other.lives());
        assert!(start.elapsed() < Duration::from_secs(20), "the deaf client is still there");
        std::thread::sleep(Duration::from_millis(10));
    }
    assert!(server.connect().lives());
}

#[test]
fn more_clients_than_the_limit_are_turned_away_and_places_become_free() {
    let few = Options { most_clients: 2, ..Options::default() };
    let server = Server::with(Served::new(riscv(), None), few);
    let mut first = server.connect();
    let mut second = server.connect();
    assert!(first.lives() && second.lives());
    assert!(server.connect().is_closed());
    assert!(first.lives() && second.lives());
    drop(second);
    let start = Instant::now();
    loop {
        let mut third = server.connect();
        third.send(packet("qAttached"));
        if !third.is_closed() {
            break;
        }
        assert!(start.elapsed() < Duration::from_secs(5), "the place stays taken");
    }
}

#[test]
fn a_hundred_megabytes_of_garbage_leave_the_session_alive() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    client.ask("QStartNoAckMode");
    client.acks = false;
    // What comes back is read beside, so that nobody waits for anybody.
    let mut beside = Client::over(client.stream.try_clone().unwrap());
    beside.stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    let reading = std::thread::spawn(move || {
        beside.acks = false;
        let mut last = Vec::new();
        while last != b"QC3fc91000" {
            last = beside.packet();
        }
    });
    let mut state = 0x2545_f491_4f6c_dd1du64;
    let mut block = vec![0; 1 << 20];
    for _ in 0..100 {
        for byte in &mut block {
            state ^= state << 13;
            state ^= state >> 7;
            state ^= state << 17;
            // Rich in what means something to the protocol.
            *byte = match state % 37 {
                0 => b'$',
                1 => b'#',
                2 => b'm',
                3 => b'-',
                4 => b'}',
                _ => (state >> 8) as u8,
            };
        }
        client.send(&block);
    }
    client.send("#00");
    client.send(packet("qC"));
    reading.join().expect("the session answers after the garbage");
}

#[test]
fn random_requests_with_sound_checksums_end_no_session() {
    let server = Server::of(riscv());
    let mut client = server.connect().into_gdb();
    client.ask("QStartNoAckMode");
    client.acks = false;
    let starts = [
        "m",
        "M",
        "x",
        "X",
        "p",
        "P",
        "g",
        "G",
        "H",
        "T",
        "q",
        "qXfer:",
        "qXfer:features:read:",
        "v",
        "vCont;",
        "vFile:",
        "vFile:open:",
        "vFile:pread:",
        "qRcmd,",
        "qC",
        "qThread",
        "qSupported:",
        "qSearch:memory:",
        "Z0",
        "j",
        "Q",
        "D",
        "?",
        "vAttach;",
        "!",
    ];
    let bits: &[u8] = b"0123456789abcdef,;:-.p=*}x\x00\xff";
    let mut state = 0x9e37_79b9_7f4a_7c15u64;
    let mut random = |below: u64| {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 11) % below
    };
    for _ in 0..20_000 {
        let mut body = starts[random(starts.len() as u64) as usize].as_bytes().to_vec();
        for _ in 0..random(24) {
            body.push(bits[random(bits.len() as u64) as usize]);
        }
        client.exchange(&body);
    }
    let mut client = client.into_gdb();
    assert_eq!(client.ask("vAttach;1"), "T0bthread:p1.3fc91000;core:0;");
}

#[test]
fn once_ends_with_the_last_client_and_passes_over_port_scanners() {
    let once = Options { once: true, ..Options::default() };
    let server = Server::with(Served::new(riscv(), None), once);
    drop(TcpStream::connect(("127.0.0.1", server.port)).unwrap());
    let mut first = server.connect();
    let mut second = server.connect();
    assert!(first.lives() && second.lives());
    drop(first);
    assert!(second.lives());
    drop(second);
    assert!(server.ends());
}

#[test]
fn stopping_the_server_disconnects_its_clients() {
    let server = Server::of(riscv());
    let mut client = server.connect();
    assert!(client.lives());
    let start = Instant::now();
    drop(server);
    assert!(client.is_closed());
    assert!(start.elapsed() < Duration::from_secs(2));
}

/// Stops a server also where a test fails, which would wait for its thread for ever.
struct StopAtEnd<'a>(&'a AtomicBool);

impl Drop for StopAtEnd<'_> {
    fn drop(&mut self) {
        self.0.store(true, std::sync::atomic::Ordering::Relaxed);
    }
}

#[test]
fn localhost_means_both_internet_protocols_where_both_are_there() {
    let listener = Listener::bind(&Address::local(0)).expect("one of them at least");
    let addresses = listener.addresses();
    let stop = AtomicBool::new(false);
    let served = Served::new(riscv(), None);
    std::thread::scope(|scope| {
        scope.spawn(|| listener.serve(&served, &Options::default(), &stop));
        let _stop = StopAtEnd(&stop);
        for address in &addresses {
            let stream = TcpStream::connect(address.to_string()).expect("it listens there");
            assert!(Client::over(stream).lives(), "{address}");
        }
    });
}

#[cfg(unix)]
#[test]
fn a_unix_socket_is_for_its_owner_only_and_replaces_a_dead_one() {
    use std::io::{Read, Write};
    use std::os::unix::fs::PermissionsExt;
    use std::os::unix::net::{UnixListener, UnixStream};

    let path = std::env::temp_dir().join(format!("coroner-test-{}.sock", std::process::id()));
    drop(UnixListener::bind(&path).expect("a place for the socket"));
    assert!(path.exists(), "what a killed server leaves behind");
    let address = Address::Unix(path.clone());
    let listener = Listener::bind(std::slice::from_ref(&address)).expect("nobody lives there");
    let taken = Listener::bind(&[address]).err().expect("now somebody does");
    assert!(taken.to_string().contains("is taken"), "{taken}");
    let mode = path.metadata().unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
    let stop = AtomicBool::new(false);
    let served = Served::new(riscv(), None);
    std::thread::scope(|scope| {
        scope.spawn(|| listener.serve(&served, &Options::default(), &stop));
        let _stop = StopAtEnd(&stop);
        let mut stream = UnixStream::connect(&path).unwrap();
        stream.write_all(&packet("qC")).unwrap();
        let mut reply = [0; 15];
        stream.read_exact(&mut reply).unwrap();
        assert_eq!(reply[1..], packet("QC3fc91000"));
    });
    assert!(!path.exists(), "the server cleans up");
}
