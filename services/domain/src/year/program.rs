//! A pack's conditions as bounds that counts reach, compiled once for all students.

use super::bits::{Bits, MOST_DAYS};
use super::planes::Planes;
use super::reading::{Among, Named, Reading, Slot};
use super::table::{Bound, Table};
use crate::measure::{Measure, Measures};
use crate::rule::condition::{Condition, Leaf, Number, Scanned};
use crate::rule::{Pack, Rule};
use crate::window::Window;

/// A rule pack for years of whole days.
#[derive(Debug, Clone)]
pub struct Program {
    /// In the order of the pack; none of a rule that names what does not follow from whole days.
    pub(super) rules: Vec<Option<Compiled>>,
    pub(super) slots: Vec<Slot>,
    /// Bounds that go by dates.
    pub(super) dated: Vec<(Leaf, Bound)>,
    /// Parts of years that go by dates, which are counted as of each day.
    dated_among: Vec<Among>,
    /// Whether it tells of what marks do not say, as long as that stays the same.
    beside: bool,
}

#[derive(Debug, Clone)]
pub(super) struct Compiled {
    pub(super) opens: Node,
    pub(super) clears: Option<Node>,
    pub(super) level: Level,
    /// What it takes to tell what is barred.
    pub(super) barred: Vec<Named>,
    /// Something is divided by what it counts, which may be nothing on a date after the last counted day, or may leave 64 bits.
    may_fail: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Level {
    Same(i64),
    /// With the measures that it names.
    Of(Number, Vec<Named>),
}

/// A condition.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Fixed(Bits),
    Unexplained,
    /// A count, or nothing, reaches a bound.
    Reaches(Option<usize>, Bounds),
    /// Day by day, with the measures that it names.
    Scan(Scanned, Vec<Named>),
    /// The same on all days.
    Still(Scanned),
    /// The same on all days but for whether a tier is reached, which the second tells.
    Tiered(Scanned, Box<Node>),
    Not(Box<Node>),
    And(Box<Node>, Box<Node>),
    Or(Box<Node>, Box<Node>),
}

#[derive(Debug, Clone)]
pub(crate) enum Bounds {
    Always(Box<Table>),
    /// Which of the frame's.
    Dated(usize),
}

/// Compiles conditions.
pub(crate) struct Builder(Program);

impl Builder {
    /// The node of a comparison whose left side grows with the one count that it names, against the right.
    pub(crate) fn reaches(&mut self, leaf: Leaf, bound: Bound) -> Option<Node> {
        let named = self.named(&leaf.named())?;
        let is_dated = named.iter().any(|of| of.reading.needs().1);
        let mut slots = named.iter().filter_map(|of| of.slot);
        let slot = slots.next();
        if slots.any(|of| Some(of) != slot) {
            return None;
        }
        if is_dated {
            self.0.dated.push((leaf, bound));
            return Some(Node::Reaches(slot, Bounds::Dated(self.0.dated.len() - 1)));
        }
        let table = Table::of(&leaf, bound, None)?;
        Some(match slot {
            None => Node::Fixed(table.reached_by(&Planes::ZERO)),
            Some(_) => Node::Reaches(slot, Bounds::Always(Box::new(table))),
        })
    }

    /// The node of a comparison that is made day by day, or, of what does not change from day to day, once.
    pub(crate) fn scan(&mut self, scanned: Scanned) -> Option<Node> {
        let named = self.named(&scanned.named())?;
        let mut tier = None;
        for of in &named {
            match of.reading {
                Reading::Still => {}
                Reading::Flags(from) if tier.is_none_or(|tier| tier == from) => tier = Some(from),
                _ => return Some(Node::Scan(scanned, named)),
            }
        }
        Some(match tier {
            None => Node::Still(scanned),
            Some(tier) => Node::Tiered(scanned, Box::new(self.reaches(Leaf::tier(tier), Bound::AtLeast)?)),
        })
    }

    /// None of a measure that this program does not tell of.
    fn reading(&self, measure: Measure) -> Option<Reading> {
        if self.0.beside { Reading::of(measure) } else { Reading::of_days(measure) }
    }

    /// How many different counts measures need; none when one does not follow from whole days.
    pub(crate) fn counts(&mut self, measures: &[Measure]) -> Option<usize> {
        let mut slots: Vec<usize> = self.named(measures)?.iter().filter_map(|of| of.slot).collect();
        slots.sort_unstable();
        slots.dedup();
        Some(slots.len())
    }

    /// How a measure goes with what is counted of a student; none when it does not follow from whole days.
    pub(crate) fn growth(&self, measure: Measure) -> Option<Growth> {
        Some(match self.reading(measure)? {
            Reading::Unmeasured(_) => Growth::Down,
            Reading::Still | Reading::Flags(_) | Reading::Incidents => Growth::Any,
            reading if reading.needs().0.is_some() => Growth::Up,
            _ => Growth::None,
        })
    }

    /// The node of a measure that is true or false, which is scanned where it is told beside marks.
    pub(crate) fn flag(&mut self, measure: Measure, scanned: impl FnOnce() -> Scanned) -> Option<Node> {
        match self.reading(measure)? {
            Reading::Unexplained => Some(Node::Unexplained),
            Reading::Still => self.scan(scanned()),
            _ => None,
        }
    }

