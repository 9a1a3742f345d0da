//! Any bytes, taken for the journal of a triage that is gone on with: either it is refused and left as
//! it was, or no row of it is lost.
#![no_main]

use coroner_fuzz::within;
use libfuzzer_sys::fuzz_target;
use std::path::PathBuf;
use std::sync::LazyLock;

static JOURNAL: LazyLock<PathBuf> =
    LazyLock::new(|| std::env::temp_dir().join(format!("fuzz-rows-{}.jsonl", std::process::id())));

fuzz_target!(|data: &[u8]| {
    within(data.len(), || {
        std::fs::write(&*JOURNAL, data).expect("room");
        let resumed = coroner::cli::fuzzing::resume(&JOURNAL);
        let after = std::fs::read(&*JOURNAL).expect("it is there");
        match resumed {
            Err(error) => {
                assert!(after == data, "refused and changed: {error}");
                0
            }
            Ok(rows) => {
                let whole = data.iter().rposition(|byte| *byte == b'\n').map_or(0, |at| at + 1);
                assert!(after.starts_with(&data[..whole]), "rows are lost");
                let lines = data[..whole].iter().filter(|byte| **byte == b'\n').count();
                assert_eq!(rows, lines);
                after.len() - whole
            }
        }
    });
});
