//! What kernels push onto a Cortex-M task's stack when they switch it out: the registers that the
//! core did not stack itself, below its exception frame. From the saved stack pointer upwards, in
//! words:
//!
//! | kernel and port                             | below               | r4-r11 | above      |
//! | FreeRTOS CM3, CM0 to 10; RT-Thread M0, M3   |                     | 0      |            |
//! | FreeRTOS CM4F, CM7                          |                     | 0      | EXC_RETURN |
//! | FreeRTOS CM0 since 11                       | EXC_RETURN          | 1      |            |
//! | FreeRTOS CM4 with MPU, to 10                | control             | 1      | EXC_RETURN |
//! | FreeRTOS CM23, CM33 and later, NTZ          | psplim EXC_RETURN   | 2      |            |
//! | the same with TrustZone                     | ctx psplim EXC_RETURN | 3    |            |
//! | the same with MPU, to 10                    | psplim control EXC_RETURN | 3 |           |
//! | the same with both                          | ctx psplim control EXC_RETURN | 4 |       |
//! | RT-Thread M4, M7 with FPU                   | 1 if there are FPU registers | 1 |        |
//! | RT-Thread M33                               | ctx EXC_RETURN psplim control | 4 |       |
//! | SiFli's RT-Thread M33 with FPU              | 1 if there are FPU registers, psplim | 2 | |
//! | the same without                            | psplim              | 1      |            |
//!
//! Above that s16-s31, if the exception frame is an extended one. ARMv8.1-M ports that switch
//! pointer authentication keys push those four words last, at the very bottom.
//!
//! Nothing in the ELF file says which port it was built with. The frame tells: EXC_RETURN, xpsr
//! and pc are unlike anything else, and a layout whose words are no such things is not taken.
//!
//! Sources: FreeRTOS V11.2.0 and V10.4.6, `portable/GCC/ARM_CM*/`; RT-Thread 2a0c508 (M4) and
//! d5fce5f (M33), `libcpu/arm/cortex-m*/context_gcc.S`; OpenSiFli/SiFli-SDK 9b5e454 (the same in
//! xiaomaomogu/SiFli-SDK 27e6b87), `rtos/rtthread/libcpu/arm/cortex-m33/context_gcc.S`. CM3, CM4F
//! and CM33_NTZ seen under QEMU.

use crate::arch::cortex_m::frame::words;
use crate::arch::cortex_m::{ExcReturn, Frame, set_pair};
use crate::memory::Memory;
use crate::registers::Registers;

/// Where things are, in words from the saved stack pointer.
#[derive(Clone, Copy)]
struct Layout {
    /// Of r4; r5-r11 follow.
    r4: u64,
    frame: Kind,
    psplim: Option<u64>,
    /// From the saved stack pointer to what the core stacked, without s16-s31.
    len: u64,
}

/// What says whether the exception frame is an extended one.
#[derive(Clone, Copy)]
enum Kind {
    ExcReturn(u64),
    Flag(u64),
    Basic,
}

const fn exc_return(at: u64, r4: u64, len: u64, psplim: Option<u64>) -> Layout {
    Layout { r4, frame: Kind::ExcReturn(at), psplim, len }
}

/// The least likely to be taken for another first.
const LAYOUTS: [Layout; 12] = [
    exc_return(3, 4, 12, Some(1)),
    exc_return(1, 4, 12, Some(2)),
    exc_return(2, 3, 11, Some(0)),
    exc_return(2, 3, 11, Some(1)),
    exc_return(1, 2, 10, Some(0)),
    exc_return(9, 1, 10, None),
    exc_return(0, 1, 9, None),
    exc_return(8, 0, 9, None),
    Layout { r4: 2, frame: Kind::Flag(0), psplim: Some(1), len: 10 },
    Layout { r4: 1, frame: Kind::Basic, psplim: Some(0), len: 9 },
    Layout { r4: 1, frame: Kind::Flag(0), psplim: None, len: 9 },
    Layout { r4: 0, frame: Kind::Basic, psplim: None, len: 8 },
];
/// The words of four keys.
const KEYS: u64 = 4;
/// Values of CONTROL are below this.
const CONTROL_END: u32 = 0x100;

