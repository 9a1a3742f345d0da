//! Single lines of a panic text, and what they say.

use crate::dump::PrintedFrame;

/// What the device says of itself before the registers.
const TITLES: [&str; 18] = [
    "Guru Meditation Error",
    "Meditation Error:",
    "panic'ed",
    "abort() was called",
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
];
/// Those that tell more of a panic that has begun.
const DETAILS: [&str; 2] = ["Debug exception reason", "Detected in task"];
/// Those that say without registers and backtrace that a chip panicked.
const PANICS: [&str; 4] = [
    "panic'ed (",
    "abort() was called at PC",
    "Brownout detector was triggered",
    "Guru Meditation Error of type",
];
/// What comes after a panic: the restart, and the ROM's words at the next start.
const ENDS: [&str; 8] = [
    "Rebooting...",
    "CPU halted",
    "ESP-ROM:",
    "rst:0x",
    "ets Jun",
    "ets Jul",
    "Entering gdb stub",
    "Saved PC:",
];
const TITLE: &str = "egister dump:";

pub(super) fn is_title(text: &str) -> bool {
    // A firmware's image holds the same words with `%s` in them.
    !text.contains('%') && TITLES.iter().any(|title| text.contains(title))
}

pub(super) fn is_detail(text: &str) -> bool {
    DETAILS.iter().any(|title| text.contains(title))
}

pub(super) fn is_panic(text: &str) -> bool {
    !text.contains('%') && PANICS.iter().any(|title| text.contains(title))
}

pub(super) fn is_end(text: &str) -> bool {
    ENDS.iter().any(|end| text.contains(end))
}

/// `Core  0 register dump:`; up to 3.0 `Register dump:` alone, of a core that only the title names.
pub(super) fn core_number(text: &str) -> Option<u32> {
    let (before, behind) = text.split_once(TITLE)?;
    if !behind.trim().is_empty() {
        return None;
    }
    let before = before.strip_suffix(['r', 'R'])?.trim_end();
    match before.rsplit_once("Core") {
        Some((_, number)) => number.trim().parse().ok(),
        None => before.is_empty().then_some(0),
    }
}

/// Whether a title of registers does not say whose they are.
pub(super) fn is_nameless(text: &str) -> bool {
    text.contains("Register dump:") && !text.contains("Core")
}

/// `Guru Meditation Error: Core  1 panic'ed (LoadProhibited)`, `... on core 0`.
pub(super) fn crashed_core(text: &str) -> Option<u32> {
    let behind = text.split_once(": Core ").or_else(|| text.split_once("on core "))?.1;
    let number = behind.trim_start();
    let end = number.find(|c: char| !c.is_ascii_digit()).unwrap_or(number.len());
    number.get(..end)?.parse().ok()
}

/// What the chip calls itself: `ESP-ROM:esp32s3-20210327`, `Machine : Board with ESP32S3`; only the
/// first ESP32's ROM begins with these dates.
pub(super) fn chip_named(text: &str) -> Option<String> {
    if let Some((_, rom)) = text.split_once("ESP-ROM:") {
        return rom.split('-').next().map(|chip| chip.trim().to_string());
    }
    if ["ets Jun  8 2016", "ets Jul 29 2019"].iter().any(|date| text.contains(date)) {
        return Some("esp32".to_string());
    }
    let says =
        ["Machine ", "with ESP32", "Chip is ESP32", "chip model", "Chip model", "esp_image:"];
    if !says.iter().any(|says| text.contains(says)) {
        return None;
    }
    let lower = text.to_ascii_lowercase().replace("esp32-", "esp32");
    let (_, behind) = lower.rsplit_once("esp32")?;
    let end = behind.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(behind.len());
    Some(format!("esp32{}", behind.get(..end)?))
}

/// `Backtrace: 0x400d15ee:0x3ffb4950 ...`: up to 4.x without the first blank; in 4.4-dev and in Arduino
/// 2.0.0 to 2.0.2 without the one behind the first pair. Each pair has 8 digits twice.
pub(super) fn backtrace(text: &str) -> Vec<PrintedFrame> {
    let mut frames = Vec::new();
    let Some((_, pairs)) = text.split_once("acktrace:") else { return frames };
    let mut rest = pairs;
    while let Some((_, behind)) = rest.split_once("0x") {
        rest = behind;
        let Some((pc, sp)) = pair(behind) else { continue };
        // The pair that follows may have no blank before it.
        rest = behind.get(PAIR_LEN..).unwrap_or_default();
        frames.push(PrintedFrame { pc, returns: false, sp: Some(sp), function: None });
    }
    frames
}

/// `400d15ee:0x3ffb4950`.
const PAIR_LEN: usize = 19;

fn pair(text: &str) -> Option<(u64, u64)> {
    let pair = text.get(..PAIR_LEN)?;
    let (pc, sp) = pair.split_once(":0x")?;
    Some((eight(pc)?, eight(sp)?))
}

/// A value of 32 bits, which these chips print with all its digits.
pub(super) fn eight(digits: &str) -> Option<u64> {
    let whole = digits.len() == 8 && digits.bytes().all(|b| b.is_ascii_hexdigit());
    whole.then(|| u64::from_str_radix(digits, 16).ok())?
}

