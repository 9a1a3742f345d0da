//! Where to listen, as a user writes it, and the sockets that come of it.

use crate::error::{Error, Result};
use socket2::{Domain, Protocol, Socket, Type};
use std::fmt;
use std::io;
use std::net::{SocketAddr, TcpListener, ToSocketAddrs};
use std::path::PathBuf;
use std::str::FromStr;

/// A place to listen at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A name or number of this machine, and a port; port 0 takes any that is free.
    Tcp {
        /// The host as the user wrote it, without brackets.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Address {
    /// `127.0.0.1` and `::1`: what `localhost` means to GDB.
    pub fn local(port: u16) -> [Address; 2] {
        ["127.0.0.1", "::1"].map(|host| Address::Tcp { host: host.into(), port })
    }

    /// Whether only programs on this machine can reach it. A dump holds secrets.
    pub fn is_local(&self) -> bool {
        match self {
            Address::Unix(_) => true,
            Address::Tcp { host, .. } => {
                host == "localhost"
                    || host.parse::<std::net::IpAddr>().is_ok_and(|ip| ip.is_loopback())
            }
        }
    }
}

impl FromStr for Address {
    type Err = Error;

    /// `127.0.0.1:3333`, `[::1]:3333`, `name:3333`, `:3333` (this machine), `unix:PATH`, or a path
    /// with a slash in it.
    fn from_str(text: &str) -> Result<Self> {
        let bad = || {
            let expected = "expected HOST:PORT, :PORT, or unix:PATH";
            Error::Usage(format!("'{text}' is no address to listen at: {expected}"))
        };
        if let Some(path) = text.strip_prefix("unix:") {
            return if path.is_empty() { Err(bad()) } else { Ok(Address::Unix(path.into())) };
        }
        if text.contains('/') {
            return Ok(Address::Unix(text.into()));
        }
        let (host, port) = text.rsplit_once(':').ok_or_else(bad)?;
        let port = port.parse().map_err(|_| bad())?;
        let host = match host.strip_prefix('[') {
            Some(inner) => inner.strip_suffix(']').ok_or_else(bad)?,
            None if host.contains(':') => return Err(bad()),
            None if host.is_empty() => "localhost",
            None => host,
        };
        Ok(Address::Tcp { host: host.to_string(), port })
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Address::Tcp { host, port } if host.contains(':') => write!(f, "[{host}]:{port}"),
            Address::Tcp { host, port } => write!(f, "{host}:{port}"),
            Address::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

/// A socket that takes clients.
pub(crate) enum Door {
    Tcp(TcpListener),
    #[cfg(unix)]
    Unix(std::os::unix::net::UnixListener, PathBuf),
}

/// Opens all of `addresses`. One that this machine can't have because it has no IPv6 is passed
/// over as long as another one works.
pub(crate) fn open(addresses: &[Address]) -> Result<Vec<Door>> {
    let mut doors = Vec::new();
    let mut passed_over = None;
    // Where the port is ours to choose, all addresses get the same one.
    let mut chosen = None;
    for address in addresses {
        match address {
            Address::Unix(path) => doors.push(open_unix(path)?),
            Address::Tcp { host, port } => {
                for mut place in resolve(host, *port)? {
                    if *port == 0 {
                        place.set_port(chosen.unwrap_or_default());
                    }
                    match open_tcp(place) {
                        Ok(listener) => {
                            chosen = chosen.or(listener.local_addr().ok().map(|at| at.port()));
                            doors.push(Door::Tcp(listener));
                        }
                        Err(error) if place.is_ipv6() && is_absent(&error) => {
                            tracing::debug!("passing over {place}: {error}");
                            passed_over = Some(refusal(&place.to_string(), &error));
                        }
                        Err(error) => return Err(refused(place, &error)),
                    }
                }
            }
        }
    }
    match (doors.is_empty(), passed_over) {
        (false, _) => Ok(doors),
        (true, Some(error)) => Err(error),
        (true, None) => Err(Error::Usage("there is no address to listen at".into())),
    }
}

/// Opens all of `addresses` for a protocol that is spoken over TCP alone.
pub(crate) fn tcp_doors(addresses: &[Address]) -> Result<Vec<TcpListener>> {
    if let Some(other) = addresses.iter().find(|address| !matches!(address, Address::Tcp { .. })) {
        return Err(Error::Usage(format!("{other}: expected HOST:PORT or :PORT")));
    }
    let tcp = |door: &Door| match door {
        Door::Tcp(listener) => listener.try_clone().ok(),
        #[cfg(unix)]
        Door::Unix(..) => None,
    };
    Ok(open(addresses)?.iter().filter_map(tcp).collect())
}

fn resolve(host: &str, port: u16) -> Result<Vec<SocketAddr>> {
    let found = (host, port).to_socket_addrs().map_err(|error| {
        Error::Resource(format!("can't find out what address '{host}' is: {error}"))
    })?;
    let mut places: Vec<SocketAddr> = Vec::new();
    for place in found {
        if !places.contains(&place) {
            places.push(place);
        }
    }
    Ok(places)
}

fn open_tcp(place: SocketAddr) -> io::Result<TcpListener> {
    const BACKLOG: i32 = 64;
    let socket = Socket::new(Domain::for_address(place), Type::STREAM, Some(Protocol::TCP))?;
    if place.is_ipv6() {
        // So that [::] and 0.0.0.0 can be had side by side.
        socket.set_only_v6(true)?;
    }
    // On Windows this would let two servers share a port.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.bind(&place.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket.into())
}

/// Whether the error means that this machine has no IPv6.
fn is_absent(error: &io::Error) -> bool {
    #[cfg(windows)]
    const NO_SUCH_FAMILY: i32 = 10047;
    #[cfg(any(target_os = "macos", target_os = "ios", target_os = "freebsd"))]
    const NO_SUCH_FAMILY: i32 = 47;
    #[cfg(not(any(windows, target_os = "macos", target_os = "ios", target_os = "freebsd")))]
    const NO_SUCH_FAMILY: i32 = 97;
    error.kind() == io::ErrorKind::AddrNotAvailable || error.raw_os_error() == Some(NO_SUCH_FAMILY)
}

/// How many ports behind a taken one are tried for the one to offer.
const PORTS_TRIED: u16 = 32;

/// Why a TCP address can't be had, with the next port that can. It is offered, not taken: who
/// connects to the usual port would look at the other program's dump.
fn refused(place: SocketAddr, error: &io::Error) -> Error {
    let next = place.port().saturating_add(1);
    let mut behind = next..=next.saturating_add(PORTS_TRIED - 1);
    let is_free = |port: &u16| {
        let mut other = place;
        other.set_port(*port);
        open_tcp(other).is_ok()
    };
    match behind.find(is_free).filter(|_| error.kind() == io::ErrorKind::AddrInUse) {
        Some(port) if place.ip().is_loopback() => Error::Resource(format!(
            "{place} is taken: another program listens there, maybe another coroner; end it, or \
             take the next port, which is free: --listen :{port}"
        )),
        _ => refusal(&place.to_string(), error),
    }
}

fn refusal(place: &str, error: &io::Error) -> Error {
    Error::Resource(match error.kind() {
        io::ErrorKind::AddrInUse => format!(
            "{place} is taken: another program listens there, maybe another coroner; end it or \
             choose another place with --listen"
        ),
        io::ErrorKind::PermissionDenied => {
            format!("no permission to listen at {place}: choose another place with --listen")
        }
        io::ErrorKind::AddrNotAvailable => format!("{place} is no address of this machine"),
        _ => format!("can't listen at {place}: {error}"),
    })
}

#[cfg(unix)]
fn open_unix(path: &std::path::Path) -> Result<Door> {
    use std::os::unix::fs::{FileTypeExt, PermissionsExt};
    use std::os::unix::net::{UnixListener, UnixStream};

    let refused = |error: io::Error| refusal(&format!("unix:{}", path.display()), &error);
    // A socket file outlives a server that was killed. Nobody answers there any more.
    let is_socket = path.symlink_metadata().is_ok_and(|found| found.file_type().is_socket());
    if is_socket && UnixStream::connect(path).is_err() {
        std::fs::remove_file(path).map_err(refused)?;
    }
    let listener = UnixListener::bind(path).map_err(refused)?;
    // A dump holds secrets: nobody but its owner is to connect.
    let owner_only = std::fs::Permissions::from_mode(0o600);
    std::fs::set_permissions(path, owner_only).map_err(refused)?;
    Ok(Door::Unix(listener, path.to_path_buf()))
}

#[cfg(not(unix))]
fn open_unix(path: &std::path::Path) -> Result<Door> {
    let path = path.display();
    Err(Error::Resource(format!("unix:{path}: this system has no Unix sockets")))
}

impl Door {
    /// The address with the port that it really got.
    pub(crate) fn address(&self) -> Address {
        match self {
            Door::Tcp(listener) => match listener.local_addr() {
                Ok(place) => Address::Tcp { host: place.ip().to_string(), port: place.port() },
                Err(_) => Address::Tcp { host: "?".into(), port: 0 },
            },
            #[cfg(unix)]
            Door::Unix(_, path) => Address::Unix(path.clone()),
        }
    }
}

impl Drop for Door {
    fn drop(&mut self) {
        #[cfg(unix)]
        if let Door::Unix(_, path) = self {
            // If it is gone already, all the better.
            let _ = std::fs::remove_file(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_read_as_people_write_them() {
        let parse = |text: &str| text.parse::<Address>().unwrap().to_string();
        assert_eq!(parse("127.0.0.1:3333"), "127.0.0.1:3333");
        assert_eq!(parse("[::1]:3333"), "[::1]:3333");
        assert_eq!(parse(":3333"), "localhost:3333");
        assert_eq!(parse("unix:sock"), "unix:sock");
        assert_eq!(parse("/tmp/sock"), "unix:/tmp/sock");
        for bad in ["", "3333", "host", "host:port", "::1:3333", "[::1:3333", "h:70000", "unix:"] {
            assert!(bad.parse::<Address>().is_err(), "{bad}");
        }
    }

    #[test]
    fn a_taken_port_is_named_in_one_sentence() {
        let first = open(&["127.0.0.1:0".parse().unwrap()]).unwrap();
        let taken = first[0].address();
        let error = open(std::slice::from_ref(&taken)).err().expect("the port is taken");
        assert!(error.to_string().starts_with(&format!("{taken} is taken")), "{error}");
    }

    #[test]
    fn an_address_of_another_machine_is_refused_in_one_sentence() {
        // TEST-NET-1 of RFC 5737: nobody's address.
        let error = open(&["192.0.2.1:0".parse().unwrap()]).err().expect("not ours");
        assert!(error.to_string().ends_with("is no address of this machine"), "{error}");
    }

    #[test]
    fn port_0_gets_one_real_port_for_all_addresses() {
        let doors = open(&Address::local(0)).unwrap();
        let ports: Vec<u16> = doors
            .iter()
            .map(|door| match door.address() {
                Address::Tcp { port, .. } => port,
                Address::Unix(_) => 0,
            })
            .collect();
        assert!(ports[0] != 0 && ports.iter().all(|port| *port == ports[0]), "{ports:?}");
    }
}
