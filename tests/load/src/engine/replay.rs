//! A pack over a finished year: facts into ledgers, years out of ledgers, and ten rules on each day of each student's year; row for
//! row beside the same rules written by hand. And one condition beside the same comparison written in Rust.

use std::hint::black_box;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use anyhow::{Result, ensure};
use homeroom_domain::event::{Change, Fact, Origin};
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Measures;
use homeroom_domain::rule::Pack;
use homeroom_domain::rule::condition::Condition;
use homeroom_domain::settings::Settings;
use homeroom_domain::year::{Look, Program, Scratch, Years};

use super::by_hand::{self, RULES, Row, narrow};
use super::cases::TEN_RULES;
use super::district::{self, District};
use super::export::Export;
use super::{index, timed};
use crate::workload::YEAR_DAYS;
use crate::workload::negative::words_of;

/// Ten rules over the finished years of many students.
#[derive(Default)]
pub(super) struct Replay {
    pub(super) words: u64,
    pub(super) rows: u64,
    /// Rows of the same rules with windows of the calendar's days, those that tell the end of rules 4, 6 and 8 left out.
    pub(super) rows_of_calendar: u64,
    /// Words into ledgers, a student at a time.
    pub(super) facts: Duration,
    /// Years out of ledgers.
    pub(super) years: Duration,
    /// Years out of ledgers once more, and the pack on each of their days.
    pub(super) pack: Duration,
    /// The same with another pack of ten rules beside it, as a replay that compares two looks at both at once.
    pub(super) both: Duration,
    /// The same rows by hand, out of arrays of days.
    pub(super) by_hand: Duration,
}

/// Students at a time, so that making their words is not measured, and words are as near as those that were just decoded.
const CHUNK: u64 = 200;

/// Rows that a student has, or has room for; few have more.
const ROOM: usize = 32;

type Words = Vec<(Origin, Change<Fact>)>;

impl Replay {
    /// With a folder the words and rows are written there.
    pub(super) fn measure(students: u64, folder: Option<&Path>) -> Result<Self> {
        let (district, settings) = (District::new(students), Settings::default());
        let (view, pack) = (district.view(), Pack::parse(TEN_RULES)?);
        let other = Pack::parse(&other_pack())?;
        let (one, both) = (Program::of(&pack), Program::of_rules(pack.rules.iter().chain(&other.rules)));
        ensure!((0..RULES).all(|rule| one.tells(rule)), "a rule takes the long way");
        ensure!((0..2 * RULES).all(|rule| both.tells(rule)), "a rule takes the long way");
        let last = district::date(YEAR_DAYS - 1);
        let looking = |program| Looking { program, years: Years::new(program, &view, &settings, last) };
        let (mut one, mut both) = (looking(&one), looking(&both));
        let mut export = folder.map(Export::create).transpose()?;
        let mut it = Self::default();
        let mut at = 0;
        while at < students {
            let end = students.min(at + CHUNK);
            let (ours, ends) = it.take(&district, at..end, &mut one, &mut both)?;
            if let Some(export) = &mut export {
                write(export, at..end, &ours, &ends)?;
            }
            at = end;
        }
        export.map_or(Ok(()), Export::finish)?;
        Ok(it)
    }

    fn take(
        &mut self,
        district: &District,
        students: Range<u64>,
        one: &mut Looking<'_>,
        both: &mut Looking<'_>,
    ) -> Result<(Vec<Row>, Vec<usize>)> {
        let words: Vec<Words> = students.clone().map(|student| of_student(district, student)).collect();
        self.words += words.iter().map(|words| words.len() as u64).sum::<u64>();
        let mut ledgers = vec![Ledger::default(); words.len()];
        self.facts += timed(|| {
            for (ledger, words) in ledgers.iter_mut().zip(&words) {
                ledger.apply_all(words.iter().map(|(origin, change)| (origin, change)));
            }
        });
        self.years += timed(|| {
            for ledger in &ledgers {
                black_box(one.years.read(ledger).map(|(year, _)| year));
            }
        });
        let room = ledgers.len() * ROOM;
        let (mut ours, mut ends) = (Vec::with_capacity(room), Vec::with_capacity(ledgers.len()));
        self.pack += timed(|| one.tell(&ledgers, RULES, &mut ours, &mut ends));
        let (mut of_both, mut ends_of_both) = (Vec::with_capacity(2 * room), Vec::with_capacity(ledgers.len()));
        self.both += timed(|| both.tell(&ledgers, 2 * RULES, &mut of_both, &mut ends_of_both));
        of_both.retain(|row| usize::from(row.rule) < RULES);
        ensure!(of_both == ours, "beside another pack the first one's rows are others");
        self.compare(students, &mut ours, &ends)?;
        Ok((ours, ends))
    }

