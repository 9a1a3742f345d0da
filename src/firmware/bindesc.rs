//! Binary descriptors: what a Zephyr firmware says of itself, in flash right behind the vectors.
//!
//! | off | size | field                                                            |
//! |   0 |    8 | magic 0xB9863E5A7EA46046                                         |
//! |   8 |    - | entries, each aligned to 4: u16 tag, u16 length, data            |
//!
//! The upper four bits of a tag are the type (0 uint, 1 string, 2 bytes, 15 the end), the lower
//! twelve the id: 0x800 application version, 0x900 kernel version, 0xA06 build time (Unix),
//! 0xA07 the same as text, 0xB01 and 0xB02 compiler. Spotflow's build id is 0x5F0, 20 bytes; as
//! long as it is all zero nobody has put it in.
//!
//! Source: Zephyr 3.5 to 4.2, `include/zephyr/bindesc.h`; Spotflow's device module.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use crate::cursor::u16_at;
use crate::memory::text_until_nul;
use memchr::memmem;

const MAGIC: [u8; 8] = 0xb986_3e5a_7ea4_6046u64.to_le_bytes();
const TAG_END: u16 = 0xffff;
const TYPE_UINT: u16 = 0;
const TYPE_STRING: u16 = 1;
const TYPE_BYTES: u16 = 2;
const SPOTFLOW_ID: u16 = 0x5f0;
/// The head of Spotflow's entry: its tag (bytes, 0x5F0) and length. Firmware without binary
/// descriptors has the entry alone.
pub(crate) const SPOTFLOW_HEAD: [u8; 4] = [0xf0, 0x25, 0x14, 0x00];
const SPOTFLOW_LEN: usize = 20;
/// More entries than this no firmware has.
const MOST_ENTRIES: usize = 64;

/// What the descriptors say.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Descriptors {
    /// Version and time of the build and the like, with their names for people.
    pub facts: Vec<(&'static str, String)>,
    /// Spotflow's build id, if it was put in.
    pub spotflow: Option<Vec<u8>>,
}

impl Descriptors {
    /// What tells this build from others: application version and time of the build.
    pub(crate) fn build(&self) -> Option<String> {
        let fact = |wanted: &str| {
            let found = self.facts.iter().find(|(name, _)| *name == wanted);
            found.map(|(_, value)| value.clone())
        };
        let time = fact("built").or_else(|| fact("built at"));
        match (fact("application"), time) {
            (Some(version), Some(time)) => Some(format!("{version}, {time}")),
            (version, time) => version.or(time),
        }
    }
}

/// The descriptors in `bytes`, wherever they begin.
pub(crate) fn find(bytes: &[u8]) -> Option<Descriptors> {
    memmem::find_iter(bytes, &MAGIC).find_map(|at| parse(bytes.get(at..)?))
}

/// Reads descriptors that begin with the magic.
fn parse(bytes: &[u8]) -> Option<Descriptors> {
    let mut found = Descriptors::default();
    let mut at = MAGIC.len();
    for _ in 0..MOST_ENTRIES {
        let tag = u16_at(bytes, at)?;
        if tag == TAG_END {
            return Some(found);
        }
        let len = usize::from(u16_at(bytes, at.checked_add(2)?)?);
        let start = at.checked_add(4)?;
        let data = bytes.get(start..start.checked_add(len)?)?;
        entry(&mut found, tag, data);
        at = start.checked_add(len)?.checked_next_multiple_of(4)?;
    }
    None
}

fn entry(found: &mut Descriptors, tag: u16, data: &[u8]) {
    let id = tag & 0xfff;
    match tag >> 12 {
        TYPE_BYTES if id == SPOTFLOW_ID => found.spotflow = spotflow(data),
        TYPE_STRING => {
            let name = match id {
                0x800 => "application",
                0x900 => "Zephyr",
                0xa07 => "built",
                0xb00 => "build host",
                0xb01 => "compiler",
                0xb02 => "compiler version",
                _ => return,
            };
            found.facts.push((name, text_until_nul(data)));
        }
        TYPE_UINT if id == 0xa06 => {
            let time = data.iter().rev().fold(0u64, |value, byte| value << 8 | u64::from(*byte));
            found.facts.push(("built at", format!("{time} (Unix time)")));
        }
        _ => {}
    }
}

/// A build id, unless it is the zeros of a firmware that has none yet.
pub(crate) fn spotflow(id: &[u8]) -> Option<Vec<u8>> {
    (id.len() == SPOTFLOW_LEN && id.iter().any(|byte| *byte != 0)).then(|| id.to_vec())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn descriptors() -> Vec<u8> {
        let mut bytes = vec![0xff; 8];
        bytes.extend_from_slice(&MAGIC);
        for (tag, data) in [
            (0x1800u16, &b"1.2.3\0"[..]),
            (0x0a06, &1_700_000_000u32.to_le_bytes()),
            (0x25f0, &[7; 20]),
        ] {
            bytes.extend_from_slice(&tag.to_le_bytes());
            bytes.extend_from_slice(&(data.len() as u16).to_le_bytes());
            bytes.extend_from_slice(data);
            bytes.resize(bytes.len().next_multiple_of(4), 0);
        }
        bytes.extend_from_slice(&[0xff, 0xff, 0, 0]);
        bytes
    }

    #[test]
    fn descriptors_are_found_and_read() {
        let found = find(&descriptors()).expect("they are there");
        assert_eq!(found.spotflow, Some(vec![7; 20]));
        assert_eq!(found.build().as_deref(), Some("1.2.3, 1700000000 (Unix time)"));
    }

    #[test]
    fn cut_descriptors_are_none() {
        let whole = descriptors();
        for len in 0..whole.len() - 2 {
            assert_eq!(whole.get(..len).and_then(find), None, "{len}");
        }
    }
}
