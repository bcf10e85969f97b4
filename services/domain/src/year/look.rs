//! One student's year through a compiled pack.

use std::fmt;

use super::bits::Bits;
use super::frame::Frame;
use super::planes::Planes;
use super::program::{Bounds, Level, Node, Program};
use super::reading::{Among, Counts, Named, Point, Slot};
use super::table::Table;
use super::{KINDS, Kind, Year};
use crate::measure::{Measure, Values};
use crate::rule::condition::Scanned;

/// Room for one student's counts, used again for the next.
#[derive(Debug)]
pub struct Scratch {
    so_far: [Planes; KINDS],
    is_counted: [bool; KINDS],
    /// By slot.
    counts: Vec<Planes>,
    is_filled: Vec<bool>,
}

impl Default for Scratch {
    fn default() -> Self {
        let (counts, is_filled) = (Vec::new(), Vec::new());
        Self { so_far: [const { Planes::ZERO }; KINDS], is_counted: [false; KINDS], counts, is_filled }
    }
}

/// What a pack comes to on each counted day of a student's year.
pub struct Look<'a> {
    pub(super) program: &'a Program,
    pub(super) year: &'a Year,
    frame: &'a Frame,
    scratch: &'a mut Scratch,
    /// What is the same on all days.
    pub(super) still: &'a dyn Values,
    looked_at: Bits,
}

impl fmt::Debug for Look<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Look").field("year", self.year).field("looked_at", &self.looked_at).finish_non_exhaustive()
    }
}

/// Nothing is known beside the days.
struct Untold;

impl Values for Untold {
    fn value(&self, _: Measure) -> Option<i64> {
        None
    }
}

impl<'a> Look<'a> {
    /// At a student whose counted days have the frame's dates.
    pub fn new(program: &'a Program, year: &'a Year, frame: &'a Frame, scratch: &'a mut Scratch) -> Self {
        Self::since(0, (program, year, frame), &Untold, scratch)
    }

    /// At the days from one on, and what is the same on all of them. Of days before nothing is told.
    pub(crate) fn since(
        first: usize,
        (program, year, frame): (&'a Program, &'a Year, &'a Frame),
        still: &'a dyn Values,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.is_counted = [false; KINDS];
        scratch.is_filled.clear();
        scratch.is_filled.resize(program.slots.len(), false);
        if scratch.counts.len() < program.slots.len() {
            scratch.counts.resize(program.slots.len(), Planes::ZERO);
        }
        let looked_at = Bits::first(year.days()) & !Bits::first(first);
        Self { program, year, frame, scratch, still, looked_at }
    }

    /// How many days are counted.
    pub fn days(&self) -> usize {
        self.year.days()
    }

    pub(super) const fn frame(&self) -> &'a Frame {
        self.frame
    }

    /// The counted days as of whose close a rule would open, by the rule's position in the pack; none when that does not follow
    /// from whole days, or when its arithmetic fails on some day.
    pub fn held(&mut self, rule: usize) -> Option<Bits> {
        let program = self.program;
        let compiled = program.rules.get(rule)?.as_ref()?;
        let days = self.looked_at;
        Some(self.value(&compiled.opens, days)? & days)
    }

    /// Whether a rule has the same level on all days.
    pub(crate) fn has_one_level(&self, rule: usize) -> bool {
        let compiled = self.program.rules.get(rule).and_then(Option::as_ref);
        compiled.is_some_and(|compiled| matches!(compiled.level, Level::Same(_)))
    }

    /// Whether no marks can open a rule, while what is the same on all days stays so.
    pub(crate) fn is_closed(&self, rule: usize) -> bool {
        let compiled = self.program.rules.get(rule).and_then(Option::as_ref);
        compiled.is_some_and(|compiled| self.always(&compiled.opens) == Some(false))
    }

    /// What a condition comes to on all days, whatever marks say; none where they tell. As conditions are evaluated, the left side
    /// comes first.
    fn always(&self, node: &Node) -> Option<bool> {
        let of_days = |days: Bits| !days.is_empty();
        match node {
            Node::Fixed(_) | Node::Unexplained | Node::Reaches(..) | Node::Scan(..) => None,
            Node::Still(scanned) => self.if_still(scanned, false).map(of_days),
            Node::Tiered(scanned, _) => match [false, true].map(|reached| self.if_still(scanned, reached)) {
                [below, from] if below == from => below.map(of_days),
                _ => None,
            },
            Node::Not(inner) => self.always(inner).map(|is_so| !is_so),
            Node::And(left, right) if self.always(left)? => self.always(right),
            Node::And(..) => Some(false),
            Node::Or(left, right) if !self.always(left)? => self.always(right),
            Node::Or(..) => Some(true),
        }
    }

    /// The days as of whose close a rule that is open would clear, of a rule that would open as of these; none likewise.
    pub(crate) fn cleared(&mut self, rule: usize, held: Bits) -> Option<Bits> {
        let program = self.program;
        match &program.rules.get(rule)?.as_ref()?.clears {
            None => Some(!held),
            Some(clears) => {
                let others = self.looked_at & !held;
                Some(self.value(clears, others)? & others)
            }
        }
    }

    /// A rule's level as of the close of a counted day; none when its arithmetic fails, or when it does not follow from whole days.
    pub fn level(&mut self, rule: usize, day: usize) -> Option<i64> {
        let program = self.program;
        match &program.rules.get(rule)?.as_ref()?.level {
            Level::Same(level) => Some(*level),
            Level::Of(number, named) => {
                self.fill_all(named);
                number.value(&self.point(day, named)).ok()
            }
        }
    }

