//! A day on a time line: which of its minutes are scheduled, missed and unknown.
//!
//! A mark that does not say when is laid at the begin of what it is about (of an early departure, at the end), so that two marks
//! for the same time are not added up.

use super::Calculator;
use super::fact::{DayMark, Period, PeriodMark, SchoolDay, Span, Told};
use super::instruction::Taught;
use super::span::{self, Spans, are_around, join, lay, without};
use crate::day::WHOLE;
use crate::settings::Category;

/// Minutes of a day, or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Minutes {
    /// Instruction.
    pub scheduled: i32,
    /// Of it, missed for any reason.
    pub absent: i32,
    /// Of what was missed, without excuse.
    pub unexcused: i32,
    /// Of what was missed, by coming late without excuse.
    pub late: i32,
    /// Missed without excuse, or by coming late without one; minutes that are both count once.
    pub late_or_unexcused: i32,
    /// Of what was missed, with a medical excuse.
    pub medical: i32,
    /// Of what is scheduled, not known: nobody took attendance.
    pub unknown: i32,
}

/// What a mark's code comes to by a calculator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Meaning {
    /// What it counts as.
    pub(super) category: Option<Category>,
    /// Came late, and has no excuse.
    pub(super) late: bool,
    /// Absent with a medical excuse.
    pub(super) medical: bool,
}

impl Calculator {
    /// What a code comes to here. A district that says what excused tardies or medical absences count as wants them told no more apart
    /// from what they count as.
    pub(super) fn meaning(&self, said: Option<Category>) -> Meaning {
        let category = self.treat(said);
        let apart = said.is_some_and(|said| !self.treat.contains_key(&said));
        Meaning {
            category,
            late: category == Some(Category::Tardy) && !(apart && said == Some(Category::ExcusedTardy)),
            medical: apart && said == Some(Category::MedicalAbsence),
        }
    }
}

impl Minutes {
    pub(super) fn miss(&mut self, said: Meaning, minutes: i32) {
        self.absent += minutes;
        self.unexcused += if said.category == Some(Category::UnexcusedAbsence) { minutes } else { 0 };
        self.late += if said.late { minutes } else { 0 };
        self.medical += if said.medical { minutes } else { 0 };
    }
}

/// The day's minutes.
#[derive(Default)]
pub(super) struct Timeline {
    scheduled: Spans,
    missed: Spans,
    unexcused: Spans,
    late: Spans,
    medical: Spans,
    unknown: Spans,
}

impl Timeline {
    /// Lays a day out; none without a bell schedule or a stated length of the day.
    pub(super) fn of(day: &SchoolDay<'_>, calculator: &Calculator) -> Option<Self> {
        let mut line = Self::default();
        if day.marks.is_empty() {
            line.add_periods(day.periods, calculator);
        } else {
            let Taught { spans, clock } = calculator.taught(day)?;
            line.scheduled = spans;
            for mark in day.marks {
                // Of a day whose length alone is known, times of the clock say nothing.
                line.add_mark(mark, clock, calculator);
            }
        }
        // Classes without times of which none was missed say that the student was there for all of the day, however long each is.
        if line.scheduled.is_empty() && day.periods.iter().all(|period| calculator.is_present(period.told)) {
            line.scheduled = calculator.taught(day)?.spans;
        }
        if line.scheduled.is_empty() {
            return None;
        }
        for spans in [
            &mut line.scheduled,
            &mut line.missed,
            &mut line.unexcused,
            &mut line.late,
            &mut line.medical,
            &mut line.unknown,
        ] {
            join(spans);
        }
        line.pass(calculator.instruction.passing());
        // Of two classes at one time, the one that was missed tells of those minutes.
        line.unknown = without(&line.unknown, &line.missed);
        Some(line)
    }

    /// Passing time between classes is instruction too, and missed by who missed the classes on both sides of it.
    fn pass(&mut self, longest: i32) {
        for gap in span::bridge(&mut self.scheduled, longest) {
            let mut not_seen = self.missed.clone();
            not_seen.extend_from_slice(&self.unknown);
            join(&mut not_seen);
            for spans in [&mut self.missed, &mut self.unexcused, &mut self.medical] {
                if are_around(spans, gap) {
                    spans.push(gap);
                    join(spans);
                }
            }
            if are_around(&not_seen, gap) {
                self.unknown.push(gap);
                join(&mut self.unknown);
            }
        }
    }

