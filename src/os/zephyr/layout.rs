//! Where things are in Zephyr's `_kernel` and `struct k_thread`.
//!
//! Firmware with `DEBUG_THREAD_INFO` has a table for debuggers, three symbols in read-only data:
//! `_kernel_thread_info_size_t_size` (one byte), `_kernel_thread_info_num_offsets` (one size_t)
//! and `_kernel_thread_info_offsets`, that many words of that size:
//!
//! |  i | offset of                  | in       |  i | offset of               | in       |
//! |  0 | (version, 1)               |          |  9 | name                    | k_thread |
//! |  1 | current thread             | _kernel  | 10 | arch                    | k_thread |
//! |  2 | list of threads            | _kernel  | 11 | preemptive float        | arch     |
//! |  3 | entry                      | k_thread | 12 | cooperative float       | arch     |
//! |  4 | next thread                | k_thread | 13 | EXC_RETURN (Arm)        | arch     |
//! |  5 | state                      | k_thread | 14 | relinquish cause (ARC)  | arch     |
//! |  6 | options                    | k_thread | 15 | (distance of two CPUs)  |          |
//! |  7 | priority                   | k_thread | 16 | (number of CPUs)        |          |
//! |  8 | saved stack pointer        | k_thread |    |                         |          |
//!
//! 0xffffffff says that there is no such thing. What the table lacks, or all of it, DWARF tells.
//!
//! Source: Zephyr 2.3 to 4.2, `subsys/debug/thread_info.c`; the table seen in real firmware.

use crate::debug_info::{Module, Structs};
use crate::firmware::Firmware;
use crate::os::read::join;
use crate::targets::Arch;

const SIZE_SYMBOL: &str = "_kernel_thread_info_size_t_size";
const COUNT_SYMBOL: &str = "_kernel_thread_info_num_offsets";
const TABLE_SYMBOL: &str = "_kernel_thread_info_offsets";
/// The same symbols in older firmware.
const OLD_SYMBOLS: [&str; 3] =
    ["_kernel_openocd_size_t_size", "_kernel_openocd_num_offsets", "_kernel_openocd_offsets"];
/// Floats are passed in FPU registers (ELF for the Arm Architecture, 2023Q3, 4.2).
const EF_ARM_ABI_FLOAT_HARD: u32 = 0x400;
const UNIMPLEMENTED: u64 = 0xffff_ffff;
/// Longer tables are not believed.
const MOST_OFFSETS: u64 = 64;
/// Longer names are not believed; the usual room is 32.
const LONGEST_NAME: u64 = 256;
const MOST_CPUS: u64 = 64;

/// Offsets in bytes; `None` where neither table nor DWARF tells.
#[derive(Clone, Debug, Default)]
pub(super) struct Layout {
    /// Of the current thread of the first CPU, in `_kernel`.
    pub current: Option<u64>,
    /// Of the first thread of the list, in `_kernel`.
    pub threads: Option<u64>,
    /// From one CPU's entry to the next, in bytes.
    pub cpu_stride: Option<u64>,
    pub cpu_count: Option<u64>,
    /// In `struct k_thread`, these and the following.
    pub entry: Option<u64>,
    pub next: Option<u64>,
    pub state: Option<u64>,
    pub priority: Option<u64>,
    pub stack_ptr: Option<u64>,
    pub name: Option<u64>,
    pub name_len: u64,
    /// Of a byte, the low one of the EXC_RETURN that the thread was switched out with.
    pub exc_return: Option<u64>,
    /// Of s16 to s31.
    pub preempt_float: Option<u64>,
    /// The firmware may have used the FPU of an Arm core.
    pub may_use_fpu: bool,
    pub stack_start: Option<u64>,
    pub stack_size: Option<u64>,
    pub switch_handle: Option<u64>,
    /// The size of `struct k_thread`.
    pub thread_len: Option<u64>,
    /// The size of the exception frame.
    pub frame_len: Option<u64>,
    /// The members of Xtensa's base save area by the names of their registers, and its size.
    pub save_area: Vec<(&'static str, u64)>,
    pub save_area_len: Option<u64>,
    /// The address of `_kernel`.
    pub kernel_addr: Option<u64>,
    /// `_kernel`'s size.
    pub kernel_len: Option<u64>,
}

/// Names of the exception frame's structure, the newest first.
const FRAMES: [&str; 2] = ["arch_esf", "__esf"];
/// What is read of Xtensa's save area.
const SAVE_AREA: [&str; 8] = ["pc", "ps", "sar", "a0", "a2", "a3", "lbeg", "lend"];

/// Whether the firmware has the table.
pub(super) fn has_table(firmware: &Firmware) -> bool {
    firmware.symbols().any(|symbol| symbol.name == TABLE_SYMBOL || symbol.name == OLD_SYMBOLS[2])
}

impl Layout {
    pub(super) fn of(module: &Module<'_>, arch: &Arch) -> Layout {
        let mut layout = Layout { name_len: 32, ..Layout::default() };
        layout.take_table(module.elf());
        layout.take_dwarf(module, arch);
        layout.may_use_fpu = module.elf().flags & EF_ARM_ABI_FLOAT_HARD != 0
            || layout.exc_return.is_some()
            || layout.preempt_float.is_some();
        // Distances that no kernel has come from a damaged file.
        layout.name_len = layout.name_len.min(LONGEST_NAME);
        layout.cpu_count = layout.cpu_count.filter(|count| (1..=MOST_CPUS).contains(count));
        layout
    }

