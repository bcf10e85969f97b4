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
mod counted;
mod folded;
mod levels;
mod looking;
mod memory;
mod others;
mod small;
mod standing_in;
mod still;

use std::fmt;

use smallvec::SmallVec;

use crate::alert::AlertChange;
use crate::date::Date;
use crate::episode::{Episodes, Moment, Step, Telling};
use crate::evaluation::Evaluation;
use crate::event::{Change, Fact, Origin};
use crate::id::{RuleId, SchoolId, SchoolYear};
use crate::ledger::{self, Applied, Ledger, Tail, Written};
use crate::marked::Marked;
use crate::measure::Measures;
use crate::rule::Pack;
use crate::rule::condition::Failure;
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
