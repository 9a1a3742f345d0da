//! Crashes in the handler of FreeRTOS' tick, on its own ports for Cortex-M and RISC-V: the culprit is the
//! handler's function, and below it stands the task that the interrupt came upon, with its registers.

use crate::support::{real, rtos};
use coroner::report::ReportOptions;
use rtos::MACHINES;

#[test]
fn below_the_tick_of_freertos_stands_the_task_that_it_interrupted() {
    for machine in &MACHINES {
        let Some(crash) = rtos::crash_in_interrupt("freertos", machine) else { continue };
        let opened = real::open(&[crash.ram, crash.registers], Some(crash.elf));
        let report = coroner::report::build(&opened, &ReportOptions::default()).expect("a report");
        let thread = report.threads.iter().find(|thread| thread.first).expect("the crashed one");
        let shown: Vec<String> = (thread.frames.iter())
            .map(|frame| {
                let name = frame.function.as_deref().unwrap_or("??");
                let mark = frame.exception.as_deref().map_or(String::new(), |e| format!("<{e}> "));
                format!("{mark}{name}{}", if frame.guess { "?" } else { "" })
            })
            .collect();
        let what = format!("{}: {} ({})", machine.name, shown.join(" "), thread.end);
        println!("{what}");
        assert_eq!(shown[..2], ["count", "vApplicationTickHook"], "{what}");
        let at = thread.frames.iter().position(|frame| frame.exception.is_some());
        let at = at.unwrap_or_else(|| panic!("nothing interrupted: {what}"));
        assert_eq!(thread.culprit, 0, "{what}");
        // Called from nowhere: what FreeRTOS gives it to return to is no caller.
        let entry = shown[at..].last().expect("there is one");
        assert!(entry.ends_with("prvIdleTask") || entry.ends_with("_task"), "{what}");
        assert!(thread.complete, "{what}");
        assert!(thread.frames.iter().all(|frame| !frame.guess), "{what}");
    }
}
