//! The scripts of `../shared/fixtures/field/hostile`, each with an attack that was seen to work.

use crate::support::fixtures;
use std::path::Path;
use std::process::Command;

#[test]
fn every_reproducer_holds() {
    let Some(script) = fixtures().map(|all| all.join("field/hostile/run-all")) else { return };
    let demo = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/data/demo");
    let output = Command::new(script)
        .arg(demo)
        .env("CORONER", env!("CARGO_BIN_EXE_coroner"))
        .output()
        .expect("bash and Python are there");
    let told = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{told}");
}
