//! The server: connections on threads of their own, the dump on one.

use super::http::{self, Request, Response};
use super::site::Site;
use crate::error::{Error, Result};
use crate::open::Opened;
use crate::query::Look;
use crate::report::{self, AppRules, Report, ReportOptions};
use crate::server::Address;
use sha2::{Digest, Sha256};
use std::collections::hash_map::RandomState;
use std::hash::BuildHasher;
use std::io;
use std::net::{TcpListener, TcpStream};
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::mpsc::{RecvTimeoutError, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// As many connections at a time; a browser opens six.
const MOST_CONNECTIONS: usize = 32;
/// A request that is not whole after this, and an answer that is not taken, is given up.
const PATIENCE: Duration = Duration::from_secs(5);
/// How often it is looked whether the server is to stop.
const TICK: Duration = Duration::from_millis(100);

/// Where it listens.
pub struct Door {
    listeners: Vec<TcpListener>,
    token: String,
}

/// What is shown, and how.
pub struct View {
    /// The dump.
    pub opened: Opened,
    /// Folders to look for source files in.
    pub source_dirs: Vec<PathBuf>,
    /// Which functions are not the user's own code.
    pub rules: AppRules,
}

type Asked = (Request, SyncSender<Response>);

impl Door {
    /// Listens at all of `addresses`.
    ///
    /// # Errors
    /// [`Error::Resource`] for one that can't be had; [`Error::Usage`] for what is no TCP address of this
    /// machine alone.
    pub fn bind(addresses: &[Address]) -> Result<Door> {
        if let Some(other) = addresses.iter().find(|address| !address.is_local()) {
            let why = format!("{other} can be reached from other machines: pages are for this one");
            return Err(Error::Usage(why));
        }
        Ok(Door { listeners: crate::server::tcp_doors(addresses)?, token: token() })
    }

    /// The address for the browser.
    pub fn link(&self) -> Option<String> {
        let address = self.listeners.first()?.local_addr().ok()?;
        Some(format!("http://{address}/{}/", self.token))
    }

    /// Serves until `stop` is set.
    ///
    /// # Errors
    /// [`Error::Resource`] if no thread can be started.
    pub fn serve(&self, view: &View, stop: &AtomicBool) -> Result<()> {
        let (to, inbox) = sync_channel::<Asked>(MOST_CONNECTIONS);
        let present = Arc::new(AtomicUsize::new(0));
        for listener in &self.listeners {
            let listener = listener.try_clone().map_err(no_thread)?;
            let (to, present) = (to.clone(), Arc::clone(&present));
            let work = move || attend(&listener, &to, &present);
            thread::Builder::new().name("door".into()).spawn(work).map_err(no_thread)?;
        }
        let report = view.report();
        let modules = view.opened.modules();
        let mut look = Look::new(&view.opened.dump, &modules);
        if let Some(report) = &report {
            look.headline.clone_from(&report.headline);
            look.signature = Some(report.signature.id.clone());
        }
        let site = Site {
            look,
            report: report.as_ref(),
            rules: &view.rules,
            source_dirs: &view.source_dirs,
            token: self.token.clone(),
        };
        while !stop.load(Ordering::Relaxed) {
            match inbox.recv_timeout(TICK) {
                // Who asked may have gone.
                Ok((request, reply)) => _ = reply.send(site.answer(&request)),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => break,
            }
        }
        Ok(())
    }
}

impl View {
    fn report(&self) -> Option<Report> {
        let options = ReportOptions {
            values: false,
            all_threads: false,
            heaps: false,
            sections: Vec::new(),
            logs: false,
            print: Vec::new(),
            source_dirs: self.source_dirs.clone(),
            rules: self.rules.clone(),
        };
        // Only an expression could be wrong, and there is none.
        report::build(&self.opened, &options).ok()
    }
}

fn no_thread(error: io::Error) -> Error {
    Error::Resource(format!("can't start a thread: {error}"))
}

/// 32 digits that nobody can guess: the standard library seeds its hashers from the system's randomness.
fn token() -> String {
    let mut digest = Sha256::new();
    for number in 0..8u64 {
        digest.update(RandomState::new().hash_one(number).to_le_bytes());
    }
    digest.finalize().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

fn attend(listener: &TcpListener, to: &SyncSender<Asked>, present: &Arc<AtomicUsize>) {
    for stream in listener.incoming() {
        let Ok(stream) = stream else {
            thread::sleep(TICK);
            continue;
        };
        if present.fetch_add(1, Ordering::Relaxed) >= MOST_CONNECTIONS {
            present.fetch_sub(1, Ordering::Relaxed);
            continue;
        }
        let (to, place) = (to.clone(), Place(Arc::clone(present)));
        let work = move || {
            let _place = place;
            if let Err(error) = exchange(stream, &to) {
                tracing::debug!("a connection is lost: {error}");
            }
        };
        // One that can't be started has given back its place.
        let _ = thread::Builder::new().name("page".into()).spawn(work);
    }
}

/// A place that is taken, until this is dropped.
struct Place(Arc<AtomicUsize>);

impl Drop for Place {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn exchange(mut stream: TcpStream, to: &SyncSender<Asked>) -> io::Result<()> {
    stream.set_read_timeout(Some(PATIENCE))?;
    stream.set_write_timeout(Some(PATIENCE))?;
    let response = match http::read(&mut stream)? {
        Err(refused) => refused,
        Ok(request) => {
            let (reply, answer) = sync_channel(1);
            if to.send((request, reply)).is_err() {
                return Ok(());
            }
            match answer.recv() {
                Ok(response) => response,
                Err(_) => return Ok(()),
            }
        }
    };
    response.send(&mut stream)
}
