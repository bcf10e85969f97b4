//! The running count against the full look: what it says is what a full look says, and it says it most of the time.

use homeroom_domain::alert::AlertChange;
use homeroom_domain::count::{Count, Looked, With};
use homeroom_domain::date::Date;
use homeroom_domain::episode;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{Change, Fact, Origin};
use homeroom_domain::id::{RecordKey, Revision, SourceId};
use homeroom_domain::rule::{DEFAULT_PACK, Pack};
use homeroom_domain::settings::Now;
use proptest::prelude::*;

use crate::world::{
    Marked as _, Plus as _, Said as _, Spell as _, World, absent, day, enrolled, excused, grade, mark, on,
};

/// A student in a district whose reference data stay as they are.
pub(crate) struct Counted {
    pub(crate) world: World,
    count: Count,
    /// Of the rules in force.
    version: u64,
    revision: u64,
    pub(crate) shortcuts: usize,
    /// Changes that it told by itself.
    pub(crate) told: usize,
    /// Of them, those that were late news.
    late: usize,
    /// Whether some marks refer to their session.
    of_sessions: bool,
}

/// Rules that name what is not kept for every student: windows, days of the week, federal counts, what is to come, last year.
const WINDOWS: &str = r#"
id: windows
version: 1
rules:
  - {id: recent, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: absent_last_5_school_days >= 200 || absent_rate_last_12_days >= 4000,
     level: (absent_last_5_school_days + unexcused_this_calendar_month) / 100,
     explanation: "{absent_rate} {enrolled_last_12_days} {unexplained_last_1_months}", clears: "{absences_left}", source: s}
  - {id: monday, version: 1, title: t, meaning: m, scope: day, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: today, opens-when: unexplained_absence_today && absent_mondays + absent_fridays >= 100,
     level: absent_rate_mondays, explanation: "{enrolled_mondays} {unknown_days}", clears: "", source: s}
  - {id: year, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: streak, opens-when: longest_streak >= 2 && expected_absent > 400 && last_year_tier < 3,
     level: federal_absent + federal_chronic_from_5_days + tardy_this_school_month + absent_first_20_school_days / 100,
     explanation: "{federal_enrolled} {expected_absent} {last_year_absent}", clears: "{federal_chronic}", source: s}
  - {id: back, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: unexcused_streak == 0 && absent_last_12_days >= 100, level: 1 + tardy,
     explanation: "{absent}", clears: "", source: s, late-after-days: 2}
"#;

/// The same rules, another version each: what the first has told is judged by the second.
const OTHERWISE: &str = r#"
id: windows
version: 2
rules:
  - {id: recent, version: 2, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: absent_last_5_school_days >= 300, level: absent / 200, on-change: recall,
     explanation: "{absent_rate} {enrolled_last_12_days}", clears: "{absences_left}", source: s}
  - {id: monday, version: 1, title: t, meaning: m, scope: day, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: today, opens-when: unexplained_absence_today && absent_mondays + absent_fridays >= 100,
     level: absent_rate_mondays, explanation: "{enrolled_mondays} {unknown_days}", clears: "", source: s}
  - {id: year, version: 2, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: streak, opens-when: longest_streak >= 3 && 100 / (absent - 400) > 0 || failing >= 1, level: failing + streak,
     explanation: "{federal_enrolled} {failing}", clears: "", source: s}
  - {id: back, version: 2, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: unexcused_streak == 0 && absent_last_12_days >= 200, level: 1 + tardy, on-change: keep,
     explanation: "{absent}", clears: "", source: s, late-after-days: 2}
"#;

/// The school has variants of its own: of a day, of the year, and none of a rule that the district has.
const VARIANTS: &str = "
id: variants
version: 1
uses: [first-rules]
rules: []
schools:
  '1':
    unexplained-absence: {settle-seconds: 5, on-change: recall}
    absence-streak: {opens-when: streak >= 2}
    failing-core-course: {off: true}
  '2':
    attendance-tier: {opens-when: tier >= 3}
";

/// A rule about the school year before.
const LAST_YEAR: &str = "
id: last-year
version: 1
rules:
  - {id: before, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: last_year_absent >= 200, level: last_year_absent / 100, explanation: '{absent}', clears: '', source: s}
";

/// A rule that bars something while its level stays.
const BARRED: &str = "
id: barred
version: 1
rules:
  - {id: away, version: 1, title: t, meaning: m, scope: school-year, severity: {1: notice}, settle-seconds: 0, audience: a,
     evidence: absences, opens-when: absent >= 100, level: '1', explanation: '{absent}', clears: '', source: s,
     barred: [{what: Court, unless: tardy >= 2, source: s}]}
";

impl Counted {
    fn with(pack: &str) -> Self {
        let mut student = Self::new();
        student.world.pack = Pack::parse(pack).unwrap();
        student
    }

    fn new() -> Self {
        Self::of_days(40, DEFAULT_PACK)
    }

