//! Counting one day.

use smallvec::SmallVec;

use super::band::{Bands, Quantity};
use super::fact::{DayMark, PeriodMark, SchoolDay, Span, Told};
use super::timeline::{Meaning, Minutes, Timeline, absent_part, is_absence, stated_minutes};
use super::{Calculator, Method};
use crate::day::WHOLE;
use crate::event::DAY_MINUTES;
use crate::settings::Category;

/// What a day counts for, before the calendar's weight.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counted {
    /// Absent part, hundredths, 0 to 100.
    pub absent: i32,
    /// The part of it without excuse.
    pub unexcused: i32,
    /// The part of it for a reason that nobody knows.
    pub unknown: i32,
    /// Whether the student came late.
    pub arrival: Arrival,
    /// Absent with a part that nobody has excused, and no word that the student came.
    pub unexplained: bool,
    /// Whether any part of it was missed without excuse, however little it counts for.
    pub cut: bool,
    /// In minutes, when the bell schedule or the length of the day is known.
    pub minutes: Option<Minutes>,
}

/// Whether a student came late.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Default)]
pub enum Arrival {
    /// Nobody says so.
    #[default]
    InTime,
    /// With an excuse.
    Excused,
    /// Without one.
    Late,
}

impl Arrival {
    /// Whether late, for whatever reason.
    pub fn is_tardy(self) -> bool {
        self != Self::InTime
    }
}

/// What the marks of a day say whatever the method.
#[derive(Default)]
struct Words {
    arrival: Arrival,
    came: bool,
    open: bool,
}

impl Words {
    fn hear(&mut self, category: Option<Category>) {
        self.came |= matches!(category, Some(Category::Tardy | Category::Present));
    }

    fn arrive(&mut self, said: Meaning) {
        if said.category == Some(Category::Tardy) {
            self.arrival = self.arrival.max(if said.late { Arrival::Late } else { Arrival::Excused });
        }
    }
}

impl Calculator {
    /// Counts a day; none when it is not known what it was.
    pub fn count(&self, day: &SchoolDay<'_>) -> Option<Counted> {
        let line = Timeline::of(day, self);
        let minutes = line.as_ref().map(Timeline::all).or_else(|| self.stated(day.marks));
        let (absent, unexcused) = match &self.method {
            Method::Marks => self.by_marks(day)?,
            Method::OfficialPeriod => self.by_official_period(day)?,
            method => by_minutes(method, line.as_ref()?, is_laid_out(day))?,
        };
        let words = self.words(day);
        let unexplained = absent > 0 && words.open && !words.came;
        let (unknown, cut) = (self.unknown(day, absent - unexcused), self.is_cut(day));
        Some(Counted { absent, unexcused, unknown, arrival: words.arrival, unexplained, cut, minutes })
    }

    /// What of an absent part that is not unexcused is for a reason that nobody knows. Where marks of the whole day are added up, it is
    /// what they say; else all of it, when at least half of the marks are such that say so or excuse.
    fn unknown(&self, day: &SchoolDay<'_>, part: i32) -> i32 {
        if part <= 0 {
            return 0;
        }
        let is_unknown = |category| matches!(category, Category::AbsenceUnknownExcuse | Category::Partial);
        if day.marks.is_empty() {
            let is_official = |official: bool| self.method != Method::OfficialPeriod || official;
            let periods = day.periods.iter().filter(|period| !period.again && is_official(period.official));
            let said = periods.flat_map(|period| marks(period.told)).filter_map(|mark| self.treat(mark.category));
            let open: Vec<bool> = said
                .filter(|category| is_absence(*category) && *category != Category::UnexcusedAbsence)
                .map(is_unknown)
                .collect();
            let unknown = open.iter().filter(|is_unknown| **is_unknown).count();
            return if unknown > 0 && unknown * 2 >= open.len() { part } else { 0 };
        }
        let (mut unknown, mut excused) = (0, 0);
        for mark in day.marks {
            match self.treat(mark.category) {
                Some(Category::UnexcusedAbsence) | None => {}
                Some(category) if is_unknown(category) => unknown += absent_part(Some(category), mark.share),
                category => excused += absent_part(category, mark.share),
            }
        }
        if matches!(self.method, Method::Marks | Method::OfficialPeriod) {
            return unknown.min(part);
        }
        if unknown > 0 && unknown >= excused { part } else { 0 }
    }

