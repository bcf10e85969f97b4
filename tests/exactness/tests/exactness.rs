//! Zero differences between the engine and SQL, and the proof that a difference would be seen.
//!
//! `HOMEROOM_EXACTNESS_STUDENTS=5000 cargo test --profile load -p homeroom-exactness -- --nocapture` does it for a district of 5,000
//! students; the default is a smaller one. On 2026-11-26 it compared 10,500,000 figures of 665,878 words at ten dates and found no
//! difference; on a machine that had much else to do it took half an hour, mostly of PostgreSQL.

use std::collections::BTreeSet;
use std::time::Instant;

use homeroom_domain::date::Date;
use homeroom_domain::event::Change;
use homeroom_domain::measure::Measure;
use homeroom_domain::measure::catalogue::{self, Needs};
use homeroom_exactness::{Database, Difference, Engine, Log, differences};

/// Dates of the school year: first weeks, middles and ends of months, a holiday, a Sunday, and after the last lesson.
const DATES: [&str; 10] = [
    "2024-08-30",
    "2024-09-20",
    "2024-10-31",
    "2024-11-28",
    "2024-12-20",
    "2025-01-31",
    "2025-03-02",
    "2025-03-31",
    "2025-05-09",
    "2025-06-30",
];

fn date(text: &str) -> Date {
    Date::parse(text).expect("a date")
}

/// The differences, and all that was said of the first student.
fn told(log: &Log, differences: &[Difference]) -> String {
    let names: BTreeSet<&str> = differences.iter().map(|of| of.measure.as_str()).collect();
    let mut lines = vec![format!("{} differences, in {names:?}", differences.len())];
    lines.extend(differences.iter().take(20).map(ToString::to_string));
    let student = differences.first().and_then(|first| log.students.iter().find(|of| of.key == first.student));
    for word in student.into_iter().flat_map(|student| &student.words) {
        let said = match &word.change {
            Change::Recorded(fact) => format!("{fact:?}"),
            Change::Withdrawn => "withdrawn".to_owned(),
        };
        lines.push(format!("{} revision {}: {said}", word.origin.key, word.origin.revision.0));
    }
    lines.join("\n")
}

/// Students of the default run.
const STUDENTS: u32 = 200;

/// How many students.
#[expect(clippy::disallowed_methods, reason = "how large a test is, as its caller says")]
fn students() -> u32 {
    let asked = std::env::var("HOMEROOM_EXACTNESS_STUDENTS").ok();
    asked.map_or(STUDENTS, |asked| asked.parse().expect("HOMEROOM_EXACTNESS_STUDENTS is a number"))
}

#[tokio::test]
async fn sql_and_the_engine_agree_on_every_figure_of_every_student_at_ten_dates() {
    let began = Instant::now();
    let log = Log::of(students(), 7);
    let mut database = Database::of(&log).await;
    database.compute().await;
    let engine = Engine::of(&log);
    let mut figures_compared = 0;
    let (mut computed, mut told_of_somebody) = (BTreeSet::new(), BTreeSet::new());
    for as_of in DATES.map(date) {
        let figures = database.figures(as_of).await;
        let with_values = figures.iter().filter(|(_, values)| values.iter().flatten().any(|value| *value > 0));
        told_of_somebody.extend(with_values.map(|(name, _)| name.clone()));
        computed.extend(figures.keys().cloned());
        let differences = differences(&log, &figures, &engine, as_of);
        assert!(differences.is_empty(), "{}", told(&log, &differences));
        figures_compared += figures.len() * log.students.len();
    }
    let (students, words, took) = (log.students.len(), log.words(), began.elapsed());
    println!("{figures_compared} figures of {students} students, of {words} words: no difference, in {took:.1?}");
    // Two that agree on nothing but zeros would prove little.
    let silent: Vec<_> = computed.difference(&told_of_somebody).collect();
    assert!(silent.is_empty(), "nobody has any: {silent:?}");
    every_measure_is_among(&computed);
}

#[tokio::test]
async fn a_fault_in_one_row_is_seen() {
    let log = Log::of(200, 11);
    let engine = Engine::of(&log);
    let mut database = Database::of(&log).await;
    // One excuse in the log is not an excuse any more.
    database
        .execute(
            "update said_marks set code = replace(code, '#Excused', '#Unexcused') where position = (
                 select position from said_marks join words using (position)
                 where code like '%#Excused Absence' and date between '2024-10-01' and '2024-10-31' order by position limit 1)",
        )
        .await;
    database.compute().await;
    let as_of = date("2025-06-30");
    let figures = database.figures(as_of).await;
    let found = differences(&log, &figures, &engine, as_of);
    let students: BTreeSet<_> = found.iter().map(|of| of.student).collect();
    assert_eq!(students.len(), 1, "{}", told(&log, &found));
    assert!(found.iter().any(|of| of.measure == "unexcused"), "{}", told(&log, &found));
}

/// SQL computes every measure of attendance and grades in the catalogue.
fn every_measure_is_among(computed: &BTreeSet<String>) {
    let computed: BTreeSet<Measure> = computed.iter().filter_map(|name| Measure::find(name)).collect();
    // What is of conduct or connections alone.
    let apart = [Needs::Incidents, Needs::Disciplines, Needs::Connections, Needs::Surveys];
    for entry in catalogue::entries() {
        let elsewhere = !entry.needs.is_empty() && entry.needs.iter().all(|needs| apart.contains(needs));
        let measure = Measure::find(entry.name).expect("a measure's name");
        assert!(elsewhere || computed.contains(&measure), "SQL does not compute `{}`", entry.name);
    }
}

/// As of an evening, as it was known that evening; and as it is known since, when it has been corrected.
#[tokio::test]
async fn an_evening_is_computed_from_what_had_been_sent_by_then() {
    let as_of = date("2024-12-20");
    let (then, now) = (Log::known_on(100, 3, as_of), Log::of(100, 3));
    let mut database = Database::of(&then).await;
    database.compute().await;
    let figures = database.figures(as_of).await;
    let engine = Engine::of(&then);
    let found = differences(&then, &figures, &engine, as_of);
    assert!(found.is_empty(), "{}", told(&then, &found));
    let measures = ["absent", "unexcused"].map(|name| Measure::find(name).expect("a measure's name"));
    let (known_then, known_now) = (engine.values(&measures, as_of), Engine::of(&now).values(&measures, as_of));
    assert_ne!(known_then, known_now, "something was corrected since");
}
