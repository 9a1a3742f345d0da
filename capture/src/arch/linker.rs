//! The areas whose bounds the linker fragments in `link/` define. Using one of these without
//! passing its fragment to the linker is an error of the linker.

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
    /// Variables tagged `rtc`, see `link/coroner-rtc.x`.
    TAGGED_RTC, __coroner_rtc_start, __coroner_rtc_end);
area!(
    /// Variables tagged `rtc_fast`, see `link/coroner-rtc-fast.x`.
    TAGGED_RTC_FAST, __coroner_rtc_fast_start, __coroner_rtc_fast_end);
area!(
    /// Variables tagged `secret`, for [`crate::Config::exclude`].
    SECRET, __coroner_secret_start, __coroner_secret_end);
area!(
    /// The note with the program's build id.
    BUILD_ID, __coroner_build_id_start, __coroner_build_id_end);

/// Both kinds of tagged variables that every chip has room for.
pub const TAGGED: [Region; 2] = [
    Region::new(Kind::Tagged, TAGGED_DRAM).named("dram"),
    Region::new(Kind::Tagged, TAGGED_NOINIT).named("noinit"),
];

/// Variables tagged `rtc`.
pub const RTC: Region = Region::new(Kind::Rtc, TAGGED_RTC).named("tagged");

/// Variables tagged `rtc_fast`.
pub const RTC_FAST: Region = Region::new(Kind::RtcFast, TAGGED_RTC_FAST).named("tagged");

macro_rules! initialise {
    ($(#[$attribute:meta])* $name:ident, $area:ident, $image:ident) => {
        $(#[$attribute])*
        ///
        /// For the start after power-on. A start from deep sleep, or after a crash, leaves it out
        /// and finds the values of before.
        ///
        /// # Safety
        /// Nobody uses one of these variables yet.
        pub unsafe fn $name() {
            unsafe extern "C" {
                safe static $image: u8;
            }
            let (to, from) = ($area.start(), (&raw const $image).expose_provenance());
            for offset in 0..$area.len() {
                // SAFETY: the linker has put an image of this length at `from`, and made room for
                // it at `to`; that nobody looks is the caller's word.
                unsafe {
                    let from = core::ptr::with_exposed_provenance::<u8>(from.wrapping_add(offset));
                    let to = core::ptr::with_exposed_provenance_mut::<u8>(to.wrapping_add(offset));
                    to.write_volatile(from.read_volatile());
                }
            }
        }
    };
}

initialise!(
    /// Gives variables tagged `rtc` their initial values.
    initialise_rtc, TAGGED_RTC, __coroner_rtc_image);
initialise!(
    /// Gives variables tagged `rtc_fast` their initial values.
    initialise_rtc_fast, TAGGED_RTC_FAST, __coroner_rtc_fast_image);