    /// The minutes that marks state, of a day whose length is not known; none when one of them misses time and states none.
    fn stated(&self, marks: &[DayMark]) -> Option<Minutes> {
        let mut sum = Minutes::default();
        for mark in marks {
            let said = self.meaning(mark.category);
            match stated_minutes(said.category, mark.minutes) {
                Some(minutes) => sum.miss(said, minutes.clamp(0, DAY_MINUTES)),
                None if absent_part(said.category, mark.share) > 0 => return None,
                None => {}
            }
        }
        // When each was is not known either: one may be of the same time as the other.
        sum.late_or_unexcused = sum.late.max(sum.unexcused);
        (sum.absent > 0).then_some(sum)
    }

    /// Whether what was told of a period is nothing but presence.
    pub(super) fn is_present(&self, told: Told<'_>) -> bool {
        match told {
            Told::Present => true,
            Told::Untaken => false,
            Told::Marked(marks) => marks.iter().all(|mark| self.treat(mark.category) == Some(Category::Present)),
        }
    }

    fn words(&self, day: &SchoolDay<'_>) -> Words {
        let mut words = Words::default();
        for mark in day.marks {
            let category = self.treat(mark.category);
            words.hear(category);
            let unexcused = matches!(category, Some(Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse));
            words.open |= unexcused || category == Some(Category::Partial) && absent_part(category, mark.share) > 0;
            words.arrive(self.meaning(mark.category));
        }
        for mark in day.periods.iter().flat_map(|period| marks(period.told)) {
            let category = self.treat(mark.category);
            words.hear(category);
            if day.marks.is_empty() {
                words.open |= matches!(category, Some(Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse));
                words.arrive(self.meaning(mark.category));
            }
        }
        words
    }

    /// Whether a mark that counts is an absence without excuse.
    fn is_cut(&self, day: &SchoolDay<'_>) -> bool {
        let unexcused = |category| self.treat(category) == Some(Category::UnexcusedAbsence);
        if day.marks.is_empty() {
            day.periods.iter().flat_map(|period| marks(period.told)).any(|mark| unexcused(mark.category))
        } else {
            day.marks.iter().any(|mark| unexcused(mark.category))
        }
    }

    /// Items 3 and 4 of the default policy.
    fn by_marks(&self, day: &SchoolDay<'_>) -> Option<(i32, i32)> {
        if !day.marks.is_empty() {
            return Some(self.sum(day.marks));
        }
        let known = day.periods.iter().filter(|period| !period.again && !matches!(period.told, Told::Untaken));
        let (mut sections, mut missed) = (0, 0);
        let (mut absences, mut unexcused) = (0, 0);
        for period in known {
            sections += 1;
            let mut absent = false;
            for category in marks(period.told).iter().filter_map(|mark| self.treat(mark.category)) {
                absent |= is_absence(category);
                absences += usize::from(is_absence(category));
                unexcused += usize::from(category == Category::UnexcusedAbsence);
            }
            missed += usize::from(absent);
        }
        if sections == 0 && !day.periods.is_empty() {
            return None;
        }
        let absent = missed > 0 && missed * 2 >= sections;
        let whole = |holds| if holds { WHOLE } else { 0 };
        Some((whole(absent), whole(absent && unexcused * 2 >= absences)))
    }

    /// The absent part that marks for the whole day say, and what of it is unexcused.
    fn sum(&self, marks: &[DayMark]) -> (i32, i32) {
        let (mut absent, mut unexcused) = (0, 0);
        for mark in marks {
            let category = self.treat(mark.category);
            let part = absent_part(category, mark.share);
            absent += part;
            unexcused += if category == Some(Category::UnexcusedAbsence) { part } else { 0 };
        }
        (absent.min(WHOLE), unexcused.min(WHOLE))
    }

    /// Whether marks for the whole day say that all of it was missed, and if so, whether that is without excuse; none when they do not.
    /// There is at least one.
    pub(crate) fn missed_all(&self, day: &SchoolDay<'_>) -> Option<bool> {
        let by_marks = matches!(self.method, Method::Marks | Method::OfficialPeriod);
        let line = if by_marks { None } else { Timeline::of(day, self).map(|line| line.all()) };
        if let Some(line) = line {
            return (line.absent >= line.scheduled).then_some(line.unexcused * 2 >= line.absent);
        }
        // A mark that says how long, or until when, is one of a part of a day whose length nobody knows.
        let is_whole = |mark: &&DayMark| {
            by_marks || mark.came_at.is_none() && mark.left_at.is_none() && self.stated_of(mark).is_none()
        };
        let marks: SmallVec<[DayMark; 4]> = day.marks.iter().filter(is_whole).copied().collect();
        let (absent, unexcused) = self.sum(&marks);
        (absent >= WHOLE).then_some(unexcused * 2 >= absent)
    }

    fn stated_of(&self, mark: &DayMark) -> Option<i32> {
        stated_minutes(self.treat(mark.category), mark.minutes)
    }

