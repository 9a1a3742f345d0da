//! The configuration as the host finds it in the program's ELF file, long before any crash.
//!
//! [`crate::declare!`] lays it down in a section that the linker fragments keep out of the device
//! (`INFO`, as GNU ld and LLD call it): it is in the ELF file and costs no flash. `coroner needs`
//! reads it there.
//!
//! Word is 4 bytes in ELF32, 8 bytes in ELF64; everything is little-endian.
//!
//! | off   | size | field |
//! |     0 |    8 | magic `CAPTCONF` |
//! |     8 |    1 | version: 1 |
//! |     9 |    1 | bytes of a word: 4 or 8 |
//! |    10 |    1 | bits: 1 the dump will end with a SHA-256 |
//! |    11 |    1 | reserved, 0 |
//! |    12 |    8 | u16 each: regions, exclusions, areas of the memory map, segments that there is room for |
//! |    20 |    2 | tasks that there is room for |
//! |    22 |    2 | reserved, 0 |
//! |    24 |    4 | limit of the dump's size |
//! |    28 |    4 | letters of the strings about the device, and 2 for each pair |
//! |    32 |  2 w | start and end of the build id |
//! | 32+2w |      | the regions: start, end, u8 kind, priority, access, length of the name, 28 bytes of name |
//! |       |      | the exclusions, then the memory map: start, end |

use crate::config::Config;
use crate::layout::{Class, Fields};
use crate::region::{Area, Region};

/// Name of the section.
pub const SECTION: &str = ".coredump.config";

const MAGIC: [u8; 8] = *b"CAPTCONF";
const VERSION: u8 = 1;
const SHA256: u8 = 1;
const NAME_LEN: usize = 28;

/// What [`crate::declare!`] lays down.
#[derive(Debug)]
#[repr(C)]
pub struct Declared<const REGIONS: usize, const EXCLUDED: usize, const MEMORY: usize> {
    magic: [u8; 8],
    head: [u8; 4],
    counts: [u16; 6],
    limit: u32,
    info: u32,
    build_id: Area,
    regions: [DeclaredRegion; REGIONS],
    exclude: [Area; EXCLUDED],
    memory: [Area; MEMORY],
}

#[derive(Clone, Copy, Debug)]
#[repr(C)]
struct DeclaredRegion {
    area: Area,
    /// Kind, priority, access, length of the name.
    bytes: [u8; 4],
    name: [u8; NAME_LEN],
}

#[allow(clippy::indexing_slicing, reason = "evaluated by the compiler, which checks the indices")]
impl<const REGIONS: usize, const EXCLUDED: usize, const MEMORY: usize>
    Declared<REGIONS, EXCLUDED, MEMORY>
{
    /// Of `config`, and of a workspace with room for so many segments and tasks.
    pub const fn of(config: &Config<'_>, segments: u16, tasks: u16) -> Self {
        const EMPTY: DeclaredRegion =
            DeclaredRegion { area: Area::EMPTY, bytes: [0; 4], name: [0; NAME_LEN] };
        let mut declared = Declared {
            magic: MAGIC,
            head: [
                VERSION,
                size_of::<usize>() as u8,
                if cfg!(feature = "sha256") { SHA256 } else { 0 },
                0,
            ],
            counts: [REGIONS as u16, EXCLUDED as u16, MEMORY as u16, segments, tasks, 0],
            limit: config.limit,
            info: letters(config.info) as u32,
            build_id: config.build_id,
            regions: [EMPTY; REGIONS],
            exclude: [Area::EMPTY; EXCLUDED],
            memory: [Area::EMPTY; MEMORY],
        };
        let mut at = 0;
        while at < REGIONS {
            declared.regions[at] = DeclaredRegion::of(&config.regions[at]);
            at += 1;
        }
        at = 0;
        while at < EXCLUDED {
            declared.exclude[at] = config.exclude[at];
            at += 1;
        }
        at = 0;
        while at < MEMORY {
            declared.memory[at] = config.memory[at];
            at += 1;
        }
        declared
    }
}

const fn letters(info: &[(&str, &str)]) -> usize {
    let (mut sum, mut rest) = (0, info);
    while let [(key, value), others @ ..] = rest {
        sum += 2 + key.len() + value.len();
        rest = others;
    }
    sum
}

