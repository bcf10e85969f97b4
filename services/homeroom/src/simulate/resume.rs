//! How far a district has been sent, kept in a file, so that a stream that was broken off goes on where it was.

use std::fs;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result};
use homeroom_simulate::{Day, District};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

use crate::failure::BadConfig;

/// Which district it is, and how far it has come.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
struct Kept {
    students: u32,
    seed: u64,
    year: i16,
    /// The last day of which everything was sent.
    sent: Date,
}

/// The file, when one is kept.
#[derive(Debug)]
pub(crate) struct Resume {
    file: Option<PathBuf>,
    seed: u64,
}

impl Resume {
    /// Keeps nothing without a file.
    pub(crate) fn new(file: Option<PathBuf>, seed: u64) -> Self {
        Self { file, seed }
    }

    /// The first day that is still to be sent.
    pub(crate) fn first_left(&self, district: &District) -> Result<Day> {
        let Some(file) = &self.file else { return Ok(district.opening()) };
        let text = match fs::read_to_string(file) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(district.opening()),
            Err(error) => return Err(error).with_context(|| format!("`{}`", file.display())),
        };
        let kept: Kept =
            serde_json::from_str(&text).map_err(|error| BadConfig(format!("`{}`: {error}", file.display())))?;
        if kept != self.kept(district, kept.sent) {
            return Err(BadConfig(format!("`{}` is of another district", file.display())).into());
        }
        Ok(district.day(kept.sent).unwrap_or(district.opening()).plus(1))
    }

    /// Notes that everything of a day was sent.
    pub(crate) fn sent(&self, district: &District, day: Day) -> Result<()> {
        let Some(file) = &self.file else { return Ok(()) };
        let text = serde_json::to_string(&self.kept(district, district.date(day)))?;
        write(file, &text).with_context(|| format!("`{}`", file.display()))
    }

    fn kept(&self, district: &District, sent: Date) -> Kept {
        Kept { students: district.students(), seed: self.seed, year: district.year(), sent }
    }
}

/// Beside it first: a file that is cut short would lose the place.
fn write(file: &Path, text: &str) -> std::io::Result<()> {
    let new = file.with_extension("new");
    fs::write(&new, text)?;
    fs::rename(new, file)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_goes_on_after_the_last_day_and_only_with_the_same_district() {
        let folder = tempfile::tempdir().expect("a folder");
        let file = folder.path().join("place.json");
        let district = District::new(100, 7, 2025).expect("possible");
        let resume = Resume::new(Some(file.clone()), 7);
        assert_eq!(resume.first_left(&district).expect("new"), district.opening());
        let day = district.opening().plus(40);
        resume.sent(&district, day).expect("written");
        assert_eq!(resume.first_left(&district).expect("kept"), day.plus(1));
        assert!(Resume::new(Some(file), 8).first_left(&district).is_err());
    }
}
