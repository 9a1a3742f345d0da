//! Packets: `$` body `#` and two digits of checksum, in both directions.
//!
//! The client's side is read by [`Framer`], one byte at a time, and never fails: what is no
//! packet is skipped, what is a damaged one is reported, and a `$` always starts anew (inside a
//! body it would be escaped). Our side is written by [`frame`], run-length encoded.
//!
//! Source: GDB 13.1 manual, appendix E.1 "Overview".

use super::hex;

/// What arrived.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Event {
    /// A whole packet: its body is in [`Framer::body`] until the next byte is pushed.
    Packet,
    /// `+`: the client got the last packet.
    Ack,
    /// `-`: it did not.
    Nack,
    /// The byte 0x03 between packets.
    Interrupt,
    /// A packet whose checksum is wrong or no number.
    Damaged,
    /// A packet with a right checksum that is longer than the limit. Its body is lost.
    TooLong,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum State {
    Between,
    Body,
    Checksum,
    LastDigit(u8),
}

/// Finds packets in what a client sends.
pub(crate) struct Framer {
    state: State,
    body: Vec<u8>,
    sum: u8,
    too_long: bool,
    limit: usize,
}

impl Framer {
    /// A framer that keeps bodies of up to `limit` bytes.
    pub(crate) fn new(limit: usize) -> Self {
        Framer { state: State::Between, body: Vec::new(), sum: 0, too_long: false, limit }
    }

    /// The body of the packet that was just completed.
    pub(crate) fn body(&self) -> &[u8] {
        &self.body
    }

    /// Takes the next byte.
    pub(crate) fn push(&mut self, byte: u8) -> Option<Event> {
        match (self.state, byte) {
            (_, b'$') => self.start(),
            (State::Between, b'+') => return Some(Event::Ack),
            (State::Between, b'-') => return Some(Event::Nack),
            (State::Between, 0x03) => return Some(Event::Interrupt),
            (State::Between, _) => {}
            (State::Body, b'#') => self.state = State::Checksum,
            (State::Body, _) => {
                self.sum = self.sum.wrapping_add(byte);
                if self.body.len() < self.limit {
                    self.body.push(byte);
                } else {
                    self.too_long = true;
                }
            }
            (State::Checksum, _) => self.state = State::LastDigit(byte),
            (State::LastDigit(high), _) => {
                self.state = State::Between;
                return Some(self.complete(high, byte));
            }
        }
        None
    }

    fn start(&mut self) {
        self.state = State::Body;
        self.body.clear();
        self.sum = 0;
        self.too_long = false;
    }

    fn complete(&self, high: u8, low: u8) -> Event {
        match hex::number(&[high, low]) {
            Some(sum) if sum == u64::from(self.sum) => match self.too_long {
                false => Event::Packet,
                true => Event::TooLong,
            },
            _ => Event::Damaged,
        }
    }
}

/// Writes `body` as a packet to the end of `out`. The body must be free of `$`, `#` and bare `*`
/// (see [`push_escaped`]).
pub(crate) fn frame(out: &mut Vec<u8>, body: &[u8]) {
    out.reserve(body.len() + 4);
    out.push(b'$');
    let start = out.len();
    push_run_length_encoded(out, body);
    let sum = out[start..].iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    out.push(b'#');
    hex::push(out, &[sum]);
}

/// Writes a request as a packet, as a client does: nothing is run-length encoded on this way.
pub(crate) fn frame_plain(out: &mut Vec<u8>, body: &[u8]) {
    out.push(b'$');
    out.extend_from_slice(body);
    let sum = body.iter().fold(0u8, |sum, byte| sum.wrapping_add(*byte));
    out.push(b'#');
    hex::push(out, &[sum]);
}

/// Bytes that mean something to the protocol and so are escaped in binary data.
fn is_special(byte: u8) -> bool {
    matches!(byte, b'#' | b'$' | b'}' | b'*')
}

