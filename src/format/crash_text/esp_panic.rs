//! ESP-IDF's panic text: what a chip prints when no core dump is configured.
//!
//! The texts name no chip, but its ROM does when it boots again. Where a panic ends its text ends: the ROM
//! prints a `Saved PC:` of its own at the next start, and the program whatever it likes.
//!
//! A chip with two cores prints a register dump of each. After abort, a failed assertion or an
//! overflowed stack most releases print no registers where they can print a backtrace: PC and SP of
//! its first entry are then all that is known. From 4.0 on, Xtensa prints there the address of the
//! call, three below the register; those releases print the hash as well. ESP32 Arduino prints the
//! same, in 1.x with one blank before the core's number and a hash of zeros; up to 3.0 the title of the
//! registers names no core. The backtrace has no blank behind its colon up to 4.x; in 4.4-dev and in Arduino
//! 2.0.0 to 2.0.2 none behind the first pair.
//!
//! ESP8266_RTOS_SDK 3.3 and newer print their registers under the same titles, but only PC PS
//! A0-A15 SAR EXCCAUSE: the ESP8266 has no windows and no loops. The ROM of the ESP32-P4 prints PC, not MEPC.
//!
//! Sources: espressif/esp-idf, `panic.c` as it was up to 3.3 (in a copy for the ESP32-S2), and of
//! v4.1 to v6.0 `components/esp_system/panic.c` (00a7ecb5a31),
//! `port/panic_handler.c` (04987ac201f), `port/arch/riscv/panic_arch.c` (09487761cff),
//! `port/arch/xtensa/panic_arch.c` (002cd296e1a) and `debug_helpers.c`; `ulp/lp_core/lp_core_panic.c`;
//! espressif/ESP8266_RTOS_SDK `components/freertos/port/esp8266/panic.c` (2a65b024e7c); what
//! Espressif's decoder `esp_idf_panic_decoder` 1.2 takes. No real log is among the samples.

use super::esp_panic_reason::reason;
use super::espressif::RISCV_CAUSES;
use super::pattern::find;
use super::{Address, Crash, Dialect, PLAIN, Rule, Task};
use crate::dump::{Dump, FirmwareId, Note};
use crate::error::Result;
use crate::format::Context;
use crate::format::machine::{
    Family, Machine, machine_of, machine_told, set_by_any_name, set_window, xtensa_by_addresses,
};

const NAME: &str = "esp-panic";
/// Where the panic handler has no trap to show, these hold this (`panic_prepare_frame_from_ctx`).
const TRAP_ROWS: [&str; 5] = ["mstatus", "mtvec", "mcause", "mtval", "mhartid"];
const FILLER: u64 = 0xdead_c0de;
/// Registers that only one of the two architectures has, by the names in the text.
const RISCV_NAMES: [&str; 6] = ["mepc", "ra", "gp", "tp", "mstatus", "s0/fp"];
/// PS.WOE, which is always set where registers have windows.
const PS_WINDOWS: u64 = 1 << 18;
/// A hash of which fewer digits are known names no build.
const FEWEST_DIGITS: usize = 8;

const CORE: &str = "Core {core} register dump:$";
const NAMELESS: &str = "Register dump:$";
const BACKTRACE: &str = "Backtrace: 0x{hexpc8}:0x{hexsp8}";

/// ESP-IDF's panics, in logs in which at least one says more than a backtrace.
pub(super) static ESP_PANIC: Dialect = TABLE;

/// Backtraces alone. Other systems print the same line below their own words: it is asked last.
pub(super) static ESP_BACKTRACE: Dialect = Dialect {
    starts: &[BACKTRACE],
    is_sure: |_| true,
    sample: "Backtrace: 0x400d15ee:0x3ffb4950 0x400d161d:0x3ffb4970\n\nRebooting...\n",
    ..TABLE
};

