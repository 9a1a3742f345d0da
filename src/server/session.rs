//! One client's session: requests in, replies out, until the connection ends.
//!
//! Nothing that a client sends ends it: damaged packets are asked for again, packets that are too
//! long or make no sense get an error, and what is no packet is skipped.

use super::PACKET_SIZE;
use super::client::Client;
use super::connection::Connection;
use super::engine::Engine;
use super::packet::{self, Event, Framer};
use super::reply::{Answer, Fault};
use super::served::Served;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// How often in a row the last reply is sent again before `-` is skipped. A connection that
/// drops as much is dead, and what sends dashes without end is no debugger.
const MOST_RESENDS: u32 = 4;

/// A read that waited too long is called so on Unix and so on Windows.
fn is_timeout(error: &io::Error) -> bool {
    matches!(error.kind(), io::ErrorKind::WouldBlock | io::ErrorKind::TimedOut)
}

fn no_debugger(what: &str) -> io::Error {
    io::Error::other(format!("hung up: it {what}"))
}

/// A session in progress.
pub(crate) struct Session {
    client: Client,
    engine: Engine,
    framer: Framer,
    /// Whether packets are acknowledged, until the client says otherwise.
    acks: bool,
    /// What goes out with the next write.
    out: Vec<u8>,
    /// Where in `out` the last reply starts, without the acknowledgement before it.
    reply_at: usize,
    resends: u32,
    requests: u64,
    /// Tells others when the last packet came.
    pulse: Arc<Pulse>,
}

/// When a client last said something.
#[derive(Debug)]
pub(crate) struct Pulse {
    start: Instant,
    /// In milliseconds from the start; 0 for one that never sent a packet.
    last_ms: AtomicU64,
}

impl Default for Pulse {
    fn default() -> Self {
        Pulse { start: Instant::now(), last_ms: AtomicU64::new(0) }
    }
}

impl Pulse {
    fn beat(&self) {
        let ms = u64::try_from(self.start.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.last_ms.store(ms.max(1), Ordering::Relaxed);
    }

    /// Whether it has ever sent a packet, and how long nothing came.
    pub(crate) fn silence(&self) -> (bool, Duration) {
        let last = self.last_ms.load(Ordering::Relaxed);
        (last > 0, self.start.elapsed().saturating_sub(Duration::from_millis(last)))
    }
}

impl Session {
    /// A session that has heard nothing yet.
    pub(crate) fn new(served: Arc<Served>) -> Self {
        Session {
            client: Client::new(served),
            engine: Engine::default(),
            framer: Framer::new(PACKET_SIZE),
            acks: true,
            out: Vec::new(),
            reply_at: 0,
            resends: 0,
            requests: 0,
            pulse: Arc::default(),
        }
    }

    /// How many sound packets have come so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// When the client last sent a packet.
    pub(crate) fn pulse(&self) -> Arc<Pulse> {
        Arc::clone(&self.pulse)
    }

    /// Serves until the client closes the connection. One that has not sent a packet after
    /// `first_packet` is hung up on, however it fills the time; later it may think as long as it
    /// likes.
    ///
    /// # Errors
    /// What the operating system says if the connection breaks, or if the client takes no replies;
    /// that it is no debugger.
    pub(crate) fn run(
        &mut self,
        connection: &mut Connection,
        first_packet: Duration,
    ) -> io::Result<()> {
        let mut buffer = vec![0; PACKET_SIZE];
        let until = Instant::now() + first_packet;
        let mut begun = false;
        connection.wait_at_most(Some(first_packet))?;
        loop {
            let waiting = self.requests == 0;
            let n = match connection.read(&mut buffer) {
                Err(e) if waiting && is_timeout(&e) => return Err(no_debugger("said nothing")),
                n => n?,
            };
            if n == 0 {
                return Ok(());
            }
            // What a web page can make a browser send has packets in its body. No debugger begins
            // with a letter; every request of HTTP does.
            if !begun && buffer.first().is_some_and(u8::is_ascii_alphabetic) {
                return Err(no_debugger("speaks another protocol (a web browser?)"));
            }
            begun = true;
            for byte in buffer.iter().take(n) {
                let Some(event) = self.framer.push(*byte) else { continue };
                if self.react(event) {
                    connection.write_all(&self.out)?;
                }
            }
            if waiting && self.requests > 0 {
                connection.wait_at_most(None)?;
            } else if waiting {
                let left = until.saturating_duration_since(Instant::now());
                if left.is_zero() {
                    return Err(no_debugger("sent no packet"));
                }
                connection.wait_at_most(Some(left))?;
            }
        }
    }

