//! Writes Zephyr dumps of our own firmware (`tests/data/zephyr`), in every form and version that
//! devices do. Written from the format's description and not from the reader: the two share no
//! layouts.

use std::path::PathBuf;

/// What the machine held when it had crashed.
pub(crate) struct Machine {
    pub name: &'static str,
    pub elf: PathBuf,
    pub bits: u32,
    pub ram_addr: u64,
    pub ram: Vec<u8>,
    /// What the fault handler saw; the order is that of the architecture.
    pub words: Vec<u64>,
    /// Address and size of `_kernel`.
    pub kernel: (u64, u64),
    /// Control block and stack of main, sensor and logging.
    pub threads: Vec<(u64, u64)>,
    pub thread_len: u64,
    pub stack_len: u64,
    pub interrupts: (u64, u64),
    /// Memory outside of RAM.
    pub more: Vec<(u64, Vec<u8>)>,
}

pub(crate) const MACHINES: [&str; 6] =
    ["cortex-m4f", "cortex-m4", "riscv32", "riscv64", "aarch64", "x86"];

impl Machine {
    pub(crate) fn load(name: &'static str) -> Machine {
        let folder = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("tests/data/zephyr").join(name);
        let read = |file| std::fs::read(folder.join(file)).expect("part of the project");
        let state: serde_json::Value = serde_json::from_slice(&read("state.json")).expect("JSON");
        let number = |value: &serde_json::Value| value.as_u64().expect("a number");
        let pair = |value: &serde_json::Value| (number(&value[0]), number(&value[1]));
        let list = |value: &serde_json::Value| value.as_array().expect("a list").clone();
        let more = state["more"].as_object().expect("a map").values().map(|more| {
            let digits = more[1].as_str().expect("digits").as_bytes();
            let byte = |pair: &[u8]| u8::from_str_radix(str::from_utf8(pair).unwrap(), 16).unwrap();
            (number(&more[0]), digits.chunks(2).map(byte).collect())
        });
        Machine {
            name,
            elf: folder.join("firmware.elf"),
            bits: if matches!(name, "riscv64" | "aarch64") { 64 } else { 32 },
            ram_addr: number(&state["ram"]),
            ram: read("ram.bin"),
            words: list(&state["words"]).iter().map(number).collect(),
            kernel: pair(&state["kernel"]),
            threads: list(&state["threads"]).iter().map(pair).collect(),
            thread_len: number(&state["thread_len"]),
            stack_len: number(&state["stack_len"]),
            interrupts: pair(&state["interrupts"]),
            more: more.collect(),
        }
    }

    pub(crate) fn memory(&self, addr: u64, len: u64) -> Vec<u8> {
        let start = (addr - self.ram_addr) as usize;
        self.ram[start..start + len as usize].to_vec()
    }

    fn target(&self) -> u16 {
        match self.name {
            "x86" => 1,
            "riscv32" | "riscv64" => 4,
            "aarch64" => 6,
            _ => 3,
        }
    }

    /// An empty dump with the header of `version`.
    pub(crate) fn stream(&self, version: u16, reason: u32) -> Stream {
        Stream::new(self.target(), self.bits, version, reason)
    }

    /// The register block that current firmware writes, with registers as they were.
    pub(crate) fn registers(&self, stream: &mut Stream) {
        match self.name {
            "riscv32" => stream.registers(3, &words(&self.words[..33], 4)),
            "riscv64" => stream.registers(4, &words(&self.words[..33], 8)),
            "aarch64" => stream.registers(2, &words(&self.words[..24], 8)),
            "x86" => stream.registers(1, &words(&self.words[..13], 4)),
            _ => stream.registers(2, &words(&self.words[..17], 4)),
        }
    }

    /// All of the linker's RAM in one block: the default of the firmware's configuration.
    pub(crate) fn ram(&self, stream: &mut Stream) {
        stream.memory(self.ram_addr, &self.ram);
    }

