//! The engine alone: decoded events through ledger, evaluation and rules on one core, beside a fold written by hand; and the
//! bytes that a student takes after a year.

mod by_hand;
mod cases;
mod district;
mod export;
mod fold;
mod packs;
mod planes;
mod replay;
mod student;

use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Result, ensure};
use cases::{Exceptions, May, Order};
use district::{District, Word};
use fold::Fold;
use homeroom_domain::alert::AlertChange;
use homeroom_domain::date::Date;
use homeroom_domain::episode::{Change as Told, Telling};
use packs::Packs;
use replay::{Replay, condition};
use serde_json::json;
use student::{Engine, Student};

use crate::report::{Bound, Report};
use crate::workload::{Case, D, YEAR_DAYS};

/// The pure engine on one core, and the bytes of a student.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Students whose year is told, to see what they take.
    #[arg(long, default_value_t = 2_000)]
    students: u64,
    /// Students whose finished years are replayed.
    #[arg(long, default_value_t = 1_000_000)]
    replayed: u64,
    /// Writes the words and rows of the replay to this folder, for other programs that compute the same.
    #[arg(long, value_name = "DIR")]
    export: Option<PathBuf>,
    /// Measures this part alone.
    #[arg(long)]
    part: Option<Part>,
}

/// What is measured.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    /// A steady stream of marks through the shipped rules.
    Marks,
    /// A year of exceptions through ten rules, in order and in none.
    Rules,
    /// A correction of September in May, and an edited calendar.
    Late,
    /// What a student takes.
    Bytes,
    /// Ten rules over the finished years of many students, and one condition.
    Replay,
    /// The shipped packs: loading them, and all of them together over a year of exceptions.
    Packs,
}

/// Events a second.
const GOAL_EVENTS: f64 = 4_000_000.0;
/// What the workload's job comes to on case D, as others have computed it.
const ALERTS_OF_D: [u64; 5] = [148_619, 2_571, 45, 145_728, 597];
const TIERS_OF_D: [u64; 4] = [203_146, 0, 61_127, 35_727];
/// Bytes of a student after 180 days of marks and 8 grades.
const GOAL_BYTES: f64 = 400.0;

/// Of ten rules over windows, of the fold by hand in a year told in no order, and of a late correction.
const GOAL_TEN_RULES: f64 = 1_500_000.0;
const GOAL_OF_HAND: f64 = 0.3;
const GOAL_CORRECTION_MICROSECONDS: f64 = 20.0;
/// Of a replay: how many students others have computed the rows of, how many rows these are, and a third of what Polars took for
/// them (4.2 CPU seconds on two cores of the same kind, median of three); what another pack may take, CPU seconds; and a condition,
/// nanoseconds.
const REPLAYED: u64 = 1_000_000;
const ROWS_OF_OTHERS: u64 = 10_210_584;
const GOAL_REPLAY: f64 = 1.4;
const GOAL_SECOND_PACK: f64 = 1.0;
const GOAL_CONDITION: f64 = 30.0;
/// Students of a year told through ten rules, and of one told in no order.
const TEN_RULES_STUDENTS: u64 = 20_000;
const SHUFFLED_STUDENTS: u64 = 5_000;
/// Of all shipped packs.
const GOAL_LOADING_MILLISECONDS: f64 = 50.0;
const GOAL_ALL_PACKS: f64 = 500_000.0;
/// Students whose year goes through all of them.
const ALL_PACKS_STUDENTS: u64 = 2_000;
/// A school's.
const SCHOOL: u64 = 2_000;

/// Runs it.
pub(crate) fn run(args: &Args) -> Result<Report> {
    let part = args.part.map(|part| format!("{part:?}"));
    let mut report = Report::begin(
        "engine",
        json!({ "case": D.name, "students": args.students, "replayed": args.replayed, "part": part }),
    );
    let does = |part| args.part.is_none_or(|only| only == part);
    if does(Part::Marks) {
        marks(&mut report)?;
    }
    if does(Part::Rules) {
        ten_rules(&mut report)?;
    }
    if does(Part::Late) {
        late(&mut report);
    }
    if does(Part::Packs) {
        packs(&mut report);
    }
    if does(Part::Bytes) {
        bytes(&mut report, args.students);
    }
    if does(Part::Replay) {
        replayed(&mut report, args.replayed, args.export.as_deref())?;
    }
    report.remark("Rates are per second of processor time of the one thread.");
    Ok(report)
}