    fn take_table(&mut self, firmware: &Firmware) -> Option<()> {
        let mut places = [None; 3];
        for symbol in firmware.symbols() {
            let names = [SIZE_SYMBOL, COUNT_SYMBOL, TABLE_SYMBOL];
            let index = names
                .iter()
                .zip(OLD_SYMBOLS)
                .position(|(new, old)| symbol.name == *new || symbol.name == old);
            if let Some(place) = index.and_then(|index| places.get_mut(index)) {
                *place = Some(symbol.addr);
            }
            if symbol.name == "_kernel" && symbol.object {
                (self.kernel_addr, self.kernel_len) = (Some(symbol.addr), Some(symbol.len));
            }
        }
        let [size, count, table] = places;
        let width = u64::from(*firmware.read(size?, 1)?.first()?);
        if !matches!(width, 4 | 8) {
            return None;
        }
        let word = |addr: u64| join(&firmware.read(addr, width)?, firmware.endian);
        let count = word(count?)?.min(MOST_OFFSETS);
        let entry = |index: u64| {
            let offset = word(table?.checked_add(index.checked_mul(width)?)?)?;
            (index < count && offset != UNIMPLEMENTED && offset != u64::MAX).then_some(offset)
        };
        let in_arch = |index| entry(10)?.checked_add(entry(index)?);
        self.current = entry(1);
        self.threads = entry(2);
        self.entry = entry(3);
        self.next = entry(4);
        self.state = entry(5);
        self.priority = entry(7);
        self.stack_ptr = entry(8);
        self.name = entry(9);
        self.preempt_float = in_arch(11);
        self.exc_return = in_arch(13);
        self.cpu_stride = entry(15);
        self.cpu_count = entry(16);
        Some(())
    }

    fn take_dwarf(&mut self, module: &Module<'_>, arch: &Arch) -> Option<()> {
        let mut wanted: Vec<&[&str]> = vec![&["k_thread"], &["z_kernel"], &FRAMES];
        if arch.gdb_architecture == "xtensa" {
            wanted.push(&["_xtensa_irq_bsa"]);
        }
        let structs = Structs::find(module.units(), &wanted)?;
        if let Some(thread) = structs.get("k_thread") {
            let offset = |path: &str| thread.member(path).map(|member| member.offset);
            let stack_ptr = match arch.name.as_str() {
                "cortex-m" | "arm" => "callee_saved.psp",
                "aarch64" => "callee_saved.sp_elx",
                "i386" => "callee_saved.esp",
                "x86-64" => "callee_saved.rsp",
                "sparc" => "callee_saved.o6",
                _ => "callee_saved.sp",
            };
            self.entry = self.entry.or_else(|| offset("entry"));
            self.next = self.next.or_else(|| offset("next_thread"));
            self.state = self.state.or_else(|| offset("base.thread_state"));
            self.priority = self.priority.or_else(|| offset("base.prio"));
            self.stack_ptr = self.stack_ptr.or_else(|| offset(stack_ptr));
            self.name = self.name.or_else(|| offset("name"));
            self.exc_return = self.exc_return.or_else(|| offset("arch.mode_exc_return"));
            self.preempt_float = self.preempt_float.or_else(|| offset("arch.preempt_float"));
            self.stack_start = offset("stack_info.start");
            self.stack_size = offset("stack_info.size");
            self.switch_handle = offset("switch_handle");
            self.thread_len = thread.size();
            let room = thread.member("name").and_then(|name| name.kind.count());
            self.name_len = room.unwrap_or(self.name_len);
        }
        if let Some(kernel) = structs.get("z_kernel") {
            let cpus = kernel.member("cpus");
            let cpu = cpus.as_ref().and_then(|cpus| cpus.kind.target());
            let current = cpu.as_ref().and_then(|cpu| cpu.member("current"));
            let current =
                cpus.as_ref().zip(current).map(|(cpus, current)| cpus.offset + current.offset);
            let threads = kernel.member("threads").map(|member| member.offset);
            self.current = self.current.or(current);
            self.threads = self.threads.or(threads);
            let stride = cpu.and_then(|cpu| cpu.size());
            self.cpu_stride = self.cpu_stride.or(stride);
            let count = cpus.as_ref().and_then(|cpus| cpus.kind.count());
            self.cpu_count = self.cpu_count.or(count);
            self.kernel_len = kernel.size().or(self.kernel_len);
        }
        let frame = FRAMES.iter().find_map(|name| structs.get(name));
        self.frame_len = frame.and_then(|frame| frame.size());
        if let Some(area) = structs.get("_xtensa_irq_bsa") {
            let offset = |name| Some((name, area.member(name)?.offset));
            self.save_area = SAVE_AREA.iter().copied().filter_map(offset).collect();
            self.save_area_len = area.size();
        }
        Some(())
    }
}
