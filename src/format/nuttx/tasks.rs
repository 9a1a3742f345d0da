//! What NuttX prints of tasks behind a crash, and its backtraces.
//!
//! * `up_taskdump: hpwork: PID=1 Stack Used=310 of 1000` begins a task; the stack may stand in a line
//!   of its own, and without names of tasks it is `PID: 1 Stack Used=...`. Registers and a
//!   backtrace behind it are that task's, not the crash's;
//! * `[BackTrace|17|0]:  0x...`: PID, number of the line, eight addresses; newer ones
//!   `backtrace|17: 0x...`.
//!
//! Source: the forms of published logs (`fixtures/field/nuttx-*`); in NuttX the lines come from `up_taskdump` and
//! `sched_dumpstack`, whose sources were not compared release by release.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects)]

use crate::dump::PrintedFrame;
use crate::format::fault_text::hex;
use crate::targets::Family;

/// What begins a line of a printed backtrace.
pub(super) const BACKTRACE_MARKS: [&str; 2] = ["BackTrace|", "backtrace|"];
const TASK_MARK: &str = "taskdump:";
const STACK_USED: &str = "Stack Used=";

/// A task, or what a crash says before it comes to the tasks.
#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Task {
    /// Its number; the idle task's is 0.
    pub pid: Option<u64>,
    /// Its name.
    pub name: Option<String>,
    /// `280 of 1000`: bytes of its stack.
    pub stack_used: Option<String>,
    /// Registers as printed.
    pub named: Vec<(String, u64)>,
    /// The printed backtrace, innermost first.
    pub printed: Vec<u64>,
}

/// The crash and the tasks behind it, as their lines come.
#[derive(Debug)]
pub(super) struct Tasks {
    /// The crash first.
    pub all: Vec<Task>,
    /// Whose backtrace the line before belonged to.
    in_backtrace: Option<usize>,
    /// The list of tasks has begun: a backtrace of an unnamed PID is not the crash's.
    listed: bool,
}

impl Tasks {
    pub(super) fn new() -> Self {
        Tasks { all: vec![Task::default()], in_backtrace: None, listed: false }
    }

    /// Takes a line that is of a task or of a backtrace.
    pub(super) fn take(&mut self, text: &str) -> bool {
        if let Some(row) = Backtrace::of_line(text) {
            self.take_backtrace(row);
            return true;
        }
        self.in_backtrace = None;
        self.listed |= text.contains("dump_task");
        if let Some(task) = task_line(text) {
            self.listed = true;
            self.all.push(task);
            return true;
        }
        if let (Some(used), Some(task), true) = (stack_used(text), self.all.last_mut(), self.listed)
        {
            task.stack_used = Some(used);
            return true;
        }
        false
    }

    /// Adds registers to whatever the lines are of.
    pub(super) fn add_registers(&mut self, row: Vec<(String, u64)>) {
        self.in_backtrace = None;
        if let Some(task) = self.all.last_mut() {
            task.named.extend(row);
        }
    }

    fn take_backtrace(&mut self, row: Backtrace) {
        let known = self.all.iter().position(|task| task.pid == Some(row.pid));
        let last = self.all.len().saturating_sub(1);
        let is_crash = last == 0 && !self.listed;
        let index = known.or_else(|| {
            // The first that is printed before all tasks is the crash's.
            let crash = self.all.first().filter(|crash| is_crash && crash.pid.is_none());
            crash.map(|_| 0)
        });
        let index = index.unwrap_or_else(|| {
            self.all.push(Task { pid: Some(row.pid), ..Task::default() });
            self.all.len().saturating_sub(1)
        });
        let goes_on = self.in_backtrace == Some(index) && row.line != Some(0);
        self.in_backtrace = None;
        if let Some(task) = self.all.get_mut(index) {
            task.pid = Some(row.pid);
            // A backtrace that is printed again, by then of the code that prints it, is not taken.
            if goes_on || task.printed.is_empty() {
                task.printed.extend(row.addrs);
                self.in_backtrace = Some(index);
            }
        }
    }

