//! Sessions over standard input and output, and over TCP, several at a time.

use super::launch::Opener;
use super::session::{Session, listen};
use crate::error::{Error, Result};
use crate::server::Address;
use std::io::{self, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// As many sessions at a time.
const MOST_SESSIONS: usize = 32;
/// A client whose first request is not whole after this is hung up on.
const FIRST_WORD: Duration = Duration::from_secs(10);
/// A client that takes no answers for this long is gone.
const WRITING: Duration = Duration::from_secs(30);

/// One session over standard input and output, until the client goes.
///
/// # Errors
/// [`Error::Resource`] if no thread can be started; [`Error::Io`] if the client takes no answers.
pub fn serve_stdio(opener: &dyn Opener) -> Result<()> {
    let (mut session, (to, cancelled)) = Session::new(io::stdout(), opener);
    // The thread is left to the end of the process: a read from standard input can't be interrupted.
    let read = move || listen(BufReader::new(io::stdin()), &to, &cancelled, |_| ());
    thread::Builder::new().name("requests".into()).spawn(read).map_err(no_thread)?;
    session.run().map_err(|error| Error::io("standard output", error))
}

fn no_thread(error: io::Error) -> Error {
    Error::Resource(format!("can't start a thread: {error}"))
}

/// Sockets that take clients.
pub struct Doors(Vec<TcpListener>);

impl Doors {
    /// Listens at all of `addresses`.
    ///
    /// # Errors
    /// [`Error::Resource`] for one that can't be had; [`Error::Usage`] for what is no TCP address.
    pub fn bind(addresses: &[Address]) -> Result<Doors> {
        crate::server::tcp_doors(addresses).map(Doors)
    }

    /// Where it really listens.
    pub fn addresses(&self) -> Vec<String> {
        let addresses = self.0.iter().filter_map(|door| door.local_addr().ok());
        addresses.map(|address| address.to_string()).collect()
    }

    /// Serves for ever, each client on a thread of its own.
    pub fn serve(&self, opener: Arc<dyn Opener + Send>) {
        let present = Arc::new(AtomicUsize::new(0));
        thread::scope(|scope| {
            for door in &self.0 {
                scope.spawn(|| self.attend(door, &opener, &present));
            }
        });
    }

    fn attend(
        &self,
        door: &TcpListener,
        opener: &Arc<dyn Opener + Send>,
        present: &Arc<AtomicUsize>,
    ) {
        for stream in door.incoming() {
            let Ok(stream) = stream else {
                // No more files to be had for now.
                thread::sleep(Duration::from_millis(100));
                continue;
            };
            if present.fetch_add(1, Ordering::Relaxed) >= MOST_SESSIONS {
                tracing::warn!("a client turned away: {MOST_SESSIONS} are served already");
                present.fetch_sub(1, Ordering::Relaxed);
                continue;
            }
            let (opener, present) = (Arc::clone(opener), Present(Arc::clone(present)));
            let session = move || {
                let _present = present;
                if let Err(error) = over_tcp(&stream, &*opener) {
                    tracing::info!("the client is lost: {error}");
                }
            };
            // One that can't be started has dropped its place.
            let _ = thread::Builder::new().name("session".into()).spawn(session);
        }
    }
}

/// What a client sends. Some send nothing, or half a request, or a byte now and then, and would keep a
/// place from others.
struct Patient {
    stream: TcpStream,
    /// When the first request has to be there; `None` once it was.
    until: Option<Instant>,
}

impl Read for Patient {
    fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        let left = self.until.map(|until| until.saturating_duration_since(Instant::now()));
        if left.is_some_and(|left| left.is_zero()) {
            return Err(io::ErrorKind::TimedOut.into());
        }
        self.stream.set_read_timeout(left)?;
        self.stream.read(buf)
    }
}

/// A place that is taken, until this is dropped.
struct Present(Arc<AtomicUsize>);

impl Drop for Present {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn over_tcp(stream: &TcpStream, opener: &dyn Opener) -> io::Result<()> {
    stream.set_nodelay(true)?;
    stream.set_write_timeout(Some(WRITING))?;
    let (mut session, (to, cancelled)) = Session::new(stream, opener);
    let until = Instant::now().checked_add(FIRST_WORD);
    let from = BufReader::new(Patient { stream: stream.try_clone()?, until });
    let read = move || listen(from, &to, &cancelled, |from| from.get_mut().until = None);
    thread::Builder::new().name("requests".into()).spawn(read)?;
    let ended = session.run();
    // Wakes the thread that reads.
    let _ = stream.shutdown(std::net::Shutdown::Both);
    let _ = (&*stream).flush();
    ended
}
