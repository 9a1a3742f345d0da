//! The writer alone: one thread, regions from the caller, a function as the sink.
#![no_std]
#![no_main]

use coroner_capture::arch::live::Live;
use coroner_capture::{Config, Crash, Single, Sink, SinkError, Workspace};
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
    config: &Config,
    crash: &Crash,
    tasks: &mut Single,
    room: &mut Workspace<16, 4>,
    sink: extern "C" fn(u32, *const u8, usize) -> bool,
) -> u8 {
    // SAFETY: this is only linked, never run.
    let mut memory = unsafe { Live::new(config) };
    room.write(config, crash, tasks, &mut memory, &mut Function(sink)) as u8
}
