//! Lines that a web page ran together into one paragraph: each begins with the stamp of Zephyr's logger,
//! `[00:00:44.726,567] <err> `, often with the number of SEGGER's terminal before it, `00> `.

/// Shorter lines are lines.
const SHORTEST: usize = 120;
/// So many stamps in a line were at the beginnings of as many.
const FEWEST: usize = 3;
/// A stamp: `9` is a digit.
const STAMP: &[u8] = b"[99:99:99.999,999] <";
/// What a terminal sets before each line.
const TERMINAL: &str = "00> ";

/// `text` with its lines as they were; `None` if none was run together.
pub(super) fn apart(text: &str) -> Option<String> {
    memchr::memmem::find(text.as_bytes(), b"] <")?;
    let mut all = String::new();
    let mut is_changed = false;
    for line in text.split_inclusive('\n') {
        let stamps = stamps(line);
        if line.len() < SHORTEST || stamps.len() < FEWEST {
            all.push_str(line);
            continue;
        }
        is_changed = true;
        let mut from = 0;
        for at in stamps {
            let before = line.get(from..at).unwrap_or_default();
            let before = before.trim_end();
            if !before.is_empty() {
                all.push_str(before);
                all.push('\n');
            }
            from = at;
        }
        all.push_str(line.get(from..).unwrap_or_default());
    }
    is_changed.then_some(all)
}

/// Where the lines begin that were run together.
fn stamps(line: &str) -> Vec<usize> {
    let is_stamp = |bytes: &[u8]| {
        bytes.iter().zip(STAMP).all(|(byte, like)| match like {
            b'9' => byte.is_ascii_digit(),
            like => byte == like,
        })
    };
    let found = line.as_bytes().windows(STAMP.len()).enumerate();
    let found = found.filter(|(_, bytes)| is_stamp(bytes)).map(|(at, _)| at);
    let begin = |at: usize| {
        let before = line.get(..at).unwrap_or_default();
        before.strip_suffix(TERMINAL).map_or(at, str::len)
    };
    found.map(begin).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_paragraph_is_lines_again() {
        let lines = [
            "00> [00:00:44.726,567] <err> os: ***** USAGE FAULT *****",
            "00> [00:00:44.726,573] <err> os: Unaligned memory access",
            "00> [00:00:44.726,590] <err> os: r0/a1: 0x00000000 r1/a2: 0x00051a8c",
            "00> [00:00:44.726,645] <err> os: Faulting instruction address (r15/pc): 0x00051a8c",
        ];
        for lines in [lines.map(String::from), lines.map(|line| line.replace("00> ", ""))] {
            let paragraph = format!("It crashes: {}\nAnd again.\n", lines.join(" "));
            let expected = format!("It crashes:\n{}\nAnd again.\n", lines.join("\n"));
            assert_eq!(apart(&paragraph), Some(expected));
            assert_eq!(apart(&(lines.join("\n") + "\n")), None);
        }
    }
}