    /// The same at a school with so many school days.
    pub(crate) fn of_days(days: i32, pack: &str) -> Self {
        let mut world = World::of_school_days(days);
        world.session("fall", 1, days).section("algebra", "Mathematics", "fall");
        world.period("first", 1, 10).period("second", 11, days);
        world.closes(day(1));
        world.pack = Pack::parse(pack).unwrap();
        Self {
            world,
            count: Count::default(),
            version: 1,
            revision: 10,
            shortcuts: 0,
            told: 0,
            late: 0,
            of_sessions: false,
        }
    }

    /// Of a student who was away for some weeks, and whose marks may refer to a session.
    fn away() -> Self {
        let mut student = Self::with(WINDOWS);
        student.of_sessions = true;
        let world = &mut student.world;
        world.says("enrollment", enrolled("1", day(1)).until(day(9)));
        world.says("again", enrolled("1", day(14)));
        student
    }

    /// As keys that senders make: the last bytes are the date.
    pub(crate) fn mark(&mut self, date: Date, stem: u8, change: &Change<Fact>) {
        let mut key = [stem; 16];
        key[12..].copy_from_slice(&date.days().to_be_bytes());
        self.tell(RecordKey::new(key), change);
    }

    pub(crate) fn tell(&mut self, key: RecordKey, change: &Change<Fact>) {
        self.revision += 1;
        let origin = Origin { source: SourceId::parse("sis").unwrap(), key, revision: Revision(self.revision) };
        self.count.apply(&mut self.world.ledger, &origin, change);
    }

    /// Other rules are in force from now on.
    pub(crate) fn follow(&mut self, pack: Pack) {
        self.world.pack = pack;
        self.version += 1;
    }

    /// Looks both ways.
    pub(crate) fn look(&mut self) {
        let now = self.world.now;
        let view = self.world.records.view();
        let World { ledger, settings, pack, .. } = &self.world;
        let mut episodes = self.world.episodes.clone();
        let with = With { view: &view, settings, pack, version: self.version, now };
        let mut of_values = episodes.clone();
        let in_values = World::at_noon(now, |moment| {
            self.count.clone().look::<episode::Change>(ledger, &with, &mut of_values, moment)
        });
        let looked = World::at_noon(now, |moment| self.count.look(ledger, &with, &mut episodes, moment));
        let step = self.world.step();
        let evaluation = Evaluation::new(&self.world.ledger, &view, &self.world.settings, now);
        match looked {
            Some(Looked { measures, changes, failures }) => {
                assert_eq!(measures, evaluation.district(now.as_of, now.today));
                assert_eq!((&changes, &failures), (&step.changes, &step.failures));
                assert_eq!(self.world.episodes, episodes);
                let in_values = in_values.unwrap().changes;
                let told =
                    |of: &AlertChange| (of.kind, of.claim.rule.clone(), of.claim.level, of.number, of.late_since);
                let values = in_values.into_iter().map(|of| (of.kind, of.rule, of.level, of.number, of.late_since));
                assert!(changes.iter().map(told).eq(values));
                assert_eq!((&of_values, of_values.encode()), (&episodes, episodes.encode()));
                self.shortcuts += 1;
                self.told += changes.len();
                self.late += changes.iter().filter(|change| change.late_since.is_some()).count();
            }
            None if step.failures.is_empty() => {
                self.count.go_on(&evaluation, &self.world.episodes, &self.world.pack, self.version);
            }
            None => self.count.end(),
        }
    }
}

/// One thing that happens: what, on which of the days around now, with which code.
fn happen(student: &mut Counted, (what, near, code): (u8, i32, u8)) {
    let today = student.world.now.today;
    let fact = |date: Date| {
        let mark = match code {
            0..=5 => mark("Tardy", date),
            6..=8 => absent(date),
            _ => excused(date),
        };
        if student.of_sessions && near == 4 { mark.of_session("fall") } else { mark }
    };
    let earlier = today.plus(-near);
    let recorded = |date: Date| Change::Recorded(fact(date).fact());
    match what {
        0..=5 => {
            let next = today.next();
            student.world.now =
                if code % 3 == 0 { Now { today: next, as_of: today } } else { Now { today: next, as_of: next } };
            student.mark(next, 1, &recorded(next));
        }
        6 => student.mark(earlier, 1, &recorded(earlier)),
        7 => student.mark(earlier, 1, &Change::Withdrawn),
        8 => student.mark(earlier, 2, &recorded(earlier)),
        9 => student.world.now = Now { today: today.plus(near), as_of: today },
        10 => student.world.now.as_of = today,
        11 => {
            let ahead = today.plus(near);
            student.mark(ahead, 1, &recorded(ahead));
        }
        // Another version of a rule, and back.
        13 => {
            student.follow(Pack::parse(if code % 2 == 0 { OTHERWISE } else { WINDOWS }).unwrap());
        }
        _ => {
            let period = if code % 2 == 0 { "first" } else { "second" };
            student.tell(
                RecordKey::new([u8::try_from(near).unwrap(); 16]),
                &Change::Recorded(grade("algebra", period, "Final", 55 + i64::from(code)).fact()),
            );
        }
    }
}

