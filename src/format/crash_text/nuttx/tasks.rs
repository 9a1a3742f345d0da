//! What NuttX prints of tasks behind a crash, and its backtraces.
//!
//! * `up_taskdump: hpwork: PID=1 Stack Used=310 of 1000` begins a task; the stack may stand in a line
//!   of its own. Registers and a backtrace behind it are that task's, not the crash's;
//! * since 10.3 a table `dump_task:`, a line a task: PID, group, on several CPUs the CPU, priority,
//!   policy, type, a flag, the state and what it waits for, 16 digits of signals, base and size of the
//!   stack, where it is known how much is used (and how much of the CPU's time), name and arguments;
//! * `[BackTrace|17|0]:  0x...`: PID, number of the line, eight addresses; newer ones
//!   `backtrace|17: 0x...`; with CONFIG_ALLSYMS `[17] [<0x...>] up_assert+0x10/0x20`, a line a call.
//!
//! Source: the forms of published logs (`fixtures/field/nuttx-*`); NuttX 02c329a19dc,
//! `sched/misc/assert.c` (`dump_task`), and 0dccc8ba21e, `libs/libc/sched/sched_dumpstack.c`.

use super::super::pattern::{find, find_all};
use super::{Crash, Task};
use crate::dump::{Dump, PrintedFrame, Stack};
use crate::targets::Family;

/// Gives backtraces to their tasks, adds the tasks of the table, and takes the crashed one out of
/// the list, which stands there as well.
pub(super) fn arrange(crash: &mut Crash<'_>) {
    for task in std::iter::once(&mut crash.task).chain(&mut crash.others) {
        task.frames.clear();
    }
    let (mut listed, mut before) = (false, None);
    // Whose stack the next line tells of.
    let mut named = None;
    for line in crash.lines.clone() {
        if let Some(row) = Backtrace::of_line(line) {
            before = take_backtrace(crash, row, listed, before);
            continue;
        }
        before = None;
        if let Some(task) = line.split_once("dump_task:").and_then(|(_, row)| task_of(row)) {
            crash.others.push(task);
        }
        listed |= line.contains("dump_task") || line.contains("taskdump:");
        let pid = ["PID={pid} ", "PID: {pid} "].iter().find_map(|mark| find(mark, line));
        named = pid.and_then(|(found, _)| found.text("pid")?.parse().ok()).or(named);
        if let Some(task) = crash.others.iter_mut().find(|task| task.id == named && named.is_some())
        {
            task.remarks.extend(stack_used(line));
        }
    }
    merge_crashed(crash);
}

/// Adds a line of a backtrace to its task; returns which one it is.
fn take_backtrace(
    crash: &mut Crash<'_>,
    row: Backtrace,
    listed: bool,
    before: Option<u64>,
) -> Option<u64> {
    let goes_on = before == Some(row.pid) && row.line != Some(0);
    // The first that is printed before all tasks is the crash's.
    if !listed && crash.task.id.is_none() {
        crash.task.id = Some(row.pid);
    }
    let known = std::iter::once(&mut crash.task).chain(&mut crash.others);
    let task = match known.into_iter().position(|task| task.id == Some(row.pid)) {
        Some(0) => &mut crash.task,
        Some(n) => crash.others.get_mut(n.checked_sub(1)?)?,
        None => {
            crash.others.push(Task { id: Some(row.pid), ..Task::default() });
            crash.others.last_mut()?
        }
    };
    // A backtrace that is printed again, by then of the code that prints it, is not taken.
    if !goes_on && !task.frames.is_empty() {
        return None;
    }
    task.frames.extend(row.frames);
    Some(row.pid)
}

fn stack_used(line: &str) -> Option<String> {
    let (found, _) = find("Stack Used={used} of {size} ", line)?;
    let (used, size) = (found.text("used")?, found.text("size")?);
    let is_number = |text: &str| text.bytes().all(|b| b.is_ascii_digit());
    (is_number(used) && is_number(size)).then(|| format!("stack used: {used} of {size} bytes"))
}

/// A row of the table.
fn task_of(row: &str) -> Option<Task<'_>> {
    let words: Vec<&str> = row.split_whitespace().collect();
    let base_at = words.iter().position(|word| word.starts_with("0x"))?;
    let flag_at = words.iter().position(|word| matches!(*word, "-" | "P"))?;
    let number = |at: Option<usize>| words.get(at?)?.parse::<u64>().ok();
    let low = super::number(words.get(base_at)?)?;
    let size = number(base_at.checked_add(1))?;
    let mut rest = words.get(base_at.checked_add(2)?..)?;
    let mut remarks = Vec::new();
    if let [used, share, behind @ ..] = rest
        && share.contains('%')
    {
        remarks.push(format!("stack used: {used} of {size} bytes"));
        rest = behind.strip_prefix(&["!"]).unwrap_or(behind);
    }
    if let [share, behind @ ..] = rest
        && share.ends_with('%')
    {
        rest = behind;
    }
    let state = words.get(flag_at.checked_add(1)?..base_at.checked_sub(1)?)?;
    Some(Task {
        id: Some(number(Some(0))?),
        name: rest.first().copied(),
        // Before the priority stand PID and group, and with several CPUs the CPU.
        core: words.get(2).filter(|_| flag_at == 6).and_then(|cpu| cpu.parse().ok()),
        priority: number(flag_at.checked_sub(3)).and_then(|n| i64::try_from(n).ok()),
        words: Vec::new(),
        stack: low.checked_add(size).map(|high| Stack { low, high }),
        state: Some(state.join(" ").into()).filter(|_| !state.is_empty()),
        remarks,
        ..Task::default()
    })
}

