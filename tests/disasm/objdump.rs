//! What binutils' objdump says, and how it is compared.

use coroner::disasm::Decoder;
use coroner::targets::Family;
use std::collections::{BTreeMap, HashSet};
use std::process::Command;

/// An instruction as objdump lists it.
pub(crate) struct Listed {
    pub addr: u64,
    pub bytes: Vec<u8>,
    pub text: String,
}

/// Runs an objdump and takes its listing apart; `None` if it is not installed.
pub(crate) fn listing(program: &str, arguments: &[&str], family: Family) -> Option<Vec<Listed>> {
    let out = Command::new(program).args(arguments).output().ok()?;
    let text = String::from_utf8_lossy(&out.stdout);
    Some(text.lines().filter_map(|line| listed(line, family)).collect())
}

/// `  8000:\tf000 b801 \tb.w\t8008 <main>`: groups of digits are numbers, so that their bytes stand the other way
/// round on these machines, but for x86. GDB has `   0x8000 <main>:` in front.
pub(crate) fn listed(line: &str, family: Family) -> Option<Listed> {
    let (addr, rest) = line.split_once(":\t")?;
    let addr =
        u64::from_str_radix(addr.split_whitespace().next()?.trim_start_matches("0x"), 16).ok()?;
    let (bytes, text) = rest.split_once('\t')?;
    let groups = bytes.split_whitespace().map(|group| {
        let digits = (0..group.len()).step_by(2);
        let mut bytes: Vec<u8> = digits
            .map(|at| u8::from_str_radix(group.get(at..at + 2)?, 16).ok())
            .collect::<Option<_>>()?;
        if !family.is_x86() {
            bytes.reverse();
        }
        Some(bytes)
    });
    let bytes: Vec<u8> = groups.collect::<Option<Vec<_>>>()?.concat();
    Some(Listed { addr, bytes, text: text.to_string() })
}

/// Text without what is said for people: symbols, comments, spaces, the base of numbers.
pub(crate) fn normal(text: &str) -> String {
    let text = text.split(" @ ").next().unwrap_or_default();
    let text = text.split("\t@ ").next().unwrap_or_default();
    let text = text.split("//").next().unwrap_or_default();
    let text = text.split(" # ").next().unwrap_or_default();
    let text = text.split("\t; ").next().unwrap_or_default();
    let text = text.split(" ; ").next().unwrap_or_default();
    let mut text = text.trim().to_string();
    // What a literal holds, as GDB says.
    if let Some(at) = text.find(" (").filter(|_| text.starts_with("l32r")) {
        text.truncate(at);
    }
    // Symbols, in which there may be any number of angle brackets.
    if let Some(at) = text.find(" <").filter(|_| text.ends_with('>')) {
        text.truncate(at);
    }
    text.retain(|c| !c.is_whitespace());
    // `0x0(%rax,%rbx,1)` is `(%rax,%rbx)`.
    text.to_lowercase().replace(",0x0(", ",(").replace(",1)", ")").replace("0x", "")
}

/// What came of a comparison: differences by class, with a sample of each.
#[derive(Default)]
pub(crate) struct Compared {
    pub equal: usize,
    pub differences: BTreeMap<String, (usize, String)>,
}

impl Compared {
    /// Differences without an explanation.
    pub(crate) fn unexplained(&self) -> impl Iterator<Item = String> {
        let classes = self.differences.iter().filter(|(class, _)| class.starts_with("unexplained"));
        classes.map(|(class, (count, sample))| format!("{class}: {count} times, as {sample}"))
    }
}

/// Compares every instruction of a listing. `explained` names the class of a difference that has an explanation.
pub(crate) fn compare(
    list: &[Listed],
    family: Family,
    explained: &dyn Fn(&Listed, Option<&str>) -> Option<&'static str>,
    seen: &mut HashSet<Vec<u8>>,
) -> Compared {
    let mut compared = Compared::default();
    let mut decoder = Decoder::new(family).expect("a table");
    for one in list {
        let ours = decoder.decode(&one.bytes, one.addr);
        if !seen.insert(one.bytes.clone()) {
            continue;
        }
        let text = ours.as_ref().map(|ours| ours.text());
        let theirs = Some(normal(&one.text));
        let same = text.as_deref().map(normal) == theirs
            && ours.as_ref().is_some_and(|ours| ours.len == one.bytes.len());
        if same || text.is_none() && is_none(&one.text) {
            compared.equal += 1;
            continue;
        }
        let class = explained(one, text.as_deref()).map(str::to_string).unwrap_or_else(|| {
            let mnemonic = one.text.split_whitespace().next().unwrap_or_default();
            format!("unexplained: {mnemonic}")
        });
        let sample = format!("{:#x} {:02x?}: {:?}, ours {text:?}", one.addr, one.bytes, one.text);
        compared.differences.entry(class).or_insert((0, sample)).0 += 1;
    }
    compared
}

/// Whether objdump says that there is no instruction.
fn is_none(text: &str) -> bool {
    let first = text.split_whitespace().next().unwrap_or_default();
    matches!(
        first,
        ".word"
            | ".short"
            | ".byte"
            | ".inst"
            | ".2byte"
            | ".4byte"
            | ".insn"
            | "(bad)"
            | "unimp"
            | "udf"
    ) || first.starts_with(".insn")
        || first.starts_with("0x")
        || text.contains("excw")
        || text.contains("undefined")
        || text.contains("UNDEFINED")
        || text.contains("UNPREDICTABLE")
}