/// A register by its name, and its value; `None` for one that lost digits.
pub(super) type Named = (String, Option<u64>);

/// All `NAME    : 0x00000000` of a line.
pub(super) fn registers(text: &str) -> Vec<Named> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((before, behind)) = rest.split_once(':') {
        rest = behind;
        let name = before.trim_end().rsplit(' ').next().unwrap_or_default();
        let is_name = !name.is_empty()
            && name.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit() || b == b'/')
            && name.bytes().next().is_some_and(|b| b.is_ascii_uppercase());
        if !is_name {
            continue;
        }
        let value = behind.trim_start();
        let Some(digits) = value.strip_prefix("0x").or(value.is_empty().then_some("")) else {
            continue;
        };
        let end = digits.find(|c: char| !c.is_ascii_hexdigit()).unwrap_or(digits.len());
        found.push((name.to_string(), eight(digits.get(..end).unwrap_or_default())));
    }
    found
}

/// `3fc93a80: 0x00000000 0x3fc93ab0 ...`, `Memory dump at 0x4008ad14: 40934380 22427480`. Words that
/// lost digits end the row.
pub(super) fn memory(text: &str) -> Option<(u64, Vec<u8>)> {
    let (addr, words) = match text.split_once("Memory dump at 0x") {
        Some((_, row)) => row.split_once(':')?,
        None => text.split_once(':')?,
    };
    let addr = eight(addr.trim())?;
    let word = |word: &str| eight(word.strip_prefix("0x").unwrap_or(word));
    let words: Vec<[u8; 4]> = words
        .split_whitespace()
        .map_while(|text| Some(u32::try_from(word(text)?).ok()?.to_le_bytes()))
        .collect();
    (!words.is_empty()).then(|| (addr, words.concat()))
}

/// `***ERROR*** A stack overflow in task NAME has been detected.`, `Detected in task "NAME" at
/// 0x...`, `Stack canary watchpoint triggered (NAME)`.
pub(super) fn task_in(title: &str) -> Option<String> {
    let between = |before: &str, end: &str| {
        let (_, behind) = title.split_once(before)?;
        Some(behind.split_once(end)?.0.trim().to_string())
    };
    between("stack overflow in task ", " has been")
        .or_else(|| between("Detected in task \"", "\""))
        .or_else(|| between("Stack canary watchpoint triggered (", ")"))
        .filter(|name| !name.is_empty())
}

/// `Stack bounds: 0x3fc9d120 - 0x3fc9dd10`.
pub(super) fn stack_bounds(text: &str) -> Option<(u64, u64)> {
    let (low, high) = text.split_once("Stack bounds: 0x")?.1.split_once(" - 0x")?;
    Some((eight(low)?, eight(high.trim_end().get(..8)?)?)).filter(|(low, high)| low < high)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pairs_of_a_backtrace_may_be_glued() {
        let pcs = |text: &str| backtrace(text).iter().map(|frame| frame.pc).collect::<Vec<_>>();
        let wanted = [0x4008_4127, 0x4008_c9d1, 0x400d_1a3f];
        let glued = "Backtrace:0x40084127:0x3ffb2a900x4008c9d1:0x3ffb2ab0 0x400d1a3f:0x3ffb2ad0";
        assert_eq!(pcs(glued), wanted);
        assert_eq!(pcs(&glued.replace("900x", "90 0x").replace(":0x40084", ": 0x40084")), wanted);
        assert!(pcs("Backtrace: 0x40084127 0x4008c9d1").is_empty());
    }

    #[test]
    fn a_value_that_lost_digits_is_unknown() {
        let line = "MEPC    : 0x4039076a  S0/FP   : 0x3fcc2d10  GP      : 0x3f";
        let value = |name: &str| {
            registers(line)
                .into_iter()
                .find(|(found, _)| found == name)
                .and_then(|(_, value)| value)
        };
        assert_eq!((value("MEPC"), value("GP")), (Some(0x4039_076a), None));
        assert_eq!(value("S0/FP"), Some(0x3fcc_2d10));
    }

    #[test]
    fn titles_of_registers_name_their_core_or_not() {
        assert_eq!(core_number("Core  1 register dump:"), Some(1));
        assert_eq!(core_number("Register dump:"), Some(0));
        assert_eq!(core_number("the register dump: see below"), None);
        assert_eq!(crashed_core("Guru Meditation Error: Core  1 panic'ed (x)"), Some(1));
        assert_eq!(crashed_core("abort() was called at PC 0x400d1f2a on core 0"), Some(0));
    }

    #[test]
    fn chips_name_themselves_in_several_ways() {
        assert_eq!(chip_named("ESP-ROM:esp32c3-api1-20210207").as_deref(), Some("esp32c3"));
        assert_eq!(
            chip_named("Machine     : Workshop board with ESP32S3").as_deref(),
            Some("esp32s3")
        );
        assert_eq!(chip_named("Chip is ESP32-C6 (revision v0.1)").as_deref(), Some("esp32c6"));
        assert_eq!(chip_named("I (20) wifi: ESP32 started"), None);
    }
}
