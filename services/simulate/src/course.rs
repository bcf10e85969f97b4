//! Courses, classes and periods: which classes a student has follows from grade and track.
//!
//! Students of a track share all their classes, as teams of middle schools do. The period of a class is its place in the list
//! turned by the track, so that nobody has two at once and teachers have several.

use crate::district::{District, GRADES, Level, School};

/// A course of the district.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Course {
    pub(crate) code: &'static str,
    pub(crate) title: &'static str,
    /// An Ed-Fi academic subject.
    pub(crate) subject: &'static str,
}

/// One of the two sessions of a year.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Term {
    Fall,
    Spring,
}

/// A class: a course, taught to a track in a term.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Section {
    pub(crate) grade: u32,
    pub(crate) track: u32,
    pub(crate) slot: usize,
    pub(crate) term: Term,
}

impl Term {
    pub(crate) const BOTH: [Self; 2] = [Self::Fall, Self::Spring];

    /// Its letter in ids.
    pub(crate) fn letter(self) -> char {
        match self {
            Self::Fall => 'F',
            Self::Spring => 'S',
        }
    }

    /// Of a grading period.
    pub(crate) fn of(quarter: usize) -> Self {
        if quarter < 2 { Self::Fall } else { Self::Spring }
    }

    /// Its grading periods.
    pub(crate) fn quarters(self) -> [usize; 2] {
        match self {
            Self::Fall => [0, 1],
            Self::Spring => [2, 3],
        }
    }
}

const ENGLISH: &str = "English Language Arts";
const MATH: &str = "Mathematics";
const SCIENCE: &str = "Science";
const SOCIAL: &str = "Social Studies";
const LANGUAGE: &str = "Foreign Language and Literature";
const MOVEMENT: &str = "Physical, Health, and Safety Education";
const ARTS: &str = "Fine and Performing Arts";
const CAREER: &str = "Career and Technical Education";

const fn course(code: &'static str, title: &'static str, subject: &'static str) -> Course {
    Course { code, title, subject }
}

const ELEMENTARY: [[Course; 1]; 6] = [
    [course("HR-00", "Kindergarten Homeroom", "Cross Subject")],
    [course("HR-01", "Grade 1 Homeroom", "Cross Subject")],
    [course("HR-02", "Grade 2 Homeroom", "Cross Subject")],
    [course("HR-03", "Grade 3 Homeroom", "Cross Subject")],
    [course("HR-04", "Grade 4 Homeroom", "Cross Subject")],
    [course("HR-05", "Grade 5 Homeroom", "Cross Subject")],
];

const MIDDLE: [[Course; 6]; 3] = [
    [
        course("ELA-06", "English Language Arts 6", ENGLISH),
        course("MAT-06", "Mathematics 6", MATH),
        course("SCI-06", "Earth Science 6", SCIENCE),
        course("SOC-06", "Ancient Civilizations 6", SOCIAL),
        course("PE-06", "Physical Education 6", MOVEMENT),
        course("ART-06", "Music 6", ARTS),
    ],
    [
        course("ELA-07", "English Language Arts 7", ENGLISH),
        course("MAT-07", "Mathematics 7", MATH),
        course("SCI-07", "Life Science 7", SCIENCE),
        course("SOC-07", "World Geography 7", SOCIAL),
        course("PE-07", "Physical Education 7", MOVEMENT),
        course("ART-07", "Visual Art 7", ARTS),
    ],
    [
        course("ELA-08", "English Language Arts 8", ENGLISH),
        course("MAT-08", "Mathematics 8", MATH),
        course("SCI-08", "Physical Science 8", SCIENCE),
        course("SOC-08", "United States History 8", SOCIAL),
        course("PE-08", "Physical Education 8", MOVEMENT),
        course("CTE-08", "Technology 8", CAREER),
    ],
];