    /// Takes out of the list the task that crashed, which stands there as well, and tells the
    /// crash its PID. What is printed of it there is of a later time.
    pub(super) fn merge_crashed(&mut self, name: Option<&str>) {
        let Some(pid) = self.all.first().map(|crash| crash.pid) else { return };
        let is_it = |task: &Task| match (pid, name) {
            (Some(pid), _) => task.pid == Some(pid),
            (None, Some(name)) => task.name.as_deref() == Some(name),
            (None, None) => false,
        };
        let mut fitting = (1..).zip(self.all.iter().skip(1)).filter(|(_, task)| is_it(task));
        let (Some((at, _)), None) = (fitting.next(), fitting.next()) else { return };
        let twin = self.all.remove(at);
        if let Some(crash) = self.all.first_mut() {
            crash.pid = twin.pid;
            crash.name = twin.name;
            crash.stack_used = twin.stack_used;
        }
    }
}

/// A line of a backtrace.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Backtrace {
    /// The task.
    pub pid: u64,
    /// The number of the line, where it is printed.
    pub line: Option<u64>,
    /// The addresses, innermost first.
    pub addrs: Vec<u64>,
}

impl Backtrace {
    pub(super) fn of_line(text: &str) -> Option<Self> {
        let behind = BACKTRACE_MARKS.iter().find_map(|mark| text.split_once(mark))?.1;
        let (head, addrs) = behind.split_once(':')?;
        let head = head.trim_end_matches(']');
        let (pid, line) = match head.split_once('|') {
            Some((pid, line)) => (pid, Some(line.trim().parse().ok()?)),
            None => (head, None),
        };
        let addr = |word: &str| {
            let word = word.trim_matches(['[', ']', '<', '>']);
            hex(word).filter(|_| word.starts_with("0x"))
        };
        let addrs: Vec<u64> = addrs.split_whitespace().map_while(addr).collect();
        let pid = pid.trim().parse().ok()?;
        (!addrs.is_empty()).then_some(Backtrace { pid, line, addrs })
    }
}

/// Whether a line begins what is printed of a task.
pub(super) fn is_task(text: &str) -> bool {
    task_line(text).is_some()
}

fn task_line(text: &str) -> Option<Task> {
    let (marked, behind) = match text.split_once(TASK_MARK) {
        Some((_, behind)) => (true, behind),
        None => (false, text),
    };
    let used = stack_used(text);
    // Some logs drop the names of functions; then both must be there.
    let (before, pid) = behind.split_once("PID=").or_else(|| behind.split_once("PID: "))?;
    if !marked && used.is_none() {
        return None;
    }
    let digits = pid.find(|c: char| !c.is_ascii_digit()).unwrap_or(pid.len());
    let pid = pid.get(..digits)?.parse().ok()?;
    let before = before.trim().trim_end_matches(':');
    let name = if marked { before } else { before.rsplit([':', ']']).next().unwrap_or(before) };
    let name = Some(name.trim().to_string()).filter(|name| !name.is_empty());
    Some(Task { pid: Some(pid), name, stack_used: used, ..Task::default() })
}

fn stack_used(text: &str) -> Option<String> {
    let (_, used) = text.split_once(STACK_USED)?;
    let (used, size) = used.split_once(" of ")?;
    let is_number = |word: &str| !word.is_empty() && word.bytes().all(|b| b.is_ascii_digit());
    let size = size.split_whitespace().next()?;
    (is_number(used) && is_number(size)).then(|| format!("{used} of {size}"))
}

/// The frames of a printed backtrace. `pc` is the program counter that is known of the same task.
///
/// On ARM the addresses are of the calls, but where the walk went by frame pointers: those have
/// Thumb's bit still. On RISC-V they are where calls return to, but for the first if it is the
/// program counter itself.
pub(super) fn frames(addrs: &[u64], family: Family, pc: Option<u64>) -> Vec<PrintedFrame> {
    let riscv = matches!(family, Family::RiscV32 | Family::RiscV64);
    let thumb = matches!(family, Family::CortexM | Family::Arm);
    let frame = |(at, addr): (usize, &u64)| PrintedFrame {
        pc: if thumb { addr & !1 } else { *addr },
        returns: (riscv && (at > 0 || pc.is_some_and(|pc| pc != *addr)))
            || (thumb && addr & 1 != 0),
        ..PrintedFrame::default()
    };
    addrs.iter().enumerate().map(frame).collect()
}

