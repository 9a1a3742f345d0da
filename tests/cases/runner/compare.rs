//! What a case claims, against a report: the first claim that does not hold, in words.

use super::report::{Report, holds, list, number, register, registers, text};
use serde_json::{Map, Value};

/// What claims about one crash say when all hold.
pub(crate) type Held = Result<(), String>;

/// Claims by name. A name that is not known is a mistake of the case.
pub(crate) fn check(report: &Report, right: &Map<String, Value>) -> Held {
    let thread = report.crashed()?;
    claims_of_thread(report, thread, right, "")?;
    for (name, value) in right {
        claim(report, thread, name, value)?;
    }
    Ok(())
}

/// One claim about the whole report.
fn claim(report: &Report, thread: &Value, name: &str, value: &Value) -> Held {
    let identity = |key: &str| text(report.at(&format!("/identity/{key}")));
    let headline = text(report.at("/headline"));
    match name {
        "format" => one("format", identity("format"), value),
        "arch" => one("arch", report.arch(), value),
        "arch_not" => {
            let excluded = list(value).iter().any(|arch| arch == report.arch());
            fails_if(excluded, || format!("arch {}, which is ruled out", report.arch()))
        }
        "chip" => one("chip", &format!("{} {}", identity("chip"), report.arch()), value),
        "no_crash" => fails_if(*value == true && report.signal() != "none", || {
            format!("signal {}, though nothing crashed", report.signal())
        }),
        "signal" => one("signal", report.signal(), value),
        "reason_has" => has("reason", &report.reason(), value),
        "reason_lacks" => lacks("reason", &report.reason(), value),
        "headline_has" => has("headline", headline, value),
        "headline_lacks" => lacks("headline", headline, value),
        "says" => has("report", &report.whole(), value),
        "lacks" => lacks("report", &report.whole(), value),
        "notes_have" => has("notes", &report.notes(), value),
        "notes_lack" => lacks("notes", &report.notes(), value),
        "blamed" => {
            let blamed = report.at("/blamed");
            let right = blamed == value || list(value).contains(blamed);
            fails_if(!right, || format!("blamed {blamed}, right {value}"))
        }
        "thread" => one("crashed thread", text(&thread["name"]), value),
        "thread_count" => {
            let count = report.threads().len();
            fails_if(Some(count as u64) != value.as_u64(), || {
                format!("{count} threads, right {value}")
            })
        }
        "fault" => each(value, |name, value| {
            let named = |word: &&Value| text(&word["name"]).eq_ignore_ascii_case(name);
            let word = list(report.at("/reason/evidence")).iter().find(named);
            let word = word.map(|word| number(&word["value"]));
            equal(name, word.unwrap_or_else(|| register(thread, name, report.arch())), value)
        }),
        "threads" => each(value, |name, right| {
            let is_it = |thread: &&Value| holds(text(&thread["name"]), &Value::from(name));
            let found = report.threads().iter().find(is_it);
            let found = found.ok_or_else(|| format!("no thread {name}"))?;
            let right = right.as_object().ok_or("the case itself: a thread's claims")?;
            claims_of_thread(report, found, right, &format!("{name}: "))?;
            let Some(state) = right.get("state") else { return Ok(()) };
            let have = format!("{} {}", found["state"], found["remarks"]);
            one(&format!("{name}: state"), &have, state)
        }),
        "memory_at" => memory(report, value, |there, _| there, "no memory at"),
        "memory_not_at" => {
            memory(report, value, |_, of_the_dump| !of_the_dump, "the dump's memory is not at")
        }
        "check" => list(value).iter().try_for_each(|pair| {
            let path = text(&pair[0]);
            let have = report.0.pointer(path);
            let have = have.ok_or_else(|| format!("{path} is absent, right {}", pair[1]))?;
            fails_if(*have != pair[1], || format!("{path} {have}, right {}", pair[1]))
        }),
        // Claims of a thread, and those that compare with another case.
        "registers"
        | "registers_not"
        | "registers_unknown"
        | "frames"
        | "frame_pcs"
        | "frames_have"
        | "frames_lack"
        | "stack_used"
        | "like"
        | "like_or_unknown"
        | "signature_same_as"
        | "signature_differs_from"
        | "refused" => Ok(()),
        _ => Err(format!("the case itself: no claim is called '{name}'")),
    }
}