/// Writes binary data: `}` and the byte with bit 5 flipped for the four bytes that have a meaning.
/// Stops before `out` has more than `limit` bytes and returns how many of `bytes` are in it.
pub(crate) fn push_escaped(out: &mut Vec<u8>, bytes: &[u8], limit: usize) -> usize {
    let mut rest = bytes;
    loop {
        // So many fit for sure, even if all of them are escaped.
        let sure = rest.len().min(limit.saturating_sub(out.len()) / 2);
        if sure == 0 {
            break;
        }
        push_all_escaped(out, &rest[..sure]);
        rest = &rest[sure..];
    }
    if let [byte, behind @ ..] = rest
        && !is_special(*byte)
        && out.len() < limit
    {
        out.push(*byte);
        rest = behind;
    }
    bytes.len() - rest.len()
}

fn push_all_escaped(out: &mut Vec<u8>, bytes: &[u8]) {
    // Most pieces of this size have nothing to escape, and the compiler looks at one at once.
    const PIECE: usize = 16;
    out.reserve(bytes.len() + bytes.len() / 32);
    for piece in bytes.chunks(PIECE) {
        if !piece.iter().fold(false, |any, byte| any | is_special(*byte)) {
            out.extend_from_slice(piece);
            continue;
        }
        for byte in piece {
            match is_special(*byte) {
                true => out.extend_from_slice(&[b'}', byte ^ 0x20]),
                false => out.push(*byte),
            }
        }
    }
}

/// Binary data as it was before it was escaped. An escape character at the very end is dropped.
pub(crate) fn unescape(bytes: &[u8]) -> Vec<u8> {
    let mut plain = Vec::with_capacity(bytes.len());
    let mut bytes = bytes.iter();
    while let Some(byte) = bytes.next() {
        match byte {
            b'}' => plain.extend(bytes.next().map(|byte| byte ^ 0x20)),
            _ => plain.push(*byte),
        }
    }
    plain
}

/// A run is worth encoding from this length on: a character, `*` and the count take three.
const SHORTEST_RUN: usize = 4;

/// The count is one character, `repeats + 29`, from space to `~`.
const MOST_REPEATS: usize = 126 - 29;

fn push_run_length_encoded(out: &mut Vec<u8>, body: &[u8]) {
    let mut plain = 0;
    let mut at = 0;
    while let Some(start) = next_run(body, at) {
        let byte = body[start];
        let run = body[start..].iter().take_while(|next| **next == byte).count();
        out.extend_from_slice(&body[plain..start]);
        push_run(out, byte, run);
        at = start + run;
        plain = at;
    }
    out.extend_from_slice(&body[plain..]);
}

/// Where the next run begins that is worth encoding.
fn next_run(body: &[u8], mut at: usize) -> Option<usize> {
    // Places that the compiler looks at together; noise has no run in nearly all such pieces.
    const PIECE: usize = 32;
    const WINDOW: usize = PIECE + SHORTEST_RUN - 1;
    let begins = |window: &[u8], i: usize| {
        (window[i] == window[i + 1])
            & (window[i + 1] == window[i + 2])
            & (window[i + 2] == window[i + 3])
    };
    while let Some(window) = body.get(at..).and_then(|rest| rest.first_chunk::<WINDOW>()) {
        if (0..PIECE).fold(false, |any, i| any | begins(window, i)) {
            break;
        }
        at += PIECE;
    }
    let last = body.len().checked_sub(SHORTEST_RUN)?;
    (at..=last).find(|i| begins(body, *i))
}

fn push_run(out: &mut Vec<u8>, byte: u8, mut run: usize) {
    while run >= SHORTEST_RUN {
        let repeats = match (run - 1).min(MOST_REPEATS) {
            // The counts `#`, `$`, `+` and `-` would be taken for something else.
            6 | 7 => 5,
            14 => 13,
            16 => 15,
            repeats => repeats,
        };
        out.extend_from_slice(&[byte, b'*', repeats as u8 + 29]);
        run -= repeats + 1;
    }
    out.extend(std::iter::repeat_n(byte, run));
}

#[cfg(test)]
mod tests {
    use super::*;

    fn events(framer: &mut Framer, bytes: &[u8]) -> Vec<(Event, Vec<u8>)> {
        let mut events = Vec::new();
        for byte in bytes {
            if let Some(event) = framer.push(*byte) {
                events.push((event, framer.body().to_vec()));
            }
        }
        events
    }

    fn only_events(bytes: &[u8]) -> Vec<Event> {
        events(&mut Framer::new(16), bytes).into_iter().map(|(event, _)| event).collect()
    }

