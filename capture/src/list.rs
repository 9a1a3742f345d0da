//! Linked lists in the memory of a crashed kernel, followed with care.
//!
//! A list may be in any state: cut, circular where it should not be, pointing nowhere. Every
//! pointer is read through [`Memory`], every walk is bounded, and a node that comes up a second
//! time ends it. Nothing is remembered between the steps but the node itself: whether it was met
//! before is found out by walking the list again up to it, which costs time but no memory.
//!
//! Links that lead backwards are not compared: a crash in the middle of an insertion leaves them
//! behind the forward ones, and these are whole.

use crate::isa::{Arch, Memory};
use crate::region::Access;

/// A walk over a list.
#[derive(Clone, Copy, Debug)]
pub struct Walk {
    first: usize,
    end: usize,
    next: usize,
    most: u16,
    at: usize,
    done: u16,
}

/// What a step of a [`Walk`] leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// A node whose link can be read.
    Node(usize),
    /// The list is over, as it should be.
    End,
    /// The list goes on where no node can be, or in a circle, or has no end.
    Broken,
}

impl Walk {
    /// From the node at `first` up to `end`: 0 for a list that ends with a null pointer, the
    /// address of its sentinel for a circular one. The pointer to the next node lies `next` bytes
    /// behind a node's address. After `most` nodes it is taken for broken.
    pub const fn new(first: usize, end: usize, next: usize, most: u16) -> Self {
        Walk { first, end, next, most, at: first, done: 0 }
    }

    /// How many nodes there were so far.
    pub const fn count(&self) -> u16 {
        self.done
    }

    /// Goes to the next node. After [`Step::End`] and [`Step::Broken`] it stays there.
    pub fn step<A: Arch, M: Memory>(&mut self, memory: &mut M) -> Step {
        let node = self.at;
        if node == self.end {
            return Step::End;
        }
        if self.done >= self.most || self.was_met::<A, M>(node, memory) {
            return Step::Broken;
        }
        let Some(next) = self.link::<A, M>(node, memory) else { return Step::Broken };
        self.at = next;
        self.done = self.done.wrapping_add(1);
        Step::Node(node)
    }

    fn was_met<A: Arch, M: Memory>(&self, node: usize, memory: &mut M) -> bool {
        let mut at = self.first;
        for _ in 0..self.done {
            if at == node {
                return true;
            }
            // It could be read a moment ago.
            let Some(next) = self.link::<A, M>(at, memory) else { return true };
            at = next;
        }
        false
    }

    fn link<A: Arch, M: Memory>(&self, node: usize, memory: &mut M) -> Option<usize> {
        word::<A, M>(memory, node.checked_add(self.next)?)
    }
}

