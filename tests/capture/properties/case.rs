//! A random configuration, the device that it is for, and a flash that remembers each write.

use coroner::carrier::Piece;
use coroner::dump::Dump;
use coroner::format::capture::Capture;
use coroner::format::{Context, Format};
use coroner::targets::Targets;
use coroner_capture::arch::{Arch, Arm, Memory, RiscV32, RiscV64, X86_64, Xtensa};
use coroner_capture::crash::{Kind as CrashKind, signal};
use coroner_capture::layout::Class;
use coroner_capture::{
    Access, Area, Cause, Config, Crash, Kind, Needs, Outcome, Region, Sink, SinkError, State, Task,
    TaskList, Tasks, Workspace,
};
use proptest::prelude::*;
use std::sync::LazyLock;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Machine {
    Arm,
    RiscV32,
    Xtensa,
    RiscV64,
    X86_64,
}

/// Runs `$body` with `A` as the architecture.
macro_rules! on {
    ($machine:expr, $arch:ident => $body:expr) => {
        match $machine {
            Machine::Arm => {
                type $arch = Arm;
                $body
            }
            Machine::RiscV32 => {
                type $arch = RiscV32;
                $body
            }
            Machine::Xtensa => {
                type $arch = Xtensa;
                $body
            }
            Machine::RiscV64 => {
                type $arch = RiscV64;
                $body
            }
            Machine::X86_64 => {
                type $arch = X86_64;
                $body
            }
        }
    };
}

impl Machine {
    pub(crate) fn class(self) -> Class {
        on!(self, A => A::CLASS)
    }

    pub(crate) fn pc(self) -> usize {
        on!(self, A => A::PC)
    }

    pub(crate) fn sp(self) -> usize {
        on!(self, A => A::SP)
    }

    /// A caller's a0-a3, once the windows are spilled.
    pub(crate) fn below_sp(self) -> u64 {
        if self == Machine::Xtensa { 16 } else { 0 }
    }

    pub(crate) fn has_floats(self) -> bool {
        on!(self, A => A::FLOATS.len != 0)
    }

    pub(crate) fn size(self, needs: &Needs) -> usize {
        on!(self, A => needs.size::<A>())
    }

    /// Where its memory lies; on a 64-bit machine above what 32 bits can say.
    fn base(self) -> u64 {
        match self.class() {
            Class::Elf32 => 0x2000_0000,
            Class::Elf64 => 0x12_8000_0000,
        }
    }