    /// The values as of the close of a counted day, of what it takes to tell what a rule bars.
    pub(crate) fn barring(&mut self, rule: usize, day: usize) -> Option<Point<'_>> {
        let program = self.program;
        let named = &program.rules.get(rule)?.as_ref()?.barred;
        self.fill_all(named);
        Some(self.point(day, named))
    }

    fn point<'p>(&'p self, day: usize, named: &'p [Named]) -> Point<'p> {
        Point { day, frame: Some(self.frame), counts: Counts::Of(self, named) }
    }

    /// On which of some days it holds; of others nothing is told, nor are they looked at where that takes a look at each.
    fn value(&mut self, node: &Node, days: Bits) -> Option<Bits> {
        Some(match node {
            Node::Fixed(days) => *days,
            Node::Unexplained => self.year.of_kind(Kind::Unexplained),
            Node::Reaches(slot, Bounds::Always(table)) => self.reaches(*slot, table),
            Node::Reaches(slot, Bounds::Dated(at)) => {
                let frame = self.frame;
                self.reaches(*slot, frame.tables.get(*at)?.as_ref()?)
            }
            Node::Scan(scanned, named) => {
                self.fill_all(named);
                let mut held = Bits::NONE;
                for day in days.iter() {
                    if scanned.holds(&self.point(day, named)).ok()? {
                        held.insert(day);
                    }
                }
                held
            }
            Node::Still(scanned) => self.if_still(scanned, false)?,
            Node::Tiered(scanned, tier) => match [false, true].map(|reached| self.if_still(scanned, reached)) {
                [below, from] if below == from => below?,
                [below, from] => {
                    let reached = self.value(tier, days)?;
                    below? & !reached | from? & reached
                }
            },
            Node::Not(inner) => !self.value(inner, days)?,
            // As conditions are evaluated, the right side is not asked for where the left one tells.
            Node::And(left, right) => match self.value(left, days)? & days {
                Bits::NONE => Bits::NONE,
                left => left & self.value(right, left)?,
            },
            Node::Or(left, right) => {
                let left = self.value(left, days)? & days;
                match days & !left {
                    Bits::NONE => left,
                    rest => left | self.value(right, rest)? & rest,
                }
            }
        })
    }

    /// All days or none.
    fn if_still(&self, scanned: &Scanned, reached: bool) -> Option<Bits> {
        let point = Point { day: 0, frame: Some(self.frame), counts: Counts::Still(self, reached) };
        Some(if scanned.holds(&point).ok()? { !Bits::NONE } else { Bits::NONE })
    }

    fn reaches(&mut self, slot: Option<usize>, table: &Table) -> Bits {
        let Some(slot) = slot else { return table.reached_by(&Planes::ZERO) };
        let kind = self.program.slots[slot].kind();
        // No count is higher than that of all days, and most bounds are out of reach of most students.
        if self.so_far(kind).most() < table.least {
            return Bits::NONE;
        }
        self.fill(slot);
        let counts = self.counts(slot);
        if counts.most() < table.least { Bits::NONE } else { table.reached_by(counts) }
    }

    fn so_far(&mut self, kind: Kind) -> &Planes {
        let at = kind as usize;
        if !self.scratch.is_counted[at] {
            self.scratch.so_far[at].so_far(self.year.of_kind(kind));
            self.scratch.is_counted[at] = true;
        }
        &self.scratch.so_far[at]
    }

    fn fill_all(&mut self, named: &[Named]) {
        for slot in named.iter().filter_map(|of| of.slot) {
            self.fill(slot);
        }
    }

    fn fill(&mut self, at: usize) {
        if std::mem::replace(&mut self.scratch.is_filled[at], true) {
            return;
        }
        let slot = self.program.slots[at];
        let set = self.year.of_kind(slot.kind());
        if let Slot::Sum(kind, Among::Year | Among::Last(_)) = slot {
            self.so_far(kind);
        }
        let Scratch { so_far, counts, .. } = &mut *self.scratch;
        let counts = &mut counts[at];
        match slot {
            Slot::Row(_) => counts.in_a_row(set),
            Slot::LongestRow => counts.longest_row(set),
            Slot::Sum(_, Among::Year) => {}
            Slot::Sum(kind, Among::Last(days)) => counts.in_last(&so_far[kind as usize], usize::from(days)),
            Slot::Sum(_, Among::First(days)) => counts.so_far(set & Bits::first(usize::from(days))),
            Slot::Sum(_, Among::Dated(window)) => {
                let firsts = self.frame.window(window).unwrap_or_default();
                // What came before is in the window of no day that is looked at.
                let first = self.looked_at.next(0).and_then(|day| firsts.get(day));
                counts.within(set & !Bits::first(first.map_or(0, |first| usize::from(*first))), firsts);
            }
            Slot::Sum(_, Among::Weekday(weekday)) => {
                counts.so_far(set & self.frame.weekday(weekday).unwrap_or_default());
            }
        }
    }

    /// As they were filled.
    pub(super) fn counts(&self, at: usize) -> &Planes {
        match self.program.slots[at] {
            Slot::Sum(kind, Among::Year) => &self.scratch.so_far[kind as usize],
            _ => &self.scratch.counts[at],
        }
    }
}
