//! gdbstub's state machine, made to outlive whatever it is fed.
//!
//! gdbstub ends for good at the first packet that it can't parse: bad hexadecimal digits, an
//! address of 65 bits, a thread id that makes no sense. Here such a packet costs the state machine
//! only, not the session: it is built anew and told again what it has to know, which is whether
//! thread ids carry a process, and which thread is selected.
//!
//! Framing and acknowledgement are the session's: the machine sees sound packets only, and what
//! it writes is taken apart again into the bodies of its replies.

use super::client::Client;
use super::packet;
use super::reply::Fault;
use gdbstub::conn::Connection;
use gdbstub::stub::state_machine::GdbStubStateMachine;
use gdbstub::stub::{GdbStub, GdbStubError};
use std::convert::Infallible;

/// The packet buffer of gdbstub, in bytes. It bounds one piece of a document or file that comes
/// from there. Each packet costs time in proportion to it, so it is less than what we tell
/// clients to be the size of a packet; the long ones (`m`, `x`, `X`...) don't come here.
const BUFFER_SIZE: usize = 16 * 1024;

/// Takes what gdbstub writes.
#[derive(Default)]
pub(crate) struct Written(Vec<u8>);

impl Connection for Written {
    type Error = Infallible;

    fn write(&mut self, byte: u8) -> Result<(), Infallible> {
        self.0.push(byte);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}

type Machine = GdbStubStateMachine<'static, Client, Written>;
type MachineError = GdbStubError<Infallible, Infallible>;

/// gdbstub, ready for the next request.
#[derive(Default)]
pub(crate) struct Engine {
    machine: Option<Machine>,
    /// Index of the thread that the machine has selected.
    selected: Option<usize>,
}

impl Engine {
    /// The bodies of gdbstub's replies to `request`: console output, if any, and one reply.
    pub(crate) fn answer(
        &mut self,
        client: &mut Client,
        request: &[u8],
    ) -> Result<Vec<Vec<u8>>, Fault> {
        if request.len() + 4 > BUFFER_SIZE {
            return Err(Fault::Syntax);
        }
        let answer = self.try_answer(client, request);
        if let Err(error) = &answer {
            tracing::debug!("gdbstub gave up on {}: {error}", request.escape_ascii());
        }
        answer.map_err(|_| Fault::Syntax)
    }

    fn try_answer(
        &mut self,
        client: &mut Client,
        request: &[u8],
    ) -> Result<Vec<Vec<u8>>, MachineError> {
        let mut machine = match self.machine.take() {
            Some(machine) => machine,
            None => self.start(client)?,
        };
        if self.selected != Some(client.selected) && client.attached {
            let id = client.served.id_text(client.selected, false);
            machine = feed(machine, client, format!("Hg{id}").as_bytes())?.0;
            self.selected = Some(client.selected);
        }
        let (machine, written) = feed(machine, client, request)?;
        self.machine = Some(machine);
        Ok(bodies(&written))
    }

    fn start(&mut self, client: &mut Client) -> Result<Machine, MachineError> {
        self.selected = None;
        let stub = GdbStub::builder(Written::default()).packet_buffer_size(BUFFER_SIZE).build();
        let stub = stub.unwrap_or_else(|_| GdbStub::new(Written::default()));
        let machine = stub.run_state_machine(client)?;
        let (machine, _) = feed(machine, client, b"QStartNoAckMode")?;
        let multiprocess = if client.offers.multiprocess { '+' } else { '-' };
        let offer = format!("qSupported:multiprocess{multiprocess}");
        let (machine, _) = feed(machine, client, offer.as_bytes())?;
        Ok(machine)
    }
}

/// Gives the machine a packet; returns it with what it wrote.
fn feed(
    mut machine: Machine,
    client: &mut Client,
    request: &[u8],
) -> Result<(Machine, Vec<u8>), MachineError> {
    let mut framed = Vec::with_capacity(request.len() + 4);
    packet::frame_plain(&mut framed, request);
    for byte in framed {
        machine = match machine {
            GdbStubStateMachine::Idle(idle) => idle.incoming_data(client, byte)?,
            GdbStubStateMachine::Running(running) => running.incoming_data(client, byte)?,
            // The front keeps away from gdbstub what leads to these two.
            GdbStubStateMachine::CtrlCInterrupt(interrupt) => {
                let nothing = None::<gdbstub::stub::MultiThreadStopReason<u64>>;
                interrupt.interrupt_handled(client, nothing)?
            }
            GdbStubStateMachine::Disconnected(end) => end.return_to_idle(),
        };
    }
    let written = match &mut machine {
        GdbStubStateMachine::Idle(idle) => std::mem::take(&mut idle.borrow_conn().0),
        GdbStubStateMachine::Running(running) => std::mem::take(&mut running.borrow_conn().0),
        GdbStubStateMachine::CtrlCInterrupt(state) => std::mem::take(&mut state.borrow_conn().0),
        GdbStubStateMachine::Disconnected(end) => std::mem::take(&mut end.borrow_conn().0),
    };
    Ok((machine, written))
}

/// The bodies of the packets in `written`, which has an acknowledgement at most between them.
fn bodies(written: &[u8]) -> Vec<Vec<u8>> {
    let packets = written.split(|byte| *byte == b'$').skip(1);
    packets
        .filter_map(|packet| packet.split(|byte| *byte == b'#').next())
        .map(<[u8]>::to_vec)
        .collect()
}
