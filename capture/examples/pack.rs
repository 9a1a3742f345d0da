//! On the host: packs a dump as retained memory would hold it, and tells the saving.
//!
//!     cargo run -p coroner-capture --example pack core.elf area.bin

use coroner_capture::layout::Trailer;
use coroner_capture::packed::{FRAME_BYTES, FRAME_LEN, HEAD_LEN, Head, frame};

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(core), Some(area)) = (arguments.next(), arguments.next()) else {
        return Err("usage: pack CORE AREA".into());
    };
    let mut file = std::fs::read(core)?;
    let (class, trailer) = Trailer::decode(&file).ok_or("no dump of this crate")?;
    file.resize((trailer.length as usize).next_multiple_of(32), 0xff);
    let start = class.phoff();
    let mut out = vec![0; HEAD_LEN];
    let mut room = [0; FRAME_LEN];
    let mut add = |bytes: &[u8], block0| {
        let len = frame(bytes, block0, &mut room).ok_or("a block is no multiple of 32")?;
        out.extend(&room[..len]);
        Ok::<(), &str>(())
    };
    for part in file[start as usize..].chunks(FRAME_BYTES) {
        add(part, false)?;
    }
    add(&file[..class.block0_len()], true)?;
    let whole = Some(((out.len() - HEAD_LEN) as u32, file.len() as u32));
    out[..HEAD_LEN].copy_from_slice(&Head { start, whole, uploaded: false }.encode());
    let percent = out.len() * 100 / file.len();
    println!("{} bytes packed into {}: {percent} %", file.len(), out.len());
    Ok(std::fs::write(area, out)?)
}
