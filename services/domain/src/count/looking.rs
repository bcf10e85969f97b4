//! What rules claim as of the dates in force, found from what is kept of a student: those with a memory are folded on from the last day
//! that can no longer change.

use std::cell::{OnceCell, RefCell};

use smallvec::SmallVec;

use super::memory::{Found, Kept, Memory};
use super::others::Came;
use super::{Known, Levels, NO_CLAIM, With};
use crate::evaluation::Evaluation;
use crate::ledger::Ledger;
use crate::measure::{Measures, Values};
use crate::rule::history::{SaidOn, State};
use crate::rule::{Held, Rule};
use crate::year::{Look, Scratch, Year};

/// Nothing is known of what was claimed before; a level that no rule has here.
const UNKNOWN: i16 = NO_CLAIM + 1;
/// In the place of the day since when a rule is open: it is not, or it has ended by itself.
const NOT_OPEN: i16 = -1;
const EXPIRED: i16 = -2;

/// How many numbers more there are of a rule of which more is told than a level: since when it is open, its steps and bars, and how many
/// duties have fallen due.
const MORE: usize = 3;

thread_local! {
    /// Room for counts, used again at each look: they are several times as large as all else that a look takes.
    static SCRATCH: RefCell<Scratch> = RefCell::default();
}

/// A look at all rules.
struct Looking<'l> {
    known: &'l Known,
    memory: &'l Memory,
    with: &'l With<'l>,
    came: Came<'l>,
    /// Of those that are told; none of a look back, to before the last word.
    ledger: Option<&'l Ledger>,
    whole: OnceCell<Evaluation<'l>>,
    /// Days up to the as-of date.
    counted: usize,
    /// The dates in force are the last counted day.
    is_at_last: bool,
}

/// What a rule claims.
#[derive(Clone, Copy)]
struct Claimed {
    level: Option<i64>,
    /// The position of the day since when it is open, [`NOT_OPEN`] or [`EXPIRED`].
    since: i16,
    /// A bit for each bar.
    bars: u8,
}

impl Claimed {
    const NOTHING: Self = Self { level: None, since: NOT_OPEN, bars: 0 };
}

impl Known {
    /// What rules claim with these measures, and then the numbers of those of which [`MORE`] is told. None when it takes a full look to
    /// tell.
    pub(super) fn remembered(
        &self,
        memory: &Memory,
        ledger: Option<&Ledger>,
        measures: Measures,
        with: &With<'_>,
    ) -> Option<(Levels, Found)> {
        let days = self.days_until(with.now.as_of, with)?;
        let counted = days.dates.len();
        let year = Year::of(days).filter(|_| counted > 0)?;
        let first = usize::from(memory.settled).min(counted - 1);
        let looking = Looking {
            known: self,
            memory,
            with,
            came: Came::to(measures, self, with)?,
            ledger,
            whole: OnceCell::new(),
            counted,
            is_at_last: with.now.today == with.now.as_of && days.dates.last() == Some(&with.now.as_of),
        };
        SCRATCH.with_borrow_mut(|scratch| {
            let of = (&memory.compiled.program, &year, &*memory.frame);
            looking.all(&mut Look::since(first, of, memory, scratch))
        })
    }

    /// What a rule of which more is told than a level was found to claim, by its position.
    pub(super) fn held(&self, at: usize, with: &With<'_>) -> Option<Held> {
        let (memory, levels) = (self.memory.as_deref()?, self.levels.as_ref()?);
        let level = i64::from(*levels.get(at).filter(|level| **level != NO_CLAIM)?);
        let Some(since) = memory.since_of(at, levels) else { return Some(Held::now(level)) };
        let dates = self.schedule.dates(with.view);
        let counted = dates.partition_point(|date| *date <= with.now.as_of);
        let days = u32::try_from(counted.checked_sub(since + 1)?).ok()?;
        Some(Held { level, since: Some(*dates.get(since)?), days })
    }

