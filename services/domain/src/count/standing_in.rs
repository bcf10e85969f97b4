//! A running count in the place of a full look: what rules ask of it when one of them has something else to say, or when what was
//! told before may have been disproved.

use std::cell::{Cell, OnceCell};

use smallvec::SmallVec;

use super::memory::Memory;
use super::{Known, With};
use crate::date::Date;
use crate::episode::Ground;
use crate::evaluation::Evaluation;
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::Ledger;
use crate::marked::{Days, Marked};
use crate::measure::{Figures, Kept, Measures};
use crate::rule::claim::{Citable, Cited, Fingerprint, cite_absences};
use crate::rule::history::Course;
use crate::rule::{Evidence, Held, Rule};
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
    gathered: OnceCell<Option<Vec<Marked>>>,
    /// Marks of all days that were missed, and of those without excuse, for all rules that cite some of them.
    absences: OnceCell<Citable<'a>>,
    not_excused: OnceCell<Citable<'a>>,
    /// What was cited last, up to which date, when it was not listed: rules that are told in one step mostly cite the same.
    cited: Cell<Option<(Evidence, Date, u32, Fingerprint)>>,
    /// What rules with a memory come to up to the as-of date, by their positions, each once somebody asks: few do where nothing is
    /// disproved. None of those that take a full look.
    courses: OnceCell<Vec<OnceCell<Option<Course>>>>,
    /// All counted anew, once somebody asks for what is not known here.
    whole: OnceCell<Evaluation<'a>>,
}

impl<'a> StandingIn<'a> {
    pub(super) fn new((known, ledger): (&'a Known, &'a Ledger), with: &'a With<'a>, measures: Measures) -> Self {
        let (absences, not_excused) = (OnceCell::new(), OnceCell::new());
        let (gathered, courses, whole) = (OnceCell::new(), OnceCell::new(), OnceCell::new());
        Self {
            known,
            ledger,
            with,
            measures,
            since: None,
            gathered,
            absences,
            not_excused,
            cited: Cell::new(None),
            courses,
            whole,
        }
    }

    /// Marks of a date and of later ones may say something else than before. The marked days, where they were gathered.
    pub(super) fn look_back(&mut self, since: Date, gathered: Option<Vec<Marked>>) {
        self.since = Some(since);
        if let Some(gathered) = gathered {
            self.gathered = OnceCell::from(Some(gathered));
        }
    }

