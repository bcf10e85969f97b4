//! Writes a district into a folder: one folder a day, in it one file a resource, one document a line.
//!
//! `2024-09-03/studentSchoolAttendanceEvents.jsonl` holds what is posted on that day, `2024-09-03/withdrawn/…` the natural keys
//! of what is deleted on it, after the posts. Students come one after the other and each has documents of many days; so lines
//! are gathered in memory up to a bound, and then appended to their files.

use std::collections::BTreeMap;
use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use anyhow::Result;
use homeroom_simulate::{Day, District, Document, Resource, Word};

use super::made::{self, Made};
use crate::failure::BadConfig;

/// Lines that are gathered before they are written.
const MAX_HELD_BYTES: usize = 64 * 1024 * 1024;

struct Files<'a> {
    folder: &'a Path,
    district: &'a District,
    held: BTreeMap<(Day, Word, Resource), String>,
    held_bytes: usize,
}

/// Writes a district's documents up to and including a day into a folder that does not exist yet, or is empty.
pub(crate) fn write(district: &District, until: Day, folder: &Path) -> Result<Made> {
    fs::create_dir_all(folder)?;
    if fs::read_dir(folder)?.next().is_some() {
        return Err(BadConfig(format!("`{}` is not empty", folder.display())).into());
    }
    let mut files = Files { folder, district, held: BTreeMap::new(), held_bytes: 0 };
    let made = made::all(district, until, |document| files.add(document))?;
    files.flush()?;
    Ok(made)
}

impl Files<'_> {
    fn add(&mut self, document: &Document<'_>) -> io::Result<()> {
        let lines = self.held.entry((document.on, document.word, document.resource)).or_default();
        lines.push_str(document.body);
        lines.push('\n');
        self.held_bytes += document.body.len() + 1;
        if self.held_bytes >= MAX_HELD_BYTES { self.flush() } else { Ok(()) }
    }

    fn flush(&mut self) -> io::Result<()> {
        for ((on, word, resource), lines) in std::mem::take(&mut self.held) {
            let file = self.file(on, word, resource);
            if let Some(folder) = file.parent() {
                fs::create_dir_all(folder)?;
            }
            OpenOptions::new().create(true).append(true).open(file)?.write_all(lines.as_bytes())?;
        }
        self.held_bytes = 0;
        Ok(())
    }

    fn file(&self, on: Day, word: Word, resource: Resource) -> PathBuf {
        let mut folder = self.folder.join(self.district.date(on).to_string());
        if word == Word::Withdrawn {
            folder.push("withdrawn");
        }
        folder.join(format!("{}.jsonl", resource.endpoint()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_day_has_its_files_and_a_folder_with_something_in_it_is_left_alone() {
        let folder = tempfile::tempdir().expect("a folder");
        let district = District::new(100, 1, 2025).expect("possible");
        let until = district.day(jiff::civil::date(2024, 9, 30)).expect("of the year");
        write(&district, until, folder.path()).expect("written");
        let days: Vec<_> =
            fs::read_dir(folder.path()).expect("there").map(|day| day.expect("a day").file_name()).collect();
        assert!((20..40).contains(&days.len()), "{days:?}");
        let students = fs::read_to_string(folder.path().join("2024-08-14/students.jsonl")).expect("sent at the start");
        assert!((80..=100).contains(&students.lines().count()));
        let refusal = write(&district, until, folder.path()).expect_err("not empty");
        assert!(refusal.to_string().contains("is not empty"), "{refusal}");
    }
}
