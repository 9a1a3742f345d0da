//! Fault texts of kernels and products on Cortex-M: RT-Thread, RIOT, Mynewt, Tock, rusEFI,
//! MicroPython, Teensy, Flipper Zero, Marlin, ArduPilot, Playdate.
//!
//! Sources: RT-Thread `libcpu/arm/cortex-m*/cpuport.c` (3.1 to 5.1); RIOT `cpu/cortexm_common/
//! vectors_cortexm.c` (c8bd52ff13); apache/mynewt-core `kernel/os/src/arch/cortex_m4/os_fault.c`
//! (d919ff517); tock `arch/cortex-v7m/src/lib.rs` and `arch/cortex-m/src/lib.rs` (65608d717, and its
//! forms of 2.0 and 2.1); rusEFI's console texts of 2023 and 2025; MicroPython `ports/stm32/stm32_it.c`
//! and `ports/renesas-ra/ra_it.c` (1c3c201149); PaulStoffregen/cores `teensy4/CrashReport.cpp`
//! (7f107ee); Flipper Zero `furi/core/check.c`; Marlin `HAL/shared/cpu_exception/exception_arm.cpp`
//! (2.1); ArduPilot `AP_Vehicle.cpp` and the log message WDOG; Playdate's crashlog.txt of 2.x and 3.x.

use super::{Address, Crash, Dialect, PLAIN, Rule, cortex_m};
use crate::dump::{Dump, Note};
use crate::format::machine::Family;
use crate::reason::Signal;

/// A dialect of Cortex-M devices, with what most of them share.
const fn on_cortex_m(name: &'static str, title: &'static str) -> Dialect {
    Dialect { name, title, family: cortex_m, ..PLAIN }
}

