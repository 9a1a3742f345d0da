//! Run-length packing of words: stacks and zeroed statics repeat themselves.
//!
//! The packed form is a sequence of a control byte and words (4 bytes each, as they are):
//!
//! | control  | what follows |
//! | 00..=7f  | control + 1 words, each of them once |
//! | 80..=ff  | one word, which stands for control - 7e of them (2 to 129) |

/// Packs `bytes`, a multiple of 4, into `out`; answers the length, or `None` when it does not fit.
pub fn pack(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
    let (mut rest, []) = bytes.as_chunks::<4>() else { return None };
    let mut len = 0usize;
    let mut put = |bytes: &[u8]| {
        let end = len.checked_add(bytes.len())?;
        // Not `copy_from_slice`: the compiler does not see that the lengths agree.
        for (to, from) in out.get_mut(len..end)?.iter_mut().zip(bytes) {
            *to = *from;
        }
        len = end;
        Some(())
    };
    while let [word, others @ ..] = rest {
        let same = others.iter().take(128).take_while(|other| *other == word).count();
        if same > 0 {
            put(&[0x7f_u8.wrapping_add(same as u8)])?;
            put(word)?;
            rest = others.get(same..)?;
            continue;
        }
        // Up to the next pair of equal words, or the end.
        let pair = rest.iter().zip(others).position(|(a, b)| a == b);
        let count = pair.unwrap_or(rest.len()).min(128);
        let (once, later) = rest.split_at_checked(count)?;
        put(&[(count as u8).wrapping_sub(1)])?;
        for word in once {
            put(word)?;
        }
        rest = later;
    }
    Some(len)
}

/// Unpacks into `out`; answers the length, or `None` when the input is damaged or `out` too small.
pub fn unpack(mut packed: &[u8], out: &mut [u8]) -> Option<usize> {
    let mut len = 0usize;
    while let Some((&control, rest)) = packed.split_first() {
        let (words, times) = match control {
            0..=0x7f => (usize::from(control).checked_add(1)?, 1),
            _ => (1, usize::from(control).checked_sub(0x7e)?),
        };
        let (bytes, rest) = rest.split_at_checked(words.checked_mul(4)?)?;
        for _ in 0..times {
            let end = len.checked_add(bytes.len())?;
            // As above: no panic that the compiler can't rule out.
            for (to, from) in out.get_mut(len..end)?.iter_mut().zip(bytes) {
                *to = *from;
            }
            len = end;
        }
        packed = rest;
    }
    Some(len)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn round_trip(bytes: &[u8]) -> usize {
        let mut packed = [0; 2048];
        let len = pack(bytes, &mut packed).expect("fits");
        let mut out = [0; 2048];
        let back = unpack(&packed[..len], &mut out).expect("undamaged");
        assert_eq!(&out[..back], bytes);
        len
    }

    #[test]
    fn what_goes_in_comes_out() {
        let mut state = 1u32;
        for round in 0..500 {
            let mut bytes = Vec::new();
            for _ in 0..round {
                state = state.wrapping_mul(1664525).wrapping_add(1013904223);
                bytes.extend([(state >> 30) as u8; 4]);
            }
            round_trip(&bytes);
        }
    }

    #[test]
    fn runs_shrink_and_noise_hardly_grows() {
        assert_eq!(round_trip(&[0; 96]), 5);
        assert_eq!(round_trip(&[0; 4 * 130]), 5 + 5);
        let noise: Vec<u8> = (0..=255).collect();
        assert_eq!(round_trip(&noise), 257);
    }

    #[test]
    fn damaged_input_is_refused() {
        assert_eq!(unpack(&[0x80, 1, 2, 3], &mut [0; 64]), None);
        assert_eq!(unpack(&[0xff, 1, 2, 3, 4], &mut [0; 64]), None);
        assert_eq!(unpack(&[], &mut [0; 64]), Some(0));
    }
}