const TABLE: Dialect = Dialect {
    name: NAME,
    title: "ESP-IDF panic text",
    sample: "\
Guru Meditation Error: Core  1 panic'ed (LoadProhibited). Exception was unhandled.

Core  1 register dump:
PC      : 0x400d15f1  PS      : 0x00060030  A0      : 0x800d1620  A1      : 0x3ffb4950
EXCCAUSE: 0x0000001c  EXCVADDR: 0x00000008  LBEG    : 0x00000000  LEND    : 0x00000000

Backtrace: 0x400d15ee:0x3ffb4950 0x400d161d:0x3ffb4970

ELF file SHA256: 0123456789abcdef
",
    starts: &[
        "Guru Meditation Error",
        "Meditation Error:",
        "panic'ed",
        "abort() was called",
        "core {core} PC 0x{hex} panic: ",
        "assert failed",
        "assertion \"",
        "ESP_ERROR_CHECK failed",
        "***ERROR***",
        "A stack overflow in task ",
        "Debug exception reason",
        "Detected in task",
        "Task watchdog got triggered",
        "Stack smashing protect failure",
        "CORRUPT HEAP",
        "terminate called",
        "Brownout detector was triggered",
        "Double exception",
        "heap_caps_alloc was called but failed",
        CORE,
        NAMELESS,
        BACKTRACE,
    ],
    again: &[
        "Guru Meditation Error",
        "Meditation Error:",
        "panic'ed",
        "abort() was called",
        "assert failed",
        "assertion \"",
        "ESP_ERROR_CHECK failed",
        "***ERROR***",
        "A stack overflow in task ",
        "Task watchdog got triggered",
        "Stack smashing protect failure",
        "CORRUPT HEAP",
        "terminate called",
        "Brownout detector was triggered",
        "Double exception",
        "heap_caps_alloc was called but failed",
        CORE,
        NAMELESS,
    ],
    ends: &["Rebooting...", "CPU halted", "Entering gdb stub"],
    rules: &[
        Rule::All(&[Rule::Other(CORE), Rule::Section(CORE, "registers")]),
        Rule::All(&[Rule::Other(NAMELESS), Rule::Section(NAMELESS, "registers")]),
        Rule::Other("Print CPU {core}"),
        Rule::Memory("Memory dump at 0x{hexaddr8}: {words8}"),
        Rule::Memory("^{hexaddr8}: {words8}"),
        Rule::Backtrace("acktrace:", "0x{hexpc8}:0x{hexsp8}", Address::Instruction),
        Rule::Thread("Stack bounds: 0x{hexlow8} - 0x{hexhigh8}"),
        Rule::Remark("Core {core} was running in ISR context", "was running in an interrupt"),
        Rule::Skip("ELF file SHA256:"),
        Rule::Title("Guru Meditation Error"),
        Rule::Title("Meditation Error:"),
        Rule::Title("panic'ed"),
        Rule::Title("abort() was called"),
        // Of Zig, and of others that call esp_system_abort() with words of their own.
        Rule::Title("panic: "),
        Rule::Title("assert failed"),
        Rule::Title("assertion \""),
        Rule::Title("ESP_ERROR_CHECK failed"),
        Rule::Title("***ERROR***"),
        Rule::Title("A stack overflow in task "),
        Rule::Title("Debug exception reason"),
        Rule::Title("Detected in task"),
        Rule::Title("Task watchdog got triggered"),
        Rule::Title("Stack smashing protect failure"),
        Rule::Title("CORRUPT HEAP"),
        Rule::Title("terminate called"),
        Rule::Title("Brownout detector was triggered"),
        Rule::Title("Double exception"),
        Rule::Title("heap_caps_alloc was called but failed"),
        // Before that title they are somebody else's.
        Rule::In("registers", &[Rule::Registers("{name} : 0x{hex8}")]),
    ],
    names: &[
        ("epc1", "epc1"),
        ("epc2", "epc2"),
        ("epc3", "epc3"),
        ("epc4", "epc4"),
        ("epc5", "epc5"),
        ("epc6", "epc6"),
    ],
    chip_in: Some((CHIP_WORDS, chip_in)),
    is_crash: |_, crash| crash.has_body() || crash.titles.iter().any(|title| is_panic(title)),
    is_sure: |crash| !crash.titles.is_empty() || crash.says("egister dump:"),
    machine,
    arrange,
    finish,
    ..PLAIN
};

/// Whether a title says without registers and backtrace that a chip panicked.
fn is_panic(title: &str) -> bool {
    [
        "panic'ed (",
        "abort() was called at PC",
        "Brownout detector was",
        "Guru Meditation Error of type",
        "CORRUPT HEAP: Bad ",
    ]
    .iter()
    .any(|words| title.contains(words))
        || find("assert failed: {function} {file}:{dec} (", title).is_some()
}

/// How ROMs begin.
const ROM: &str = "ESP-ROM:";
const ESP32_DATES: [&str; 2] = ["ets Jun  8 2016", "ets Jul 29 2019"];
/// Words of the lines that name a chip.
pub(super) const CHIP_WORDS: &[&str] = &[
    ROM,
    "ets Jun  8 2016",
    "ets Jul 29 2019",
    "Machine ",
    "with ESP32",
    "Chip is ESP32",
    "chip model",
    "Chip model",
    "esp_image:",
];