    fn mask(self) -> u64 {
        if self.class() == Class::Elf32 { 0xffff_ffff } else { u64::MAX }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct RegionCase {
    pub(crate) kind: Kind,
    pub(crate) start: u64,
    pub(crate) len: u64,
    pub(crate) priority: u8,
    pub(crate) access: Access,
    /// Letters of its name.
    pub(crate) name: usize,
}

impl RegionCase {
    /// Bytes that are taken together or not at all.
    pub(crate) fn step(&self) -> u64 {
        if self.kind == Kind::Stack { 64 } else { self.access.width() as u64 }
    }
}

#[derive(Clone, Debug)]
pub(crate) struct TaskCase {
    pub(crate) id: u32,
    pub(crate) name: String,
    pub(crate) rank: u8,
    pub(crate) stack: u64,
    pub(crate) stack_len: u64,
    pub(crate) sp: u64,
    pub(crate) tcb: u64,
    pub(crate) tcb_len: u64,
}

impl TaskCase {
    /// Start and end of the stack in use, `below` bytes under the pointer among it.
    pub(crate) fn used_stack(&self, below: u64) -> (u64, u64) {
        let end = self.stack + self.stack_len;
        match self.sp {
            _ if self.stack_len == 0 => (0, 0),
            sp if sp < self.stack || sp >= end => (self.stack, end),
            sp => ((sp - below).max(self.stack), end),
        }
    }

    pub(crate) fn used(&self) -> usize {
        let (start, end) = self.used_stack(0);
        (end - start) as usize
    }
}

#[derive(Clone, Debug)]
pub(crate) struct Case {
    pub(crate) machine: Machine,
    pub(crate) seed: u8,
    pub(crate) regions: Vec<RegionCase>,
    /// How many of the regions were added at run time.
    pub(crate) added: usize,
    pub(crate) exclude: Vec<(u64, u64)>,
    pub(crate) memory: Vec<(u64, u64)>,
    pub(crate) tasks: Vec<TaskCase>,
    pub(crate) known: u64,
    pub(crate) task_known: u64,
    pub(crate) message: String,
    pub(crate) info: Vec<(String, String)>,
    pub(crate) floats: bool,
    pub(crate) limit: u32,
    pub(crate) capacity: u32,
    /// Room for few segments.
    pub(crate) cramped: bool,
}

const SPAN: u64 = 0x3000;

fn region() -> impl Strategy<Value = RegionCase> {
    let access = prop_oneof![Just(Access::Byte), Just(Access::Half), Just(Access::Word)];
    let kinds = prop::sample::select(Kind::ALL.to_vec());
    let priority = prop_oneof![Just(200u8), Just(100), Just(7), any::<u8>()];
    (kinds, 0..SPAN, 0u64..0x900, priority, access, 0usize..40).prop_map(
        |(kind, start, len, priority, access, name)| RegionCase {
            kind,
            start,
            len,
            priority,
            access,
            name,
        },
    )
}

fn task() -> impl Strategy<Value = TaskCase> {
    let name = "[a-zA-Z_]{0,16}";
    let rank = prop_oneof![Just(200u8), any::<u8>()];
    (name, rank, 0..SPAN / 4, 0u64..0x300, 0u64..0x400, 0..SPAN, 0u64..150).prop_map(
        |(name, rank, stack, stack_len, sp, tcb, tcb_len)| TaskCase {
            id: 0,
            name,
            rank,
            stack: stack * 4,
            stack_len: stack_len & !7,
            sp: (stack * 4 + sp) & !7,
            tcb: tcb & !3,
            tcb_len,
        },
    )
}

/// Areas that don't overlap, from any cuts.
fn areas(cuts: Vec<u64>) -> Vec<(u64, u64)> {
    let mut cuts = cuts;
    cuts.sort_unstable();
    cuts.chunks_exact(2).map(|pair| (pair[0], pair[1])).collect()
}

pub(crate) fn case() -> impl Strategy<Value = Case> {
    let machine = prop_oneof![
        Just(Machine::Arm),
        Just(Machine::RiscV32),
        Just(Machine::Xtensa),
        Just(Machine::RiscV64),
        Just(Machine::X86_64)
    ];
    let capacity = prop_oneof![Just(60_000u32), 600u32..6000, 0u32..20_000];
    let limit = prop_oneof![3 => Just(u32::MAX), 1 => 500u32..9000];
    let exclude = prop::collection::vec((0..SPAN, 0u64..0x180), 0..4);
    let memory = prop::collection::vec(0..SPAN + 0x400, 0..7);
    let info = prop::collection::vec(("[a-z]{1,9}", "[ -~]{0,300}"), 0..3);
    let sizes = (limit, capacity, prop::bool::weighted(0.1));
    (
        (
            machine,
            any::<u8>(),
            any::<bool>(),
            any::<u64>(),
            any::<u64>(),
            any::<prop::sample::Index>(),
        ),
        prop::collection::vec(region(), 0..7),
        exclude,
        memory,
        prop::collection::vec(task(), 0..6),
        ("[ -~]{0,80}", info),
        sizes,
    )
        .prop_map(|(head, regions, exclude, memory, tasks, words, sizes)| {
            let (machine, seed, floats, known, task_known, added) = head;
            let (message, info) = words;
            let (limit, capacity, cramped) = sizes;
            let base = machine.base();
            let shift = |(start, end): (u64, u64)| (base + start, base + end);
            let added = added.index(regions.len() + 1);
            // A task of which no register is known is damaged; that is another test's.
            let task_known = task_known | 1 << machine.pc();
            Case {
                machine,
                seed,
                regions: regions
                    .into_iter()
                    .map(|r| RegionCase { start: base + r.start, ..r })
                    .collect(),
                added,
                exclude: exclude.into_iter().map(|(at, len)| shift((at, at + len))).collect(),
                memory: areas(memory).into_iter().map(shift).collect(),
                tasks: (1u32..)
                    .zip(tasks)
                    .map(|(id, task)| TaskCase {
                        id: 0x100 * id,
                        stack: base + task.stack,
                        sp: base + task.sp,
                        tcb: base + task.tcb,
                        ..task
                    })
                    .collect(),
                known,
                task_known,
                message,
                info,
                floats,
                limit,
                capacity,
                cramped,
            }
        })
}

impl Case {
    /// The byte of the device's memory at `at`.
    pub(crate) fn byte(&self, at: u64) -> u8 {
        (at.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 40) as u8 ^ self.seed
    }

    pub(crate) fn may_be_read(&self, at: u64) -> bool {
        self.memory.is_empty() || self.memory.iter().any(|&(start, end)| start <= at && at < end)
    }

    pub(crate) fn is_excluded(&self, at: u64) -> bool {
        self.exclude.iter().any(|&(start, end)| start <= at && at < end)
    }

    /// Word `index` of the registers of a task; 0 is the crash itself.
    pub(crate) fn register(&self, task: u32, index: usize) -> u64 {
        if task == 0 && index == self.machine.sp() {
            return self.tasks.first().map_or(self.machine.base(), |task| task.sp);
        }
        let mixed = (u64::from(task) << 8 | index as u64).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        // Even, and of no special meaning in any of the machines.
        (mixed ^ u64::from(self.seed)) & self.machine.mask() & 0x0fff_ffff_ffff_fff0
    }

    /// Bytes that the dump may have.
    pub(crate) fn room(&self) -> usize {
        self.capacity.min(self.limit) as usize
    }
}

/// The device's memory; reading where one may not is a failure of the test.
struct Device<'a>(&'a Case);

impl Memory for Device<'_> {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        for (offset, byte) in bytes.iter_mut().enumerate() {
            let at = at as u64 + offset as u64;
            assert!(self.0.may_be_read(at), "read at {at:#x}, outside of the memory map");
            assert!(!self.0.is_excluded(at), "read at {at:#x}, which is excluded");
            *byte = self.0.byte(at);
        }
        true
    }
}