/// The registers of the task whose saved stack pointer is `sp`. `is_code` knows the firmware. What
/// can't be made out stays unknown.
pub(super) fn restore(
    registers: &mut Registers,
    memory: &Memory,
    sp: u64,
    is_code: &dyn Fn(u64) -> bool,
) -> Option<()> {
    let saved = Saved { memory, sp, is_code };
    let bottoms = [0, KEYS];
    let all = bottoms.iter().flat_map(|keys| LAYOUTS.iter().map(move |layout| (*keys, layout)));
    let (keys, layout, frame) =
        all.filter_map(|(keys, l)| Some((keys, l, saved.frame(keys, l)?))).next()?;
    let base = saved.addr(keys)?;
    let callee: [u32; 8] = words(memory, base.checked_add(4 * layout.r4)?)?;
    for (n, value) in (4..).zip(callee) {
        registers.set_by_name(&format!("r{n}"), value);
    }
    if let Some(psplim) = layout.psplim.and_then(|at| saved.word(keys.checked_add(at)?)) {
        registers.set_by_name("psplim", psplim);
    }
    if let Kind::ExcReturn(at) = layout.frame
        && let Some(value) = keys.checked_add(at).and_then(|at| saved.word(at))
    {
        registers.set_by_name("exc_return", value);
    }
    if frame.extended
        && let Some(singles) = frame.addr.checked_sub(64).and_then(|at| words::<16>(memory, at))
    {
        let (pairs, _) = singles.as_chunks::<2>();
        for (n, [low, high]) in (8..).zip(pairs) {
            set_pair(registers, n, *low, *high);
        }
    }
    frame.restore(registers);
    Some(())
}

struct Saved<'a> {
    memory: &'a Memory,
    sp: u64,
    is_code: &'a dyn Fn(u64) -> bool,
}

impl Saved<'_> {
    fn addr(&self, word: u64) -> Option<u64> {
        self.sp.checked_add(word.checked_mul(4)?)
    }

    fn word(&self, at: u64) -> Option<u32> {
        self.memory.u32_le(self.addr(at)?)
    }

    /// The exception frame, if the words are such as `layout` has them behind `keys` words.
    fn frame(&self, keys: u64, layout: &Layout) -> Option<Frame> {
        let word = |at: u64| self.word(keys.checked_add(at)?);
        let extended = match layout.frame {
            Kind::ExcReturn(at) => {
                let value = ExcReturn(word(at)?);
                let returns_to_a_task = value.to_thread_mode() && value.on_process_stack();
                (value.is_valid() && returns_to_a_task).then(|| value.is_extended())?
            }
            Kind::Flag(at) => match word(at)? {
                0 => false,
                1 => true,
                _ => return None,
            },
            Kind::Basic => false,
        };
        // A stack limit is an address below; CONTROL beside it is a small number.
        if let Some(at) = layout.psplim {
            let limit = word(at)?;
            let is_limit = limit == 0 || (limit >= CONTROL_END && u64::from(limit) <= self.sp);
            let control =
                control(layout).is_none_or(|at| word(at).is_some_and(|w| w < CONTROL_END));
            (is_limit && control).then_some(())?;
        }
        let float = if extended { 16 } else { 0 };
        let at = keys.checked_add(layout.len)?.checked_add(float)?;
        let frame = Frame::at(self.memory, self.addr(at)?, extended)?.with_floats(self.memory);
        let in_thread_mode = frame.xpsr() & 0x1ff == 0;
        let sensible = frame.is_plausible() && in_thread_mode && (self.is_code)(frame.pc().into());
        sensible.then_some(frame)
    }
}

/// Where `layout` has CONTROL, if it has.
fn control(layout: &Layout) -> Option<u64> {
    match (layout.frame, layout.psplim) {
        (Kind::ExcReturn(2), Some(0)) => Some(1),
        (Kind::ExcReturn(3), Some(1)) => Some(2),
        (Kind::ExcReturn(1), Some(2)) => Some(3),
        _ => None,
    }
}
