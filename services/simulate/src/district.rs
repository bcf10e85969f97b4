//! Where everybody is: attendance zones, their schools, and the students by household. Held in memory is a line per school.
//!
//! A zone has one high school, the middle schools that feed it and the elementary schools that feed those. Students are
//! numbered through by zone, and twelve in a row live in a handful of households; so who lives with whom, and who goes where,
//! follows from a number alone.

use crate::calendar::{Calendar, Day};
use crate::chance::{Chance, Purpose};
use crate::household::BLOCK;
use crate::name;
use crate::published;

/// Students of a zone: three elementary schools, a middle school and a high school of usual sizes.
const ZONE: u32 = 3_000;
/// Students of a usual elementary school and middle school.
const ELEMENTARY: u32 = 480;
const MIDDLE: u32 = 700;
/// Kindergarten to twelfth grade.
pub(crate) const GRADES: u32 = 13;
/// Students of a class.
const CLASS: u32 = 26;
/// The Ed-Fi id of the district's office.
pub(crate) const OFFICE: i64 = 990_000;

/// Which grades a school has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Level {
    Elementary,
    Middle,
    High,
}

impl Level {
    /// Of a grade, counted from kindergarten.
    pub(crate) fn of(grade: u32) -> Self {
        match grade {
            0..=5 => Self::Elementary,
            6..=8 => Self::Middle,
            _ => Self::High,
        }
    }

    /// The first and last grade.
    pub(crate) fn grades(self) -> std::ops::RangeInclusive<u32> {
        match self {
            Self::Elementary => 0..=5,
            Self::Middle => 6..=8,
            Self::High => 9..=12,
        }
    }

    pub(crate) fn title(self) -> &'static str {
        match self {
            Self::Elementary => "Elementary School",
            Self::Middle => "Middle School",
            Self::High => "High School",
        }
    }
}

/// A school.
#[derive(Debug)]
pub(crate) struct School {
    pub(crate) index: usize,
    pub(crate) level: Level,
    /// Students who are to be chronically absent, in thousandths.
    pub(crate) chronic: u32,
    /// Classes of each grade.
    pub(crate) tracks: u32,
}

impl School {
    /// Its Ed-Fi id.
    pub(crate) fn id(&self) -> i64 {
        OFFICE + 1 + i64::try_from(self.index).unwrap_or(0)
    }

    /// Such as `Cedar Hill Elementary School`.
    pub(crate) fn name(&self) -> String {
        let (place, feature) = name::place(self.index);
        format!("{place} {feature} {}", self.level.title())
    }

    /// All its classes.
    pub(crate) fn classes(&self) -> impl Iterator<Item = (u32, u32)> {
        let tracks = self.tracks;
        self.level.grades().flat_map(move |grade| (0..tracks).map(move |track| (grade, track)))
    }
}

#[derive(Debug)]
struct Zone {
    first: u32,
    /// Where each elementary school's area ends, in students from the zone's first.
    areas: Vec<u32>,
    /// Index of the first school; elementary schools, then middle schools, then the high school.
    school: usize,
    middles: usize,
}

/// A district that does not exist.
#[derive(Debug)]
pub struct District {
    pub(crate) seed: u64,
    students: u32,
    pub(crate) calendar: Calendar,
    zones: Vec<Zone>,
    pub(crate) schools: Vec<School>,
}

/// What no district can be made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Impossible {
    /// Too few or too many students.
    #[error("{0} students are not from {least} to {most}", least = District::LEAST, most = District::MOST)]
    Students(u32),
    /// A school year that is out of reach.
    #[error("the school year {0} is not from 1990 to 2100")]
    Year(i16),
}

impl District {
    /// The fewest students.
    pub const LEAST: u32 = 100;
    /// The most students.
    pub const MOST: u32 = 1_000_000;

    /// The district that follows from a seed.
    ///
    /// `year` is the calendar year in which the school year ends, as Ed-Fi counts them: 2025 is 2024-2025.
    pub fn new(students: u32, seed: u64, year: i16) -> Result<Self, Impossible> {
        if !(Self::LEAST..=Self::MOST).contains(&students) {
            return Err(Impossible::Students(students));
        }
        if !(1990..=2100).contains(&year) {
            return Err(Impossible::Year(year));
        }
        let mut district =
            Self { seed, students, calendar: Calendar::new(year, seed), zones: Vec::new(), schools: Vec::new() };
        district.lay_out_zones();
        district.settle_schools();
        Ok(district)
    }

    /// How many students there are, whoever comes and goes.
    pub fn students(&self) -> u32 {
        self.students
    }

    /// How many schools.
    pub fn schools(&self) -> usize {
        self.schools.len()
    }

    /// The day on which everything that does not change with the days is sent, a few days before the first lesson.
    pub fn opening(&self) -> Day {
        self.calendar.opening()
    }

    /// The day of the last word of the year.
    pub fn closing(&self) -> Day {
        self.calendar.closing()
    }

    /// The date of a day.
    pub fn date(&self, day: Day) -> jiff::civil::Date {
        self.calendar.date(day)
    }

    /// The day of a date, when it is of the school year.
    pub fn day(&self, date: jiff::civil::Date) -> Option<Day> {
        self.calendar.find(date)
    }

    /// The school year as Ed-Fi counts it.
    pub fn year(&self) -> i16 {
        self.calendar.year
    }

    pub(crate) fn chance(&self, purpose: Purpose, whom: &[u64]) -> Chance {
        Chance::of(self.seed, purpose, whom)
    }

