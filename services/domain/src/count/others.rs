//! What a running count keeps for rules that name more than the measures of every student: the marked days of the year.

use super::memory::{Memory, value_beside};
use super::{Known, With};
use crate::date::Date;
use crate::day::{Day, WHOLE};
use crate::evaluation::Evaluation;
use crate::figure::Federal;
use crate::marked::{Days, Marked};
use crate::measure::{Counted, Figures, Measure, Measures, Values};
use crate::projection::{self, Outlook};
use crate::rule::{Pack, Rule};
use crate::window::{End, school_month};

/// Kept when some rule names another measure.
#[derive(Clone, Default)]
pub(super) struct Others {
    marked: Vec<Marked>,
    /// Last school year's, when a rule names something of it.
    last_year: Option<Measures>,
}

impl Others {
    /// Whether a count tells all that rules name by itself. What goes by minutes, by other facts than marks, or by what was on earlier
    /// dates, takes a memory; so does what is barred, which moves while the level stays.
    pub(super) fn can_tell(pack: &Pack) -> bool {
        !pack.rules.iter().any(|rule| rule.has_memory() || !rule.barred.is_empty())
            && pack.rules.iter().flat_map(|rule| &rule.others).all(|measure| match measure {
                Measure::Of(counted, _) => !matches!(counted, Counted::MinutesAbsent | Counted::MinutesUnexcused),
                Measure::Truancy(_)
                | Measure::InClass(..)
                | Measure::ClassesSkippedToday
                | Measure::TexasClasses
                | Measure::Further(_) => false,
                _ => true,
            })
    }

    /// None when no rule names one, and none takes a memory, which is folded from marked days.
    pub(super) fn of(pack: &Pack, evaluation: &Evaluation<'_>) -> Option<Self> {
        let mut named = pack.rules.iter().flat_map(|rule| &rule.others).peekable();
        if named.peek().is_none() && Self::can_tell(pack) {
            return None;
        }
        let last_year = named.any(|measure| is_of_last_year(*measure)).then(|| evaluation.last_year(None));
        Some(Self { marked: Vec::new(), last_year })
    }

    /// One of last school year's measures.
    pub(super) fn of_last_year(&self, measure: Measure) -> Option<i64> {
        let last_year = self.last_year.as_ref()?;
        Some(match measure {
            Measure::LastYearEnrolled => last_year.enrolled,
            Measure::LastYearAbsent => last_year.absent,
            Measure::LastYearTier => last_year.tier().map_or(-1, i64::from),
            _ => return None,
        })
    }

    /// Takes the counted days up to the last mark's in.
    pub(super) fn begin(&mut self, days: Days<'_>) {
        self.marked = days.marked.to_vec();
    }

    /// Reads where the next counted day will be written.
    pub(super) fn touch(&self) -> usize {
        self.marked.last().map_or(0, |day| day.at())
    }

    /// Takes the next counted day in.
    pub(super) fn push(&mut self, at: usize, day: &Day) {
        if let Some(marked) = Marked::of(at, day) {
            self.marked.reserve_exact(usize::from(self.marked.len() == self.marked.capacity()) * 4);
            self.marked.push(marked);
        }
    }
}

fn is_of_last_year(measure: Measure) -> bool {
    matches!(
        measure,
        Measure::LastYearEnrolled | Measure::LastYearAbsent | Measure::LastYearTier | Measure::ExpectedAbsent
    )
}

impl Known {
    /// These measures, which are kept, and those that a rule names beside them; none when one of them takes a full look.
    pub(super) fn figures(&self, measures: Measures, rule: &Rule, with: &With<'_>) -> Option<Figures> {
        if rule.others.is_empty() {
            return Some(Figures::new(measures, []));
        }
        let so_far = SoFar::of(self, with)?;
        let mut values = Vec::with_capacity(rule.others.len());
        for &measure in &rule.others {
            values.push((measure, so_far.value(measure, &measures)?));
        }
        Some(Figures::new(measures, values))
    }

