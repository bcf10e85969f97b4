//! Every promise, checked of what a run left: by the invariants that `homeroom verify` and the fault tests use too, and by the
//! model of truth.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;

use homeroom_bus::{Log, Offset, Partition, Record, Topic};
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::date::Date;
use homeroom_domain::episode::{Episode, Standing};
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Change;
use homeroom_domain::id::RuleId;
use homeroom_domain::measure::further::UNTOLD;
use homeroom_domain::measure::{Measure, Measures};
use homeroom_domain::settings::Now;
use homeroom_invariant::{Beginning, Findings, History, history, ledger, open};
use homeroom_rules::simulation::{self, Row, Snapshot, Stored, Student};

use crate::duty;
use crate::model::Truth;
use crate::model::oracle::{self, Oracle};
use crate::model::rules::{Claims, OF_DATED_FACTS};
use crate::model::truth::{Key, Whole};
use crate::moves::Moves;
use crate::run::{Outcome, World};
use crate::scenario::PARTITIONS;
use crate::store::{Tables, Written};

/// Checks everything, and adds what is wrong to the outcome.
pub(crate) async fn everything(world: &World, snapshot: &Arc<Snapshot>, outcome: &mut Outcome) {
    let mut findings = Findings::default();
    let mut told = Vec::new();
    for partition in 0..PARTITIONS {
        told.extend(read(world, Topic::Alerts, partition).await);
    }
    outcome.wrongs.extend(duty::told_once(&told));
    let told: Vec<AlertChange> = told.iter().filter_map(change).collect();
    outcome.due = duty::risen_when_due(&told);
    let history = History::of_topic(told.iter().map(history::Change::from), Beginning::Whole, &mut findings);
    outcome.late = told.iter().filter(|change| change.late_since.is_some()).count();
    outcome.changes = history.alerts().map(|(_, changes)| changes.len()).sum();
    for partition in 0..PARTITIONS {
        let records = read(world, Topic::Events, partition).await;
        outcome.wrongs.extend(verify(world, partition, records, snapshot));
    }
    let lettered = dead_letters(world).await;
    let tables = world.outside.database.tables();
    outcome.wrongs.extend(tables.wrongs.iter().cloned());
    let students: BTreeMap<Key, Student> =
        tables.students.iter().map(|(key, (_, stored))| (key.clone(), stored.read())).collect();
    let as_if = world.moves.values().any(Moves::is_used).then(|| {
        world.truth.as_if(|(district, sender)| world.moves.get(district).map_or(*sender, |it| it.whose(*sender)))
    });
    let last = as_if.as_ref().unwrap_or(&world.truth);
    let judge = Judge { world, last, tables: &tables, snapshot, reference: snapshot.offset };
    outcome.wrongs.extend(as_if.iter().flat_map(|last| whose(last, &students)));
    for (key, student) in &students {
        ledger::check(&format!("{} {}", key.0, key.1), &student.ledger, world.truth.words(key), &mut findings);
        outcome.wrongs.extend(judge.student(key, student));
    }
    open::check_stored(&history, students.iter().map(|((d, s), student)| (d, *s, &student.episodes)), &mut findings);
    open::check(&history, &judge.due(), &mut findings);
    outcome.wrongs.extend(tables.written.iter().flat_map(|written| judge.commit(written)));
    outcome.wrongs.extend(counts(&tables, &history));
    let given_up = lettered.union(&tables.dead_letters.keys().copied().collect()).count();
    if given_up != world.garbage {
        outcome.wrongs.push(format!("{} records are no event, and {given_up} were given up", world.garbage));
    }
    outcome.wrongs.extend(findings.iter().map(ToString::to_string));
}

/// A partition of a topic, whole.
async fn read(world: &World, topic: Topic, partition: i32) -> Vec<Record> {
    let partition = Partition(partition);
    let mut tail = world.outside.log.tail(topic, partition, Offset(0)).await.expect("the memory log can be read");
    let mut records = Vec::new();
    loop {
        let more = tail.next(10_000, Duration::ZERO).await.expect("the memory log can be read");
        if more.is_empty() {
            return records;
        }
        records.extend(more);
    }
}

fn change(record: &Record) -> Option<AlertChange> {
    homeroom_proto::alert::decode(record.value.as_deref()?).ok()
}

/// Places of records that letters on the topic say are no event. What a restored database has lost is there still.
async fn dead_letters(world: &World) -> BTreeSet<(i32, i64)> {
    let mut places = BTreeSet::new();
    for partition in 0..PARTITIONS {
        for record in read(world, Topic::DeadLetters, partition).await {
            let letter = homeroom_proto::dead_letter::decode(record.value.as_deref().unwrap_or_default());
            // A word that came too late is an event all the same.
            if let Ok(letter) = letter
                && letter.field == "$"
            {
                places.extend(letter.position.map(|position| (position.partition, position.offset)));
            }
        }
    }
    places
}

