//! The secure side of an ARMv8-M: gives memory to the non-secure program (`faults`, built with its
//! feature `nonsecure`) and starts it. What that program may not do ends in the handler here, which
//! captures the registers of the non-secure state.
#![no_std]
#![no_main]

use core::arch::{asm, global_asm};

use coroner_capture::arch::state::HandlerOnly;
use coroner_capture::arch::{cortex_m as machine, live::Live};
use coroner_capture::sink::semihosting::{Semihosting, exit};
use coroner_capture::{Area, Config, Crash, Kind, Region, Single, Workspace, linker};
use cortex_m_rt::entry;
use firmware_cortex_m::board;

coroner_capture::on_crash!(crashed, stack: 2048);
coroner_capture::vectors!(HardFault, MemoryManagement, BusFault, UsageFault, SecureFault);

const NONSECURE_CODE: usize = 0x2820_0000;
const NONSECURE_RAM: Area = Area::range(0x2800_0000, 0x2800_8000);
/// The fault status of the non-secure state, as the secure one sees it.
const NONSECURE_STATUS: Area = Area::range(0xe002_ed24, 0xe002_ed40);

const CONFIG: Config<'static> = Config {
    regions: &[
        machine::SYSTEM_CONTROL,
        Region::new(Kind::Mmio, NONSECURE_STATUS).named("non-secure scb"),
        Region::new(Kind::Dram, NONSECURE_RAM).named("non-secure"),
    ],
    memory: &[
        Area::range(0x3000_0000, 0x3000_8000),
        NONSECURE_RAM,
        NONSECURE_STATUS,
        Area::range(0xe000_e000, 0xe000_f000),
    ],
    build_id: linker::BUILD_ID,
    ..Config::MINIMAL
};

fn crashed(crash: &Crash<'_>) -> ! {
    static ROOM: HandlerOnly<Workspace<16, 2>> = HandlerOnly::new(Workspace::new());
    // SAFETY: the memory of both states, and the system control space.
    let mut memory = unsafe { Live::new(&CONFIG) };
    let mut tasks = Single { name: "non-secure", stack: NONSECURE_RAM };
    let Ok(mut file) = Semihosting::create(c"core.elf") else { exit(3) };
    ROOM.get(crash).write(&CONFIG, crash, &mut tasks, &mut memory, &mut file);
    exit(1)
}

#[panic_handler]
fn panicked(info: &core::panic::PanicInfo) -> ! {
    coroner_capture::panic(info)
}

// What non-secure code may call: the address begins with SG. The service reads where nothing is.
global_asm!(
    ".section .gnu.sgstubs, \"ax\", %progbits
    .balign 32
    .global gateway
    .type gateway, %function
    .thumb_func
    gateway:
        sg
        b.w secure_service"
);

unsafe extern "C" {
    safe fn gateway();
}

#[unsafe(no_mangle)]
extern "C" fn secure_service(service: u32) -> u32 {
    // SAFETY: none; this is the crash.
    service + unsafe { core::ptr::with_exposed_provenance::<u32>(0x9000_0000).read_volatile() }
}

fn write(register: usize, value: u32) {
    // SAFETY: a register of this machine, or the mailbox.
    unsafe { core::ptr::with_exposed_provenance_mut::<u32>(register).write_volatile(value) };
}

fn read(register: usize) -> u32 {
    // SAFETY: as above.
    unsafe { core::ptr::with_exposed_provenance::<u32>(register).read_volatile() }
}

/// Makes all blocks behind a memory protection controller non-secure.
fn give_away(controller: usize) {
    let last = read(controller + 0x10);
    for block in 0..=last {
        write(controller + 0x18, block);
        write(controller + 0x1c, u32::MAX);
    }
}

#[entry]
fn main() -> ! {
    // SSRAM 1 and 2.
    give_away(0x5800_8000);
    give_away(0x5800_9000);
    // All that the machine's own attribution calls non-secure is; code memory may hold gateways.
    write(0xe000_edd0, 2);
    write(0x5008_0014, 1);
    // Bus faults and hard faults of the non-secure state are its own; it may use the FPU.
    write(0xe000_ed0c, 0x05fa_0000 | 1 << 13);
    write(0xe000_ed8c, 0xc00);
    machine::separate_faults();
    write(board::GATEWAY, gateway as *const () as usize as u32);
    write(0xe002_ed08, NONSECURE_CODE as u32);
    let (stack, start) = (read(NONSECURE_CODE), read(NONSECURE_CODE + 4));
    // SAFETY: the other program's own vector table says where it begins; nothing comes back.
    unsafe {
        asm!(
            "msr msp_ns, {stack}",
            "bxns {start}",
            stack = in(reg) stack, start = in(reg) start & !1, options(noreturn)
        );
    }
}