const HIGH: [[Course; 7]; 4] = [
    [
        course("ENG-09", "English 9", ENGLISH),
        course("ALG-1", "Algebra I", MATH),
        course("BIO-1", "Biology", SCIENCE),
        course("WHI-1", "World History", SOCIAL),
        course("SPA-1", "Spanish I", LANGUAGE),
        course("PE-09", "Physical Education 9", MOVEMENT),
        course("ART-1", "Art I", ARTS),
    ],
    [
        course("ENG-10", "English 10", ENGLISH),
        course("GEO-1", "Geometry", MATH),
        course("CHE-1", "Chemistry", SCIENCE),
        course("CIV-1", "Civics", SOCIAL),
        course("SPA-2", "Spanish II", LANGUAGE),
        course("HEA-10", "Health", MOVEMENT),
        course("CTE-10", "Computer Applications", CAREER),
    ],
    [
        course("ENG-11", "English 11", ENGLISH),
        course("ALG-2", "Algebra II", MATH),
        course("PHY-1", "Physics", SCIENCE),
        course("USH-1", "United States History", SOCIAL),
        course("SPA-3", "Spanish III", LANGUAGE),
        course("MUS-11", "Ensemble", ARTS),
        course("CTE-11", "Health Careers", CAREER),
    ],
    [
        course("ENG-12", "English 12", ENGLISH),
        course("PRE-1", "Precalculus", MATH),
        course("ENV-1", "Environmental Science", SCIENCE),
        course("ECO-1", "Economics", SOCIAL),
        course("SPA-4", "Spanish IV", LANGUAGE),
        course("THE-12", "Theater", ARTS),
        course("CTE-12", "Internship", CAREER),
    ],
];

/// The courses of a grade, in the order of their places.
pub(crate) fn courses(grade: u32) -> &'static [Course] {
    let place = grade as usize;
    match Level::of(grade) {
        Level::Elementary => &ELEMENTARY[place],
        Level::Middle => &MIDDLE[place - 6],
        Level::High => &HIGH[(place - 9).min(3)],
    }
}

/// All courses of the district.
pub(crate) fn all() -> impl Iterator<Item = &'static Course> {
    (0..GRADES).flat_map(courses)
}

/// How many classes a student has at a time, which is also the number of periods.
pub(crate) fn slots(level: Level) -> usize {
    match level {
        Level::Elementary => 1,
        Level::Middle => 6,
        Level::High => 7,
    }
}

/// Classes whose work is in the gradebook: the core courses, which come first. None in elementary schools.
pub(crate) fn with_gradebook(level: Level) -> usize {
    if level == Level::Elementary { 0 } else { 4 }
}

impl Section {
    pub(crate) fn course(self) -> &'static Course {
        &courses(self.grade)[self.slot]
    }

    /// The number of its period, from 1.
    pub(crate) fn period(self, level: Level) -> usize {
        (self.slot + self.track as usize) % slots(level) + 1
    }

    /// Its id within the district.
    pub(crate) fn id(self, school: &School) -> String {
        format!("{}-{}-{:02}{}", school.id(), self.course().code, self.track + 1, self.term.letter())
    }

    /// The number of its teacher among the school's staff.
    pub(crate) fn teacher(self, school: &School) -> u32 {
        let first = *school.level.grades().start();
        let class = (self.grade - first) * school.tracks + self.track;
        if school.level == Level::Elementary {
            return class;
        }
        // A teacher of a subject has up to five classes.
        let departments = u32::try_from(slots(school.level)).unwrap_or(1);
        class / 5 * departments + u32::try_from(self.slot).unwrap_or(0)
    }
}

/// All sections of a school in a term.
pub(crate) fn sections(school: &School, term: Term) -> impl Iterator<Item = Section> {
    let slots = slots(school.level);
    school.classes().flat_map(move |(grade, track)| (0..slots).map(move |slot| Section { grade, track, slot, term }))
}

/// How many teachers a school has.
pub(crate) fn teachers(school: &School) -> u32 {
    sections(school, Term::Fall).map(|section| section.teacher(school) + 1).max().unwrap_or(0)
}

/// Every how many taught days the gradebook gets an entry, and from which to which.
const EVERY: usize = 12;

/// Gradebook entries of a section: number, index of the day on which the work is given out and of that on which it is due.
pub(crate) fn entries(district: &District, term: Term) -> impl Iterator<Item = (usize, usize, usize)> {
    let [first, second] = term.quarters();
    let begin = district.calendar.index_from(district.calendar.quarters[first].begin);
    let end = district.calendar.index_from(district.calendar.quarters[second].end.plus(1)) - 1;
    (0..)
        .map(move |number| (number, begin + number * EVERY + 2, begin + number * EVERY + 6))
        .take_while(move |(_, _, due)| *due < end)
}