/// What the chip calls itself: `ESP-ROM:esp32s3-20210327`, `Machine : Board with ESP32S3`; only the
/// first ESP32's ROM begins with these dates.
pub(super) fn chip_in(text: &str) -> Option<String> {
    if let Some((_, rom)) = text.split_once(ROM) {
        return rom.split('-').next().map(|chip| chip.trim().to_string());
    }
    if ESP32_DATES.iter().any(|date| text.contains(date)) {
        return Some("esp32".to_string());
    }
    if !CHIP_WORDS.iter().any(|says| text.contains(says)) {
        return None;
    }
    let lower = text.to_ascii_lowercase().replace("esp32-", "esp32");
    let (_, behind) = lower.rsplit_once("esp32")?;
    let end = behind.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(behind.len());
    Some(format!("esp32{}", behind.get(..end)?))
}

/// `Guru Meditation Error: Core  1 panic'ed (LoadProhibited)`, `... on core 0`.
fn crashed_core(text: &str) -> Option<u32> {
    let said = ["panic'ed", "was called at", "Meditation Error"];
    if !said.iter().any(|said| text.contains(said)) {
        return None;
    }
    let found = find(": Core {core}", text).or_else(|| find("on core {core}", text))?;
    found.0.number("core").and_then(|core| u32::try_from(core).ok())
}

/// `***ERROR*** A stack overflow in task NAME has been detected.`, `Detected in task "NAME" at
/// 0x...`, `Stack canary watchpoint triggered (NAME)`.
fn task_in(title: &str) -> Option<String> {
    let patterns = [
        "stack overflow in task {name_} has been",
        "Detected in task \"{name_}\"",
        "Stack canary watchpoint triggered ({name_})",
    ];
    let found = patterns.into_iter().find_map(|pattern| find(pattern, title));
    let (found, _) = found?;
    found.text("name_").filter(|name| !name.is_empty()).map(str::to_string)
}

fn pc(task: &Task<'_>) -> Option<u64> {
    task.word("pc").or(task.word("mepc"))
}

fn arrange(crash: &mut Crash<'_>) {
    let crashed = crash.lines.iter().find_map(|line| crashed_core(line));
    let mut tasks = vec![std::mem::take(&mut crash.task)];
    tasks.append(&mut crash.others);
    tasks.retain(|task| pc(task).is_some() || !task.frames.is_empty());
    let stack = tasks.iter().find_map(|task| task.stack);
    for task in &mut tasks {
        task.stack = None;
        task.core = task.core.or(crashed).or(Some(0));
        let is_filler = |value| value == Some(FILLER);
        task.words
            .retain(|word| !is_filler(word.value) || !TRAP_ROWS.contains(&word.name.as_str()));
    }
    let first = tasks.iter().position(|task| task.core == crashed).unwrap_or(0);
    if first < tasks.len() {
        crash.task = tasks.remove(first);
    } else {
        // That there was a context is all that is known of it.
        crash.task.core = crashed.or(Some(0));
    }
    crash.task.stack = stack;
    crash.others = tasks;
}

/// Which chip printed the text.
fn machine(
    _: &Dialect,
    crash: &Crash<'_>,
    context: &Context<'_>,
    notes: &mut Vec<Note>,
) -> Result<Machine> {
    let has = |name: &&str| crash.all().any(|task| task.has(name));
    let riscv = RISCV_NAMES.iter().any(has);
    let xtensa = ["ps", "exccause", "sar"].iter().any(has);
    let chip = crash.chip.as_deref().filter(|_| context.target.is_none());
    if let Some(chip) = chip.and_then(|name| context.targets.chip(name).ok()) {
        let arch = context.targets.arch(&chip.arch)?;
        let fits = match arch.family {
            Family::RiscV32 => !xtensa,
            Family::Xtensa => !riscv,
            _ => false,
        };
        if fits {
            return Ok(Machine { arch, chip: Some(chip) });
        }
    }
    if riscv {
        return machine_of(context, Family::RiscV32);
    }
    let first = &crash.task;
    if !crash.has_body() {
        if let Some(told) = machine_told(context)? {
            return Ok(told);
        }
        let titles = || crash.titles.iter().map(|title| title.to_ascii_lowercase());
        if titles().any(|title| RISCV_CAUSES.iter().any(|cause| title.contains(cause))) {
            return machine_of(context, Family::RiscV32);
        }
        let words = "the text does not say which chip it is of: the register set is a guess";
        notes.push(Note::doubt(words).by(NAME).code("assumed"));
        return machine_of(context, Family::Xtensa);
    }
    let without_windows = first.word("ps").is_some_and(|ps| ps & PS_WINDOWS == 0);
    if without_windows && first.word("excvaddr").is_none() && context.target.is_none() {
        return super::esp8266::machine(context);
    }
    if pc(first).is_none() {
        // A backtrace alone looks the same on both.
        let told = machine_told(context)?;
        if let Some(told) = told.filter(|told| told.arch.family == Family::RiscV32) {
            return Ok(told);
        }
    }
    // a0 has the size of the window in its top bits, so it is no address.
    let of_task = |task: &Task<'_>| {
        let named = [pc(task), task.word("a1")].into_iter().flatten();
        let printed = task.frames.iter().flat_map(|frame| [Some(frame.pc), frame.sp]).flatten();
        named.chain(printed).collect::<Vec<u64>>()
    };
    let addrs: Vec<u64> = crash.all().flat_map(of_task).collect();
    let cores = crash.all().filter_map(|task| Some(task.core?.saturating_add(1))).max();
    xtensa_by_addresses(NAME, &addrs, cores.unwrap_or(1), context, notes)
}

