//! What a firmware's ELF file says about its memory: the regions that a dump could hold.
//!
//! Named by the symbols and sections of the start-up code. Sources: link.x of cortex-m-rt 0.7.7 and
//! riscv-rt 0.18.0 (0.11 without the second underscore); sections.ld of ESP-IDF 5.x; the linker
//! scripts of newlib, STM32Cube and Arm's CMSIS; include/zephyr/linker of Zephyr 4.x; `link/` of
//! coroner-capture.

use crate::firmware::Firmware;
use crate::memory::AddrRange;
use coroner_capture::declared::{self, Declaration};
use coroner_capture::layout::Class;
use coroner_capture::{Access, Kind};
use std::collections::HashMap;

/// A region that could be chosen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Place {
    pub kind: Kind,
    /// Name of its own; may be empty.
    pub name: String,
    /// First address.
    pub start: u64,
    /// One behind the last.
    pub end: u64,
    pub priority: u8,
    pub access: Access,
    /// What says so: `__sbss and __ebss`, `section .bss`, `declared`.
    pub source: String,
}

/// The memory of a firmware, as far as its ELF file tells.
#[derive(Debug, Default)]
pub(super) struct Map {
    pub places: Vec<Place>,
    pub exclude: Vec<(u64, u64)>,
    /// Memory that may be read; empty: not told.
    pub memory: Vec<(u64, u64)>,
    /// What `declare!` laid down, beside the above.
    pub declared: Option<Room>,
}

/// What a declared workspace has room for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Room {
    pub segments: usize,
    pub tasks: usize,
    pub limit: u32,
    /// Letters of the strings about the device, and 2 for each pair.
    pub info: usize,
    pub sha256: bool,
}

struct Known {
    kind: Kind,
    name: &'static str,
    /// Pairs of symbols that bound it, in either order.
    symbols: &'static [(&'static str, &'static str)],
    /// Sections that are it, where no pair is there.
    sections: &'static [&'static str],
}

const KNOWN: &[Known] = &[
    Known {
        kind: Kind::Tagged,
        name: "dram",
        symbols: &[
            ("__coroner_dram_start", "__coroner_dram_end"),
            ("_coredump_dram_start", "_coredump_dram_end"),
        ],
        sections: &[".coredump.dram"],
    },
    Known {
        kind: Kind::Tagged,
        name: "noinit",
        symbols: &[("__coroner_noinit_start", "__coroner_noinit_end")],
        sections: &[".coredump.noinit"],
    },
    Known {
        kind: Kind::Tagged,
        name: "iram",
        symbols: &[("_coredump_iram_start", "_coredump_iram_end")],
        sections: &[],
    },
    Known {
        kind: Kind::Rtc,
        name: "tagged",
        symbols: &[
            ("__coroner_rtc_start", "__coroner_rtc_end"),
            ("_coredump_rtc_start", "_coredump_rtc_end"),
        ],
        sections: &[".coredump.rtc"],
    },
    Known {
        kind: Kind::RtcFast,
        name: "tagged",
        symbols: &[
            ("__coroner_rtc_fast_start", "__coroner_rtc_fast_end"),
            ("_coredump_rtc_fast_start", "_coredump_rtc_fast_end"),
        ],
        sections: &[".coredump.rtc_fast"],
    },
    Known {
        kind: Kind::Data,
        name: "",
        symbols: &[
            ("__sdata", "__edata"),
            ("_sdata", "_edata"),
            ("_data_start", "_data_end"),
            ("__data_start__", "__data_end__"),
            ("__data_region_start", "__data_region_end"),
        ],
        sections: &[".data", ".dram0.data", "datas"],
    },
    Known {
        kind: Kind::Bss,
        name: "",
        symbols: &[
            ("__sbss", "__ebss"),
            ("_sbss", "_ebss"),
            ("_bss_start", "_bss_end"),
            ("__bss_start__", "__bss_end__"),
            ("__bss_start", "__bss_end"),
        ],
        sections: &[".bss", ".dram0.bss", "bss"],
    },
    Known {
        kind: Kind::NoInit,
        name: "",
        symbols: &[("__suninit", "__euninit"), ("_noinit_start", "_noinit_end")],
        sections: &[".uninit", ".noinit", "noinit"],
    },
    Known {
        kind: Kind::Rtc,
        name: "data",
        symbols: &[("_rtc_data_start", "_rtc_data_end")],
        sections: &[".rtc.data"],
    },
    Known {
        kind: Kind::Rtc,
        name: "bss",
        symbols: &[("_rtc_bss_start", "_rtc_bss_end")],
        sections: &[".rtc.bss"],
    },
    Known {
        kind: Kind::Rtc,
        name: "noinit",
        symbols: &[("_rtc_noinit_start", "_rtc_noinit_end")],
        sections: &[".rtc_noinit"],
    },
    Known {
        kind: Kind::Heap,
        name: "",
        symbols: &[
            ("__sheap", "__eheap"),
            ("_sheap", "_eheap"),
            ("_heap_start", "_heap_end"),
            ("__HeapBase", "__HeapLimit"),
            ("__heap_start__", "__heap_end__"),
            ("__heap_start", "__heap_end"),
        ],
        sections: &[".heap"],
    },
    Known {
        kind: Kind::Stack,
        name: "main",
        symbols: &[
            ("_stack_end", "_stack_start"),
            ("__estack", "__sstack"),
            ("_estack", "_sstack"),
            ("__StackLimit", "__StackTop"),
            ("__stack_limit", "__stack_top"),
        ],
        sections: &[".stack", ".stack_dummy"],
    },
];