    fn framed(body: &[u8]) -> Vec<u8> {
        let mut out = Vec::new();
        frame(&mut out, body);
        out
    }

    /// The manual's rule, written down a second time.
    fn expand(packet: &[u8]) -> Vec<u8> {
        let body = &packet[1..packet.len() - 3];
        let mut plain: Vec<u8> = Vec::new();
        let mut bytes = body.iter();
        while let Some(byte) = bytes.next() {
            match byte {
                b'*' => {
                    let count = *bytes.next().unwrap();
                    assert!((b' '..=b'~').contains(&count) && !b"#$+-".contains(&count));
                    let last = *plain.last().unwrap();
                    plain.extend(std::iter::repeat_n(last, usize::from(count) - 29));
                }
                _ => plain.push(*byte),
            }
        }
        plain
    }

    #[test]
    fn a_packet_has_a_body_and_a_checksum() {
        let found = events(&mut Framer::new(16), b"$g#67+-\x03$#00");
        assert_eq!(found[0], (Event::Packet, b"g".to_vec()));
        assert_eq!(found[1].0, Event::Ack);
        assert_eq!(found[2].0, Event::Nack);
        assert_eq!(found[3].0, Event::Interrupt);
        assert_eq!(found[4], (Event::Packet, Vec::new()));
    }

    #[test]
    fn a_wrong_checksum_or_none_is_damage() {
        assert_eq!(only_events(b"$g#68"), [Event::Damaged]);
        assert_eq!(only_events(b"$g#6z"), [Event::Damaged]);
        assert_eq!(only_events(b"$g\x03#67$g#67"), [Event::Damaged, Event::Packet]);
    }

    #[test]
    fn a_dollar_sign_starts_anew_wherever_it_comes() {
        assert_eq!(only_events(b"$m200$g#67"), [Event::Packet]);
        assert_eq!(only_events(b"$m200#$g#67"), [Event::Packet]);
        assert_eq!(only_events(b"$m200#0$g#67"), [Event::Packet]);
    }

    #[test]
    fn a_body_beyond_the_limit_is_not_kept() {
        let mut framer = Framer::new(4);
        assert_eq!(events(&mut framer, b"$aaaa#84"), [(Event::Packet, b"aaaa".to_vec())]);
        assert_eq!(events(&mut framer, b"$aaaaa#e5"), [(Event::TooLong, b"aaaa".to_vec())]);
        assert_eq!(events(&mut framer, &[b'x'; 10_000]), []);
    }

    #[test]
    fn every_run_length_comes_back_whole() {
        for run in 0..400 {
            for tail in [&b""[..], b"b", b"bb"] {
                let body = [&b"x"[..], &vec![b'0'; run], tail].concat();
                assert_eq!(expand(&framed(&body)), body, "a run of {run}");
            }
        }
        assert_eq!(framed(b"xxxx"), b"$x* #c2");
    }

    #[test]
    fn runs_are_found_wherever_they_begin() {
        for before in 0..9 {
            let body = [&b"abcabcabc"[..before], b"00000000", b"1122233334"].concat();
            let packet = framed(&body);
            assert_eq!(expand(&packet), body);
            // 8 zeros take 5 characters (the counts 6 and 7 are forbidden), 4 threes take 3.
            assert_eq!(packet.len(), 4 + body.len() - 3 - 1, "runs behind {before} bytes");
        }
    }

    #[test]
    fn binary_data_survives_escaping() {
        let all: Vec<u8> = (0..=255).collect();
        let mut out = Vec::new();
        assert_eq!(push_escaped(&mut out, &all, 1000), 256);
        assert_eq!(out.len(), 260);
        assert!(!out.contains(&b'#') && !out.contains(&b'$') && !out.contains(&b'*'));
        assert_eq!(unescape(&out), all);
    }

    #[test]
    fn escaping_stops_at_the_limit_and_never_in_the_middle() {
        let mut out = Vec::new();
        assert_eq!(push_escaped(&mut out, b"ab#d", 3), 2);
        assert_eq!(out, b"ab");
        out.clear();
        assert_eq!(push_escaped(&mut out, b"ab#d", 4), 3);
        out.clear();
        assert_eq!(push_escaped(&mut out, b"ab#d", 5), 4);
    }
}
