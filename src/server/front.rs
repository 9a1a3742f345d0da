//! The layer before gdbstub: it answers what gdbstub lacks, or answers wrongly for a dead target,
//! and puts into canonical form what gdbstub would trip over.
//!
//! Each request gets exactly one reply but GDB's `k`, which has none.

use super::client::{Client, Offers};
use super::memory_map;
use super::packet::push_escaped;
use super::reply::{Answer, Fault, Reply};
use super::threads::ThreadRef;
use super::{PACKET_SIZE, hex};
use crate::input::watch;

/// Requests that begin a session: they need no memory, and GDB gives up where they fail.
fn is_hello(request: &[u8]) -> bool {
    request.starts_with(b"qSupported") || request.starts_with(b"vMustReplyEmpty")
}

/// Whether the answer to a request is made of the files.
fn reads(request: &[u8]) -> bool {
    matches!(request.first(), Some(b'm' | b'x' | b'q' | b'v')) && !is_hello(request)
}

/// Whether the files are as they were.
fn unchanged() -> Result<(), Fault> {
    match watch::changed() {
        None => Ok(()),
        Some(file) => {
            Err(Fault::Dead(format!("{file} has changed since it was opened: start again")))
        }
    }
}

const DEAD: &str = "the device is dead: there is nothing to start or program";

impl Client {
    /// What the front makes of a request.
    pub(crate) fn front(&mut self, request: &[u8]) -> Answer {
        let answer = self.dispatch(request);
        // What was read while it changed is no answer either.
        let answer = if reads(request) { unchanged().and(answer) } else { answer };
        answer.unwrap_or_else(|fault| Answer::Reply(fault.body(self.takes_words(request))))
    }

    /// Whether the client shows the words of an error reply to `request`.
    ///
    /// GDB takes them after any request once it has said so; before that version, only where a
    /// register is written or the target resumed. LLDB takes none.
    fn takes_words(&self, request: &[u8]) -> bool {
        let shown = matches!(request.first(), Some(b'P' | b'G'));
        self.offers.error_message || (shown && !self.offers.lldb)
    }

    fn dispatch(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        let Some((first, args)) = request.split_first() else { return Ok(Answer::Pass) };
        if reads(request) {
            unchanged()?;
        }
        Ok(match first {
            b'm' => Answer::Reply(self.attached(|client| client.read_hex(args))?),
            b'x' if self.offers.binary_upload => {
                Answer::Reply(self.attached(|client| client.read_binary(args))?)
            }
            b'M' => Answer::Reply(self.attached(|client| client.write_memory(args, false))?),
            b'X' => Answer::Reply(self.attached(|client| client.write_memory(args, true))?),
            b'g' if args.is_empty() && !self.attached => return Err(Fault::Thread),
            b'p' => self.read_register(args)?,
            b'P' => Answer::Reply(self.write_register(args)?),
            b'G' => Answer::Reply(self.attached(|client| client.write_registers(args))?),
            b'H' => self.select(args)?,
            b'T' if !self.attached => return Err(Fault::Thread),
            b'?' => Answer::Reply(self.stop_at(self.served.crashed)),
            b'c' | b'C' => self.resume(None),
            b's' | b'S' => self.resume(Some(self.selected)),
            b'Z' | b'z' | b'!' => Answer::Reply(b"OK".to_vec()),
            b'D' => Answer::Reply(self.let_go()),
            b'k' => {
                self.let_go();
                match self.offers.lldb {
                    // LLDB takes silence for a failure; this is "killed by signal 9".
                    true => Answer::Reply(b"X09".to_vec()),
                    false => Answer::Silence,
                }
            }
            b'R' => return Err(Fault::Dead(DEAD.into())),
            b'v' => return self.v_packet(request),
            b'q' | b'j' => return self.query(request),
            _ => Answer::Pass,
        })
    }

    /// `action`, unless the client has let go of the target.
    fn attached(&mut self, action: impl FnOnce(&mut Self) -> Reply) -> Reply {
        match self.attached {
            true => action(self),
            false => Err(Fault::Thread),
        }
    }

    fn v_packet(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        if let Some(actions) = request.strip_prefix(b"vCont;") {
            return Ok(self.resume_each(actions));
        }
        Ok(match request {
            b"vCont?" => Answer::Reply(b"vCont;c;C;s;S;t".to_vec()),
            b"vCtrlC" => Answer::Reply(b"OK".to_vec()),
            _ if request.starts_with(b"vAttach;") => Answer::Reply(self.attach()),
            _ if request.starts_with(b"vKill;") => Answer::Reply(self.let_go()),
            _ if request.starts_with(b"vRun") || request.starts_with(b"vFlash") => {
                return Err(Fault::Dead(DEAD.into()));
            }
            _ => Answer::Pass,
        })
    }

    /// How much higher than its ELF file says the program ran, for clients that have to be told.
    fn slide(&self) -> Option<u64> {
        let process = self.served.dump.process.as_ref();
        let slide = process.map_or(0, |process| process.slide);
        // LLDB maps an ELF file that it takes for one of Linux only where it is told to. GDB asks
        // as well, but finds a process's program by the auxiliary vector.
        let gdb = slide != 0 && self.served.auxv().is_none();
        (self.offers.lldb || gdb).then_some(slide)
    }

