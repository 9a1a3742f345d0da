//! Whether an address is what a call leaves behind, and where that call went.
//!
//! A return address lies behind a call instruction. Most words on a stack that look like code
//! addresses do not; of those that do, a direct call also tells which function it went to.
//!
//! Sources: RISC-V unprivileged ISA 20191213, 2.5 and 16.4; ARM DDI 0403E, A7.7.18-19, and DDI
//! 0406C, A8.8.25; ARM DDI 0487, C6.2 (BL, BLR); Intel SDM volume 2A, CALL; Xtensa ISA Reference
//! Manual (RI-2010.1), chapter 6 (CALL0, CALLX0).

#![deny(clippy::indexing_slicing, clippy::unwrap_used)]

use super::abi::Family;
use crate::memory::Memory;

/// Where a call went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Call {
    /// To this address.
    To(u64),
    /// To wherever a register or memory said.
    Indirect,
}

/// The call that left `return_addr` behind, or `None` if there is no call in front of it (or
/// nobody holds the code).
pub(super) fn before(family: Family, memory: &Memory, return_addr: u64) -> Option<Call> {
    match family {
        Family::Riscv => riscv(memory, return_addr),
        Family::Arm => thumb(memory, return_addr & !1, return_addr & 1 != 0),
        Family::Aarch64 => aarch64(memory, return_addr),
        Family::X86 | Family::X86_64 => x86(memory, return_addr),
        Family::XtensaCall0 => call0(memory, return_addr),
        Family::Xtensa | Family::Other => None,
    }
}

/// CALL0 and CALLX0 of Xtensa, three bytes each.
fn call0(memory: &Memory, return_addr: u64) -> Option<Call> {
    let at = return_addr.checked_sub(3)?;
    let [a, b, c] = memory.array(at)?;
    let code = u32::from_le_bytes([a, b, c, 0]);
    if code & 0x3f == 0x05 {
        let offset = sign_extend(code >> 6, 18) << 2;
        return Some(Call::To((at & !3).wrapping_add_signed(offset).wrapping_add(4)));
    }
    (code & 0xff_f0ff == 0xc0).then_some(Call::Indirect)
}

/// Where the code at `addr` jumps to at once: the entry of a table of jumps, as ROMs have them.
pub(super) fn jump_at(family: Family, memory: &Memory, addr: u64) -> Option<u64> {
    let code = word(memory, addr).filter(|_| family == Family::Riscv)?;
    // JAL that links nothing.
    (code & 0xfff == 0x06f).then(|| addr.wrapping_add_signed(jal_offset(code)))
}

fn jal_offset(code: u32) -> i64 {
    let offset = (bits(code, 31, 1) << 20)
        | (bits(code, 12, 8) << 12)
        | (bits(code, 20, 1) << 11)
        | (bits(code, 21, 10) << 1);
    sign_extend(offset, 21)
}

fn half(memory: &Memory, addr: u64) -> Option<u32> {
    memory.array(addr).map(|bytes| u16::from_le_bytes(bytes).into())
}

/// A word of code, which need not be aligned to more than two bytes.
fn word(memory: &Memory, addr: u64) -> Option<u32> {
    memory.u32_le(addr)
}

fn sign_extend(value: u32, bits: u32) -> i64 {
    let shift = 64 - bits;
    ((u64::from(value) << shift) as i64) >> shift
}

fn bits(word: u32, low: u32, count: u32) -> u32 {
    (word >> low) & ((1 << count) - 1)
}

fn riscv(memory: &Memory, ra: u64) -> Option<Call> {
    const LINK: [u32; 2] = [1, 5];
    let at = ra.checked_sub(4)?;
    if let Some(code) = word(memory, at) {
        let rd = bits(code, 7, 5);
        match code & 0x7f {
            // JAL
            0x6f if LINK.contains(&rd) => {
                return Some(Call::To(at.wrapping_add_signed(jal_offset(code))));
            }
            // JALR, with AUIPC before it when the target is far.
            0x67 if LINK.contains(&rd) => {
                let base = bits(code, 15, 5);
                let before = at.checked_sub(4).and_then(|at| Some((at, word(memory, at)?)));
                if let Some((at, auipc)) = before
                    && auipc & 0x7f == 0x17
                    && bits(auipc, 7, 5) == base
                {
                    let upper = sign_extend(auipc & 0xffff_f000, 32);
                    let offset = upper.wrapping_add(sign_extend(code >> 20, 12));
                    return Some(Call::To(at.wrapping_add_signed(offset) & 0xffff_ffff));
                }
                return Some(Call::Indirect);
            }
            _ => {}
        }
    }
    let at = ra.checked_sub(2)?;
    let code = half(memory, at)?;
    // C.JALR
    if code & 0xf07f == 0x9002 && bits(code, 7, 5) != 0 {
        return Some(Call::Indirect);
    }
    // C.JAL, of RV32 alone (on RV64 it is C.ADDIW).
    if code & 0xe003 == 0x2001 {
        let offset = (bits(code, 12, 1) << 11)
            | (bits(code, 8, 1) << 10)
            | (bits(code, 9, 2) << 8)
            | (bits(code, 6, 1) << 7)
            | (bits(code, 7, 1) << 6)
            | (bits(code, 2, 1) << 5)
            | (bits(code, 11, 1) << 4)
            | (bits(code, 3, 3) << 1);
        return Some(Call::To(at.wrapping_add_signed(sign_extend(offset, 12))));
    }
    None
}

