//! Where a program ran that did not run where it was linked: a position-independent one, whose
//! ELF file counts its addresses from 0, or one that moved itself (U-Boot) or was moved.

use crate::dump::{Dump, Note};
use crate::firmware::Firmware;
use std::path::Path;
use std::sync::Arc;

/// Programs are moved by whole pages; these are the smallest.
const PAGE: u64 = 4096;

/// The ELF file at the addresses where it ran, if the dump tells them.
pub(super) fn at_run_time(firmware: Arc<Firmware>, dump: &mut Dump) -> Arc<Firmware> {
    if firmware.slide != 0 {
        dump.process.get_or_insert_default().slide = firmware.slide;
        let (way, by) = match firmware.slide.cast_signed() {
            down if down < 0 => ("below", down.unsigned_abs()),
            _ => ("above", firmware.slide),
        };
        dump.notes.push(
            Note::info(format!(
                "the program is taken to have run {by:#x} {way} the addresses in the file (--elf)"
            ))
            .at(&*firmware.path)
            .code("moved"),
        );
        return firmware;
    }
    if let Some(slide) = dump.process.as_ref().map(|process| process.slide).filter(|s| *s != 0) {
        dump.notes.push(
            Note::info(format!(
                "the device says that it ran {slide:#x} above the addresses in the file"
            ))
            .at(&*firmware.path)
            .code("moved"),
        );
        return Arc::new(firmware.slid(slide));
    }
    if !firmware.is_relocatable || dump.process.is_none() {
        return firmware;
    }
    let Some(slide) = slide(&firmware, dump) else {
        dump.notes.push(Note::doubt(
            "runs at any address and the dump does not say at which: names and lines are missing"
        ).at(&*firmware.path).code("no-slide"));
        return firmware;
    };
    if slide == 0 {
        return firmware;
    }
    if let Some(process) = &mut dump.process {
        process.slide = slide;
    }
    dump.notes.push(
        Note::info(format!(
            "the program ran {slide:#x} above the addresses in the file: they are shown as they were"
        )).at(&*firmware.path)
        .code("moved"),
    );
    Arc::new(firmware.slid(slide))
}

/// By the entry point that the kernel told the program, or by where its file was mapped.
fn slide(firmware: &Firmware, dump: &Dump) -> Option<u64> {
    let process = dump.process.as_ref()?;
    let mask = dump.arch.address_mask();
    let of_pages = |slide: &u64| slide.is_multiple_of(PAGE);
    let by_entry = process.entry.map(|entry| entry.wrapping_sub(firmware.entry) & mask);
    by_entry.filter(of_pages).or_else(|| {
        let name = Path::new(&firmware.path).file_name()?;
        let ours =
            process.files.iter().filter(|file| Path::new(&file.path).file_name() == Some(name));
        let mut by_file = ours.filter_map(|file| {
            let addr = firmware.addr_of_offset(file.offset)?;
            Some(file.start.wrapping_sub(addr) & mask)
        });
        by_file.find(of_pages)
    })
}