fn claims_of_thread(
    report: &Report,
    thread: &Value,
    right: &Map<String, Value>,
    who: &str,
) -> Held {
    let arch = report.arch();
    let claimed = |name: &str| right.get(name).unwrap_or(&Value::Null);
    let functions: Vec<&Value> = list(&thread["frames"]).iter().map(|f| &f["function"]).collect();
    each(claimed("registers"), |name, value| {
        equal(&format!("{who}{name}"), register(thread, name, arch), value)
    })?;
    each(claimed("registers_not"), |name, values| {
        let have = register(thread, name, arch);
        let wrong = have.is_some() && list(values).iter().any(|value| number(value) == have);
        fails_if(wrong, || format!("{who}{name} {} is shown, which is wrong", hex(have)))
    })?;
    for name in list(claimed("registers_unknown")).iter().map(text) {
        let have = register(thread, name, arch);
        fails_if(have.is_some(), || format!("{who}{name} {}, right: unknown", hex(have)))?;
    }
    if let Some(frames) = right.get("frames").map(list) {
        let have = &functions[..frames.len().min(functions.len())];
        fails_if(!have.iter().copied().eq(frames), || {
            format!("{who}frames {}, right {}", Names(have), right["frames"])
        })?;
    }
    if let Some(wanted) = right.get("frame_pcs") {
        // Printed is the address of the call or the one it returns to: either may be shown.
        let own = list(&thread["frames"]).iter().filter(|frame| frame["inlined"] != true);
        let have: Vec<_> = own.map(|frame| number(&frame["pc"])).collect();
        let near = |n: usize, wanted: &Value| {
            let pair = have.get(n).copied().flatten().zip(number(wanted));
            pair.is_some_and(|(have, wanted)| have.abs_diff(wanted) <= 4)
        };
        let right = list(wanted).iter().enumerate().all(|(n, wanted)| near(n, wanted));
        fails_if(!right, || {
            let have: Vec<_> = have.iter().take(list(wanted).len()).map(|pc| hex(*pc)).collect();
            format!("{who}frames at {}, right {wanted}", have.join(" "))
        })?;
    }
    for name in list(claimed("frames_have")) {
        fails_if(!functions.contains(&name), || {
            format!("{who}no frame {name} in {}", Names(&functions))
        })?;
    }
    for name in list(claimed("frames_lack")) {
        let there = functions.contains(&name);
        fails_if(there, || format!("{who}{name} is not a caller: {}", Names(&functions)))?;
    }
    if let Some(wanted) = right.get("stack_used") {
        let used = &thread["stack"]["used"];
        fails_if(used != wanted, || {
            format!("{who}{used} bytes of the stack in use, right {wanted}")
        })?;
    }
    Ok(())
}

