//! The report as one self-contained HTML page: no script, no font, no picture file.
//!
//! Frames and threads open by the browser's own `<details>`. Light and dark follow the system.

use super::picture;
use super::text::stack_words;
use super::{Frame, Report, Thread, Value};
use std::fmt::Write;

const CSS: &str = include_str!("page.css");

/// The page.
pub fn to_html(report: &Report) -> String {
    let mut page = String::new();
    // Writing to a string can't fail.
    let _ = write_page(report, &mut page);
    page
}

/// Text that means nothing to a browser.
pub(super) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            // Bytes of a damaged dump have no business in a page.
            c if c.is_control() && c != '\n' && c != '\t' => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

fn write_page(report: &Report, page: &mut String) -> std::fmt::Result {
    write!(
        page,
        "<!doctype html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\
         <title>{0}</title><style>{CSS}</style></head><body>\n<h1>{0}</h1>\n",
        escape(&report.headline)
    )?;
    facts(report, page)?;
    diagnosis(report, page)?;
    source(report, page)?;
    code(report, page)?;
    reason(report, page)?;
    logs(report, page)?;
    page.push_str("<h2>Threads</h2>\n");
    for thread in &report.threads {
        write_thread(thread, report.blamed.as_deref().filter(|_| thread.first), page)?;
    }
    objects(report, page)?;
    heaps(report, page)?;
    if !report.values.is_empty() {
        page.push_str("<h2>Values</h2>\n<div class=\"card frames\">");
        for value in &report.values {
            write!(page, "<div>{}</div>", variable(value, " = "))?;
        }
        page.push_str("</div>\n");
    }
    memory(report, page)?;
    page.push_str("</body></html>\n");
    Ok(())
}

fn objects(report: &Report, page: &mut String) -> std::fmt::Result {
    if report.objects.is_empty() && report.waits.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Waiting</h2>\n<div class=\"card\">");
    for wait in &report.waits {
        write!(page, "<div>{}</div>", escape(&wait.words))?;
    }
    page.push_str("<details><summary>kernel objects</summary>");
    for words in &report.object_lines {
        write!(page, "<div>{}</div>", escape(words))?;
    }
    page.push_str("</details></div>\n");
    Ok(())
}

fn heaps(report: &Report, page: &mut String) -> std::fmt::Result {
    if !report.heaps.is_empty() {
        page.push_str("<h2>Heap</h2>\n");
    }
    for heap in &report.heaps {
        write!(page, "<div class=\"card\"><div>{}</div>", escape(&heap.words()))?;
        for words in heap.damage.iter().map(|damage| &damage.words).chain(&heap.incomplete) {
            write!(page, "<div class=\"remark\">{}</div>", escape(words))?;
        }
        if !heap.listed.is_empty() {
            page.push_str("<details><summary>blocks</summary><table>");
            for block in &heap.listed {
                let holds = escape(block.holds.as_deref().unwrap_or_default());
                write!(
                    page,
                    "<tr><td>{}</td><td>{}</td><td>{}</td><td>{holds}</td></tr>",
                    block.start, block.bytes, block.state
                )?;
            }
            page.push_str("</table></details>");
        }
        page.push_str("</div>\n");
    }
    Ok(())
}

fn facts(report: &Report, page: &mut String) -> std::fmt::Result {
    page.push_str("<dl>");
    let mut fact = |name: &str, value: &str| {
        write!(page, "<dt>{}</dt><dd>{}</dd>", escape(name), escape(value))
    };
    let identity = &report.identity;
    fact("input", &format!("{}: {}", report.file, report.layers.join(" \u{203a} ")))?;
    if let Some(chip) = &identity.chip {
        fact("chip", chip)?;
    }
    let checked = match identity.firmware_matches {
        Some(true) => " (matches the dump)",
        Some(false) => " (NOT the dump's: what follows may be wrong)",
        None => match identity.firmware_fit.as_ref().map(|fit| &*fit.verdict) {
            Some("fits") => " (fits what the dump holds)",
            Some("doubtful" | "does not fit") => " (DOUBTFUL: what follows may be wrong)",
            _ => "",
        },
    };
    match &identity.firmware {
        Some(elf) => fact("firmware", &format!("{elf}{checked}"))?,
        None => fact("firmware", &format!("not given; {}", identity.firmware_ids.join(", ")))?,
    }
    for rom in &identity.rom {
        fact("rom", rom)?;
    }
    for (name, value) in &identity.facts {
        fact(name, value)?;
    }
    fact("signature", &report.signature.id)?;
    for note in &report.notes {
        write!(
            page,
            "<dt class=\"{0}\">{0}</dt><dd class=\"{0}\">{1}</dd>",
            note.severity.code(),
            escape(&note.words)
        )?;
    }
    page.push_str("</dl>\n");
    Ok(())
}

