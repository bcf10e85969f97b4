//! A student's running count: what the next mark, or the next date, adds to what was counted before.
//!
//! Most of what happens in a district is one more mark of a day, which changes no alert. To see that it does not takes less than
//! counting the year anew: the days before the last mark are summed up, the day of the last mark is kept apart, and all days
//! after it are silent. A mark that belongs behind the last one moves both on; a mark that belongs elsewhere, a correction or a
//! withdrawal has the days gathered out of the ledger again (see `behind`); whatever else happens (another record, a reference
//! change) ends the count, and a full look begins the next one. When a rule has something else to say, or what was told before may be
//! disproved, the count stands in for the full look. What comes of a full look is the definition; a count only ever says what a full
//! look would have said, or nothing.

mod behind;
mod compiled;
mod folded;
mod levels;
mod looking;
mod memory;
mod others;
mod small;
mod standing_in;

use std::fmt;

use smallvec::SmallVec;

use crate::alert::{AlertChange, ChangeKind};
use crate::date::Date;
use crate::day::{self, Day, Plain};
use crate::episode::{Episodes, Moment, Step, Telling};
use crate::evaluation::Evaluation;
use crate::event::{Change, Fact, Origin};
use crate::id::{RuleId, SchoolId, SchoolYear};
use crate::ledger::{self, Applied, Ledger, Tail, Written};
use crate::marked::Marked;
use crate::measure::Measures;
use crate::rule::condition::Failure;
use crate::rule::{Pack, Rule, RuleScope};
use crate::settings::{Now, Settings};
use crate::view::View;

pub(crate) use compiled::Counting;
pub(crate) use folded::Folded;

use memory::Memory;
use others::Others;
use small::{Kind, Last, Schedule, Sums};
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
pub struct Looked<T = AlertChange> {
    /// The district's measures.
    pub measures: Measures,
    /// To be published, in order.
    pub changes: Vec<T>,
    /// Rules that could not be evaluated as of some earlier date; their episodes stay as they were.
    pub failures: Vec<(RuleId, Failure)>,
}

/// Whether there is one only: what is known of a student stands in no log.
impl fmt::Debug for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Count({})", if self.0.is_some() { "going on" } else { "none" })
    }
}

/// Each look reads one, and a district has a million of them: what is the same for all students of a school is looked up with the
/// schedule, and numbers are as small as what they count.
#[derive(Clone)]
struct Known {
    /// Of the reference data and rules that it was counted with.
    version: u64,
    now: Now,
    year: SchoolYear,
    /// Where the ledger's marks end.
    tail: Tail,
    /// What was said that is not in the sums yet.
    pending: Pending,
    /// The date of the last mark that is, in days since 1970.
    last_mark: i32,
    /// No mark that is added on a later date can be of a record that was heard of.
    heard_of_until: i32,
    /// When the student came to the school.
    entry_on: Date,
    /// What marks of a kind say there, by its position.
    kinds: SmallVec<[Kind; 8]>,
    schedule: Schedule,
    /// Counted days before the last mark's.
    before: Sums,
    /// How many of the schedule's dates they are.
    passed: u16,
    /// The last mark's day, if it counts.
    last: Option<Last>,
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
    /// None when no rule asks for more than days as of the dates in force.
    memory: Option<Box<Memory>>,
}

/// What was said since the last look.
#[derive(Debug, Clone, Copy, Default)]
enum Pending {
    #[default]
    Nothing,
    /// A mark behind all others: its date, and the position of its kind.
    Next(Date, u16),
    /// Marks of this date or later ones, which stand anywhere.
    Since(Date),
}

/// Levels of rules, in their order; `NO_CLAIM` of a rule that claims nothing. A rule of larger levels takes full looks.
type Levels = SmallVec<[i16; 12]>;

const NO_CLAIM: i16 = i16::MIN;

