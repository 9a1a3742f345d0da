//! What a request is answered with.

/// One reply, or what is wrong with the request.
pub(crate) type Reply = Result<Vec<u8>, Fault>;

/// Why a request is not done. Never fatal: the session goes on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Fault {
    /// It doesn't follow the protocol's grammar.
    Syntax,
    /// It needs memory that nobody holds.
    Memory(String),
    /// It names a thread that isn't there, or there is no thread at all.
    Thread,
    /// It names a register that isn't there, or gives it an impossible value.
    Register(String),
    /// A dead device can't do it.
    Dead(String),
}

impl Fault {
    /// The number in the reply, as errno has it (`gdb_fileio_errno` numbers agree here).
    pub(crate) fn code(&self) -> u8 {
        match self {
            Fault::Register(_) => 1,
            Fault::Thread => 3,
            Fault::Memory(_) => 14,
            Fault::Syntax => 22,
            Fault::Dead(_) => 30,
        }
    }

    fn words(&self) -> &str {
        match self {
            Fault::Syntax => "the request makes no sense",
            Fault::Thread => "there is no such thread",
            Fault::Memory(words) | Fault::Register(words) | Fault::Dead(words) => words,
        }
    }

    /// The body of the reply: with `in_words` a text, else only the number.
    pub(crate) fn body(&self, in_words: bool) -> Vec<u8> {
        if !in_words {
            return format!("E{:02x}", self.code()).into_bytes();
        }
        // The text is not escaped: what has a meaning to the protocol, or to a terminal, goes.
        let plain = |c: char| match c {
            ' '..='~' if !matches!(c, '#' | '$' | '}' | '*') => c,
            _ => '?',
        };
        format!("E.{}", self.words().chars().map(plain).collect::<String>()).into_bytes()
    }
}

/// What the front makes of a request.
#[derive(Debug)]
pub(crate) enum Answer {
    /// One reply.
    Reply(Vec<u8>),
    /// A reply with a text for the user's console before it. Only a resume may have one.
    Told(String, Vec<u8>),
    /// No reply at all: only `k` has none.
    Silence,
    /// gdbstub's to answer.
    Pass,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn error_texts_hold_nothing_that_the_protocol_would_take_for_its_own() {
        let fault = Fault::Memory("no $memory# at *p}: café".into());
        assert_eq!(fault.body(true), b"E.no ?memory? at ?p?: caf?");
        assert_eq!(fault.body(false), b"E0e");
    }
}
