//! The words of `monitor`, for clients that are not GDB.

use super::client::Client;
use super::monitor;
use super::served::Served;
use std::sync::Arc;

/// A console over a dump.
pub struct Console(Client);

impl Console {
    /// Over what is served.
    pub fn new(served: Arc<Served>) -> Console {
        Console(Client::new(served))
    }

    /// What a user has to know before anything else.
    pub fn greeting(&self) -> String {
        self.0.served.greeting().to_string()
    }

    /// The command line in `text`, if its first word is one of ours; `monitor` may stand before it.
    pub fn understands<'t>(&self, text: &'t str) -> Option<&'t str> {
        let text = text.trim();
        let line = match text.split_once(char::is_whitespace) {
            Some(("monitor", line)) => return Some(line.trim()),
            _ => text,
        };
        let word = line.split_whitespace().next()?;
        monitor::words().any(|own| own == word).then_some(line)
    }

    /// Runs a command line and returns what it has to say.
    pub fn run(&mut self, line: &str) -> String {
        monitor::run(&mut self.0, line).to_string()
    }

    /// The commands.
    pub fn words(&self) -> impl Iterator<Item = &'static str> {
        monitor::words()
    }
}