/// What happens, in order; after some of it nobody looks before the next.
fn tell(mut student: Counted, story: Vec<(u8, i32, u8, bool)>) {
    student.look();
    for (what, near, code, looks) in story {
        happen(&mut student, (what, near, code));
        if looks {
            student.look();
        }
    }
    student.look();
}

fn story(kinds: u8) -> impl Strategy<Value = Vec<(u8, i32, u8, bool)>> {
    prop::collection::vec((0..kinds, 0_i32..6, 0_u8..10, prop::bool::weighted(0.8)), 0..60)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_count_says_what_a_full_look_says(story in story(13)) {
        tell(Counted::new(), story);
    }

    #[test]
    fn a_count_of_windows_says_what_a_full_look_says(story in story(13)) {
        tell(Counted::with(WINDOWS), story);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 150, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_count_at_a_school_with_variants_says_what_a_full_look_says(story in story(13)) {
        tell(Counted::with(VARIANTS), story);
    }

    #[test]
    fn a_count_of_a_student_who_was_away_says_what_a_full_look_says(story in story(13)) {
        tell(Counted::away(), story);
    }

    #[test]
    fn a_count_over_versions_of_rules_says_what_a_full_look_says(story in story(14)) {
        tell(Counted::with(WINDOWS), story);
    }
}

#[test]
fn what_is_barred_moves_under_a_count_too() {
    let mut student = Counted::with(BARRED);
    student.look();
    for (n, fact) in [(1, absent(day(1))), (2, mark("Tardy", day(2))), (3, mark("Tardy", day(3)))] {
        student.world.closes(day(n));
        student.mark(day(n), 1, &Change::Recorded(fact.fact()));
        student.look();
    }
    assert!(student.world.episodes.open().all(|episode| episode.number == 2), "nothing is barred any more");
}

#[test]
fn what_last_year_came_to_moves_with_its_marks() {
    let mut student = Counted::with(LAST_YEAR);
    student.world.was_here_last_year();
    let may = |n: i32| on("2021-05-01").plus(n);
    student.look();
    // Behind all that was heard of, and still none of this year.
    for n in 2..=5 {
        student.mark(may(n), 1, &Change::Recorded(absent(may(n)).fact()));
        student.look();
    }
    student.mark(day(1), 1, &Change::Recorded(absent(day(1)).fact()));
    student.look();
    for n in [3, 4, 5] {
        student.mark(may(n), 1, &Change::Withdrawn);
        student.look();
    }
    assert_eq!(student.world.episodes.open().count(), 0);
}

#[test]
fn a_student_who_comes_every_day_is_looked_at_once() {
    let mut student = Counted::new();
    student.look();
    for n in 1..=40 {
        student.world.closes(day(n));
        student.mark(day(n), 1, &Change::Recorded(mark("Tardy", day(n)).fact()));
        student.look();
    }
    assert_eq!(student.shortcuts, 40);
}

#[test]
fn what_a_year_of_absences_tells_takes_no_full_look() {
    for pack in [DEFAULT_PACK, WINDOWS] {
        tells_a_year_of_absences(Counted::with(pack));
    }
}

fn tells_a_year_of_absences(mut student: Counted) {
    student.look();
    for n in 1..=40 {
        student.world.closes(day(n));
        let fact = if n % 7 < 4 { absent(day(n)) } else { mark("Present", day(n)) };
        student.mark(day(n), 1, &Change::Recorded(fact.fact()));
        student.look();
    }
    assert_eq!(student.shortcuts, 40);
    assert!(student.told > 40, "{} changes", student.told);
}

#[test]
fn corrections_and_withdrawals_of_earlier_marks_take_no_full_look() {
    for pack in [DEFAULT_PACK, WINDOWS] {
        let mut student = Counted::with(pack);
        student.look();
        for n in 1..=20 {
            student.world.closes(day(n));
            let fact = if n % 5 < 3 { absent(day(n)) } else { mark("Present", day(n)) };
            student.mark(day(n), 1, &Change::Recorded(fact.fact()));
            student.look();
        }
        let (counted, told) = (student.shortcuts, student.told);
        for n in 5..=10 {
            student.mark(day(n), 1, &Change::Withdrawn);
            student.look();
        }
        for n in 5..=10 {
            student.mark(day(n), 1, &Change::Recorded(excused(day(n)).fact()));
            student.mark(day(n), 2, &Change::Recorded(mark("Tardy", day(n)).fact()));
            student.look();
        }
        assert_eq!(student.shortcuts - counted, 12);
        assert!(student.told > told, "nothing was recalled");
    }
}

#[test]
fn what_has_held_for_days_of_silence_is_late_news_to_a_count_too() {
    let mut student = Counted::with(WINDOWS);
    student.look();
    for n in [1, 2, 5] {
        student.world.closes(day(n));
        if n < 5 {
            student.mark(day(n), 1, &Change::Recorded(absent(day(n)).fact()));
        }
        student.look();
    }
    assert_eq!((student.shortcuts, student.late), (3, 1));
}