fn diagnosis(report: &Report, page: &mut String) -> std::fmt::Result {
    if report.diagnosis.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Why</h2>\n<div class=\"card\">");
    for sentence in &report.diagnosis {
        write!(page, "<details><summary>{}</summary>", escape(&sentence.words))?;
        for evidence in &sentence.evidence {
            write!(page, "<div class=\"mono\">{}</div>", escape(evidence))?;
        }
        page.push_str("</details>");
    }
    page.push_str("</div>\n");
    Ok(())
}

fn code(report: &Report, page: &mut String) -> std::fmt::Result {
    if report.code.is_empty() {
        return Ok(());
    }
    page.push_str("<h2>Instructions</h2>\n<pre>");
    for one in &report.code {
        let line = escape(&one.line());
        match one.here {
            true => writeln!(page, "<span class=\"here\">{line}</span>")?,
            false => writeln!(page, "{line}")?,
        }
    }
    page.push_str("</pre>\n");
    Ok(())
}

fn source(report: &Report, page: &mut String) -> std::fmt::Result {
    let Some(source) = &report.source else { return Ok(()) };
    write!(page, "<h2>{}:{}</h2>\n<pre>", escape(&source.found_at), source.line)?;
    for (number, text) in &source.lines {
        let text = escape(text);
        if *number == source.line {
            writeln!(page, "<span class=\"here\">&gt; {number:>5}  {text}</span>")?;
        } else {
            writeln!(page, "  {number:>5}  {text}")?;
        }
    }
    page.push_str("</pre>\n");
    Ok(())
}

fn reason(report: &Report, page: &mut String) -> std::fmt::Result {
    if !report.reason.evidence.is_empty() {
        page.push_str("<h2>Fault registers</h2>\n<div class=\"scroll\"><table>");
        for word in &report.reason.evidence {
            write!(
                page,
                "<tr><td class=\"mono var\">{}</td><td class=\"mono\">{}</td><td>{}</td></tr>",
                escape(&word.name),
                word.value,
                escape(&word.words)
            )?;
        }
        page.push_str("</table></div>\n");
    }
    if !report.texts.is_empty() {
        let all = report.texts.join("\n");
        write!(page, "<h2>What the device said</h2>\n<pre>{}</pre>\n", escape(all.trim_end()))?;
    }
    Ok(())
}

fn logs(report: &Report, page: &mut String) -> std::fmt::Result {
    if !report.logs.is_empty() {
        page.push_str("<h2>Logs in memory</h2>\n");
    }
    for log in &report.logs {
        write!(
            page,
            "<details class=\"card\" open><summary><b>{}</b><span class=\"quiet\">at {}, {} \
             bytes</span>",
            escape(&log.what),
            log.address,
            log.len
        )?;
        if let Some(remark) = &log.remark {
            let (class, guess) = if log.guess { ("guess", "a guess: ") } else { ("quiet", "") };
            write!(page, "<span class=\"{class}\">{guess}{}</span>", escape(remark))?;
        }
        page.push_str("</summary>");
        if let Some(text) = &log.text {
            write!(page, "<pre class=\"log\">{}</pre>", escape(text.trim_end()))?;
        }
        page.push_str("</details>\n");
    }
    Ok(())
}

/// `blamed` is the function to point at.
fn write_thread(thread: &Thread, blamed: Option<&str>, page: &mut String) -> std::fmt::Result {
    let (class, open) = if thread.first { (" crashed", " open") } else { ("", "") };
    write!(
        page,
        "<details class=\"card{class}\"{open}><summary><b>{}</b><span class=\"quiet\">{}",
        escape(&thread.name),
        thread.id
    )?;
    if thread.crashed {
        page.push_str(", crashed");
    }
    if let Some(state) = &thread.state {
        write!(page, ", {}", escape(state))?;
    }
    if let Some(priority) = crate::dump::priority_words(thread.priority, thread.base_priority) {
        write!(page, ", {priority}")?;
    }
    if let Some(core) = thread.core {
        write!(page, ", core {core}")?;
    }
    page.push_str("</span>");
    if let Some(stack) = &thread.stack {
        let words = stack_words(stack);
        write!(page, "{}<span class=\"quiet\">{words}</span>", picture::stack_use(stack))?;
    }
    page.push_str("</summary>");
    for remark in &thread.remarks {
        write!(page, "<p class=\"warning\">{}</p>", escape(remark))?;
    }
    page.push_str("<ol class=\"frames\">");
    let is_blamed = |frame: &Frame| frame.near.is_none() && frame.function.as_deref() == blamed;
    let at = thread.from_culprit().iter().position(|frame| blamed.is_some() && is_blamed(frame));
    let at = at.map(|at| at + thread.culprit);
    for (index, frame) in thread.frames.iter().enumerate() {
        write_frame(frame, Some(index) == at, page)?;
    }
    page.push_str("</ol>");
    if !thread.complete {
        write!(page, "<p class=\"guess\">ends here: {}</p>", escape(&thread.end))?;
    }
    if !thread.registers.is_empty() {
        page.push_str(
            "<details class=\"frames\"><summary class=\"quiet\">registers</summary>\
             <div class=\"registers\">",
        );
        for (name, value) in &thread.registers {
            write!(page, "<span><span class=\"var\">{}</span> {value}</span>", escape(name))?;
        }
        page.push_str("</div>");
        if let Some(why) = &thread.registers_missing_because {
            write!(page, "<p class=\"quiet\">others: {}</p>", escape(why))?;
        }
        page.push_str("</details>");
    }
    page.push_str("</details>\n");
    Ok(())
}

