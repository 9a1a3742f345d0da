//! Pictures of the HTML form, as SVG: the memory map, and the use of a stack.
//!
//! Memory of a device is spread thin over its address space, so the map is not to scale: regions
//! that are near each other form a band, and a band's height grows with the logarithm of its
//! size. Inside a band all is to scale.

use super::html::escape;
use super::{Gap, Region, Report, Stack};
use std::fmt::Write;

/// Regions farther apart than this start a new band.
const GAP: u128 = 1 << 16;
/// Units of a band's width; the page stretches it.
const WIDTH: f64 = 1000.0;

struct Band<'r> {
    first: u128,
    last: u128,
    regions: Vec<&'r Region>,
    gaps: Vec<&'r Gap>,
}

/// Larger gaps are not drawn: they would leave no room for what is there.
const LARGEST_GAP: u64 = 1 << 24;

/// The memory map: what was captured, what the ELF files add, what is missing.
pub(super) fn memory_map(report: &Report) -> String {
    let stacks: Vec<(u128, u128)> = report
        .threads
        .iter()
        .filter_map(|thread| thread.stack.as_ref())
        .map(|stack| (stack.low.0, stack.high.0))
        .collect();
    let mut page = String::from("<div class=\"map\">\n");
    for band in bands(&report.memory, &report.missing) {
        band.draw(&stacks, &mut page);
    }
    page.push_str("</div>");
    page
}

impl Band<'_> {
    fn span(&self) -> u128 {
        self.last - self.first + 1
    }

    fn draw(&self, stacks: &[(u128, u128)], page: &mut String) {
        let height = ((self.span() as f64).log2() * 2.2).clamp(18.0, 56.0);
        let within = self.regions.iter().find_map(|region| region.within.as_deref());
        let within = within.map_or(String::new(), |name| escape(name) + " ");
        let _ = write!(
            page,
            "<div class=\"band\"><code>{:#010x}</code><div>\
             <svg viewBox=\"0 0 {WIDTH} 10\" preserveAspectRatio=\"none\" role=\"img\" \
             aria-label=\"{within}from {:#x}\" style=\"height:{height:.0}px\">\
             <rect class=\"absent\" width=\"{WIDTH}\" height=\"10\"/>",
            self.first, self.first
        );
        for region in &self.regions {
            self.bar(region, (region.start.0, region.last.0 + 1), class(region), page);
            if region.origin == "dump" {
                // The part of it that is some thread's stack.
                for (low, high) in stacks {
                    let part = (region.start.0.max(*low), (region.last.0 + 1).min(*high));
                    if part.0 < part.1 {
                        self.bar(region, part, "stack", page);
                    }
                }
            }
        }
        let scale = WIDTH / self.span() as f64;
        for gap in &self.gaps {
            let at = (gap.start.0 - self.first) as f64 * scale;
            let width = (gap.len as f64 * scale).max(1.0);
            let _ = write!(
                page,
                "<rect class=\"gone\" x=\"{at:.1}\" width=\"{width:.1}\" height=\"10\">\
                 <title>{}, {} bytes missing: {}</title></rect>",
                gap.start,
                gap.len,
                escape(&gap.why)
            );
        }
        let _ = writeln!(
            page,
            "</svg><small>{within}{} bytes, to {:#x}</small></div></div>",
            self.span(),
            self.last
        );
    }

    fn bar(&self, region: &Region, (from, to): (u128, u128), class: &str, page: &mut String) {
        let scale = WIDTH / self.span() as f64;
        let at = (from - self.first) as f64 * scale;
        let width = ((to - from) as f64 * scale).max(1.0);
        let name = region.name.as_deref().or(region.within.as_deref()).unwrap_or("");
        let _ = write!(
            page,
            "<rect class=\"{class}\" x=\"{at:.1}\" width=\"{width:.1}\" height=\"10\">\
             <title>{}..{}, {} bytes, {}: {}</title></rect>",
            region.start,
            region.last,
            region.len,
            region.origin,
            escape(name)
        );
    }
}

fn class(region: &Region) -> &'static str {
    match region.origin.as_str() {
        "dump" => "dump",
        "rom elf" => "rom",
        _ => "elf",
    }
}

fn bands<'r>(regions: &'r [Region], gaps: &'r [Gap]) -> Vec<Band<'r>> {
    let mut bands: Vec<Band<'_>> = Vec::new();
    for region in regions {
        match bands.last_mut() {
            Some(band) if region.start.0.saturating_sub(band.last) <= GAP => {
                band.last = band.last.max(region.last.0);
                band.regions.push(region);
            }
            _ => bands.push(Band {
                first: region.start.0,
                last: region.last.0,
                regions: vec![region],
                gaps: Vec::new(),
            }),
        }
    }
    for gap in gaps.iter().filter(|gap| (1..=LARGEST_GAP).contains(&gap.len)) {
        let (first, last) = (gap.start.0, gap.start.0 + u128::from(gap.len) - 1);
        let near = |band: &&mut Band<'_>| first <= band.last + GAP && last + GAP >= band.first;
        if let Some(band) = bands.iter_mut().find(near) {
            band.first = band.first.min(first);
            band.last = band.last.max(last);
            band.gaps.push(gap);
        }
    }
    bands
}

/// A stack: in use now, used at some time, never used; or of unknown use.
pub(super) fn stack_use(stack: &Stack) -> String {
    let part = |bytes: u64| bytes as f64 / stack.size.max(1) as f64 * 100.0;
    let now = part(stack.used.unwrap_or(0)).min(100.0);
    let ever = stack.never_used.map_or(now, |never| 100.0 - part(never)).clamp(now, 100.0);
    let tone = if now > 90.0 { "full" } else { "now" };
    let mut svg = String::from(
        "<svg class=\"bar\" viewBox=\"0 0 100 6\" preserveAspectRatio=\"none\" aria-hidden=\"true\">\
         <rect class=\"absent\" width=\"100\" height=\"6\"/>",
    );
    if stack.used.is_some() {
        let _ = write!(
            svg,
            "<rect class=\"ever\" width=\"{ever:.1}\" height=\"6\"/>\
             <rect class=\"{tone}\" width=\"{now:.1}\" height=\"6\"/>"
        );
    }
    svg.push_str("</svg>");
    svg
}
