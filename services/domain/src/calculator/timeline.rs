//! A day on a time line: which of its minutes are scheduled, missed and unknown.
//!
//! A mark that does not say when is laid at the begin of what it is about (of an early departure, at the end), so that two marks
//! for the same time are not added up.

use smallvec::SmallVec;

use super::fact::{DayMark, Period, PeriodMark, SchoolDay, Span, Told};
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
        // Classes without times of which none was missed say that the student was there for all of the day, however long each is.
        if line.scheduled.is_empty() && day.periods.iter().all(|period| calculator.is_present(period.told)) {
            line.scheduled.push(hours?);
        }
        if line.scheduled.is_empty() {
            return None;
        }
        for spans in [&mut line.scheduled, &mut line.missed, &mut line.unexcused, &mut line.late, &mut line.unknown] {
            join(spans);
        }
        // Of two classes at one time, the one that was missed tells of those minutes.
        line.unknown = without(&line.unknown, &line.missed);
        Some(line)
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
    fn add_period_mark(&mut self, mark: &PeriodMark, meetings: &[Span], calculator: &Calculator) {
        let category = calculator.treat(mark.category);
        let at_the_end = category == Some(Category::EarlyDeparture);
        let mut left = stated_minutes(category, mark.minutes);
        for at in 0..meetings.len() {
            let span = meetings[if at_the_end { meetings.len() - 1 - at } else { at }];
            let all = span.minutes();
            let minutes = left.map_or(missed_of_period(category, all), |left| left.clamp(0, all));
            left = left.map(|left| left - minutes);
            let (begin, end) =
                if at_the_end { (span.end - minutes, span.end) } else { (span.begin, span.begin + minutes) };
            self.miss(category, Span { begin, end });
        }
    }

    fn add_mark(&mut self, mark: &DayMark, hours: Span, clock: bool, calculator: &Calculator) {
        let category = calculator.treat(mark.category);
        if !clock || mark.came_at.is_none() && mark.left_at.is_none() {
            self.miss(category, missed_of_day(category, mark, hours));
            return;
        }
        // Leaving for a field trip is no absence.
        if !category.is_some_and(may_be_late) {
            return;
        }
        match (mark.came_at, mark.left_at) {
            (Some(came), Some(left)) if left <= came => self.miss(category, Span { begin: left, end: came }),
            (came, left) => {
                self.miss(category, Span { begin: hours.begin, end: came.unwrap_or(hours.begin) });
                self.miss(category, Span { begin: left.unwrap_or(hours.end), end: hours.end });
            }
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

/// The missed minutes of a period of so many, by a mark that states none.
fn missed_of_period(category: Option<Category>, minutes: i32) -> i32 {
    part_of(minutes, absent_part(category, None))
}

/// Hundredths of so many minutes. Half a day absent has to come to at least half of its minutes, so what is left over is missed.
fn part_of(minutes: i32, part: i32) -> i32 {
    (part * minutes + WHOLE - 1) / WHOLE
}

fn missed_of_day(category: Option<Category>, mark: &DayMark, hours: Span) -> Span {
    let share = part_of(hours.minutes(), absent_part(category, mark.share));
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

/// Spans without the parts that lie in others; both in order, and none touches the next.
fn without(spans: &Spans, others: &Spans) -> Spans {
    let mut rest = Spans::new();
    for span in spans {
        let mut begin = span.begin;
        for other in others.iter().filter(|other| other.begin < span.end && other.end > span.begin) {
            rest.push(Span { begin, end: other.begin });
            begin = other.end;
        }
        rest.push(Span { begin, end: span.end });
    }
    rest.retain(|span| span.minutes() > 0);
    rest
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
