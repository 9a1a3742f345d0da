//! Hand-made dumps, a server that serves them, and a client that speaks the bare protocol.
//!
//! The client knows the protocol from the manual, not from the server's code: it shares nothing
//! with it.

use bytes::Bytes;
use coroner::dump::{Dump, Note, Stack, Thread};
use coroner::firmware::Firmware;
use coroner::memory::{Access, AddrRange, Origin, Region};
use coroner::reason::{FaultWord, Reason, Signal};
use coroner::registers::Registers;
use coroner::server::{Address, Listener, Options, Served};
use coroner::targets::{Arch, Targets};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

pub(crate) const CODE: u64 = 0x4200_0000;
pub(crate) const DATA: u64 = 0x3fc8_0000;
pub(crate) const STACK: u64 = 0x3fc9_0040;

/// A RISC-V dump of three threads, with gaps of every kind:
///
/// * `main`, crashed: all registers but `tp` and the CSRs that the dump lacks;
/// * `sensor`: only what a voluntary switch saves;
/// * a thread without a name, at an address that GDB can't carry as an id: only `pc` and `sp`.
///
/// Memory: code of the ELF; two adjacent regions of data, then a hole with a reason; a stack that
/// begins in the middle of a 512-byte line.
pub(crate) fn riscv() -> Dump {
    let targets = Targets::built_in();
    let arch = targets.arch("riscv32").expect("a built-in set");
    let mut dump = Dump::new("hand-made dump", arch);

    let code: Vec<u8> = [
        0xff01_0113u32, // addi sp,sp,-16
        0x0011_2623,    // sw ra,12(sp)
        0x0000_0513,    // li a0,0
        0x0005_2583,    // lw a1,0(a0)
        0x00c1_2083,    // lw ra,12(sp)
        0x0101_0113,    // addi sp,sp,16
        0x0000_8067,    // ret
        0x0000_0013,    // nop
    ]
    .iter()
    .flat_map(|word| word.to_le_bytes())
    .collect();
    let mut text = Region::dumped(CODE, Bytes::from(code)).named(".text");
    text.origin = Origin::Elf;
    text.access = Access::RX;
    dump.memory.insert(text);

    let counting = |len: u32| -> Bytes { (0..len).map(|i| i as u8).collect::<Vec<_>>().into() };
    dump.memory.insert(Region::dumped(DATA, counting(0x100)).named("heap <1>"));
    dump.memory.insert(Region::dumped(DATA + 0x100, counting(0x40)));
    let hole = AddrRange { start: DATA + 0x140, last: DATA + 0xfff };
    dump.memory.mark_missing(hole, "cut off: the partition was full");
    let mut stack = vec![0u8; 0x200];
    stack[0x40..0x48].copy_from_slice(b"#$}*\x03+-\0");
    dump.memory.insert(Region::dumped(STACK, stack.into()).named("stack of main"));

    let mut main = thread(&dump, 0x3fc9_1000, "main", &[("pc", CODE + 12), ("sp", STACK + 0x100)]);
    for number in (3u32..32).filter(|number| *number != 4) {
        let name = format!("x{number}");
        main.registers.set_by_name(&name, number * 0x0101_0101);
    }
    main.registers.set_by_name("ra", CODE + 24);
    main.registers.set_by_name("mcause", 5u8);
    main.registers.set_by_name("mtval", 0u8);
    main.crashed = true;
    main.state = Some("running".into());
    main.priority = Some(5);
    main.core = Some(0);
    main.stack = Some(Stack { low: STACK, high: STACK + 0x200 });
    let saved = [("pc", CODE + 4), ("sp", STACK + 0x180), ("ra", CODE + 24), ("s1", 7)];
    let mut sensor = thread(&dump, 0x3fc9_2000, "sensor", &saved);
    sensor.state = Some("blocked".into());
    let mut nameless = thread(&dump, 0x8000_1234, "", &[("pc", CODE), ("sp", STACK + 0x1c0)]);
    nameless.name = None;
    dump.threads = vec![main, sensor, nameless];

    dump.reason = Reason::new(
        Signal::Segv,
        "load access fault at 0x0",
        vec![
            FaultWord { name: "mcause".into(), value: 5, words: "load access fault".into() },
            FaultWord { name: "mtval".into(), value: 0, words: "the address".into() },
        ],
    );
    dump.texts.push("Guru Meditation Error: Core 0 panic'ed".into());
    dump.notes.push(Note::warning("heap cut off: the partition was full"));
    dump.notes.push(Note::info("made by hand"));
    dump
}

