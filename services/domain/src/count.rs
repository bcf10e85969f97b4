//! A student's running count: what the next mark, or the next date, adds to what was counted before.
//!
//! Most of what happens in a district is one more mark of a day, which changes no alert. To see that it does not takes less than
//! counting the year anew: the days before the last mark are summed up, the day of the last mark is kept apart, and all days
//! after it are silent. A mark that belongs behind the last one moves both on; whatever else happens (a correction, a
//! withdrawal, another record, a reference change) ends the count, and a full look begins the next one. When a rule has something
//! else to say, the count stands in for the full look, as long as no mark is of a date at which something was told before. What comes of a full look
//! is the definition; a count only ever says what a full look would have said, or nothing.

mod others;
mod standing_in;

use std::cell::OnceCell;
use std::fmt;

use smallvec::SmallVec;

use crate::alert::{AlertChange, ChangeKind};
use crate::date::Date;
use crate::day::{self, Day, Mark, Plain};
use crate::episode::{Episodes, Moment};
use crate::evaluation::Evaluation;
use crate::event::{Change, Fact, Origin};
use crate::id::{SchoolId, SchoolYear};
use crate::ledger::{Applied, Ledger, Tail};
use crate::measure::Measures;
use crate::rule::{Pack, Rule, RuleScope};
use crate::settings::{Now, Settings};
use crate::view::View;

use others::Others;
use standing_in::StandingIn;

/// What was counted of a student. Kept in memory only.
#[derive(Clone, Default)]
pub struct Count(Option<Box<Known>>);

/// With what a student is counted on. The version stands for all but the dates: as long as it is the same, so are they.
#[derive(Clone, Copy)]
pub struct With<'a> {
    /// The reference data.
    pub view: &'a View,
    /// How it counts.
    pub settings: &'a Settings,
    /// The rules.
    pub pack: &'a Pack,
    /// Of reference data, settings and rules.
    pub version: u64,
    /// The dates in force.
    pub now: Now,
}

/// What a look comes to.
#[derive(Debug)]
pub struct Looked {
    /// The district's measures.
    pub measures: Measures,
    /// To be published, in order.
    pub changes: Vec<AlertChange>,
}

/// Whether there is one only: what is known of a student stands in no log.
impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Count({})", if self.0.is_some() { "going on" } else { "none" })
    }
}

#[derive(Clone)]
struct Known {
    /// Of the reference data and rules that it was counted with.
    version: u64,
    now: Now,
    year: SchoolYear,
    /// Where the ledger's marks end.
    tail: Tail,
    /// A mark that is not in the sums yet: its date, and the position of its kind.
    added: Option<(Date, usize)>,
    /// The date of the last mark that is, in days since 1970.
    last_mark: i32,
    /// No mark that is added on a later date can be of a record that was heard of.
    heard_of_until: i32,
    /// The student's school, and when the student came there.
    school: SchoolId,
    entry_on: Date,
    /// What marks of a kind say there, by its position; none where that depends on more than the mark.
    kinds: SmallVec<[Option<Plain>; 8]>,
    schedule: Schedule,
    /// Counted days before the last mark's.
    before: Measures,
    /// How many of the schedule's dates they are.
    passed: usize,
    /// The last mark's day, if it counts.
    last: Option<Day>,
    /// Since this date grades have come to what they do now.
    graded_since: Option<Date>,
    /// A grade counts from this date on that does not now.
    next_grade_on: Option<Date>,
    /// The latest date that an episode was told at which may still be amended or recalled.
    told: Option<Date>,
    /// An episode of a day is open, and ends with it.
    open_day: bool,
    /// What rules claim with what was counted, in their order; none before anybody asked.
    levels: Option<Levels>,
    /// None when no rule asks for more than the measures of every student.
    others: Option<Box<Others>>,
}

/// Levels of rules, in their order; `NO_CLAIM` of a rule that claims nothing.
type Levels = SmallVec<[i64; 4]>;

const NO_CLAIM: i64 = i64::MIN;

