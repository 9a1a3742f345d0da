//! Results as JUnit XML: a suite per dump, a case per expectation.
//!
//! Source: the JUnit schema that Jenkins and GitLab read (`testsuites`, `testsuite`, `testcase`,
//! `failure`).

use super::Checked;
use crate::xml::Escaped;
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
        let file = Escaped(&checked.file);
        // Writing to a string can't fail.
        let _ = writeln!(
            xml,
            "  <testsuite name=\"{file}\" tests=\"{}\" failures=\"{}\">",
            checked.verdicts.len(),
            checked.failed()
        );
        for verdict in &checked.verdicts {
            let name = Escaped(&verdict.name);
            let _ = match &verdict.problem {
                None => writeln!(xml, "    <testcase classname=\"{file}\" name=\"{name}\"/>"),
                Some(problem) => writeln!(
                    xml,
                    "    <testcase classname=\"{file}\" name=\"{name}\">\
                     <failure message=\"{}\"/></testcase>",
                    Escaped(problem)
                ),
            };
        }
        xml.push_str("  </testsuite>\n");
    }
    xml.push_str("</testsuites>\n");
    xml
}