struct Provider<'a>(&'a Case);

impl<A: Arch> Tasks<A> for Provider<'_> {
    fn list<M: Memory>(&mut self, _: &Crash<'_>, _: &mut M, list: &mut TaskList<'_>) {
        for (index, task) in self.0.tasks.iter().enumerate() {
            list.push(Task {
                state: if index == 0 { State::Running } else { State::Ready },
                rank: task.rank,
                stack: area(task.stack, task.stack + task.stack_len),
                sp: task.sp as usize,
                tcb: area(task.tcb, task.tcb + task.tcb_len),
                ..Task::new(task.id, &task.name)
            });
        }
    }

    fn registers<M: Memory>(&mut self, task: &Task, _: &mut M, registers: &mut [usize]) -> u64 {
        for (index, register) in registers.iter_mut().enumerate() {
            *register = self.0.register(task.id, index) as usize;
        }
        self.0.task_known
    }
}

fn range(start: u64, end: u64) -> Area {
    Area::range(start as usize, end as usize)
}

/// Of a task; nothing is no place.
fn area(start: u64, end: u64) -> Area {
    if start == end { Area::EMPTY } else { range(start, end) }
}

/// A flash whose writes are remembered.
pub(crate) struct Flash {
    pub(crate) bytes: Vec<u8>,
    /// Offset and length of each write.
    pub(crate) puts: Vec<(usize, usize)>,
    /// Writes from this one on fail, but for block 0.
    pub(crate) fails_from: Option<usize>,
}

impl Flash {
    pub(crate) fn new(capacity: u32) -> Flash {
        Flash { bytes: vec![0xff; capacity as usize], puts: Vec::new(), fails_from: None }
    }

