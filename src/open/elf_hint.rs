//! What the user's ELF files say about the device, read before the dump: many dumps don't say
//! which processor they are of.
//!
//! ARM tells it in section `.ARM.attributes`: `A`, then a vendor's part {u32 length, name with
//! NUL}, in it a part {u8 1 (file), u32 length} of pairs {ULEB128 tag, value}; the value is a
//! ULEB128 number, or a text with NUL for tags 4, 5 and odd ones above 32; tag 32 has both.
//!
//! Source: Addenda to the ABI for the Arm Architecture, 2023Q3, section 3.3 "Build attributes".

use crate::firmware::Firmware;
use crate::format::machine::{ArmHint, ElfHint};
use crate::targets::{Endian, Family};

const TAG_FILE: u8 = 1;
const TAG_CPU_ARCH: u64 = 6;
const TAG_CPU_ARCH_PROFILE: u64 = 7;
const TAG_FP_ARCH: u64 = 10;

/// What `elf` says.
pub(super) fn of_firmware(elf: &Firmware) -> ElfHint {
    let attributes =
        elf.section(".ARM.attributes").filter(|_| elf.family().is_some_and(Family::is_arm32));
    let arm = attributes.and_then(|s| arm_attributes(&elf.section_bytes(s), elf.endian));
    ElfHint { machine: elf.machine, class: elf.class, endian: elf.endian, arm }
}

fn arm_attributes(section: &[u8], endian: Endian) -> Option<ArmHint> {
    let word = |bytes: &[u8]| {
        let array: [u8; 4] = bytes.get(..4)?.try_into().ok()?;
        Some(match endian {
            Endian::Little => u32::from_le_bytes(array),
            Endian::Big => u32::from_be_bytes(array),
        } as usize)
    };
    let mut vendors = section.strip_prefix(b"A")?;
    while let Some(len) = word(vendors).filter(|len| (5..=vendors.len()).contains(len)) {
        let (vendor, rest) = vendors.split_at(len);
        vendors = rest;
        let Some(pairs) = vendor.get(4..).and_then(|v| v.strip_prefix(b"aeabi\0")) else {
            continue;
        };
        let (Some(&TAG_FILE), Some(len)) = (pairs.first(), pairs.get(1..).and_then(word)) else {
            continue;
        };
        return Some(read_pairs(pairs.get(5..len.min(pairs.len()))?));
    }
    None
}

fn read_pairs(mut pairs: &[u8]) -> ArmHint {
    let mut hint = ArmHint::default();
    while let Some(tag) = uleb128(&mut pairs) {
        let number = match tag {
            4 | 5 => None,
            32 => uleb128(&mut pairs),
            tag if tag > 32 && tag % 2 == 1 => None,
            _ => {
                let Some(value) = uleb128(&mut pairs) else { break };
                match tag {
                    TAG_CPU_ARCH => hint.cpu_arch = value,
                    TAG_CPU_ARCH_PROFILE => hint.profile = value as u8,
                    TAG_FP_ARCH => hint.float = value != 0,
                    _ => {}
                }
                continue;
            }
        };
        if tag == 32 && number.is_none() {
            break;
        }
        let Some(end) = pairs.iter().position(|byte| *byte == 0) else { break };
        pairs = pairs.get(end + 1..).unwrap_or_default();
    }
    hint
}

fn uleb128(bytes: &mut &[u8]) -> Option<u64> {
    let mut value = 0u64;
    for shift in (0..64).step_by(7) {
        let (byte, rest) = bytes.split_first()?;
        *bytes = rest;
        value |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn build_attributes_tell_a_cortex_m4_with_its_fpu() {
        let mut section = b"A\x20\0\0\0aeabi\0\x01\x16\0\0\0".to_vec();
        section.extend_from_slice(b"\x05Cortex-M4\0\x06\x0d\x07M\x0a\x06");
        let hint = arm_attributes(&section, Endian::Little).unwrap();
        assert_eq!(hint, ArmHint { cpu_arch: 13, profile: b'M', float: true });
        assert!(hint.is_m_profile());
    }

    #[test]
    fn cut_build_attributes_tell_what_is_there_and_never_panic() {
        let section = b"A\x20\0\0\0aeabi\0\x01\x16\0\0\0\x05Cortex-M4\0\x06\x0d\x07M\x0a\x06";
        for len in 0..section.len() {
            let _ = arm_attributes(&section[..len], Endian::Little);
        }
    }
}