    /// The crashed thread alone.
    pub(crate) fn minimal(&self, stream: &mut Stream) {
        let (thread, stack) = self.threads[0];
        stream.memory(thread, &self.memory(thread, self.thread_len));
        stream.memory(stack, &self.memory(stack, self.stack_len));
    }

    /// Every thread, and the stack of interrupts, with the kernel's state in a `T` block.
    pub(crate) fn all_threads(&self, stream: &mut Stream) {
        stream.kernel(&self.memory(self.kernel.0, self.kernel.1));
        for (thread, stack) in &self.threads {
            stream.memory(*thread, &self.memory(*thread, self.thread_len));
            stream.memory(*stack, &self.memory(*stack, self.stack_len));
        }
        let (start, end) = self.interrupts;
        stream.memory(start, &self.memory(start, end - start));
    }

    /// Header, registers and RAM, as most firmware writes it.
    pub(crate) fn usual(&self) -> Stream {
        let mut stream = self.stream(1, 0);
        self.registers(&mut stream);
        self.ram(&mut stream);
        stream
    }
}

pub(crate) fn words(words: &[u64], size: usize) -> Vec<u8> {
    words.iter().flat_map(|word| word.to_le_bytes()[..size].to_vec()).collect()
}

/// A dump as the kernel writes it: one buffer after the other.
#[derive(Clone)]
pub(crate) struct Stream {
    bits: u32,
    pub buffers: Vec<Vec<u8>>,
}

impl Stream {
    pub(crate) fn new(target: u16, bits: u32, version: u16, reason: u32) -> Stream {
        let mut header = b"ZE".to_vec();
        header.extend(version.to_le_bytes());
        header.extend(target.to_le_bytes());
        header.extend([if bits == 64 { 6 } else { 5 }, 0]);
        header.extend(reason.to_le_bytes());
        Stream { bits, buffers: vec![header] }
    }

    fn pointer(&self, value: u64) -> Vec<u8> {
        value.to_le_bytes()[..self.bits as usize / 8].to_vec()
    }

    fn head(id: u8, version: u16, len: usize) -> Vec<u8> {
        let mut head = vec![id];
        head.extend(version.to_le_bytes());
        head.extend((len as u16).to_le_bytes());
        head
    }

    pub(crate) fn registers(&mut self, version: u16, bytes: &[u8]) {
        self.buffers.extend([Self::head(b'A', version, bytes.len()), bytes.to_vec()]);
    }

    pub(crate) fn kernel(&mut self, bytes: &[u8]) {
        self.buffers.extend([Self::head(b'T', 1, bytes.len()), bytes.to_vec()]);
    }

    pub(crate) fn cpu(&mut self, cpu: u32, thread: u64, bytes: &[u8]) {
        let mut head = Self::head(b'F', 1, bytes.len());
        head.extend(cpu.to_le_bytes());
        head.extend(self.pointer(thread));
        self.buffers.push(head);
        if !bytes.is_empty() {
            self.buffers.push(bytes.to_vec());
        }
    }

    pub(crate) fn memory(&mut self, start: u64, bytes: &[u8]) {
        let mut head = vec![b'M', 1, 0];
        head.extend(self.pointer(start));
        head.extend(self.pointer(start + bytes.len() as u64));
        self.buffers.extend([head, bytes.to_vec()]);
    }

    /// Sets the flag in the header and adds the checksum.
    pub(crate) fn checksum(&mut self) {
        self.buffers[0][7] |= 1;
        let mut crc = !0u32;
        for byte in self.bytes() {
            crc ^= u32::from(byte);
            for _ in 0..8 {
                crc = if crc & 1 == 1 { crc >> 1 ^ 0xedb8_8320 } else { crc >> 1 };
            }
        }
        let mut block = vec![b'C', 1, 0];
        block.extend((!crc).to_le_bytes());
        self.buffers.push(block);
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.buffers.concat()
    }

    /// The digits that the logging backend prints, a line each.
    pub(crate) fn digits(&self) -> Vec<String> {
        let hex = |line: &[u8]| line.iter().map(|byte| format!("{byte:02x}")).collect();
        self.buffers.iter().flat_map(|buffer| buffer.chunks(32)).map(hex).collect()
    }

