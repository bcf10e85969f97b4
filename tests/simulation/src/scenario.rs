//! What happens in a simulated district, as a list that can be printed, replayed and shortened.

use std::collections::BTreeMap;

use homeroom_domain::reference::Entry;

use crate::dice::Dice;
use crate::generate::{self, Said, further};
use crate::model::Rules;
use crate::model::oracle::CALCULATORS;

/// A run: what happens, and the seed of everything else (how long each call takes, what the weather does).
#[derive(Debug, Clone)]
pub struct Scenario {
    /// Of the run.
    pub seed: u64,
    /// In order.
    pub steps: Vec<Step>,
}

/// Something that happens after a while.
#[derive(Debug, Clone)]
pub struct Step {
    /// Milliseconds since the step before.
    pub after: u64,
    /// What.
    pub happening: Happening,
}

/// What can happen. Districts, students, processes and partitions are counted from 0.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a story has some hundred of them, and most say something")]
pub enum Happening {
    /// A source says something of a student, or the district of a reference record.
    Say {
        /// Which district.
        district: usize,
        /// Which of its students, when it is of one.
        student: usize,
        /// What.
        said: Said,
        /// Of the record.
        revision: u64,
    },
    /// Two students of a district are one from now on.
    Merge {
        /// Which district.
        district: usize,
        /// Whose words count for the other.
        from: usize,
        /// The other.
        into: usize,
        /// How many more words of the district come from doors that have not heard of it.
        unheard: usize,
    },
    /// A student who was merged into another one is no longer.
    Split {
        /// Which district.
        district: usize,
        /// Whose words count for the student again.
        from: usize,
        /// How many more words of the district come from doors that have not heard of it.
        unheard: usize,
    },
    /// The job that moves a district's records says so many events more, at most.
    Look {
        /// Which district.
        district: usize,
        /// The most.
        many: usize,
        /// Whether it crashed since the last of them, and begins anew.
        anew: bool,
    },
    /// A record that is no event, among a student's.
    Garbage {
        /// Which district.
        district: usize,
        /// Which of its students.
        student: usize,
    },
    /// The clocks of all districts move on.
    Hours(i64),
    /// One process's clock is wrong by so many minutes from now on.
    Skew(usize, i64),
    /// A partition is taken from whoever has it and given to a process.
    Give {
        /// Which partition.
        partition: i32,
        /// To which process.
        to: usize,
        /// How long the one before does not notice, milliseconds.
        unnoticed: u64,
    },
    /// A process ends where it stands, its partitions go to others, and it starts again.
    Crash(usize),
    /// A process is told to stop, and starts again.
    Restart(usize),
    /// A process stands still for so many milliseconds.
    Pause(usize, u64),
    /// The database cannot be reached for so many milliseconds.
    Away(u64),
    /// The answers to the next commits are lost; whether each happened is chance.
    LoseAnswers(u32),
    /// The log refuses, or keeps without an answer, what is appended for so many milliseconds.
    LogAway(u64),
    /// The database is copied.
    BackUp,
    /// The database is lost, and comes back as the last copy, or empty.
    Restore,
    /// Reference records reach this process so many milliseconds late from now on.
    Lag(usize, u64),
}

/// Processes that share the partitions.
pub const PROCESSES: usize = 3;
/// Partitions of the events topic.
pub const PARTITIONS: i32 = 2;

impl Scenario {
    /// The scenario of a seed.
    pub fn of(seed: u64) -> Self {
        let dice = &mut Dice::new(seed);
        let mut author = Author {
            revisions: BTreeMap::new(),
            work: dice.one_in(3),
            memory: dice.clone().one_in(3),
            dice: dice.clone(),
        };
        let mut steps = Vec::new();
        let districts = 1 + dice.roll(2);
        let students = 1 + dice.roll(4);
        let mut late = Vec::new();
        for district in 0..districts {
            for said in author.district() {
                let step = author.say(district, 0, said);
                if author.dice.one_in(25) { late.push(step) } else { steps.push(step) }
            }
            let unfinished = author.dice.one_in(6);
            for student in 0..students {
                for said in author.student() {
                    let step = author.say(district, student, said);
                    if unfinished || author.dice.one_in(4) { late.push(step) } else { steps.push(step) }
                }
            }
        }
        let words = 10 + dice.roll(40);
        for _ in 0..words {
            let (district, student) = (dice.roll(districts), dice.roll(students));
            let said = author.upset();
            late.push(author.say(district, student, said));
        }
        for _ in 0..dice.roll(4) {
            late.push(Step { after: 1, happening: Happening::Garbage { district: dice.roll(districts), student: 0 } });
        }
        for _ in 0..4 + dice.roll(24) {
            late.push(author.weather());
        }
        for _ in 0..8 + dice.roll(28) {
            late.push(Step { after: 100, happening: Happening::Hours(i64::from(author.dice.between(6, 24))) });
        }
        if dice.one_in(3) {
            for _ in 0..=dice.roll(3) {
                late.push(Step { after: 0, happening: Happening::BackUp });
            }
            for _ in 0..=dice.roll(2) {
                late.push(Step { after: 0, happening: Happening::Restore });
            }
        }
        if dice.one_in(12) {
            late.push(Step { after: 100, happening: Happening::Hours(24 * 330) });
        }
        if students > 1 && dice.one_in(3) {
            late.extend(author.moves(districts, students));
        }
        author.again(&steps, &mut late);
        author.dice.shuffle(&mut late);
        for step in &mut late {
            step.after = author.pause();
        }
        steps.extend(late);
        Self { seed, steps }
    }
}

/// Makes words with revisions.
struct Author {
    revisions: BTreeMap<(usize, usize, String), u64>,
    /// Whether rules are on missing work too.
    work: bool,
    /// Whether one of them has a memory.
    memory: bool,
    dice: Dice,
}

