//! Marks that do not stand behind all others: corrections, withdrawals, a second mark of a day. The marked days of the year are
//! gathered out of the ledger again, which is a walk over its marks; what else a full look counts has stayed as it was.

use smallvec::SmallVec;

use super::small::Kind;
use super::{Found, Known, Last, Pending, Settled, Sums, With};
use crate::date::Date;
use crate::day::{self, Plain};
use crate::ledger::{Ledger, Tail, Written};
use crate::marked::{Days, Marked};
use crate::measure::{Figures, Kept, Measures};
use crate::rule::Rule;
use crate::settings::Now;

impl Known {
    /// Whether what was told may be disproved by what was said since.
    pub(super) fn is_behind(&self) -> bool {
        match self.pending {
            Pending::Nothing => false,
            Pending::Next(date, _) => self.told.is_some_and(|told| date <= told),
            Pending::Since(_) => true,
        }
    }

    /// Whether the count goes on after a word that was written thus: what it is about has to be marks of the student's days alone.
    /// Where kinds stand elsewhere they are learned again.
    pub(super) fn stays(&mut self, written: Written) -> bool {
        match written {
            Written::InPlace => true,
            Written::Without(at) => {
                if at < self.kinds.len() {
                    self.kinds.remove(at);
                }
                true
            }
            Written::Marks if self.kinds.iter().any(|kind| kind.leans()) => false,
            Written::Marks => {
                self.kinds.clear();
                true
            }
            Written::Words => false,
        }
    }

    /// Marks of this date say something else than when they were counted, or will when the next look is taken.
    pub(super) fn wait_since(&mut self, date: Date) {
        self.pending = match self.pending {
            Pending::Nothing => Pending::Since(date),
            Pending::Next(other, _) | Pending::Since(other) => Pending::Since(date.min(other)),
        };
    }

    /// Counts up to the dates in force, when marks of a date and of later ones may say something else than before. None when the
    /// count ends here.
    pub(super) fn look_behind(&mut self, since: Date, ledger: &Ledger, with: &With<'_>) -> Option<Found> {
        self.pending = Pending::Nothing;
        self.move_on(with)?;
        self.learn_kinds(ledger, with)?;
        let schedule = self.schedule.clone();
        let dates = schedule.dates(with.view);
        let (gathered, tail) = self.gather(ledger, dates)?;
        if tail.date() > with.now.as_of.max(with.now.today).days() {
            return None;
        }
        self.tail = tail;
        self.last_mark = tail.date();
        self.heard_of_until = self.heard_of_until.max(self.last_mark);
        self.begin(Days { dates, marked: &gathered })?;
        let first = dates.partition_point(|date| *date < since).min(usize::from(self.passed));
        if let Some(memory) = &mut self.memory {
            memory.set_back(first);
        }
        let measures = self.measures(dates, with.now)?;
        self.levels = Some(self.claims(Some(ledger), measures, with, None)?);
        Some(Found { measures, settled: Settled::Since(since, Some(gathered)) })
    }

    /// Begins to count behind the last mark.
    pub(super) fn begin(&mut self, days: Days<'_>) -> Option<()> {
        let last_on = Date::from_days(self.last_mark).ok()?;
        let (counted, before) = (days.until(last_on), days.until(last_on.previous()));
        self.passed = u16::try_from(before.dates.len()).ok()?;
        self.last = counted.day(last_on).map(|day| Last::of(&day));
        if let Some(others) = &mut self.others {
            others.begin(counted);
        }
        let Measures { failing, failing_core, .. } = self.before.measures();
        self.before = Sums::of(&Measures { failing, failing_core, ..before.measures() })?;
        Some(())
    }

    /// The marked days out of a ledger, and where its marks end; none when a mark of one of the dates takes more to count.
    pub(super) fn gather(&self, ledger: &Ledger, dates: &[Date]) -> Option<(Vec<Marked>, Tail)> {
        let alone: SmallVec<[_; 8]> = self.kinds.iter().map(|kind| kind.alone()).collect();
        let mut marks = ledger.in_order()?;
        let (mut gathered, mut at) = (Vec::new(), 0);
        let mut next = marks.next();
        while let Some((date, kind)) = next {
            next = marks.next();
            at += dates[at..].iter().take_while(|of| of.days() < date).count();
            let Some(of) = dates.get(at).filter(|of| of.days() == date) else { continue };
            if next.is_none_or(|(next, _)| next != date) {
                gathered.extend((*alone.get(kind)?)?.map(|day| day.on(at)));
                continue;
            }
            let mut said: SmallVec<[Plain; 4]> = self.kinds.get(kind)?.said()?.into_iter().collect();
            while let Some((_, kind)) = next.filter(|(next, _)| *next == date) {
                said.extend(self.kinds.get(kind)?.said()?);
                next = marks.next();
            }
            gathered.extend(Marked::of(at, &day::of_marks(*of, said.into_iter())));
        }
        Some((gathered, marks.tail()))
    }

    /// The measures that a rule goes by with earlier dates of the school year; none when they take a full look.
    pub(super) fn figures_then(&self, days: Days<'_>, rule: &Rule, at: Now, with: &With<'_>) -> Option<Figures> {
        // Grades were others before.
        if rule.claims.meets(Kept::OF_GRADES) && self.graded_since.is_some_and(|since| at.as_of < since) {
            return None;
        }
        let Measures { failing, failing_core, .. } = self.before.measures();
        let unexplained_absence_today = days.is_unexplained(at.today);
        let measures = Measures { unexplained_absence_today, failing, failing_core, ..days.until(at.as_of).measures() };
        self.figures(measures, rule, &With { now: at, ..*with })
    }

    /// Takes in what marks of new kinds say. None where that is more than a count can tell, or concerns more than the student's days.
    pub(super) fn learn_kinds(&mut self, ledger: &Ledger, with: &With<'_>) -> Option<()> {
        let school = self.schedule.school(with.view)?;
        let takes_minutes = self.memory.as_ref().is_none_or(|memory| memory.takes_minutes());
        for new in ledger.borrowed().kinds().skip(self.kinds.len()) {
            let kind = match &new {
                // That one states minutes is for a full look to find out, where some rule asks for them.
                Some(new) if new.times.minutes.is_some() && !takes_minutes => return None,
                Some(new) => Kind::of(new, school, with)?,
                None => Kind::Nothing,
            };
            // What a change of a session would concern is for a full look to find out.
            self.kinds.push(Some(kind).filter(|kind| !kind.leans())?);
        }
        Some(())
    }
}
