//! A running count in the place of a full look: what rules ask of it when one of them has something else to say, or when what was
//! told before may have been disproved.

use std::cell::OnceCell;

use smallvec::SmallVec;

use super::behind::Gathered;
use super::{Known, With};
use crate::date::Date;
use crate::episode::Ground;
use crate::evaluation::Evaluation;
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::Ledger;
use crate::marked::Days;
use crate::measure::{Figures, Kept, Measures};
use crate::rule::claim::{Cited, cite_absences};
use crate::rule::{Evidence, Rule};
use crate::settings::Now;

/// A count that has come to these measures with the dates in force.
pub(super) struct StandingIn<'a> {
    known: &'a Known,
    ledger: &'a Ledger,
    with: &'a With<'a>,
    measures: Measures,
    /// The first date of which marks may say something else than when the last step was taken; none when none does.
    since: Option<Date>,
    /// The marked days, once somebody asks for them; none when they cannot be told from the marks alone.
    gathered: OnceCell<Option<Gathered>>,
    /// All counted anew, once somebody asks for what is not known here.
    whole: OnceCell<Evaluation<'a>>,
}

impl<'a> StandingIn<'a> {
    pub(super) fn new(known: &'a Known, ledger: &'a Ledger, with: &'a With<'a>, measures: Measures) -> Self {
        let (gathered, whole) = (OnceCell::new(), OnceCell::new());
        Self { known, ledger, with, measures, since: None, gathered, whole }
    }

    /// Where marks of a date and of later ones may say something else than before.
    pub(super) fn since(self, date: Date, gathered: Option<Gathered>) -> Self {
        let gathered = gathered.map_or_else(OnceCell::new, |gathered| OnceCell::from(Some(gathered)));
        Self { since: Some(date), gathered, ..self }
    }

    /// The student's dates of the whole year, and the marked days up to the last mark.
    fn days(&self) -> Option<Days<'_>> {
        let dates = self.known.schedule.dates(self.with.view);
        let gathered = || self.gathered.get_or_init(|| Some(self.known.gather(self.ledger, dates)?.0)).as_deref();
        let marked = self.known.marked().or_else(gathered)?;
        Some(Days { dates, marked })
    }

    fn marks(&self, dates: impl Iterator<Item = Date>, listed: bool) -> Cited {
        let school = self.known.schedule.school(self.with.view);
        let days: SmallVec<[_; 8]> = dates.filter_map(|date| Some((school?, date))).collect();
        cite_absences(self.ledger, self.with.settings, &days, listed)
    }

    fn counted(&self, date: Date) -> bool {
        self.known.schedule.dates(self.with.view).binary_search(&date).is_ok()
    }
}

impl<'e> Ground<'e> for StandingIn<'e> {
    fn now(&self) -> Now {
        self.with.now
    }

    fn year(&self) -> SchoolYear {
        self.known.year
    }

    fn home(&self) -> Option<&SchoolId> {
        self.known.schedule.school(self.with.view)
    }

    fn school_today(&self) -> Option<&SchoolId> {
        self.home().filter(|_| self.counted(self.with.now.today))
    }

    fn figures(&self, rule: &Rule) -> Figures {
        // They were counted when the levels were; without them there is no standing in.
        self.known.figures(self.measures, rule, self.with).unwrap_or_default()
    }

    fn figures_then(&self, rule: &Rule, at: Now) -> Figures {
        let known = self.days().and_then(|days| self.known.figures_then(days, rule, at, self.with));
        known.unwrap_or_else(|| self.whole().figures(&rule.others, at))
    }

    fn student(&self) -> Option<&Evaluation<'e>> {
        None
    }

    fn cite(&self, rule: &Rule, figures: &Figures, at: Now, listed: bool) -> Cited {
        let days = || self.days().map(|days| days.until(at.as_of));
        match rule.evidence {
            Evidence::Today => self.marks(Some(at.today).filter(|date| self.counted(*date)).into_iter(), listed),
            Evidence::Streak => {
                let dates = self.known.schedule.dates(self.with.view);
                let counted = Days { dates, marked: &[] }.until(at.as_of);
                self.marks(counted.last(figures.measures.streak), listed)
            }
            Evidence::Absences if let Some(days) = days() => self.marks(days.missed(), listed),
            _ => rule.evidence.cite(self.whole(), figures.measures.streak, at, listed),
        }
    }

    fn may_differ(&self, rule: &Rule, at: Now) -> bool {
        self.since.is_some_and(|since| since <= at.today.max(at.as_of)) && rule.claims.meets(Kept::OF_DAYS)
    }

    fn home_then(&self, date: Date) -> Option<&SchoolId> {
        if date < self.known.entry_on { self.whole().home(date) } else { self.home() }
    }

    fn whole(&self) -> &Evaluation<'e> {
        let With { view, settings, now, .. } = *self.with;
        self.whole.get_or_init(|| Evaluation::new(self.ledger, view, settings, now))
    }
}
