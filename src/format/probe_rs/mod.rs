//! probe-rs core dumps: one MessagePack map.
//!
//! | key                  | value                                                      |
//! | registers            | map of register id to {"U32" or "U64" or "U128": number}   |
//! | data                 | array of [{"start": number, "end": number}, bytes]; `end` is exclusive |
//! | instruction_set      | Thumb2 A32 A64 RV32 RV32C RV64 RV64C Xtensa                |
//! | core_type            | armv6m ... armv8m, riscv, xtensa                           |
//!
//! and three more that say what the core supports. Keys come in any order. The bytes are an array
//! of numbers, one or two bytes of the file each, so they are decoded as they are read.
//!
//! Register ids: Cortex-M those of DCRSR (0-15, 16 xpsr, 17 msp, 18 psp, 20 CONTROL and the
//! masks, 33 fpscr, 64-95 s0-s31); RISC-V 4096 + n is xn, 4128 + n is fn, 1969 is pc, CSRs have
//! their own numbers; Xtensa 0-15 a0-a15, 0xff00 pc, later 0xff01 ps, 0x200 + n fn; ARM with modes
//! r0-r15, 16 cpsr, 17-48 d0-d31, 49 fpscr; AArch64 x0-x30, 31 sp, 32 pc, 33 pstate, 34-65 v0-v31,
//! 66 fpsr, 67 fpcr. All others are left out.
//!
//! Source: probe-rs 67993c4b6 (0.32), `probe-rs/src/core/dump.rs`; `probe-rs/src/architecture/`:
//! `arm/core/registers/{aarch32,aarch64,cortex_m}.rs` (170a2a3, 0b53e5b, 064074a), `riscv/registers.rs` and
//! `xtensa/registers.rs` (0111ecc); seen in 12 dumps of its tests, all of Cortex-M, RISC-V and Xtensa.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

mod messagepack;

use super::machine::{
    CORTEX_M, Machine, RISCV_X, machine_of, set_control_word, set_single_floats,
    xtensa_by_addresses,
};
use super::{Context, Format, add_region, find_heads, in_input};
use crate::carrier::Piece;
use crate::dump::{Dump, Note, Thread};
use crate::error::{Fault, Result};
use crate::memory::Region;
use crate::registers::Registers;
use crate::targets::Family;
use bytes::Bytes;
use messagepack::Reader;
use std::collections::BTreeMap;
use std::ops::Range;

const NAME: &str = "probe-rs";
const KEYS: [&str; 7] = [
    "registers",
    "data",
    "instruction_set",
    "core_type",
    "supports_native_64bit_access",
    "fpu_support",
    "floating_point_register_count",
];
/// How probe-rs' own writer begins.
const USUAL_HEAD: &[u8] = b"\x87\xa9registers";
const MOST_KEYS: usize = 64;
const MOST_REGISTERS: usize = 1024;

/// probe-rs core dumps.
pub struct ProbeRs;

#[derive(Default)]
struct Core {
    registers: BTreeMap<u64, u128>,
    memory: Vec<Range64>,
    instruction_set: String,
    core_type: String,
    /// What broke off the reading.
    broken: Option<Fault>,
}

struct Range64 {
    start: u64,
    bytes: Bytes,
    /// By its own word it is this long.
    len: u64,
}

