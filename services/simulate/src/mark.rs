//! What the student information system says of the days, and how it takes words back: a morning's absence that becomes an
//! excuse when the note comes, a tardy when the student does, and nothing when it was a slip.

use crate::attendance::{Leaning, Reason, Truth};
use crate::calendar::{DAYS, Day};
use crate::chance::{Chance, Purpose};
use crate::course;
use crate::district::{District, Level};
use crate::enrollment::Spell;

/// An Ed-Fi attendance category.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Category {
    Excused,
    Unexcused,
    Tardy,
    Partial,
    InAttendance,
}

impl Category {
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Excused => "Excused Absence",
            Self::Unexcused => "Unexcused Absence",
            Self::Tardy => "Tardy",
            Self::Partial => "Partial",
            Self::InAttendance => "In Attendance",
        }
    }
}

/// A mark for a day, said or withdrawn.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Index of the taught day.
    pub(crate) index: usize,
    /// Index of the spell.
    pub(crate) spell: usize,
    /// When it is sent.
    pub(crate) on: Day,
    pub(crate) category: Category,
    pub(crate) reason: Reason,
    /// Hundredths of the day.
    pub(crate) share: u32,
    pub(crate) withdrawn: bool,
}

/// A mark for one class of a high school student.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SectionMark {
    pub(crate) index: usize,
    pub(crate) spell: usize,
    pub(crate) on: Day,
    /// Which of the student's classes.
    pub(crate) slot: usize,
    pub(crate) category: Category,
    pub(crate) withdrawn: bool,
}

/// How often a present student is marked absent by a slip, in parts of a million of days.
const SLIP: u32 = 1_500;

/// The word that excuses an absence.
#[derive(Debug, Clone, Copy)]
enum Excuse {
    Never,
    /// The family called before school began.
    Before,
    /// It comes on the taught day with this index.
    On(usize),
}

struct Writer<'a> {
    district: &'a District,
    chance: Chance,
    level: Level,
    marks: Vec<Mark>,
}

/// The marks of a student's year.
pub(crate) fn marks(district: &District, student: u32, level: Level, spells: &[Spell], days: &[Truth]) -> Vec<Mark> {
    let chance = district.chance(Purpose::Correction, &[u64::from(student)]);
    let mut writer = Writer { district, chance, level, marks: Vec::new() };
    for (number, spell) in spells.iter().enumerate() {
        let mut run_end = 0;
        let mut excuse = Excuse::Never;
        for index in spell.entry..=spell.last() {
            match days[index] {
                Truth::Absent(Reason::SuspendedOut) => {
                    writer.say(number, index, index, Category::Excused, Reason::SuspendedOut);
                }
                Truth::Absent(reason) => {
                    if index >= run_end {
                        run_end = run(days, index, spell.last());
                        excuse = writer.excuse(reason, run_end);
                    }
                    writer.absence(number, index, reason, excuse);
                }
                Truth::HeldInSchool => {
                    writer.say(number, index, index, Category::InAttendance, Reason::SuspendedIn);
                }
                Truth::Tardy => writer.tardy(number, index),
                Truth::Partial(share) => writer.partial(number, index, share),
                Truth::Present => writer.slip(number, index),
                Truth::Away => {}
            }
        }
        writer.until_it_was_recorded(number, spell);
    }
    writer.marks
}

/// Where a run of days absent for one reason ends: the index after it.
fn run(days: &[Truth], from: usize, last: usize) -> usize {
    (from..=last).take_while(|index| days[*index] == days[from]).count() + from
}