/// The dates of one calendar between entry and exit.
#[derive(Debug, Clone, Copy)]
struct Schedule {
    calendar: usize,
    first: usize,
    end: usize,
}

impl Schedule {
    fn dates<'v>(&self, view: &'v View) -> &'v [Date] {
        let all = view.calendar_at(self.calendar).map_or(&[][..], |calendar| &calendar.instructional);
        all.get(self.first..self.end).unwrap_or_default()
    }
}

impl Count {
    /// Goes on from a full look whose rules were stepped without a failure. The version stands for view, settings and pack: as long
    /// as it is the same, so are they.
    pub fn go_on(&mut self, evaluation: &Evaluation<'_>, episodes: &Episodes, pack: &Pack, version: u64) {
        match self.0.as_deref_mut() {
            // Those are judged by another rule than the one that is counted for.
            _ if episodes.has_open_of_another_school(pack, evaluation.home(evaluation.now.today)) => self.0 = None,
            // It has counted up to here already.
            Some(known) if known.version == version && known.now == evaluation.now && known.added.is_none() => {
                known.remember(episodes);
                known.levels = None;
            }
            _ => self.0 = Known::of(evaluation, episodes, pack, version).map(Box::new),
        }
    }

    /// Ends it: a rule has failed, and will be tried again.
    pub fn end(&mut self) {
        self.0 = None;
    }

    /// Takes a word into the ledger that is counted.
    pub fn apply(&mut self, ledger: &mut Ledger, origin: &Origin, change: &Change<Fact>) -> Applied {
        if let Some(known) = self.0.as_deref_mut()
            && let Change::Recorded(Fact::AttendanceMark(mark)) = change
            && known.added.is_none()
            && mark.date.days() > known.heard_of_until
            && let Some(kind) = ledger.append_known(&mut known.tail, origin, mark)
        {
            known.added = Some((mark.date, kind));
            return Applied::Changed;
        }
        let applied = ledger.apply(origin, change);
        match applied {
            Applied::Outdated => {}
            Applied::Same => self.find_end(ledger),
            Applied::Changed => self.0 = None,
        }
        applied
    }

    /// The ledger says the same and was written anew.
    fn find_end(&mut self, ledger: &Ledger) {
        match (self.0.as_deref_mut(), ledger.end_of_marks()) {
            (Some(known), Some((tail, _))) => known.tail = tail,
            _ => self.0 = None,
        }
    }

    /// What a full look with these dates and its step would come to; none when it takes a full look to tell.
    pub fn look(
        &mut self,
        ledger: &Ledger,
        with: &With<'_>,
        episodes: &mut Episodes,
        moment: &Moment<'_>,
    ) -> Option<Looked> {
        let known = self.0.as_deref_mut()?;
        let Some(found) = known.look(ledger, with) else {
            self.0 = None;
            return None;
        };
        let Found { measures, settled } = found;
        match settled {
            Settled::Yes => Some(Looked { measures, changes: Vec::new() }),
            Settled::No(moved) => {
                let standing_in = StandingIn { known, ledger, with, measures, whole: OnceCell::new() };
                let step =
                    episodes.step_on(moved.iter().filter_map(|at| with.pack.rules.get(*at)), &standing_in, moment);
                drop(standing_in);
                known.remember_told(&step.changes, with);
                Some(Looked { measures, changes: step.changes })
            }
            Settled::Unknown => None,
        }
    }

    /// Reads where the next look will read, so that what it needs is on its way from memory: a batch of students is looked at several
    /// times as fast when each is read some students ahead. Tells nothing.
    pub fn touch(&self) -> u64 {
        self.0.as_deref().map_or(0, |known| {
            let ends = known.version ^ known.told.map_or(0, |told| u64::from(told.days().cast_unsigned()));
            ends ^ known.passed as u64
                ^ known.before.absent.cast_unsigned()
                ^ u64::from(known.last_mark.cast_unsigned())
        })
    }
}

/// What was counted on.
struct Found {
    measures: Measures,
    settled: Settled,
}

