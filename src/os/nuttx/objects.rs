//! NuttX' semaphores, which its mutexes are made of: a task that waits for one has its address in
//! `waitobj` (before 10.2 `waitsem`). Who holds one is known with priority inheritance alone, in the
//! first of its holders; of several who hold counts of one semaphore nobody is named.
//!
//! Source: NuttX 9.1 to 12.6, `include/nuttx/sched.h`, `include/semaphore.h`, `sched/semaphore`.

use super::{STATES, TCB};
use crate::debug_info::Module;
use crate::dump::{Object, ObjectKind, Waiter};
use crate::os::kernel::{Found, Structure, View};
use std::collections::BTreeMap;

/// More slots for holders no configuration has.
const MAX_HOLDERS: u64 = 8;
const SEMAPHORE: &str = "sem_s";
const HOLDER: &str = "semholder_s";
const STRUCTURES: [Structure; 3] = [
    Structure { names: &["tcb_s"], members: &[&["waitobj", "waitsem"]], needed: None },
    Structure {
        names: &[SEMAPHORE],
        members: &[&["semcount"], &["hhead"], &["holder"]],
        needed: None,
    },
    Structure { names: &[HOLDER], members: &[&["htcb"], &["counts"], &["flink"]], needed: None },
];

/// What tasks wait for.
pub(super) fn objects(of: &View<'_>, tasks: &[Found]) -> Vec<Object> {
    let waits = |task: &&Found| {
        let state = of.value(task.at, TCB, "task_state");
        let state = state.and_then(|state| of.kind(STATES)?.enumerator(state));
        state.as_deref() == Some("TSTATE_WAIT_SEM")
    };
    let waiting: Vec<&Found> = tasks.iter().filter(waits).collect();
    if waiting.is_empty() {
        return Vec::new();
    }
    let view = View::with(of.dump, of.firmware, of.variables.clone(), &STRUCTURES);
    let mut all: BTreeMap<u64, Object> = BTreeMap::new();
    for task in waiting {
        let at = view.value(task.at, TCB, "waitobj").filter(|at| *at != 0);
        let Some((at, count)) = at.and_then(|at| Some((at, count(&view, at)?))) else { continue };
        let object = all.entry(at).or_insert_with(|| {
            let symbol = Module::of(view.firmware).symbols().data_at(at);
            Object {
                kind: ObjectKind::Semaphore,
                at,
                name: symbol.map(|symbol| match symbol.offset {
                    0 => symbol.name,
                    offset => format!("{}+{offset}", symbol.name),
                }),
                state: Some(format!("count {count}")),
                owner: holder(&view, at).filter(|at| tasks.iter().any(|task| task.at == *at)),
                waiters: Vec::new(),
            }
        });
        object.waiters.push(Waiter { thread: task.at, wants: None, limited: None });
    }
    all.into_values().collect()
}

/// The count of a semaphore that somebody waits for: below zero, or it is none.
fn count(view: &View<'_>, at: u64) -> Option<i64> {
    let member = view.member(SEMAPHORE, "semcount")?;
    let value = view.value(at, SEMAPHORE, "semcount")?;
    let unused = 64u64.checked_sub(member.len?.checked_mul(8)?)?.try_into().ok()?;
    let value = value.checked_shl(unused)?.cast_signed().checked_shr(unused)?;
    (value < 0).then_some(value)
}

/// Who holds a semaphore, if that is one task.
fn holder(view: &View<'_>, at: u64) -> Option<u64> {
    let step = view.size(HOLDER)?;
    let slots: Vec<u64> = match view.value(at, SEMAPHORE, "hhead") {
        Some(first) => vec![first],
        None => {
            let first = view.addr(at, SEMAPHORE, "holder")?;
            let count = view.member(SEMAPHORE, "holder")?.count.unwrap_or(1).min(MAX_HOLDERS);
            (0..count).filter_map(|n| first.checked_add(n.checked_mul(step)?)).collect()
        }
    };
    let value = |slot: u64, member: &str| view.value(slot, HOLDER, member);
    let more = |slot: &u64| value(*slot, "flink").is_some_and(|next| next != 0);
    let holds = |slot: &&u64| value(**slot, "counts").is_some_and(|counts| counts != 0);
    let mut holding = slots.iter().filter(holds);
    let one = holding.next().filter(|slot| !more(slot))?;
    value(*one, "htcb").filter(|task| *task != 0 && holding.next().is_none())
}
