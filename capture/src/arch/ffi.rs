//! The C interface: what `include/coroner_capture.h` declares.
//!
//! Pointers come from C code that runs in a crash handler; each function says what it expects.

mod boots;
#[cfg(entry)]
mod facts;
mod out;
mod store;

use core::ffi::c_char;
use core::mem::MaybeUninit;

pub use self::boots::*;
#[cfg(entry)]
pub use self::facts::*;
pub use self::out::CSink;
use self::out::Out;
use self::store::Driver;
pub use self::store::*;
#[cfg(entry)]
use super::Native;
use super::live::Live;
use super::registry::Registry;
use super::state::HandlerOnly;
#[cfg(target_arch = "xtensa")]
use super::xtensa::{BaseSaveArea, State};
use crate::config::Config;
use crate::crash::Crash;
#[cfg(entry)]
use crate::frames::CortexM;
#[cfg(cortex_m)]
use crate::freertos::{Kernel, Lists};
#[cfg(entry)]
use crate::layout::task as task_bits;
use crate::out::Outcome;
use crate::plan::Segment;
use crate::region::{Access, Area, Kind, Region};
use crate::sink::Sink;
#[cfg(entry)]
use crate::table::{Entry, Table, Unread};
#[cfg(entry)]
use crate::task::State;
use crate::task::{Task, TaskList, Tasks};
use crate::write::{Room, Scratch, write};

/// `coroner_area`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CArea {
    start: *const u8,
    end: *const u8,
}

impl From<CArea> for Area {
    fn from(area: CArea) -> Self {
        Area::symbols(area.start, area.end)
    }
}

/// `coroner_region`.
#[repr(C)]
pub struct CRegion {
    area: CArea,
    name: *const c_char,
    kind: u8,
    priority: u8,
    access: u8,
}

/// `coroner_config`.
#[repr(C)]
pub struct CConfig {
    regions: *const CRegion,
    region_count: usize,
    exclude: *const CArea,
    exclude_count: usize,
    memory: *const CArea,
    memory_count: usize,
    build_id: CArea,
    main_stack: CArea,
    limit: u32,
    pace: Option<extern "C" fn() -> bool>,
    added: *const Registry<MAX_ADDED>,
    info: *const CInfo,
    info_count: usize,
    uptime_us: Option<extern "C" fn() -> u64>,
    reset_reason: *const u32,
    registers: Option<extern "C" fn(&CTask, *mut usize) -> u64>,
}

/// `coroner_info`.
#[repr(C)]
pub struct CInfo {
    key: *const c_char,
    value: *const c_char,
}

/// The most letters of a string that are kept.
const MAX_TEXT: usize = 255;

/// The letters of a string, as far as they are UTF-8: one without an end is cut. Null is an empty one.
///
/// # Safety
/// `start` is null, or points to a string that lives as long as it is used.
unsafe fn text<'a>(start: *const c_char) -> &'a str {
    if start.is_null() {
        return "";
    }
    let start = start.cast::<u8>();
    let mut len = 0;
    // SAFETY: the caller's word; nothing behind the end is read.
    while len < MAX_TEXT && unsafe { start.wrapping_add(len).read() } != 0 {
        len = len.wrapping_add(1);
    }
    // SAFETY: read just now.
    let bytes = unsafe { core::slice::from_raw_parts(start, len) };
    match core::str::from_utf8(bytes) {
        Ok(text) => text,
        Err(error) => bytes
            .get(..error.valid_up_to())
            .and_then(|whole| core::str::from_utf8(whole).ok())
            .unwrap_or(""),
    }
}

/// `coroner_task`.
#[repr(C)]
#[derive(Clone, Copy)]
pub struct CTask {
    id: u32,
    state: u8,
    priority: u8,
    saved: u8,
    tcb: CArea,
    stack: CArea,
    sp: usize,
    name: *const c_char,
}

