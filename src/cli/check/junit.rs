//! Results as JUnit XML: a suite per dump, a case per expectation.
//!
//! Source: the JUnit schema that Jenkins and GitLab read (`testsuites`, `testsuite`, `testcase`,
//! `failure`).

use super::Checked;
use std::fmt::Write;

/// The document.
pub(super) fn to_xml(all: &[Checked]) -> String {
    let tests: usize = all.iter().map(|checked| checked.verdicts.len()).sum();
    let failures: usize = all.iter().map(Checked::failed).sum();
    let mut xml = format!(
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n\
         <testsuites name=\"coroner\" tests=\"{tests}\" failures=\"{failures}\">\n"
    );
    for checked in all {
        let file = escape(&checked.file);
        // Writing to a string can't fail.
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{}\">",
            checked.verdicts.len(),
            checked.failed()
        );
        for verdict in &checked.verdicts {
            let name = escape(&verdict.name);
            let _ = match &verdict.problem {
                None => writeln!(xml, "    <testcase classname=\"{file}\" name=\"{name}\"/>"),
                Some(problem) => writeln!(
                    xml,
                    "    <testcase classname=\"{file}\" name=\"{name}\">\
                     <failure message=\"{}\"/></testcase>",
                    escape(problem)
                ),
            };
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}

fn escape(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\n' => out.push_str("&#10;"),
            // XML 1.0 has no way to say these.
            c if c.is_control() => out.push('\u{fffd}'),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_breaks_the_document() {
        assert_eq!(escape("a<b> & \"c\"\n\x01"), "a&lt;b&gt; &amp; &quot;c&quot;&#10;\u{fffd}");
    }
}
