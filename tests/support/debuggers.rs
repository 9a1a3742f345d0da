//! The real debuggers that dumps are shown to: plain GDBs of two versions, and Espressif's.

use super::gdb;
use goblin::elf::header::EM_XTENSA;
use std::path::PathBuf;
use std::process::Command;

pub(crate) const GDB_13: &str = "GDB 13.1";
pub(crate) const GDB_18: &str = "GDB 18.1";
pub(crate) const XTENSA: &str = "Xtensa GDB";

/// The GDBs that are there, by column.
pub(crate) struct Debuggers {
    pub plain: Vec<(&'static str, PathBuf)>,
    pub esp32: Option<PathBuf>,
    pub esp32s3: Option<PathBuf>,
}

impl Debuggers {
    pub(crate) fn find() -> Debuggers {
        let named = |gdb: PathBuf| {
            let version = Command::new(&gdb).arg("--version").output().expect("it runs");
            let first = String::from_utf8_lossy(&version.stdout).lines().next()?.to_string();
            let number = first.rsplit(' ').next()?;
            let column = [GDB_13, GDB_18].into_iter().find(|column| {
                column.strip_prefix("GDB ").is_some_and(|wanted| number.starts_with(wanted))
            });
            Some((column?, gdb))
        };
        let from = |name| std::env::var_os(name).map(PathBuf::from).filter(|path| path.exists());
        Debuggers {
            plain: gdb::gdbs().into_iter().filter_map(named).collect(),
            esp32: from("CORONER_XTENSA_GDB"),
            esp32s3: from("CORONER_XTENSA_S3_GDB"),
        }
    }

    pub(crate) fn are_all_there(&self) -> bool {
        self.plain.len() == 2 && self.esp32.is_some() && self.esp32s3.is_some()
    }

    /// Those that read the dumps of an architecture.
    pub(crate) fn of(&self, opened: &coroner::open::Opened) -> Vec<(&'static str, PathBuf)> {
        if opened.dump.arch.elf_machine != EM_XTENSA {
            return self.plain.clone();
        }
        let own = if opened.dump.arch.name.contains("s3") { &self.esp32s3 } else { &self.esp32 };
        own.iter().map(|gdb| (XTENSA, gdb.clone())).collect()
    }
}