/// What `homeroom verify` says.
fn verify(world: &World, partition: i32, records: Vec<Record>, snapshot: &Snapshot) -> Vec<String> {
    let tables = world.outside.database.tables();
    let mut stored = Stored::default();
    for (key, (of, student)) in &tables.students {
        if *of == partition {
            stored.students.insert(key.clone(), student.read());
        }
    }
    for ((district, of), now) in &tables.dates {
        if *of == partition {
            stored.dates.insert(district.clone(), *now);
        }
    }
    stored.given_up = tables.dead_letters.keys().filter(|(of, _)| *of == partition).map(|(_, at)| *at).collect();
    let differences = simulation::differences(records, &stored, snapshot);
    differences.into_iter().map(|difference| format!("verify: {difference}")).collect()
}

/// Each student's ledger holds what was sent as whoever that is in the end, and nothing that was sent as another.
fn whose(last: &Truth, students: &BTreeMap<Key, Student>) -> Vec<String> {
    let mut wrongs = Vec::new();
    for key in last.students() {
        let mut live: BTreeMap<_, _> = last
            .words(key)
            .filter_map(|(origin, change)| match change {
                Change::Recorded(fact) => Some((origin.key, (origin.revision, fact))),
                Change::Withdrawn => None,
            })
            .collect();
        for held in students.get(key).into_iter().flat_map(|student| student.ledger.facts()) {
            if live.remove(&held.key) != Some((held.revision, held.fact)) {
                wrongs.push(format!("{key:?}: record {} counts for the student, and was not sent so", held.key));
            }
        }
        wrongs.extend(live.into_keys().map(|record| format!("{key:?}: record {record} was sent, and does not count")));
    }
    wrongs
}

/// Compares with the model of truth.
struct Judge<'w> {
    world: &'w World,
    /// When all that is to be moved has been.
    last: &'w Truth,
    tables: &'w Tables,
    snapshot: &'w Snapshot,
    /// The offset after the last reference record.
    reference: i64,
}

