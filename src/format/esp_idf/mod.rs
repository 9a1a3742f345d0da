//! Core dumps of ESP-IDF: raw images in all versions, and the ELF cores inside them.
//!
//! `image.rs` checks the frame, `elf_body.rs` and `binary_body.rs` take the two kinds of body
//! apart, `frame.rs` and `tcb.rs` know FreeRTOS' saved registers and task control blocks,
//! `assemble.rs` makes a [`Dump`] of it all. `console.rs` is the carrier for images printed as
//! base64 on a console, `lost_lines.rs` finds where lines belong that a log lost.

pub mod abort;
mod assemble;
mod binary_body;
mod body;
pub mod console;
mod elf_body;
pub(crate) mod frame;
mod image;
mod lost_lines;
mod tcb;

use super::{Context, Format, elf};
use crate::carrier::{Piece, esp_flash};
use crate::dump::Dump;
use crate::error::{Error, Fault, Result};
use crate::targets::Chip;
use std::ops::Range;
use std::sync::Arc;

const NAME: &str = "esp-idf";

/// Core dumps of ESP-IDF.
pub struct EspIdf;

impl Format for EspIdf {
    fn name(&self) -> &'static str {
        NAME
    }

    fn title(&self) -> &'static str {
        "ESP-IDF core dump: image (flash, UART) or ELF core"
    }

    fn recognises(&self, piece: &Piece) -> bool {
        piece.hint == Some(esp_flash::COREDUMP_FORMAT)
            || image::is_image(&piece.bytes, is_known_chip)
            || (elf::is_core(&piece.bytes) && elf_body::is_esp_core(&piece.bytes))
    }

    fn find(&self, piece: &Piece) -> Vec<Range<usize>> {
        image::find(&piece.bytes, is_known_chip)
    }

    fn read(&self, piece: &Piece, context: &Context<'_>) -> Result<Dump> {
        let bare = elf::is_core(&piece.bytes);
        if bare {
            let body = elf_body::read(&piece.bytes, 0, piece).map_err(in_input)?;
            let chip_id = body.version.map(|version| (version >> 16) as u16);
            let minor =
                body.version.map_or("without a version".into(), |v| format!("{:#06x}", v as u16));
            let title = format!("ESP-IDF ELF core {minor}, bare");
            let machine = assemble::Machine::choose(chip_id, body.machine, context)?;
            return Ok(assemble::dump(title, body, machine, piece));
        }
        let image = image::open(piece, context.force).map_err(in_input)?;
        let mut body = match image.header.layout {
            image::Layout::Binary => binary_body::read(&image, piece),
            image::Layout::Elf => {
                elf_body::read(&image.body, image.body_offset, piece).map_err(in_input)?
            }
        };
        body.chip_revision = body.chip_revision.or(image.header.chip_revision);
        let machine =
            assemble::Machine::choose(Some(image.header.chip_id()), body.machine, context)?;
        let title = format!("{}, {}", image.header.title(), image.verdict);
        let mut notes = image.notes;
        notes.append(&mut body.notes);
        body.notes = notes;
        if body.version.is_some() && body.version != image.header.version {
            body.notes.push(
                crate::dump::Note::doubt(format!(
                    "the version word in the ELF notes is {:#010x}, that of the header {:#010x}",
                    body.version.unwrap_or_default(),
                    image.header.version.unwrap_or_default()
                ))
                .by(NAME)
                .code("conflict"),
            );
        }
        if image.missing == 0 && body.tasks.is_empty() && !context.force {
            let offset = image.body_offset;
            return Err(in_input(
                Fault::new(NAME, "tasks", offset, "at least one task", "none").forceable(),
            ));
        }
        Ok(assemble::dump(title, body, machine, piece))
    }
}

fn in_input(fault: Fault) -> Error {
    Error::Input { file: String::new(), fault: Box::new(fault) }
}

/// Whether the format's chip table has `chip_id`. Asked for each input, so from a list that a
/// test compares with `targets/chip`.
fn is_known_chip(chip_id: u16) -> bool {
    CHIP_IDS.contains(&chip_id)
}

/// All chip ids that core dumps are known with; 0xffff is what the tools write for "unknown".
pub const CHIP_IDS: [u16; 14] = [0, 2, 5, 9, 12, 13, 16, 18, 20, 23, 25, 28, 32, 0xffff];

fn esp_chip_id(chip: &Chip) -> Option<u16> {
    chip.esp_idf.as_ref().map(|esp| esp.chip_id)
}

type SharedChip = Arc<Chip>;