#[cfg(entry)]
impl From<CTask> for Entry {
    fn from(task: CTask) -> Self {
        let state = match task.state {
            task_bits::RUNNING => State::Running,
            task_bits::READY => State::Ready,
            task_bits::BLOCKED => State::Blocked,
            task_bits::SUSPENDED => State::Suspended,
            task_bits::DELETED => State::Deleted,
            _ => State::Unknown,
        };
        let known = Task::new(task.id, "");
        let (tcb, stack) = (task.tcb.into(), task.stack.into());
        let saved = frame(task.saved & !SP_IN_TCB);
        let unread = Unread {
            name: task.name.expose_provenance(),
            sp_in_tcb: task.saved & SP_IN_TCB != 0,
            damaged: task.state == DAMAGED,
        };
        let task = Task { state, priority: task.priority, tcb, stack, sp: task.sp, ..known };
        Entry { task, saved, unread }
    }
}

/// `CORONER_SAVED_ASK`: `coroner_config.registers` is asked.
#[cfg(entry)]
const ASK: u8 = 3;
/// Bit of `coroner_task.saved`: the stack pointer is the first word of the control block.
#[cfg(entry)]
const SP_IN_TCB: u8 = 0x80;
/// `CORONER_DAMAGED`: no task, but the place of one whose entry was written over.
#[cfg(entry)]
const DAMAGED: u8 = 254;

/// `coroner_saved`.
#[cfg(entry)]
fn frame(saved: u8) -> CortexM {
    match saved {
        0 => CortexM::Hardware,
        1 => CortexM::Callee,
        _ => CortexM::CalleeReturn,
    }
}

/// # Safety
/// `start` points to `len` values that nobody changes, or `len` is 0.
unsafe fn slice<'a, T>(start: *const T, len: usize) -> &'a [T] {
    if len == 0 || start.is_null() {
        return &[];
    }
    // SAFETY: the caller's word.
    unsafe { core::slice::from_raw_parts(start, len) }
}

const MAX_REGIONS: usize = 16;
const MAX_AREAS: usize = 8;
const MAX_INFO: usize = 8;
const MAX_ADDED: usize = 8;

/// What would otherwise lie on the stack of the handler.
struct Converted {
    regions: [MaybeUninit<Region>; MAX_REGIONS],
    exclude: [Area; MAX_AREAS],
    memory: [Area; MAX_AREAS],
    info: [MaybeUninit<(&'static str, &'static str)>; MAX_INFO],
    crash: MaybeUninit<Crash<'static>>,
    scratch: Scratch,
}

static CONVERTED: HandlerOnly<Converted> = HandlerOnly::new(Converted {
    regions: [const { MaybeUninit::uninit() }; MAX_REGIONS],
    exclude: [Area::EMPTY; MAX_AREAS],
    memory: [Area::EMPTY; MAX_AREAS],
    info: [const { MaybeUninit::uninit() }; MAX_INFO],
    crash: MaybeUninit::uninit(),
    scratch: Scratch::EMPTY,
});

fn areas<'a>(from: &[CArea], room: &'a mut [Area; MAX_AREAS]) -> &'a [Area] {
    for (to, from) in room.iter_mut().zip(from) {
        *to = (*from).into();
    }
    room.get(..from.len().min(MAX_AREAS)).unwrap_or(&[])
}

fn region(from: &CRegion) -> Region {
    let kind = Kind::ALL.get(usize::from(from.kind)).copied().unwrap_or(Kind::Custom);
    let mut region = Region::new(kind, from.area.into());
    if from.priority != 0 {
        region = region.priority(from.priority);
    }
    region = match from.access {
        1 => region.access(Access::Byte),
        2 => region.access(Access::Half),
        4 => region.access(Access::Word),
        _ => region,
    };
    if from.name.is_null() {
        return region;
    }
    // SAFETY: a string constant of the program.
    region.named(unsafe { text(from.name) })
}

/// `coroner_write`: writes the dump of `crash`; answers 0 complete, 1 truncated, 2 stopped, 3 failed.
///
/// # Safety
/// All pointers are valid, their counts right, and the memory map of `config` is true. `room`
/// is aligned to 8 and belongs to this call.
#[cfg(entry)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_write(
    config: &CConfig,
    crash: &Crash<'_>,
    tasks: *const CTask,
    task_count: usize,
    room: *mut u8,
    room_len: usize,
    sink: &CSink,
) -> u8 {
    // SAFETY: the caller's word.
    let tasks = unsafe { slice(tasks, task_count) };
    let mut given = Given { tasks, main_stack: config.main_stack.into(), ask: config.registers };
    // SAFETY: as above.
    unsafe { write_tasks::<Native>(config, crash, &mut given, task_count, (room, room_len), sink) }
}

