//! Grades of grading periods and semesters, and the gradebook's items.

use crate::attendance::Leaning;
use crate::calendar::{DAYS, Day};
use crate::chance::{Chance, Purpose};
use crate::course::{self, Section, Term};
use crate::district::{District, Level, School};
use crate::enrollment::Spell;

/// A grade that is given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Grade {
    /// Index of the spell.
    pub(crate) spell: usize,
    pub(crate) slot: usize,
    /// 0 to 3.
    pub(crate) quarter: usize,
    /// Whether it is the semester's, which the second of its quarters brings.
    pub(crate) semester: bool,
    /// 0 to 100.
    pub(crate) numeric: u32,
    pub(crate) on: Day,
}

/// An item of a student's gradebook.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Item {
    pub(crate) spell: usize,
    pub(crate) section: Section,
    /// The number of the entry in its section.
    pub(crate) entry: usize,
    /// Points out of [`POINTS`]; none while nothing was handed in.
    pub(crate) points: Option<u32>,
    pub(crate) late: bool,
    pub(crate) on: Day,
}

/// The most points of an item.
pub(crate) const POINTS: u32 = 20;
/// The grade of a student of average ability who misses nothing.
const USUAL: i32 = 79;
/// Students below it fail.
pub(crate) const PASSING: u32 = 60;
/// Days that a student has to be in a class before a quarter's end to get a grade.
const LEAST_DAYS: usize = 15;

/// How well a student does in each class.
#[derive(Debug)]
pub(crate) struct Ability {
    usual: i32,
    by_slot: Vec<i32>,
}

impl Ability {
    /// Absence costs points: a student who misses a fifth of the days loses about twelve.
    pub(crate) fn new(chance: &mut Chance, leaning: Leaning, slots: usize) -> Self {
        let lost = i32::try_from(leaning.absence / 17_000).unwrap_or(0);
        let usual = USUAL - lost + chance.bell(8);
        Self { usual, by_slot: (0..slots).map(|_| chance.bell(5)).collect() }
    }

    fn draw(&self, chance: &mut Chance, slot: usize, deviation: i32) -> u32 {
        let grade = self.usual + self.by_slot.get(slot).copied().unwrap_or(0) + chance.bell(deviation);
        u32::try_from(grade.clamp(30, 100)).unwrap_or(0)
    }
}

/// The letter of a grade.
pub(crate) fn letter(numeric: u32) -> &'static str {
    match numeric {
        90.. => "A",
        80..=89 => "B",
        70..=79 => "C",
        PASSING..=69 => "D",
        _ => "F",
    }
}

/// The grades of a student, corrections after the grade they correct. Elementary schools give none.
pub(crate) fn grades(
    district: &District,
    chance: &mut Chance,
    level: Level,
    ability: &Ability,
    spells: &[Spell],
) -> Vec<Grade> {
    let mut grades = Vec::new();
    if level == Level::Elementary {
        return grades;
    }
    for slot in 0..course::slots(level) {
        let mut before = None;
        for quarter in 0..4 {
            let end = district.calendar.quarters[quarter].end;
            let last = (district.calendar.index_from(end.plus(1)) - 1).min(DAYS - 1);
            let numeric = ability.draw(chance, slot, 4);
            let Some(spell) = spells.iter().position(|spell| spell.covers(last) && spell.entry + LEAST_DAYS <= last)
            else {
                continue;
            };
            let on = district.calendar.at(last).plus(5);
            let mut give = |semester, numeric, on| grades.push(Grade { spell, slot, quarter, semester, numeric, on });
            give(false, numeric, on);
            if quarter % 2 == 1 {
                let semester = before.map_or(numeric, |before: u32| u32::midpoint(before, numeric));
                give(true, semester, on);
                // A teacher accepts late work, and a failed semester is passed after all.
                if chance.percent(if semester < PASSING { 6 } else { 1 }) {
                    give(true, (semester + chance.among(4, 12)).min(100), on.plus(2));
                }
            }
            before = (quarter % 2 == 0).then_some(numeric);
        }
    }
    grades
}

/// The gradebook's items of a student.
pub(crate) fn items(
    district: &District,
    student: u32,
    grade: u32,
    ability: &Ability,
    spells: &[Spell],
    track_at: impl Fn(&School) -> u32,
) -> Vec<Item> {
    let mut chance = district.chance(Purpose::Gradebook, &[u64::from(student)]);
    let mut items = Vec::new();
    let level = Level::of(grade);
    for (number, spell) in spells.iter().enumerate() {
        let track = track_at(&district.schools[spell.school]);
        for term in Term::BOTH {
            for slot in 0..course::with_gradebook(level) {
                let section = Section { grade, track, slot, term };
                for (entry, given, due) in course::entries(district, term) {
                    if spell.covers(given) && spell.covers(due) {
                        let item = Item { spell: number, section, entry, points: None, late: false, on: Day(0) };
                        hand_in(district, &mut chance, ability, (item, due), &mut items);
                    }
                }
            }
        }
    }
    items
}

fn hand_in(district: &District, chance: &mut Chance, ability: &Ability, due: (Item, usize), items: &mut Vec<Item>) {
    let (item, due) = due;
    let percent = ability.draw(chance, item.section.slot, 9);
    let points = Some(percent * POINTS / 100);
    // Whoever does badly hands in less.
    let missing = 3 + 85_u32.saturating_sub(percent) / 2;
    let looked_at = due + chance.among(1, 3) as usize;
    let on = |index| district.calendar.at(index);
    if !chance.percent(missing) {
        items.push(Item { points, on: on(looked_at), ..item });
        return;
    }
    let later = chance.percent(40).then(|| on(looked_at + chance.among(2, 10) as usize));
    // At the year's end both are the last day, of which the last word is said.
    if later != Some(on(looked_at)) {
        items.push(Item { on: on(looked_at), ..item });
    }
    items.extend(later.map(|on| Item { points, late: true, on, ..item }));
}