    /// A daily mark outranks the official period, as it does all others.
    fn by_official_period(&self, day: &SchoolDay<'_>) -> Option<(i32, i32)> {
        if !day.marks.is_empty() {
            return Some(self.sum(day.marks));
        }
        let official = day.periods.iter().find(|period| period.official)?;
        if matches!(official.told, Told::Untaken) {
            return None;
        }
        let absences =
            || marks(official.told).iter().filter_map(|mark| self.treat(mark.category)).filter(|of| is_absence(*of));
        let unexcused = absences().filter(|category| *category == Category::UnexcusedAbsence).count();
        let whole = |holds| if holds { WHOLE } else { 0 };
        let missed = absences().count();
        Some((whole(missed > 0), whole(missed > 0 && unexcused * 2 >= missed)))
    }
}

fn marks(told: Told<'_>) -> &[PeriodMark] {
    match told {
        Told::Marked(marks) => marks,
        Told::Present | Told::Untaken => &[],
    }
}

/// Whether it is known when all of the day's instruction is.
fn is_laid_out(day: &SchoolDay<'_>) -> bool {
    !day.marks.is_empty() || day.periods.iter().all(|period| period.span.is_some() || period.is_off)
}

/// The absent part and what of it is unexcused, by the day's minutes.
fn by_minutes(method: &Method, line: &Timeline, is_laid_out: bool) -> Option<(i32, i32)> {
    let all = line.all();
    match method {
        Method::Halves { noon, needed } => {
            let halves = [Span { begin: i32::MIN / 2, end: *noon }, Span { begin: *noon, end: i32::MAX / 2 }];
            let [morning, afternoon] = halves.map(|half| line.minutes(half));
            // A half without instruction is not missed: the other is all of the day. A class of which nobody knows when it meets
            // may meet in it.
            let one_half = morning.scheduled == 0 || afternoon.scheduled == 0;
            let worth = if one_half && is_laid_out { WHOLE } else { WHOLE / 2 };
            let (first, second) = (half_missed(morning, *needed, worth)?, half_missed(afternoon, *needed, worth)?);
            Some((first.0 + second.0, first.1 + second.1))
        }
        Method::Exact => exact(all),
        Method::SharePresent(bands) => banded(all, bands, |present| Quantity::percent(present, all.scheduled)),
        Method::MinutesPresent(bands) => banded(all, bands, Quantity::whole),
        Method::MinutesAbsent(bands) => banded(all, bands, |present| Quantity::whole(all.scheduled - present)),
        Method::Marks | Method::OfficialPeriod => None,
    }
}

/// What a half is worth, unless the student was there long enough. A half without instruction is not missed.
fn half_missed(minutes: Minutes, needed: i32, worth: i32) -> Option<(i32, i32)> {
    if minutes.scheduled == 0 {
        return Some((0, 0));
    }
    let needed = needed.min(minutes.scheduled);
    let half = certain(minutes, |present| if present >= needed { 0 } else { worth })?;
    Some((half, mostly_unexcused(minutes, half)))
}

fn banded(minutes: Minutes, bands: &Bands, quantity: impl Fn(i32) -> Quantity) -> Option<(i32, i32)> {
    let absent = certain(minutes, |present| bands.absent(quantity(present)))?;
    Some((absent, mostly_unexcused(minutes, absent)))
}

/// What is absent by the minutes present; none when it depends on periods that are not known.
fn certain(minutes: Minutes, absent: impl Fn(i32) -> i32) -> Option<i32> {
    let present = minutes.scheduled - minutes.absent;
    let (least, most) = (absent(present - minutes.unknown), absent(present));
    (minutes.unknown < minutes.scheduled && least == most).then_some(most)
}

/// An absence counts as unexcused when at least half of it is, as for periods in item 4 of the default policy.
fn mostly_unexcused(minutes: Minutes, absent: i32) -> i32 {
    if minutes.unexcused > 0 && minutes.unexcused * 2 >= minutes.absent { absent } else { 0 }
}

/// The missed part of what is known.
fn exact(minutes: Minutes) -> Option<(i32, i32)> {
    let known = minutes.scheduled - minutes.unknown;
    let part = |missed: i32| hundredths(missed, known, WHOLE).min(WHOLE);
    (known > 0).then(|| (part(minutes.absent), part(minutes.unexcused)))
}

/// A part of something of that size, in units of which it has so many, to the nearest one. A part that is short of half stays short
/// of it: streaks and federal reporting ask whether half was missed, and rounding may not answer that.
pub(crate) fn hundredths(part: i32, of: i32, units: i32) -> i32 {
    let nearest = (part * units * 2 + of) / (of * 2);
    if part * 2 < of { nearest.min((units - 1) / 2) } else { nearest }
}