/// Whether it is of a release before 4.0, which printed the program counter as it was: nothing
/// that newer ones have is there. Up to 4.4 newer ones left out the blank.
fn is_old(crash: &Crash<'_>) -> bool {
    !["ELF file SHA256:", "Print CPU ", "assert failed", "acktrace:0x"]
        .iter()
        .any(|words| crash.says(words))
}

fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let windowed = dump.arch.register("windowbase").is_some();
    for (thread, task) in dump.threads.iter_mut().zip(crash.all()) {
        let core = task.core.unwrap_or_default();
        thread.name = Some(format!("core {core}"));
        if let (None, Some(first)) = (pc(task), task.frames.first()) {
            let call = if windowed && !is_old(crash) { 3 } else { 0 };
            thread.registers.set_pc(first.pc.saturating_add(call));
            if let Some(sp) = first.sp {
                set_by_any_name(&mut thread.registers, if windowed { "a1" } else { "sp" }, sp);
            }
            set_window(&mut thread.registers);
            let words = format!(
                "core {core} printed no registers: pc and stack pointer are the first of its backtrace"
            );
            dump.notes.push(Note::info(words).by(NAME).code("reconstructed"));
        }
    }
    if let Some(thread) = dump.threads.first_mut()
        && let Some(task) = crash.titles.iter().find_map(|title| task_in(title))
    {
        thread.name = Some(task);
    }
    if ["CORRUPTED", "CONTINUES"].iter().any(|words| crash.says(&format!("|<-{words}"))) {
        let words = "the device says that its backtrace is not whole";
        dump.notes.push(Note::warning(words).by(NAME).code("damaged"));
    }
    dump.reason = reason(dump, crash).unwrap_or_default();
    // Arduino's core 1.x prints zeros: its loader does not know the hash. A low-power core says in words
    // that it has none.
    let is_hash = |digits: &&str| {
        digits.len() >= FEWEST_DIGITS
            && digits.bytes().all(|digit| digit.is_ascii_hexdigit())
            && digits.bytes().any(|digit| digit != b'0')
    };
    let mut digits = crash.lines.iter().filter_map(|line| line.split_once("ELF file SHA256:"));
    if let Some(digits) = digits.next().map(|(_, digits)| digits.trim()).filter(is_hash) {
        dump.identity.firmware.push(FirmwareId::ElfSha256(digits.to_ascii_lowercase()));
    }
    dump.notes.push(
        Note::info(match crash.has_body() {
            true => "a panic text holds registers and some of the stack: variables are not in it",
            false => "the text says what happened and holds no registers and no backtrace",
        })
        .code("partial"),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn titles_name_their_core_and_task_or_not() {
        assert_eq!(crashed_core("Guru Meditation Error: Core  1 panic'ed (x)"), Some(1));
        assert_eq!(crashed_core("abort() was called at PC 0x400d1f2a on core 0"), Some(0));
        assert_eq!(crashed_core("I (20) wifi: task runs on core 1"), None);
        let overflow = "***ERROR*** A stack overflow in task mqtt rx has been detected.";
        assert_eq!(task_in(overflow).as_deref(), Some("mqtt rx"));
    }

    #[test]
    fn chips_name_themselves_in_several_ways() {
        assert_eq!(chip_in("ESP-ROM:esp32c3-api1-20210207").as_deref(), Some("esp32c3"));
        assert_eq!(
            chip_in("Machine     : Workshop board with ESP32S3").as_deref(),
            Some("esp32s3")
        );
        assert_eq!(chip_in("Chip is ESP32-C6 (revision v0.1)").as_deref(), Some("esp32c6"));
        assert_eq!(chip_in("I (20) wifi: ESP32 started"), None);
    }
}