    fn lay_out_zones(&mut self) {
        let zones = ((self.students + ZONE / 2) / ZONE).max(1);
        let weights: Vec<u32> =
            (0..zones).map(|zone| self.chance(Purpose::Zone, &[u64::from(zone)]).among(700, 1_300)).collect();
        let total: u64 = weights.iter().copied().map(u64::from).sum();
        let (mut passed, mut first) = (0_u64, 0);
        for (zone, weight) in weights.into_iter().enumerate() {
            passed += u64::from(weight);
            let end = u32::try_from(u64::from(self.students) * passed / total).unwrap_or(self.students);
            let end = if passed == total { self.students } else { end / BLOCK * BLOCK };
            self.add_zone(zone as u64, first, end - first);
            first = end;
        }
    }

    fn add_zone(&mut self, zone: u64, first: u32, students: u32) {
        let elementary = students * 6 / GRADES;
        let elementaries = ((elementary + ELEMENTARY / 2) / ELEMENTARY).max(1);
        let middles = ((students * 3 / GRADES + MIDDLE / 2) / MIDDLE).max(1).min(elementaries);
        let mut chance = self.chance(Purpose::School, &[zone]);
        let weights: Vec<u32> = (0..elementaries).map(|_| chance.among(800, 1_200)).collect();
        let total: u32 = weights.iter().sum();
        let mut passed = 0;
        let areas = weights.iter().map(|weight| {
            passed += weight;
            if passed == total { students } else { students / BLOCK * passed / total * BLOCK }
        });
        let areas: Vec<u32> = areas.collect();
        let school = self.schools.len();
        for (area, end) in areas.iter().enumerate() {
            let size = end - area.checked_sub(1).map_or(0, |before| areas[before]);
            self.add_school(Level::Elementary, size * 6 / GRADES);
        }
        for _ in 0..middles {
            self.add_school(Level::Middle, students * 3 / GRADES / middles);
        }
        self.add_school(Level::High, students * 4 / GRADES);
        self.zones.push(Zone { first, areas, school, middles: middles as usize });
    }

    fn add_school(&mut self, level: Level, students: u32) {
        let grades = u32::try_from(level.grades().count()).unwrap_or(1);
        let tracks = (students / grades).div_ceil(CLASS).max(1);
        self.schools.push(School { index: self.schools.len(), level, chronic: 0, tracks });
    }

    /// Gives each school its rank among the district's students: high schools tend to the upper end.
    fn settle_schools(&mut self) {
        let mut order: Vec<(u32, usize)> = self
            .schools
            .iter()
            .map(|school| {
                let leaning = match school.level {
                    Level::Elementary => 0,
                    Level::Middle => 150,
                    Level::High => 400,
                };
                let drawn = self.chance(Purpose::School, &[u64::MAX, school.index as u64]).below(1_000);
                (drawn + leaning, school.index)
            })
            .collect();
        order.sort_unstable();
        let size = |school: &School| school.tracks * u32::try_from(school.level.grades().count()).unwrap_or(1);
        let all: u32 = self.schools.iter().map(size).sum();
        let mut below = 0;
        for (_, index) in order {
            let school = &mut self.schools[index];
            let middle = below + size(school) / 2;
            below += size(school);
            school.chronic = published::chronic_of_school(middle * 1_000 / all.max(1));
        }
    }

    /// The school that a student of this grade goes to from home.
    pub(crate) fn school_of(&self, student: u32, grade: u32) -> &School {
        let zone = &self.zones[self.zones.partition_point(|zone| zone.first <= student) - 1];
        let area = zone.areas.partition_point(|end| *end <= student - zone.first).min(zone.areas.len() - 1);
        let elementaries = zone.areas.len();
        let index = match Level::of(grade) {
            Level::Elementary => area,
            Level::Middle => elementaries + area * zone.middles / elementaries,
            Level::High => elementaries + zone.middles,
        };
        &self.schools[zone.school + index]
    }

    /// Another school of the same level, when there is one.
    pub(crate) fn other_school(&self, school: &School, chance: &mut Chance) -> Option<&School> {
        let count = self.schools.len();
        let start = chance.index(count);
        let others = (0..count).map(|step| &self.schools[(start + step) % count]);
        others.into_iter().find(|other| other.level == school.level && other.index != school.index)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn schools_have_usual_sizes() {
        for students in [100, 1_000, 5_000, 20_000] {
            let district = District::new(students, 3, 2025).unwrap();
            let mut sizes = vec![0; district.schools()];
            for student in 0..students {
                let household = district.household(student);
                let grade = district.grade(household);
                let school = district.school_of(student, grade);
                assert!(school.level.grades().contains(&grade));
                sizes[school.index] += 1;
            }
            if students >= 5_000 {
                for (school, size) in district.schools.iter().zip(&sizes) {
                    assert!((200..2_200).contains(size), "{students}: {} {size}", school.name());
                }
            }
            assert!(sizes.iter().all(|size| *size > 0), "{students}: {sizes:?}");
        }
    }

    #[test]
    fn the_largest_district_has_a_name_for_each_school() {
        let district = District::new(1_000_000, 1, 2025).unwrap();
        assert!((1_400..2_016).contains(&district.schools()), "{}", district.schools());
    }

    #[test]
    fn what_is_impossible_is_said() {
        let refusal = District::new(7, 1, 2025).unwrap_err();
        assert_eq!(refusal.to_string(), "7 students are not from 100 to 1000000");
    }
}
