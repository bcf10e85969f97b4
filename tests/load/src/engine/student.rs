//! What a worker does with an event, without log and tables: ledger, evaluation, rules.

use homeroom_domain::count::{Count, With};
use homeroom_domain::date::Date;
use homeroom_domain::episode::{Episodes, Moment};
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{Change, Fact, Origin};
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::ledger::{Applied, Ledger};
use homeroom_domain::rule::{DEFAULT_PACK, Pack};
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::View;
use jiff::Timestamp;

use super::district::{self, District, Word};

/// A district's students, and what they are counted with.
pub(super) struct Engine {
    view: View,
    settings: Settings,
    pack: Pack,
    district: DistrictId,
    pub(super) students: Vec<Student>,
    keys: Vec<StudentKey>,
    /// Alert changes told.
    pub(super) changes: u64,
    /// Depends on every measure, so that none of them can be left out.
    pub(super) checksum: i64,
}

#[derive(Default, Clone)]
pub(super) struct Student {
    pub(super) ledger: Ledger,
    pub(super) episodes: Episodes,
    count: Count,
}

impl Engine {
    /// So many students of whom nothing was said yet.
    pub(super) fn new(district: &District, students: usize) -> Self {
        Self {
            view: district.view(),
            settings: Settings::default(),
            pack: Pack::parse(DEFAULT_PACK).expect("the shipped pack is sound"),
            district: DistrictId::parse("d1").expect("a plain id"),
            students: vec![Student::default(); students],
            keys: (0..students).map(district::student).collect(),
            changes: 0,
            checksum: 0,
        }
    }

    /// Words from before the run, after which the student is looked at, as after any.
    pub(super) fn begin(&mut self, student: usize, words: impl IntoIterator<Item = (Origin, Change<Fact>)>) {
        for (origin, change) in words {
            self.students[student].ledger.apply(origin, change);
        }
        self.look(student, district::date(0));
    }

    /// Takes a word in.
    pub(super) fn take(&mut self, word: &Word) {
        let student = &mut self.students[word.student];
        if student.count.apply(&mut student.ledger, &word.origin, &word.change) != Applied::Changed {
            return;
        }
        let now = Now { today: word.today, as_of: word.today };
        let with = With { view: &self.view, settings: &self.settings, pack: &self.pack, version: VERSION, now };
        let moment = moment(&self.district, self.keys[word.student]);
        match student.count.look(&student.ledger, &with, &mut student.episodes, &moment) {
            Some(looked) => {
                self.changes += looked.changes.len() as u64;
                self.checksum += looked.measures.absent;
            }
            None => self.look(word.student, word.today),
        }
    }

    /// Looks at a student in full.
    fn look(&mut self, number: usize, today: Date) {
        let student = &mut self.students[number];
        let now = Now { today, as_of: today };
        let evaluation = Evaluation::new(&student.ledger, &self.view, &self.settings, now);
        let moment = moment(&self.district, self.keys[number]);
        let step = student.episodes.step(&self.pack, &evaluation, &moment);
        self.changes += u64::try_from(step.changes.len()).unwrap_or(0);
        self.checksum += evaluation.district(now.as_of, now.today).absent + i64::from(evaluation.waiting());
        if step.failures.is_empty() {
            student.count.go_on(&evaluation, &student.episodes, &self.pack, VERSION);
        } else {
            student.count.end();
        }
    }
}

fn moment(district: &DistrictId, student: StudentKey) -> Moment<'_> {
    let district_time = jiff::civil::DateTime::default();
    Moment { district, student, at: Timestamp::UNIX_EPOCH, caused_at: None, district_time }
}

/// The reference data and rules stay as they are.
const VERSION: u64 = 1;
