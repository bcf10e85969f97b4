//! Makes a district school by school and student by student, and says how much there was and how fast it came.

use std::time::{Duration, Instant};

use anyhow::Result;
use homeroom_simulate::{Batch, Day, District, Document, Word};

use crate::progress::Progress;

/// What was made.
#[derive(Debug, Clone, Default)]
pub(crate) struct Made {
    documents: u64,
    withdrawn: u64,
    bytes: u64,
    elapsed: Duration,
}

/// Makes everything up to and including a day, and hands each document to whoever writes it.
pub(crate) fn all(
    district: &District,
    until: Day,
    mut write: impl FnMut(&Document<'_>) -> std::io::Result<()>,
) -> Result<Made> {
    let began = Instant::now();
    let progress = Progress::new(district.students() as usize);
    let mut batch = Batch::new(district.opening()..=until);
    let mut made = Made::default();
    let mut pass_on = |batch: &mut Batch| -> std::io::Result<()> {
        for document in batch.iter() {
            made.count(&document);
            write(&document)?;
        }
        batch.clear();
        Ok(())
    };
    district.office(&mut batch);
    pass_on(&mut batch)?;
    progress.step("schools", district.schools());
    for school in 0..district.schools() {
        district.school(school, &mut batch);
        pass_on(&mut batch)?;
    }
    progress.step("students", district.students() as usize);
    for student in 0..district.students() {
        district.student(student, &mut batch);
        pass_on(&mut batch)?;
        if student % BETWEEN_MOVES == 0 {
            progress.many(u64::from(BETWEEN_MOVES));
        }
    }
    progress.finish();
    made.elapsed = began.elapsed();
    Ok(made)
}

/// The bar moves once for so many students.
const BETWEEN_MOVES: u32 = 100;

impl Made {
    fn count(&mut self, document: &Document<'_>) {
        self.documents += 1;
        self.withdrawn += u64::from(document.word == Word::Withdrawn);
        self.bytes += document.body.len() as u64 + 1;
    }

    /// What was made, for people.
    pub(crate) fn print(&self, district: &District) {
        let seconds = self.elapsed.as_secs_f64();
        #[expect(clippy::cast_precision_loss, reason = "a rate for people")]
        let per_second = self.documents as f64 / seconds.max(0.001);
        println!(
            "{} students in {} schools: {} documents, {} of them withdrawals, {} MB, in {seconds:.1} s: {per_second:.0} a second",
            district.students(),
            district.schools(),
            self.documents,
            self.withdrawn,
            self.bytes / 1_000_000,
        );
        if let Some(peak) = peak_memory() {
            println!("at most {} MB of memory", peak / 1_000_000);
        }
    }
}

/// The most memory that this process has held, in bytes, where the system tells.
fn peak_memory() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