/// Two threads of any architecture that know `pc` and `sp`, and the memory that these point to.
pub(crate) fn two_threads(arch: &Arc<Arch>) -> Dump {
    let mut dump = Dump::new("hand-made dump", Arc::clone(arch));
    let mut code = Region::dumped(0x1000, vec![0; 0x100].into());
    code.access = Access::RX;
    dump.memory.insert(code);
    dump.memory.insert(Region::dumped(0x8000, [0x11, 0x22].repeat(0x80).into()));
    let (pc, sp) = (&arch.registers[arch.pc].name, &arch.registers[arch.sp].name);
    dump.threads.push(thread(&dump, 1, "first", &[(pc, 0x1000), (sp, 0x8000)]));
    dump.threads.push(thread(&dump, 2, "second", &[(pc, 0x1010), (sp, 0x8080)]));
    dump.threads[0].crashed = true;
    dump
}

/// A Cortex-M in an exception handler that interrupted a function running on the process stack.
pub(crate) fn in_handler() -> Dump {
    let arch = Targets::built_in().arch("cortex-m").expect("a built-in set");
    let mut dump = Dump::new("hand-made dump", arch);
    let pushed = [0x11u32, 0x22, 0x33, 0x44, 0x55, 0x201, 0x300, 0x0100_0000];
    let mut stack: Vec<u8> = pushed.iter().flat_map(|word| word.to_le_bytes()).collect();
    stack.resize(0x100, 0);
    dump.memory.insert(Region::dumped(0x2000_1000, stack.into()));
    let mut code = Region::dumped(0x100, vec![0; 0x400].into());
    code.access = Access::RX;
    dump.memory.insert(code);
    let known = [("pc", 0x104), ("lr", 0xffff_fffd), ("sp", 0x2000_2000), ("psp", 0x2000_1000)];
    let mut main = thread(&dump, 1, "main", &known);
    main.crashed = true;
    dump.threads.push(main);
    dump
}

fn thread(dump: &Dump, id: u64, name: &str, known: &[(&str, u64)]) -> Thread {
    let mut registers = Registers::unknown(Arc::clone(&dump.arch));
    for (name, value) in known {
        assert!(registers.set_by_name(name, *value), "there is a register {name}");
    }
    let mut thread = Thread::new(id, registers);
    thread.name = Some(name.into());
    thread
}

/// A register set whose debuggers take no description, big-endian, with a short `g` reply.
pub(crate) const BARE_SET: &str = r#"
name = "bare"
source = "made up for a test"
gdb_architecture = "bare"
elf_machine = 0
elf_class = 32
endian = "big"
word_bits = 32
description = false
g_registers = 4
pc = "pc"
sp = "r1"

[[feature]]
name = "bare.core"
describe = "always"
registers = [
  { name = "pc", regnum = 0 },
  { name = "r{0..2}", regnum = 1 },
  { name = "wide", regnum = 4, bits = 64 },
  { name = "cause", regnum = 9 },
]
"#;