    /// The flash as it was after `cut` writes and `torn` bytes of the next one.
    pub(crate) fn until(&self, cut: usize, torn: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; self.bytes.len()];
        for (index, &(at, len)) in self.puts.iter().enumerate().take(cut + 1) {
            let whole = if index < cut { len } else { torn.min(len - 1) };
            bytes[at..at + whole].copy_from_slice(&self.bytes[at..at + whole]);
        }
        bytes
    }
}

impl Sink for Flash {
    fn capacity(&self) -> u32 {
        self.bytes.len() as u32
    }

    fn put(&mut self, at: u32, bytes: &[u8]) -> Result<(), SinkError> {
        let at = at as usize;
        if at != 0 && self.fails_from.is_some_and(|from| self.puts.len() >= from) {
            return Err(SinkError);
        }
        assert!(at.is_multiple_of(32) && bytes.len().is_multiple_of(32));
        let place = self.bytes.get_mut(at..at + bytes.len()).expect("inside of the capacity");
        assert!(place.iter().all(|&byte| byte == 0xff), "nothing is written twice");
        place.copy_from_slice(bytes);
        self.puts.push((at, bytes.len()));
        Ok(())
    }
}

/// Writes the dump of `case`.
pub(crate) fn written(case: &Case, mut sink: Flash) -> (Outcome, Flash) {
    let outcome = on!(case.machine, A => write::<A>(case, &mut sink));
    (outcome, sink)
}

fn write<A: Arch>(case: &Case, sink: &mut Flash) -> Outcome {
    const LETTERS: &str = "abcdefghijklmnopqrstuvwxyzabcdefghijklmnopqrstuvwxyz";
    let regions: Vec<Region> = case
        .regions
        .iter()
        .map(|region| {
            Region::new(region.kind, range(region.start, region.start + region.len))
                .priority(region.priority)
                .access(region.access)
                .named(&LETTERS[..region.name])
        })
        .collect();
    let (known, added) = regions.split_at(regions.len() - case.added);
    let areas = |list: &[(u64, u64)]| list.iter().map(|&(a, b)| range(a, b)).collect::<Vec<_>>();
    let (exclude, memory) = (areas(&case.exclude), areas(&case.memory));
    let info: Vec<(&str, &str)> = case.info.iter().map(|(k, v)| (k.as_str(), v.as_str())).collect();
    let config = Config {
        regions: known,
        added,
        exclude: &exclude,
        memory: &memory,
        info: &info,
        limit: case.limit,
        ..Config::MINIMAL
    };
    let registers: Vec<usize> =
        (0..A::REGISTERS).map(|index| case.register(0, index) as usize).collect();
    let floats = [0x3f; 64];
    let cause = Cause { message: &case.message, ..Cause::new(CrashKind::Fault, signal::SEGV) };
    let mut crash = Crash::new(cause, &registers, case.known);
    crash.floats = if case.floats && A::FLOATS.len != 0 { &floats } else { &[] };
    crash.float_status = 3;
    let (mut device, mut tasks) = (Device(case), Provider(case));
    if case.cramped {
        return Workspace::<5, 8>::new().write_as::<A, _>(
            &config,
            &crash,
            &mut tasks,
            &mut device,
            sink,
        );
    }
    Workspace::<256, 8>::new().write_as::<A, _>(&config, &crash, &mut tasks, &mut device, sink)
}

#[derive(Debug)]
pub(crate) enum Verdict {
    Opened(Box<Dump>),
    Refused(String),
    Unknown,
}

/// What coroner makes of it.
pub(crate) fn read(bytes: &[u8], force: bool) -> Verdict {
    static TARGETS: LazyLock<Targets> = LazyLock::new(Targets::built_in);
    let piece = Piece::outermost(bytes.to_vec().into());
    if !Capture.recognises(&piece) {
        return Verdict::Unknown;
    }
    let context = Context { targets: &TARGETS, force, target: None, elf: None, frame: None };
    match Capture.read(&piece, &context) {
        Ok(dump) => Verdict::Opened(Box::new(dump)),
        Err(error) => Verdict::Refused(error.to_string()),
    }
}