/// The tasks that the program tells of: a [`Table`] whose registers the program may be asked for.
#[cfg(entry)]
struct Given<'a> {
    tasks: &'a [CTask],
    main_stack: Area,
    ask: Option<extern "C" fn(&CTask, *mut usize) -> u64>,
}

#[cfg(entry)]
impl Given<'_> {
    fn table(&self) -> Table<'_, CTask> {
        Table { tasks: self.tasks, main_stack: self.main_stack }
    }
}

#[cfg(entry)]
impl Tasks<Native> for Given<'_> {
    fn list<M: super::Memory>(
        &mut self,
        crash: &Crash<'_>,
        memory: &mut M,
        list: &mut TaskList<'_>,
    ) {
        Tasks::<Native>::list(&mut self.table(), crash, memory, list);
    }

    fn registers<M: super::Memory>(
        &mut self,
        task: &Task,
        memory: &mut M,
        registers: &mut [usize],
    ) -> u64 {
        // One under an interrupt has its registers where the processor put them.
        let asked = task.state != State::Running;
        match self.tasks.iter().find(|given| given.id == task.id) {
            Some(given) if given.saved & !SP_IN_TCB == ASK && asked => {
                self.ask.map_or(0, |ask| ask(given, registers.as_mut_ptr()))
            }
            _ if cfg!(cortex_m) => {
                Tasks::<Native>::registers(&mut self.table(), task, memory, registers)
            }
            _ => 0,
        }
    }
}

/// `coroner_write_freertos`: the same with the tasks that FreeRTOS' own lists lead to.
///
/// # Safety
/// As [`coroner_write`].
#[cfg(cortex_m)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_write_freertos(
    config: &CConfig,
    crash: &Crash<'_>,
    kernel: &Kernel,
    saved: u8,
    tasks: usize,
    room: *mut u8,
    room_len: usize,
    sink: &CSink,
) -> u8 {
    let main_stack = config.main_stack.into();
    let mut lists = Lists { kernel, saved: frame(saved), main_stack };
    // SAFETY: the caller's word.
    unsafe { write_tasks(config, crash, &mut lists, tasks, (room, room_len), sink) }
}

