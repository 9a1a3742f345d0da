//! Which frame of a crash is to blame, and the crash's signature.
//!
//! The innermost frames of an abort are the machinery of aborting: the same for every assert of
//! a firmware. They are skipped; and a crash in a library, a kernel or a hardware layer is
//! blamed on the user's code that called it (`app_rules.rs`).

use super::app_rules::AppRules;
use super::{Frame, Signature};
use crate::reason::{Reason, Signal};
use crate::unwind::Found;
use sha2::{Digest, Sha256};

/// As many functions make a signature. More would tell apart what is the same crash on another
/// way; fewer would mix what is different.
const SIGNATURE_FRAMES: usize = 5;

/// The frame that is to blame: the innermost one of the user's own code that has a known name; or,
/// where there is none, the innermost one that is not the machinery of aborting; or the innermost.
pub(super) fn blamed<'f>(frames: &'f [Frame], rules: &AppRules) -> Option<&'f Frame> {
    let is_known = |frame: &&Frame| frame.near.is_none() && frame.function.is_some();
    let own = frames.iter().filter(|frame| !frame.guess).filter(is_known);
    let own = own.into_iter().find(|frame| !is_machine(frame, rules) && !rules.is_foreign(frame));
    // Where not even the first frame is certain, nobody is blamed.
    own.or_else(|| {
        innermost(frames, rules).filter(|_| frames.first().is_none_or(|first| !first.guess))
    })
}

/// The innermost frame that is not the machinery of aborting and has a known name; or the innermost.
pub(super) fn innermost<'f>(frames: &'f [Frame], rules: &AppRules) -> Option<&'f Frame> {
    let known = |frame: &&Frame| {
        frame.near.is_none() && frame.function.is_some() && !is_machine(frame, rules)
    };
    frames.iter().find(known).or_else(|| frames.first())
}

fn is_machine(frame: &Frame, rules: &AppRules) -> bool {
    let name = frame.function.as_deref();
    name.is_some_and(|name| rules.is_machinery(&normal(name)) || rules.is_machinery(name))
}

/// The kind of a reason, without what differs from crash to crash and from one producer's words to
/// another's.
///
/// Of a panic: its text without the words that hold digits (addresses, line numbers), for the
/// trap that ended it says nothing. Of a fault: the last and most particular clause (`HardFault;
/// bus fault: precise data access: 0x90000000 at pc 0x72`), up to the first word that holds digits.
pub(super) fn kind_of(reason: &Reason) -> String {
    let steady = |word: &&str| !word.contains(|c: char| c.is_ascii_digit());
    let join = |words: &mut dyn Iterator<Item = &str>| words.collect::<Vec<_>>().join(" ");
    if reason.signal == Some(Signal::Abrt) {
        return join(&mut reason.words.split_whitespace().filter(steady));
    }
    let clause = reason.words.rsplit("; ").next().unwrap_or_default();
    let kind = join(&mut clause.split_whitespace().take_while(steady));
    kind.trim_end_matches(" at").trim_end_matches([':', ',']).to_string()
}

/// The signature of a crash: the kind of reason and the functions that led there.
///
/// Addresses are no part of it, so it is the same across devices and, mostly, across builds.
/// Without an ELF file there are only addresses; then it holds for one build. A function that calls
/// itself counts once: how deep a recursion was is chance. The machinery of aborting, the user's own
/// by `rules` as well, is no part of it. Nor are functions that ended in a tail call: a backtrace that the
/// device printed lacks them.
pub fn signature_of(
    signal: Option<Signal>,
    kind: &str,
    frames: &[Frame],
    rules: &AppRules,
) -> Signature {
    let signal = signal.map_or(String::new(), |signal| format!("{signal} "));
    let mut parts = vec![format!("{signal}{kind}").trim_end().to_string()];
    let sure = frames.iter().take_while(|frame| !frame.guess);
    let sure = sure.filter(|frame| frame.found != Found::TailCall.word());
    let mut named: Vec<String> = sure
        .clone()
        .filter(|frame| frame.near.is_none())
        .filter_map(|frame| frame.function.as_deref().map(normal))
        .collect();
    named.dedup();
    let telling = named.iter().position(|name| !rules.is_machinery(name)).unwrap_or(0);
    parts.extend(named.into_iter().skip(telling).take(SIGNATURE_FRAMES));
    if parts.len() == 1 {
        parts.extend(sure.take(SIGNATURE_FRAMES).map(|frame| frame.pc.to_string()));
    }
    let digest = Sha256::digest(parts.join("\n").as_bytes());
    let id = digest.iter().take(5).map(|byte| format!("{byte:02x}")).collect();
    Signature { id, parts }
}

