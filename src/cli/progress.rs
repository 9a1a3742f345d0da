//! How far a long work has come, on one line of a terminal.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Instant;

/// The line is drawn anew at most this often, in milliseconds.
const INTERVAL_MS: u64 = 100;
/// Cells of the bar.
const BAR: u64 = 24;

/// A bar on standard error; nothing where that is no terminal.
pub(super) struct Progress {
    total: u64,
    done: AtomicU64,
    drawn_ms: AtomicU64,
    start: Instant,
    shown: bool,
}

impl Progress {
    /// For a work of `total` steps.
    pub(super) fn new(total: usize) -> Progress {
        let shown = total > 1 && std::io::stderr().is_terminal();
        Progress {
            total: total as u64,
            done: AtomicU64::new(0),
            drawn_ms: AtomicU64::new(0),
            start: Instant::now(),
            shown,
        }
    }

    /// One step more is done; any thread may say so.
    pub(super) fn step(&self) {
        let done = self.done.fetch_add(1, Ordering::Relaxed) + 1;
        if !self.shown {
            return;
        }
        let now = self.start.elapsed().as_millis() as u64;
        let drawn = self.drawn_ms.load(Ordering::Relaxed);
        let due = now >= drawn + INTERVAL_MS || done == self.total;
        let mine = |()| {
            let order = Ordering::Relaxed;
            self.drawn_ms.compare_exchange(drawn, now, order, order).is_ok()
        };
        if due && mine(()) {
            let cells = (done * BAR / self.total.max(1)) as usize;
            let bar = "#".repeat(cells) + &".".repeat(BAR as usize - cells);
            let _ = write!(std::io::stderr().lock(), "\r[{bar}] {done} of {}", self.total);
        }
    }

    /// Takes the line away.
    pub(super) fn end(&self) {
        if self.shown {
            let _ = write!(std::io::stderr().lock(), "\r\x1b[K");
        }
    }
}

/// Does `work` on each of `items` on all cores, in no order, and hands the results to `take` one
/// at a time. Memory does not grow with the number of items.
pub(super) fn in_parallel<T: Send, R: Send>(
    items: impl Iterator<Item = T> + Send,
    work: impl Fn(&T) -> R + Sync,
    mut take: impl FnMut(T, R),
) {
    let items = Mutex::new(items.fuse());
    let workers = std::thread::available_parallelism().map_or(1, usize::from);
    // A bounded channel: a slow receiver holds the workers back.
    let (send, receive) = std::sync::mpsc::sync_channel::<(T, R)>(64);
    std::thread::scope(|scope| {
        for _ in 0..workers {
            let (send, items, work) = (send.clone(), &items, &work);
            scope.spawn(move || {
                loop {
                    let next = items.lock().unwrap_or_else(PoisonError::into_inner).next();
                    let Some(item) = next else { return };
                    let result = work(&item);
                    if send.send((item, result)).is_err() {
                        return;
                    }
                }
            });
        }
        drop(send);
        for (item, result) in receive {
            take(item, result);
        }
    });
}
