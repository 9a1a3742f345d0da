//! The writer and lines of text, packed, on a function that sends bytes.
#![no_std]
#![no_main]

use coroner_capture::arch::live::Live;
use coroner_capture::sink::text::Text;
use coroner_capture::{Config, Crash, Single, SinkError, Workspace};
use firmware_size as _;

#[unsafe(no_mangle)]
fn probe(
    config: &Config,
    crash: &Crash,
    tasks: &mut Single,
    room: &mut Workspace<16, 4>,
    send: extern "C" fn(*const u8, usize) -> bool,
) -> u8 {
    // SAFETY: this is only linked, never run.
    let mut memory = unsafe { Live::new(config) };
    let stream =
        |bytes: &[u8]| if send(bytes.as_ptr(), bytes.len()) { Ok(()) } else { Err(SinkError) };
    room.write(config, crash, tasks, &mut memory, &mut Text::new(stream).packed()) as u8
}