/// A function's name without what changes from build to build: parameters and type arguments,
/// the hash of a Rust symbol, the suffixes of GCC's clones (`.isra.0`, `.part.1`).
fn normal(name: &str) -> String {
    let name = match name.split_once(".isra.").or_else(|| name.split_once(".part.")) {
        Some((own, _)) => own,
        None => name,
    };
    let name = name.split(".constprop.").next().unwrap_or(name);
    let name = name.split(".llvm.").next().unwrap_or(name);
    let mut out = String::with_capacity(name.len());
    let mut depth = 0usize;
    for c in name.chars() {
        match c {
            '<' | '(' => depth += 1,
            '>' | ')' => depth = depth.saturating_sub(1),
            _ if depth == 0 => out.push(c),
            _ => {}
        }
    }
    // `<T as Trait>::method` loses its type, but not its name.
    let out = out.trim().trim_matches(':');
    if out.is_empty() { name.to_string() } else { out.to_string() }
}

#[cfg(test)]
pub(super) fn test_frame(function: &str, guess: bool) -> Frame {
    Frame {
        index: 0,
        pc: super::Hex(0x100),
        found: "cfi",
        guess,
        exception: None,
        inlined: false,
        function: Some(function.into()),
        near: None,
        file: None,
        line: None,
        column: None,
        arguments: Vec::new(),
        locals: Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::Hex;

    use super::test_frame as frame;

    #[test]
    fn the_machinery_of_aborting_is_not_to_blame() {
        let frames = ["panic_abort", "esp_system_abort", "abort", "fail_once", "app_main"]
            .map(|name| frame(name, false));
        let rules = AppRules::default();
        assert_eq!(blamed(&frames, &rules).and_then(|f| f.function.as_deref()), Some("fail_once"));
        let signature = signature_of(Some(Signal::Abrt), "abort", &frames, &rules);
        assert_eq!(signature.parts, ["SIGABRT abort", "fail_once", "app_main"]);
        assert_eq!(signature.id.len(), 10);
    }

    #[test]
    fn a_library_is_not_to_blame_but_who_called_it() {
        let rules = AppRules::default();
        let of = |names: &[&str]| {
            let frames: Vec<Frame> = names.iter().map(|name| frame(name, false)).collect();
            blamed(&frames, &rules).and_then(|frame| frame.function.clone())
        };
        let rust = ["core::ptr::read_volatile", "app::poke", "app::main"];
        assert_eq!(of(&rust).as_deref(), Some("app::poke"));
        assert_eq!(of(&["memcpy", "xQueueReceive", "sensor_task"]).as_deref(), Some("sensor_task"));
        assert_eq!(of(&["memcpy", "vPortTaskWrapper"]).as_deref(), Some("memcpy"), "no own code");
        assert_eq!(
            of(&["panic_abort", "abort", "z_thread_entry"]).as_deref(),
            Some("z_thread_entry")
        );
    }

    #[test]
    fn a_signature_does_not_depend_on_guesses_clones_and_addresses() {
        let one = [frame("f.isra.0", false), frame("g(int, char)", false), frame("x", true)];
        let mut two = [frame("f", false), frame("g(long)", false)];
        two[0].pc = Hex(0x999);
        let of = |frames: &[Frame]| {
            signature_of(Some(Signal::Segv), "", frames, &AppRules::default()).id
        };
        assert_eq!(of(&one), of(&two));
        assert_ne!(of(&one), of(&two[..1]));
        assert_eq!(normal("<a::B as c::D>::run"), "run");
        assert_eq!(normal("core::ptr::read::<u8>"), "core::ptr::read");
    }

    #[test]
    fn the_depth_of_a_recursion_is_no_part_of_a_signature() {
        let of = |names: &[&str]| {
            let frames: Vec<Frame> = names.iter().map(|name| frame(name, false)).collect();
            signature_of(Some(Signal::Segv), "", &frames, &AppRules::default()).parts
        };
        let shallow = of(&["poke", "walk", "main"]);
        assert_eq!(shallow, of(&["poke", "walk", "walk", "walk", "walk", "walk", "walk", "main"]));
        assert_eq!(shallow, ["SIGSEGV", "poke", "walk", "main"]);
    }

    #[test]
    fn the_kind_of_a_fault_is_the_same_whoever_tells_it() {
        let of = |signal: Signal, words: &str| kind_of(&Reason::new(signal, words, vec![]));
        for words in [
            "bus fault: precise data access: 0xdeadbee0 at pc 0x1b86",
            "HardFault; bus fault: precise data access: 0x90000000",
            "Hard Fault; bus fault: precise data access",
        ] {
            assert_eq!(of(Signal::Segv, words), "bus fault: precise data access");
        }
        assert_eq!(of(Signal::Segv, "load access fault at 0x0"), "load access fault");
        assert_eq!(
            of(Signal::Ill, "usage fault: undefined instruction"),
            "usage fault: undefined instruction"
        );
        let panic =
            "panicked at src/main.rs:10:5: index out of bounds: the len is 4 but the index is 7";
        assert_eq!(
            of(Signal::Abrt, panic),
            "panicked at index out of bounds: the len is but the index is"
        );
    }
}