impl Judge<'_> {
    /// A student's row and the rows beside it, when everything has had its effect.
    fn student(&self, key: &Key, student: &Student) -> Vec<String> {
        let mut wrongs = Vec::new();
        let (Some(now), Some(whole)) = (student.evaluated, self.last.whole(key, i64::MAX, self.reference)) else {
            return wrongs;
        };
        let oracle = whole.of_year(now.as_of.school_year());
        for Row { school, measures, .. } in &student.written.rows {
            let truth = match school {
                Some(school) => oracle.school(school, now.as_of, now.today),
                None => oracle.district(now.as_of, now.today),
            };
            if row(measures) != truth {
                wrongs.push(format!("{key:?} at {school:?}: {measures:?} is stored, and the truth is {truth:?}"));
            }
        }
        wrongs.extend(self.figures(key, student, &oracle, now));
        let beside: Vec<&Row> =
            self.tables.measures.iter().filter(|((of, _), _)| of == key).map(|(_, row)| row).collect();
        if beside != student.written.rows.iter().collect::<Vec<_>>() {
            wrongs.push(format!("{key:?}: rows of measures are not what the student's row says"));
        }
        let schools: BTreeSet<_> =
            self.tables.leans_on.iter().filter(|(of, _)| of == key).map(|(_, school)| school.clone()).collect();
        if schools != student.written.leans_on {
            wrongs.push(format!("{key:?}: rows of schools are not what the student's row says"));
        }
        wrongs.extend(student.episodes.iter().filter_map(|episode| past_is_true(&whole, key, now, &episode)));
        wrongs
    }

    /// The measures that are not kept, as a reader is told them: by the stored ledger and the records in force.
    fn figures(&self, key: &Key, student: &Student, oracle: &Oracle, now: Now) -> Option<String> {
        let district = self.snapshot.districts.get(&key.0)?;
        let evaluation = Evaluation::new(&student.ledger, &district.view, &district.settings, now);
        let named = |name: &str| Measure::find(name).expect("the oracle's names are the catalogue's");
        let further = oracle.further(now.as_of).into_iter().map(|(name, truth)| (name, truth.unwrap_or(UNTOLD)));
        let truths: Vec<(&str, i64)> = oracle.beyond(None, now.as_of).into_iter().chain(further).collect();
        let measures: Vec<Measure> = truths.iter().map(|(name, _)| named(name)).collect();
        let values = evaluation.values(&measures, None, now);
        let wrong = truths.iter().zip(values).find(|((_, truth), value)| truth != value);
        wrong
            .map(|((name, truth), value)| format!("{key:?}: {name} is {value} as of {now:?}, and the truth is {truth}"))
    }

    /// What is to be open when everything has had its effect.
    fn due(&self) -> BTreeSet<open::Claimed> {
        let mut due = BTreeSet::new();
        for key in self.last.students() {
            let partition = self.tables.students.get(key).map_or(-1, |(partition, _)| *partition);
            let now = self.tables.dates.get(&(key.0.clone(), partition)).copied();
            let (Some(now), Some(whole)) = (now, self.last.whole(key, i64::MAX, self.reference)) else {
                continue;
            };
            for (rule, level) in whole.claims(&whole.of_year(now.as_of.school_year()), now) {
                let rule = RuleId::parse(rule).expect("shipped rules have ids");
                due.insert(open::Claimed { district: key.0.clone(), student: key.1, rule, level });
            }
            due.extend(self.kept(key, &whole, now));
        }
        due
    }

    /// What stays open though no rule claims it: another version of a rule told it, and the rule keeps such.
    fn kept(&self, key: &Key, whole: &Whole<'_>, now: Now) -> Vec<open::Claimed> {
        let Some((_, stored)) = self.tables.students.get(key) else { return Vec::new() };
        let claims = whole.claims(&whole.of_year(now.as_of.school_year()), now);
        let student = stored.read();
        let kept = student.episodes.open().filter(|episode| is_kept(whole, &claims, episode));
        let claimed = kept.map(|episode| open::Claimed {
            district: key.0.clone(),
            student: key.1,
            rule: episode.told.rule.clone(),
            level: episode.told.level,
        });
        claimed.collect()
    }

    /// A student as some commit left it: what was open then is what the words of then came to, and each alert that ended
    /// then ended as it should.
    fn commit(&self, Written { key, after, alerts }: &Written) -> Vec<String> {
        let mut wrongs = Vec::new();
        let Some(now) = after.evaluated else { return wrongs };
        let Some(whole) = self.world.truth.whole(key, after.included_offset, after.evaluated_reference) else {
            return vec![format!("{key:?} was evaluated before the district said how it counts")];
        };
        let oracle = whole.of_year(now.as_of.school_year());
        let claims = whole.claims(&oracle, now);
        let open = opened(after, |episode| !is_kept(&whole, &claims, episode));
        if open != claims {
            wrongs.push(format!("{key:?} as of {now:?} had {open:?} open, and the words of then came to {claims:?}"));
        }
        wrongs.extend(duty::told_when_due(&whole, &oracle, (key, now), after));
        for value in alerts.iter() {
            let Ok(change) = homeroom_proto::alert::decode(value) else { continue };
            if (&change.district, change.student) == (&key.0, key.1) {
                wrongs.extend(ended_rightly(&whole, key, after, &change));
                wrongs.extend(left_alone(&whole, key, &change));
                wrongs.extend(marked_rightly(&whole, key, now, &change));
            }
        }
        wrongs
    }
}

fn opened(student: &Student, counts: impl Fn(&Episode) -> bool) -> BTreeMap<&str, i64> {
    let open = student.episodes.open().filter(|episode| counts(episode));
    open.map(|episode| (episode.told.rule.as_str(), episode.told.level)).collect()
}

fn is_kept(whole: &Whole<'_>, claims: &Claims, episode: &Episode) -> bool {
    let rule = episode.told.rule.as_str();
    whole.rules.is_some_and(|rules| rules.keeps(rule, episode.told.rule_version)) && !claims.contains_key(rule)
}

/// A rule that keeps what another version told says nothing for being another.
fn left_alone(whole: &Whole<'_>, key: &Key, change: &AlertChange) -> Option<String> {
    let rule = change.claim.rule.as_str();
    let keeps = whole.rules.is_some_and(|rules| rules.keeps(rule, 0));
    (keeps && change.reason == "the rule has changed")
        .then(|| format!("{key:?}: an alert of `{rule}` was to be kept, and is {:?}", change.kind))
}

/// What the facts say of the date when an episode was last told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Then {
    /// Nothing: that was another year, or another version of the rule.
    Unknown,
    /// The rule would be told again.
    Right,
    /// It would not.
    Wrong,
}

fn then(whole: &Whole<'_>, student: &Student, episode: &Episode) -> Then {
    let year = episode.told_at.as_of.school_year();
    let rule = episode.told.rule.as_str();
    let same_year = student.evaluated.is_some_and(|now| now.as_of.school_year() == year);
    let same_version = whole.rules.is_some_and(|rules| rules.version(rule) == episode.told.rule_version);
    if !same_year || !same_version {
        return Then::Unknown;
    }
    let claims: Claims = whole.claims(&whole.of_year(year), episode.told_at);
    if claims.contains_key(rule) { Then::Right } else { Then::Wrong }
}