/// What is printed in the list of the task that crashed is of a later time: PID, name and state count.
fn merge_crashed(crash: &mut Crash<'_>) {
    let name = crash.task.name.map(|name| name.trim_matches(','));
    crash.task.name = name;
    let is_it = |task: &Task<'_>| match (crash.task.id, name) {
        (Some(pid), _) => task.id == Some(pid),
        (None, Some(name)) => task.name == Some(name),
        (None, None) => false,
    };
    let mut fitting = (0..).zip(&crash.others).filter(|(_, task)| is_it(task));
    let (Some((at, _)), None) = (fitting.next(), fitting.next()) else { return };
    let twin = crash.others.remove(at);
    crash.task.id = twin.id;
    crash.task.name = crash.task.name.or(twin.name);
    crash.task.stack = crash.task.stack.or(twin.stack);
    crash.task.priority = twin.priority;
    crash.task.core = crash.task.core.or(twin.core);
    crash.task.remarks.extend(twin.remarks);
    if crash.task.frames.is_empty() {
        crash.task.frames = twin.frames;
    }
}

/// A line of a backtrace.
struct Backtrace {
    /// The task.
    pid: u64,
    /// The number of the line, where it is printed.
    line: Option<u64>,
    /// The calls, innermost first.
    frames: Vec<PrintedFrame>,
}

impl Backtrace {
    fn of_line(text: &str) -> Option<Self> {
        if let Some((found, _)) = find("[{pid}] [<{hexpc}>] {function}", text) {
            let function = found.text("function").and_then(|name| name.split('+').next());
            let named = function.filter(|name| !name.is_empty() && !name.starts_with("0x"));
            let function = named.map(str::to_string);
            let frame =
                PrintedFrame { pc: found.whole("hexpc")?, function, ..PrintedFrame::default() };
            let pid = found.text("pid")?.trim().parse().ok()?;
            return Some(Backtrace { pid, line: None, frames: vec![frame] });
        }
        let marks = ["BackTrace|{pid}|{line}]:", "backtrace|{pid}:"];
        let (found, addrs) = marks.iter().find_map(|mark| find(mark, text))?;
        let (frames, _) = find_all("0x{hexpc}", addrs, &|_| true);
        let frame = |found: &super::super::pattern::Captures<'_>| {
            Some(PrintedFrame { pc: found.whole("hexpc")?, ..PrintedFrame::default() })
        };
        let frames: Vec<PrintedFrame> = frames.iter().map_while(frame).collect();
        let number = |key| found.text(key)?.trim().parse().ok();
        let (pid, line) = (number("pid")?, number("line"));
        (!frames.is_empty()).then_some(Backtrace { pid, line, frames })
    }
}

/// Numbers of tasks, and what their printed frames are.
///
/// On ARM the addresses are of the calls, but where the walk went by frame pointers: those have
/// Thumb's bit still. On RISC-V they are where calls return to, but for the first if it is the
/// program counter itself.
pub(super) fn finish(dump: &mut Dump, crash: &Crash<'_>) {
    let family = dump.arch.family;
    let riscv = matches!(family, Family::RiscV32 | Family::RiscV64);
    let thumb = matches!(family, Family::CortexM | Family::Arm);
    let mut unnumbered = crash.all().filter_map(|task| task.id).max().unwrap_or(0);
    let mut taken = Vec::new();
    for (thread, task) in dump.threads.iter_mut().zip(crash.all()) {
        thread.control_block = None;
        let free = task.id.filter(|pid| *pid != 0 && !taken.contains(pid));
        thread.id = free.unwrap_or_else(|| {
            unnumbered = unnumbered.saturating_add(1);
            unnumbered
        });
        taken.push(thread.id);
        let pc = thread.registers.pc();
        for (at, (frame, printed)) in thread.printed.iter_mut().zip(&task.frames).enumerate() {
            frame.returns = (riscv && (at > 0 || pc.is_some_and(|pc| pc != printed.pc)))
                || (thumb && printed.pc & 1 != 0);
        }
    }
}
