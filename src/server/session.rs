//! One client's session: requests in, replies out, until the connection ends.
//!
//! Nothing that a client sends ends it: damaged packets are asked for again, packets that are too
//! long or make no sense get an error, and what is no packet is passed over.

use super::PACKET_SIZE;
use super::client::Client;
use super::connection::Connection;
use super::engine::Engine;
use super::packet::{self, Event, Framer};
use super::reply::{Answer, Fault};
use super::served::Served;
use std::io;
use std::sync::Arc;

/// How often in a row the last reply is sent again before `-` is passed over. A connection that
/// drops as much is dead, and what sends dashes without end is no debugger.
const MOST_RESENDS: u32 = 4;

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
        }
    }

    /// How many sound packets have come so far.
    pub(crate) fn requests(&self) -> u64 {
        self.requests
    }

    /// Serves until the client closes the connection.
    ///
    /// # Errors
    /// What the operating system says if the connection breaks, or if the client takes no replies.
    pub(crate) fn run(&mut self, connection: &mut Connection) -> io::Result<()> {
        let mut buffer = vec![0; PACKET_SIZE];
        loop {
            let n = connection.read(&mut buffer)?;
            if n == 0 {
                return Ok(());
            }
            for byte in buffer.iter().take(n) {
                let Some(event) = self.framer.push(*byte) else { continue };
                if self.react(event) {
                    connection.write_all(&self.out)?;
                }
            }
        }
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
