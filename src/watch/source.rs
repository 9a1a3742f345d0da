//! Where a console comes from: standard input, a file that grows, a pipe, a socket, a serial port.
//!
//! A thread reads and hands on; what vanishes is taken up again when it is back.

use super::Event;
use crate::error::{Error, Result};
use crate::server::Address;
use std::fs::{File, Metadata};
use std::io::{self, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::path::{Path, PathBuf};
use std::sync::mpsc::SyncSender;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// So much is read at a time.
const CHUNK: usize = 64 << 10;
/// How often a file is looked at for more; a line must not wait longer.
const POLL: Duration = Duration::from_millis(2);
/// How often it is looked at whether it is still the same file.
const POLL_NAME: Duration = Duration::from_millis(100);
/// How soon something that vanished is tried again.
const RETRY: Duration = Duration::from_millis(100);
/// How long a connection may take.
const CONNECT: Duration = Duration::from_secs(5);
/// A peer that is silent is asked whether it is still there.
const KEEPALIVE: Duration = Duration::from_secs(10);

/// Where a console comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// Standard input.
    Stdin,
    /// A file that grows, or one that is not there yet; from its beginning or from its end.
    File(PathBuf, Start),
    /// A named pipe.
    Pipe(PathBuf),
    /// A serial port, at this many baud.
    Port(PathBuf, u32),
    /// A socket.
    Socket(Address),
}

/// Where in a file that is there already.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start {
    /// At its beginning.
    Beginning,
    /// At its end: only what comes from now on.
    End,
}

/// The way back to the device, where there is one.
pub(super) type Back = Arc<Mutex<Way>>;
type Way = Option<Box<dyn Write + Send>>;

impl Source {
    /// What `text` names: `-`, a path, `HOST:PORT`, `unix:PATH`.
    ///
    /// # Errors
    /// [`Error::Usage`] for what can't be watched, [`Error::Io`] for a file in a folder that is not
    /// there.
    pub fn named(text: &str, baud: u32, start: Start) -> Result<Source> {
        if text == "-" {
            return Ok(Source::Stdin);
        }
        let path = PathBuf::from(text);
        match std::fs::metadata(&path) {
            Ok(meta) => Source::at(path, &meta, baud, start),
            Err(_) if text.starts_with("unix:") => Ok(Source::Socket(text.parse()?)),
            Err(_) if text.starts_with("/dev/") => Ok(Source::Port(path, baud)),
            Err(e) => match text.strip_prefix("tcp:").unwrap_or(text).parse::<Address>() {
                Ok(address @ Address::Tcp { .. }) => Ok(Source::Socket(address)),
                // A log that will be there soon.
                _ if path
                    .parent()
                    .is_some_and(|folder| folder.as_os_str().is_empty() || folder.is_dir()) =>
                {
                    Ok(Source::File(path, start))
                }
                _ => Err(Error::io(path, e)),
            },
        }
    }

    fn at(path: PathBuf, meta: &Metadata, baud: u32, start: Start) -> Result<Source> {
        if meta.is_file() {
            return Ok(Source::File(path, start));
        }
        #[cfg(unix)]
        {
            use std::os::unix::fs::FileTypeExt as _;
            let kind = meta.file_type();
            if kind.is_fifo() {
                return Ok(Source::Pipe(path));
            }
            if kind.is_socket() {
                return Ok(Source::Socket(Address::Unix(path)));
            }
            if kind.is_char_device() {
                return Ok(Source::Port(path, baud));
            }
        }
        let _ = baud;
        let why = format!("{}: is neither a file nor a port nor a socket", path.display());
        Err(Error::Usage(why))
    }

    /// Its name.
    pub(super) fn name(&self) -> String {
        match self {
            Source::Stdin => "standard input".into(),
            Source::File(path, _) | Source::Pipe(path) | Source::Port(path, _) => {
                path.display().to_string()
            }
            Source::Socket(address) => address.to_string(),
        }
    }

