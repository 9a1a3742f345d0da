//! What a word is, seen as a return address, for those who judge whether code fits a dump.
//!
//! Source of Xtensa's windowed calls: Xtensa ISA Reference Manual (RI-2010.1), chapter 6 (CALL4
//! to CALL12, CALLX4 to CALLX12): the return address has the size of the window's move in its two
//! highest bits, and the call has it in bits 4 and 5.

use super::abi::{Abi, Family};
use super::calls;
use crate::memory::Memory;
use crate::targets::Arch;

/// The address of code that `word` leads back to, if it can be a return address at all. `near` is
/// any address of the program: Xtensa's windows take away the two highest bits.
pub(crate) fn return_address(arch: &Arch, word: u64, near: u64) -> Option<u64> {
    match Abi::of(arch).family {
        Family::Xtensa => {
            let is_windowed = (word >> 30) & 3 != 0;
            is_windowed.then_some((word & 0x3fff_ffff) | (near & 0xc000_0000))
        }
        Family::Arm => (word & 1 != 0).then_some(word & !1),
        _ => Some(word),
    }
}

/// Whether a call stands in front of where `word` leads back to. `None` if nobody holds that code,
/// or it is not known what calls look like there.
pub(crate) fn follows_call(arch: &Arch, code: &Memory, word: u64, near: u64) -> Option<bool> {
    let addr = return_address(arch, word, near)?;
    code.region_at(addr.checked_sub(2)?)?;
    match Abi::of(arch).family {
        Family::Xtensa => {
            let [a, b, c] = code.array(addr.checked_sub(3)?)?;
            let (call, size) = (u32::from_le_bytes([a, b, c, 0]), (word >> 30) as u32 & 3);
            let direct = call & 0x3f == 0x05 | size << 4;
            let indirect = call & 0xff_f0ff == 0xc0 | size << 4;
            Some(direct || indirect)
        }
        Family::Other => None,
        family => Some(calls::before(family, code, word).is_some()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Region;
    use crate::targets::Targets;

    #[test]
    fn a_windowed_return_address_tells_the_call_that_it_is_of() {
        let arch = Targets::built_in().arch("xtensa-esp32").unwrap();
        let mut code = Memory::new();
        // `call8 0x400d0100` at 0x400d0000, as objdump shows it.
        code.insert(Region::dumped(0x400d_0000, bytes::Bytes::from_static(&[0x65, 0, 0, 0x3d])));
        let near = 0x4008_0000;
        assert_eq!(return_address(&arch, 0x800d_0003, near), Some(0x400d_0003));
        assert_eq!(return_address(&arch, 0x000d_0003, near), None);
        assert_eq!(follows_call(&arch, &code, 0x800d_0003, near), Some(true));
        assert_eq!(follows_call(&arch, &code, 0x400d_0003, near), Some(false), "a call4's");
        assert_eq!(follows_call(&arch, &code, 0x800d_1003, near), None, "nobody holds that code");
    }
}