    /// What measures are counted from; none when one does not follow from whole days.
    fn named(&mut self, measures: &[Measure]) -> Option<Vec<Named>> {
        let mut named = Vec::with_capacity(measures.len());
        for &measure in measures {
            let reading = self.reading(measure)?;
            if let Reading::Days(among, _) = reading {
                self.0.know(among);
            }
            let slot = reading.needs().0.map(|slot| self.0.allot(slot));
            named.push(Named { measure, reading, slot });
        }
        Some(named)
    }

    fn rule(&mut self, rule: &Rule) -> Option<Compiled> {
        let opens = rule.opens_when.node(self)?;
        let opens = match usize::try_from(rule.minimum_days).ok()?.checked_sub(1) {
            None => opens,
            Some(too_few) => opens.and(Node::Fixed(!Bits::first(too_few.min(MOST_DAYS)))),
        };
        let clears = match &rule.clears_when {
            None => None,
            Some(clears_when) => Some(clears_when.node(self)?),
        };
        let mut named = Vec::new();
        rule.level.name(&mut named);
        let level = if named.is_empty() {
            Level::Same(rule.level.value(&Measures::default()).ok()?)
        } else {
            Level::Of(rule.level.clone(), self.named(&named)?)
        };
        let mut of_bars = Vec::new();
        rule.barred.iter().for_each(|bar| bar.unless.name(&mut of_bars));
        // Where it is not told what is barred, all else is told.
        let barred = if self.0.beside { self.named(&of_bars)? } else { Vec::new() };
        let may_fail = rule.opens_when.may_fail()
            || rule.clears_when.as_ref().is_some_and(Condition::may_fail)
            || rule.level.may_fail();
        Some(Compiled { opens, clears, level, barred, may_fail })
    }
}

/// How a measure goes with what is counted of a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Growth {
    /// It does not.
    None,
    Up,
    Down,
    Any,
}

impl Node {
    pub(crate) fn not(self) -> Self {
        Self::Not(Box::new(self))
    }

    pub(crate) fn or(self, other: Self) -> Self {
        Self::Or(Box::new(self), Box::new(other))
    }

    pub(crate) fn and(self, other: Self) -> Self {
        match (self, other) {
            (Self::Reaches(slot, Bounds::Always(table)), Self::Fixed(days))
            | (Self::Fixed(days), Self::Reaches(slot, Bounds::Always(table))) => {
                Self::Reaches(slot, Bounds::Always(Box::new(table.within(days))))
            }
            (left, right) => Self::And(Box::new(left), Box::new(right)),
        }
    }
}

impl Program {
    /// Compiles a pack.
    pub fn of(pack: &Pack) -> Self {
        Self::of_rules(&pack.rules)
    }

    /// Compiles rules, of several packs too: what they count alike is counted once.
    pub fn of_rules<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Self {
        Self::compiled(rules, false)
    }

    /// The same of a student of whom it is known what stays the same from day to day, and that nobody knows how long days are.
    pub(crate) fn with_beside<'r>(rules: impl IntoIterator<Item = &'r Rule>) -> Self {
        Self::compiled(rules, true)
    }

    /// Whether it is told what a measure comes to, which days alone do not tell.
    pub(crate) fn takes_as_still(measure: Measure) -> bool {
        matches!(Reading::of(measure), Some(Reading::Still | Reading::Flags(_) | Reading::Incidents))
    }

    fn compiled<'r>(rules: impl IntoIterator<Item = &'r Rule>, beside: bool) -> Self {
        let (slots, dated, dated_among) = (Vec::new(), Vec::new(), Vec::new());
        let empty = Self { rules: Vec::new(), slots, dated, dated_among, beside };
        let mut builder = Builder(empty);
        let rules = rules.into_iter().map(|rule| builder.rule(rule)).collect();
        Self { rules, ..builder.0 }
    }

    /// Whether it can tell of a rule, by its position.
    pub fn tells(&self, rule: usize) -> bool {
        self.rules.get(rule).is_some_and(Option::is_some)
    }

    /// Whether a rule of which all counted days can be told can be evaluated on any date after them, by its position. Windows have moved
    /// on then: something may be divided by what they hold, or taken from too little.
    pub fn fails_on_counted_days_alone(&self, rule: usize) -> bool {
        self.rules.get(rule).and_then(Option::as_ref).is_some_and(|rule| !rule.may_fail)
    }

    pub(super) fn windows(&self) -> impl Iterator<Item = Window> {
        self.dated_among.iter().filter_map(|among| match among {
            Among::Dated(window) => Some(*window),
            _ => None,
        })
    }

    pub(super) fn weekdays(&self) -> impl Iterator<Item = i8> {
        self.dated_among.iter().filter_map(|among| match among {
            Among::Weekday(weekday) => Some(*weekday),
            _ => None,
        })
    }

    fn allot(&mut self, slot: Slot) -> usize {
        if let Slot::Sum(_, among) = slot {
            self.know(among);
        }
        self.slots.iter().position(|of| *of == slot).unwrap_or_else(|| {
            self.slots.push(slot);
            self.slots.len() - 1
        })
    }

    fn know(&mut self, among: Among) {
        if among.is_dated() && !self.dated_among.contains(&among) {
            self.dated_among.push(among);
        }
    }
}