    /// Whether what is typed can go back.
    pub(super) fn takes_keys(&self) -> bool {
        matches!(self, Source::Port(..) | Source::Socket(_))
    }

    /// Whether it is read as fast as it can be: order counts, and no device waits.
    pub(super) fn is_file(&self) -> bool {
        match self {
            Source::File(..) => true,
            Source::Stdin => stdin_is_file(),
            _ => false,
        }
    }

    /// Reads until it ends, or for ever. What it finds at first and can't open is an error.
    pub(super) fn read(&self, to: &SyncSender<Event>, back: &Back, again: bool) -> Sent {
        match self {
            Source::Stdin => copy(&mut io::stdin().lock(), to),
            Source::File(path, start) => follow(path, *start, to, again),
            _ => self.read_connections(to, back, again),
        }
    }

    fn read_connections(&self, to: &SyncSender<Event>, back: &Back, again: bool) -> Sent {
        let mut was_there = None;
        loop {
            match self.open() {
                Ok((mut from, way_back)) => {
                    if was_there == Some(false) {
                        to.send(Event::Back)?;
                    }
                    was_there = Some(true);
                    *back.lock().unwrap_or_else(PoisonError::into_inner) = way_back;
                    copy(&mut *from, to)?;
                    *back.lock().unwrap_or_else(PoisonError::into_inner) = None;
                    if !again {
                        return Ok(());
                    }
                    to.send(Event::Gone)?;
                }
                Err(e) if was_there.is_none() && !may_come(&e) => {
                    to.send(Event::Failed(Error::io(self.name(), e)))?;
                    return Ok(());
                }
                Err(_) if was_there.is_none() => to.send(Event::Gone)?,
                Err(_) => {}
            }
            was_there = was_there.or(Some(false)).map(|_| false);
            std::thread::sleep(RETRY);
        }
    }