    fn query(&mut self, request: &[u8]) -> Result<Answer, Fault> {
        let args = |name: &[u8]| request.strip_prefix(name);
        Ok(Answer::Reply(if let Some(list) = args(b"qSupported:") {
            self.offers = Offers::parse(list);
            return Ok(Answer::Pass);
        } else if request == b"qC" {
            match self.threads().is_empty() {
                true => Vec::new(),
                false => {
                    let id = self.served.id_text(self.selected, self.offers.multiprocess);
                    format!("QC{id}").into_bytes()
                }
            }
        } else if let Some(slide) = self.slide()
            && request == b"qOffsets"
        {
            format!("Text={slide:x};Data={slide:x};Bss={slide:x}").into_bytes()
        } else if request == b"qfThreadInfo" && !self.attached {
            b"l".to_vec()
        } else if let Some(place) = args(b"qXfer:threads:read::") {
            let xml = match self.attached {
                true => self.served.threads_xml(self.offers.multiprocess),
                false => "<threads/>".into(),
            };
            piece(xml.as_bytes(), place)?
        } else if let Some(args) = args(b"qCRC:") {
            self.crc(args)?
        } else if let Some(args) = args(b"qSearch:memory:") {
            self.search(args)?
        } else if let Some(addr) = args(b"qMemoryRegionInfo:") {
            let addr = hex::number(addr).ok_or(Fault::Syntax)?;
            memory_map::region_info(&self.served.dump.memory, addr).into_bytes()
        } else if let Some(id) = args(b"qThreadStopInfo") {
            self.thread_stop_info(id)?
        } else if request == b"jThreadsInfo" {
            let json = match self.attached {
                true => self.served.threads_json(),
                false => "[]".into(),
            };
            let mut body = Vec::new();
            push_escaped(&mut body, json.as_bytes(), usize::MAX);
            body
        } else {
            return Ok(Answer::Pass);
        }))
    }

    /// gdbstub's reply to `qSupported`, with the true size of a packet, and with what the front
    /// adds: two things only for clients that asked for them.
    pub(crate) fn supported(&self, gdbstubs: &[u8]) -> Vec<u8> {
        let (_, features) = hex::split(gdbstubs, b';').unwrap_or_default();
        let mut body = format!("PacketSize={PACKET_SIZE:x};").into_bytes();
        body.extend_from_slice(features);
        body.extend_from_slice(b";qXfer:threads:read+");
        if self.offers.error_message {
            body.extend_from_slice(b";error-message+");
        }
        if self.offers.binary_upload {
            body.extend_from_slice(b";binary-upload+");
        }
        body
    }

    /// `Hg id` and `Hc id`. gdbstub takes any id and fails at the next read; `Hg-1` ends it.
    fn select(&mut self, args: &[u8]) -> Result<Answer, Fault> {
        let (operation, id) = args.split_first().ok_or(Fault::Syntax)?;
        match (operation, ThreadRef::parse(id).ok_or(Fault::Syntax)?) {
            (b'g', ThreadRef::Any) => self.selected = self.served.crashed,
            (b'g', ThreadRef::Id(id)) => self.selected = self.thread(id)?,
            // What a resume would be about. It is about nothing here, but threads have to exist.
            (b'c', ThreadRef::Any | ThreadRef::All) => {}
            (b'c', ThreadRef::Id(id)) => _ = self.thread(id)?,
            _ => return Err(Fault::Thread),
        }
        Ok(Answer::Reply(b"OK".to_vec()))
    }

    /// The index of the thread with this id, if it exists for this client.
    fn thread(&self, id: u64) -> Result<usize, Fault> {
        let index = self.served.thread_index(id).filter(|_| self.attached);
        index.ok_or(Fault::Thread)
    }
}

/// The piece at `place` (`offset,length`) of a document, as `qXfer` replies have it: `m` if more
/// follows, `l` if it is the last.
fn piece(document: &[u8], place: &[u8]) -> Reply {
    let (offset, length) = hex::pair(place).ok_or(Fault::Syntax)?;
    let rest = usize::try_from(offset).ok().and_then(|offset| document.get(offset..));
    let rest = rest.ok_or(Fault::Syntax)?;
    let length = usize::try_from(length).unwrap_or(usize::MAX).min(rest.len());
    let mut body = vec![b'l'];
    let n = push_escaped(&mut body, &rest[..length], PACKET_SIZE);
    if n < rest.len() {
        body[0] = b'm';
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn documents_come_in_pieces_and_the_last_one_says_so() {
        assert_eq!(piece(b"abcdef", b"0,4").unwrap(), b"mabcd");
        assert_eq!(piece(b"abcdef", b"4,4").unwrap(), b"lef");
        assert_eq!(piece(b"abcdef", b"6,4").unwrap(), b"l");
        assert_eq!(piece(b"ab#def", b"0,3").unwrap(), b"mab}\x03");
        assert_eq!(piece(b"abcdef", b"7,4"), Err(Fault::Syntax));
        assert_eq!(piece(b"abcdef", b"0"), Err(Fault::Syntax));
        assert_eq!(piece(b"abcdef", b"ffffffffffffffff,ffffffffffffffff"), Err(Fault::Syntax));
    }
}