    /// What it answers to `bytes`, without a connection.
    #[cfg(fuzzing)]
    pub(super) fn answers(&mut self, bytes: &[u8]) -> Vec<u8> {
        let mut all = Vec::new();
        for byte in bytes {
            let Some(event) = self.framer.push(*byte) else { continue };
            if self.react(event) {
                all.extend_from_slice(&self.out);
            }
        }
        all
    }

    /// Reacts to what arrived; returns whether there is something to send in `out`.
    fn react(&mut self, event: Event) -> bool {
        match event {
            Event::Ack => {
                self.resends = 0;
                false
            }
            // A dump is always stopped: nothing to interrupt, and nobody waits for a reply.
            Event::Interrupt => false,
            Event::Nack => self.resend(),
            Event::Damaged => {
                tracing::debug!("a packet came damaged");
                self.start_output(if self.acks { b"-" } else { b"" });
                self.acks
            }
            Event::TooLong => {
                self.start_reply();
                packet::frame(&mut self.out, &Fault::Syntax.body(false));
                true
            }
            Event::Packet => {
                self.resends = 0;
                self.requests += 1;
                self.pulse.beat();
                self.start_reply();
                self.reply();
                !self.out.is_empty()
            }
        }
    }

    fn start_output(&mut self, first: &[u8]) {
        self.out.clear();
        self.out.extend_from_slice(first);
        self.reply_at = self.out.len();
    }

    fn start_reply(&mut self) {
        self.start_output(if self.acks { b"+" } else { b"" });
    }

    /// `-`: the last reply again.
    fn resend(&mut self) -> bool {
        if !self.acks || self.resends >= MOST_RESENDS {
            return false;
        }
        self.resends += 1;
        self.out.drain(..self.reply_at);
        self.reply_at = 0;
        !self.out.is_empty()
    }

    /// Answers the packet that the framer holds.
    fn reply(&mut self) {
        let request = self.framer.body();
        tracing::trace!("<- {}", request.escape_ascii());
        match self.client.front(request) {
            Answer::Reply(body) => {
                packet::frame(&mut self.out, &body);
                self.client.body = body;
            }
            Answer::Told(text, body) => {
                packet::frame(&mut self.out, &console(&text));
                packet::frame(&mut self.out, &body);
            }
            Answer::Silence => {}
            Answer::Pass => self.pass(),
        }
        tracing::trace!("-> {}", self.out.escape_ascii());
    }

    /// Lets gdbstub answer.
    fn pass(&mut self) {
        let request = self.framer.body();
        match self.engine.answer(&mut self.client, request) {
            Ok(mut bodies) => {
                if request.starts_with(b"qSupported")
                    && let Some(body) = bodies.last_mut()
                {
                    *body = self.client.supported(body);
                }
                for body in bodies {
                    packet::frame(&mut self.out, &body);
                }
                if request == b"QStartNoAckMode" {
                    self.acks = false;
                }
            }
            Err(fault) => packet::frame(&mut self.out, &fault.body(false)),
        }
    }
}

/// The body of a packet that shows `text` on the user's console.
fn console(text: &str) -> Vec<u8> {
    let mut body = vec![b'O'];
    super::hex::push(&mut body, text.as_bytes());
    body
}