    fn open(&self) -> io::Result<(Box<dyn Read>, Way)> {
        match self {
            Source::Socket(Address::Tcp { host, port }) => {
                let stream = connect(host, *port)?;
                let back = stream.try_clone()?;
                Ok((Box::new(stream), Some(Box::new(back))))
            }
            #[cfg(unix)]
            Source::Socket(Address::Unix(path)) => {
                let stream = std::os::unix::net::UnixStream::connect(path)?;
                let back = stream.try_clone()?;
                Ok((Box::new(stream), Some(Box::new(back))))
            }
            #[cfg(unix)]
            Source::Port(path, baud) => {
                let port = super::terminal::open_port(path, *baud)?;
                let back = port.try_clone()?;
                Ok((Box::new(port), Some(Box::new(back))))
            }
            // As the system has set it up.
            #[cfg(not(unix))]
            Source::Port(path, _) => {
                let port = File::options().read(true).write(true).open(path)?;
                let back = port.try_clone()?;
                Ok((Box::new(port), Some(Box::new(back))))
            }
            // Opening waits for somebody who writes.
            Source::Pipe(path) => Ok((Box::new(File::open(path)?), None)),
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

/// Whether somebody still listens.
pub(super) type Sent = Result<(), std::sync::mpsc::SendError<Event>>;

/// Whether what can't be opened now may be there later: a port that is not plugged in, a server that is
/// not started.
fn may_come(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionRefused, HostUnreachable, NotFound, ResourceBusy, TimedOut};
    matches!(error.kind(), ConnectionRefused | HostUnreachable | NotFound | ResourceBusy | TimedOut)
}

fn connect(host: &str, port: u16) -> io::Result<TcpStream> {
    let mut last = io::ErrorKind::NotFound.into();
    for address in (host, port).to_socket_addrs()? {
        match TcpStream::connect_timeout(&address, CONNECT) {
            Ok(stream) => {
                stream.set_nodelay(true)?;
                let keepalive = socket2::TcpKeepalive::new().with_time(KEEPALIVE);
                socket2::SockRef::from(&stream).set_tcp_keepalive(&keepalive)?;
                return Ok(stream);
            }
            Err(e) => last = e,
        }
    }
    Err(last)
}

/// Hands on all that comes until there is no more. An error is the end as well: a port that was unplugged.
fn copy(from: &mut dyn Read, to: &SyncSender<Event>) -> Sent {
    let mut chunk = vec![0; CHUNK];
    loop {
        match from.read(&mut chunk) {
            Ok(0) => return Ok(()),
            Ok(len) => to.send(Event::Bytes(chunk.get(..len).unwrap_or_default().to_vec()))?,
            Err(e) if e.kind() == io::ErrorKind::Interrupted => {}
            Err(_) => return Ok(()),
        }
    }
}

/// Follows a file by its name, as `tail -F` does: one that was moved away or emptied is read on as the
/// new one from its beginning.
fn follow(path: &Path, start: Start, to: &SyncSender<Event>, again: bool) -> Sent {
    let mut open: Option<(File, u64)> = None;
    let mut was_gone = false;
    let mut is_first = true;
    let mut looked = Instant::now();
    let mut chunk = vec![0; CHUNK];
    loop {
        let Some((file, at)) = &mut open else {
            match File::open(path) {
                Ok(mut file) => {
                    let from_end = is_first && start == Start::End;
                    let at = if from_end {
                        io::Seek::seek(&mut file, io::SeekFrom::End(0))
                    } else {
                        Ok(0)
                    };
                    if was_gone {
                        to.send(Event::Back)?;
                    }
                    open = Some((file, at.unwrap_or(0)));
                }
                Err(e) if is_first && e.kind() != io::ErrorKind::NotFound => {
                    to.send(Event::Failed(Error::io(path, e)))?;
                    return Ok(());
                }
                Err(_) => {
                    if !was_gone {
                        to.send(Event::Gone)?;
                    }
                    was_gone = true;
                    std::thread::sleep(RETRY);
                }
            }
            is_first = false;
            continue;
        };
        match file.read(&mut chunk) {
            Ok(0) => {}
            Ok(len) => {
                *at += len as u64;
                to.send(Event::Bytes(chunk.get(..len).unwrap_or_default().to_vec()))?;
                if len == chunk.len() {
                    continue;
                }
            }
            Err(e) if e.kind() == io::ErrorKind::Interrupted => continue,
            Err(_) => {}
        }
        if looked.elapsed() >= POLL_NAME {
            looked = Instant::now();
            let own = file.metadata();
            let there = std::fs::metadata(path);
            let is_shorter = own.as_ref().is_ok_and(|own| own.len() < *at);
            let is_other = match (&own, &there) {
                (Ok(own), Ok(there)) => !is_same(own, there),
                _ => true,
            };
            // What was written to the old file at the last moment.
            let has_more = own.as_ref().is_ok_and(|own| own.len() > *at);
            if (is_other && !has_more) || is_shorter {
                if there.is_err() {
                    if !again {
                        return Ok(());
                    }
                    to.send(Event::Gone)?;
                    was_gone = true;
                } else {
                    was_gone = false;
                    to.send(Event::Turned)?;
                }
                open = None;
                continue;
            }
        }
        std::thread::sleep(POLL);
    }
}

#[cfg(unix)]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    use std::os::unix::fs::MetadataExt as _;
    (one.dev(), one.ino()) == (other.dev(), other.ino())
}

#[cfg(not(unix))]
fn is_same(one: &Metadata, other: &Metadata) -> bool {
    one.created().ok() == other.created().ok()
}

#[cfg(unix)]
fn stdin_is_file() -> bool {
    use std::os::fd::AsFd as _;
    let stdin = io::stdin().as_fd().try_clone_to_owned();
    stdin.is_ok_and(|stdin| File::from(stdin).metadata().is_ok_and(|meta| meta.is_file()))
}

#[cfg(not(unix))]
fn stdin_is_file() -> bool {
    false
}
