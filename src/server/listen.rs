//! Clients come and go: one thread each, up to a limit, until somebody says stop.

use super::address::{self, Address, Door};
use super::connection::{Closer, Connection};
use super::served::Served;
use super::session::{Pulse, Session};
use crate::error::{Error, Result};
use std::collections::HashMap;
use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread::{self, JoinHandle};
use std::time::Duration;

/// How long a request to stop may go unnoticed.
const TICK: Duration = Duration::from_millis(100);

/// How the server treats its clients.
#[derive(Clone, Debug)]
pub struct Options {
    /// End when the last client has gone, if at least one has sent a request. (Programs that only
    /// look whether the port is open don't count.)
    pub once: bool,
    /// More clients than this at a time are turned away.
    pub most_clients: usize,
    /// A client that takes no replies for so long is dropped.
    pub write_timeout: Duration,
    /// A client that has sent no packet for so long is dropped; later it may be silent.
    pub first_packet: Duration,
    /// Where all places are taken, a client that was silent for so long makes room.
    pub idle: Duration,
}

impl Default for Options {
    fn default() -> Self {
        Options {
            once: false,
            most_clients: 32,
            write_timeout: Duration::from_secs(30),
            first_packet: Duration::from_secs(20),
            idle: Duration::from_secs(300),
        }
    }
}

/// Open sockets, ready to serve.
pub struct Listener {
    doors: Vec<Door>,
}

impl Listener {
    /// Opens all of `addresses`. One that is there only with IPv6, on a machine without, is left
    /// out as long as another one works.
    ///
    /// # Errors
    /// [`Error::Resource`] with a sentence for the user if one is not available.
    pub fn bind(addresses: &[Address]) -> Result<Self> {
        Ok(Listener { doors: address::open(addresses)? })
    }

    /// Where it listens, with real port numbers.
    pub fn addresses(&self) -> Vec<Address> {
        self.doors.iter().map(Door::address).collect()
    }

    /// Serves until `stop` is set, or with [`Options::once`] until the last client has gone.
    /// Clients that are still there then are disconnected.
    ///
    /// # Errors
    /// [`Error::Resource`] if no thread can be started.
    pub fn serve(self, served: &Arc<Served>, options: &Options, stop: &AtomicBool) -> Result<()> {
        let (events, inbox) = channel();
        let closing = Arc::new(AtomicBool::new(false));
        let mut porters = Vec::new();
        let addresses = self.addresses();
        for door in self.doors {
            let porter = Porter {
                door,
                events: events.clone(),
                closing: Arc::clone(&closing),
                write_timeout: options.write_timeout,
            };
            let thread = thread::Builder::new().name("listener".into());
            porters.push(thread.spawn(move || porter.work()).map_err(no_thread)?);
        }
        let mut clients = Clients { served, options, events, present: HashMap::new(), next: 1 };
        clients.welcome(&inbox, stop);

        closing.store(true, Ordering::Relaxed);
        addresses.iter().for_each(knock);
        clients.dismiss();
        for porter in porters {
            // It has logged what it had to say.
            let _ = porter.join();
        }
        Ok(())
    }
}

fn no_thread(error: io::Error) -> Error {
    Error::Resource(format!("can't start a thread: {error}"))
}

/// Wakes the listener at `address`, which waits for a client.
fn knock(address: &Address) {
    match address {
        Address::Tcp { host, port } => {
            let host = match host.as_str() {
                "0.0.0.0" => "127.0.0.1",
                "::" => "::1",
                host => host,
            };
            if let Ok(ip) = host.parse() {
                let place = std::net::SocketAddr::new(ip, *port);
                let _ = std::net::TcpStream::connect_timeout(&place, Duration::from_secs(1));
            }
        }
        Address::Unix(path) => {
            #[cfg(unix)]
            let _ = std::os::unix::net::UnixStream::connect(path);
            #[cfg(not(unix))]
            let _ = path;
        }
    }
}

/// What happens at the doors and in the sessions.
enum Event {
    Arrived(Connection, Closer, String),
    Gone { id: u64, spoke: bool },
}

/// Lets clients in at one door.
struct Porter {
    door: Door,
    events: Sender<Event>,
    closing: Arc<AtomicBool>,
    write_timeout: Duration,
}

impl Porter {
    fn work(self) {
        loop {
            let arrival = self.accept();
            if self.closing.load(Ordering::Relaxed) {
                return;
            }
            match arrival {
                Ok((connection, closer, peer)) => {
                    if self.events.send(Event::Arrived(connection, closer, peer)).is_err() {
                        return;
                    }
                }
                // A client that was gone before we got to it, or no more files to be had for now.
                Err(error) => {
                    tracing::warn!("{}: a client could not come in: {error}", self.door.address());
                    thread::sleep(TICK);
                }
            }
        }
    }

