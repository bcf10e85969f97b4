//! What a worker does with an event, without log and tables: ledger, evaluation, rules.

use homeroom_domain::count::{Count, With};
use homeroom_domain::date::Date;
use homeroom_domain::episode::{Change as Told, Episodes, Moment, Step, Telling};
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
    /// Of reference data and rules.
    version: u64,
    settings: Settings,
    pack: Pack,
    district: DistrictId,
    pub(super) students: Vec<Student>,
    /// Alert changes told.
    pub(super) changes: u64,
    /// Depends on every measure, so that none of them can be left out.
    pub(super) checksum: i64,
}

#[derive(Clone)]
pub(super) struct Student {
    key: StudentKey,
    pub(super) ledger: Ledger,
    pub(super) episodes: Episodes,
    count: Count,
}

impl Engine {
    /// So many students of whom nothing was said yet, with the shipped rules.
    pub(super) fn new(district: &District, students: usize) -> Self {
        Self::with(district, students, DEFAULT_PACK)
    }

    /// With other rules.
    pub(super) fn with(district: &District, students: usize, pack: &str) -> Self {
        Self {
            view: district.view(),
            settings: Settings::default(),
            pack: Pack::parse(pack).expect("the pack is sound"),
            version: 1,
            district: DistrictId::parse("d1").expect("a plain id"),
            students: (0..students).map(|number| Student::new(district::student(number))).collect(),
            changes: 0,
            checksum: 0,
        }
    }

    /// Words from before the run, after which the student is looked at, as after any.
    pub(super) fn begin(&mut self, student: usize, words: impl IntoIterator<Item = (Origin, Change<Fact>)>) {
        for (origin, change) in words {
            self.students[student].ledger.apply(origin, change);
        }
        self.look::<Told>(student, district::date(0));
    }

    /// The reference data are others from now on.
    pub(super) fn edit(&mut self, view: View) {
        self.view = view;
        self.version += 1;
    }

    /// Takes words in, in order. Some students are read ahead at a time: apart, each would wait for memory.
    pub(super) fn take_all<T: Telling>(&mut self, words: &[Word]) {
        for some in words.chunks(READ_AHEAD) {
            let touch = |word: &Word| self.students[word.student].touch();
            std::hint::black_box(some.iter().fold(0, |all, word| all ^ touch(word)));
            for word in some {
                self.take::<T>(word);
            }
        }
    }

    /// Takes a word in. What it changes is told as values or in words.
    pub(super) fn take<T: Telling>(&mut self, word: &Word) {
        let student = &mut self.students[word.student];
        if student.count.apply(&mut student.ledger, &word.origin, &word.change) != Applied::Changed {
            return;
        }
        self.look_again::<T>(word.student, word.today);
    }

    /// Looks at a student, whose count goes on if it can.
    pub(super) fn look_again<T: Telling>(&mut self, number: usize, today: Date) {
        let student = &mut self.students[number];
        let now = Now { today, as_of: today };
        let with = With { view: &self.view, settings: &self.settings, pack: &self.pack, version: self.version, now };
        let moment = moment(&self.district, student.key);
        match student.count.look::<T>(&student.ledger, &with, &mut student.episodes, &moment) {
            Some(looked) => {
                self.changes += looked.changes.len() as u64;
                std::hint::black_box(looked.changes);
                self.checksum += looked.measures.absent;
            }
            None => self.look::<T>(number, today),
        }
    }

    /// Looks at a student in full.
    fn look<T: Telling>(&mut self, number: usize, today: Date) {
        let student = &mut self.students[number];
        let now = Now { today, as_of: today };
        let evaluation = Evaluation::new(&student.ledger, &self.view, &self.settings, now);
        let moment = moment(&self.district, student.key);
        let step: Step<T> = student.episodes.step_telling(&self.pack, &evaluation, &moment);
        self.changes += u64::try_from(step.changes.len()).unwrap_or(0);
        self.checksum += evaluation.district(now.as_of, now.today).absent + i64::from(evaluation.waiting());
        if step.failures.is_empty() {
            student.count.go_on(&evaluation, &student.episodes, &self.pack, self.version);
        } else {
            student.count.end();
        }
    }
}

/// Students that are read at a time. What they take has to stay in the nearest cache.
const READ_AHEAD: usize = 24;

impl Student {
    fn new(key: StudentKey) -> Self {
        Self { key, ledger: Ledger::default(), episodes: Episodes::default(), count: Count::default() }
    }

    fn touch(&self) -> u64 {
        self.count.touch() ^ u64::from(self.ledger.touch())
    }
}

fn moment(district: &DistrictId, student: StudentKey) -> Moment<'_> {
    let district_time = jiff::civil::DateTime::default();
    Moment { district, student, at: Timestamp::UNIX_EPOCH, caused_at: None, district_time }
}
