//! Images that a vendor's script saves under names of its own: the name says what memory it is; of
//! which chip, and so where, tell the lengths of the RAM images beside it.
//!
//! SiFli's J-Link and UART scripts leave a folder with `log.txt` and images. Chips by the length
//! of `hcpu_ram.bin`: 512K SF32LB52x and 57x, 1M 55x, 800K 56x, 2560K 58x; of `lcpu_ram.bin`: 64K
//! and 80K, 224K, 128K, 1M. All have `hcpu_ram.bin` at 0x20000000 and `psram.bin` at 0x60000000
//! (where there are 16M of it on a 56x they are the second one's).
//!
//! Source: xiaomaomogu/SiFli-SDK 27e6b87, `tools/crash_dump_analyser/script/*.jlink`;
//! shixin627/SiFli-SDK 3a5d592 and dd148fd, the same and `tools/AssertDump/*.jlink`;
//! OpenSiFli/SiFli-SDK 2e64f77 for the 57x. No real folder is among the samples.

use crate::input::Input;

const KIB: u64 = 1 << 10;

/// A family of SiFli's chips that has its memory in the same places: the column of `PLACES`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Chip {
    /// SF32LB52x, SF32LB57x.
    Sf52,
    /// SF32LB55x.
    Sf55,
    /// SF32LB56x.
    Sf56,
    /// SF32LB58x.
    Sf58,
}

/// Where there is none.
const NONE: u64 = 0;
/// Names without `.bin`, and addresses on a 52x and 57x, 55x, 56x, 58x.
#[rustfmt::skip]
const PLACES: [(&str, [u64; 4]); 33] = [
    ("hcpu_ram", [0x2000_0000, 0x2000_0000, 0x2000_0000, 0x2000_0000]),
    ("lcpu_ram", [0x2040_0000, 0x2010_0000, 0x20c0_0000, 0x20c0_0000]),
    ("lcpu_dtcm", [NONE, 0x2b0f_c000, 0x203f_c000, 0x203f_c000]),
    ("lcpu_itcm", [NONE, NONE, 0x20bf_c000, 0x20bf_c000]),
    ("hcpu_itcm", [NONE, 0x1_0000, NONE, 0x1_0000]),
    ("ret_ram", [NONE, 0x2_0000, NONE, 0x2_0000]),
    ("psram", [0x6000_0000, 0x6000_0000, 0x6000_0000, 0x6000_0000]),
    ("psram2", [NONE, NONE, 0x6080_0000, 0x6200_0000]),
    ("lcdc_reg", [0x5000_8000, 0x4000_8000, 0x4000_8000, 0x4000_8000]),
    ("epic_reg", [0x5000_7000, 0x4000_7000, 0x4000_7000, 0x4000_7000]),
    ("ezip_reg", [0x5000_6000, 0x4000_6000, 0x4000_6000, 0x4000_6000]),
    ("dsi_host_reg", [NONE, 0x4001_e000, NONE, 0x4001_e000]),
    ("dsi_phy_reg", [NONE, 0x4001_f000, NONE, 0x4001_f000]),
    ("gpio1_reg", [NONE, 0x5000_0000, 0x4008_0000, 0x4008_0000]),
    ("gpio2_reg", [NONE, 0x5004_0000, 0x5008_0000, 0x5008_0000]),
    ("pinmux1_reg", [NONE, 0x4000_3000, 0x4000_3000, 0x4000_3000]),
    ("pinmux2_reg", [NONE, 0x4004_3000, 0x5000_3000, 0x5000_3000]),
    ("hpsys_aon_reg", [NONE, 0x4003_0000, 0x4004_0000, 0x4004_0000]),
    ("hpsys_aon", [0x500c_0000, NONE, 0x4004_0000, NONE]),
    ("lpsys_aon_reg", [0x4004_0000, 0x4007_0000, 0x5004_0000, 0x5004_0000]),
    ("hpsys_rcc", [0x5000_0000, NONE, 0x4000_0000, NONE]),
    ("hpsys_cfg", [0x5000_b000, NONE, 0x4000_b000, NONE]),
    ("mpi1", [0x5004_1000, NONE, 0x4008_1000, NONE]),
    ("mpi2", [0x5004_2000, NONE, 0x4008_2000, NONE]),
    ("mpi3", [0x5004_3000, NONE, 0x4008_3000, NONE]),
    ("pmu", [0x500c_a000, NONE, 0x5004_a000, NONE]),
    ("pmuc_reg", [NONE, NONE, 0x5004_a000, NONE]),
    ("mac", [0x4009_0000, 0x5005_0000, 0x5009_0000, 0x5009_0000]),
    ("phy", [0x4008_4000, NONE, 0x5008_4000, NONE]),
    ("rf_mem", [0x4008_2000, NONE, NONE, NONE]),
    ("rf", [0x4008_2800, 0x5004_2000, 0x5008_2800, 0x5008_2800]),
    ("systick", [0xe000_e010, 0xe000_e010, 0xe000_e010, 0xe000_e010]),
    ("scb", [0xe000_ed00, 0xe000_ed00, 0xe000_ed00, 0xe000_ed00]),
];