    /// The marked days up to the last mark; none when they are not kept.
    pub(super) fn marked(&self) -> Option<&[Marked]> {
        self.others.as_deref().map(|others| &others.marked[..])
    }

    /// The counted days up to a date; none when marked ones are not kept.
    pub(super) fn days_until<'k>(&'k self, last: Date, with: &With<'k>) -> Option<Days<'k>> {
        let others = self.others.as_deref()?;
        Some(Days { dates: self.schedule.dates(with.view), marked: &others.marked }.until(last))
    }
}

/// What a count has come to, for as many rules as ask: what they name beside the kept measures is counted when they ask for it.
pub(super) struct Came<'k> {
    measures: Measures,
    so_far: Option<SoFar<'k>>,
}

impl<'k> Came<'k> {
    /// None when there is something that rules name and a count cannot tell.
    pub(super) fn to(measures: Measures, known: &'k Known, with: &With<'k>) -> Option<Self> {
        let so_far = SoFar::of(known, with);
        (known.others.is_none() || so_far.is_some()).then_some(Self { measures, so_far })
    }
}

impl Values for Came<'_> {
    fn value(&self, measure: Measure) -> Option<i64> {
        self.measures.value(measure).or_else(|| self.so_far.as_ref()?.value(measure, &self.measures))
    }
}

/// The counted days up to the as-of date.
struct SoFar<'k> {
    days: Days<'k>,
    /// The student's dates that are still to come this year.
    to_come: usize,
    end: End,
    others: &'k Others,
    memory: Option<&'k Memory>,
}

impl<'k> SoFar<'k> {
    fn of(known: &'k Known, with: &With<'k>) -> Option<Self> {
        let (others, as_of) = (known.others.as_deref()?, with.now.as_of);
        let calendar = &with.view.calendar_at(known.schedule.calendar as usize)?.instructional;
        let dates = known.schedule.dates(with.view);
        let days = known.days_until(as_of, with)?;
        let counted = days.dates.len();
        let last_day = known.year.last_day();
        let to_come = dates[counted..].partition_point(|date| *date <= last_day);
        let month = if counted > 0 { school_month(calendar, as_of) } else { None };
        let end = End { as_of, school_month: month.unwrap_or(as_of) };
        // Before entry there is no school of the year yet, whose federal counts these would be.
        (known.entry_on <= as_of).then_some(Self { days, to_come, end, others, memory: known.memory.as_deref() })
    }

    fn value(&self, measure: Measure, measures: &Measures) -> Option<i64> {
        let federal = || Federal::of(self.days);
        Some(match measure {
            Measure::Of(Counted::MinutesAbsent | Counted::MinutesUnexcused, _) => return None,
            Measure::Of(counted, among) => self.days.count(counted, among, self.end),
            Measure::LongestStreak => self.days.longest_streak(),
            // Silence is presence here, so every date is counted.
            Measure::UnknownDays => 0,
            Measure::LastYearEnrolled | Measure::LastYearAbsent | Measure::LastYearTier => {
                self.others.of_last_year(measure)?
            }
            Measure::Truancy(clock) => self.days.clock(clock, self.end),
            Measure::InClass(..) | Measure::ClassesSkippedToday | Measure::TexasClasses | Measure::Further(_) => {
                value_beside(self.memory?, measure, measures)?
            }
            Measure::AbsencesLeft => projection::left(&self.outlook()),
            Measure::ExpectedAbsent => projection::expected(&self.outlook(), self.others.last_year.as_ref()?),
            Measure::FederalEnrolled => federal().enrolled(),
            Measure::FederalAbsent => federal().absent(),
            Measure::FederalChronic(minimum) => i64::from(federal().is_chronic(i64::from(minimum))),
            _ => return None,
        })
    }

    fn outlook(&self) -> Outlook {
        let (enrolled, absent) = self.days.sums();
        let to_come = i64::try_from(self.to_come).unwrap_or(i64::MAX).saturating_mul(i64::from(WHOLE));
        Outlook { enrolled, absent, to_come }
    }
}