/// # Safety
/// As [`coroner_write`].
unsafe fn write_tasks<A: super::Arch>(
    config: &CConfig,
    crash: &Crash<'_>,
    tasks: &mut dyn Provider<A>,
    task_count: usize,
    (room, room_len): (*mut u8, usize),
    sink: &CSink,
) -> u8 {
    let Some(mut held) = CONVERTED.try_get(crash) else { return Outcome::Failed as u8 };
    let Converted { regions, exclude, memory, info, crash: own, scratch } = &mut *held;
    // SAFETY: the caller's word, here and for the other lists.
    let given = unsafe { slice(config.regions, config.region_count) };
    for (to, from) in regions.iter_mut().zip(given) {
        to.write(region(from));
    }
    // SAFETY: as above.
    let (excluded, mapped) = unsafe {
        (slice(config.exclude, config.exclude_count), slice(config.memory, config.memory_count))
    };
    // SAFETY: as above.
    let (strings, added, reset_reason) = unsafe {
        (slice(config.info, config.info_count), config.added.as_ref(), config.reset_reason.as_ref())
    };
    if given.len() > MAX_REGIONS
        || excluded.len() > MAX_AREAS
        || mapped.len() > MAX_AREAS
        || strings.len() > MAX_INFO
    {
        return Outcome::Failed as u8;
    }
    for (to, from) in info.iter_mut().zip(strings) {
        // SAFETY: strings of the program.
        to.write(unsafe { (text(from.key), text(from.value)) });
    }
    // SAFETY: as many as were written just now.
    let regions = unsafe { slice(regions.as_ptr().cast::<Region>(), given.len()) };
    let rust = Config {
        regions,
        exclude: areas(excluded, exclude),
        memory: areas(mapped, memory),
        added: added.map_or(&[], Registry::list),
        // SAFETY: as many as were written just now.
        info: unsafe { slice(info.as_ptr().cast(), strings.len()) },
        build_id: config.build_id.into(),
        limit: if config.limit == 0 { u32::MAX } else { config.limit },
        ..Config::MINIMAL
    };
    // The tasks first, one more for an interrupt; the rest of the room is for segments.
    let kept = task_count.saturating_add(1).min(room_len / size_of::<Task>());
    let rest = room_len.saturating_sub(kept * size_of::<Task>());
    for index in 0..kept {
        // SAFETY: inside of the room, which is aligned and ours.
        unsafe { room.cast::<Task>().add(index).write(Task::EMPTY) };
    }
    // SAFETY: just written; the segments behind them are written below before they are lent.
    let (list, segments) = unsafe {
        let segments = room.add(kept * size_of::<Task>()).cast::<Segment>();
        let count = rest / size_of::<Segment>();
        for index in 0..count {
            segments.add(index).write(Segment::EMPTY);
        }
        (
            core::slice::from_raw_parts_mut(room.cast::<Task>(), kept),
            core::slice::from_raw_parts_mut(segments, count),
        )
    };
    // SAFETY: the map is true, says the caller.
    let mut live = unsafe { Live::new(&rust) };
    // SAFETY: what it borrows outlives this call, and nobody looks at it afterwards.
    let crash = own.write(unsafe { core::mem::transmute::<Crash<'_>, Crash<'static>>(*crash) });
    crash.cause.uptime_us = config.uptime_us.map(|uptime| uptime()).or(crash.cause.uptime_us);
    crash.cause.reset_reason = reset_reason.copied().or(crash.cause.reset_reason);
    // SAFETY: the caller's word.
    let mut driver = unsafe { sink.store() }.map(Driver::new);
    let Some(mut out) = Out::open(sink, config.pace, driver.as_mut()) else {
        return Outcome::Failed as u8;
    };
    let mut tasks = Walker { tasks, live };
    let room = Room { segments, tasks: list, scratch };
    let outcome = write::<A, _, _>(&rust, crash, &mut tasks, &mut live, &mut out, room);
    out.finish();
    outcome as u8
}

/// [`Tasks`] behind a pointer, likewise.
trait Provider<A> {
    fn walk(&mut self, crash: &Crash<'_>, live: &mut Live<'_>, list: &mut TaskList<'_>);
    fn saved(&mut self, task: &Task, live: &mut Live<'_>, registers: &mut [usize]) -> u64;
}

impl<A: super::Arch, T: Tasks<A>> Provider<A> for T {
    fn walk(&mut self, crash: &Crash<'_>, live: &mut Live<'_>, list: &mut TaskList<'_>) {
        self.list(crash, live, list);
    }

    fn saved(&mut self, task: &Task, live: &mut Live<'_>, registers: &mut [usize]) -> u64 {
        self.registers(task, live, registers)
    }
}

struct Walker<'a, A> {
    tasks: &'a mut dyn Provider<A>,
    live: Live<'a>,
}

impl<A: super::Arch> Tasks<A> for Walker<'_, A> {
    fn list<M: crate::Memory>(&mut self, crash: &Crash<'_>, _: &mut M, list: &mut TaskList<'_>) {
        self.tasks.walk(crash, &mut self.live, list);
    }

    fn registers<M: crate::Memory>(
        &mut self,
        task: &Task,
        _: &mut M,
        registers: &mut [usize],
    ) -> u64 {
        self.tasks.saved(task, &mut self.live, registers)
    }
}