    /// A console capture: each line with a time, colours before and behind, other output between.
    pub(crate) fn log(&self) -> Vec<String> {
        let mut lines = vec!["*** Booting Zephyr OS build v3.5.0 ***".to_string()];
        lines.push("[00:00:00.010,000] <inf> app: \u{1b}[0mhello".into());
        lines.push(cd("BEGIN#"));
        for (n, digits) in self.digits().iter().enumerate() {
            if n % 9 == 5 {
                lines
                    .push(format!("[00:00:00.{:03},000] <inf> net: link {n:x} deadbeef", n % 1000));
            }
            lines.push(cd(digits));
        }
        lines.push(cd("END#"));
        lines.push("[00:00:00.040,000] <err> os: Halting system".into());
        lines
    }

    /// What the shell prints for `coredump print pretty`. It stops at a checksum.
    pub(crate) fn pretty(&self) -> Vec<String> {
        let header = &self.buffers[0];
        let half = |at: usize| u16::from_le_bytes([header[at], header[at + 1]]);
        let targets = ["Unknown", "x86", "x86_64", "ARM Cortex-m", "Risc V", "Xtensa", "ARM64"];
        let mut lines = vec!["uart:~$ coredump print pretty".to_string()];
        lines.push("**** Zephyr Coredump ****".into());
        lines.push(format!("\tVersion {}", half(2)));
        lines.push(format!("\tTarget: {}", targets[usize::from(half(4))]));
        lines.push(format!("\tPointer size: {}", self.bits));
        lines.push(format!("\tFlag: {}", header[7]));
        lines.push(format!("\tReason: {}", half(8)));
        lines.push(format!("\tSize of the coredump: {}", self.bytes().len()));
        lines.push(String::new());
        let mut rest = self.buffers[1..].iter();
        while let Some(head) = rest.next() {
            let name = match head[0] {
                b'A' => "Arch",
                b'T' => "Thread",
                b'M' => "Memory",
                _ => {
                    lines.push("Error while retrieving/parsing coredump: -22".into());
                    return lines;
                }
            };
            let data = rest.next().expect("what the block holds");
            lines.push(format!("-> {name} coredump header found"));
            lines.push(format!("\tVersion {}", head[1]));
            lines.push(format!("\tSize {}", data.len()));
            if head[0] == b'M' {
                let start = head[3..3 + self.bits as usize / 8].iter().rev();
                let start = start.fold(0u64, |value, byte| value << 8 | u64::from(*byte));
                let end = start + data.len() as u64;
                lines.push(format!("\tStarts at {start:#x} ends at {end:#x}"));
            }
            lines.push("Data:".into());
            lines.push("#CD:BEGIN#".into());
            for line in data.chunks(32) {
                let digits: String = line.iter().map(|byte| format!("{byte:02x}")).collect();
                lines.push(format!("#CD:{digits}"));
            }
            lines.push("#CD:END#".into());
            lines.push(String::new());
        }
        lines.push("Stored coredump printed".into());
        lines
    }

    /// The flash partition: header, data from the next multiple of `block` on, erased behind.
    pub(crate) fn flash(&self, block: usize) -> Vec<u8> {
        let data = self.bytes();
        let sum = data.iter().fold(0u16, |sum, byte| sum.wrapping_add(u16::from(*byte)));
        let mut flash = b"CD".to_vec();
        flash.extend(1u16.to_le_bytes());
        flash.extend(self.pointer(data.len() as u64));
        flash.extend(0u16.to_le_bytes());
        flash.extend(sum.to_le_bytes());
        flash.extend(0u32.to_le_bytes());
        flash.resize(flash.len().next_multiple_of(block), 0xff);
        flash.extend(data);
        flash.resize(flash.len().next_multiple_of(4096), 0xff);
        flash
    }

    pub(crate) fn retained(&self, error: i32) -> Vec<u8> {
        let data = self.bytes();
        let mut bytes = b"CD".to_vec();
        bytes.resize(self.bits as usize / 8, 0);
        bytes.extend(self.pointer(data.len() as u64));
        bytes.extend(error.to_le_bytes());
        bytes.resize(bytes.len().next_multiple_of(self.bits as usize / 8), 0);
        [bytes, data].concat()
    }

