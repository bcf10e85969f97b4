//! A day on a time line: which of its minutes are scheduled, missed and unknown.
//!
//! A mark that does not say when is laid at the begin of what it is about (of an early departure, at the end), so that two marks
//! for the same time are not added up.

use smallvec::SmallVec;

use super::fact::{DayMark, Period, SchoolDay, Span, Told};
use super::{Calculator, Method};
use crate::day::WHOLE;
use crate::settings::Category;

/// Minutes of a day, or of a part of it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Minutes {
    /// Instruction.
    pub scheduled: i32,
    /// Of it, missed for any reason.
    pub absent: i32,
    /// Of that, without excuse.
    pub unexcused: i32,
    /// Of that, by coming late.
    pub late: i32,
    /// Of what is scheduled, not known: nobody took attendance.
    pub unknown: i32,
}

impl Calculator {
    /// A day of so many minutes, when it is not known when it begins: around noon, where halves count, so that both are as long.
    fn laid_out(&self, minutes: i32) -> Span {
        let begin = if let Method::Halves { noon, .. } = self.method { noon - minutes / 2 } else { 0 };
        Span { begin, end: begin + minutes }
    }
}

impl Minutes {
    pub(super) fn miss(&mut self, category: Option<Category>, minutes: i32) {
        self.absent += minutes;
        match category {
            Some(Category::UnexcusedAbsence) => self.unexcused += minutes,
            Some(Category::Tardy) => self.late += minutes,
            _ => {}
        }
    }
}

type Spans = SmallVec<[Span; 8]>;

/// The day's minutes.
pub(super) struct Timeline {
    scheduled: Spans,
    missed: Spans,
    unexcused: Spans,
    late: Spans,
    unknown: Spans,
}

impl Timeline {
    /// Lays a day out; none without a bell schedule or a stated length of the day.
    pub(super) fn of(day: &SchoolDay<'_>, calculator: &Calculator) -> Option<Self> {
        let mut line = Self {
            scheduled: Spans::new(),
            missed: Spans::new(),
            unexcused: Spans::new(),
            late: Spans::new(),
            unknown: Spans::new(),
        };
        // Of a day whose length alone is known, times of the clock say nothing.
        let clock = day.hours.is_some();
        let hours = day.hours.or_else(|| calculator.day_minutes.map(|minutes| calculator.laid_out(minutes)));
        if day.marks.is_empty() {
            line.add_periods(day.periods, calculator);
        } else {
            let hours = hours?;
            line.scheduled.push(hours);
            for mark in day.marks {
                line.add_mark(mark, hours, clock, calculator);
            }
        }
        if line.scheduled.is_empty() && day.periods.is_empty() {
            line.scheduled.push(hours?);
        }
        if line.scheduled.is_empty() {
            return None;
        }
        for spans in [&mut line.scheduled, &mut line.missed, &mut line.unexcused, &mut line.late, &mut line.unknown] {
            join(spans);
        }
        Some(line)
    }

    fn add_periods(&mut self, periods: &[Period<'_>], calculator: &Calculator) {
        for period in periods {
            // A period without a time on the bell schedule has no minutes that could be counted.
            let Some(span) = period.span else { continue };
            self.scheduled.push(span);
            match period.told {
                Told::Present => {}
                Told::Untaken => self.unknown.push(span),
                Told::Marked(marks) => {
                    for mark in marks {
                        let category = calculator.treat(mark.category);
                        self.miss(category, missed_of_period(category, mark.minutes, span));
                    }
                }
            }
        }
    }

    fn add_mark(&mut self, mark: &DayMark, hours: Span, clock: bool, calculator: &Calculator) {
        let category = calculator.treat(mark.category);
        if !clock || mark.came_at.is_none() && mark.left_at.is_none() {
            self.miss(category, missed_of_day(category, mark, hours));
            return;
        }
        if let Some(came) = mark.came_at {
            self.miss(category, Span { begin: hours.begin, end: came });
        }
        if let Some(left) = mark.left_at {
            self.miss(category, Span { begin: left, end: hours.end });
        }
    }

    fn miss(&mut self, category: Option<Category>, span: Span) {
        if span.minutes() == 0 {
            return;
        }
        self.missed.push(span);
        match category {
            Some(Category::UnexcusedAbsence) => self.unexcused.push(span),
            Some(Category::Tardy) => self.late.push(span),
            _ => {}
        }
    }

    /// The minutes of a part of the day.
    pub(super) fn minutes(&self, part: Span) -> Minutes {
        let of = |spans: &Spans| spans.iter().map(|span| self.scheduled_in(span.within(part))).sum();
        Minutes {
            scheduled: self.scheduled_in(part),
            absent: of(&self.missed),
            unexcused: of(&self.unexcused),
            late: of(&self.late),
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

fn missed_of_period(category: Option<Category>, minutes: Option<i32>, span: Span) -> Span {
    let minutes = minutes.map(|minutes| minutes.clamp(0, span.minutes()));
    let first = |minutes: i32| Span { begin: span.begin, end: span.begin + minutes };
    match category {
        Some(Category::EarlyDeparture) => Span { begin: span.end - minutes.unwrap_or(0), end: span.end },
        Some(Category::Tardy) => first(minutes.unwrap_or(0)),
        Some(Category::Partial) => first(minutes.unwrap_or(span.minutes() / 2)),
        Some(category) if is_absence(category) => {
            first(minutes.filter(|minutes| *minutes > 0).unwrap_or(span.minutes()))
        }
        _ => first(0),
    }
}

fn missed_of_day(category: Option<Category>, mark: &DayMark, hours: Span) -> Span {
    let share = absent_part(category, mark.share) * hours.minutes() / WHOLE;
    let stated = stated_minutes(category, mark.minutes);
    let minutes = stated.unwrap_or(share).clamp(0, hours.minutes());
    match category {
        Some(Category::EarlyDeparture) => Span { begin: hours.end - minutes, end: hours.end },
        _ => Span { begin: hours.begin, end: hours.begin + minutes },
    }
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

/// Puts spans in order and joins those that touch.
fn join(spans: &mut Spans) {
    spans.retain(|span| span.minutes() > 0);
    spans.sort_unstable_by_key(|span| span.begin);
    let mut joined = Spans::new();
    for span in spans.iter() {
        match joined.last_mut().filter(|last: &&mut Span| span.begin <= last.end) {
            Some(last) => last.end = last.end.max(span.end),
            None => joined.push(*span),
        }
    }
    *spans = joined;
}