fn write_frame(frame: &Frame, is_blamed: bool, page: &mut String) -> std::fmt::Result {
    if let Some(exception) = &frame.exception {
        let mark = escape(exception);
        write!(page, "<li class=\"quiet\">&lt;{mark} handler called&gt;</li>")?;
    }
    let class = if is_blamed { " class=\"blamed\"" } else { "" };
    let name = match (&frame.function, frame.near) {
        (Some(name), None) => {
            let arguments: Vec<_> = frame.arguments.iter().map(|v| variable(v, "=")).collect();
            format!("<span class=\"fn\">{}</span> ({})", escape(name), arguments.join(", "))
        }
        (Some(name), Some(bytes)) => {
            format!("?? <span class=\"quiet\">({}, {bytes} bytes before)</span>", escape(name))
        }
        (None, _) => "??".to_string(),
    };
    let place = match (&frame.file, frame.line) {
        (Some(file), Some(line)) => format!("{}:{line} &middot; ", escape(file)),
        _ => String::new(),
    };
    let kind = match (frame.inlined, frame.guess) {
        (true, _) => " &middot; inlined".to_string(),
        (_, true) => format!(" &middot; <span class=\"guess\">{}</span>", frame.doubt()),
        _ if frame.found == "printed" => " &middot; printed by the device".to_string(),
        _ => String::new(),
    };
    let head = format!(
        "<span class=\"index\">#{}</span>{name}<span class=\"place\">{place}{}{kind}</span>",
        frame.index, frame.pc
    );
    if frame.locals.is_empty() {
        return write!(page, "<li{class}>{head}</li>");
    }
    write!(page, "<li{class}><details><summary>{head}</summary><div class=\"locals\">")?;
    for local in &frame.locals {
        write!(page, "<div>{}</div>", variable(local, " = "))?;
    }
    page.push_str("</div></details></li>");
    Ok(())
}

fn variable(value: &Value, equals: &str) -> String {
    let text = match (&value.value, &value.missing) {
        (Some(text), _) => escape(text),
        (None, why) => {
            let why = escape(why.as_deref().unwrap_or("unknown"));
            format!("<span class=\"quiet\">&lt;{why}&gt;</span>")
        }
    };
    let entry = if value.at_entry { "@entry" } else { "" };
    format!("<span class=\"var\">{}</span>{entry}{equals}{text}", escape(&value.name))
}

fn memory(report: &Report, page: &mut String) -> std::fmt::Result {
    page.push_str("<h2>Memory</h2>\n<p class=\"legend\">");
    let from = |origin: &str| report.memory.iter().any(|region| region.origin.starts_with(origin));
    for (colour, words, shown) in [
        ("dump", "captured", from("dump")),
        ("stack", "stack", report.threads.iter().any(|thread| thread.stack.is_some())),
        ("elf", "from the ELF file", from("elf")),
        ("rom", "from the ROM's", from("rom")),
        ("doubt", "missing: it should be there", !report.missing.is_empty()),
        ("absent", "not in the dump", true),
    ] {
        if shown {
            write!(page, "<span><i style=\"--c:var(--{colour})\"></i>{words}</span>")?;
        }
    }
    page.push_str("</p>\n");
    page.push_str(&picture::memory_map(report));
    page.push_str(
        "\n<details class=\"card\"><summary>all regions</summary><div class=\"scroll\"><table>\
         <tr><th>first</th><th>last</th><th>bytes</th><th>access</th><th>from</th><th>name</th></tr>",
    );
    for region in &report.memory {
        write!(
            page,
            "<tr><td class=\"mono\">{}</td><td class=\"mono\">{}</td><td class=\"num\">{}</td>\
             <td class=\"mono\">{}</td><td>{}</td><td>{}</td></tr>",
            region.start,
            region.last,
            region.len,
            region.access,
            region.origin,
            escape(region.name.as_deref().or(region.within.as_deref()).unwrap_or(""))
        )?;
    }
    for gap in &report.missing {
        write!(
            page,
            "<tr class=\"warning\"><td class=\"mono\">{}</td><td></td><td class=\"num\">{}</td>\
             <td></td><td>missing</td><td>{}</td></tr>",
            gap.start,
            gap.len,
            escape(&gap.why)
        )?;
    }
    page.push_str("</table></div></details>\n");
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_of_a_dump_can_break_out_of_the_page() {
        assert_eq!(escape("<script>&'\"\x1b"), "&lt;script&gt;&amp;&#39;&quot;\u{fffd}");
    }
}