    /// Row for row, by student.
    fn compare(&mut self, students: Range<u64>, ours: &mut [Row], ends: &[usize]) -> Result<()> {
        let years: Vec<by_hand::Year> = students.clone().map(by_hand::Year::of).collect();
        let (mut by_hand, mut ends_by_hand) = (Vec::with_capacity(ours.len()), Vec::with_capacity(ends.len()));
        self.by_hand += timed(|| {
            for year in &years {
                year.rows(by_hand::Days::OfStudent, &mut by_hand);
                ends_by_hand.push(by_hand.len());
            }
        });
        let (mut from, mut rows) = (0, Vec::new());
        for (((student, year), end), end_by_hand) in students.zip(years).zip(ends).zip(ends_by_hand) {
            let of_student = &mut ours[from..*end];
            of_student.sort_unstable_by_key(|row| (row.day, row.rule));
            let of_hand = by_hand.get(from..end_by_hand).unwrap_or_default();
            ensure!(of_student == of_hand, "student {student}: {of_student:?} instead of {of_hand:?}");
            from = *end;
            rows.clear();
            year.rows(by_hand::Days::OfCalendar, &mut rows);
            let told = |row: &&Row| row.begins || !matches!(row.rule, 3 | 5 | 7);
            self.rows_of_calendar += rows.iter().filter(told).count() as u64;
        }
        self.rows += ours.len() as u64;
        Ok(())
    }
}

/// Looks at students' years, one after the other.
struct Looking<'a> {
    program: &'a Program,
    years: Years<'a>,
}

impl Looking<'_> {
    /// On which days each of so many rules begins and ends to hold, and where each student's rows end.
    fn tell(&mut self, ledgers: &[Ledger], rules: usize, rows: &mut Vec<Row>, ends: &mut Vec<usize>) {
        let mut scratch = Scratch::default();
        for ledger in ledgers {
            if let Some((year, frame)) = self.years.read(ledger) {
                told(&mut Look::new(self.program, &year, frame, &mut scratch), rules, rows);
            }
            ends.push(rows.len());
        }
    }
}

fn write(export: &mut Export, students: Range<u64>, rows: &[Row], ends: &[usize]) -> Result<()> {
    let mut from = 0;
    for (student, end) in students.zip(ends) {
        export.student(student, &words_of(student))?;
        export.rows(student, rows.get(from..*end).unwrap_or_default())?;
        from = *end;
    }
    Ok(())
}

fn told(look: &mut Look<'_>, rules: usize, rows: &mut Vec<Row>) {
    let days = look.days();
    for rule in 0..rules {
        // What takes the long way leaves no row, and the comparison finds it.
        let Some(held) = look.held(rule) else { continue };
        for day in held.changes().iter().take_while(|day| *day < days) {
            rows.push(Row { rule: narrow(rule), day: narrow(day), begins: held.contains(day) });
        }
    }
}

/// The ten rules with other numbers and windows.
fn other_pack() -> String {
    let others = [
        ("id: ten-rules", "id: ten-others"),
        ("absent * 20", "absent * 15"),
        ("absent * 10 ", "absent * 8 "),
        ("absent * 5", "absent * 4"),
        ("streak >= 3", "streak >= 2"),
        ("streak >= 5", "streak >= 4"),
        ("last_45", "last_30"),
        ("unexcused >= 500", "unexcused >= 700"),
        ("/ 2000", "/ 1500"),
        ("last_20", "last_25"),
    ];
    others.into_iter().fold(TEN_RULES.to_owned(), |pack, (number, other)| pack.replace(number, other))
}

/// All that is said of a student: registration, enrollments, exceptions and their corrections.
fn of_student(district: &District, student: u64) -> Words {
    let marks = words_of(student).into_iter().map(|word| {
        let word = district.word(word.mark);
        (word.origin, word.change)
    });
    district.first_words_of_spells(index(student)).into_iter().chain(marks).collect()
}

/// What a condition of a pack takes, and the same comparison in Rust; nanoseconds.
pub(super) fn condition() -> Result<(f64, f64)> {
    const TIMES: u32 = 2_000;
    let condition = Condition::parse("absent * 10 >= enrolled && enrolled >= 1000")?;
    let measures: Vec<Measures> = (0..1_000_i64)
        .map(|at| Measures { enrolled: at * 17, absent: at * at % 4_001, ..Measures::default() })
        .collect();
    let over_all = |holds: &dyn Fn(&Measures) -> bool| {
        let mut many = 0_usize;
        let time = timed(|| {
            for _ in 0..TIMES {
                many += black_box(&measures).iter().filter(|measures| holds(measures)).count();
            }
        });
        (time.as_secs_f64() * 1e9 / f64::from(TIMES) / 1e3, many)
    };
    let (ours, held) = over_all(&|measures| condition.holds(measures) == Ok(true));
    let (by_hand, held_by_hand) =
        over_all(&|measures| measures.absent * 10 >= measures.enrolled && measures.enrolled >= 1_000);
    ensure!(held == held_by_hand, "the condition holds {held} times, and by hand {held_by_hand}");
    Ok((ours, by_hand))
}
