//! A pack as running counts look at it: compiled once for all students, with what the dates of calendars tell it.

use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};

use super::small::Schedule;
use super::still::Still;
use crate::date::Date;
use crate::measure::{Counted, Measure, Part};
use crate::quick;
use crate::rule::{Pack, Rule};
use crate::view::View;
use crate::window::school_month;
use crate::year::{Frame, MOST_DAYS, Program};

/// Frames are kept for so many stretches of calendars: a district has a few hundred, and those of students who come or go in mid-year.
const MOST_FRAMES: usize = 1_024;

/// So many sets of values are shared: the first that come, such as those of each grade level of whom nothing is said.
const MOST_SHARED: usize = 16;

/// A pack's place for what is compiled of it. It says nothing of the pack: any two are equal.
#[derive(Clone, Default)]
pub(crate) struct Counting(Arc<Mutex<Option<Arc<Compiled>>>>);

impl PartialEq for Counting {
    fn eq(&self, _: &Self) -> bool {
        true
    }
}

impl Eq for Counting {}

impl fmt::Debug for Counting {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Counting")
    }
}

/// What is compiled of a pack.
pub(crate) struct Compiled {
    /// Of these rules; they are kept, so that whoever changes one has another.
    pub(super) rules: Vec<Rule>,
    pub(super) program: Program,
    /// How each of the rules is told.
    pub(super) ways: Vec<Way>,
    /// How many rules remember, and of how many more is told than a level.
    pub(super) remembering: usize,
    pub(super) asking: usize,
    /// Measures that stay the same from day to day, or follow from what does, in order.
    pub(super) still: Vec<Measure>,
    frames: Mutex<quick::Map<(u32, u32), Stretch>>,
    /// What students share of it: of most of them nothing is said.
    shared: Mutex<Vec<Arc<Still>>>,
}

/// How a rule is told.
#[derive(Debug, Clone, Copy)]
pub(super) struct Way {
    /// The program tells it.
    pub(super) is_compiled: bool,
    /// It follows from what is counted as of the dates in force.
    pub(super) is_counted: bool,
    /// What it needs beside whole days.
    pub(super) needs: Part,
    /// Which of those that remember it is.
    pub(super) remembers: Option<usize>,
    /// Which of those it is of whom more is told than a level: since when, and what is barred.
    pub(super) asks: Option<usize>,
}

/// A stretch of a calendar, with what its dates tell the program.
struct Stretch {
    calendar: Vec<Date>,
    frame: Arc<Frame>,
}

impl Pack {
    /// The pack as it is now.
    pub(super) fn compiled(&self) -> Arc<Compiled> {
        let mut place = self.counting.0.lock().unwrap_or_else(PoisonError::into_inner);
        match place.as_ref().filter(|compiled| compiled.is_of(&self.rules)) {
            Some(compiled) => Arc::clone(compiled),
            None => Arc::clone(place.insert(Arc::new(Compiled::of(&self.rules)))),
        }
    }
}

impl Compiled {
    fn of(rules: &[Rule]) -> Self {
        let program = Program::with_beside(rules);
        let (mut remembering, mut asking) = (0, 0);
        let next = |count: &mut usize, is_so: bool| {
            is_so.then(|| {
                *count += 1;
                *count - 1
            })
        };
        let ways = rules.iter().enumerate().map(|(at, rule)| Way {
            is_compiled: program.tells(at),
            is_counted: rule.others.iter().all(|measure| is_counted(*measure)),
            needs: named(rule).into_iter().fold(Part::NONE, |parts, measure| parts.and(Part::of(measure))),
            remembers: next(&mut remembering, rule.has_memory()),
            asks: next(&mut asking, rule.has_memory() || !rule.barred.is_empty()),
        });
        let ways = ways.collect();
        let mut still: Vec<Measure> = rules.iter().flat_map(named).collect();
        still.retain(|measure| Program::takes_as_still(*measure));
        still.sort_unstable();
        still.dedup();
        Self {
            rules: rules.to_vec(),
            program,
            ways,
            remembering,
            asking,
            still,
            frames: Mutex::default(),
            shared: Mutex::default(),
        }
    }

    /// What stays the same of a student, with these values. Students share the usual ones.
    pub(super) fn share(&self, values: &[i64], frame: &Frame) -> Arc<Still> {
        let shared = || self.shared.lock().unwrap_or_else(PoisonError::into_inner);
        let known = shared().iter().find(|known| *known.values == *values).map(Arc::clone);
        known.unwrap_or_else(|| {
            let still = Arc::new(Still::of(values, self, frame));
            let mut shared = shared();
            if shared.len() < MOST_SHARED {
                shared.push(Arc::clone(&still));
            }
            still
        })
    }

    /// Where a rule is among them.
    pub(super) fn position(&self, rule: &Rule) -> Option<usize> {
        self.rules.iter().position(|of| of.is(rule))
    }

    fn is_of(&self, rules: &[Rule]) -> bool {
        self.rules.len() == rules.len() && self.rules.iter().zip(rules).all(|(known, rule)| known.is(rule))
    }

    /// What a student's dates tell; none when there are too many. Students share it, but for those who were away for a while: there are
    /// few of them, and each has dates of their own.
    pub(super) fn frame(&self, schedule: &Schedule, view: &View) -> Option<Arc<Frame>> {
        let calendar = &view.calendar_at(schedule.calendar as usize)?.instructional;
        let (key, dates) = (schedule.stretch().map(|stretch| (schedule.calendar, stretch)), schedule.dates(view));
        let frames = || self.frames.lock().unwrap_or_else(PoisonError::into_inner);
        let is_so = |known: &&Stretch| known.calendar == *calendar && known.frame.dates() == dates;
        let known = key.and_then(|key| frames().get(&key).filter(is_so).map(|known| Arc::clone(&known.frame)));
        if known.is_some() || dates.len() > MOST_DAYS || !Frame::spans(dates) {
            return known;
        }
        // Not while others wait.
        let frame = Arc::new(self.program.frame(dates, |date| school_month(calendar, date).unwrap_or(date)));
        if let Some(key) = key {
            let mut frames = frames();
            if frames.len() >= MOST_FRAMES {
                frames.clear();
            }
            frames.insert(key, Stretch { calendar: calendar.clone(), frame: Arc::clone(&frame) });
        }
        Some(frame)
    }
}

/// All measures that a rule names, kept ones too.
fn named(rule: &Rule) -> Vec<Measure> {
    let mut named = rule.judged();
    named.extend_from_slice(&rule.others);
    rule.barred.iter().for_each(|bar| bar.unless.name(&mut named));
    named
}

/// Whether a measure follows from marked days and what is known beside them, as of any dates.
fn is_counted(measure: Measure) -> bool {
    !matches!(measure, Measure::Of(Counted::MinutesAbsent | Counted::MinutesUnexcused, _))
}
