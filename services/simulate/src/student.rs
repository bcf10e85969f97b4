//! A student's whole year, made from the student's number alone.

use crate::attendance::{self, Leaning, Truth};
use crate::behavior::{self, Incident};
use crate::chance::{Chance, Purpose};
use crate::connection::{self, Connection};
use crate::course;
use crate::district::{District, Level};
use crate::enrollment::{self, Spell};
use crate::grade::{self, Ability, Grade, Item};
use crate::household::Household;
use crate::mark::{self, Mark, SectionMark};
use crate::name;

/// Everything about a student.
#[derive(Debug)]
pub(crate) struct Student {
    pub(crate) number: u32,
    pub(crate) household: Household,
    pub(crate) grade: u32,
    pub(crate) given: &'static str,
    pub(crate) family: &'static str,
    pub(crate) spells: Vec<Spell>,
    pub(crate) marks: Vec<Mark>,
    pub(crate) section_marks: Vec<SectionMark>,
    pub(crate) grades: Vec<Grade>,
    pub(crate) items: Vec<Item>,
    pub(crate) incidents: Vec<Incident>,
    pub(crate) connections: Vec<Connection>,
}

impl Student {
    /// Makes the year.
    pub(crate) fn new(district: &District, number: u32) -> Self {
        let household = district.household(number);
        let grade = district.grade(household);
        let level = Level::of(grade);
        let school = district.school_of(number, grade);
        let leaning = attendance::leaning(district, number, household, grade, school);
        let spells = enrollment::spells(district, number, school);
        let mut days = attendance::year(district, number, household, grade, leaning, &spells);
        let incidents = behavior::incidents(district, number, level, leaning, &spells, &mut days);
        let mut chance = district.chance(Purpose::Grade, &[u64::from(number)]);
        let ability = Ability::new(&mut chance, leaning, course::slots(level));
        let track = |school: &_| attendance::track(district, number, school);
        let (given, family) = names(district, number, household);
        Self {
            number,
            household,
            grade,
            given,
            family,
            marks: mark::marks(district, number, level, &spells, &days),
            section_marks: section_marks(district, number, level, leaning, &spells, &days),
            grades: grade::grades(district, &mut chance, level, &ability, &spells),
            items: grade::items(district, number, grade, &ability, &spells, track),
            incidents,
            connections: connection::connections(district, number, &spells, &days),
            spells,
        }
    }

    /// The id that the district uses.
    pub(crate) fn id(number: u32) -> String {
        (1_000_000 + u64::from(number)).to_string()
    }
}

fn section_marks(
    district: &District,
    number: u32,
    level: Level,
    leaning: Leaning,
    spells: &[Spell],
    days: &[Truth],
) -> Vec<SectionMark> {
    if level == Level::High { mark::section_marks(district, number, leaning, spells, days) } else { Vec::new() }
}

/// Most children of a household have one surname.
fn names(district: &District, number: u32, household: Household) -> (&'static str, &'static str) {
    let mut chance = district.chance(Purpose::Student, &[u64::from(number), 3]);
    let given = name::given(&mut chance);
    let family = if chance.percent(90) { household_name(district, household) } else { name::family(&mut chance) };
    (given, family)
}

/// The surname of a household.
pub(crate) fn household_name(district: &District, household: Household) -> &'static str {
    let mut chance: Chance = district.chance(Purpose::Household, &[u64::from(household.first), 2]);
    name::family(&mut chance)
}