fn thumb(memory: &Memory, ra: u64, is_thumb: bool) -> Option<Call> {
    let at = ra.checked_sub(4)?;
    if !is_thumb {
        let code = word(memory, at)?;
        // BL, with any condition but "never"; BLX to a register.
        if code & 0x0f00_0000 == 0x0b00_0000 && code >> 28 != 0xf {
            let offset = sign_extend(code & 0x00ff_ffff, 24) << 2;
            return Some(Call::To(at.wrapping_add(8).wrapping_add_signed(offset)));
        }
        return (code & 0x0fff_fff0 == 0x012f_ff30).then_some(Call::Indirect);
    }
    if let (Some(first), Some(second)) = (half(memory, at), half(memory, at + 2))
        && first & 0xf800 == 0xf000
        && second & 0xd000 == 0xd000
    {
        // BL: the two J bits are the sign's exclusive or with bits 23 and 22 of the offset.
        let sign = bits(first, 10, 1);
        let i1 = 1 ^ bits(second, 13, 1) ^ sign;
        let i2 = 1 ^ bits(second, 11, 1) ^ sign;
        let offset = (sign << 24)
            | (i1 << 23)
            | (i2 << 22)
            | (bits(first, 0, 10) << 12)
            | (bits(second, 0, 11) << 1);
        return Some(Call::To(ra.wrapping_add_signed(sign_extend(offset, 25))));
    }
    // BLX to a register, BLXNS alike.
    let code = half(memory, ra.checked_sub(2)?)?;
    (code & 0xff83 == 0x4780).then_some(Call::Indirect)
}

fn aarch64(memory: &Memory, ra: u64) -> Option<Call> {
    let at = ra.checked_sub(4)?;
    let code = word(memory, at)?;
    if code & 0xfc00_0000 == 0x9400_0000 {
        let offset = sign_extend(code & 0x03ff_ffff, 26) << 2;
        return Some(Call::To(at.wrapping_add_signed(offset)));
    }
    // BLR and its authenticating forms.
    let indirect = code & 0xffff_fc1f == 0xd63f_0000 || code & 0xfeff_f800 == 0xd63f_0800;
    indirect.then_some(Call::Indirect)
}

fn x86(memory: &Memory, ra: u64) -> Option<Call> {
    let at = ra.checked_sub(5)?;
    if let Some([0xe8, rel @ ..]) = memory.array::<5>(at) {
        return Some(Call::To(ra.wrapping_add_signed(i32::from_le_bytes(rel).into())));
    }
    // FF /2 with the forms of its operand that compilers use: 2, 3, 6 or 7 bytes long.
    for len in [2u64, 3, 6, 7] {
        let Some([0xff, modrm]) = ra.checked_sub(len).and_then(|at| memory.array::<2>(at)) else {
            continue;
        };
        let (mode, rm) = (modrm >> 6, modrm & 7);
        let sib = u64::from(mode != 3 && rm == 4);
        let operand = match mode {
            0 if rm == 5 => 4,
            0 | 3 => 0,
            1 => 1,
            _ => 4,
        };
        if modrm & 0x38 == 0x10 && 2 + sib + operand == len {
            return Some(Call::Indirect);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::memory::Region;

    fn call(family: Family, code: &'static [u8], return_addr: u64) -> Option<Call> {
        let mut memory = Memory::new();
        memory.insert(Region::dumped(0x1000, bytes::Bytes::from_static(code)));
        before(family, &memory, return_addr)
    }

    // Encodings checked with objdump 2.40 of the respective toolchains.
    #[test]
    fn riscv_calls_are_told_with_their_targets() {
        let jal = [0xef, 0x00, 0x00, 0x10]; // jal ra, 0x1100
        assert_eq!(call(Family::Riscv, &[0xef, 0x00, 0x00, 0x10], 0x1004), Some(Call::To(0x1100)));
        assert_eq!(jal.len(), 4);
        // auipc ra, 0x2; jalr ra, -16(ra)
        let far = &[0x97, 0x20, 0x00, 0x00, 0xe7, 0x80, 0x00, 0xff];
        assert_eq!(call(Family::Riscv, far, 0x1008), Some(Call::To(0x2ff0)));
        // c.jalr a5
        assert_eq!(call(Family::Riscv, &[0x82, 0x97], 0x1002), Some(Call::Indirect));
        // nop
        assert_eq!(call(Family::Riscv, &[0x13, 0x00, 0x00, 0x00], 0x1004), None);
    }

    #[test]
    fn thumb_calls_are_told_with_their_targets() {
        // bl 0x1100
        let bl = &[0x00, 0xf0, 0x7e, 0xf8];
        assert_eq!(call(Family::Arm, bl, 0x1005), Some(Call::To(0x1100)));
        // blx r3
        assert_eq!(call(Family::Arm, &[0x98, 0x47], 0x1003), Some(Call::Indirect));
        // Without the Thumb bit it is no Thumb return address.
        assert_eq!(call(Family::Arm, bl, 0x1004), None);
    }

    #[test]
    fn x86_calls_are_told_with_their_targets() {
        // call 0x1100; call *%rax; call *0x8(%rsp)
        let near = &[0xe8, 0xfb, 0x00, 0x00, 0x00];
        assert_eq!(call(Family::X86_64, near, 0x1005), Some(Call::To(0x1100)));
        assert_eq!(call(Family::X86_64, &[0xff, 0xd0], 0x1002), Some(Call::Indirect));
        assert_eq!(call(Family::X86_64, &[0x90, 0x90], 0x1002), None);
    }

    #[test]
    fn aarch64_calls_are_told_with_their_targets() {
        // bl 0x1100; blr x8
        let bl = &[0x40, 0x00, 0x00, 0x94];
        assert_eq!(call(Family::Aarch64, bl, 0x1004), Some(Call::To(0x1100)));
        assert_eq!(call(Family::Aarch64, &[0x00, 0x01, 0x3f, 0xd6], 0x1004), Some(Call::Indirect));
    }
}
