//! What the user decides, as one constant.

use crate::region::{Area, Region};

/// The answer of [`Config::pace`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pace {
    /// Go on.
    Continue,
    /// Time is up: finish with what has been written.
    Stop,
}

/// What goes into a dump.
#[derive(Clone, Copy, Debug)]
pub struct Config<'a> {
    /// Memory to take.
    pub regions: &'a [Region],
    /// Memory to take that became known at run time, see [`crate::Registry`].
    pub added: &'a [Region],
    /// Memory never to take, whatever asks for it.
    pub exclude: &'a [Area],
    /// Memory that may be read. Empty: all of it, which is only safe where nothing faults.
    pub memory: &'a [Area],
    /// The contents of `.note.gnu.build-id`.
    pub build_id: Area,
    /// Strings about the device: serial number, firmware version.
    pub info: &'a [(&'a str, &'a str)],
    /// Size that the dump must not exceed, whatever the sink could take.
    pub limit: u32,
    /// Called between blocks: feeds the watchdog and says whether there is time left.
    pub pace: fn() -> Pace,
}

impl Config<'_> {
    /// Takes the registers and the stacks of all tasks, nothing else.
    pub const MINIMAL: Config<'static> = Config {
        regions: &[],
        added: &[],
        exclude: &[],
        memory: &[],
        build_id: Area::EMPTY,
        info: &[],
        limit: u32::MAX,
        pace: || Pace::Continue,
    };
}

/// The configured regions, then those added at run time.
#[inline(never)]
pub(crate) fn region_at<'a>(config: &Config<'a>, index: usize) -> Option<&'a Region> {
    let late = index.wrapping_sub(config.regions.len());
    config.regions.get(index).or_else(|| config.added.get(late))
}
