//! `heap`: what is used and free, what is damaged, and what an address points into.

use super::memory::number;
use crate::display::Lines;
use crate::heap;
use crate::server::client::Client;

pub(super) fn heap(client: &mut Client, argument: &str) -> Lines {
    let served = &client.served;
    let Some(firmware) = &served.firmware else {
        return "Heaps are found with the firmware's ELF file, and there is none.\n".into();
    };
    let heaps = heap::find(&served.dump, firmware);
    if heaps.is_empty() {
        return "No heap of a known allocator is in the dump.\n".into();
    }
    if !argument.is_empty() {
        let Some(addr) = number(argument) else {
            return format_args!("'{argument}' is no address: expected 0x20000000 or the like.")
                .into();
        };
        let Some(place) = heap::place(&heaps, addr) else {
            return format_args!("{addr:#x} is in no heap that was found.").into();
        };
        let holds = place.block.and_then(|block| block.holds(&served.dump));
        let holds = holds.map_or(String::new(), |holds| format!(" ({holds})"));
        let heap = place.heap;
        return format_args!(
            "{addr:#x}: {}{holds}, in {} ({})",
            place.words(),
            heap.name,
            heap.allocator
        )
        .into();
    }
    let mut text = Lines::new();
    for heap in &heaps {
        let _ = writeln!(text, "{}", heap.words());
        for words in heap.damage.iter().map(|damage| &damage.words).chain(&heap.incomplete) {
            let _ = writeln!(text, "  {words}");
        }
    }
    text
}
