//! What a running count keeps of a student for rules with a memory, and for what is not of attendance: the state of each rule at
//! the close of the last day that can no longer change, folded on from there.
//!
//! A mark that is taken in as the next one is of a later date than any before it, so that the days before it stay as they are; a
//! correction of a day before sets the states back to the first day. What each rule says of the days since is found for all of them at
//! once (see `year`), and its state leaps from one of them on which something may change to the next. A rule that cannot be told in
//! this way of this student takes a full look, alone.

use std::sync::Arc;

use smallvec::SmallVec;

use super::compiled::{Compiled, Way};
use super::small::Schedule;
use super::still::{Still, Valued};
use crate::course::{high, sixth};
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::measure::further::{Moves, UNTOLD};
use crate::measure::{Further, Measure, Measures, Part, Values};
use crate::rule::Pack;
use crate::rule::history::State;
use crate::year::{Frame, Year};

/// What is kept.
#[derive(Clone)]
pub(super) struct Memory {
    pub(super) compiled: Arc<Compiled>,
    pub(super) frame: Arc<Frame>,
    /// The states are those at the close of the day before this one of the schedule's.
    pub(super) settled: u16,
    /// In the order of the rules that remember.
    pub(super) states: Box<[Kept]>,
    /// What may move by itself: rules that need it take a full look.
    moving: Part,
    /// What may have been otherwise on earlier days: rules that need it and remember take a full look.
    told: Part,
    /// What stays the same.
    pub(super) still: Arc<Still>,
    /// Since when they are these, as far as is known.
    pub(super) since: Date,
}

/// [`State`] in few bytes; by default that before the first counted day.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Kept {
    /// What it is, in the two highest bits, and since or from which day.
    at: u16,
    level: i16,
}

const OPEN: u16 = 1 << 14;
const ENDED: u16 = 1 << 15;
/// A year has fewer days.
const LAST: u16 = OPEN - 1;

/// States that were found, and the day before which they are.
pub(super) type Found = (u16, SmallVec<[Kept; 24]>);

/// The most bars of a rule that is counted: each takes a bit.
const MOST_BARS: usize = 8;

impl Memory {
    /// Of a student who was just looked at in full; none when the days are not whole, or too many.
    pub(super) fn of(pack: &Pack, schedule: &Schedule, evaluation: &Evaluation<'_>) -> Option<Self> {
        let now = evaluation.now;
        let compiled = pack.compiled();
        if pack.rules.iter().any(|rule| rule.barred.len() > MOST_BARS) {
            return None;
        }
        Year::of(evaluation.marked_until(now.today.max(now.as_of)))?;
        let frame = compiled.frame(schedule, evaluation.view)?;
        let (moving, told) = (evaluation.moving_parts(), evaluation.told_parts());
        let values: Vec<i64> = compiled.still.iter().map(|measure| still(*measure, moving, evaluation)).collect();
        let still = compiled.share(&values, &frame);
        let states = vec![Kept::default(); compiled.remembering].into();
        Some(Self { compiled, frame, settled: 0, states, moving, told, still, since: now.as_of })
    }

    /// Whether a rule takes a full look, by its position.
    pub(super) fn is_whole(&self, at: usize) -> bool {
        self.compiled.ways.get(at).is_none_or(|way| self.takes_full_look(*way))
    }

    pub(super) fn takes_full_look(&self, way: Way) -> bool {
        let (is_told, may_be_other) = match way.remembers {
            Some(_) => (way.is_compiled, self.moving.and(self.told)),
            None => (way.is_counted, self.moving),
        };
        !is_told || way.needs.meets(may_be_other)
    }

    /// Whether a rule names what is not of attendance.
    pub(super) fn is_beside(&self, at: usize) -> bool {
        self.compiled.ways.get(at).is_none_or(|way| way.needs.without(Part::MINUTES) != Part::NONE)
    }

    /// Whether nothing may tell of the minutes of a day.
    pub(super) fn takes_minutes(&self) -> bool {
        self.moving.meets(Part::MINUTES)
    }

    /// Takes over what was found.
    pub(super) fn settle(&mut self, (settled, states): Found) {
        self.settled = settled;
        self.states.iter_mut().zip(states).for_each(|(kept, found)| *kept = found);
    }

    /// A day, or one after it, is another than it was: states that follow from it are found anew from the first day on.
    pub(super) fn set_back(&mut self, day: usize) {
        if day < usize::from(self.settled) {
            self.settled = 0;
            self.states.fill(Kept::default());
        }
    }
}

/// What is not of this year's attendance; of flags, without that of attendance.
impl Values for Memory {
    fn value(&self, measure: Measure) -> Option<i64> {
        Valued(&self.compiled.still, &self.still.values).value(measure)
    }
}

/// The value of a measure that is not of attendance, as long as nothing more is said; of flags, without that of attendance.
pub(super) fn still(measure: Measure, moving: Part, evaluation: &Evaluation<'_>) -> i64 {
    let now = evaluation.now;
    if Part::of(measure).meets(moving) {
        return UNTOLD;
    }
    let Measure::Further(further) = measure else { return evaluation.value(measure, None, now) };
    match further.moves_with_days() {
        None => evaluation.value(measure, None, now),
        Some(Moves::ShareOfDays) => {
            Further::find("incident_days").map_or(UNTOLD, |days| evaluation.value(Measure::Further(days), None, now))
        }
        Some(Moves::FromTier(sixth::FIFTH_ABSENT)) => sixth::beside_attendance(evaluation, now.as_of).unwrap_or(UNTOLD),
        Some(Moves::FromTier(_)) => high::beside_attendance(evaluation, now.as_of).unwrap_or(UNTOLD),
    }
}

impl Kept {
    /// None of a level beyond what is kept.
    pub(super) fn of(state: State) -> Option<Self> {
        let narrow = |at: usize| u16::try_from(at).unwrap_or(LAST).min(LAST);
        Some(match state {
            State::Closed { from } => Self { at: narrow(from), level: 0 },
            State::Open { since, level } => Self { at: OPEN | narrow(since), level: i16::try_from(level).ok()? },
            State::Expired { from } => Self { at: ENDED | narrow(from), level: 0 },
        })
    }

    pub(super) fn state(self) -> State {
        let at = usize::from(self.at & LAST);
        match self.at & !LAST {
            0 => State::Closed { from: at },
            OPEN => State::Open { since: at, level: i64::from(self.level) },
            _ => State::Expired { from: at },
        }
    }
}

/// The value of a measure beside attendance as of the dates in force, of students who have something of it.
pub(super) fn value_beside(memory: &Memory, measure: Measure, measures: &Measures) -> Option<i64> {
    let value = memory.value(measure)?;
    let Measure::Further(further) = measure else { return Some(value) };
    Some(match further.moves_with_days() {
        None => value,
        Some(Moves::ShareOfDays) => crate::behavior::share_of_days(value, measures.enrolled).unwrap_or(UNTOLD),
        Some(Moves::FromTier(_)) if value < 0 => 0,
        Some(Moves::FromTier(from)) => value + i64::from(measures.tier().is_some_and(|tier| tier >= from)),
    })
}