#[cfg(test)]
#[allow(clippy::indexing_slicing, reason = "test data is ours")]
mod tests {
    use super::*;

    fn read(text: &str) -> Tasks {
        let mut tasks = Tasks::new();
        for line in text.lines() {
            tasks.take(line);
        }
        tasks
    }

    #[test]
    fn a_task_is_named_however_its_line_is_printed() {
        let wanted = |pid, name: Option<&str>, used: Option<&str>| Task {
            pid: Some(pid),
            name: name.map(str::to_string),
            stack_used: used.map(str::to_string),
            ..Task::default()
        };
        let cases = [
            (
                "up_taskdump: Idle Task: PID=0 Stack Used=280 of 1000",
                wanted(0, Some("Idle Task"), Some("280 of 1000")),
            ),
            ("[ 6.4] [ EMERG] riscv_taskdump: hpwork: PID=1", wanted(1, Some("hpwork"), None)),
            ("up_taskdump: PID: 3 Stack Used=1 of 2", wanted(3, None, Some("1 of 2"))),
            ("[ 6.4] lpwork: PID=2 Stack Used=1 of 2", wanted(2, Some("lpwork"), Some("1 of 2"))),
        ];
        for (line, task) in cases {
            assert_eq!(task_line(line), Some(task), "{line}");
        }
        for line in ["started: PID=7", "dump_task:  17  17 100 RR", "taskdump: hpwork"] {
            assert_eq!(task_line(line), None, "{line}");
        }
    }

    #[test]
    fn lines_of_a_backtrace_go_to_their_task_and_a_second_one_is_not_mixed_in() {
        let tasks = read(
            "[BackTrace|17|0]:   0xc0f8a16  0xc0eb3d2\n[BackTrace|17|1]:   0x2119c2\n\
             up_taskdump: hpwork: PID=1\n[BackTrace| 1|0]:  0x10\n\
             up_taskdump: main: PID=17\n[BackTrace|17|0]:  0x20\n[BackTrace|17|1]:  0x30\n",
        );
        let crash = &tasks.all[0];
        assert_eq!(
            (crash.pid, crash.printed.as_slice()),
            (Some(17), &[0xc0f_8a16, 0xc0e_b3d2, 0x21_19c2][..])
        );
        assert_eq!(tasks.all[1].printed, [0x10]);
    }

    #[test]
    fn a_backtrace_behind_the_list_of_tasks_is_not_the_crashes() {
        let tasks = read("dump_tasks:    PID GROUP\nsched_dumpstack: backtrace| 0: 0x10 0x20\n");
        assert!(tasks.all[0].printed.is_empty());
        assert_eq!((tasks.all[1].pid, tasks.all[1].printed.len()), (Some(0), 2));
    }

    #[test]
    fn the_crashed_task_is_in_the_list_once() {
        let text = "up_taskdump: a: PID=1\nup_taskdump: b: PID=2\n";
        let mut tasks = read(text);
        tasks.merge_crashed(Some("b"));
        assert_eq!((tasks.all.len(), tasks.all[0].pid), (2, Some(2)));
        let mut tasks = read(&text.replace("b:", "a:"));
        tasks.merge_crashed(Some("a"));
        assert_eq!((tasks.all.len(), tasks.all[0].pid), (3, None), "two of that name");
    }

    #[test]
    fn which_addresses_are_returned_to_depends_on_the_machine() {
        let returns = |family, pc, addrs: &[u64]| -> Vec<bool> {
            frames(addrs, family, pc).iter().map(|frame| frame.returns).collect()
        };
        assert_eq!(returns(Family::CortexM, None, &[0x10, 0x21]), [false, true]);
        assert_eq!(returns(Family::RiscV32, Some(0x10), &[0x10, 0x20]), [false, true]);
        assert_eq!(returns(Family::RiscV32, Some(0x30), &[0x10, 0x20]), [true, true]);
    }
}