/// Reads a pointer of the machine that crashed; `None` where it can't be read or is not aligned, as
/// no compiler leaves it.
pub fn word<A: Arch, M: Memory>(memory: &mut M, at: usize) -> Option<usize> {
    let mut bytes = [0; 8];
    let pointer = bytes.get_mut(..A::CLASS.word())?;
    let aligned = at & pointer.len().wrapping_sub(1) == 0;
    let read = aligned && memory.read(at, pointer, Access::Word);
    read.then(|| u64::from_le_bytes(bytes) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::{Arm, RiscV64};

    /// Memory from 0x1000 on.
    struct Words(Vec<u32>);

    impl Memory for Words {
        fn read(&mut self, at: usize, bytes: &mut [u8], _: Access) -> bool {
            let all: Vec<u8> = self.0.iter().flat_map(|word| word.to_le_bytes()).collect();
            let from = at.wrapping_sub(0x1000);
            match all.get(from..from.wrapping_add(bytes.len())) {
                Some(found) => bytes.copy_from_slice(found),
                None => return false,
            }
            true
        }
    }

    /// Nodes of two words, the link in the second one.
    fn memory(links: &[u32]) -> Words {
        Words(links.iter().flat_map(|&link| [0, link]).collect())
    }

    fn walk(memory: &mut Words, mut walk: Walk) -> (Vec<usize>, Step) {
        let mut nodes = Vec::new();
        loop {
            match walk.step::<Arm, _>(memory) {
                Step::Node(node) => nodes.push(node),
                last => {
                    assert_eq!(walk.step::<Arm, _>(memory), last, "it stays there");
                    assert_eq!(walk.count() as usize, nodes.len());
                    return (nodes, last);
                }
            }
        }
    }

    #[test]
    fn a_list_ends_with_null_or_at_its_sentinel() {
        let mut open = memory(&[0x1008, 0x1010, 0]);
        let nodes = vec![0x1000, 0x1008, 0x1010];
        assert_eq!(walk(&mut open, Walk::new(0x1000, 0, 4, 9)), (nodes.clone(), Step::End));
        let mut ring = memory(&[0x1008, 0x1010, 0x1018, 0x1000]);
        assert_eq!(walk(&mut ring, Walk::new(0x1000, 0x1018, 4, 9)), (nodes, Step::End));
        assert_eq!(walk(&mut ring, Walk::new(0x1018, 0x1018, 4, 9)), (vec![], Step::End));
        assert_eq!(walk(&mut ring, Walk::new(0, 0, 4, 9)), (vec![], Step::End));
    }

    #[test]
    fn a_circle_gives_each_node_once() {
        let mut back = memory(&[0x1008, 0x1010, 0x1008]);
        let nodes = vec![0x1000, 0x1008, 0x1010];
        assert_eq!(walk(&mut back, Walk::new(0x1000, 0, 4, 99)), (nodes.clone(), Step::Broken));
        let mut around = memory(&[0x1008, 0x1010, 0x1000]);
        assert_eq!(walk(&mut around, Walk::new(0x1000, 0, 4, 99)), (nodes, Step::Broken));
    }

    #[test]
    fn a_node_that_follows_itself_is_one_node() {
        let mut own = memory(&[0x1008, 0x1008]);
        assert_eq!(
            walk(&mut own, Walk::new(0x1000, 0, 4, 99)),
            (vec![0x1000, 0x1008], Step::Broken)
        );
    }

    #[test]
    fn a_link_to_nowhere_ends_it_after_the_nodes_before() {
        for nowhere in [0x9000_0000, 0x1002, 0xffff_fffc, 0x101c] {
            let mut cut = memory(&[0x1008, nowhere, 0]);
            let (nodes, last) = walk(&mut cut, Walk::new(0x1000, 0, 4, 99));
            assert_eq!((nodes, last), (vec![0x1000, 0x1008], Step::Broken), "{nowhere:#x}");
        }
        let mut ring = memory(&[0x1008, 0]);
        let (nodes, last) = walk(&mut ring, Walk::new(0x1000, 0x1018, 4, 99));
        assert_eq!((nodes.len(), last), (2, Step::Broken), "null is no sentinel");
    }

    #[test]
    fn a_list_without_an_end_is_cut() {
        let links: Vec<u32> = (1..200).map(|index| 0x1000 + 8 * index).collect();
        let mut long = memory(&links);
        let (nodes, last) = walk(&mut long, Walk::new(0x1000, 0, 4, 50));
        assert_eq!((nodes.len(), last), (50, Step::Broken));
    }

    #[test]
    fn pointers_of_64_bits_are_read_whole() {
        let mut wide = Words(vec![0x1010, 0, 0, 0, 0, 0, 0x1000, 1]);
        let mut walk = Walk::new(0x1000, 0, 0, 9);
        assert_eq!(walk.step::<RiscV64, _>(&mut wide), Step::Node(0x1000));
        assert_eq!(walk.step::<RiscV64, _>(&mut wide), Step::Node(0x1010));
        assert_eq!(walk.step::<RiscV64, _>(&mut wide), Step::End);
        assert_eq!(word::<RiscV64, _>(&mut wide, 0x1018), Some(0x1_0000_1000));
    }
}
