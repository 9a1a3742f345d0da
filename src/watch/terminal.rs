//! Serial ports and our own terminal: byte by byte, nothing changed on the way.
//!
//! Source: POSIX.1-2017, chapter 11 "General Terminal Interface".

use rustix::fs::{OFlags, fcntl_getfl, fcntl_setfl};
use rustix::termios::{
    ControlModes, LocalModes, OptionalActions, SpecialCodeIndex, Termios, tcgetattr, tcsetattr,
};
use std::fs::{File, OpenOptions};
use std::io;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;

/// Opens a serial port at `baud`, eight bits, no parity, no flow control. A pseudo terminal does as well.
pub(super) fn open_port(path: &Path, baud: u32) -> io::Result<File> {
    // Without waiting for a carrier, and without becoming this process' terminal.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).map_err(io::Error::other)?;
    let file = OpenOptions::new().read(true).write(true).custom_flags(flags).open(path)?;
    let mut modes = tcgetattr(&file)?;
    modes.make_raw();
    modes.control_modes |= ControlModes::CLOCAL | ControlModes::CREAD;
    // When the port is closed its lines stay: dropping them resets many boards.
    modes.control_modes &= !(ControlModes::HUPCL | ControlModes::CSTOPB | ControlModes::CRTSCTS);
    modes.special_codes[SpecialCodeIndex::VMIN] = 1;
    modes.special_codes[SpecialCodeIndex::VTIME] = 0;
    modes.set_speed(baud)?;
    tcsetattr(&file, OptionalActions::Now, &modes)?;
    fcntl_setfl(&file, fcntl_getfl(&file)? & !OFlags::NONBLOCK)?;
    Ok(file)
}

/// Our terminal without echo and lines, until dropped: each key goes to the device at once. Ctrl-C stays
/// ours.
pub(super) struct Keys {
    before: Termios,
}

impl Keys {
    /// `None` if standard input is no terminal.
    pub(super) fn each() -> Option<Keys> {
        let before = tcgetattr(io::stdin()).ok()?;
        let mut modes = before.clone();
        modes.local_modes &= !(LocalModes::ICANON | LocalModes::ECHO);
        modes.special_codes[SpecialCodeIndex::VMIN] = 1;
        modes.special_codes[SpecialCodeIndex::VTIME] = 0;
        tcsetattr(io::stdin(), OptionalActions::Now, &modes).ok()?;
        Some(Keys { before })
    }
}

impl Drop for Keys {
    fn drop(&mut self) {
        // A terminal that is gone needs nothing.
        let _ = tcsetattr(io::stdin(), OptionalActions::Now, &self.before);
    }
}