/// A dump over [`BARE_SET`]: `pc`, `r1` and `cause` are known.
pub(crate) fn bare() -> Dump {
    let mut targets = Targets::built_in();
    let name = targets.add("bare.toml", BARE_SET.into()).expect("the set follows the schema");
    let mut dump = Dump::new("hand-made dump", targets.arch(&name).expect("it was just added"));
    let mut main = thread(&dump, 1, "main", &[("pc", 0x1000), ("r1", 0x0102_0304), ("cause", 9)]);
    main.crashed = true;
    dump.threads.push(main);
    dump
}

/// A server in a thread of its own; it stops when this is dropped.
pub(crate) struct Server {
    pub(crate) port: u16,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    pub(crate) fn of(dump: Dump) -> Self {
        Server::with(Served::new(dump, None), Options::default())
    }

    pub(crate) fn with(served: Arc<Served>, options: Options) -> Self {
        let listener = Listener::bind(&["127.0.0.1:0".parse().expect("an address")])
            .expect("some port is free");
        let Address::Tcp { port, .. } = listener.addresses()[0] else { panic!("it is TCP") };
        let stop = Arc::new(AtomicBool::new(false));
        let flag = Arc::clone(&stop);
        let thread = std::thread::spawn(move || {
            listener.serve(&served, &options, &flag).expect("threads can be started");
        });
        Server { port, stop, thread: Some(thread) }
    }

    pub(crate) fn connect(&self) -> Client {
        Client::over(TcpStream::connect(("127.0.0.1", self.port)).expect("the server listens"))
    }

    /// Whether the server has ended by itself, given some time.
    pub(crate) fn ends(&self) -> bool {
        let ended = || self.thread.as_ref().is_none_or(JoinHandle::is_finished);
        (0..100).any(|_| {
            std::thread::sleep(Duration::from_millis(20));
            ended()
        })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        let ended = self.thread.take().map(JoinHandle::join);
        if !std::thread::panicking() {
            assert!(matches!(ended, Some(Ok(()))), "the server ends in peace");
        }
    }
}

/// A client over a socket.
pub(crate) struct Client {
    pub(crate) stream: TcpStream,
    /// Whether replies are acknowledged.
    pub(crate) acks: bool,
    received: Vec<u8>,
}

impl Client {
    pub(crate) fn over(stream: TcpStream) -> Self {
        stream.set_nodelay(true).expect("a TCP option");
        stream.set_read_timeout(Some(Duration::from_secs(10))).expect("a TCP option");
        Client { stream, acks: true, received: Vec::new() }
    }

    /// Bytes as they are.
    pub(crate) fn send(&mut self, bytes: impl AsRef<[u8]>) {
        self.stream.write_all(bytes.as_ref()).expect("the server takes it");
    }

    /// One byte from the server; `None` if it closed the connection.
    fn byte(&mut self) -> Option<u8> {
        if self.received.is_empty() {
            let mut buffer = [0; 65536];
            let n = self.stream.read(&mut buffer).expect("the server says something in time");
            self.received = buffer[..n].iter().rev().copied().collect();
        }
        self.received.pop()
    }

    /// The next byte, which must be there.
    pub(crate) fn expect_byte(&mut self) -> u8 {
        self.byte().expect("the connection is open")
    }

