//! Who and what holds a student at school: activities, and mentors for students who missed much in the first weeks.

use crate::attendance::Truth;
use crate::calendar::Day;
use crate::chance::Purpose;
use crate::district::{District, Level, School};
use crate::enrollment::Spell;

/// What a school offers; elementary schools the first four.
pub(crate) const ACTIVITIES: [&str; 12] = [
    "Chess Club",
    "Choir",
    "Garden Club",
    "Running Club",
    "Band",
    "Robotics",
    "Soccer",
    "Basketball",
    "Drama",
    "Debate",
    "Yearbook",
    "Coding Club",
];

/// Index of the taught day from which mentors work: after the first eight weeks.
pub(crate) const MENTORS_FROM: usize = 40;

/// A student's membership of a group.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Connection {
    /// Index of the spell.
    pub(crate) spell: usize,
    pub(crate) group: Group,
    pub(crate) begin: Day,
    /// When it ends, when it does before the year.
    pub(crate) end: Option<Day>,
}

/// A group of a school.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Group {
    /// Index of the activity.
    Activity(usize),
    /// Number of the mentor.
    Mentor(u32),
}

impl Group {
    /// Its id at a school.
    pub(crate) fn id(self, school: &School) -> String {
        match self {
            Self::Activity(number) => format!("{}-act-{:02}", school.id(), number + 1),
            Self::Mentor(number) => format!("{}-mentor-{:02}", school.id(), number + 1),
        }
    }
}

/// How many activities a school has.
pub(crate) fn activities(level: Level) -> usize {
    if level == Level::Elementary { 4 } else { ACTIVITIES.len() }
}

/// How many mentors a school has: each can see to ten to twenty students.
pub(crate) fn mentors(school: &School) -> u32 {
    let grades = u32::try_from(school.level.grades().count()).unwrap_or(1);
    (school.tracks * grades * school.chronic / 1_000).div_ceil(2).max(1)
}

/// Index of the taught day on which a mentor leaves, when one does.
pub(crate) fn mentor_leaves(district: &District, school: &School, mentor: u32) -> Option<usize> {
    let mut chance = district.chance(Purpose::Connection, &[u64::MAX, school.index as u64, u64::from(mentor)]);
    chance.percent(12).then(|| chance.among(80, 150) as usize)
}

/// A student's activities and mentor.
pub(crate) fn connections(district: &District, student: u32, spells: &[Spell], days: &[Truth]) -> Vec<Connection> {
    let mut chance = district.chance(Purpose::Connection, &[u64::from(student)]);
    let mut connections = Vec::new();
    let Some((spell, stay)) = spells.iter().enumerate().find(|(_, spell)| spell.came() && spell.entry < MENTORS_FROM)
    else {
        return connections;
    };
    let school = &district.schools[stay.school];
    let at = |index| district.calendar.at(index);
    let exit = stay.exit.as_ref().map(|exit| at(exit.last));
    let mut joined = Vec::new();
    for _ in 0..chance.weighted(&[(45, 0), (30, 1), (17, 2), (8, 3)], 0) {
        let activity = chance.index(activities(school.level));
        let begin = (stay.entry + chance.among(5, 30) as usize).min(stay.last());
        let quits = chance.percent(9).then(|| begin + chance.among(20, 90) as usize).filter(|end| *end < stay.last());
        if !joined.contains(&activity) {
            joined.push(activity);
            let end = quits.map(at).or(exit);
            connections.push(Connection { spell, group: Group::Activity(activity), begin: at(begin), end });
        }
    }
    let weeks = &days[..MENTORS_FROM];
    let enrolled = weeks.iter().filter(|day| **day != Truth::Away).count();
    let absent = weeks.iter().filter(|day| matches!(day, Truth::Absent(_))).count();
    if enrolled >= 10 && absent * 10 >= enrolled && stay.last() > MENTORS_FROM && chance.percent(50) {
        let mentor = chance.below(mentors(school));
        let leaves = mentor_leaves(district, school, mentor).filter(|index| *index < stay.last());
        let end = leaves.map(at).or(exit);
        connections.push(Connection { spell, group: Group::Mentor(mentor), begin: at(MENTORS_FROM), end });
    }
    connections
}
