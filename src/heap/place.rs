//! What an address points into.

use super::{Block, Heap, Kind};

/// An address in a heap.
#[derive(Clone, Debug)]
pub struct Place<'h> {
    /// The heap.
    pub heap: &'h Heap,
    /// The address.
    pub addr: u64,
    /// The block; `None` where a damaged header hides which one.
    pub block: Option<Block>,
}

/// Where `addr` lies, if in one of `heaps`.
pub fn place(heaps: &[Heap], addr: u64) -> Option<Place<'_>> {
    let heap = heaps.iter().find(|h| (h.start.low()..h.end.low()).contains(&addr))?;
    let after = heap.blocks.partition_point(|block| block.at <= addr);
    let block = after.checked_sub(1).and_then(|index| heap.blocks.get(index));
    let block = block.filter(|block| addr < block.end()).copied();
    Some(Place { heap, addr, block })
}

impl Place<'_> {
    /// `24 bytes into a free block of 64 bytes`, with what is wrong around it.
    pub fn words(&self) -> String {
        let Some(block) = self.block else {
            let nearest = self.heap.damage.iter().filter(|damage| damage.at.low() <= self.addr);
            return match nearest.max_by_key(|damage| damage.at) {
                Some(damage) => format!("in the heap; {}", damage.words),
                None => "in the heap, in no block that was read".into(),
            };
        };
        let words = block.words();
        let mut words = match self.addr.checked_sub(block.start()) {
            None => format!("in the header of {words}"),
            Some(offset) if block.kind == Kind::Taken => {
                format!("{offset} bytes into {words}")
            }
            Some(0) => format!("the start of {words}"),
            Some(1) => format!("1 byte into {words}"),
            Some(offset) => format!("{offset} bytes into {words}"),
        };
        let next = self.heap.damage.iter().find(|damage| damage.at.low() == block.end());
        if let Some(next) = next {
            words.push_str(&format!("; after it {}", next.words));
        }
        words
    }
}