    /// The body of the next packet, expanded and not unescaped. Checks the checksum.
    pub(crate) fn packet(&mut self) -> Vec<u8> {
        let first = self.expect_byte();
        assert_eq!(first.escape_ascii().to_string(), "$", "a packet begins");
        let mut raw = Vec::new();
        loop {
            match self.expect_byte() {
                b'#' => break,
                byte => raw.push(byte),
            }
        }
        let digits = [self.expect_byte(), self.expect_byte()];
        let told = u8::from_str_radix(std::str::from_utf8(&digits).unwrap(), 16).unwrap();
        assert_eq!(raw.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte)), told);
        if self.acks {
            self.send("+");
        }
        expand(&raw)
    }

    /// Sends a request and returns the bodies of console output and reply.
    pub(crate) fn exchange(&mut self, body: impl AsRef<[u8]>) -> (String, Vec<u8>) {
        self.send(packet(body));
        if self.acks {
            assert_eq!(self.expect_byte(), b'+', "the request is acknowledged");
        }
        let mut console = Vec::new();
        loop {
            let body = self.packet();
            match body.strip_prefix(b"O") {
                Some(digits) if !body.starts_with(b"OK") => console.extend(unhex(digits)),
                _ => return (String::from_utf8(console).expect("the console takes text"), body),
            }
        }
    }

    /// Sends a request and returns the reply as text.
    pub(crate) fn ask(&mut self, body: impl AsRef<[u8]>) -> String {
        let (console, reply) = self.exchange(body);
        assert_eq!(console, "", "no console output was due");
        reply.escape_ascii().to_string()
    }

    /// Runs a `monitor` command.
    pub(crate) fn monitor(&mut self, command: &str) -> String {
        let digits: String = command.bytes().map(|byte| format!("{byte:02x}")).collect();
        let (console, reply) = self.exchange(format!("qRcmd,{digits}"));
        assert_eq!(reply, b"OK");
        console
    }

    /// Introduces itself as GDB does.
    pub(crate) fn into_gdb(mut self) -> Self {
        let reply = self.ask("qSupported:multiprocess+;swbreak+;hwbreak+;xmlRegisters=i386");
        assert!(reply.starts_with("PacketSize="), "{reply}");
        self
    }

    /// A whole document of `qXfer`, in small pieces.
    pub(crate) fn document(&mut self, object: &str) -> String {
        let mut document = Vec::new();
        loop {
            let place = document.len();
            let (_, reply) = self.exchange(format!("qXfer:{object}:{place:x},200"));
            let piece = unescape(&reply[1..]);
            document.extend_from_slice(&piece);
            match reply[0] {
                b'm' => assert!(!piece.is_empty(), "no headway"),
                b'l' => return String::from_utf8(document).expect("a document is text"),
                _ => panic!("{object}: {}", reply.escape_ascii()),
            }
        }
    }

    /// Whether the session still answers.
    pub(crate) fn lives(&mut self) -> bool {
        self.ask("qAttached").starts_with('1')
    }

    /// Whether the server has closed the connection.
    pub(crate) fn is_closed(&mut self) -> bool {
        matches!(self.stream.read(&mut [0; 1]), Ok(0) | Err(_))
    }
}

/// `body` as a packet.
pub(crate) fn packet(body: impl AsRef<[u8]>) -> Vec<u8> {
    let body = body.as_ref();
    let sum = body.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    [b"$", body, format!("#{sum:02x}").as_bytes()].concat()
}

fn expand(raw: &[u8]) -> Vec<u8> {
    let mut plain: Vec<u8> = Vec::new();
    let mut raw = raw.iter();
    while let Some(byte) = raw.next() {
        match byte {
            b'*' => {
                let count = raw.next().expect("a count") - 29;
                let last = *plain.last().expect("something to repeat");
                plain.extend(std::iter::repeat_n(last, count.into()));
            }
            _ => plain.push(*byte),
        }
    }
    plain
}

pub(crate) fn unescape(escaped: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    let mut escaped = escaped.iter();
    while let Some(byte) = escaped.next() {
        match byte {
            b'}' => plain.push(escaped.next().expect("an escaped byte") ^ 0x20),
            _ => plain.push(*byte),
        }
    }
    plain
}

pub(crate) fn unhex(digits: &[u8]) -> Vec<u8> {
    let text = std::str::from_utf8(digits).expect("digits");
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).expect("two digits"))
        .collect()
}

/// The demo's firmware, as if its file were at `path`.
pub(crate) fn demo_elf(path: &str) -> Arc<Firmware> {
    let bytes = include_bytes!("../data/demo/firmware.elf").as_slice();
    Arc::new(Firmware::parse(path.into(), bytes.into()).expect("our own ELF file"))
}
