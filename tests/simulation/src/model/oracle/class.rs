//! Classes, one by one: on which dates each met, and what of them was missed.

use std::collections::BTreeMap;

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Scope};
use homeroom_domain::id::{SchoolId, SectionId};
use homeroom_domain::settings::{Category, Reporting};

use super::Oracle;

/// A class on a date of which it is known whether the student was there.
struct Met {
    class: SectionId,
    date: Date,
    absent: bool,
    unexcused: bool,
    /// Missed by its own mark, nobody excused it, and the student was at school.
    skipped: bool,
}

impl Oracle {
    /// Figures of classes, of the district or at a school, by name.
    pub fn of_classes(&self, school: Option<&SchoolId>, as_of: Date) -> Vec<(&'static str, i64)> {
        let mut met = Vec::new();
        for at in self.schools().iter().filter(|of| school.is_none_or(|school| school == *of)) {
            for date in self.dates().into_iter().filter(|date| *date <= as_of && self.counts_at(at, *date)) {
                met.extend(self.met_on(at, date));
            }
        }
        let recent = |it: &&Met| as_of.days() - it.date.days() < 7;
        let mut recently: BTreeMap<SectionId, i64> = BTreeMap::new();
        let mut cut: BTreeMap<SectionId, i64> = BTreeMap::new();
        let mut all: BTreeMap<SectionId, (i64, i64)> = BTreeMap::new();
        for it in &met {
            *recently.entry(it.class).or_default() += i64::from(it.absent && recent(&it));
            *cut.entry(it.class).or_default() += i64::from(it.unexcused);
            let (missed, dates) = all.entry(it.class).or_default();
            *missed += i64::from(it.absent);
            *dates += 1;
        }
        let skipped = met.iter().filter(|it| it.skipped).count();
        let below = all.values().filter(|(missed, dates)| (dates - missed) * 10 < 9 * dates).count();
        vec![
            ("class_absences_last_7_days", recently.into_values().max().unwrap_or(0)),
            ("class_unexcused", cut.into_values().max().unwrap_or(0)),
            ("classes_skipped", i64::try_from(skipped).unwrap()),
            ("class_absent_rate", all.values().map(|(missed, dates)| missed * 10_000 / dates).max().unwrap_or(-1)),
            ("truancy_tx_classes_below_90_percent", i64::try_from(below).unwrap()),
        ]
    }

    /// Classes skipped on a date, of the district or at a school.
    pub fn classes_skipped_on(&self, school: Option<&SchoolId>, date: Date) -> i64 {
        let schools = self.schools();
        let at = schools.iter().filter(|of| school.is_none_or(|school| school == *of) && self.counts_at(of, date));
        let skipped: usize = at.map(|at| self.met_on(at, date).iter().filter(|it| it.skipped).count()).sum();
        i64::try_from(skipped).unwrap()
    }

    /// Whether marks for the day say that nothing of it was attended, and that at least half of that is without excuse. Where minutes
    /// count, each of the day's minutes has to be missed.
    fn missed_all(
        &self,
        school: &SchoolId,
        date: Date,
        marks: &[&AttendanceMark],
        daily: &[&AttendanceMark],
    ) -> (bool, bool) {
        match self.method() {
            Some(method) if !daily.is_empty() => {
                let minutes = self.one_day(method, (school, date), marks, false).and_then(|sum| sum.minutes);
                minutes.map_or((false, false), |of| (of.absent == 400, of.unexcused >= 200))
            }
            _ => {
                let sum = self.whole_day(daily, false);
                (sum.absent == 100, sum.unexcused >= 50)
            }
        }
    }

    fn met_on(&self, school: &SchoolId, date: Date) -> Vec<Met> {
        let marks = self.marks(school, date);
        let daily: Vec<&AttendanceMark> = marks.iter().copied().filter(|mark| mark.scope == Scope::Day).collect();
        let (all_day, mostly_unexcused) = self.missed_all(school, date, &marks, &daily);
        let mut met = Vec::new();
        let mut classes = self.classes(school, date, &marks);
        classes.sort();
        classes.dedup();
        for class in classes {
            let own: Vec<_> = marks.iter().copied().filter(|mark| mark.scope == Scope::Section(class)).collect();
            let said = |wanted: Category| own.iter().any(|mark| self.category(mark) == Some(wanted));
            let proof_needed = self.reporting() == Reporting::Positive || self.sends_taken(school);
            if own.is_empty() && !all_day && proof_needed && !self.taken(class, date) {
                continue;
            }
            let (absent, unexcused) = if own.is_empty() {
                (all_day, all_day && mostly_unexcused)
            } else {
                (own.iter().any(|mark| self.absence(mark)), said(Category::UnexcusedAbsence))
            };
            let open = said(Category::UnexcusedAbsence) || said(Category::AbsenceUnknownExcuse);
            met.push(Met { class, date, absent, unexcused, skipped: open });
        }
        let there = daily.iter().any(|mark| self.category(mark) == Some(Category::Tardy));
        let there = there || met.iter().any(|it| !it.absent);
        for it in &mut met {
            it.skipped &= there;
        }
        met
    }
}