impl Count {
    /// Goes on from a full look whose rules were stepped without a failure. The version stands for view, settings and pack: as long
    /// as it is the same, so are they.
    pub fn go_on(&mut self, evaluation: &Evaluation<'_>, episodes: &Episodes, pack: &Pack, version: u64) {
        match self.0.as_deref_mut() {
            // Those are judged by another rule than the one that is counted for.
            _ if episodes.has_open_of_another_school(pack, evaluation.home(evaluation.now.today)) => self.0 = None,
            // What another version of a rule holds open, a count cannot tell from what this one does.
            _ if episodes.open().any(|episode| episode.is_kept(pack)) => self.0 = None,
            // It has counted up to here already.
            Some(known)
                if known.version == version
                    && known.now == evaluation.now
                    && matches!(known.pending, Pending::Nothing) =>
            {
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
            && matches!(known.pending, Pending::Nothing)
            && mark.date.days() > known.heard_of_until
            && mark.date.school_year() == known.year
            && let Some(kind) = ledger.append_known(&mut known.tail, origin, mark)
        {
            match u16::try_from(kind) {
                Ok(kind) => known.pending = Pending::Next(mark.date, kind),
                Err(_) => self.0 = None,
            }
            return Applied::Changed;
        }
        let (applied, written) = ledger.take(origin, change);
        match applied {
            Applied::Outdated => {}
            Applied::Same => self.find_end(ledger),
            Applied::Changed => self.fall_behind(origin, change, written),
        }
        applied
    }

    /// Whether marks have changed that were counted before: what was told may be disproved.
    pub fn is_behind(&self) -> bool {
        self.0.as_deref().is_some_and(Known::is_behind)
    }

    /// A record says something else than it did.
    fn fall_behind(&mut self, origin: &Origin, change: &Change<Fact>, written: Written) {
        let date = match change {
            Change::Recorded(Fact::AttendanceMark(mark)) => Some(mark.date),
            _ => ledger::key_date(origin.key),
        };
        let (Some(known), Some(date)) = (self.0.as_deref_mut(), date) else { return self.0 = None };
        // What last year came to is counted once.
        let is_of_the_year = date.school_year() == known.year;
        if is_of_the_year && known.stays(written) { known.wait_since(date) } else { self.0 = None }
    }

    /// The ledger says the same and was written anew.
    fn find_end(&mut self, ledger: &Ledger) {
        match (self.0.as_deref_mut(), ledger.end_of_marks()) {
            (Some(known), Some((tail, _))) => known.tail = tail,
            _ => self.0 = None,
        }
    }

    /// What a full look with these dates and its step would come to, as values or in words; none when it takes a full look to tell.
    pub fn look<T: Telling>(
        &mut self,
        ledger: &Ledger,
        with: &With<'_>,
        episodes: &mut Episodes,
        moment: &Moment<'_>,
    ) -> Option<Looked<T>> {
        let known = self.0.as_deref_mut()?;
        let Some(found) = known.look(ledger, with) else {
            self.0 = None;
            return None;
        };
        let Found { measures, settled } = found;
        let step: Step<T> = match settled {
            Settled::Unknown => return None,
            Settled::Yes => Step { changes: Vec::new(), failures: Vec::new() },
            Settled::No(moved) => {
                let step = {
                    let ground = StandingIn::new((known, ledger), with, measures);
                    episodes.step_on(moved.iter().filter_map(|at| with.pack.rules.get(*at)), &ground, moment)
                };
                known.remember_told(&step.changes, with);
                step
            }
            Settled::Since(date, gathered) => {
                let step = {
                    let mut ground = StandingIn::new((known, ledger), with, measures);
                    ground.look_back(date, gathered);
                    episodes.step_back(date, with.pack, &ground, moment)
                };
                known.remember(episodes);
                step
            }
        };
        if !step.failures.is_empty() {
            self.0 = None;
        }
        Some(Looked { measures, changes: step.changes, failures: step.failures })
    }

    /// Reads where the next look will read, so that what it needs is on its way from memory: a batch of students is looked at several
    /// times as fast when each is read some students ahead. Tells nothing.
    pub fn touch(&self) -> u64 {
        // Something of each of its lines.
        self.0.as_deref().map_or(0, |known| {
            let dates = known.last_mark ^ known.tail.date() ^ known.told.map_or(0, Date::days);
            let places = known.kinds.len() ^ known.levels.as_ref().map_or(0, SmallVec::len) ^ usize::from(known.passed);
            let marked = known.others.as_ref().map_or(0, |others| others.touch());
            known.version ^ u64::from(dates.cast_unsigned()) ^ (places ^ marked) as u64
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
    /// What was told may be disproved: marks of this date and of later ones say something else. With the marked days, where they
    /// were gathered.
    Since(Date, Option<Vec<Marked>>),
    /// A rule fails, or takes a full look.
    Unknown,
}

/// By the position of a ledger's kinds of marks, none of which refers to what is not known.
fn kinds_of(evaluation: &Evaluation<'_>, school: &SchoolId) -> SmallVec<[Kind; 8]> {
    let plain = evaluation.plain_kinds(school).into_iter();
    let kinds = evaluation.ledger.borrowed().kinds().zip(plain).map(|(kind, plain)| match (kind, plain) {
        (None, _) => Kind::Nothing,
        (Some(_), None) => Kind::More,
        (Some(kind), Some(plain)) if kind.session.is_some() => Kind::OfSession(plain),
        (Some(_), Some(plain)) => Kind::Plain(plain),
    });
    kinds.collect()
}

impl Known {
    fn of(evaluation: &Evaluation<'_>, episodes: &Episodes, pack: &Pack, version: u64) -> Option<Self> {
        let now = evaluation.now;
        let spells = evaluation.only_school()?;
        let spell = spells.first()?;
        let schedule = Schedule::of(&spells, evaluation)?;
        let is_plain = Others::can_tell(pack);
        let memory = if is_plain { None } else { Some(Box::new(Memory::of(pack, &schedule, evaluation)?)) };
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
            pending: Pending::Nothing,
            last_mark,
            entry_on: spell.entry_on,
            heard_of_until: heard_of_until.max(last_mark),
            kinds: kinds_of(evaluation, spell.school),
            schedule,
            before: Sums::default(),
            passed: 0,
            last: None,
            graded_since,
            next_grade_on,
            told: None,
            open_day: false,
            levels: None,
            others: Others::of(pack, evaluation).map(Box::new),
            memory,
        };
        let measures = evaluation.district(now.as_of, now.today);
        let Measures { failing, failing_core, .. } = measures;
        known.before = Sums::of(&Measures { failing, failing_core, ..Measures::default() })?;
        known.begin(evaluation.marked_until(Date::from_days(last_mark).ok()?))?;
        known.remember(episodes);
        // Were it otherwise, there would be something here that a count cannot tell.
        (known.measures(known.schedule.dates(evaluation.view), now) == Some(measures)).then_some(known)
    }

    fn remember(&mut self, episodes: &Episodes) {
        self.told = episodes.last_told();
        self.open_day = episodes.has_open_day();
    }

    /// The same after a step of its own, from what was told and what rules claim.
    fn remember_told(&mut self, changes: &[impl Telling], with: &With<'_>) {
        let Now { today, as_of } = with.now;
        if changes.iter().any(|change| change.kind() != ChangeKind::Cleared) {
            self.told = self.told.max(Some(today.max(as_of)));
        }
        let mut claims = with.pack.rules.iter().zip(self.levels.iter().flatten());
        self.open_day = claims.any(|(rule, level)| rule.scope == RuleScope::Day && *level != NO_CLAIM);
    }

    /// Counts up to the dates in force. None when the count ends here.
    fn look(&mut self, ledger: &Ledger, with: &With<'_>) -> Option<Found> {
        if let Pending::Since(date) = self.pending {
            return self.look_behind(date, ledger, with);
        }
        let schedule = self.schedule.clone();
        let dates = schedule.dates(with.view);
        let came = self.measures(dates, self.now)?;
        if self.levels.is_none() {
            let then = With { now: self.now, ..*with };
            self.levels = self.claims(None, came, &then, None);
        }
        let then = self.levels.take();
        let day_is_over = with.now.today != self.now.today && self.open_day;
        // What claims nothing has no open day that it could end: one of another version is kept, one of another school not its own.
        let ends = |rule: &Rule, then: i16| day_is_over && rule.scope == RuleScope::Day && then != NO_CLAIM;
        let disproves = self.count(dates, ledger, with)?;
        let measures = self.measures(dates, with.now)?;
        self.levels = self.claims(Some(ledger), measures, with, then.as_ref().map(|then| (&came, then)));
        let settled = match (&then, &self.levels, disproves) {
            (_, Some(_), Some(date)) => Settled::Since(date, None),
            (Some(then), Some(levels), None) if then == levels && !day_is_over => Settled::Yes,
            (Some(then), Some(levels), None) => {
                let rules = with.pack.rules.iter().zip(then.iter().zip(levels)).enumerate();
                let moved = rules.filter(|(at, (rule, (before, now)))| {
                    before != now || ends(rule, **before) || self.asks_otherwise(*at, then, levels)
                });
                Settled::No(moved.map(|(at, _)| at).collect())
            }
            _ => Settled::Unknown,
        };
        Some(Found { measures, settled })
    }

    /// Moves on to the dates in force. None when the count ends here.
    fn move_on(&mut self, with: &With<'_>) -> Option<()> {
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
        Some(())
    }

    /// Takes the next mark in, and tells its date when it may disprove what was told.
    #[expect(clippy::option_option, reason = "none outside when the count ends here")]
    fn count(&mut self, dates: &[Date], ledger: &Ledger, with: &With<'_>) -> Option<Option<Date>> {
        self.move_on(with)?;
        let Pending::Next(date, kind) = std::mem::take(&mut self.pending) else { return Some(None) };
        let says = self.says(usize::from(kind), ledger, with)?;
        self.add(dates, day::of_one_mark(date, says))?;
        Some(self.told.is_some_and(|told| date <= told).then_some(date))
    }

    /// What marks of a kind say; none when a day's count takes more than that.
    fn says(&mut self, kind: usize, ledger: &Ledger, with: &With<'_>) -> Option<Plain> {
        if kind >= self.kinds.len() {
            self.learn_kinds(ledger, with)?;
        }
        self.kinds.get(kind)?.said()?
    }

    /// Moves on to a later mark's day. None when there are too many days, as there are in no year.
    fn add(&mut self, dates: &[Date], day: Day) -> Option<()> {
        let mut before = self.before.measures();
        if let Some(last) = self.last.take() {
            before.count(&last.day());
            self.passed = self.passed.checked_add(1)?;
        }
        let rest = dates.get(usize::from(self.passed)..).unwrap_or_default();
        // Hardly ever more than a few: to search by halves would wait for memory that is not needed.
        let silent = rest.iter().take_while(|date| **date < day.date).count();
        before.count_present(silent);
        self.before = Sums::of(&before)?;
        self.passed = self.passed.checked_add(u16::try_from(silent).ok()?)?;
        let counts = rest.get(silent) == Some(&day.date);
        self.last = counts.then(|| Last::of(&day));
        if let Some(others) = self.others.as_mut().filter(|_| counts) {
            others.push(usize::from(self.passed), &day);
        }
        self.last_mark = day.date.days();
        self.heard_of_until = self.heard_of_until.max(self.last_mark);
        Some(())
    }

    /// None when a date is between the marks.
    fn measures(&self, dates: &[Date], now: Now) -> Option<Measures> {
        if now.today.days() < self.last_mark {
            return None;
        }
        let mut measures = self.before.measures();
        let last = self.last.map(Last::day);
        let last_counts = last.filter(|day| day.date <= now.as_of);
        if let Some(last) = &last_counts {
            measures.count(last);
        }
        let before = usize::from(self.passed);
        let passed = before + usize::from(last.is_some());
        let rest = dates.get(passed..).unwrap_or_default();
        let silent = rest.iter().take_while(|date| **date <= now.as_of).count();
        measures.count_present(silent);
        if silent == 0 && last_counts.is_none() && before > 0 && dates.get(before - 1)? > &now.as_of {
            return None;
        }
        measures.unexplained_absence_today = last.is_some_and(|day| day.date == now.today && day.unexplained);
        Some(measures)
    }
}
