//! Core dumps of Zephyr ("ZE").
//!
//! `stream.rs` takes the blocks apart, `registers.rs` with `riscv.rs` and `xtensa.rs` knows what
//! stands in register blocks, `reason.rs` the kernel's codes, `assemble.rs` makes a [`Dump`] of it
//! all. The carriers: `log.rs` (console), `areas.rs` (flash partition and memory), `udp.rs`,
//! `spotflow.rs`. Threads, and the repair of registers that old firmware gets wrong, need memory
//! and the firmware's ELF file: see `os/zephyr`.

mod areas;
mod assemble;
mod chunks;
mod log;
mod log_mend;
mod log_pretty;
mod reason;
mod registers;
mod riscv;
mod spotflow;
mod stream;
mod udp;
mod walk;
mod xtensa;

pub use areas::ZephyrAreas;
pub use log::ZephyrLog;
pub use spotflow::Spotflow;
pub use udp::ZephyrUdp;

use super::{Context, Format, in_input};
use crate::carrier::Piece;
use crate::dump::Dump;
use crate::error::{Fault, Result};
use crate::input::Input;
use crate::targets::Family;
use stream::Strictness;

const NAME: &str = "zephyr";

/// What carriers hint at when they know that the dump is not whole, and have said so.
const INCOMPLETE: &str = "zephyr (incomplete)";

/// Core dumps of Zephyr.
pub struct Zephyr;

impl Format for Zephyr {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "Zephyr core dump: console log, flash partition, memory, or stream"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        matches!(piece.hint, Some(NAME | INCOMPLETE)) || stream::is_header(&piece.bytes)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let lenient = context.force || piece.hint == Some(INCOMPLETE);
        let strictness = if lenient { Strictness::Lenient } else { Strictness::Whole };
        let stream = stream::read(piece, strictness).map_err(in_input)?;
        if stream.registers.is_none() && stream.memory.is_empty() && !context.force {
            let fault = Fault::new(NAME, "blocks", 12, "registers or memory", "neither");
            return Err(in_input(fault.forceable()));
        }
        assemble::dump(stream, piece, context)
    }
}

/// Joins inputs that are parts of one transfer: datagrams or chunks, one a file.
pub(crate) fn join(inputs: &[Input]) -> Vec<Input> {
    let kind = |input: &Input| {
        if input.bytes.starts_with(udp::MAGIC) {
            1
        } else if spotflow::is_message(&input.bytes) {
            2
        } else {
            0
        }
    };
    let mut joined: Vec<Input> = Vec::new();
    for kind_wanted in [1, 2] {
        let parts: Vec<&Input> = inputs.iter().filter(|i| kind(i) == kind_wanted).collect();
        if let [first, _, ..] = parts.as_slice() {
            let bytes: Vec<u8> = parts.iter().flat_map(|part| part.bytes.iter().copied()).collect();
            let name = format!("{} and {} more", first.name, parts.len() - 1);
            joined.push(Input { name, bytes: bytes.into(), addr: None });
        }
    }
    if joined.is_empty() {
        return inputs.to_vec();
    }
    let alone = |wanted| inputs.iter().filter(|input| kind(input) == wanted).count() < 2;
    let others = inputs.iter().filter(|input| kind(input) == 0 || alone(kind(input)));
    joined.extend(others.cloned());
    joined
}

/// What a fatal error's number means, and the signal for it; of Arm, or of another architecture.
pub(in crate::format) fn fatal_code(
    code: u16,
    arm: bool,
) -> (String, Option<crate::reason::Signal>) {
    reason::explain(code, arm.then_some(Family::CortexM))
}