impl Format for ProbeRs {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "probe-rs core dump (MessagePack)"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(NAME) || is_head(&piece.bytes)
    }

    fn extent(&self, piece: &Piece) -> Option<u64> {
        let mut reader = Reader::new(NAME, piece.bytes.clone());
        reader.skip().ok()?;
        Some(reader.offset())
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        find_heads(&piece.bytes, USUAL_HEAD, is_head)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let core = parse(&piece.bytes).map_err(in_input)?;
        if let Some(fault) = core.broken.as_ref().filter(|_| core.registers.is_empty()) {
            return Err(in_input(fault.clone()));
        }
        let Some(family) = family(&core) else {
            let found = format!("'{}'", core.instruction_set);
            let expected = "Thumb2, A32, A64, RV32, RV64 or Xtensa";
            return Err(in_input(Fault::new(NAME, "instruction_set", 0, expected, found)));
        };
        let mut notes = piece.notes.clone();
        if core.instruction_set.is_empty() {
            notes.push(
                Note::doubt(format!(
                    "the instruction set is cut off; by the register ids it is {family:?}"
                ))
                .by(NAME)
                .code("cut"),
            );
        }
        let Machine { arch, chip } = match family {
            Family::Xtensa => {
                let addrs: Vec<u64> = core.memory.iter().map(|range| range.start).collect();
                xtensa_by_addresses(NAME, &addrs, 1, context, &mut notes)?
            }
            family => machine_of(context, family)?,
        };
        let mut dump = Dump::new("probe-rs core dump", arch);
        dump.chip = chip;
        dump.notes = notes;
        if let Some(fault) = &core.broken {
            dump.notes.push(
                Note::warning(format!("{}: what follows is missing", fault.words()))
                    .by(fault.format)
                    .code("damaged"),
            );
        }
        if !core.core_type.is_empty() {
            dump.identity.facts.push(("core".into(), core.core_type.clone()));
        }
        for range in core.memory {
            if range.len != range.bytes.len() as u64 {
                dump.notes.push(
                    Note::warning(format!(
                        "memory at {:#x} is {} bytes long by its range, {} are there",
                        range.start,
                        range.len,
                        range.bytes.len()
                    ))
                    .by(NAME)
                    .code("cut"),
                );
            }
            add_region(&mut dump, NAME, Region::dumped(range.start, range.bytes), piece, 0);
        }
        let mut registers = Registers::unknown(dump.arch.clone());
        registers.set_why_missing("register not in the dump");
        set_registers(&mut registers, family, &core.registers);
        let mut thread = Thread::new(1, registers);
        thread.crashed = true;
        dump.threads.push(thread);
        Ok(dump)
    }
}

fn is_head(bytes: &[u8]) -> bool {
    let head = Bytes::copy_from_slice(bytes.get(..64.min(bytes.len())).unwrap_or_default());
    let mut reader = Reader::new(NAME, head);
    let keys = reader.map_len("map").unwrap_or_default();
    (1..=MOST_KEYS).contains(&keys)
        && reader.text("key").is_ok_and(|key| KEYS.contains(&key.as_str()))
}

/// Takes a dump apart. What is whole of a cut one is kept.
fn parse(bytes: &Bytes) -> Result<Core, Fault> {
    let mut reader = Reader::new(NAME, bytes.clone());
    let keys = reader.map_len("map")?;
    let mut core = Core::default();
    for _ in 0..keys.min(MOST_KEYS) {
        if let Err(fault) = parse_entry(&mut reader, &mut core) {
            core.broken = Some(fault);
            break;
        }
    }
    Ok(core)
}

fn parse_entry(reader: &mut Reader, core: &mut Core) -> Result<(), Fault> {
    match reader.text("key")?.as_str() {
        "registers" => {
            for _ in 0..reader.map_len("registers")?.min(MOST_REGISTERS) {
                let id = reader.number("register id")? as u64;
                if reader.map_len("register value")? != 1 {
                    return Err(reader.fault("register value", "a map of one", "another"));
                }
                reader.text("register width")?;
                let value = reader.number("register value")?;
                core.registers.insert(id, value);
            }
        }
        "data" => {
            for _ in 0..reader.array_len("data")? {
                if reader.array_len("memory range")? != 2 {
                    return Err(reader.fault("memory range", "an array of two", "another"));
                }
                let (mut start, mut end) = (0, 0);
                for _ in 0..reader.map_len("memory range")? {
                    match reader.text("range key")?.as_str() {
                        "start" => start = reader.number("start")? as u64,
                        "end" => end = reader.number("end")? as u64,
                        _ => reader.skip()?,
                    }
                }
                let (bytes, broken) = reader.byte_array("memory")?;
                let len = end.saturating_sub(start);
                core.memory.push(Range64 { start, bytes: bytes.into(), len });
                if let Some(fault) = broken {
                    return Err(fault);
                }
            }
        }
        "instruction_set" => core.instruction_set = reader.text("instruction_set")?,
        "core_type" => core.core_type = reader.text("core_type")?,
        _ => reader.skip()?,
    }
    Ok(())
}