    /// Whether a rule has closed by itself, and would be open else.
    pub(super) fn has_expired(&self, at: usize) -> bool {
        let found = self.memory.as_deref().zip(self.levels.as_ref());
        found.is_some_and(|(memory, levels)| memory.more_of(at, levels).is_some_and(|[since, ..]| since == EXPIRED))
    }

    /// Whether more than its level is another than it was, of a rule of which more is told.
    pub(super) fn asks_otherwise(&self, at: usize, then: &Levels, now: &Levels) -> bool {
        let more = |levels| self.memory.as_deref().and_then(|memory| memory.more_of(at, levels));
        more(then) != more(now)
    }
}

impl Looking<'_> {
    fn all(&self, look: &mut Look<'_>) -> Option<(Levels, Found)> {
        let school = self.known.schedule.school(self.with.view)?;
        let settled = usize::from(self.known.passed).min(self.counted);
        let (compiled, many) = (&self.memory.compiled, self.with.pack.rules.len());
        let mut levels: Levels = SmallVec::from_elem(NO_CLAIM, many + MORE * compiled.asking);
        let mut states = SmallVec::from_slice(&self.memory.states);
        for (at, (rule, way)) in self.with.pack.rules.iter().zip(&compiled.ways).enumerate() {
            let claimed = match way.remembers {
                _ if self.memory.takes_full_look(*way) => self.in_full(rule),
                _ if self.memory.still.closes(at) => Some(Claimed::NOTHING),
                Some(place) => {
                    let state = states.get_mut(place)?;
                    let claimed;
                    (*state, claimed) = self.folded(look, (at, rule), *state, settled)?;
                    Some(claimed)
                }
                None => self.counted(look, (at, rule)),
            };
            let is_unknown = claimed.is_none();
            if is_unknown && self.ledger.is_some() {
                return None;
            }
            let claimed = claimed.filter(|_| rule.applies_at(Some(school))).unwrap_or(Claimed::NOTHING);
            *levels.get_mut(at)? = match claimed.level {
                _ if is_unknown => UNKNOWN,
                None => NO_CLAIM,
                Some(level) => i16::try_from(level).ok().filter(|level| *level > UNKNOWN)?,
            };
            if let Some(asks) = way.asks {
                let told = [claimed.since, self.steps(rule, claimed)?, self.fallen_due(rule, claimed)?];
                let place = many + MORE * asks;
                levels.get_mut(place..place + MORE)?.copy_from_slice(&told);
            }
        }
        Some((levels, (u16::try_from(settled).ok()?, states)))
    }

    /// Steps and bars in one number.
    fn steps(&self, rule: &Rule, claimed: Claimed) -> Option<i16> {
        let open = usize::try_from(claimed.since).ok().filter(|_| claimed.level.is_some());
        let days = open.map_or(0, |since| self.counted.saturating_sub(since + 1));
        let steps = i16::from(i8::try_from(rule.steps(u32::try_from(days).ok()?)).ok()?);
        Some(steps * 256 + i16::from(claimed.bars))
    }

    /// How many duties have fallen due.
    fn fallen_due(&self, rule: &Rule, claimed: Claimed) -> Option<i16> {
        let since = usize::try_from(claimed.since).ok().filter(|_| claimed.level.is_some() && !rule.duties.is_empty());
        let Some(since) = since else { return Some(0) };
        let With { view, now, .. } = *self.with;
        let since = *self.known.schedule.dates(view).get(since)?;
        let due = |from, days| self.known.schedule.school_day_after(from, days, view);
        i16::try_from(rule.fallen_due(since, now.today, &due)).ok()
    }

    /// A rule with a memory: its state at the close of the last day that will not change, and what it claims.
    fn folded(
        &self,
        look: &mut Look<'_>,
        (at, rule): (usize, &Rule),
        kept: Kept,
        settled: usize,
    ) -> Option<(Kept, Claimed)> {
        let opens = look.held(at)?;
        if opens.is_empty() && matches!(kept.state(), State::Closed { .. }) {
            return Some((kept, Claimed::NOTHING));
        }
        let said = SaidOn { opens, clears: look.cleared(at, opens)? };
        let first = usize::from(self.memory.settled);
        let mut levels = SmallVec::<[(usize, i64); 8]>::new();
        let one = if look.has_one_level(at) { Some(look.level(at, first)?) } else { None };
        if one.is_none() {
            for day in (first..self.counted).filter(|day| opens.contains(*day)) {
                levels.push((day, look.level(at, day)?));
            }
        }
        let found = |day: usize| levels.iter().find(|(of, _)| *of == day).map(|(_, level)| *level);
        let level = |day: usize| one.or_else(|| found(day)).unwrap_or_default();
        let at_close = kept.state().through(rule, first..settled.max(first), said, &level);
        let state = at_close.through(rule, settled.max(first)..self.counted, said, &level);
        let mut claimed = match state {
            State::Closed { .. } => Claimed::NOTHING,
            State::Expired { .. } => Claimed { since: EXPIRED, ..Claimed::NOTHING },
            State::Open { since, level } => Claimed { level: Some(level), since: i16::try_from(since).ok()?, bars: 0 },
        };
        if claimed.level.is_some() && !rule.barred.is_empty() {
            claimed.bars = bars(rule, &look.barring(at, self.counted - 1)?);
        }
        Some((Kept::of(at_close)?, claimed))
    }

    /// A rule without a memory, as of the dates in force.
    fn counted(&self, look: &mut Look<'_>, (at, rule): (usize, &Rule)) -> Option<Claimed> {
        let last = self.counted - 1;
        let compiled = if self.is_at_last { look.held(at) } else { None };
        let level = match compiled {
            Some(held) if held.contains(last) => Some(look.level(at, last)?),
            Some(_) => None,
            None => rule.outcome(&self.came).ok()?,
        };
        let bars = match level {
            Some(_) if !rule.barred.is_empty() => bars(rule, &self.came),
            _ => 0,
        };
        Some(Claimed { level, since: NOT_OPEN, bars })
    }

    /// A rule that takes a full look; none where there is nothing to look at, or when it fails.
    fn in_full(&self, rule: &Rule) -> Option<Claimed> {
        let With { view, settings, now, .. } = *self.with;
        let ledger = self.ledger?;
        let student = self.whole.get_or_init(|| {
            let student = Evaluation::new(ledger, view, settings, now);
            student.look_as(self.memory);
            student
        });
        let Some(held) = rule.held(student, now).ok()? else { return Some(Claimed::NOTHING) };
        let dates = self.known.schedule.dates(view);
        let since = match held.since {
            Some(since) => i16::try_from(dates.binary_search(&since).ok()?).ok()?,
            None => NOT_OPEN,
        };
        let figures = || student.figures(&rule.others, rule.seen_at(student, now));
        let bars = if rule.barred.is_empty() { 0 } else { bars(rule, &figures()) };
        Some(Claimed { level: Some(held.level), since, bars })
    }
}

/// A bit for each of a rule's bars that is not lifted. When it cannot be told whether it is, it is not.
fn bars(rule: &Rule, values: &impl Values) -> u8 {
    let bits = rule.barred.iter().zip(0_u8..8).filter(|(bar, _)| !bar.unless.holds(values).unwrap_or(false));
    bits.fold(0, |bits, (_, at)| bits | 1 << at)
}

impl Memory {
    fn more_of(&self, at: usize, levels: &Levels) -> Option<[i16; MORE]> {
        let place = self.compiled.ways.len() + MORE * self.compiled.ways.get(at)?.asks?;
        levels.get(place..place + MORE)?.try_into().ok()
    }

    fn since_of(&self, at: usize, levels: &Levels) -> Option<usize> {
        self.more_of(at, levels).and_then(|[since, ..]| usize::try_from(since).ok())
    }
}
