//! Images that a vendor's script saves under names of its own: the name says what memory it is,
//! the length which chip.
//!
//! SiFli's J-Link and UART scripts leave a folder with `log.txt` and, by chip:
//!
//! | image            | SF32LB52x       | 55x              | 56x       | 58x             |
//! | hcpu_ram.bin     | 0x20000000      | 0x20000000       | 0x20000000 | 0x20000000     |
//! | lcpu_ram.bin     | 0x20400000 64K  | 0x20100000 224K  |           | 0x20c00000 1M   |
//! | lcpu_dtcm.bin    |                 | 0x2b0fc000 16K   |           | 0x203fc000      |
//! | hcpu_itcm.bin    |                 | 0x10000          |           | 0x10000         |
//! | ret_ram.bin      |                 | 0x20000          |           | 0x20000         |
//! | lcpu_itcm.bin    |                 |                  |           | 0x20bfc000      |
//! | psram.bin        | 0x60000000 on all; psram2.bin 0x62000000                          |
//! | *_reg.bin        | lcdc 0x50008000, epic 0x50007000, ezip 0x50006000, lpsys_aon 0x40040000 |
//!
//! Source: OpenSiFli/SiFli-SDK 8f42a69, `tools/crash_dump_analyser/script/`. No real folder is
//! among the samples.

const KIB: u64 = 1 << 10;

/// The address of an image called `name` (a path or a file name) that is `len` bytes long.
pub fn address(name: &str, len: u64) -> Option<u64> {
    let file = name.rsplit(['/', '\\']).next()?.to_ascii_lowercase();
    Some(match (file.strip_suffix(".bin")?, len) {
        ("hcpu_ram", _) => 0x2000_0000,
        ("lcpu_ram", len) if len == 64 * KIB => 0x2040_0000,
        ("lcpu_ram", len) if len == 224 * KIB => 0x2010_0000,
        ("lcpu_ram", len) if len == 1024 * KIB => 0x20c0_0000,
        ("lcpu_dtcm", len) if len == 16 * KIB => 0x2b0f_c000,
        ("lcpu_dtcm", _) => 0x203f_c000,
        ("lcpu_itcm", _) => 0x20bf_c000,
        ("hcpu_itcm", _) => 0x1_0000,
        ("ret_ram", _) => 0x2_0000,
        ("psram", _) => 0x6000_0000,
        ("psram2", _) => 0x6200_0000,
        ("lcdc_reg", _) => 0x5000_8000,
        ("epic_reg", _) => 0x5000_7000,
        ("ezip_reg", _) => 0x5000_6000,
        ("lpsys_aon_reg", _) => 0x4004_0000,
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_length_tells_the_chip_where_the_name_does_not() {
        assert_eq!(address("crash/hcpu_ram.bin", 5), Some(0x2000_0000));
        assert_eq!(address("C:\\crash\\LCPU_RAM.bin", 224 * KIB), Some(0x2010_0000));
        assert_eq!(address("lcpu_ram.bin", 100), None);
        assert_eq!(address("ram.bin", 5), None);
    }
}
