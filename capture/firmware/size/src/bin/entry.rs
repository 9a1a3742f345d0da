//! The writer with the entry code, registers and all: what a crash runs before the sink.
#![no_std]
#![no_main]

use coroner_capture::arch::live::Live;
use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::sink::Callback;
use coroner_capture::{Config, Crash, Single, SinkError, Workspace};
use firmware_size as _;

coroner_capture::on_crash!(crashed, stack: 2048);

unsafe extern "C" {
    safe fn coroner_trap();
}

fn crashed(crash: &Crash<'_>) -> ! {
    // Reserved by the user: not counted.
    #[unsafe(link_section = ".uninit.room")]
    static ROOM: HandlerOnly<Workspace<16, 4>> = HandlerOnly::new(Workspace::new());
    const CONFIG: Config<'static> = Config::MINIMAL;
    // SAFETY: this is only linked, never run.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let mut tasks = Single { name: "main", stack: coroner_capture::Area::EMPTY };
    let mut sink = Callback::new(65536, |_, bytes: &[u8]| {
        if core::hint::black_box(bytes).is_empty() { Err(SinkError) } else { Ok(()) }
    });
    ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut sink);
    loop {
        core::hint::spin_loop();
    }
}

#[unsafe(no_mangle)]
fn probe() {
    coroner_trap();
}

/// What a reset without another way leads to: any program has it.
#[cfg(any(target_arch = "riscv32", target_arch = "riscv64"))]
#[unsafe(no_mangle)]
extern "C" fn _start() -> ! {
    loop {
        core::hint::spin_loop();
    }
}