/// Whether no rule has anything else to say than before.
enum Settled {
    Yes,
    /// These rules have, by their positions.
    No(SmallVec<[usize; 4]>),
    /// What was told may be disproved, or a rule fails.
    Unknown,
}

impl Known {
    fn of(evaluation: &Evaluation<'_>, episodes: &Episodes, pack: &Pack, version: u64) -> Option<Self> {
        let now = evaluation.now;
        let spell = evaluation.only_school().filter(|_| Others::can_tell(pack))?;
        let (calendar, all) = evaluation.view.calendar_position(spell.calendar, spell.school, evaluation.year())?;
        let first = all.instructional.partition_point(|date| *date < spell.entry_on);
        let end = spell
            .exit_on
            .map_or(all.instructional.len(), |exit| all.instructional.partition_point(|date| *date <= exit));
        let (tail, heard_of_until) = evaluation.ledger.end_of_marks()?;
        let last_mark = tail.date();
        if last_mark > now.as_of.max(now.today).days() {
            return None;
        }
        let (graded_since, next_grade_on) = evaluation.grades_between();
        let mut known = Self {
            version,
            now,
            year: evaluation.year(),
            tail,
            added: None,
            last_mark,
            school: spell.school.clone(),
            entry_on: spell.entry_on,
            heard_of_until: heard_of_until.max(last_mark),
            kinds: evaluation.plain_kinds(spell.school),
            schedule: Schedule { calendar, first, end: end.max(first) },
            before: Measures::default(),
            passed: 0,
            last: None,
            graded_since,
            next_grade_on,
            told: None,
            open_day: false,
            levels: None,
            others: Others::of(pack, evaluation).map(Box::new),
        };
        let last_on = Date::from_days(last_mark).ok()?;
        let (counted, before) = (evaluation.marked_until(last_on), evaluation.marked_until(last_on.previous()));
        (known.before, known.passed) = (before.measures(), before.dates.len());
        known.last = counted.day(last_on);
        if let Some(others) = &mut known.others {
            others.begin(counted);
        }
        let measures = evaluation.district(now.as_of, now.today);
        (known.before.failing, known.before.failing_core) = (measures.failing, measures.failing_core);
        known.remember(episodes);
        // Were it otherwise, there would be something here that a count cannot tell.
        (known.measures(known.schedule.dates(evaluation.view), now) == Some(measures)).then_some(known)
    }

    fn remember(&mut self, episodes: &Episodes) {
        self.told = episodes.last_told();
        self.open_day = episodes.has_open_day();
    }

    /// The same after a step of its own, from what was told and what rules claim.
    fn remember_told(&mut self, changes: &[AlertChange], with: &With<'_>) {
        let Now { today, as_of } = with.now;
        if changes.iter().any(|change| change.kind != ChangeKind::Cleared) {
            self.told = self.told.max(Some(today.max(as_of)));
        }
        let mut claims = with.pack.rules.iter().zip(self.levels.iter().flatten());
        self.open_day = claims.any(|(rule, level)| rule.scope == RuleScope::Day && *level != NO_CLAIM);
    }

    /// Counts up to the dates in force. None when the count ends here.
    fn look(&mut self, ledger: &Ledger, with: &With<'_>) -> Option<Found> {
        if self.levels.is_none() {
            let then = With { now: self.now, ..*with };
            self.levels = self.levels(self.measures(self.schedule.dates(with.view), self.now)?, &then);
        }
        let then = self.levels.take();
        let day_is_over = with.now.today != self.now.today && self.open_day;
        // What claims nothing has no open day that it could end: one of another version is kept, one of another school not its own.
        let ends = |rule: &Rule, then: i64| day_is_over && rule.scope == RuleScope::Day && then != NO_CLAIM;
        let may_disprove = self.count(ledger, with)?;
        let measures = self.measures(self.schedule.dates(with.view), with.now)?;
        if !may_disprove {
            self.levels = self.levels(measures, with);
        }
        let settled = match (&then, &self.levels) {
            (Some(then), Some(levels)) if then == levels && !day_is_over => Settled::Yes,
            (Some(then), Some(levels)) => {
                let rules = with.pack.rules.iter().zip(then.iter().zip(levels)).enumerate();
                let moved = rules.filter(|(_, (rule, (then, now)))| then != now || ends(rule, **then));
                Settled::No(moved.map(|(at, _)| at).collect())
            }
            _ => Settled::Unknown,
        };
        Some(Found { measures, settled })
    }

