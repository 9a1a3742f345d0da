//! Runs the real `coroner serve` as a child process.

use std::ffi::OsStr;
use std::io::{BufRead, BufReader};
use std::process::{Child, ChildStderr, Command, Stdio};

/// A server that runs until this is dropped.
pub struct Server {
    child: Child,
    /// Its port on 127.0.0.1.
    pub port: u16,
    /// What it said before it listened.
    pub said: String,
    rest: BufReader<ChildStderr>,
}

impl Server {
    /// Starts `coroner serve ARGS` on a free port.
    pub fn start<S: AsRef<OsStr>>(args: &[S]) -> Server {
        #[allow(clippy::zombie_processes, reason = "it is waited for when the server is dropped")]
        let mut child = Command::new(env!("CARGO_BIN_EXE_coroner"))
            .arg("serve")
            .args(args)
            .args(["--listen", "127.0.0.1:0"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .expect("our own program starts");
        let mut rest = BufReader::new(child.stderr.take().expect("it is piped"));
        let mut said = String::new();
        loop {
            let mut line = String::new();
            let n = rest.read_line(&mut line).expect("standard error can be read");
            assert!(n > 0, "the server ended before it listened:\n{said}");
            said.push_str(&line);
            if let Some(place) = line.strip_prefix("listening on 127.0.0.1:") {
                let port = place.trim().parse().expect("a port");
                return Server { child, port, said, rest };
            }
        }
    }

    /// `target remote 127.0.0.1:PORT`.
    pub fn target_remote(&self) -> String {
        format!("target remote 127.0.0.1:{}", self.port)
    }

    /// Whether it still runs.
    pub fn runs(&mut self) -> bool {
        matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        // It may have ended by itself; then there is nothing to stop.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