impl Writer<'_> {
    fn say(&mut self, spell: usize, index: usize, sent: usize, category: Category, reason: Reason) {
        self.add(spell, index, sent, (category, reason, false));
    }

    fn withdraw(&mut self, spell: usize, index: usize, sent: usize, category: Category) {
        self.add(spell, index, sent, (category, Reason::Unknown, true));
    }

    fn add(&mut self, spell: usize, index: usize, sent: usize, what: (Category, Reason, bool)) {
        let on = self.district.calendar.at(sent);
        let (category, reason, withdrawn) = what;
        self.marks.push(Mark { index, spell, on, category, reason, share: 100, withdrawn });
    }

    /// Whether an absence will be excused, and when the word comes.
    fn excuse(&mut self, reason: Reason, run_end: usize) -> Excuse {
        let usual: u32 = match reason {
            Reason::Illness => 82,
            Reason::Appointment => 96,
            Reason::Family => 60,
            Reason::Transport => 35,
            _ => 12,
        };
        if !self.chance.percent(usual.saturating_sub(if self.level == Level::High { 10 } else { 0 })) {
            return Excuse::Never;
        }
        match self.chance.below(100) {
            0..=29 => Excuse::Before,
            // A note when the student is back, or a day or two later.
            30..=86 => Excuse::On(run_end + self.chance.below(3) as usize),
            // Found and changed weeks later.
            _ => Excuse::On(run_end + self.chance.among(10, 70) as usize),
        }
    }

    fn absence(&mut self, spell: usize, index: usize, reason: Reason, excuse: Excuse) {
        // A few marks are entered days late: a substitute, a paper list.
        let entered = if self.chance.percent(4) { index + self.chance.among(1, 9) as usize } else { index };
        match excuse {
            Excuse::Before => self.say(spell, index, entered, Category::Excused, reason),
            Excuse::On(known) if known <= entered => self.say(spell, index, entered, Category::Excused, reason),
            Excuse::On(known) => {
                self.say(spell, index, entered, Category::Unexcused, Reason::Unknown);
                self.say(spell, index, known, Category::Excused, reason);
                self.withdraw(spell, index, known, Category::Unexcused);
            }
            // An excuse that an audit does not accept.
            Excuse::Never if self.chance.percent(2) => {
                let audited = entered + self.chance.among(10, 50) as usize;
                self.say(spell, index, entered, Category::Excused, reason);
                self.say(spell, index, audited, Category::Unexcused, reason);
                self.withdraw(spell, index, audited, Category::Excused);
            }
            Excuse::Never => self.say(spell, index, entered, Category::Unexcused, reason),
        }
    }

    /// One in five is marked absent first, until the student walks in.
    fn tardy(&mut self, spell: usize, index: usize) {
        let absent_first = self.chance.percent(20);
        if absent_first {
            self.say(spell, index, index, Category::Unexcused, Reason::Unknown);
        }
        self.say(spell, index, index, Category::Tardy, Reason::Unknown);
        if absent_first {
            self.withdraw(spell, index, index, Category::Unexcused);
        }
    }

    fn partial(&mut self, spell: usize, index: usize, share: u32) {
        self.say(spell, index, index, Category::Partial, Reason::Appointment);
        if let Some(mark) = self.marks.last_mut() {
            mark.share = share;
        }
    }

    fn slip(&mut self, spell: usize, index: usize) {
        if self.chance.hit(SLIP) {
            let seen = if self.chance.percent(60) { index } else { index + self.chance.among(1, 5) as usize };
            self.say(spell, index, index, Category::Unexcused, Reason::MisKeyed);
            self.withdraw(spell, index, seen, Category::Unexcused);
        }
    }

    /// From the day on which a student stayed away for good until that is recorded, teachers mark absences; then those go.
    fn until_it_was_recorded(&mut self, number: usize, spell: &Spell) {
        let Some(exit) = &spell.exit else { return };
        let from = if spell.came() { exit.last + 1 } else { spell.entry };
        for index in from..exit.recorded.min(DAYS) {
            self.say(number, index, index, Category::Unexcused, Reason::Unknown);
            self.withdraw(number, index, exit.recorded, Category::Unexcused);
        }
    }
}

/// Classes that a high school student cut or came late to on days that count as present.
pub(crate) fn section_marks(
    district: &District,
    student: u32,
    leaning: Leaning,
    spells: &[Spell],
    days: &[Truth],
) -> Vec<SectionMark> {
    let mut chance = district.chance(Purpose::Section, &[u64::from(student)]);
    let slots = course::slots(Level::High);
    let cuts = 4_000 + leaning.absence / 3;
    let mut marks = Vec::new();
    for (number, spell) in spells.iter().enumerate().filter(|(_, spell)| spell.came()) {
        for (index, day) in days.iter().enumerate().take(spell.last() + 1).skip(spell.entry) {
            if !matches!(day, Truth::Present | Truth::Tardy) {
                continue;
            }
            let mut add = |slot, on: usize, category, withdrawn| {
                let on = district.calendar.at(on);
                marks.push(SectionMark { index, spell: number, on, slot, category, withdrawn });
            };
            if chance.hit(cuts) {
                // Most cut a class or two; a few are gone after lunch.
                let from = chance.index(slots);
                let count = chance.weighted(&[(70, 1), (22, 2), (8, 4)], 1);
                for slot in (from..slots).take(count) {
                    add(slot, index, Category::Unexcused, false);
                    if chance.percent(8) {
                        add(slot, index + chance.below(3) as usize, Category::Unexcused, true);
                    }
                }
            } else if chance.hit(25_000) {
                add(chance.index(slots), index, Category::Tardy, false);
            }
        }
    }
    marks
}