    pub(crate) fn in_memory(&self, room: usize) -> Vec<u8> {
        let mut data = self.bytes();
        data.truncate(room);
        let mark = [0xde, 0xb0, 0xde, 0xb0];
        let mut bytes = mark.to_vec();
        if self.bits == 64 {
            bytes.extend([0; 4]);
        }
        bytes.extend(self.pointer(data.len() as u64));
        let end = bytes.len() + room;
        bytes.extend(data);
        bytes.resize(end, 0);
        [bytes, mark.to_vec()].concat()
    }

    pub(crate) fn adsp(&self, room: usize) -> Vec<u8> {
        let mut bytes = 0x0dec_0debu32.to_le_bytes().to_vec();
        bytes.extend(self.bytes());
        bytes.truncate(room);
        bytes
    }

    /// One datagram each.
    pub(crate) fn datagrams(&self) -> Vec<Vec<u8>> {
        let data = self.bytes();
        let datagram = |offset: usize, flags: u16, sequence: usize, payload: &[u8]| {
            let mut bytes = b"ZCDU".to_vec();
            bytes.extend((offset as u32).to_le_bytes());
            bytes.extend((payload.len() as u16).to_le_bytes());
            bytes.extend(flags.to_le_bytes());
            bytes.extend((sequence as u32).to_le_bytes());
            [bytes, payload.to_vec()].concat()
        };
        let chunks = data.chunks(1000).enumerate();
        let mut all: Vec<_> = chunks.map(|(n, chunk)| datagram(n * 1000, 0, n, chunk)).collect();
        all.push(datagram(data.len(), 1, all.len(), &[]));
        all
    }

    /// One CBOR message each.
    pub(crate) fn spotflow(&self, build_id: [u8; 20]) -> Vec<Vec<u8>> {
        let data = self.bytes();
        let count = data.len().div_ceil(1024);
        let message = |(n, chunk): (usize, &[u8])| {
            // {0: 2, 9: 77, 10: n, 11: chunk, 12: last, 14: id, 15: 1, 6: 5000, 99: "text"}
            let mut bytes = vec![0xa9, 0x00, 0x02, 0x09, 0x18, 77, 0x0a, 0x18, n as u8, 0x0b, 0x59];
            bytes.extend((chunk.len() as u16).to_be_bytes());
            bytes.extend(chunk);
            bytes.extend([0x0c, if n + 1 == count { 0xf5 } else { 0xf4 }, 0x0e, 0x54]);
            bytes.extend(build_id);
            bytes.extend([0x0f, 0x01, 0x06, 0x19, 0x13, 0x88, 0x18, 99, 0x64]);
            bytes.extend(b"text");
            bytes
        };
        data.chunks(1024).enumerate().map(message).collect()
    }
}

/// The messages of [`Stream::spotflow`] as JSON.
pub(crate) fn spotflow_json(stream: &Stream) -> Vec<serde_json::Value> {
    use base64::Engine;
    let data = stream.bytes();
    let count = data.len().div_ceil(1024);
    let message = |(n, chunk): (usize, &[u8])| {
        serde_json::json!({
            "messageType": "CORE_DUMP_CHUNK", "coreDumpId": 41, "chunkOrdinal": n,
            "content": base64::engine::general_purpose::STANDARD.encode(chunk),
            "isLastChunk": n + 1 == count, "os": "ZEPHYR",
        })
    };
    data.chunks(1024).enumerate().map(message).collect()
}

/// A line of the logging backend.
pub(crate) fn cd(rest: &str) -> String {
    format!("\u{1b}[1;31m[00:00:00.030,000] <err> coredump: #CD:{rest}\u{1b}[0m")
}

/// The lines of a console, as a terminal's capture has them.
pub(crate) fn console(lines: &[String]) -> Vec<u8> {
    (lines.join("\r\n") + "\r\n").into_bytes()
}