    /// The student's dates of the whole year, and the marked days up to the last mark.
    fn days(&self) -> Option<Days<'_>> {
        let dates = self.known.schedule.dates(self.with.view);
        let gathered = || self.gathered.get_or_init(|| Some(self.known.gather(self.ledger, dates)?.0)).as_deref();
        let marked = self.known.marked().or_else(gathered)?;
        Some(Days { dates, marked })
    }

    fn marks(&self, dates: impl Iterator<Item = Date>, listed: bool) -> Cited {
        cite_absences(self.ledger, self.with.settings, &self.at_school(dates), listed)
    }

    fn absences(&self, days: Days<'_>) -> &Citable<'a> {
        let missed = || self.at_school(days.missed());
        self.absences.get_or_init(|| Citable::absences(self.ledger, self.with.settings, &missed()))
    }

    fn not_excused(&self, days: Days<'_>) -> &Citable<'a> {
        let days = || self.at_school(days.not_excused());
        self.not_excused.get_or_init(|| Citable::not_excused(self.ledger, self.with.settings, &days()))
    }

    /// The marks up to a date, of those that an evidence cites.
    fn cited(&self, evidence: Evidence, marks: &Citable<'_>, until: Date, listed: bool) -> Cited {
        let known = self.cited.get().filter(|(of, last, ..)| !listed && (*of, *last) == (evidence, until));
        if let Some((.., left_off, fingerprint)) = known {
            return Cited { facts: Vec::new(), left_off, fingerprint };
        }
        let cited = marks.between(Date::EPOCH, until).cite(listed);
        self.cited.set(Some((evidence, until, cited.many(), cited.fingerprint)));
        cited
    }

    /// What a rule with a memory comes to; none of one that takes a full look.
    fn course(&self, at: usize) -> Option<&Course> {
        let memory = self.known.memory.as_deref()?;
        let courses = self.courses.get_or_init(|| vec![OnceCell::new(); self.with.pack.rules.len()]);
        courses.get(at)?.get_or_init(|| self.known.course(at, memory, self.with)).as_ref()
    }

    fn at_school(&self, dates: impl Iterator<Item = Date>) -> SmallVec<[(&SchoolId, Date); 8]> {
        let school = self.known.schedule.school(self.with.view);
        dates.filter_map(|date| Some((school?, date))).collect()
    }

    fn counts(&self, date: Date) -> bool {
        self.known.schedule.dates(self.with.view).binary_search(&date).is_ok()
    }

    /// Where a rule is in the pack.
    fn position(&self, rule: &Rule) -> Option<usize> {
        self.with.pack.rules.iter().position(|of| of.is(rule))
    }

    fn is_whole(&self, at: usize) -> bool {
        self.known.memory.as_ref().is_some_and(|memory| memory.is_whole(at))
    }

    /// The last counted day up to a date.
    fn last_counted(&self, as_of: Date) -> Option<Date> {
        let dates = self.known.schedule.dates(self.with.view);
        dates[..dates.partition_point(|date| *date <= as_of)].last().copied()
    }

    fn whole(&self) -> &Evaluation<'a> {
        let With { view, settings, pack, now, .. } = *self.with;
        self.whole.get_or_init(|| {
            let student = Evaluation::new(self.ledger, view, settings, now);
            let known = self.known.memory.as_deref();
            known.map_or_else(|| student.look_through(pack), |memory| student.look_as(memory));
            student
        })
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
        self.home().filter(|_| self.counts(self.with.now.today))
    }

    fn figures(&self, rule: &Rule) -> Figures {
        if let Some(memory) = &self.known.memory {
            if self.position(rule).is_some_and(|at| memory.is_whole(at)) {
                return Ground::figures(self.whole(), rule);
            }
            let seen = self.seen(rule, self.with.now);
            if seen != self.with.now {
                return self.figures_then(rule, seen);
            }
        }
        // They were counted when the levels were; without them there is no standing in.
        self.known.figures(self.measures, rule, self.with).unwrap_or_default()
    }

    fn figures_then(&self, rule: &Rule, at: Now) -> Figures {
        let may_be_other = |memory: &Memory| {
            let position = self.position(rule);
            position.is_none_or(|of| memory.is_whole(of) || at.as_of < memory.since && memory.is_beside(of))
        };
        let known = match &self.known.memory {
            Some(memory) if may_be_other(memory) => None,
            _ => self.days().and_then(|days| self.known.figures_then(days, rule, at, self.with)),
        };
        known.unwrap_or_else(|| self.whole().figures(&rule.others, at))
    }

    fn student(&self) -> &Evaluation<'e> {
        self.whole()
    }

    fn claimed(&self, rule: &Rule, at: Now) -> Option<Option<Held>> {
        let (position, now) = (self.position(rule)?, self.with.now);
        if at != now {
            let course = self.course(position).filter(|_| at.as_of <= now.as_of)?;
            return Some(course.held(at.as_of));
        }
        (rule.has_memory() || self.is_whole(position)).then(|| self.known.held(position, self.with))
    }

    fn has_expired(&self, rule: &Rule) -> bool {
        self.position(rule).is_some_and(|at| {
            // What a full look has claimed does not say whether it has ended by itself.
            if self.is_whole(at) {
                let as_of = self.with.now.as_of;
                return Course::of(rule, self.whole(), as_of).has_expired(as_of);
            }
            self.known.has_expired(at)
        })
    }

    fn fails_on_no_day(&self, rule: &Rule) -> bool {
        // Those that are counted were evaluated on each.
        self.known.memory.is_some() && self.position(rule).is_some_and(|at| !self.is_whole(at))
    }

    fn seen(&self, rule: &Rule, at: Now) -> Now {
        let last = if rule.has_memory() { self.last_counted(at.as_of) } else { None };
        last.map_or(at, |date| Now { today: date, as_of: date })
    }

    fn school_day_after(&self, from: Date, days: u32) -> Option<Date> {
        self.known.schedule.school_day_after(from, days, self.with.view)
    }

    fn cite(&self, rule: &Rule, figures: &Figures, at: Now, listed: bool) -> Cited {
        let cited = |marks| self.cited(rule.evidence, marks, at.as_of, listed);
        match rule.evidence {
            Evidence::Today => self.marks(Some(at.today).filter(|date| self.counts(*date)).into_iter(), listed),
            Evidence::Streak => {
                // Without an absence, the last counted days are silent.
                let dates = self.known.schedule.dates(self.with.view);
                let counted = Days { dates, marked: &[] }.until(at.as_of);
                self.marks(counted.last(figures.measures.streak), listed)
            }
            Evidence::Absences if let Some(days) = self.days() => cited(self.absences(days)),
            Evidence::Unexcused if let Some(days) = self.days() => cited(self.not_excused(days)),
            _ => rule.evidence.cite(self.whole(), figures.measures.streak, at, listed),
        }
    }

    fn may_differ(&self, rule: &Rule, at: Now) -> bool {
        self.since.is_some_and(|since| since <= at.today.max(at.as_of)) && rule.claims.meets(Kept::OF_DAYS)
    }

    fn home_then(&self, date: Date) -> Option<&SchoolId> {
        if date < self.known.entry_on { self.whole().home(date) } else { self.home() }
    }
}