/// The name of an image in lower case, without folders and `.bin`.
fn stem(name: &str) -> Option<String> {
    let file = name.rsplit(['/', '\\']).next()?.to_ascii_lowercase();
    file.strip_suffix(".bin").map(str::to_string)
}

/// Whether a file is called as SiFli's scripts call the RAM of a core.
pub fn is_ram(name: &str) -> bool {
    stem(name).is_some_and(|stem| ["hcpu_ram", "lcpu_ram"].contains(&stem.as_str()))
}

/// The chip whose RAM is among `inputs`, if its length tells.
pub fn chip_of(inputs: &[Input]) -> Option<Chip> {
    inputs.iter().find_map(|input| {
        let len = input.bytes.len() as u64;
        Some(match (stem(&input.name)?.as_str(), len / KIB, len % KIB) {
            ("hcpu_ram", 512, 0) | ("lcpu_ram", 64 | 80, 0) => Chip::Sf52,
            ("hcpu_ram", 1024, 0) | ("lcpu_ram", 224, 0) => Chip::Sf55,
            ("hcpu_ram", 800, 0) | ("lcpu_ram", 128, 0) => Chip::Sf56,
            ("hcpu_ram", 2560, 0) | ("lcpu_ram", 1024, 0) => Chip::Sf58,
            _ => return None,
        })
    })
}

/// The address of an image called `name` (a path or a file name) that is `len` bytes long, of
/// `chip`. Without a chip only what is in the same place on all is known.
pub fn address(name: &str, len: u64, chip: Option<Chip>) -> Option<u64> {
    let stem = stem(name)?;
    let (_, addrs) = PLACES.iter().find(|(known, _)| *known == stem)?;
    let Some(chip) = chip else {
        let mut there = addrs.iter().copied().filter(|addr| *addr != NONE);
        let first = there.next()?;
        // Other names are anybody's.
        let own = stem.starts_with("hcpu_") || ["psram", "ret_ram"].contains(&stem.as_str());
        return (own && there.all(|addr| addr == first)).then_some(first);
    };
    let addr = addrs.get(chip as usize).copied().filter(|addr| *addr != NONE)?;
    Some(match (stem.as_str(), chip, len) {
        ("psram", Chip::Sf56, len) if len == 16 << 20 => 0x6080_0000,
        // A whole page starts with what others leave out.
        ("rf", Chip::Sf52 | Chip::Sf56 | Chip::Sf58, 0x1000) => addr - 0x800,
        _ => addr,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image(name: &str, kib: u64) -> Input {
        let bytes = vec![0; (kib * KIB) as usize].into();
        Input { name: name.into(), bytes, addr: None }
    }

    #[test]
    fn the_ram_beside_an_image_tells_the_chip_and_so_the_address() {
        let chips = [(512, Chip::Sf52), (1024, Chip::Sf55), (800, Chip::Sf56), (2560, Chip::Sf58)];
        for (kib, chip) in chips {
            let folder = [image("a/EPIC_reg.bin", 1), image("a/HCPU_RAM.bin", kib)];
            assert_eq!(chip_of(&folder), Some(chip));
        }
        let at = |name: &str, chip| address(name, 0x108, Some(chip));
        let lpsys = [0x4004_0000, 0x4007_0000, 0x5004_0000, 0x5004_0000];
        for (wanted, (_, chip)) in lpsys.into_iter().zip(chips) {
            assert_eq!(at("C:\\crash\\lpsys_aon_reg.bin", chip), Some(wanted));
        }
        assert_eq!(at("lcdc_reg.bin", Chip::Sf52), Some(0x5000_8000));
        assert_eq!(at("lcdc_reg.bin", Chip::Sf58), Some(0x4000_8000));
        assert_eq!(at("lcpu_dtcm.bin", Chip::Sf52), None);
        assert_eq!(at("lcpu_dtcm.bin", Chip::Sf55), Some(0x2b0f_c000));
        assert_eq!(address("psram.bin", 16 << 20, Some(Chip::Sf56)), Some(0x6080_0000));
        assert_eq!(address("psram.bin", 16 << 20, Some(Chip::Sf52)), Some(0x6000_0000));
        assert_eq!(address("rf.bin", 0x1000, Some(Chip::Sf56)), Some(0x5008_2000));
        assert_eq!(address("rf.bin", 0xcc, Some(Chip::Sf56)), Some(0x5008_2800));
    }

    #[test]
    fn without_a_chip_only_what_is_in_one_place_on_all_is_known() {
        assert_eq!(chip_of(&[image("hcpu_ram.bin", 8), image("ram.bin", 512)]), None);
        assert_eq!(address("crash/hcpu_ram.bin", 5, None), Some(0x2000_0000));
        assert_eq!(address("psram.bin", 5, None), Some(0x6000_0000));
        assert_eq!(address("ret_ram.bin", 5, None), Some(0x2_0000));
        assert_eq!(address("hcpu_itcm.bin", 5, None), Some(0x1_0000));
        for name in [
            "hcpu_rom.bin",
            "psram2.bin",
            "lcpu_ram.bin",
            "lcpu_dtcm.bin",
            "lcdc_reg.bin",
            "scb.bin",
            "ram.bin",
        ] {
            assert_eq!(address(name, 100, None), None, "{name}");
        }
    }
}
