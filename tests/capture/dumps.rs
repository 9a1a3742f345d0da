//! Dumps that the device crate itself writes here, from made-up memory, and how they are opened.

use crate::support;
use coroner_capture::arch::{Arch, Memory, RiscV32};
use coroner_capture::crash::{Kind as Why, signal};
use coroner_capture::lean::Lean;
use coroner_capture::sink::Callback;
use coroner_capture::{
    Access, Area, Cause, Config, Crash, Kind, Outcome, Region, Single, Workspace,
};
use sha2::{Digest, Sha256};
use support::{opened, plain, refused};

/// Memory in which each byte is the last one of its address.
struct Bytes;

impl Memory for Bytes {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        for (offset, byte) in bytes.iter_mut().enumerate() {
            *byte = (at + offset) as u8;
        }
        true
    }
}

const STACK: Area = Area::range(0x2000_1000, 0x2000_2000);
const REGIONS: [Region; 1] = [Region::new(Kind::Bss, Area::range(0x2000_4000, 0x2000_4100))];

/// A load from where nothing is, written by the full or by the smallest writer.
fn dump(lean: bool) -> Vec<u8> {
    let mut registers = vec![0x1111_1111; RiscV32::REGISTERS];
    registers[RiscV32::SP] = 0x2000_1f40;
    registers[RiscV32::PC] = 0x0000_1234;
    let cause = Cause { address: Some(0x9000_0000), ..Cause::new(Why::Fault, signal::SEGV) };
    let mut crash = Crash::new(cause, &registers, 0xffff_ffff);
    // mcause, mtval.
    crash.faults = &[(0x342, 5), (0x343, 0x9000_0000)];
    let mut file = vec![0xff; 4096];
    let mut sink = Callback::new(4096, |at: u32, bytes: &[u8]| {
        file[at as usize..at as usize + bytes.len()].copy_from_slice(bytes);
        Ok(())
    });
    let outcome = if lean {
        Lean::<4>::new().write_as::<RiscV32>(&REGIONS, &crash, &STACK, &mut Bytes, &mut sink)
    } else {
        let config = Config { regions: &REGIONS, ..Config::MINIMAL };
        let mut tasks = Single { name: "main", stack: STACK };
        Workspace::<4, 1>::new()
            .write_as::<RiscV32, _>(&config, &crash, &mut tasks, &mut Bytes, &mut sink)
    };
    assert_eq!(outcome, Outcome::Complete);
    let length = u32::from_le_bytes(file[56..60].try_into().unwrap());
    file.truncate(length as usize);
    file
}

#[test]
fn the_smallest_writer_s_dump_tells_its_cause_by_the_fault_registers() {
    let by_both = [false, true].map(|lean| opened(dump(lean)));
    plain(&by_both[0], "coroner-capture core, riscv32, CRC-32 ok", &["main"]);
    plain(&by_both[1], "coroner-capture core, riscv32, CRC-32 ok", &["0x1"]);
    for opened in by_both {
        let dump = opened.dump;
        assert!(dump.reason.words.starts_with("load access fault"), "{}", dump.reason.words);
        assert!(dump.reason.evidence.iter().any(|word| word.value == 0x9000_0000));
        let thread = &dump.threads[0];
        assert_eq!(thread.registers.pc(), Some(0x1234));
        let stack = thread.stack.as_ref().expect("bounds of the stack");
        assert_eq!((stack.low, stack.high), (0x2000_1000, 0x2000_2000));
        for address in [0x2000_1f40u64, 0x2000_40ff] {
            let mut byte = [0];
            assert_eq!(dump.memory.read(address, &mut byte), 1);
            assert_eq!(byte, [address as u8]);
        }
    }
}

#[test]
fn a_dump_of_the_smallest_writer_is_salvaged_without_its_first_block() {
    let mut torn = dump(true);
    torn[..64].fill(0xff);
    assert!(refused(torn).contains("the device was interrupted while it wrote"));
}

/// The same dump as a device with the feature `sha256` writes it.
fn with_sha256(mut file: Vec<u8>) -> Vec<u8> {
    let digest = Sha256::digest(&file[96..]);
    file.extend(digest);
    file[53] |= 8;
    let length = file.len() as u32;
    file[56..60].copy_from_slice(&length.to_le_bytes());
    seal(&mut file);
    file
}

/// Puts in the CRC-32 that the bytes have now.
fn seal(file: &mut [u8]) {
    let mut crc = crc32fast::Hasher::new();
    crc.update(&file[96..]);
    crc.update(&file[..60]);
    file[60..64].copy_from_slice(&crc.finalize().to_le_bytes());
}

#[test]
fn a_sha_256_covers_what_lies_between_the_mark_and_itself() {
    let whole = with_sha256(dump(false));
    plain(&opened(whole.clone()), "coroner-capture core, riscv32, CRC-32 ok", &["main"]);
    let mut changed = whole;
    let byte = changed.len() - 40;
    changed[byte] ^= 1;
    seal(&mut changed);
    assert!(refused(changed).contains("SHA-256 of the dump"));
}