/// Ten rules over a year of exceptions: as they arrive, and in no order.
#[expect(clippy::cast_precision_loss, reason = "a figure has a few digits")]
fn ten_rules(report: &mut Report) -> Result<()> {
    let rate = |many: usize, time: Duration| many as f64 / time.as_secs_f64();
    let it = Exceptions::measure::<Told>(TEN_RULES_STUDENTS, Order::Arrival)?;
    let in_words = Exceptions::measure::<AlertChange>(TEN_RULES_STUDENTS, Order::Arrival)?;
    report.figure("exceptions through ten rules", rate(it.events, it.ours), "events/s");
    report.figure("the same, each change in words", rate(in_words.events, in_words.ours), "events/s");
    report.baseline("exceptions folded by hand", rate(it.events, it.by_hand), "events/s");
    report.figure("alert changes of ten rules told", it.changes as f64, "changes");
    report.figure("students looked at when the date moves", rate(index(TEN_RULES_STUDENTS), it.silent), "students/s");
    report.goal("exceptions through ten rules", rate(it.events, it.ours), Bound::AtLeast(GOAL_TEN_RULES));
    let it = Exceptions::measure::<Told>(SHUFFLED_STUDENTS, Order::Shuffled)?;
    let (ours, by_hand) = (rate(it.events, it.ours), rate(it.events, it.by_hand));
    report.figure("a year shuffled through ten rules", ours, "events/s");
    report.baseline("a year shuffled by hand", by_hand, "events/s");
    report.goal("shuffled of the fold by hand", ours / by_hand, Bound::AtLeast(GOAL_OF_HAND));
    report.remark("The fold by hand of ten rules keeps two bits for a day, and walks a student's year again where a word rewrites it.");
    Ok(())
}

/// A pack over finished years.
#[expect(clippy::cast_precision_loss, reason = "a figure has a few digits")]
fn replayed(report: &mut Report, students: u64, export: Option<&Path>) -> Result<()> {
    let it = Replay::measure(students, export)?;
    ensure!(
        students != REPLAYED || it.rows_of_calendar == ROWS_OF_OTHERS,
        "{} rows of the calendar's days by hand, and others have {ROWS_OF_OTHERS}",
        it.rows_of_calendar
    );
    let millions = students as f64 / 1e6;
    let seconds = |time: Duration| time.as_secs_f64() / millions;
    report.figure("words replayed", it.words as f64, "words");
    report.figure("rows of ten rules, each as by hand", it.rows as f64, "rows");
    report.figure("facts into ledgers", seconds(it.facts), "CPU s a million students");
    report.figure("years out of ledgers", seconds(it.years), "CPU s a million students");
    report.figure("years out of ledgers and ten rules", seconds(it.pack), "CPU s a million students");
    report.baseline("ten rules by hand, day by day", seconds(it.by_hand), "CPU s a million students");
    report.goal("facts, years and ten rules", seconds(it.facts + it.pack), Bound::AtMost(GOAL_REPLAY));
    report.figure("the same, and ten rules of another pack", seconds(it.both), "CPU s a million students");
    let second = it.both.saturating_sub(it.pack);
    report.goal("another pack over the same ledgers", seconds(second), Bound::AtMost(GOAL_SECOND_PACK));
    let (condition, by_hand) = condition()?;
    report.figure("a condition", condition, "ns");
    report.baseline("the same comparison in Rust", by_hand, "ns");
    report.goal("a condition beside Rust", condition - by_hand, Bound::AtMost(GOAL_CONDITION));
    report.remark("A replay's words come student by student, so that no student waits for memory.");
    Ok(())
}

/// The shipped packs.
#[expect(clippy::cast_precision_loss, reason = "a figure has a few digits")]
fn packs(report: &mut Report) {
    let it = Packs::measure(ALL_PACKS_STUDENTS);
    let (milliseconds, rate) = (it.loading.as_secs_f64() * 1e3, it.events as f64 / it.together.as_secs_f64());
    report.figure("rules of all shipped packs", it.rules as f64, "rules");
    report.figure("loading and checking all shipped packs", milliseconds, "ms");
    report.goal("loading and checking all shipped packs", milliseconds, Bound::AtMost(GOAL_LOADING_MILLISECONDS));
    report.figure("exceptions through all shipped packs", rate, "events/s");
    report.goal("exceptions through all shipped packs", rate, Bound::AtLeast(GOAL_ALL_PACKS));
    report.figure("alert changes of all shipped packs told", it.changes as f64, "changes");
}

/// Corrections of September in May.
fn late(report: &mut Report) {
    let mut may = May::new(SCHOOL);
    let microseconds = may.correct_september().as_secs_f64() * 1e6;
    report.figure("a correction of September in May", microseconds, "us");
    report.goal("a correction of September in May", microseconds, Bound::AtMost(GOAL_CORRECTION_MICROSECONDS));
    report.figure("a school of 2,000 after a calendar edit", may.edit_calendar().as_secs_f64() * 1e3, "ms");
}

/// One core's rate, beside the fold by hand.
#[expect(clippy::cast_precision_loss, reason = "a figure has a few digits")]
fn marks(report: &mut Report) -> Result<()> {
    let (speed, in_words) = (Speed::measure::<Told>(D), Speed::measure::<AlertChange>(D));
    ensure!(
        (speed.alerts_by_hand, speed.tiers_by_hand) == (ALERTS_OF_D, TIERS_OF_D),
        "the fold by hand is not the workload's job, so it is nothing to compare with"
    );
    let rate = |time: Duration| speed.events as f64 / time.as_secs_f64();
    report.figure("events taken", rate(speed.ours), "events/s");
    report.figure("events taken, each change in words", rate(in_words.ours), "events/s");
    report.baseline("events folded by hand", rate(speed.by_hand), "events/s");
    report.figure("alert changes told", speed.changes as f64, "changes");
    report.goal("events taken", rate(speed.ours), Bound::AtLeast(GOAL_EVENTS));
    report.remark("The fold by hand counts one school without a calendar, keeps no keys and explains nothing.");
    Ok(())
}

