//! The words and rows of a replay as files of fixed width, for other programs that compute the same (`tests/load/compare`).

use std::fs::{self, File};
use std::io::{BufWriter, Write as _};
use std::path::Path;

use anyhow::{Context as _, Result};

use super::by_hand::{Row, narrow};
use super::index;
use crate::workload::YEAR_DAYS;
use crate::workload::negative::{Arriving, spells};

/// Little-endian columns: a student in four bytes, everything else in one.
pub(super) struct Export {
    /// Student, day, code, revision, day of arrival; each student's in the order of arrival.
    words: BufWriter<File>,
    /// Student, entry, end, second entry, second end: of those who are not enrolled for the whole year.
    spells: BufWriter<File>,
    /// Student, rule, which of the student's days, whether it begins.
    rows: BufWriter<File>,
}

impl Export {
    pub(super) fn create(folder: &Path) -> Result<Self> {
        fs::create_dir_all(folder).with_context(|| format!("`{}` cannot be made", folder.display()))?;
        let file = |name: &str| -> Result<_> {
            let path = folder.join(name);
            let file = File::create(&path).with_context(|| format!("`{}` cannot be written", path.display()))?;
            Ok(BufWriter::new(file))
        };
        Ok(Self { words: file("words.bin")?, spells: file("spells.bin")?, rows: file("rows.bin")? })
    }

    /// A student's words and enrollment.
    pub(super) fn student(&mut self, student: u64, words: &[Arriving]) -> Result<()> {
        let number = u32::try_from(student)?.to_le_bytes();
        for Arriving { mark, arrives } in words {
            self.words.write_all(&number)?;
            self.words.write_all(&[byte(mark.day), mark.code as u8, byte(mark.revision), byte(*arrives)])?;
        }
        let (first, second) = spells(student);
        if first != (0, YEAR_DAYS) {
            let (from, to) = second.unwrap_or_default();
            self.spells.write_all(&number)?;
            self.spells.write_all(&[first.0, first.1, from, to].map(byte))?;
        }
        Ok(())
    }

    /// A student's rows.
    pub(super) fn rows(&mut self, student: u64, rows: &[Row]) -> Result<()> {
        let number = u32::try_from(student)?.to_le_bytes();
        for row in rows {
            self.rows.write_all(&number)?;
            self.rows.write_all(&[row.rule, row.day, u8::from(row.begins)])?;
        }
        Ok(())
    }

    /// Fails when anything could not be written.
    pub(super) fn finish(mut self) -> Result<()> {
        for file in [&mut self.words, &mut self.spells, &mut self.rows] {
            file.flush().context("the words or rows cannot be written")?;
        }
        Ok(())
    }
}

fn byte(value: u64) -> u8 {
    narrow(index(value))
}
