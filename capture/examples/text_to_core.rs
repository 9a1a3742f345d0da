//! On the host: puts the lines of a console log together to a dump again.
//!
//!     cargo run -p coroner-capture --example text_to_core console.log core.elf
//!
//! `coroner` does this by itself; this is the decoder in its smallest form.

use coroner_capture::text::{Line, decode};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(log), Some(core)) = (arguments.next(), arguments.next()) else {
        return Err("usage: text_to_core LOG CORE".into());
    };
    let mut file = Vec::new();
    let mut damaged = 0;
    for line in std::fs::read(log)?.split(|&byte| byte == b'\n') {
        match decode(line) {
            Some(Ok(Line::Begin { .. })) => file.clear(),
            Some(Ok(Line::Data(piece))) => {
                let from = piece.offset as usize;
                let end = from + piece.bytes().len();
                if file.len() < end {
                    file.resize(end, 0xff);
                }
                file[from..end].copy_from_slice(piece.bytes());
            }
            Some(Err(_)) => damaged += 1,
            Some(Ok(Line::End { .. })) | None => {}
        }
    }
    if damaged > 0 {
        eprintln!("{damaged} damaged lines are holes of FF in the dump");
    }
    Ok(std::fs::write(core, file)?)
}