/// What a student takes.
#[expect(clippy::cast_precision_loss, reason = "a figure has a few digits")]
fn bytes(report: &mut Report, students: u64) {
    let bytes = Bytes::measure(students);
    report.figure("a student's stored ledger", bytes.ledger as f64, "bytes");
    report.figure("a student's stored episodes", bytes.episodes as f64, "bytes");
    report.goal("stored ledger", bytes.ledger as f64, Bound::AtMost(GOAL_BYTES));
    // Memory that was freed before is used again and does not show: less than the ledger itself is no measurement.
    if bytes.resident >= bytes.ledger {
        report.figure("a student's resident memory", bytes.resident as f64, "bytes");
        report.goal("resident memory", bytes.resident as f64, Bound::AtMost(GOAL_BYTES));
    } else {
        report.remark("Resident memory was not measured: the process had enough of it from before.");
    }
}

/// How fast.
#[derive(Default)]
struct Speed {
    events: u64,
    ours: Duration,
    by_hand: Duration,
    changes: u64,
    /// What the fold by hand came to.
    alerts_by_hand: [u64; 5],
    tiers_by_hand: [u64; 4],
}

/// Events made at a time, so that making them is not measured and memory stays small.
const CHUNK: u64 = 20_000;

impl Speed {
    fn measure<T: Telling>(case: Case) -> Self {
        let district = District::new(case.students);
        let mut engine = Engine::new(&district, index(case.students));
        for number in 0..engine.students.len() {
            engine.begin(number, district.first_words(number));
        }
        let mut fold = Fold::new(case, index(case.days()));
        let mut speed = Self { events: case.events, ..Self::default() };
        let mut today = district::date(0);
        let mut at = 0;
        while at < case.events {
            let end = case.events.min(at + CHUNK);
            let marks: Vec<_> = (at..end).map(|at| case.mark(at)).collect();
            let words: Vec<Word> = marks.iter().map(|mark| dated(district.word(*mark), &mut today)).collect();
            speed.ours += timed(|| engine.take_all::<T>(&words));
            speed.by_hand += timed(|| marks.into_iter().for_each(|mark| fold.apply(mark)));
            at = end;
        }
        speed.changes = engine.changes;
        // Looked at, so that nothing of it is optimised away.
        std::hint::black_box(engine.checksum);
        speed.alerts_by_hand = fold.alerts;
        speed.tiers_by_hand = fold.tiers();
        speed
    }
}

/// A late mark comes on the district's date, not on its own.
fn dated(word: Word, today: &mut Date) -> Word {
    *today = word.today.max(*today);
    Word { today: *today, ..word }
}

/// Bytes a student, on average.
struct Bytes {
    resident: u64,
    ledger: u64,
    episodes: u64,
}

impl Bytes {
    /// A year of so many students: a mark on each of 180 days, with corrections, and eight grades.
    fn measure(students: u64) -> Self {
        let case = Case::sized(students, students * YEAR_DAYS);
        let district = District::new(students);
        let mut engine = Engine::new(&district, index(students));
        let before = resident();
        for number in 0..engine.students.len() {
            engine.begin(number, district.first_words(number).into_iter().chain(district.grades(number)));
        }
        let mut today = district::date(0);
        for mark in case.marks() {
            engine.take::<Told>(&dated(district.word(mark), &mut today));
        }
        let total = |size: fn(&Student) -> usize| -> u64 {
            let bytes: usize = engine.students.iter().map(size).sum();
            bytes as u64 / students
        };
        Self {
            resident: resident().saturating_sub(before) / students,
            ledger: total(|student| student.ledger.encode().len()),
            episodes: total(|student| student.episodes.encode().len()),
        }
    }
}

fn index(value: u64) -> usize {
    usize::try_from(value).unwrap_or(usize::MAX)
}

fn timed(work: impl FnOnce()) -> Duration {
    let before = processor_time();
    work();
    processor_time().saturating_sub(before)
}

/// Processor time of this thread so far: other work on the machine is not counted.
fn processor_time() -> Duration {
    let statistics = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap_or_default();
    Duration::from_nanos(statistics.split(' ').next().and_then(|nanoseconds| nanoseconds.parse().ok()).unwrap_or(0))
}

/// Resident memory of this process, bytes.
fn resident() -> u64 {
    let statistics = std::fs::read_to_string("/proc/self/statm").unwrap_or_default();
    let pages: u64 = statistics.split(' ').nth(1).and_then(|pages| pages.parse().ok()).unwrap_or(0);
    pages * 4096
}
