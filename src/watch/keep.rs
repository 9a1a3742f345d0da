//! Crashes that are kept: a file each, named by time and signature, in one folder.

use crate::error::{Error, Result};
use crate::output;
use std::path::{Path, PathBuf};
use std::time::{SystemTime, UNIX_EPOCH};

/// Files of one name in one second.
const MOST_OF_ONE_NAME: usize = 1000;

/// Writes the lines of a crash, and says where.
pub(super) fn keep(folder: &Path, signature: &str, log: &[u8]) -> Result<PathBuf> {
    std::fs::create_dir_all(folder).map_err(|e| Error::io(folder, e))?;
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |now| now.as_secs());
    let name = format!("{}-{signature}", time_words(now));
    let mut names = (1..MOST_OF_ONE_NAME).map(|number| match number {
        1 => folder.join(format!("{name}.log")),
        number => folder.join(format!("{name}-{number}.log")),
    });
    let taken = || Error::io(folder, std::io::ErrorKind::AlreadyExists.into());
    let path = names.find(|path| !path.exists()).ok_or_else(taken)?;
    output::write(&path, log, &[])?;
    Ok(path)
}

/// `20260301-094107`, in UTC.
fn time_words(secs: u64) -> String {
    let (days, rest) = (secs / 86400, secs % 86400);
    // Days of the civil calendar, in eras of 400 years that begin in March.
    let shifted = days + 719_468;
    let (era, day) = (shifted / 146_097, shifted % 146_097);
    let year = (day - day / 1460 + day / 36524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let date = day - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    let year = era * 400 + year + carry;
    let (hour, minute, second) = (rest / 3600, rest / 60 % 60, rest % 60);
    format!("{year:04}{month:02}{date:02}-{hour:02}{minute:02}{second:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_those_of_the_calendar() {
        for (secs, words) in [
            (0, "19700101-000000"),
            (951_782_399, "20000228-235959"),
            (951_782_400, "20000229-000000"),
            (951_868_800, "20000301-000000"),
            (1_772_358_067, "20260301-094107"),
            (4_102_444_800, "21000101-000000"),
        ] {
            assert_eq!(time_words(secs), words);
        }
    }
}