    fn accept(&self) -> io::Result<(Connection, Closer, String)> {
        match &self.door {
            Door::Tcp(listener) => {
                let (stream, peer) = listener.accept()?;
                let (connection, closer) = Connection::tcp(stream, self.write_timeout)?;
                Ok((connection, closer, peer.to_string()))
            }
            #[cfg(unix)]
            Door::Unix(listener, path) => {
                let (stream, _) = listener.accept()?;
                let (connection, closer) = Connection::unix(stream, self.write_timeout)?;
                Ok((connection, closer, format!("unix:{}", path.display())))
            }
        }
    }
}

/// A client that is being served.
struct Present {
    closer: Closer,
    thread: JoinHandle<()>,
    pulse: Arc<Pulse>,
}

struct Clients<'a> {
    served: &'a Arc<Served>,
    options: &'a Options,
    events: Sender<Event>,
    present: HashMap<u64, Present>,
    next: u64,
}

impl Clients<'_> {
    fn welcome(&mut self, inbox: &Receiver<Event>, stop: &AtomicBool) {
        let mut somebody_spoke = false;
        while !stop.load(Ordering::Relaxed) {
            match inbox.recv_timeout(TICK) {
                Ok(Event::Arrived(connection, closer, peer)) => {
                    self.let_in(connection, closer, &peer)
                }
                Ok(Event::Gone { id, spoke }) => {
                    self.present.remove(&id);
                    somebody_spoke |= spoke;
                    if self.options.once && somebody_spoke && self.present.is_empty() {
                        return;
                    }
                }
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn let_in(&mut self, connection: Connection, closer: Closer, peer: &str) {
        let most = self.options.most_clients;
        if self.present.len() >= most && !self.make_room() {
            tracing::warn!("client {peer} turned away: {most} are served already");
            closer();
            return;
        }
        let id = self.next;
        self.next += 1;
        tracing::info!("client {id} came from {peer}");
        let session = Session::new(Arc::clone(self.served));
        let pulse = session.pulse();
        let patience = self.options.first_packet;
        let leave = Leave { id, spoke: false, events: self.events.clone() };
        let thread = thread::Builder::new().name(format!("client {id}"));
        let spawned = thread.spawn(move || attend(session, connection, patience, leave));
        match spawned {
            Ok(thread) => drop(self.present.insert(id, Present { closer, thread, pulse })),
            Err(error) => {
                tracing::warn!("client {peer} turned away: can't start a thread: {error}");
                closer();
            }
        }
    }

    /// Hangs up on the client that has said nothing for longest, one without a single packet first.
    /// False if all are at work.
    fn make_room(&mut self) -> bool {
        let idle = self.options.idle;
        let silent = self.present.iter().filter_map(|(id, present)| {
            let (spoke, silence) = present.pulse.silence();
            (!spoke || silence >= idle).then_some(((!spoke, silence), *id))
        });
        let Some((_, id)) = silent.max() else { return false };
        if let Some(present) = self.present.remove(&id) {
            tracing::info!("client {id} said nothing and makes room");
            (present.closer)();
        }
        true
    }

    fn dismiss(&mut self) {
        self.present.values().for_each(|present| (present.closer)());
        for (_, Present { thread, .. }) in self.present.drain() {
            // A session that panicked has ended like any other.
            let _ = thread.join();
        }
    }
}

/// A client's thread.
fn attend(mut session: Session, mut connection: Connection, patience: Duration, mut leave: Leave) {
    let end = session.run(&mut connection, patience);
    leave.spoke = session.requests() > 0;
    match end {
        Ok(()) => tracing::info!("client {} has gone", leave.id),
        Err(error) => tracing::info!("client {} is lost: {error}", leave.id),
    }
}

/// Says that a client has gone, however its thread ends.
struct Leave {
    id: u64,
    spoke: bool,
    events: Sender<Event>,
}

impl Drop for Leave {
    fn drop(&mut self) {
        if thread::panicking() {
            tracing::error!("the session of client {} failed: please report this", self.id);
        }
        // Nobody listens any more once the server has stopped.
        let _ = self.events.send(Event::Gone { id: self.id, spoke: self.spoke });
    }
}

/// Serves one client over standard input and output, until it closes them or `stop` is set.
///
/// # Errors
/// [`Error::Resource`] if no thread can be started.
pub fn serve_stdio(served: &Arc<Served>, stop: &AtomicBool) -> Result<()> {
    let (done, finished) = channel();
    let mut session = Session::new(Arc::clone(served));
    let work = move || {
        if let Err(error) = session.run(&mut Connection::stdio(), Duration::MAX / 4) {
            tracing::info!("the client is lost: {error}");
        }
        // The other end is gone if we were told to stop meanwhile.
        let _ = done.send(());
    };
    // A read from standard input can't be interrupted: when stopped, the thread is left to the end
    // of the process.
    thread::Builder::new().name("client".into()).spawn(work).map_err(no_thread)?;
    while !stop.load(Ordering::Relaxed) {
        match finished.recv_timeout(TICK) {
            Err(RecvTimeoutError::Timeout) => {}
            Ok(()) | Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    Ok(())
}