    /// What rules claim with these measures; none when one takes a full look or fails, or claims what cannot be told from no claim.
    fn levels(&self, measures: Measures, with: &With<'_>) -> Option<Levels> {
        let level = |rule: &Rule| match rule.outcome(&self.figures(measures, rule, with)?) {
            Ok(_) if !rule.applies_at(Some(&self.school)) => Some(NO_CLAIM),
            Ok(Some(NO_CLAIM)) | Err(_) => None,
            Ok(level) => Some(level.unwrap_or(NO_CLAIM)),
        };
        with.pack.rules.iter().map(level).collect()
    }

    /// Takes the added mark in, and tells whether it may disprove what was told. None when the count ends here.
    fn count(&mut self, ledger: &Ledger, with: &With<'_>) -> Option<bool> {
        let now = with.now;
        let moved = now != self.now;
        if with.version != self.version
            || now.today < self.now.today
            || now.as_of < self.now.as_of
            || (moved && now.as_of.school_year() != self.year)
            || self.next_grade_on.is_some_and(|begins| begins <= now.as_of)
        {
            return None;
        }
        self.now = now;
        let Some((date, kind)) = self.added.take() else { return Some(false) };
        let category = self.category(kind, ledger, with.view, with.settings)?;
        self.add(self.schedule.dates(with.view), day::of_one_mark(date, category));
        Some(self.told.is_some_and(|told| date <= told))
    }

    /// What marks of a kind say; none when a day's count takes more than that.
    fn category(&mut self, kind: usize, ledger: &Ledger, view: &View, settings: &Settings) -> Option<Plain> {
        if kind >= self.kinds.len() {
            for new in ledger.borrowed().kinds().skip(self.kinds.len()) {
                let new = new?;
                // Whom a change of a session would concern is for a full look to find out.
                let mark = Mark::of(&new, view, settings).filter(|_| new.session.is_none())?;
                self.kinds.push(mark.plain(&self.school));
            }
        }
        *self.kinds.get(kind)?
    }

    /// Moves on to a later mark's day.
    fn add(&mut self, dates: &[Date], day: Day) {
        if let Some(last) = self.last.take() {
            self.before.count(&last);
            self.passed += 1;
        }
        let rest = dates.get(self.passed..).unwrap_or_default();
        // Hardly ever more than a few: to search by halves would wait for memory that is not needed.
        let silent = rest.iter().take_while(|date| **date < day.date).count();
        self.before.count_present(silent);
        self.passed += silent;
        self.last = (rest.get(silent) == Some(&day.date)).then_some(day);
        if let (Some(others), Some(day)) = (&mut self.others, &self.last) {
            others.push(self.passed, day);
        }
        self.last_mark = day.date.days();
        self.heard_of_until = self.heard_of_until.max(self.last_mark);
    }

    /// None when a date is between the marks.
    fn measures(&self, dates: &[Date], now: Now) -> Option<Measures> {
        if now.today.days() < self.last_mark {
            return None;
        }
        let mut measures = self.before;
        let last_counts = self.last.filter(|day| day.date <= now.as_of);
        if let Some(last) = &last_counts {
            measures.count(last);
        }
        let passed = self.passed + usize::from(self.last.is_some());
        let rest = dates.get(passed..).unwrap_or_default();
        let silent = rest.iter().take_while(|date| **date <= now.as_of).count();
        measures.count_present(silent);
        if silent == 0 && last_counts.is_none() && self.passed > 0 && dates.get(self.passed - 1)? > &now.as_of {
            return None;
        }
        measures.unexplained_absence_today = self.last.is_some_and(|day| day.date == now.today && day.unexplained);
        Some(measures)
    }
}
