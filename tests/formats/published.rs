//! Forms that reports on the web have and no sample had, with values of our own.

use crate::support::{note_with, opened};
use coroner::open::Opened;
use coroner::reason::Signal;

fn register(opened: &Opened, name: &str) -> Option<u64> {
    opened.dump.crashed().and_then(|thread| thread.registers.by_name(name))
}

const ARM_OOPS: &str = "\
[  77.100000] Unable to handle kernel NULL pointer dereference at virtual address 00000014
[  77.100100] Internal error: Oops: 17 [#1] ARM
[  77.100200] CPU: 0 PID: 410 Comm: blinkd Not tainted 5.4.79 #9
[  77.100300] PC is at led_blink+0x18/0x64
[  77.100400] LR is at led_tick+0x3c/0x5c
[  77.100500] pc : [<c01f4218>]    lr : [<c01f42a0>]    psr: 60000013
[  77.100600] sp : cd00fff4  ip : cd00a06c  fp : cd00a068
[  77.100700] r3 : 00000001  r2 : 00000002  r1 : 00000003  r0 : 00000000
[  77.100800] Stack: (0xcd00fff4 to 0xcd012000)
[  77.100900] ffe0:                                              c5cf5dc0 c01f42a0 cd00a084
[  77.101000] 0000: cd00a06c c01f42a0 c01f420c cd00a08c c0955d38 c0247f60 cd00a0b4 cd00a098
[  77.101100] 0020: 00000011 00000022 00000033 00000044 00000055 00000066 00000077 00000088
[  77.101200] [<c01f4218>] (led_blink) from [<c01f42a0>] (led_tick+0x3c/0x5c)
[  77.101300] ---[ end trace 3e5d2f1f1fa2c22d ]---
";

#[test]
fn an_oops_of_32_bit_arm_has_its_stack_and_the_name_of_its_function() {
    let opened = opened(ARM_OOPS);
    let memory = &opened.dump.memory;
    let word = |addr| memory.u32_le(addr);
    assert_eq!(word(0xcd00_fff4), Some(0xc5cf_5dc0));
    // The low half of the address goes over.
    assert_eq!(word(0xcd01_0000), Some(0xcd00_a06c));
    assert_eq!(word(0xcd01_003c), Some(0x88));
    assert_eq!(word(0xcd01_0040), None);
    assert_eq!(opened.dump.reason.signal, Some(Signal::Segv));
    let thread = opened.dump.crashed().expect("it crashed");
    assert_eq!(thread.printed[0].function.as_deref(), Some("led_blink"));
    assert_eq!(thread.printed[0].pc, 0xc01f_4218);
}

#[test]
fn a_row_of_the_stack_that_is_missing_moves_none_behind_it() {
    let lines = ARM_OOPS.lines().filter(|line| !line.contains("] 0000: "));
    let opened = opened(lines.map(|line| format!("{line}\n")).collect::<String>());
    assert!(opened.dump.memory.u32_le(0xcd00_fff4).is_some());
    assert!(opened.dump.memory.u32_le(0xcd01_0000).is_none());
    assert!(opened.dump.memory.u32_le(0xcd01_0020).is_none());
}

#[test]
fn after_an_assertion_of_nuttx_on_xtensa_the_cause_is_no_reason() {
    let text = "\
[CPU0] dump_assert_info: Current Version: NuttX  12.4.0 0123abcd Jul 15 2025 17:38:32 xtensa
[CPU0] dump_assert_info: Assertion failed : at file: mm_heap/mm_free.c:243 task(CPU0): nsh_main process: nsh_main 0x4201b1ac
[CPU0] up_dump_register:    PC: 42037700    PS: 00060322
[CPU0] up_dump_register:    A0: 8037a700    A1: 3fcb1da0    A2: 00000000    A3: 3fc9be40
[CPU0] up_dump_register:   SAR: 0000000f CAUSE: 9cc37aea VADDR: aaaaadba
";
    for text in [text.to_string(), text.replace("9cc37aea", "0000001c")] {
        let opened = opened(text);
        assert!(opened.dump.reason.words.starts_with("Assertion failed"), "{}", opened.dump.reason);
        assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
        assert_eq!(register(&opened, "pc"), Some(0x4203_7700));
    }
}

#[test]
fn what_nuttx_says_above_a_panic_is_of_it() {
    let opened = opened("\
arm_hardfault: Hard Fault:
arm_hardfault:   IRQ: 3 regs: 0x20157478
arm_hardfault:   BASEPRI: 000000e0 PRIMASK: 00000000 IPSR: 00000003 CONTROL: 00000004
arm_hardfault:   CFAULTS: 00008200 HFAULTS: 40000000 DFAULTS: 00000000 BFAULTADDR: 50000010 AFAULTS: 00000000
arm_hardfault: PANIC!!! Hard fault: 40000000
up_assert: Assertion failed at file:armv8-m/arm_hardfault.c line: 134 task: init
");
    let said = opened.dump.texts.join("\n");
    assert!(said.contains("regs: 0x20157478") && said.contains("IPSR: 00000003"), "{said}");
    assert_eq!(register(&opened, "BFAR"), Some(0x5000_0010));
}

#[test]
fn the_mode_of_an_mbed_fault_is_seen_where_no_error_info_follows() {
    let opened = opened(
        "\
++ MbedOS Fault Handler ++
FaultType: HardFault
Context:
R0   : 00000000
SP   : 20002ED0
LR   : 08004321
PC   : 08002000
xPSR : 61000003
HFSR : 40000000
MMFSR: 00000000
BFSR : 00000082
UFSR : 00000000
Mode : Handler
Priv : Privileged
Stack: MSP
-- MbedOS Fault Handler --
",
    );
    let thread = opened.dump.crashed().expect("it crashed");
    assert!(thread.remarks.iter().any(|words| words.contains("exception handler")), "{thread:?}");
    let facts = &opened.dump.identity.facts;
    assert!(facts.contains(&("stack in use".into(), "MSP".into())), "{facts:?}");
}

#[test]
fn colours_with_a_spelled_escape_are_no_words_of_the_device() {
    let opened = opened(
        "\
Guru Meditation Error: Core  0 panic'ed (Stack protection fault).
Detected in task \"blink\" at 0x4200d8f0
ESC[0;33m0x4200d8f0: led_blink at /src/led.c:55
ESC[0m
Core  0 register dump:
MEPC    : 0x40382e8e  RA      : 0x40382f18  SP      : 0x3fca86b0  GP      : 0x3fc97000
MSTATUS : 0x00001881  MTVEC   : 0x40380001  MCAUSE  : 0x0000001b  MTVAL   : 0x00000000
MHARTID : 0x00000000
ESC[0;33mStack memory:
3fca86b0: 0x00000000 0x00000000 0x3fca8730 0x3fcd5960 0x00000000 0x00000000 0x3fca8820 0x42010212
ESC[0m
",
    );
    assert!(!opened.dump.texts.iter().any(|text| text.contains("ESC[")), "{:?}", opened.dump.texts);
    assert!(opened.dump.memory.u32_le(0x3fca_86b0).is_some());
    assert!(note_with(&opened, "variables are not in it").contains("panic text"));
}

#[test]
fn the_hard_fault_of_nordics_sdk_is_read_through_each_of_its_loggers() {
    let lines = [
        "HARD FAULT at 0x00031A5C",
        "  R0:  0x20002100  R1:  0x00180004  R2:  0x00000012  R3:  0x00000003",
        "  R12: 0x00000003  LR:  0x00031B11  PSR: 0x21000000",
        "Cause: Data bus error (return address in the stack frame is not related to the instruction).",
        "Bus Fault Address: 0x00180004",
    ];
    for prefix in
        ["<error> hardfault: ", "00> <error> hardfault: ", "hardfault_implementation.c,  108, "]
    {
        let text: String = lines.iter().map(|line| format!("{prefix}{line}\n")).collect();
        let opened = opened(text);
        assert_eq!(opened.dump.format, "nRF5 SDK hard fault text");
        let values = ["pc", "lr", "xpsr", "r1", "r12"].map(|name| register(&opened, name));
        let expected = [0x31a5c, 0x31b11, 0x2100_0000, 0x18_0004, 3];
        assert_eq!(values, expected.map(Some), "{prefix}");
        let reason = &opened.dump.reason;
        assert!(reason.words.starts_with("hard fault: Data bus error"), "{reason}");
        assert!(reason.evidence.iter().any(|word| word.value == 0x18_0004), "{reason}");
    }
}

#[test]
fn a_fatal_error_of_zephyr_1_on_riscv_prints_as_many_digits_as_it_needs() {
    let opened = opened(
        "\
***** Booting Zephyr OS v1.14.0 *****
Exception cause Load access fault (5)
Current thread ID = 0x200001fc
Faulting instruction address = 0x1c42
  ra: 0x746  gp: 0x0  tp: 0x0  t0: 0x1880
  t1: 0x200001fc  t2: 0xfffffff5  t3: 0x0  t4: 0x0
  t5: 0x0  t6: 0x0  a0: 0x41037000  a1: 0x0
Fatal fault in essential thread! Spinning...
",
    );
    let values = ["pc", "ra", "t2", "mcause", "a1"].map(|name| register(&opened, name));
    assert_eq!(values, [0x1c42, 0x746, 0xffff_fff5, 5, 0].map(Some));
    assert_eq!(opened.dump.crashed().map(|thread| thread.id), Some(0x2000_01fc));
}

#[test]
fn what_a_program_gives_as_its_reason_leads() {
    let opened = opened(
        "\
core 0 PC 0x4200975a panic: integer overflow
--- 0x4200975a: app.main at /src/main/app.zig:14

Backtrace: 0x4037a755:0x3fc972d0 0x4037a71d:0x3fc972f0 0x4200986b:0x3fc97310
",
    );
    assert_eq!(opened.dump.reason.words, "panic: integer overflow");
    assert!(opened.dump.crashed().is_some());
}

#[test]
fn the_words_of_tocks_panic_stand_above_its_fault_status() {
    let opened = opened(
        "\
panicked at 'Restart threshold surpassed!', kernel/src/process.rs:517:13
\tKernel version release-1.5-550-g6ad2749fe

---| No debug queue found. You can set it with the DebugQueue component.

---| Fault Status |---
Data Access Violation:              true
Forced Hard Fault:                  true
Faulting Memory Address:            0x00000010
Fault Status Register (CFSR):       0x00000082
Hard Fault Status Register (HFSR):  0x40000000
",
    );
    assert!(
        opened.dump.reason.words.starts_with("Restart threshold surpassed!"),
        "{}",
        opened.dump.reason
    );
    assert!(opened.dump.identity.facts.iter().any(|(name, _)| name == "kernel version"));
}

#[test]
fn an_exception_in_u_boots_own_handler_is_not_the_crash() {
    let text = "\
Loading: \"Synchronous Abort\" handler, esr 0x8600000d, far 0x10
elr: 0000000041e02288 lr : 0000000041e68380 (reloc)
elr: 000000004ff3b288 lr : 000000004ffa1380
x0 : 000000004facc136 x1 : 0000000000001600

Code: \"Synchronous Abort\" handler, esr 0x96000004, far 0xfffffffffffffff0
elr: 0000000041e11110 lr : 0000000041e11114 (reloc)
elr: 000000004ff4a110 lr : 000000004ff4a114
x0 : 0000000000000006 x1 : 0000000000000007
x2 : 0000000000000008 x3 : 0000000000000009

Resetting CPU ...
";
    let once = opened(text);
    assert_eq!(once.found.len(), 1);
    let values = ["pc", "x0", "x2", "ESR_EL1", "FAR_EL1"].map(|name| register(&once, name));
    assert_eq!(values, [Some(0x4ff3_b288), Some(0x4fac_c136), None, Some(0x8600_000d), Some(0x10)]);
    assert!(once.dump.texts.iter().any(|line| line.contains("000000004ff4a110")));
    // The next boot's is another crash.
    let twice = opened(format!("{text}{}", text.replace("Loading: ", "")));
    assert_eq!(twice.found.len(), 2);
}

#[test]
fn fault_words_by_their_names_in_cmsis_are_taken() {
    let opened = opened(
        "\
HardFault!
R0 = 0x20003008
R1 = 0x0000000D
LR = 0x00011677
PC = 0x00011D52
xPSR = 0x61000000
SCB->CFSR = 0x00008200
SCB->HFSR = 0x40000000
SCB->BFAR = 0x5B2B02CF
",
    );
    assert!(opened.dump.reason.words.contains("precise data access"), "{}", opened.dump.reason);
    assert_eq!(register(&opened, "BFAR"), Some(0x5b2b_02cf));
}

#[test]
fn a_kernel_that_prints_names_alone_still_says_where() {
    let opened = opened(
        "\
[   12.100000] Unable to handle kernel paging request at virtual address 0000004040000000
[   12.100100] Internal error: Oops: 0000000096000005 [#1] PREEMPT SMP
[   12.100200] CPU: 3 UID: 0 PID: 2266 Comm: blinkd Not tainted 6.12.20 #1
[   12.100300] pstate: 80400009 (Nzcv daif +PAN -UAO -TCO -DIT -SSBS BTYPE=--)
[   12.100400] pc : led_copy+0xd8/0x240
[   12.100500] lr : led_iter+0xf4/0x6a8
[   12.100600] sp : ffffc00084d4bb60
[   12.100700] x29: ffffc00084d4bb60 x28: ffff800100da51b8 x27: 000000000000005b
[   12.100800] ---[ end trace 0000000000000000 ]---
",
    );
    assert!(opened.dump.reason.words.ends_with(", in led_copy"), "{}", opened.dump.reason);
    assert_eq!(register(&opened, "pc"), None);
}

#[test]
fn xtensas_cause_of_zephyr_is_decimal_in_every_release() {
    let old = opened(
        "\
 ** FATAL EXCEPTION
 ** CPU 0 EXCCAUSE 20 PS 0x00060120 PC 0x00000000 VADDR 0x00000000
 **  A0 0x80082519  SP 0x3ffb1b70  A2 0x00000000  A3 0x00000000
 ** LBEG 0x00000000 LEND 0x00000000 LCOUNT 0x00000000
 ** SAR 0x00000000
Current thread ID = 0x3ffb021c
",
    );
    assert_eq!(register(&old, "exccause"), Some(20));
    assert!(old.dump.reason.words.starts_with("InstFetchProhibited"), "{}", old.dump.reason);
}

#[test]
fn a_fault_while_zephyr_prints_is_not_the_crash() {
    let opened = opened(
        "\
 ** FATAL EXCEPTION
 ** CPU 0 EXCCAUSE 0 (illegal instruction)
 **  PC 0x400d75c0 VADDR 0
 **  PS 0x60020
 **  A0 0x800df730  SP 0x3ffbaea0  A2 0x3ffbb488  A3 0xffffffff


Backtrace:0x ** FATAL EXCEPTION
 ** CPU 0 EXCCAUSE 20 (inst fetch prohibited)
 **  PC 0xaaaaaaaa VADDR 0xaaaaaaa8
 **  A4 0x11  A5 0x22  A6 0x33  A7 0x44
",
    );
    assert_eq!(opened.found.len(), 1);
    let values = ["pc", "exccause", "ar4"].map(|name| register(&opened, name));
    assert_eq!(values, [Some(0x400d_75c0), Some(0), None]);
    assert!(opened.dump.texts.iter().any(|line| line.contains("0xaaaaaaaa")));
}

#[test]
fn what_a_radio_controller_asserts_leads() {
    let opened = opened(
        "\
E: MPSL ASSERT: 112, 2134
E: ***** HARD FAULT *****
E: Fault escalation (see below)
E: ARCH_EXCEPT with reason 3

E: r0/a1: 0x00000003 r1/a2: 0x20009028 r2/a3: 0x80000000
E: r3/a4: 0x00000001 r12/ip: 0x200053ba r14/lr: 0x00031863
E: xpsr: 0x41010018
E: Faulting instruction address (r15/pc): 0x0003186e
E: >>> ZEPHYR FATAL ERROR 3: Kernel oops on CPU 0
E: Current thread: 0x200033a8 (unknown)
",
    );
    assert!(
        opened.dump.reason.words.starts_with("MPSL ASSERT: 112, 2134"),
        "{}",
        opened.dump.reason
    );
    assert_eq!(opened.dump.reason.signal, Some(Signal::Abrt));
    assert_eq!(register(&opened, "pc"), Some(0x3186e));
}

#[test]
fn an_esp8266_without_arduino_prints_no_stack() {
    let text = "\
csum 0x4b
Fatal exception (28):
epc1=0x40243016, epc2=0x00000000, epc3=0x00000000, excvaddr=0x000000eb, depc=0x00000000
";
    let opened = opened(text);
    let values = ["pc", "exccause", "excvaddr"].map(|name| register(&opened, name));
    assert_eq!(values, [0x4024_3016, 28, 0xeb].map(Some));
    assert!(!opened.dump.notes.iter().any(|note| note.words.contains("cut off")));
}

#[test]
fn the_report_of_esp_coredump_is_read_as_registers() {
    let opened = opened(
        "\
espcoredump.py v0.4-dev
===============================================================
==================== ESP32 CORE DUMP START ====================

Crashed task handle: 0x3ffbbbf4, name: 'esp_timer', GDB name: 'process 1073462260'

================== CURRENT THREAD REGISTERS ===================
exccause       0x1c (LoadProhibitedCause)
excvaddr       0x8
pc             0x400994e7          0x400994e7 <led_blink+59>
lbeg           0x40093014          1074343956
sar            0x17                23
ps             0x60025             393253
a0             0x800956fc          -2146871556
a1             0x3ffbbb30          1073462064
==================== ESP32 CORE DUMP END ====================
",
    );
    let values = ["pc", "ar1", "exccause"].map(|name| register(&opened, name));
    assert_eq!(values, [0x4009_94e7, 0x3ffb_bb30, 28].map(Some));
}

#[test]
fn the_assertion_before_mynewts_handler_is_no_register_of_it() {
    let registers = "\
024349 Unhandled interrupt (3), exception sp 0x2000bcc0
024349  r0:0x00000001  r1:0xffffffff  r2:0x00000037  r3:0x00000001
024349 r12:0x00000000  lr:0x00010e57  pc:0x0001079e psr:0x61000000
024349 ICSR:0x00421803 HFSR:0x40000000 CFSR:0x01000000
";
    let both = opened(format!("024349 Assert @ 0x27a77\n{registers}"));
    assert_eq!(register(&both, "lr"), Some(0x10e57));
    assert!(both.dump.identity.facts.contains(&("assert".into(), "0x27a77".into())));
}

#[test]
fn an_oops_of_risc_v_begins_with_its_cause() {
    let opened = opened(
        "\
[ 1165.818180] Oops - store (or AMO) access fault [#1]
[ 1165.818560] CPU: 2 PID: 1222 Comm: memtester Not tainted 6.4.0 #1
[ 1165.818580] epc : clear_page+0x14/0x28
[ 1165.818590]  ra : get_page+0x9a8/0x1104
[ 1165.818600] epc : ffffffff804c1234 ra : ffffffff80212ac8 sp : ffffffc8009abb30
[ 1165.818610]  gp : ffffffff81a9b1c8 tp : ffffffd8c2c3c980 t0 : 0000000000000000
[ 1165.818630] status: 0000000200000120 badaddr: ffffffd9f0000000 cause: 0000000000000007
[ 1165.818650] ---[ end trace 0000000000000000 ]---
",
    );
    assert_eq!(register(&opened, "pc"), Some(0xffff_ffff_804c_1234));
    assert!(opened.dump.reason.words.starts_with("store (or AMO) access fault"));
    let thread = opened.dump.crashed().expect("it crashed");
    assert_eq!(thread.name.as_deref(), Some("memtester"));
    assert_eq!(thread.printed[0].function.as_deref(), Some("clear_page"));
}

#[test]
fn ardupilots_own_tasks_are_below_0() {
    let opened =
        opened("WDG: T-2 SL0 FL100 FT3 FAE000ED38 FTP183 FLR805AF05 FICSR4196355 MM0 MC0\n");
    assert_eq!(register(&opened, "lr"), Some(0x0805_af05));
    assert!(opened.dump.reason.words.starts_with("hard fault"));
}

#[test]
fn a_page_fault_of_zephyr_1_on_x86_is_read_with_its_address() {
    let opened = opened(
        "\
***** CPU Page Fault (error code 0x00000000)
Supervisor thread read address 0x00000004
PDE: 0x025 Present, Read-only, User, Execute Enabled
Current thread ID = 0x004044d8
eax: 0xffffffff, ebx: 0x00000000, ecx: 0x0000d3a1, edx: 0x00000001
esi: 0x00407a3c, edi: 0x00000000, ebp: 0x00412fc8, esp: 0x00412fb8
eflags: 0x00000246, cs: 0x0008
call trace:
eip: 0x00009f4c
     0x0000a12b (0x407a3c)
Fatal fault in thread 0x004044d8! Aborting.
",
    );
    assert_eq!(opened.dump.format, "Zephyr fatal error text");
    let values = ["eip", "esp", "ecx"].map(|name| register(&opened, name));
    assert_eq!(values, [0x9f4c, 0x41_2fb8, 0xd3a1].map(Some));
    assert!(opened.dump.reason.words.contains("CPU Page Fault: 0x4"), "{}", opened.dump.reason);
}

#[test]
fn a_damaged_heap_or_an_assertion_of_esp_idf_alone_is_a_crash() {
    for text in [
        "CORRUPT HEAP: Bad head at 0x3fcc2e90. Expected 0xabba1234 got 0x3fca5fec\n",
        "assert failed: multi_heap_free multi_heap_poisoning.c:279 (head != NULL)\n",
    ] {
        let opened = opened(format!("I (3021) app: scan\n{text}\n"));
        assert_eq!(opened.dump.reason.words, text.trim_end());
        assert!(opened.dump.crashed().is_some());
    }
    let handled = "ESP_ERROR_CHECK_WITHOUT_ABORT failed: esp_err_t 0x103 at 0x400902bb\n";
    assert!(crate::support::refused(handled).contains("without a crash"));
}

#[test]
fn a_number_that_no_register_holds_is_unknown() {
    let text = "2026-01-01 10:00:04.12: WDOG {TimeUS : 4120388, Tsk : 30, FL : 102, FT : 3, FA : 3758157112, FP : 182, ICSR : 4196355, LR : 1345902132026}\n";
    let opened = opened(text);
    assert_eq!((register(&opened, "lr"), register(&opened, "ICSR")), (None, Some(4_196_355)));
    assert!(note_with(&opened, "does not fit").contains("lr"));
}
