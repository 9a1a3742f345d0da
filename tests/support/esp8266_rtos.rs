//! What ESP8266_RTOS_SDK prints of a task that crashed, in both forms, written here.

pub(crate) const LOW: u32 = 0x3ffe_9c40;
pub(crate) const WORDS: u32 = 16 * 5 + 3;

pub(crate) fn word(addr: u32) -> u32 {
    addr.wrapping_mul(0x9e37_79b9)
}

/// `panic_stack`: a row of offsets, then rows of sixteen words.
pub(crate) fn stack(old: bool) -> String {
    let mut text = " ".repeat(10);
    for n in 0..16u32 {
        text += &if old { format!("{:<8x} ", 4 * n) } else { format!("{:>10x} ", 4 * n) };
    }
    text += "\r\n\r\n";
    for row in (0..WORDS).step_by(16) {
        let addr = LOW + 4 * row;
        text += &if old { format!("{addr:<10x}") } else { format!("{addr:08x}  ") };
        for n in row..(row + 16).min(WORDS) {
            let word = word(LOW + 4 * n);
            text += &if old { format!("{word:08x} ") } else { format!("0x{word:08x} ") };
        }
        text += "\r\n";
    }
    text
}

pub(crate) fn registers(old: bool, pc: u32, sp: u32, cause: u32) -> String {
    let mut named = vec![("PC".to_string(), pc), ("PS".to_string(), 0x33)];
    named.push(("A0".into(), 0x4024_0011));
    named.push(("A1".into(), sp));
    named.extend((2..16).map(|n| (format!("A{n}"), 0x0a00_0000 + n)));
    named.push(("SAR".into(), 7));
    named.push(("EXCCAUSE".into(), cause));
    let mut text = String::new();
    for row in named.chunks(4) {
        for (name, value) in row {
            text += &match old {
                true => format!("{name:>8}: 0x{value:08x}  "),
                false => format!("{name:>10}: 0x{value:08x}"),
            };
        }
        text += "\r\n";
    }
    text
}

pub(crate) fn task(old: bool) -> String {
    format!(
        "Task stack [uiT] stack from [0x{LOW:x}] to [0x{:x}], total [{WORDS}] size\r\n\r\n{}\r\n\r\n",
        LOW + 4 * WORDS,
        stack(old)
    )
}