/// The same crash: registers, reason, frames, the dump's memory, name and signature.
pub(crate) fn like(report: &Report, other: &Report) -> Held {
    let (a, b) = (report.crashed()?, other.crashed()?);
    if a["registers"] != b["registers"] {
        let here = registers(a);
        let lost = registers(b).into_iter().filter(|pair| !here.contains(pair));
        let lost: Vec<_> = lost.map(|(name, value)| format!("{name} {}", text(value))).collect();
        return Err(format!("registers lost or changed: {}", lost.join(", ")));
    }
    let frames = |thread: &Value| -> Vec<_> {
        let frames = list(&thread["frames"]).iter();
        frames.map(|frame| (frame["pc"].clone(), frame["function"].clone())).collect()
    };
    fails_if(frames(a) != frames(b), || {
        format!("{} frames, of the plain text {}, or others", frames(a).len(), frames(b).len())
    })?;
    let dumped = |report: &Report| -> Vec<_> {
        let all = report.memory().into_iter().filter(|(_, _, origin)| *origin == "dump");
        let mut all: Vec<_> = all.map(|(low, high, _)| (low, high)).collect();
        all.sort_unstable();
        all
    };
    fails_if(dumped(report) != dumped(other), || {
        format!(
            "{} ranges of memory, of the plain text {}",
            dumped(report).len(),
            dumped(other).len()
        )
    })?;
    let same = |what: &str, x: &Value, y: &Value| {
        fails_if(x != y, || format!("{what} {x}, of the plain text {y}"))
    };
    same("name", &a["name"], &b["name"])?;
    same("reason", report.at("/reason"), other.at("/reason"))?;
    same("signature", report.at("/signature/id"), other.at("/signature/id"))
}

/// Registers as in the other report, or unknown.
pub(crate) fn like_or_unknown(report: &Report, other: &Report) -> Held {
    let plain = registers(other.crashed()?);
    for (name, value) in registers(report.crashed()?) {
        if let Some((_, right)) = plain.iter().find(|(other, _)| *other == name) {
            fails_if(number(value) != number(right), || {
                format!("{name} {value}, right {right} or unknown")
            })?;
        }
    }
    Ok(())
}

pub(crate) fn fails_if(wrong: bool, words: impl FnOnce() -> String) -> Held {
    if wrong { Err(words()) } else { Ok(()) }
}

/// Each of a list of words is there; a text alone counts as a list of one.
pub(crate) fn has(what: &str, said: &str, wanted: &Value) -> Held {
    let wrong = list(wanted).iter().find(|words| !holds(said, words));
    wrong.map_or(Ok(()), |words| Err(format!("{what} without {words}: {}", super::short(said))))
}

/// None of a list of words is there.
pub(crate) fn lacks(what: &str, said: &str, unwanted: &Value) -> Held {
    let wrong = list(unwanted).iter().find(|words| holds(said, words));
    wrong.map_or(Ok(()), |words| Err(format!("{what} has {words}: {}", super::short(said))))
}

fn one(what: &str, have: &str, wanted: &Value) -> Held {
    fails_if(!holds(have, wanted), || format!("{what} {have}, right {wanted}"))
}

fn equal(name: &str, have: Option<u128>, right: &Value) -> Held {
    fails_if(have.is_none() || have != number(right), || {
        format!("{name} {}, right {right}", hex(have))
    })
}

fn each(claims: &Value, check: impl Fn(&str, &Value) -> Held) -> Held {
    claims.as_object().into_iter().flatten().try_for_each(|(name, value)| check(name, value))
}

fn memory(report: &Report, at: &Value, fine: impl Fn(bool, bool) -> bool, words: &str) -> Held {
    list(at).iter().try_for_each(|place| {
        let addr = number(place).ok_or("the case itself: an address")?;
        let hits: Vec<_> = report
            .memory()
            .into_iter()
            .filter(|(low, high, _)| (low..high).contains(&&addr))
            .collect();
        let of_the_dump = hits.iter().any(|(_, _, origin)| *origin == "dump");
        fails_if(!fine(!hits.is_empty(), of_the_dump), || format!("{words} {place}"))
    })
}

fn hex(value: Option<u128>) -> String {
    value.map_or("unknown".to_string(), |value| format!("{value:#x}"))
}

/// Functions in one line.
struct Names<'a>(&'a [&'a Value]);

impl std::fmt::Display for Names<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let names: Vec<_> = self.0.iter().map(|name| name.as_str().unwrap_or("?")).collect();
        write!(f, "[{}]", names.join(" "))
    }
}
