//! What a year brings beside a steady stream of marks: ten rules over windows, a year told in no order, a late correction, an edited
//! calendar.

use std::time::Duration;

use anyhow::{Result, ensure};
use homeroom_domain::episode::{Change as Told, Telling};

use super::district::{self, District, Word};
use super::planes::Planes;
use super::student::Engine;
use super::{CHUNK, dated, index, timed};
use crate::workload::negative::{Arriving, spells, words};
use crate::workload::{Case, Code, Mark, YEAR_DAYS, mix};

/// The rules.
pub(super) const TEN_RULES: &str = include_str!("ten.yaml");

/// A year of exceptions through ten rules, beside the fold by hand.
pub(super) struct Exceptions {
    pub(super) events: usize,
    pub(super) changes: u64,
    pub(super) ours: Duration,
    pub(super) by_hand: Duration,
    /// Looks at every student when the date moves and nothing else has happened.
    pub(super) silent: Duration,
}

/// In which order the words of a year come.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Order {
    /// As they arrive, day by day.
    Arrival,
    /// The whole year shuffled, so that most words are of days before others that were told.
    Shuffled,
}

impl Exceptions {
    pub(super) fn measure<T: Telling>(students: u64, order: Order) -> Result<Self> {
        let (district, many) = (District::new(students), index(students));
        let mut engine = Engine::with(&district, many, TEN_RULES);
        let mut planes = Planes::new(students);
        for number in 0..many {
            engine.begin(number, district.first_words_of_spells(number));
        }
        let told = in_order(students, order);
        let mut it = Self {
            events: told.len(),
            changes: 0,
            ours: Duration::ZERO,
            by_hand: Duration::ZERO,
            silent: Duration::ZERO,
        };
        for chunk in told.chunks(index(CHUNK)) {
            let words: Vec<Word> = chunk
                .iter()
                .map(|(mark, today)| Word { today: district::date(*today), ..district.word(*mark) })
                .collect();
            it.ours += timed(|| engine.take_all::<T>(&words));
            it.by_hand += timed(|| chunk.iter().for_each(|(mark, today)| planes.take(mark, *today)));
        }
        std::hint::black_box(planes.checksum());
        it.changes = engine.changes;
        let last = district::date(YEAR_DAYS - 1);
        it.silent = timed(|| (0..many).for_each(|number| engine.look_again::<Told>(number, last)));
        for number in (0..many).filter(|number| spells(*number as u64).1.is_none()) {
            let open = engine.students[number].episodes.open().count();
            ensure!(
                open == planes.holding(number) as usize,
                "student {number}: {open} alerts are open at the year's end"
            );
        }
        Ok(it)
    }
}

/// Marks, each with the day on which it is looked at.
pub(super) fn in_order(students: u64, order: Order) -> Vec<(Mark, u64)> {
    let mut told = words(students);
    if order == Order::Arrival {
        let looked_at = |word: Arriving| (word.mark, word.arrives.min(YEAR_DAYS - 1));
        return told.into_iter().map(looked_at).collect();
    }
    told.sort_by_key(|Arriving { mark, .. }| mix(mix(mark.student * YEAR_DAYS + mark.day) + mark.revision));
    let mut latest = vec![0; index(students)];
    let looked_at = |word: Arriving| {
        let latest = &mut latest[index(word.mark.student)];
        *latest = word.mark.day.max(*latest);
        (word.mark, *latest)
    };
    told.into_iter().map(looked_at).collect()
}

/// A district whose year is told up to May, with a mark a day and eight grades.
pub(super) struct May {
    district: District,
    engine: Engine,
    students: usize,
}

/// Of which day it is.
const MAY: u64 = 165;
const SEPTEMBER: u64 = 10;

impl May {
    pub(super) fn new(students: u64) -> Self {
        let case = Case::sized(students, students * (MAY + 1));
        let (district, many) = (District::new(students), index(students));
        let mut engine = Engine::new(&district, many);
        for number in 0..many {
            engine.begin(number, district.first_words(number).into_iter().chain(district.grades(number)));
        }
        let mut today = district::date(0);
        for mark in case.marks() {
            engine.take::<Told>(&dated(district.word(mark), &mut today));
        }
        Self { district, engine, students: many }
    }

    /// What a correction of a mark of September takes, for each of the students.
    pub(super) fn correct_september(&mut self) -> Duration {
        let word = |student: usize, at: usize, code| {
            let mark = Mark {
                student: student as u64,
                day: SEPTEMBER,
                code,
                revision: u64::MAX / 2 + at as u64,
                recorded_at: 0,
            };
            Word { today: district::date(MAY), ..self.district.word(mark) }
        };
        let turns = [Code::Excused, Code::Present].into_iter().enumerate();
        let words: Vec<Word> = turns
            .flat_map(|(at, code)| (0..self.students).map(move |student| (student, at, code)))
            .map(|(student, at, code)| word(student, at, code))
            .collect();
        let engine = &mut self.engine;
        let time = timed(|| words.iter().for_each(|word| engine.take::<Told>(word)));
        time / u32::try_from(words.len()).unwrap_or(u32::MAX)
    }

    /// What it takes to look at all students again when a day is taken out of the calendar.
    pub(super) fn edit_calendar(&mut self) -> Duration {
        self.engine.edit(self.district.view_without(Some(SEPTEMBER)));
        let engine = &mut self.engine;
        timed(|| (0..self.students).for_each(|number| engine.look_again::<Told>(number, district::date(MAY))))
    }
}