/// Sections whose contents no dump may show.
const SECRET: Known = Known {
    kind: Kind::Custom,
    name: "secret",
    symbols: &[("__coroner_secret_start", "__coroner_secret_end")],
    sections: &[".coredump.secret"],
};

/// Reads the map of `firmware`.
pub(super) fn read(firmware: &Firmware, class: Class) -> Map {
    let symbols: HashMap<String, u64> =
        firmware.symbols().filter(|s| !s.function).map(|s| (s.name, s.addr)).collect();
    let mut places: Vec<Place> =
        KNOWN.iter().filter_map(|known| find(known, firmware, &symbols)).collect();
    // Whatever else the program can write to.
    for section in firmware.sections.iter().filter(|s| s.alloc && s.write && s.len > 0) {
        let (start, end) = (section.addr, section.addr.saturating_add(section.len));
        if !places.iter().any(|place| place.start < end && start < place.end) {
            places.push(Place::usual(Kind::Custom, section.name.clone(), (start, end), "section"));
        }
    }
    let secret = find(&SECRET, firmware, &symbols);
    let mut map = Map {
        places,
        exclude: secret.iter().map(|place| (place.start, place.end)).collect(),
        memory: Vec::new(),
        declared: None,
    };
    if let Some(section) = firmware.section(declared::SECTION) {
        let bytes = firmware.section_bytes(section);
        if let Some(declared) = Declaration::decode(class, &bytes) {
            map.declare(&declared);
        }
    }
    map
}

impl Map {
    /// Puts what was declared in front of what was found.
    fn declare(&mut self, declared: &Declaration<'_>) {
        let mut places = Vec::new();
        for region in declared.regions() {
            let kind = Kind::ALL.get(usize::from(region.kind)).copied().unwrap_or(Kind::Custom);
            let (start, end) = (region.start, region.end.max(region.start));
            let found = self.places.iter().position(|p| (p.start, p.end) == (start, end));
            let same = found.map(|index| self.places.remove(index));
            let name = String::from_utf8_lossy(region.name).into_owned();
            places.push(Place {
                priority: region.priority,
                access: match region.access {
                    2 => Access::Half,
                    4 => Access::Word,
                    _ => Access::Byte,
                },
                source: same.map_or("declared".into(), |p| format!("declared, {}", p.source)),
                ..Place::usual(kind, name, (start, end), "")
            });
        }
        places.append(&mut self.places);
        self.places = places;
        self.exclude.extend(declared.exclude());
        self.memory.extend(declared.memory());
        self.declared = Some(Room {
            segments: declared.segments.into(),
            tasks: declared.tasks.into(),
            limit: declared.limit,
            info: declared.info as usize,
            sha256: declared.sha256,
        });
    }
}

impl Place {
    pub(super) fn usual(kind: Kind, name: String, range: (u64, u64), source: &str) -> Place {
        let access = if kind == Kind::Mmio { Access::Word } else { Access::Byte };
        let (priority, source) = (kind.usual_priority(), source.to_string());
        Place { kind, name, start: range.0, end: range.1, priority, access, source }
    }

    pub(super) fn kind_name(&self) -> &'static str {
        coroner_capture::layout::region::NAMES.get(self.kind as usize).copied().unwrap_or("custom")
    }

    /// `tagged dram`; the range of one that has no better name.
    pub(super) fn label(&self) -> String {
        if self.kind == Kind::Custom && self.name.is_empty() {
            return self.range();
        }
        format!("{} {}", self.kind_name(), self.name).trim_end().to_string()
    }

    pub(super) fn len(&self) -> u64 {
        self.end.saturating_sub(self.start)
    }

    pub(super) fn range(&self) -> String {
        let range = AddrRange::of_len(self.start, self.len());
        range.map_or_else(|| format!("{:#x}", self.start), |range| range.to_string())
    }

    pub(super) fn declared(&self) -> bool {
        self.source.starts_with("declared")
    }
}

fn find(known: &Known, firmware: &Firmware, symbols: &HashMap<String, u64>) -> Option<Place> {
    let name = known.name.to_string();
    let by_symbols = known.symbols.iter().find_map(|&(one, other)| {
        let (a, b) = (*symbols.get(one)?, *symbols.get(other)?);
        (a != b).then(|| (format!("{one} and {other}"), (a.min(b), a.max(b))))
    });
    let by_section = || {
        known.sections.iter().find_map(|name| {
            let section = firmware.section(name).filter(|s| s.alloc && s.len > 0)?;
            let range = (section.addr, section.addr.saturating_add(section.len));
            Some((format!("section {name}"), range))
        })
    };
    let (source, range) = by_symbols.or_else(by_section)?;
    Some(Place::usual(known.kind, name, range, &source))
}
