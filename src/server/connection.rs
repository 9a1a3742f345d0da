//! The bytes between us and a client: TCP, a Unix socket, or standard input and output.

use std::io::{self, Read, Write};
use std::net::TcpStream;
use std::time::Duration;

/// Tells the operating system to find out whether a silent peer is still there, so that a socket
/// whose other end lost power doesn't hold a client's place for ever.
const KEEP_ALIVE_AFTER: Duration = Duration::from_secs(60);
const KEEP_ALIVE_EVERY: Duration = Duration::from_secs(10);

/// A client's connection.
pub(crate) struct Connection {
    reader: Box<dyn Read + Send>,
    writer: Box<dyn Write + Send>,
    /// Sets how long a read may wait, where that can be set.
    patience: Option<Patience>,
}

type Patience = Box<dyn Fn(Option<Duration>) -> io::Result<()> + Send>;

/// Ends a connection from another thread: what blocks on it returns.
pub(crate) type Closer = Box<dyn Fn() + Send>;

impl Connection {
    /// Standard input and output.
    pub(crate) fn stdio() -> Self {
        Connection { reader: Box::new(io::stdin()), writer: Box::new(io::stdout()), patience: None }
    }

    /// A TCP connection. A write that makes no headway for `write_timeout` fails.
    pub(crate) fn tcp(stream: TcpStream, write_timeout: Duration) -> io::Result<(Self, Closer)> {
        stream.set_nonblocking(false)?;
        // Requests and replies are small and alternate: waiting for more would stop both sides.
        stream.set_nodelay(true)?;
        stream.set_write_timeout(Some(write_timeout))?;
        let keep_alive = socket2::TcpKeepalive::new().with_time(KEEP_ALIVE_AFTER);
        let keep_alive = keep_alive.with_interval(KEEP_ALIVE_EVERY);
        socket2::SockRef::from(&stream).set_tcp_keepalive(&keep_alive)?;
        let (reader, last) = (stream.try_clone()?, stream.try_clone()?);
        let timed = stream.try_clone()?;
        let patience: Patience = Box::new(move |time| timed.set_read_timeout(time));
        let close = move || _ = last.shutdown(std::net::Shutdown::Both);
        let connection = Connection {
            reader: Box::new(reader),
            writer: Box::new(stream),
            patience: Some(patience),
        };
        Ok((connection, Box::new(close)))
    }

    /// A connection over a Unix socket. A write that makes no headway for `write_timeout` fails.
    #[cfg(unix)]
    pub(crate) fn unix(
        stream: std::os::unix::net::UnixStream,
        write_timeout: Duration,
    ) -> io::Result<(Self, Closer)> {
        stream.set_nonblocking(false)?;
        stream.set_write_timeout(Some(write_timeout))?;
        let (reader, last) = (stream.try_clone()?, stream.try_clone()?);
        let timed = stream.try_clone()?;
        let patience: Patience = Box::new(move |time| timed.set_read_timeout(time));
        let close = move || _ = last.shutdown(std::net::Shutdown::Both);
        let connection = Connection {
            reader: Box::new(reader),
            writer: Box::new(stream),
            patience: Some(patience),
        };
        Ok((connection, Box::new(close)))
    }

    /// Lets reads fail that wait for longer than `time`; `None`: they wait for ever. Standard input
    /// always does.
    pub(crate) fn wait_at_most(&self, time: Option<Duration>) -> io::Result<()> {
        self.patience.as_ref().map_or(Ok(()), |patience| patience(time))
    }

    /// Waits for bytes; 0 at the end of the connection.
    pub(crate) fn read(&mut self, buf: &mut [u8]) -> io::Result<usize> {
        loop {
            match self.reader.read(buf) {
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                result => return result,
            }
        }
    }

    /// Sends all of `bytes` at once.
    pub(crate) fn write_all(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.writer.write_all(bytes)?;
        self.writer.flush()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::TcpListener;

    #[test]
    fn a_connection_never_waits_for_more_and_finds_out_that_its_peer_is_dead() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("some port is free");
        let place = listener.local_addr().expect("it has an address");
        let _client = TcpStream::connect(place).expect("it listens");
        let (stream, _) = listener.accept().expect("the client came");
        let ours = stream.try_clone().expect("a second handle");
        let (_connection, close) =
            Connection::tcp(stream, Duration::from_secs(7)).expect("all options exist");
        assert!(ours.nodelay().expect("an option"));
        assert_eq!(ours.write_timeout().expect("an option"), Some(Duration::from_secs(7)));
        assert!(socket2::SockRef::from(&ours).keepalive().expect("an option"));
        close();
        assert_eq!((&ours).read(&mut [0; 1]).expect("it was closed"), 0);
    }
}
