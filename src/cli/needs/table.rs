//! What `coroner needs` prints: tables for people, JSON for programs (`docs/needs.md`).

use super::places::{Map, Place};
use super::trial::{Trial, Wanted};
use crate::display::Lines;
use crate::firmware::Firmware;
use serde_json::{Value, json};

/// All that is printed.
pub(super) struct Table<'a> {
    pub firmware: &'a Firmware,
    pub machine: &'static str,
    pub map: &'a Map,
    pub wanted: &'a Wanted,
    pub at_most: u64,
    pub whole: Trial,
    pub trials: Vec<(u64, Trial)>,
}

impl Table<'_> {
    pub(super) fn text(&self) -> Lines {
        let mut out = Lines::new();
        // Writing lines can't fail.
        let _ = self.write(&mut out);
        out
    }

    fn write(&self, out: &mut Lines) -> std::fmt::Result {
        let id = self.firmware.build_id().map_or("no build id".into(), |id| {
            format!("build id {}", id.iter().map(|byte| format!("{byte:02x}")).collect::<String>())
        });
        writeln!(out, "{}: {}, {id}", self.firmware.path, self.machine)?;
        match self.map.declared {
            Some(room) => writeln!(
                out,
                "  declares {} regions, {} exclusions, room for {} segments and {} tasks",
                self.map.places.iter().filter(|place| place.declared()).count(),
                self.map.exclude.len(),
                room.segments,
                room.tasks
            )?,
            None => writeln!(out, "  declares nothing (coroner_capture::declare!)")?,
        }
        out.blank();
        writeln!(out, "Regions (* taken):")?;
        writeln!(
            out,
            "  {:>8}  {:<20} {:>9}  {:<24}  from",
            "priority", "region", "bytes", "range"
        )?;
        for place in &self.map.places {
            let taken = self.taken(place);
            let priority = taken.map_or(place.priority, |taken| taken.priority);
            let mark = if taken.is_some() { '*' } else { ' ' };
            let (label, len, range) = (place.label(), place.len(), place.range());
            let source = &place.source;
            writeln!(out, "{mark} {priority:>8}  {label:<20} {len:>9}  {range:<24}  {source}")?;
        }
        for place in self.wanted.places.iter().filter(|p| p.source == "command line") {
            let (label, len, range) = (place.label(), place.len(), place.range());
            writeln!(
                out,
                "* {:>8}  {label:<20} {len:>9}  {range:<24}  command line",
                place.priority
            )?;
        }
        for &(start, end) in &self.map.exclude {
            let len = end.saturating_sub(start);
            writeln!(out, "     never  {:<20} {len:>9}  {start:#x}..{:#x}", "excluded", end - 1)?;
        }
        self.write_sizes(out)
    }

    fn taken(&self, place: &Place) -> Option<&Place> {
        self.wanted.places.iter().find(|p| (p.start, p.end) == (place.start, place.end))
    }

    fn write_sizes(&self, out: &mut Lines) -> std::fmt::Result {
        let Wanted { tasks, stack, .. } = *self.wanted;
        let each = if tasks == 1 { "" } else { " each" };
        let word = if tasks == 1 { "task" } else { "tasks" };
        out.blank();
        writeln!(out, "{tasks} {word} with {stack} bytes of stack in use{each}:")?;
        if let Some(length) = self.whole.length {
            writeln!(out, "  a whole dump has {length} bytes in {} segments", self.whole.segments)?;
        }
        writeln!(out, "  and at most {} bytes (Needs::size)", self.at_most)?;
        if let Some(room) = self.map.declared
            && self.whole.segments > room.segments
        {
            let (segments, room) = (self.whole.segments, room.segments);
            writeln!(
                out,
                "  the workspace has room for {room} of {segments} segments: some are cut"
            )?;
        }
        let sizes = self.trials.iter().map(|(size, _)| format!(" {:>10}", short_size(*size)));
        out.blank();
        writeln!(out, "{:<24}{}", "In a partition of", sizes.collect::<String>())?;
        let mut row = |name: &str, cell: &dyn Fn(&Trial) -> String| {
            let cells = self.trials.iter().map(|(_, trial)| {
                let cell = if trial.length.is_none() { "no dump".into() } else { cell(trial) };
                format!(" {cell:>10}")
            });
            writeln!(out, "  {name:<22}{}", cells.collect::<String>())
        };
        row("dump", &|trial| trial.length.unwrap_or(0).to_string())?;
        row("tasks", &|trial| format!("{} of {tasks}", trial.tasks))?;
        row("stacks", &|trial| part(trial.stacks, self.whole.stacks))?;
        for (index, place) in self.by_priority() {
            let stored = |trial: &Trial| trial.stored.get(index).copied().unwrap_or(0);
            row(&place.label(), &|trial| part(stored(trial), stored(&self.whole)))?;
        }
        Ok(())
    }

    /// In the order in which they are written.
    fn by_priority(&self) -> Vec<(usize, &Place)> {
        let mut places: Vec<_> = self.wanted.places.iter().enumerate().collect();
        places.sort_by_key(|(_, place)| std::cmp::Reverse(place.priority));
        places
    }

    /// Schema 1; a field may come to it without a new version.
    pub(super) fn json(&self) -> Value {
        let hex = |value: u64| format!("{value:#x}");
        let region = |place: &Place| {
            let taken = self.taken(place);
            json!({
                "kind": place.kind_name(),
                "name": place.name,
                "start": hex(place.start),
                "len": place.len(),
                "priority": taken.map_or(place.priority, |taken| taken.priority),
                "access": place.access.width(),
                "taken": taken.is_some(),
                "from": place.source,
            })
        };
        let added = self.wanted.places.iter().filter(|place| place.source == "command line");
        let trials = self.trials.iter().map(|(size, trial)| {
            let regions = self.by_priority().into_iter().map(|(index, place)| {
                json!({
                    "region": place.label(),
                    "start": hex(place.start),
                    "stored": trial.stored.get(index),
                    "wanted": place.len(),
                })
            });
            json!({
                "partition": size,
                "dump": trial.length,
                "whole": trial.length == self.whole.length,
                "tasks": trial.tasks,
                "stacks": trial.stacks,
                "regions": regions.collect::<Vec<_>>(),
            })
        });
        json!({
            "schema": 1,
            "elf": self.firmware.path,
            "arch": self.machine,
            "build_id": self.firmware.build_id().map(|id| {
                id.iter().map(|byte| format!("{byte:02x}")).collect::<String>()
            }),
            "declared": self.map.declared.map(|room| json!({
                "segments": room.segments,
                "tasks": room.tasks,
                "limit": (room.limit != u32::MAX).then_some(room.limit),
                "sha256": room.sha256,
            })),
            "regions": self.map.places.iter().chain(added).map(region).collect::<Vec<_>>(),
            "excluded": self.map.exclude.iter().map(|&(start, end)| {
                json!({ "start": hex(start), "len": end.saturating_sub(start) })
            }).collect::<Vec<_>>(),
            "tasks": self.wanted.tasks,
            "stack": self.wanted.stack,
            "size": self.whole.length,
            "segments": self.whole.segments,
            "at_most": self.at_most,
            "partitions": trials.collect::<Vec<_>>(),
        })
    }
}

/// `64K`, `6000`.
fn short_size(size: u64) -> String {
    match size {
        n if n >= 1 << 20 && n.is_multiple_of(1 << 20) => format!("{}M", n >> 20),
        n if n >= 1 << 10 && n.is_multiple_of(1 << 10) => format!("{}K", n >> 10),
        n => n.to_string(),
    }
}

/// How much of `whole` is there: all, a number, nothing.
fn part(stored: u64, whole: u64) -> String {
    match stored {
        _ if stored >= whole => "all".into(),
        0 => "-".into(),
        _ => stored.to_string(),
    }
}
