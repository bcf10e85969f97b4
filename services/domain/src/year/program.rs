//! A pack's conditions as bounds that counts reach, compiled once for all students.

use super::Kind;
use super::bits::{Bits, MOST_DAYS};
use super::column::Column;
use super::frame::Frame;
use super::reading::{Among, Point, Reading, Slot};
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
    /// The counts that it takes to tell what is barred.
    pub(super) barred: Vec<usize>,
    /// Something is divided by what it counts, which may be nothing on a date after the last counted day, or may leave 64 bits.
    may_fail: bool,
}

#[derive(Debug, Clone)]
pub(super) enum Level {
    Same(i64),
    /// With the counts that it needs.
    Of(Number, Vec<usize>),
}

/// Whether equality reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Bound {
    AtLeast,
    MoreThan,
}

/// A condition.
#[derive(Debug, Clone)]
pub(crate) enum Node {
    Fixed(Bits),
    Unexplained,
    /// A count, or nothing, reaches a bound.
    Reaches(Option<usize>, Bounds),
    /// Day by day, with the counts that it needs.
    Scan(Scanned, Vec<usize>),
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
    Always(Table),
    /// Which of the frame's.
    Dated(usize),
}

/// A bound as of each counted day.
#[derive(Debug, Clone)]
pub(crate) struct Table {
    pub(super) bounds: Box<Column>,
    /// No count below it reaches any.
    pub(super) least: u8,
}

/// Beyond all counts.
const NEVER: u8 = u8::MAX;

impl Table {
    /// The least count that reaches, as of each day; none when the arithmetic fails on some day with some count. What grows with the
    /// count from one end to the other fails between them only where it fails at an end.
    pub(super) fn of(leaf: &Leaf, bound: Bound, frame: Option<&Frame>) -> Option<Self> {
        let days = frame.map_or(MOST_DAYS, |frame| frame.dates().len());
        let mut bounds = [NEVER; MOST_DAYS];
        for (day, to) in bounds.iter_mut().enumerate().take(days) {
            let is_met = |count: u8| leaf.reaches(&Point::with(day, frame, count), bound).ok();
            let most = u8::try_from(day + 1).ok()?;
            *to = match (is_met(0)?, is_met(most)?) {
                (true, _) => 0,
                (false, false) => NEVER,
                (false, true) => {
                    let (mut not, mut met) = (0, most);
                    while not + 1 < met {
                        let middle = not + (met - not) / 2;
                        if is_met(middle)? { met = middle } else { not = middle }
                    }
                    met
                }
            };
        }
        Some(Self::new(|day| bounds.get(day).copied().unwrap_or(NEVER)))
    }

    fn new(bound: impl Fn(usize) -> u8) -> Self {
        let bounds = Box::new(Column::of(bound));
        Self { least: bounds.least(), bounds }
    }

    /// Out of reach but on these days.
    fn within(&self, days: Bits) -> Self {
        Self::new(|day| if days.contains(day) { self.bounds.at(day) } else { NEVER })
    }

    fn reached_by_none(&self) -> Bits {
        Column::ZERO.reaches(&self.bounds, 0..MOST_DAYS.div_ceil(8))
    }
}

/// Compiles conditions.
pub(crate) struct Builder(Program);

impl Builder {
    /// The node of a comparison whose left side grows with the one count that it names, against the right.
    pub(crate) fn reaches(&mut self, leaf: Leaf, bound: Bound) -> Option<Node> {
        let (slots, is_dated) = self.needs(&leaf.named())?;
        let slot = match slots.as_slice() {
            [] => None,
            [only] => Some(*only),
            _ => return None,
        };
        if is_dated {
            self.0.dated.push((leaf, bound));
            return Some(Node::Reaches(slot, Bounds::Dated(self.0.dated.len() - 1)));
        }
        let table = Table::of(&leaf, bound, None)?;
        Some(match slot {
            None => Node::Fixed(table.reached_by_none()),
            Some(_) => Node::Reaches(slot, Bounds::Always(table)),
        })
    }

    /// The node of a comparison that is made day by day, or, of what does not change from day to day, once.
    pub(crate) fn scan(&mut self, scanned: Scanned) -> Option<Node> {
        let named = scanned.named();
        let (slots, _) = self.needs(&named)?;
        let mut tier = None;
        for measure in &named {
            match self.reading(*measure)? {
                Reading::Still => {}
                Reading::Flags(from) if tier.is_none_or(|tier| tier == from) => tier = Some(from),
                _ => return Some(Node::Scan(scanned, slots)),
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
        self.needs(measures).map(|(slots, _)| slots.len())
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

    fn needs(&mut self, measures: &[Measure]) -> Option<(Vec<usize>, bool)> {
        let (mut slots, mut is_dated) = (Vec::new(), false);
        for measure in measures {
            let reading = self.reading(*measure)?;
            let (slot, dated) = reading.needs();
            is_dated |= dated;
            if let Reading::Days(among, _) = reading {
                self.0.know(among);
            }
            if let Some(slot) = slot {
                let at = self.0.allot(slot);
                if !slots.contains(&at) {
                    slots.push(at);
                }
            }
        }
        Some((slots, is_dated))
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
            Level::Of(rule.level.clone(), self.needs(&named)?.0)
        };
        let mut of_bars = Vec::new();
        rule.barred.iter().for_each(|bar| bar.unless.name(&mut of_bars));
        // Where it is not told what is barred, all else is told.
        let barred = if self.0.beside { self.needs(&of_bars)?.0 } else { Vec::new() };
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
                Self::Reaches(slot, Bounds::Always(table.within(days)))
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

    pub(super) fn position(&self, slot: Slot) -> Option<usize> {
        self.slots.iter().position(|of| *of == slot)
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
        if slot == Slot::LongestRow {
            self.allot(Slot::Row(Kind::Absent));
        }
        self.position(slot).unwrap_or_else(|| {
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