/// An alert that was right is cleared, one that was wrong is recalled.
fn ended_rightly(whole: &Whole<'_>, key: &Key, student: &Student, change: &AlertChange) -> Option<String> {
    let episode = student.episodes.iter().find(|episode| episode.alert_id(&key.0, key.1) == change.alert_id)?;
    let right = match change.kind {
        // An alert may have been told again and ended in one commit; what counts is how it stands after it.
        _ if episode.number != change.number => true,
        ChangeKind::Cleared => then(whole, student, &episode) != Then::Wrong,
        ChangeKind::Recalled => then(whole, student, &episode) == Then::Wrong,
        ChangeKind::Opened | ChangeKind::Amended | ChangeKind::Escalated => true,
    };
    (!right).then(|| format!("{key:?}: {:?} of an alert of `{}` was decided wrongly", change.kind, change.claim.rule))
}

/// What held at that level at the close of each of the days before is late news, and nothing else is.
fn marked_rightly(whole: &Whole<'_>, key: &Key, now: Now, change: &AlertChange) -> Option<String> {
    let rule = change.claim.rule.as_str();
    // Of a duty whose date has come nobody is late.
    let rises = change.kind == ChangeKind::Escalated && change.reason.starts_with("it has risen");
    let tells = change.kind == ChangeKind::Opened || rises;
    // An alert of another version may have been told again in this commit, and is then judged by it.
    if tells && whole.rules?.version(rule) != change.claim.rule_version {
        return None;
    }
    let late = tells && OF_DATED_FACTS.contains(&rule) && {
        let oracle = whole.of_year(now.as_of.school_year());
        (1..=LATE_AFTER_DAYS).rev().all(|days| {
            let date = Date::from_days(now.as_of.days() - days).expect("worlds lie within the years of dates");
            let then = whole.claims(&oracle, Now { today: date, as_of: date });
            date.school_year() == now.as_of.school_year() && then.get(rule).is_some_and(|it| *it >= change.claim.level)
        })
    };
    (change.late_since.is_some() != late).then(|| {
        let (kind, since) = (change.kind, change.late_since);
        format!("{key:?}: {kind:?} of `{rule}` as of {now:?} is marked as late since {since:?}, and late is {late}")
    })
}

/// As the shipped rules have it.
const LATE_AFTER_DAYS: i32 = 7;

/// When everything has had its effect, what was told and not taken back is true of the date when it was told.
fn past_is_true(whole: &Whole<'_>, key: &Key, now: Now, episode: &Episode) -> Option<String> {
    let rules = whole.rules?;
    // Last year's days are not counted any more.
    if episode.told_at.as_of.school_year() != now.as_of.school_year() {
        return None;
    }
    if rules.version(episode.told.rule.as_str()) != episode.told.rule_version || episode.standing == Standing::Recalled
    {
        return None;
    }
    let claims = whole.claims(&whole.of_year(episode.told_at.as_of.school_year()), episode.told_at);
    let then = claims.get(episode.told.rule.as_str()).copied();
    let right = match episode.standing {
        Standing::Open => then == Some(episode.told.level),
        Standing::Cleared => then.is_some(),
        Standing::Recalled => true,
    };
    (!right).then(|| {
        let (rule, standing, level) = (&episode.told.rule, episode.standing, episode.told.level);
        format!(
            "{key:?}: an alert of `{rule}` is {standing:?}, told as level {level} at {:?}, where it is {then:?}",
            episode.told_at
        )
    })
}

fn row(measures: &Measures) -> oracle::Row {
    oracle::Row {
        enrolled: measures.enrolled,
        absent: measures.absent,
        unexcused: measures.unexcused,
        tardy: measures.tardy,
        tier: measures.tier(),
        streak: measures.streak,
        unexcused_streak: measures.unexcused_streak,
        unexplained: measures.unexplained_absence_today,
        failing: measures.failing,
        failing_core: measures.failing_core,
    }
}

/// The rules' counts are those of the alerts.
fn counts(tables: &Tables, history: &History) -> Vec<String> {
    let mut counted: BTreeMap<_, (i64, i64, i64)> = BTreeMap::new();
    for ((district, _, rule), tally) in &tables.tallies {
        let of_rule = counted.entry((district, rule)).or_default();
        *of_rule = (of_rule.0 + tally.open, of_rule.1 + tally.opened, of_rule.2 + tally.failures);
    }
    let mut told: BTreeMap<_, (i64, i64, i64)> = BTreeMap::new();
    for (_, changes) in history.alerts() {
        let first = &changes[0];
        told.entry((&first.district, &first.rule)).or_default().1 += 1;
    }
    for change in history.open() {
        told.entry((&change.district, &change.rule)).or_default().0 += 1;
    }
    counted.retain(|_, counts| *counts != (0, 0, 0));
    if counted == told { Vec::new() } else { vec![format!("rules count {counted:?}, and told is {told:?}")] }
}
