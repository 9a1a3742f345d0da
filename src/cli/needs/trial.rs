//! A dump written for trial: the crate's own writer, on memory and tasks that are made up, into a
//! sink of some size. What it plans and cuts is what it would plan and cut on the device.

use super::places::Place;
use crate::format::elf;
use coroner_capture::arch::{Arch, Memory};
use coroner_capture::crash::{Cause, Kind as CrashKind, signal};
use coroner_capture::layout::{self, TaskTable, Trailer, note};
use coroner_capture::sink::Callback;
use coroner_capture::{
    Access, Area, Config, Crash, Needs, Region, State, Task, TaskList, Tasks, Workspace,
};

/// What is asked for.
#[derive(Clone, Debug)]
pub(super) struct Wanted {
    pub places: Vec<Place>,
    pub exclude: Vec<(u64, u64)>,
    pub memory: Vec<(u64, u64)>,
    pub tasks: usize,
    /// Bytes in use of each stack.
    pub stack: usize,
    /// Bytes of each control block.
    pub tcb: usize,
    /// Letters of message and file name.
    pub words: usize,
    pub floats: bool,
    pub info: usize,
    pub build_id: usize,
    pub sha256: bool,
    pub limit: u32,
}

/// What a dump of some size holds.
#[derive(Clone, Debug)]
pub(super) struct Trial {
    /// Bytes of the file; `None`: no room for the smallest one.
    pub length: Option<u32>,
    pub segments: usize,
    pub tasks: usize,
    /// Bytes of stacks and control blocks.
    pub stacks: u64,
    /// Bytes of each of [`Wanted::places`].
    pub stored: Vec<u64>,
}

/// Where the made-up stacks lie: where no memory of a 32-bit machine is, and hardly any of a
/// 64-bit one.
const FAR: usize = 0x4000_0000_0000_0000;
const BUILD_ID: usize = FAR + (1 << 40);
/// As many fault registers as any processor has, see [`Needs::size`].
const FAULTS: [(u32, usize); 24] = [(0, 0); 24];
/// Names and strings of any length are cut from these.
static LETTERS: [u8; 255] = [b' '; 255];

fn letters(count: usize) -> &'static str {
    LETTERS.get(..count).and_then(|bytes| str::from_utf8(bytes).ok()).unwrap_or("")
}

impl Wanted {
    /// The bound that a program can have at compile time.
    pub(super) fn at_most<A: Arch>(&self) -> u64 {
        let needs = Needs {
            regions: self.places.len(),
            names: self.places.iter().map(|place| place.name.len()).sum(),
            bytes: self.places.iter().map(|place| place.len() as usize).sum(),
            pieces: self.pieces(),
            tasks: self.tasks,
            stack: self.stack,
            tcb: self.tcb,
            words: self.words,
            floats: self.floats,
            info: self.info,
        };
        let sha256 = if self.sha256 { layout::SHA256_LEN.into() } else { 0 };
        needs.size::<A>() as u64 + sha256
    }

    /// Further pieces that regions are cut into: one for each hole, and for each region that ends
    /// inside of another one.
    fn pieces(&self) -> usize {
        let inside = |(start, end): (u64, u64)| {
            self.places.iter().filter(|place| place.start < end && start < place.end).count()
        };
        let holes: usize = self.exclude.iter().map(|&area| inside(area)).sum();
        let overlaps: usize =
            self.places.iter().map(|p| inside((p.start, p.end)).saturating_sub(1)).sum();
        holes + overlaps / 2 + 2 * self.memory.len()
    }