/// RT-Thread's hard faults.
pub static RT_THREAD: Dialect = Dialect {
    sample: "\
psr: 0x21000000
r00: 0x00000073
r01: 0x20002380
 lr: 0x0803b3a9
 pc: 0x0802dbe0
hard fault on thread: sensor
bus fault:
SCB_CFSR_BFSR:0x04 IMPRECISERR
",
    starts: &["psr: 0x{hex8}"],
    rules: &[
        Rule::All(&[
            Rule::Says("hard fault on thread:", "hard fault"),
            Rule::Thread("hard fault on thread: {thread}"),
        ]),
        Rule::Says("hard fault on handler", "hard fault in an interrupt handler"),
        Rule::Register("SCB_CFSR_BFSR:0x{hex} {text}", "bfsr"),
        Rule::Register("SCB_CFSR_MFSR:0x{hex} {text}", "mmfsr"),
        Rule::Register("SCB_CFSR_UFSR:0x{hex} {text}", "ufsr"),
        Rule::Title("failed vector fetch"),
        Rule::Fact("FPU active!", "FPU"),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    names: &[
        ("r00", "r0"),
        ("r01", "r1"),
        ("r02", "r2"),
        ("r03", "r3"),
        ("r04", "r4"),
        ("r05", "r5"),
        ("r06", "r6"),
        ("r07", "r7"),
        ("r08", "r8"),
        ("r09", "r9"),
    ],
    family: |crash| {
        let own = crash.has("r00") || crash.says("hard fault on");
        own.then_some(Family::CortexM)
    },
    finish: fault_bytes,
    ..on_cortex_m("rt-thread-fault", "RT-Thread hard fault text")
};

/// RT-Thread prints those of the three fields of CFSR that are not 0.
fn fault_bytes(dump: &mut Dump, crash: &Crash<'_>) {
    let field = |name: &str| crash.word(name);
    if ["bfsr", "mmfsr", "ufsr"].iter().all(|name| field(name).is_none()) {
        return;
    }
    let (usage, bus) = (field("ufsr").unwrap_or(0), field("bfsr").unwrap_or(0));
    let cfsr = usage << 16 | bus << 8 | field("mmfsr").unwrap_or(0);
    if let Some(thread) = dump.threads.first_mut() {
        thread.registers.set_by_name("CFSR", cfsr);
    }
}

/// RIOT's hard faults.
pub static RIOT: Dialect = Dialect {
    sample: "\
Context before hardfault:
   r0: 0x0000008b
   lr: 0x0801a4a5
   pc: 0x0803c4cc
  psr: 0x61000000

FSR/FAR:
 CFSR: 0x00000400
EXC_RET: 0xfffffffd
Active thread: 2 \"pump\"
",
    starts: &["Context before hardfault:", "Stack pointer corrupted, reset to top of stack"],
    ends: &["*** halted.", "*** rebooting"],
    rules: &[
        Rule::Says("Context before hardfault:", "hard fault"),
        Rule::Title("Stack pointer corrupted, reset to top of stack"),
        Rule::Title("ISR stack overflowed"),
        Rule::Skip("set $pc="),
        Rule::Register("EXC_RET: 0x{hex8}", "exc_return"),
        Rule::Thread("Active thread: {dec} \"{thread}\""),
        Rule::Fact("Hard fault occurred in ISR number {text}", "interrupt"),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    ..on_cortex_m("riot-fault", "RIOT hard fault text")
};

/// Apache Mynewt's unhandled interrupts.
pub static MYNEWT_TEXT: Dialect = Dialect {
    sample: "\
003120 Unhandled interrupt (3), exception sp 0x20009880
003120   r0:0x2000da60  r1:0x0000007a  r2:0x2000d088  r3:0x00000000
003120  r12:0x20008c24  lr:0x0800060f  pc:0x08007dea psr:0x61000000
003120 ICSR:0x00421803 HFSR:0x40000000 CFSR:0x02000000
",
    starts: &["Unhandled interrupt ({dec}), exception sp 0x", "Assert @ 0x"],
    rules: &[
        Rule::All(&[
            Rule::Title("Unhandled interrupt ({dec})"),
            Rule::Fact("exception sp {text}", "exception frame"),
        ]),
        Rule::Skip("Use 'set $pc"),
        Rule::All(&[Rule::Title("Assert @"), Rule::Register("Assert @ 0x{hex}", "lr")]),
        Rule::Registers("{name}:0x{hex8}"),
    ],
    finish: mynewt,
    ..on_cortex_m("mynewt-fault", "Apache Mynewt crash text")
};

fn mynewt(dump: &mut Dump, crash: &Crash<'_>) {
    if crash.says("Unhandled interrupt (3)") {
        dump.reason.words = "hard fault".into();
        dump.reason.signal = Some(Signal::Segv);
    } else if crash.says("Unhandled interrupt") {
        let line = crash.lines.iter().find(|line| line.contains("Unhandled interrupt"));
        let words = line.and_then(|line| line.split_once("Unhandled")).map(|(_, rest)| rest);
        let words = words.and_then(|rest| rest.split(',').next()).unwrap_or_default();
        dump.reason.words = format!("unhandled{words}");
        dump.reason.signal = Some(Signal::Segv);
    }
}

/// Tock's kernel panics.
pub static TOCK: Dialect = Dialect {
    sample: "\
panicked at 'Kernel HardFault.
	Kernel version release-2.1
	r0  0x2000160c
	lr  0x80394e9
	pc  0x8005fa6
	prs 0x81000000 [ N 0 Z 1 C 1 V 0 Q 0 GE 0000 ; ICI.IT 0 T true ; Exc 0-Thread Mode ]
	sp  0x2000fbf0
	CFSR  0x8200
	HSFR  0x40000000
	Precise Data Bus Error:             true
	Faulting Memory Address:            0x50060810
",
    starts: &[
        "Kernel HardFault.",
        "Process HardFault.",
        "---| Cortex-M Fault Status |---",
        "---| Fault Status |---",
        "---| RISC-V Machine State |---",
        "---| App Status |---",
    ],
    rules: &[
        Rule::Says("Kernel HardFault.", "kernel HardFault"),
        Rule::Says("Process HardFault.", "process HardFault"),
        Rule::Fact("Kernel version {text}", "kernel version"),
        Rule::Fact("top of stack {text}", "top of the kernel's stack"),
        Rule::Fact("bottom of stack {text}", "bottom of the kernel's stack"),
        Rule::Says("Instruction Access Violation: true", "instruction access violation"),
        Rule::Says("Data Access Violation: true", "data access violation"),
        Rule::Says("Memory Management Unstacking Fault: true", "memory fault while unstacking"),
        Rule::Says("Memory Management Stacking Fault: true", "memory fault while stacking"),
        Rule::Says("Instruction Bus Error: true", "instruction bus error"),
        Rule::Says("Imprecise Data Bus Error: true", "imprecise data bus error"),
        Rule::Says("Precise Data Bus Error: true", "precise data bus error"),
        Rule::Says("Bus Unstacking Fault: true", "bus fault while unstacking"),
        Rule::Says("Bus Stacking Fault: true", "bus fault while stacking"),
        Rule::Says("Undefined Instruction Usage Fault: true", "undefined instruction"),
        Rule::Says("Invalid State Usage Fault: true", "invalid state"),
        Rule::Says("Invalid PC Load Usage Fault: true", "invalid load of pc"),
        Rule::Says("No Coprocessor Usage Fault: true", "no coprocessor"),
        Rule::Says("Unaligned Access Usage Fault: true", "unaligned access"),
        Rule::Says("Divide By Zero: true", "division by zero"),
        Rule::Says("Bus Fault on Vector Table Read: true", "bus fault on vector table read"),
        Rule::Address("Faulting Memory Address: (valid: true) 0x{hex}"),
        Rule::Address("Bus Fault Address: (valid: true) 0x{hex}"),
        Rule::Address("Faulting Memory Address: 0x{hex}"),
        Rule::Address("Bus Fault Address: 0x{hex}"),
        Rule::Register("Fault Status Register (CFSR): 0x{hex8}", "CFSR"),
        Rule::Register("Hard Fault Status Register (HFSR): 0x{hex8}", "HFSR"),
        Rule::Title("Last cause (mcause): {text} (interrupt="),
        Rule::Register("Last value (mtval): 0x{hex8}", "mtval"),
        Rule::Thread("App: {thread} - ["),
        Rule::Registers("{name} : 0x{hex8}"),
        Rule::Registers("{name} 0x{hex}"),
    ],
    names: &[("prs", "xpsr"), ("hsfr", "HFSR"), ("ypc", "YPC")],
    family: |crash| match crash.has("mepc") {
        true => Some(Family::RiscV32),
        false => Some(Family::CortexM),
    },
    ..on_cortex_m("tock-panic", "Tock kernel panic")
};

/// rusEFI's record of the fault before.
pub static RUSEFI: Dialect = Dialect {
    sample: "\
Last error type HardFault cookie 0xdeadbeef
type: 0x00000003 addr: 0x20020044 CSFR: 0x00000082
r0  0x00000000
r12  0x000000ac
lr (thread)  0x0802d6cb
pc  0x08020670
xpsr  0x21000000
",
    starts: &["Last error type {text} cookie", "Last boot had hard fault type:"],
    rules: &[
        Rule::Title("Last error type {text} cookie"),
        Rule::All(&[
            Rule::Says("Last boot had hard fault", "hard fault of the boot before"),
            Rule::Fact("type: {text} addr:", "fault type"),
            Rule::Address("addr: {hex}"),
            Rule::Register("CSFR: {hex}", "CFSR"),
        ]),
        Rule::Registers("Fault ctx {name}: {hex}"),
        Rule::Register("lr (thread) 0x{hex8}", "lr"),
        Rule::Registers("{name} 0x{hex8}"),
    ],
    names: &[
        ("0", "r0"),
        ("1", "r1"),
        ("2", "r2"),
        ("3", "r3"),
        ("4", "r12"),
        ("5", "lr"),
        ("6", "pc"),
        ("7", "xpsr"),
    ],
    ..on_cortex_m("rusefi", "rusEFI fault record")
};

/// MicroPython on STM32 and Renesas RA.
pub static MICROPYTHON: Dialect = Dialect {
    sample: "\
HardFault
R0    00000021
R12   200074a4
SP    20000dd8
LR    08016e13
PC    0802e704
XPSR  21000000
HFSR  40000000
CFSR  00008200
BFAR  50000000
",
    starts: &["^HardFault$", "R0 {hex8}$"],
    ends: &["FATAL ERROR:"],
    rules: &[
        // Others say this as well: it is MicroPython's if its registers follow.
        Rule::Fallback("HardFault"),
        Rule::Registers("{name} {hex8}$"),
        Rule::Memory("{hexaddr} {words}"),
    ],
    family: |crash| crash.has("pc").then_some(Family::CortexM),
    finish: |dump, crash| {
        if crash.has("sp") {
            let words = "sp is where the exception frame lies, below the sp of the code";
            dump.notes.push(Note::info(words).by("micropython").code("unknown-register"));
        }
    },
    ..on_cortex_m("micropython", "MicroPython hard fault text")
};

/// Teensy 4's CrashReport.
pub static TEENSY: Dialect = Dialect {
    sample: "\
CrashReport:
  A problem occurred at (system time) 10:21:44
  Code was executing from address 0x11C2E
  CFSR: 82
	(DACCVIOL) Data Access Violation
	(MMARVALID) Accessed Address: 0x0
",
    starts: &["CrashReport:", "CrashReport ..."],
    rules: &[
        Rule::Fact("A problem occurred at (system time) {text}", "time"),
        Rule::Register("Code was executing from address 0x{hex}", "pc"),
        Rule::Register("return address: {hex}", "pc"),
        Rule::Register("CFSR: {hex}", "CFSR"),
        Rule::Register("HTSR: {hex}", "HFSR"),
        Rule::Address("ARVALID) Accessed Address: 0x{hex}"),
        Rule::Address("(MMARVALID) Accessed Address: 0x{hex}"),
        Rule::Address("(BFARVALID) Accessed Address: 0x{hex}"),
        Rule::Skip("(FORCED) Forced Hard Fault"),
        Rule::Title("({code}ERR) {text}"),
        Rule::Title("({code}VIOL) {text}"),
        Rule::Title("(UNDEFINSTR) {text}"),
        Rule::Title("(INVSTATE) {text}"),
        Rule::Title("(INVPC) {text}"),
        Rule::Title("(NOCP) {text}"),
        Rule::Title("(UNALIGNED) {text}"),
        Rule::Title("(DIVBYZERO) {text}"),
        Rule::Title("(VECTTBL) {text}"),
        Rule::Fact("Reboot was caused by {text}", "reset cause"),
        Rule::Fact("Temperature inside the chip was {text}", "temperature"),
        Rule::Fact("Breadcrumb #{text}", "breadcrumb"),
        Rule::Registers("{name}: {hex}"),
    ],
    names: &[("ipsr", "ipsr")],
    ..on_cortex_m("teensy", "Teensy CrashReport")
};

/// Flipper Zero's crashes.
pub static FLIPPER: Dialect = Dialect {
    sample: "\
[CRASH][RPC Worker] furi_check failed
	r0 : 2000c6ac
	r11 : 54
	lr : 80223d5
	stack watermark: 2904
	core2: not faulted
Rebooting system
",
    starts: &["[CRASH][{thread}] {text}"],
    ends: &["Rebooting system", "System halted"],
    rules: &[
        Rule::All(&[Rule::Thread("[CRASH][{thread}]"), Rule::Title("[CRASH][{thread}] {text}")]),
        Rule::Fact("stack watermark: {text}", "stack watermark"),
        Rule::Fact("heap total: {text}", "heap total"),
        Rule::Fact("heap free: {text}", "heap free"),
        Rule::Fact("heap watermark: {text}", "heap watermark"),
        Rule::Fact("core2: {text}", "core2"),
        Rule::Fact("PC: {text}", "core2 pc"),
        Rule::Fact("LR: {text}", "core2 lr"),
        Rule::Fact("SP: {text}", "core2 sp"),
        Rule::Registers("{name} : {hex}"),
    ],
    ..on_cortex_m("flipper", "Flipper Zero crash text")
};

/// Marlin's faults.
pub static MARLIN: Dialect = Dialect {
    sample: "\
## Software Fault detected ##
Cause: Hard
R0   : 0x00000002
LR   : 0x1FFF8494
PC   : 0x0001C7B2
PSR  : 0x61000000
CFSR : 0x02000000
ExcLR: 0xFFFFFFF9
Backtrace:#1 : unknown@0x0001C39C+1046 PC:0x0001C7B2
",
    starts: &["## Software Fault detected ##"],
    rules: &[
        Rule::Title("Cause: {text}"),
        Rule::Frame("#{dec} : {function}@0x{hexof}+{offset} PC:0x{hexpc}", Address::Return),
        Rule::Registers("{name} : 0x{hex8}"),
    ],
    names: &[("mmar", "MMFAR"), ("exclr", "exc_return"), ("excsp", "excsp")],
    finish: |dump, _| {
        if !dump.reason.words.to_ascii_lowercase().contains("fault") {
            dump.reason.words = format!("{} fault", dump.reason.words);
        }
        dump.reason.signal = dump.reason.signal.or(Some(Signal::Segv));
        for frame in dump.threads.iter_mut().flat_map(|thread| &mut thread.printed) {
            frame.function = frame.function.take().filter(|name| name != "unknown");
        }
    },
    ..on_cortex_m("marlin", "Marlin fault text")
};

/// ArduPilot's record of the watchdog's reset.
pub static ARDUPILOT_WDOG: Dialect = Dialect {
    sample: "\
2026-01-01 10:00:04.12: WDG: T30 SL0 FL102 FT3 FAE000ED38 FTP182 FLR805AF05 FICSR4196355 MM76 MC246 IE0 IEC0 TN:rcin
",
    starts: &["FT : {dec}, FA : {dec}", "WDG: T{dec}"],
    ends: &["FT : {dec}, FA : {dec}", "WDG: T{dec}"],
    rules: &[Rule::All(&[
        Rule::Register("FT : {dec}", "fault type"),
        Rule::Register("FT{dec} FA", "fault type"),
        Rule::Register("LR : {dec}", "lr"),
        Rule::Register("FLR{hex}", "lr"),
        Rule::Register("ICSR : {dec}", "ICSR"),
        Rule::Register("FICSR{dec}", "ICSR"),
        Rule::Register("FA : {dec}", "fault address"),
        Rule::Register("FA{hex}", "fault address"),
        Rule::Register("FL : {dec}", "fault line"),
        Rule::Register("Tsk : {dec}", "scheduler task"),
        Rule::Thread("TN:{thread}$"),
    ])],
    finish: |dump, crash| {
        // AP_HAL's FaultType.
        let words = match crash.word("fault type") {
            Some(2) => "NMI",
            Some(3) => "hard fault",
            Some(4) => "memory management fault",
            Some(5) => "bus fault",
            Some(6) => "usage fault",
            _ => "watchdog reset",
        };
        dump.reason.words = format!("{words}, then a reset by the watchdog");
        dump.reason.signal = Some(Signal::Segv).filter(|_| words != "watchdog reset");
    },
    ..on_cortex_m("ardupilot-wdog", "ArduPilot watchdog record")
};

/// Playdate's crash log.
pub static PLAYDATE: Dialect = Dialect {
    sample: "\
--- crash at 2026/03/02 08:14:51---
build:1a2b3c4d-2.6.0-release.170001-buildbot
   r0:00000000    r1:00000028     r2:2000143c    r3: 0000004e
  r12:0000002c    lr:60004375     pc:6000fa76   psr: 81000000
 cfsr:00000082  hfsr:00000000  mmfar:000133e0  bfar: 000133e0
rcccsr:00000000
heap allocated: 61440
",
    starts: &["--- crash at {text}"],
    rules: &[
        Rule::Fact("--- crash at {text}---", "time"),
        Rule::Fact("build:{text}", "build"),
        Rule::Fact("heap allocated: {text}", "heap allocated"),
        Rule::Fact("Lua totalbytes={text}", "Lua totalbytes"),
        Rule::Registers("{name}: {hex8}"),
    ],
    names: &[("rcccsr", "rcccsr")],
    ..on_cortex_m("playdate", "Playdate crashlog.txt")
};
