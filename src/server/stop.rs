//! Stopping, running and letting go, for a device that can do none of it any more.
//!
//! A resume is answered at once with a sentence for the console and the stop reply of the crash:
//! every other reply makes some client hang, loop or drop the session. SIGTRAP in particular would
//! let `step` go on for ever.

use super::client::Client;
use super::hex;
use super::reply::{Answer, Fault, Reply};
use super::scratch::Scratch;
use super::threads::ThreadRef;
use crate::display::Lines;
use std::fmt::Write;

const CANNOT_RUN: &str = "The device is dead: this is what it left behind, and nothing in it can \
                          run, step or stop anywhere else.\n";

impl Client {
    /// Why the thread with `index` is stopped.
    fn stop_reply(&self, index: usize) -> Vec<u8> {
        if !self.attached {
            return b"W00".to_vec();
        }
        let mut reply = format!("T{:02x}", self.served.dump.reason.signal_number());
        self.write_thread(index, &mut reply);
        if self.offers.lldb {
            self.write_reason(&mut reply);
        }
        reply.into_bytes()
    }

    fn write_thread(&self, index: usize, reply: &mut String) {
        let id = self.served.id_text(index, self.offers.multiprocess);
        // Writing to a string does not fail.
        let _ = write!(reply, "thread:{id};");
        let Some(thread) = self.threads().get(index) else { return };
        if self.offers.lldb
            && let Some(name) = &thread.name
        {
            // `hexname`, unlike `name`, is safe for any character.
            let _ = write!(reply, "hexname:{};", hex::text(name.as_bytes()));
        }
        if let Some(core) = thread.core {
            let _ = write!(reply, "core:{core:x};");
        }
    }

    fn write_reason(&self, reply: &mut String) {
        let words = hex::text(self.served.dump.reason.words.as_bytes());
        let _ = write!(reply, "reason:signal;description:{words};");
    }

    /// LLDB's `qThreadStopInfo id`: only the crashed thread has a reason.
    pub(super) fn thread_stop_info(&self, id: &[u8]) -> Reply {
        let index = match ThreadRef::parse(id).ok_or(Fault::Syntax)? {
            ThreadRef::Id(id) => self.served.thread_index(id),
            ThreadRef::Any => Some(self.served.crashed),
            ThreadRef::All => None,
        };
        let index = index.filter(|index| *index < self.threads().len()).ok_or(Fault::Thread)?;
        if self.threads()[index].crashed {
            return Ok(self.stop_reply(index));
        }
        let mut reply = "T00".to_string();
        self.write_thread(index, &mut reply);
        Ok(reply.into_bytes())
    }

    /// `c`, `C`, `s`, `S` and `vCont` with actions. `stepped` is the thread that was to step.
    pub(super) fn resume(&mut self, stepped: Option<usize>) -> Answer {
        if !self.attached {
            return Answer::Reply(b"W00".to_vec());
        }
        let mut text = match std::mem::replace(&mut self.greeted, true) {
            true => Lines::new(),
            false => self.served.greeting(),
        };
        text.say(CANNOT_RUN);
        // `jump` and function calls set registers before they resume. What follows is the stop of
        // the crash, so the registers have to be those of the crash. Memory stays as written: it
        // may be an edit that somebody still looks at.
        if self.scratch.revert_registers() {
            text.say("It is shown as it crashed: what was written to registers is dropped.\n");
        }
        Answer::Told(text.to_string(), self.stop_at(stepped.unwrap_or(self.served.crashed)))
    }

    /// The stop reply of a thread, which it selects: GDB takes the thread of a stop reply for the
    /// one that `g` is about from then on, and sends no `Hg` (`record_currthread` in its remote.c).
    pub(super) fn stop_at(&mut self, index: usize) -> Vec<u8> {
        self.selected = index;
        self.stop_reply(index)
    }

    /// `vCont;action[:thread];...`
    pub(super) fn resume_each(&mut self, actions: &[u8]) -> Answer {
        let mut stepped = None;
        let mut only_stops = true;
        for action in actions.split(|byte| *byte == b';').filter(|action| !action.is_empty()) {
            let (what, id) = hex::split(action, b':').unwrap_or((action, b""));
            only_stops &= what == b"t";
            if matches!(what.first(), Some(b's' | b'S' | b'r'))
                && let Some(ThreadRef::Id(id)) = ThreadRef::parse(id)
            {
                stepped = stepped.or_else(|| self.served.thread_index(id));
            }
        }
        match only_stops {
            true => Answer::Reply(b"OK".to_vec()),
            false => self.resume(stepped),
        }
    }

    /// `D`, `vKill` and `k`: there is nothing to end but this client's view.
    pub(super) fn let_go(&mut self) -> Vec<u8> {
        self.attached = false;
        b"OK".to_vec()
    }

    /// `vAttach`: to whatever process. A new look at the dump, without what was written before.
    pub(super) fn attach(&mut self) -> Vec<u8> {
        self.attached = true;
        self.scratch = Scratch::default();
        self.stop_at(self.served.crashed)
    }
}