fn family(core: &Core) -> Option<Family> {
    Some(match core.instruction_set.as_str() {
        // An ARM with processor modes runs Thumb code as well.
        "Thumb2" if core.core_type.ends_with(['a', 'r']) => Family::Arm,
        "Thumb2" => Family::CortexM,
        "A32" => Family::Arm,
        "A64" => Family::Aarch64,
        "RV32" | "RV32C" => Family::RiscV32,
        "RV64" | "RV64C" => Family::RiscV64,
        "Xtensa" => Family::Xtensa,
        // Cut off before it: the ids differ enough.
        "" if core.registers.contains_key(&1969) => Family::RiscV32,
        "" if core.registers.contains_key(&0xff00) => Family::Xtensa,
        "" if core.registers.contains_key(&17) => Family::CortexM,
        _ => return None,
    })
}

/// The name here of the register with probe-rs' number `id`, where there is one.
fn register_name(family: Family, id: u64) -> Option<String> {
    let core = |id: u64| CORTEX_M.get(id as usize).map(|name| (*name).to_string());
    let numbered = |name: &str, first: u64| Some(format!("{name}{}", id.saturating_sub(first)));
    let fixed = |name: &str| Some(name.to_string());
    match (family, id) {
        (Family::RiscV32 | Family::RiscV64, _) => match id {
            0x7b1 => fixed("pc"),
            4096..=4127 => RISCV_X.get((id & 31) as usize).map(|name| (*name).to_string()),
            4128..=4159 => numbered("f", 4128),
            // CSRs by their own number.
            0x001 => fixed("fflags"),
            0x002 => fixed("frm"),
            0x003 => fixed("fcsr"),
            0x100 => fixed("sstatus"),
            0x141 => fixed("sepc"),
            0x142 => fixed("scause"),
            0x143 => fixed("stval"),
            0x300 => fixed("mstatus"),
            0x341 => fixed("mepc"),
            0x342 => fixed("mcause"),
            0x343 => fixed("mtval"),
            _ => None,
        },
        (Family::Xtensa, 0..=15) => numbered("ar", 0),
        (Family::Xtensa, 0x200..=0x20f) => numbered("f", 0x200),
        (Family::Xtensa, 0x3e8) => fixed("fcr"),
        (Family::Xtensa, 0x3e9) => fixed("fsr"),
        (Family::Xtensa, 0xff00) => fixed("pc"),
        (Family::Xtensa, 0xff01) => fixed("ps"),
        (Family::CortexM, 0..=16) => core(id),
        (Family::CortexM, 17) => fixed("msp"),
        (Family::CortexM, 18) => fixed("psp"),
        (Family::CortexM, 33) => fixed("fpscr"),
        (Family::Arm, 0..=15) => core(id),
        (Family::Arm, 16) => fixed("cpsr"),
        (Family::Arm, 17..=48) => numbered("d", 17),
        (Family::Arm, 49) => fixed("fpscr"),
        (Family::Aarch64, 0..=30) => numbered("x", 0),
        (Family::Aarch64, 31) => fixed("sp"),
        (Family::Aarch64, 32) => fixed("pc"),
        (Family::Aarch64, 33) => fixed("cpsr"),
        (Family::Aarch64, 34..=65) => numbered("v", 34),
        (Family::Aarch64, 66) => fixed("fpsr"),
        (Family::Aarch64, 67) => fixed("fpcr"),
        _ => None,
    }
}

fn set_registers(registers: &mut Registers, family: Family, values: &BTreeMap<u64, u128>) {
    let mut singles = [None; 32];
    for (id, value) in values {
        match (family, id) {
            (Family::CortexM, 20) => set_control_word(registers, *value as u32),
            (Family::CortexM, 64..=95) => {
                if let Some(slot) = singles.get_mut((id & 31) as usize) {
                    *slot = Some(*value as u32);
                }
            }
            _ => {
                if let Some(name) = register_name(family, *id) {
                    registers.set_by_name(&name, *value);
                }
            }
        }
    }
    for (n, pair) in singles.chunks(2).enumerate() {
        if let [Some(low), Some(high)] = pair {
            set_single_floats(registers, n.saturating_mul(2), &[*low, *high]);
        }
    }
    if family == Family::Xtensa && registers.by_name("ar1").is_some() {
        // The dump holds one window, whose first register is a0.
        registers.set_by_name("windowbase", 0u32);
        registers.set_by_name("windowstart", 1u32);
    }
}
