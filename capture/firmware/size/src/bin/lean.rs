//! The smallest writer: one thread, regions, a function as the sink; nothing else is linked.
#![no_std]
#![no_main]

use coroner_capture::arch::live::Bare;
use coroner_capture::lean::Lean;
use coroner_capture::{Area, Crash, Region, Sink, SinkError};
use firmware_size as _;

struct Function(extern "C" fn(u32, *const u8, usize) -> bool);

impl Sink for Function {
    fn capacity(&self) -> u32 {
        65536
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        if (self.0)(at, bytes.as_ptr(), bytes.len()) { Ok(()) } else { Err(SinkError) }
    }
}

#[unsafe(no_mangle)]
fn probe(
    regions: &[Region],
    crash: &Crash,
    stack: &Area,
    room: &mut Lean<16>,
    sink: extern "C" fn(u32, *const u8, usize) -> bool,
) -> u8 {
    // SAFETY: this is only linked, never run.
    let mut memory = unsafe { Bare::new() };
    room.write(regions, crash, stack, &mut memory, &mut Function(sink)) as u8
}