impl DeclaredRegion {
    #[allow(clippy::indexing_slicing, reason = "evaluated by the compiler")]
    const fn of(region: &Region) -> Self {
        let mut name = [0; NAME_LEN];
        let from = region.name.as_bytes();
        let mut at = 0;
        while at < from.len() && at < NAME_LEN {
            name[at] = from[at];
            at += 1;
        }
        let len = if from.len() > 255 { 255 } else { from.len() } as u8;
        let bytes = [region.kind as u8, region.priority, region.access as u8, len];
        DeclaredRegion { area: region.area, bytes, name }
    }
}

/// Declares the configuration for the host, which then tells how big the dumps get:
/// `coroner needs app.elf`. Costs no memory on the device when a linker fragment of `link/` is used.
///
/// ```
/// use coroner_capture::{Area, Config, Kind, Region};
/// const CONFIG: Config<'static> = Config {
///     regions: &[Region::new(Kind::Dram, Area::range(0x2000_0000, 0x2000_8000))],
///     ..Config::MINIMAL
/// };
/// // As many as the workspace has room for.
/// coroner_capture::declare!(CONFIG, segments: 32, tasks: 8);
/// ```
#[macro_export]
macro_rules! declare {
    ($config:expr, segments: $segments:expr, tasks: $tasks:expr) => {
        const _: () = {
            const DECLARED_CONFIG: $crate::Config<'static> = $config;
            #[used]
            #[unsafe(link_section = ".coredump.config")]
            static DECLARED: $crate::declared::Declared<
                { DECLARED_CONFIG.regions.len() },
                { DECLARED_CONFIG.exclude.len() },
                { DECLARED_CONFIG.memory.len() },
            > = $crate::declared::Declared::of(&DECLARED_CONFIG, $segments, $tasks);
        };
    };
}

/// A declaration as the host reads it.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs, reason = "each field is a line of the table above")]
pub struct Declaration<'a> {
    pub sha256: bool,
    pub segments: u16,
    pub tasks: u16,
    pub limit: u32,
    pub info: u32,
    pub build_id: (u64, u64),
    counts: [u16; 3],
    rest: Fields<'a>,
}

/// A region of a [`Declaration`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is in the table above")]
pub struct RegionDeclared<'a> {
    pub start: u64,
    pub end: u64,
    pub kind: u8,
    pub priority: u8,
    pub access: u8,
    /// Letters of the whole name, of which 28 are here.
    pub name_len: u8,
    pub name: &'a [u8],
}

impl<'a> Declaration<'a> {
    /// From the contents of the section; `None` when that is no declaration of a known version.
    pub fn decode(class: Class, section: &'a [u8]) -> Option<Self> {
        let mut fields = Fields::new(class, section);
        let known = fields.take(MAGIC.len())? == MAGIC && fields.u8()? == VERSION;
        if !known || usize::from(fields.u8()?) != class.word() {
            return None;
        }
        let (bits, _) = (fields.u8()?, fields.u8()?);
        let counts = [fields.u16()?, fields.u16()?, fields.u16()?];
        let (segments, tasks, _) = (fields.u16()?, fields.u16()?, fields.u16()?);
        let (limit, info) = (fields.u32()?, fields.u32()?);
        let build_id = (fields.word()?, fields.word()?);
        let sha256 = bits & SHA256 != 0;
        Some(Declaration { sha256, segments, tasks, limit, info, build_id, counts, rest: fields })
    }

    /// The regions, as many as there are whole ones.
    pub fn regions(&self) -> impl Iterator<Item = RegionDeclared<'a>> + 'a {
        let mut fields = self.rest;
        let next = move || {
            let (start, end) = (fields.word()?, fields.word()?);
            let (kind, priority) = (fields.u8()?, fields.u8()?);
            let (access, name_len) = (fields.u8()?, fields.u8()?);
            let name = fields.take(NAME_LEN)?;
            let name = name.get(..usize::from(name_len).min(NAME_LEN))?;
            Some(RegionDeclared { start, end, kind, priority, access, name_len, name })
        };
        core::iter::from_fn(next).take(self.counts[0].into())
    }

    /// The exclusions: start and end.
    pub fn exclude(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        self.areas(0).take(self.counts[1].into())
    }

