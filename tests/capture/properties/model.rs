//! What a dump should hold, found out address by address.

use super::case::Case;
use coroner_capture::layout::{self, Fields, RegionEntry, Trailer, note};
use std::collections::BTreeSet;

/// One thing that asks for memory.
struct Candidate {
    start: u64,
    end: u64,
    /// Bytes that come together or not at all.
    step: u64,
    /// Whether half a step at the ends counts as a whole one.
    outwards: bool,
    priority: i32,
}

/// The bytes of each candidate, most valuable first.
pub(crate) struct Model(Vec<(i32, BTreeSet<u64>)>);

impl Model {
    pub(crate) fn of(case: &Case) -> Model {
        let mut taken = BTreeSet::new();
        let bytes = candidates(case).into_iter().map(|candidate| {
            let own = candidate.bytes(case, &taken);
            taken.extend(&own);
            (candidate.priority, own)
        });
        Model(bytes.collect())
    }

    /// All bytes that anybody asks for, whoever comes first.
    pub(crate) fn asked_for(case: &Case) -> BTreeSet<u64> {
        let alone = |candidate: Candidate| candidate.bytes(case, &BTreeSet::new());
        candidates(case).into_iter().flat_map(alone).collect()
    }

    /// All bytes that a dump without a limit holds.
    pub(crate) fn all(&self) -> BTreeSet<u64> {
        self.0.iter().flat_map(|(_, bytes)| bytes).copied().collect()
    }

    /// Whether what was cut off is the least valuable: once a candidate is cut, all of lower
    /// priority together get no more than what was left over, which is less than any of these could
    /// have been cut down to.
    pub(crate) fn cut_in_order(&self, case: &Case, stored: &BTreeSet<u64>) -> bool {
        if case.cramped {
            // Segments ran out, not bytes.
            return true;
        }
        const TASK_NOTES: usize = 900;
        const SEGMENT: usize = 60 + 64 + 8;
        let cut = self.0.iter().find(|(_, bytes)| bytes.iter().any(|at| !stored.contains(at)));
        let Some(&(priority, _)) = cut else { return true };
        let before: BTreeSet<u64> =
            self.0.iter().filter(|(p, _)| *p >= priority).flat_map(|(_, b)| b).copied().collect();
        let later = stored.iter().filter(|at| !before.contains(at)).count();
        later < TASK_NOTES + SEGMENT
    }

    /// Segments of a file.
    pub(crate) fn segments(&self, file: &[u8]) -> usize {
        let (class, _) = Trailer::decode(file).expect("block 0");
        let at = if class == layout::Class::Elf32 { 44 } else { 56 };
        usize::from(u16::from_le_bytes([file[at], file[at + 1]])) - 1
    }
}

fn candidates(case: &Case) -> Vec<Candidate> {
    let stack = |task: &super::case::TaskCase, priority| {
        let (start, end) = task.used_stack(case.machine.below_sp());
        Candidate { start, end, step: 64, outwards: true, priority }
    };
    let tcb = |task: &super::case::TaskCase, priority| {
        let (start, end) =
            if task.tcb_len == 0 { (0, 0) } else { (task.tcb, task.tcb + task.tcb_len) };
        Candidate { start, end, step: 1, outwards: false, priority }
    };
    let mut list = Vec::new();
    if let Some(crashed) = case.tasks.first() {
        list.push(stack(crashed, 256));
        list.push(tcb(crashed, 256));
    }
    for level in (0..=255u8).rev() {
        for region in
            case.regions.iter().filter(|region| region.priority == level && region.len > 0)
        {
            list.push(Candidate {
                start: region.start,
                end: region.start + region.len,
                step: region.step(),
                outwards: region.step() > region.access.width() as u64,
                priority: level.into(),
            });
        }
        for task in case.tasks.iter().skip(1).filter(|task| task.rank == level) {
            list.push(stack(task, level.into()));
            list.push(tcb(task, level.into()));
        }
    }
    list
}

impl Candidate {
    fn bytes(&self, case: &Case, taken: &BTreeSet<u64>) -> BTreeSet<u64> {
        let mut own = BTreeSet::new();
        let mut at = if self.outwards || self.start.is_multiple_of(self.step) {
            self.start - self.start % self.step
        } else {
            self.start.next_multiple_of(self.step)
        };
        while at < self.end && (self.outwards || at + self.step <= self.end) {
            let unit = at..at + self.step;
            let areas = &case.memory;
            let mapped = areas.is_empty()
                || areas.iter().any(|&(start, end)| start <= unit.start && unit.end <= end);
            let free = unit.clone().all(|at| !case.is_excluded(at) && !taken.contains(&at));
            if mapped && free {
                own.extend(unit.clone());
            }
            at = unit.end;
        }
        own
    }
}

/// The table of regions of a file, if it has one.
pub(crate) fn region_table(file: &[u8]) -> Option<Vec<RegionEntry<'_>>> {
    let (class, _) = Trailer::decode(file)?;
    let mut fields = Fields::new(class, &file[class.phoff() as usize..]);
    fields.u32()?;
    if class == layout::Class::Elf64 {
        fields.u32()?;
    }
    let offset = fields.word()? as usize;
    let (_, _, len) = (fields.word()?, fields.word()?, fields.word()? as usize);
    let table = layout::notes(&file[offset..offset + len]).find(|own| own.kind == note::REGIONS)?;
    Some(layout::regions(class, table.desc).collect())
}
