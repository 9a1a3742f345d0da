//! One walk for the lists of all kernels: rings and chains in dumped memory, bounded, from both ends
//! where there are two, with what is wrong about a list in words.

#![deny(clippy::indexing_slicing, clippy::arithmetic_side_effects, clippy::unwrap_used)]

use super::task::MOST_TASKS;
use crate::dump::Note;
use std::collections::HashSet;

/// A list of one kernel.
pub(super) struct List<'a> {
    /// What notes call it: `pxReadyTasksLists[3]`.
    pub name: &'a str,
    /// The node that closes a ring; 0 for a chain, which ends there.
    pub head: u64,
    /// Bytes from a node to its pointers: to the next one, and to the one before where there is one.
    pub links: &'a [u64],
    /// Of whom: `task`.
    pub of: &'a str,
}

impl List<'_> {
    /// What `member` makes of the nodes, each once. `word` reads memory, and knows of a chain where it
    /// begins: at address 0. A list that breaks off is read from its other end as well; what is
    /// wrong with it becomes a note of `kernel`.
    pub(super) fn walk(
        &self,
        kernel: &'static str,
        notes: &mut Vec<Note>,
        word: impl Fn(u64) -> Option<u64>,
        member: impl Fn(u64) -> Option<u64>,
    ) -> Vec<u64> {
        let mut all = Vec::new();
        let mut seen = HashSet::new();
        let mut damage = None;
        for link in self.links {
            match self.follow(*link, &mut all, &mut seen, &word, &member) {
                // Whole in this direction, so there is nothing more to find.
                None if damage.is_none() => break,
                None => {}
                Some(why) => damage = damage.or(Some(why)),
            }
        }
        if let Some(why) = damage {
            let words = format!(
                "the list {}{} is damaged: {why}; {} {}s of it were found",
                self.name,
                if self.head == 0 { String::new() } else { format!(" at {:#x}", self.head) },
                all.len(),
                self.of
            );
            notes.push(Note::warning(words).by(kernel).code("list-damaged"));
        }
        all
    }

    /// Goes one way, as far as it leads. Why not to the end.
    fn follow(
        &self,
        link: u64,
        all: &mut Vec<u64>,
        seen: &mut HashSet<u64>,
        word: &impl Fn(u64) -> Option<u64>,
        member: &impl Fn(u64) -> Option<u64>,
    ) -> Option<String> {
        let mut from = self.head;
        loop {
            let Some(next) = from.checked_add(link).and_then(word) else {
                // The list itself may not be in the dump, which is nothing that is damaged.
                return (from != self.head).then(|| format!("{from:#x} is not in the dump"));
            };
            // A ring that nobody has used yet may not be closed.
            if next == self.head || (next == 0 && from == self.head) {
                return None;
            }
            if !seen.insert(next) {
                return Some(format!("it comes back to {next:#x}"));
            }
            if all.len() >= MOST_TASKS {
                return Some(format!("it has more than {MOST_TASKS} {}s", self.of));
            }
            let Some(member) = member(next) else {
                return Some(match next.checked_add(link).and_then(word) {
                    None => format!("{next:#x} is not in the dump"),
                    Some(_) => format!("{next:#x} in it is no {}'s", self.of),
                });
            };
            all.push(member);
            from = next;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashMap;

    /// A ring with its head at 0x100 and nodes of two words, {next, previous}.
    fn ring(nodes: &[u64]) -> HashMap<u64, u64> {
        let all = [&[0x100], nodes].concat();
        let next = all.iter().zip(all.iter().cycle().skip(1));
        next.flat_map(|(a, b)| [(*a, *b), (b.saturating_add(4), *a)]).collect()
    }

    fn walk(memory: &HashMap<u64, u64>) -> (Vec<u64>, Vec<String>) {
        let mut notes = Vec::new();
        let list = List { name: "ready", head: 0x100, links: &[0, 4], of: "task" };
        let member = |node: u64| (!matches!(node, 0xbad | 0x9000)).then_some(node);
        let all = list.walk("test", &mut notes, |at| memory.get(&at).copied(), member);
        (all, notes.into_iter().map(|note| note.words).collect())
    }

    #[test]
    fn a_broken_ring_is_read_from_both_ends_and_its_damage_told() {
        let whole = ring(&[0x200, 0x300, 0x400, 0x500]);
        assert_eq!(walk(&whole), (vec![0x200, 0x300, 0x400, 0x500], vec![]));
        assert_eq!(walk(&ring(&[])), (vec![], vec![]));
        assert_eq!(walk(&HashMap::from([(0x100, 0)])), (vec![], vec![]));
        assert_eq!(walk(&HashMap::new()), (vec![], vec![]));
        // In the last case a node that is not in the dump itself is no member.
        for (at, value, why) in [
            (0x300, 0x200, "it comes back to 0x200"),
            (0x300, 0xbad, "0xbad in it is no task's"),
            (0x300, 0x9000, "0x9000 is not in the dump"),
        ] {
            let mut broken = whole.clone();
            broken.extend([(at, value), (0xbad, 1)]);
            let (found, notes) = walk(&broken);
            assert_eq!(found, [0x200, 0x300, 0x500, 0x400], "{why}");
            assert!(notes.len() == 1 && notes.iter().all(|note| note.contains(why)), "{notes:?}");
        }
    }
}