    /// The memory map: start and end.
    pub fn memory(&self) -> impl Iterator<Item = (u64, u64)> + 'a {
        self.areas(self.counts[1].into()).take(self.counts[2].into())
    }

    fn areas(&self, skip: usize) -> impl Iterator<Item = (u64, u64)> + 'a {
        let mut fields = self.rest;
        let word = fields.class().word();
        let before = usize::from(self.counts[0]).saturating_mul(2 * word + 4 + NAME_LEN);
        let whole = fields.take(before.saturating_add(skip.saturating_mul(2 * word))).is_some();
        core::iter::from_fn(move || whole.then(|| Some((fields.word()?, fields.word()?)))?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::region::{Access, Kind};

    const CONFIG: Config<'static> = Config {
        regions: &[
            Region::new(Kind::Bss, Area::range(0x2000, 0x2400)),
            Region::new(Kind::Mmio, Area::range(0x4000, 0x4010)).priority(9).named("uart"),
        ],
        exclude: &[Area::range(0x2100, 0x2120)],
        memory: &[Area::range(0x2000, 0x3000), Area::range(0x4000, 0x5000)],
        info: &[("device", "pump"), ("firmware", "1.0")],
        limit: 4096,
        ..Config::MINIMAL
    };

    #[test]
    fn a_configuration_is_laid_down_as_the_table_says() {
        let declared = Declared::<2, 1, 2>::of(&CONFIG, 32, 8);
        assert_eq!(declared.counts, [2, 1, 2, 32, 8, 0]);
        assert_eq!((declared.limit, declared.info), (4096, 2 + 10 + 2 + 11));
        assert_eq!(declared.regions[1].bytes, [Kind::Mmio as u8, 9, Access::Word as u8, 4]);
        assert_eq!(core::mem::offset_of!(Declared<2, 1, 2>, build_id), 32);
        let regions = core::mem::offset_of!(Declared<2, 1, 2>, regions);
        assert_eq!(regions, 32 + 2 * size_of::<usize>());
        let exclude = core::mem::offset_of!(Declared<2, 1, 2>, exclude);
        assert_eq!(exclude - regions, 2 * (2 * size_of::<usize>() + 4 + NAME_LEN));
    }

    /// The bytes of a 32-bit program, put together by the table alone.
    fn section() -> Vec<u8> {
        let mut bytes = b"CAPTCONF\x01\x04\x01\x00".to_vec();
        for count in [1u16, 1, 1, 32, 8, 0] {
            bytes.extend(count.to_le_bytes());
        }
        for word in [0xffff_ffff_u32, 12, 0x100, 0x124, 0x2000, 0x2400] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend([2, 96, 1, 3]);
        bytes.extend(b"abc");
        bytes.extend([0; 25]);
        for word in [0x2100u32, 0x2120, 0x2000, 0x3000] {
            bytes.extend(word.to_le_bytes());
        }
        bytes
    }

    #[test]
    fn the_host_reads_it_back() {
        let section = section();
        let declaration = Declaration::decode(Class::Elf32, &section).expect("a declaration");
        assert!(declaration.sha256);
        assert_eq!((declaration.segments, declaration.tasks), (32, 8));
        assert_eq!((declaration.limit, declaration.info), (u32::MAX, 12));
        assert_eq!(declaration.build_id, (0x100, 0x124));
        let region = declaration.regions().next().expect("a region");
        assert_eq!((region.start, region.end, region.name), (0x2000, 0x2400, &b"abc"[..]));
        assert_eq!((region.kind, region.priority, region.access), (2, 96, 1));
        assert_eq!(declaration.regions().count(), 1);
        assert_eq!(declaration.exclude().collect::<Vec<_>>(), [(0x2100, 0x2120)]);
        assert_eq!(declaration.memory().collect::<Vec<_>>(), [(0x2000, 0x3000)]);
    }

    #[test]
    fn what_is_cut_or_of_another_width_is_no_declaration_or_a_shorter_one() {
        let section = section();
        assert!(Declaration::decode(Class::Elf64, &section).is_none());
        for len in 0..section.len() {
            if let Some(cut) = Declaration::decode(Class::Elf32, &section[..len]) {
                assert!(cut.regions().count() <= 1 && cut.memory().count() == 0);
            }
        }
    }
}