impl Author {
    fn say(&mut self, district: usize, student: usize, said: Said) -> Step {
        let (key, student) = match &said {
            Said::Fact(key, _) => (key.clone(), student),
            Said::Reference(key, _) => (key.clone(), 0),
        };
        let last = self.revisions.entry((district, student, key)).or_insert(2);
        // Now and then a word is of the same revision as the one before, or of an older one.
        *last += self.dice.of(&[1, 1, 1, 1, 2, 0]);
        let revision = if self.dice.one_in(12) { *last - 1 } else { *last };
        Step { after: 0, happening: Happening::Say { district, student, said, revision } }
    }

    /// A district's reference records, its settings and its rules.
    fn district(&mut self) -> Vec<Said> {
        let mut settings = further::settings(&mut self.dice);
        self.dice.of(&["UTC", "America/Chicago"]).clone_into(&mut settings.clock.time_zone);
        let mut words = generate::district();
        words.push(Said::Reference("settings".to_owned(), Some(Entry::Settings(settings.clone()))));
        words.push(self.pack());
        if self.dice.one_in(3) {
            words.push(self.pack());
        }
        if self.dice.one_in(4) {
            words.push(self.calculator());
        }
        for _ in 0..self.dice.roll(6) {
            words.push(further::references(&mut self.dice));
        }
        if self.dice.one_in(3) {
            let other = further::settings(&mut self.dice);
            let settings = homeroom_domain::settings::Settings { clock: settings.clock, ..other };
            words.push(Said::Reference("settings".to_owned(), Some(Entry::Settings(settings))));
        }
        words
    }

    /// How days are counted, in one of three ways by minutes.
    fn calculator(&mut self) -> Said {
        let (_, yaml) = self.dice.of(&CALCULATORS);
        Said::Reference("calculators".to_owned(), Some(Entry::Calculators(yaml.to_owned())))
    }

    /// A word that changes something, of whatever kind.
    fn upset(&mut self) -> Said {
        match self.dice.roll(60) {
            0..6 => further::facts(&mut self.dice),
            6..11 => further::references(&mut self.dice),
            11 => self.calculator(),
            12 => self.calculator().withdrawn(),
            _ => generate::upset(&mut self.dice),
        }
    }

    fn pack(&mut self) -> Said {
        let yaml = match self.dice.roll(8) {
            0 => "id: [".to_owned(),
            roll => {
                let (work, memory) = (self.work, self.memory);
                Rules { streak: if roll < 5 { 3 } else { 2 }, work, memory, keep: work && !memory }.yaml()
            }
        };
        Said::Reference("rules".to_owned(), Some(Entry::RulePack(yaml)))
    }

    fn student(&mut self) -> Vec<Said> {
        let marks = self.dice.roll(8);
        let mut words = generate::student(&mut self.dice, marks);
        if self.dice.one_in(2) {
            words.extend(generate::absences(&mut self.dice));
        }
        for _ in 0..self.dice.roll(5) {
            words.push(further::facts(&mut self.dice));
        }
        words
    }

    fn weather(&mut self) -> Step {
        let dice = &mut self.dice;
        let process = dice.roll(PROCESSES);
        let happening = match dice.roll(16) {
            0..4 => Happening::Give {
                partition: dice.between(0, PARTITIONS - 1),
                to: process,
                unnoticed: dice.of(&[0, 0, 100, 3_000]),
            },
            4..7 => Happening::Crash(process),
            7 => Happening::Restart(process),
            8..10 => Happening::Pause(process, dice.of(&[50, 500, 8_000])),
            10 => Happening::Away(dice.of(&[100, 2_000])),
            11..13 => Happening::LoseAnswers(1 + u32::from(dice.one_in(2))),
            13 => Happening::LogAway(dice.of(&[100, 2_000])),
            14 => Happening::Lag(process, dice.of(&[0, 500, 5_000])),
            _ => Happening::Skew(process, dice.of(&[-600, -60, 0, 60, 600])),
        };
        Step { after: 0, happening }
    }

    /// Students are merged, and some split again, while the job that moves their records is cut now and then.
    fn moves(&mut self, districts: usize, students: usize) -> Vec<Step> {
        let dice = &mut self.dice;
        let mut happenings = Vec::new();
        for _ in 0..=dice.roll(3) {
            let (district, from) = (dice.roll(districts), dice.roll(students));
            let into = (from + 1 + dice.roll(students - 1)) % students;
            happenings.push(Happening::Merge { district, from, into, unheard: dice.of(&[0, 0, 2, 8]) });
            if dice.one_in(2) {
                happenings.push(Happening::Split { district, from, unheard: dice.of(&[0, 0, 2, 8]) });
            }
            for _ in 0..dice.roll(4) {
                happenings.push(Happening::Look { district, many: dice.of(&[1, 4, 1_000]), anew: dice.one_in(2) });
            }
        }
        happenings.into_iter().map(|happening| Step { after: 0, happening }).collect()
    }

    /// Some of the words are said again, later.
    fn again(&mut self, said: &[Step], late: &mut Vec<Step>) {
        let repeats = self.dice.roll(10);
        let words: Vec<&Step> = said.iter().chain(&*late).filter(|step| step.is_a_word()).collect();
        if words.is_empty() {
            return;
        }
        let again: Vec<Step> = (0..repeats).map(|_| words[self.dice.roll(words.len())].clone()).collect();
        late.extend(again);
    }

    fn pause(&mut self) -> u64 {
        self.dice.of(&[0, 0, 0, 1, 5, 20, 60, 200, 1_200])
    }
}

impl Step {
    fn is_a_word(&self) -> bool {
        matches!(self.happening, Happening::Say { .. })
    }
}