    /// Writes the dump of which `room` bytes are left over.
    pub(super) fn trial<A: Arch>(&self, room: u32) -> Trial {
        let regions: Vec<Region> = self.places.iter().map(region).collect();
        let exclude: Vec<Area> = self.exclude.iter().map(area).collect();
        let mut memory: Vec<Area> = self.memory.iter().map(area).collect();
        if !memory.is_empty() {
            memory.push(Area::range(FAR, usize::MAX));
        }
        let info = self.info_pairs();
        let build_id = Area::range(BUILD_ID, BUILD_ID + self.build_id);
        let config = Config {
            regions: &regions,
            exclude: &exclude,
            memory: &memory,
            build_id,
            info: &info,
            limit: self.limit,
            ..Config::MINIMAL
        };
        let words = " ".repeat(self.words);
        let registers = vec![0; A::REGISTERS];
        let cause = Cause { message: &words, ..Cause::new(CrashKind::Fault, signal::SEGV) };
        let mut crash = Crash::new(cause, &registers, u64::MAX);
        crash.floats = if self.floats { &[0; 4] } else { &[] };
        crash.faults = &FAULTS;
        let mut file = Vec::new();
        let sha256 = if self.sha256 { layout::SHA256_LEN } else { 0 };
        let mut sink = Callback::new(room.saturating_sub(sha256), |at: u32, bytes: &[u8]| {
            let end = at as usize + bytes.len();
            file.resize(file.len().max(end), 0);
            file[at as usize..end].copy_from_slice(bytes);
            Ok(())
        });
        let mut tasks = MadeUp { count: self.tasks, stack: self.stack, tcb: self.tcb };
        let mut workspace = Box::new(Workspace::<1024, 256>::new());
        let mut zeros = Zeros { of_stacks: 0 };
        workspace.write_as::<A, _>(&config, &crash, &mut tasks, &mut zeros, &mut sink);
        self.look_at(file, sha256, zeros.of_stacks)
    }

    fn info_pairs(&self) -> Vec<(&'static str, &'static str)> {
        let mut left = self.info;
        let mut pairs = Vec::new();
        while left > 3 {
            let len = (left - 3).min(255);
            pairs.push((" ", letters(len)));
            left -= 3 + len;
        }
        pairs
    }

    /// Reads the tables of a dump that was just written.
    fn look_at(&self, file: Vec<u8>, sha256: u32, stacks: u64) -> Trial {
        let stored = vec![0; self.places.len()];
        let mut trial = Trial { length: None, segments: 0, tasks: 0, stacks: 0, stored };
        let Some((class, trailer)) = Trailer::decode(&file) else { return trial };
        let Ok(core) = elf::parse_core("trial", &file.into()) else { return trial };
        trial.length = Some(trailer.length + sha256);
        trial.segments = core.segments.len();
        trial.stacks = stacks;
        for own in core.notes.iter().filter(|own| own.name == layout::OWNER) {
            if own.kind == note::REGIONS {
                let entries = layout::regions(class, &own.desc);
                for (stored, entry) in trial.stored.iter_mut().zip(entries) {
                    *stored = entry.stored;
                }
            } else if own.kind == note::TASKS
                && let Some(table) = TaskTable::decode(class, &own.desc)
            {
                trial.tasks = table.stored.into();
            }
        }
        trial
    }
}

fn region(place: &Place) -> Region {
    let range = (place.start, place.end);
    Region::new(place.kind, area(&range))
        .priority(place.priority)
        .access(place.access)
        .named(letters(place.name.len().min(255)))
}

fn area(&(start, end): &(u64, u64)) -> Area {
    Area::range(start as usize, end.max(start) as usize)
}

fn far(offset: usize, len: usize) -> Area {
    Area::range(FAR + offset, FAR + offset + len)
}

/// Memory full of zeros, wherever one looks.
struct Zeros {
    /// Bytes that were read of stacks and control blocks.
    of_stacks: u64,
}

impl Memory for Zeros {
    fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
        if (FAR..BUILD_ID).contains(&at) {
            self.of_stacks += bytes.len() as u64;
        }
        bytes.fill(0);
        true
    }
}

/// Tasks of the same size, the crashed one first.
struct MadeUp {
    count: usize,
    stack: usize,
    tcb: usize,
}

impl<A: Arch> Tasks<A> for MadeUp {
    fn list<M: Memory>(&mut self, _: &Crash<'_>, _: &mut M, list: &mut TaskList<'_>) {
        for index in 0..self.count {
            // Eight bytes behind a line of 64, as a stack pointer may well stand.
            let base = index << 24 | 8;
            let stack = far(base, self.stack);
            list.push(Task {
                state: if index == 0 { State::Running } else { State::Ready },
                stack,
                sp: stack.start(),
                tcb: far(base | 1 << 23, self.tcb),
                ..Task::new(index as u32 + 1, "task")
            });
        }
    }

    fn registers<M: Memory>(&mut self, _: &Task, _: &mut M, _: &mut [usize]) -> u64 {
        u64::MAX
    }
}