/// `coroner_write_esp_idf`: writes the dump of a crash on Xtensa from ESP-IDF's `XtExcFrame` at
/// `frame`. `loops`: `XCHAL_HAVE_LOOPS`.
///
/// # Safety
/// All pointers are valid, and the memory map of `config` is true. `room` is aligned to 8.
#[cfg(target_arch = "xtensa")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_write_esp_idf(
    config: &CConfig,
    frame: usize,
    loops: bool,
    message: *const c_char,
    room: *mut u8,
    room_len: usize,
    sink: &CSink,
) -> u8 {
    // SAFETY: the frame and its memory are what the system says.
    let mut live = unsafe { Live::new(&Config::MINIMAL) };
    let state = State::of_esp_idf(frame, loops, &mut live);
    // SAFETY: the caller's word.
    unsafe { write_state(config, state, message, (room, room_len), sink) }
}

/// `coroner_write_zephyr`: the same from Zephyr's frame at `esf`.
///
/// # Safety
/// As [`coroner_write_esp_idf`].
#[cfg(target_arch = "xtensa")]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_write_zephyr(
    config: &CConfig,
    frame: usize,
    area: &BaseSaveArea,
    message: *const c_char,
    room: *mut u8,
    room_len: usize,
    sink: &CSink,
) -> u8 {
    // SAFETY: as above.
    let mut live = unsafe { Live::new(&Config::MINIMAL) };
    let state = State::of_zephyr(frame, *area, &mut live);
    // SAFETY: the caller's word.
    unsafe { write_state(config, state, message, (room, room_len), sink) }
}

/// # Safety
/// As [`coroner_write_esp_idf`].
#[cfg(target_arch = "xtensa")]
unsafe fn write_state(
    config: &CConfig,
    state: Option<State>,
    message: *const c_char,
    room: (*mut u8, usize),
    sink: &CSink,
) -> u8 {
    let Some(state) = state else { return Outcome::Failed as u8 };
    let mut crash = state.crash();
    if !message.is_null() {
        // SAFETY: a string that ends with NUL and lives until this call is over.
        crash.cause.message = unsafe { text(message) };
    }
    let mut tasks = crate::task::Single { name: "crashed", stack: config.main_stack.into() };
    // SAFETY: the caller's word.
    unsafe { write_tasks::<super::Xtensa>(config, &crash, &mut tasks, 1, room, sink) }
}

#[cfg(entry)]
#[allow(improper_ctypes, reason = "C only hands the pointer back")]
unsafe extern "C" {
    /// The program's handler.
    safe fn coroner_crashed(crash: &Crash<'_>) -> !;
}

#[cfg(entry)]
#[unsafe(no_mangle)]
fn coroner_on_crash(crash: &Crash<'_>) -> ! {
    coroner_crashed(crash)
}

/// `coroner_abort`: keeps file, line and message, and crashes.
///
/// # Safety
/// The strings are constants of the program.
#[cfg(entry)]
#[unsafe(no_mangle)]
pub unsafe extern "C" fn coroner_abort(
    file: *const c_char,
    line: u32,
    message: *const c_char,
) -> ! {
    // SAFETY: the caller's word.
    let (file, message) = unsafe { (text(file), text(message)) };
    super::say_and_trap(crate::crash::Kind::Abort, file, line, message)
}

/// `coroner_exit`: ends an emulator through semihosting, for tests.
#[cfg(entry)]
#[unsafe(no_mangle)]
pub extern "C" fn coroner_exit(status: u32) -> ! {
    crate::sink::semihosting::exit(status as usize)
}

/// `coroner_reset`: resets the chip, keeping memory.
#[cfg(entry)]
#[unsafe(no_mangle)]
pub extern "C" fn coroner_reset() -> ! {
    #[cfg(cortex_m)]
    super::cortex_m::reset();
    #[cfg(not(cortex_m))]
    super::riscv::reset()
}

/// `coroner_separate_faults`: gives memory, bus and usage faults handlers of their own.
#[cfg(mainline)]
#[unsafe(no_mangle)]
pub extern "C" fn coroner_separate_faults() {
    super::cortex_m::separate_faults();
}

/// `coroner_install_trap`: makes the entry code the trap vector.
#[cfg(all(entry, not(cortex_m)))]
#[unsafe(no_mangle)]
pub extern "C" fn coroner_install_trap() {
    super::riscv::install();
}
