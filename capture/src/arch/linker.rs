//! The areas whose bounds the linker fragments in `link/` define. Using one of these without
//! passing a fragment to the linker is an error of the linker.

use crate::region::{Area, Kind, Region};

macro_rules! area {
    ($(#[$attribute:meta])* $name:ident, $start:ident, $end:ident) => {
        $(#[$attribute])*
        pub const $name: Area = {
            unsafe extern "C" {
                safe static $start: u8;
                safe static $end: u8;
            }
            Area::symbols(&raw const $start, &raw const $end)
        };
    };
}

area!(
    /// Tagged variables in ordinary memory.
    TAGGED_DRAM, __coroner_dram_start, __coroner_dram_end);
area!(
    /// Tagged variables that the start-up code leaves alone.
    TAGGED_NOINIT, __coroner_noinit_start, __coroner_noinit_end);
area!(
    /// The note with the program's build id.
    BUILD_ID, __coroner_build_id_start, __coroner_build_id_end);

/// Both kinds of tagged variables.
pub const TAGGED: [Region; 2] = [
    Region::new(Kind::Tagged, TAGGED_DRAM).named("dram"),
    Region::new(Kind::Tagged, TAGGED_NOINIT).named("noinit"),
];
