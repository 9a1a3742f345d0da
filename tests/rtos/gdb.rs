//! Plain RAM of devices with a kernel, in real GDBs: every task with its name, state, priority,
//! call chain and values, out of an image and a register text.

use crate::support::gdb;
use crate::support::rtos;
use crate::support::serve;
use rtos::{Crash, MACHINES, Machine};
use serve::Server;
use std::path::PathBuf;

fn arguments(crash: &Crash) -> Vec<String> {
    let path = |path: &PathBuf| path.to_str().expect("plain names").to_string();
    vec![path(&crash.ram), path(&crash.registers), "--elf".into(), path(&crash.elf)]
}

fn ask(gdb: &PathBuf, crash: &Crash, commands: &[&str]) -> String {
    let server = Server::start(&arguments(crash));
    let (load, connect) = (format!("file {}", crash.elf.display()), server.target_remote());
    let first = [load.as_str(), connect.as_str()];
    let all: Vec<&str> = first.into_iter().chain(commands.iter().copied()).collect();
    gdb::run(gdb, 60, &all)
}

/// What a kernel's own functions are called is its own business; these must follow on each other.
#[track_caller]
fn assert_follow(text: &str, name: &str, wanted: &[&str]) {
    let chain = gdb::chain(text, name);
    let found = chain.windows(wanted.len()).any(|part| part == wanted);
    assert!(found, "task {name}: {chain:?} lacks {wanted:?}:\n{text}");
}

/// A kernel, and how it says what the tasks do.
struct Kernel {
    name: &'static str,
    asleep: &'static str,
    waiting: &'static str,
    suspended: &'static str,
    idle: &'static str,
    /// The application's tasks and the kernel's own.
    count: usize,
}

const FREERTOS: Kernel = Kernel {
    name: "freertos",
    asleep: "blocked",
    waiting: "blocked",
    suspended: "suspended",
    idle: "IDLE",
    count: 6,
};

const RT_THREAD: Kernel = Kernel {
    name: "rt-thread",
    asleep: "suspended",
    waiting: "suspended",
    suspended: "suspended",
    idle: "tidle0",
    count: 6,
};

const NUTTX: Kernel = Kernel {
    name: "nuttx",
    asleep: "waiting for a signal",
    waiting: "waiting for a message",
    suspended: "stopped",
    idle: "Idle_Task",
    count: 6,
};

/// The command that makes the task called `name` the current one.
fn select(name: &str) -> String {
    format!(
        "python [t.switch() for t in gdb.selected_inferior().threads() if '{name}' in (t.name or '')]"
    )
}

fn look(gdb: &PathBuf, kernel: &Kernel, machine: &Machine, crash: &Crash) {
    let text = ask(
        gdb,
        crash,
        &[
            "info threads",
            "thread apply all bt",
            "thread 1",
            "print target",
            "print doors_opened",
            "thread find sensor",
        ],
    );
    let what = format!("{} on {}\n{text}", kernel.name, machine.name);
    let is_row = |line: &&str| {
        let number = line.trim_start_matches(['*', ' ']);
        number.starts_with(|c: char| c.is_ascii_digit()) && line.contains("Thread 1.")
    };
    let listed: Vec<&str> = text.lines().filter(is_row).collect();
    assert_eq!(listed.len(), kernel.count, "{what}");
    assert!(listed[0].contains("\"motor\" (stopped, running, priority 3"), "{what}");
    let has = |name: &str, state: &str, priority: u32| {
        let words = format!("\"{name}\" ({state}, priority {priority}");
        assert!(listed.iter().any(|line| line.contains(&words)), "no {words} in {what}");
    };
    has("sensor", kernel.asleep, 2);
    has("filter", kernel.asleep, 2);
    has("logger", kernel.waiting, 2);
    has("parked", kernel.suspended, 4);
    assert!(listed.iter().any(|line| line.contains(kernel.idle)), "{what}");
    assert_eq!(gdb::chain(&text, "motor")[..3], ["drive", "open_door", "motor_task"], "{what}");
    assert_follow(&text, "sensor", &["kernel_sleep", "sample", "sensor_task"]);
    assert_follow(&text, "filter", &["kernel_sleep", "filter", "filter_task"]);
    assert_follow(&text, "logger", &["kernel_wait_for_ever", "logger_task"]);
    assert_follow(&text, "parked", &["kernel_suspend", "parked_task"]);
    assert!(text.contains("= 93\n") && text.contains("= 44\n"), "{what}");
    let text = ask(gdb, crash, &[&select("sensor"), "frame function sample", "print/x held"]);
    // The first and the last have changed with every round.
    assert!(text.contains("{0x5e51, 0x5e51, 0x5e52, 0xbca3}"), "{what}\n{text}");
    if machine.name == "cortex-m4f" || machine.name == "cortex-m33" {
        let text = ask(gdb, crash, &[&select("filter"), "print $s20"]);
        assert!(text.contains("= 1.5\n"), "{what}\n{text}");
    }
}

fn on_machines(kernel: &Kernel, wanted: impl Fn(&Machine) -> bool) {
    let gdbs = gdb::gdbs();
    for machine in MACHINES.iter().filter(|machine| wanted(machine)) {
        let Some(crash) = rtos::crash(kernel.name, machine) else { continue };
        gdbs.iter().for_each(|gdb| look(gdb, kernel, machine, &crash));
    }
}

#[test]
fn every_task_of_freertos_is_found_in_plain_ram() {
    on_machines(&FREERTOS, |_| true);
}

#[test]
fn every_thread_of_rt_thread_is_found_in_plain_ram() {
    on_machines(&RT_THREAD, |machine| machine.name != "cortex-m0");
}

#[test]
fn every_task_of_nuttx_is_found_in_plain_ram() {
    on_machines(&NUTTX, |machine| machine.name != "cortex-m0");
}