    fn add_periods(&mut self, periods: &[Period<'_>], calculator: &Calculator) {
        for class in periods.chunk_by(|_, next| next.again) {
            // A period without a time on the bell schedule has no minutes that could be counted.
            let mut spans: Spans = class.iter().filter_map(|period| period.span).collect();
            spans.sort_unstable_by_key(|span| span.begin);
            self.scheduled.extend_from_slice(&spans);
            match class[0].told {
                Told::Present => {}
                Told::Untaken => self.unknown.extend_from_slice(&spans),
                Told::Marked(marks) => {
                    for mark in marks {
                        self.add_period_mark(mark, &spans, calculator);
                    }
                }
            }
        }
    }

    /// A mark is one word on all meetings of its class, which are in order: the minutes that it states are laid over them until
    /// they are used up.
    fn add_period_mark(&mut self, mark: &PeriodMark, meetings: &Spans, calculator: &Calculator) {
        let said = calculator.meaning(mark.category);
        let at_the_end = said.category == Some(Category::EarlyDeparture);
        let missed = |meeting: &Span| {
            let minutes = part_of(meeting.minutes(), absent_part(said.category, None));
            lay(&Spans::from_slice(&[*meeting]), minutes, at_the_end)
        };
        let missed: Spans = match stated_minutes(said.category, mark.minutes) {
            Some(minutes) => lay(meetings, minutes, at_the_end),
            None => meetings.iter().flat_map(missed).collect(),
        };
        self.miss_all(said, &missed);
    }

    fn add_mark(&mut self, mark: &DayMark, clock: bool, calculator: &Calculator) {
        let said = calculator.meaning(mark.category);
        if !clock || mark.came_at.is_none() && mark.left_at.is_none() {
            let share = part_of(span::minutes(&self.scheduled), absent_part(said.category, mark.share));
            let minutes = stated_minutes(said.category, mark.minutes).unwrap_or(share);
            let missed = lay(&self.scheduled, minutes, said.category == Some(Category::EarlyDeparture));
            self.miss_all(said, &missed);
            return;
        }
        // Leaving for a field trip is no absence.
        if !said.category.is_some_and(may_be_late) {
            return;
        }
        let begin = self.scheduled.first().map_or(0, |span| span.begin);
        let end = self.scheduled.last().map_or(0, |span| span.end);
        match (mark.came_at, mark.left_at) {
            (Some(came), Some(left)) if left <= came => self.miss(said, Span { begin: left, end: came }),
            (came, left) => {
                self.miss(said, Span { begin, end: came.unwrap_or(begin) });
                self.miss(said, Span { begin: left.unwrap_or(end), end });
            }
        }
    }

    fn miss_all(&mut self, said: Meaning, spans: &Spans) {
        for span in spans {
            self.miss(said, *span);
        }
    }

    fn miss(&mut self, said: Meaning, span: Span) {
        if span.minutes() == 0 {
            return;
        }
        self.missed.push(span);
        if said.category == Some(Category::UnexcusedAbsence) {
            self.unexcused.push(span);
        }
        if said.late {
            self.late.push(span);
        }
        if said.medical {
            self.medical.push(span);
        }
    }

    /// The minutes of a part of the day.
    pub(super) fn minutes(&self, part: Span) -> Minutes {
        let of = |spans: &Spans| spans.iter().map(|span| self.scheduled_in(span.within(part))).sum();
        let mut late_or_unexcused = self.late.clone();
        late_or_unexcused.extend_from_slice(&self.unexcused);
        join(&mut late_or_unexcused);
        Minutes {
            scheduled: self.scheduled_in(part),
            absent: of(&self.missed),
            unexcused: of(&self.unexcused),
            late: of(&self.late),
            late_or_unexcused: of(&late_or_unexcused),
            medical: of(&self.medical),
            unknown: of(&self.unknown),
        }
    }

    /// The minutes of all of it.
    pub(super) fn all(&self) -> Minutes {
        self.minutes(Span { begin: i32::MIN / 2, end: i32::MAX / 2 })
    }

    fn scheduled_in(&self, part: Span) -> i32 {
        self.scheduled.iter().map(|span| span.within(part).minutes()).sum()
    }
}

/// Hundredths of so many minutes. Half a day absent has to come to at least half of its minutes, so what is left over is missed.
fn part_of(minutes: i32, part: i32) -> i32 {
    (part * minutes + WHOLE - 1) / WHOLE
}

/// Item 3 of the default policy: the absent part of one daily mark.
pub(super) fn absent_part(category: Option<Category>, share: Option<i32>) -> i32 {
    /// A partial absence without a stated share counts as half a day.
    const PARTIAL: i32 = 50;
    match category {
        Some(category) if is_absence(category) => match share {
            Some(share) if (1..=WHOLE).contains(&share) => share,
            _ => WHOLE,
        },
        Some(Category::Partial) => share.map_or(PARTIAL, |share| share.clamp(0, WHOLE)),
        _ => 0,
    }
}

pub(super) fn is_absence(category: Category) -> bool {
    matches!(category, Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse)
}

/// The minutes that a daily mark says were missed. An absence of no minutes says nothing of how long it was.
pub(super) fn stated_minutes(category: Option<Category>, minutes: Option<i32>) -> Option<i32> {
    let category = category?;
    minutes.filter(|minutes| may_be_late(category) && (*minutes > 0 || !is_absence(category)))
}

/// Whether minutes that come with it were missed.
fn may_be_late(category: Category) -> bool {
    is_absence(category) || matches!(category, Category::Partial | Category::Tardy | Category::EarlyDeparture)
}
