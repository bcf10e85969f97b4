//! The log of a simulated district: this year whole, and of the year before what next year's figures need.

use std::thread;

use homeroom_domain::event::Event;
use homeroom_domain::id::{DistrictId, SourceId, StudentKey};
use homeroom_domain::reference::ReferenceChange;
use homeroom_ingestion::edfi::offline::{Documents, Said};
use homeroom_ingestion::pseudonym::{Pseudonym, Pseudonyms};
use homeroom_simulate::{Batch, District, Document, Resource, Word};
use jiff::Timestamp;
use secrecy::SecretString;

use crate::extra;

/// The school year that is looked at.
pub(crate) const YEAR: i16 = 2025;
/// Threads that make students' years.
const THREADS: u32 = 2;

/// A district's log.
pub struct Log {
    /// Each student's words, in the order of the log.
    pub students: Vec<Student>,
    /// Words on what those refer to.
    pub references: Vec<ReferenceChange>,
}

/// A student's words.
pub struct Student {
    /// Whose they are.
    pub key: StudentKey,
    /// In the order of the log, which is not the order in which they were sent: some come late, and some twice.
    pub words: Vec<Event>,
}

/// Those of the year before that matter to this one.
const BEFORE: [Resource; 7] = [
    Resource::Schools,
    Resource::Calendars,
    Resource::CalendarDates,
    Resource::Sessions,
    Resource::Students,
    Resource::Enrollments,
    Resource::DailyMarks,
];

/// Those that become neither events nor reference records, of which there are many.
const SILENT: [Resource; 8] = [
    Resource::LocalEducationAgencies,
    Resource::Staffs,
    Resource::StaffAssignments,
    Resource::StaffSections,
    Resource::StaffCohorts,
    Resource::Contacts,
    Resource::StudentContacts,
    Resource::AcademicRecords,
];

/// Both years of a district.
struct Years {
    /// The year before as it was, and as it would have been elsewhere.
    before: [District; 2],
    /// Which of them is known of a student, by number; of some nothing.
    known: fn(u32) -> Option<usize>,
    now: District,
    pseudonym: Pseudonym,
    source: SourceId,
}

impl Log {
    /// The log of a district of so many students, by a seed. Of a third of them the year before is known, which was another one: many
    /// were at another school.
    pub fn of(students: u32, seed: u64) -> Self {
        Self::made(students, &Years::new(students, seed, [seed + 1; 2], |number| number.is_multiple_of(3).then_some(0)))
    }

    /// The same, of which half had a year before much like this one and a quarter quite another; a quarter are new.
    pub fn of_returning(students: u32, seed: u64) -> Self {
        let known = |number| match number % 4 {
            0 => None,
            1 => Some(1),
            _ => Some(0),
        };
        Self::made(students, &Years::new(students, seed, [seed, seed + 1], known))
    }

    fn made(students: u32, years: &Years) -> Self {
        let mut references = years.references();
        let share = students.div_ceil(THREADS);
        let shares: Vec<_> = thread::scope(|scope| {
            let workers: Vec<_> = (0..THREADS)
                .map(|thread| {
                    let first = thread * share;
                    scope.spawn(move || {
                        (first..students.min(first + share)).map(|number| years.student(number)).collect::<Vec<_>>()
                    })
                })
                .collect();
            workers.into_iter().map(|worker| worker.join().expect("a district is made")).collect()
        });
        let mut made = Vec::new();
        for (student, more) in shares.into_iter().flatten() {
            made.push(student);
            references.extend(more);
        }
        Self { students: made, references }
    }

    /// How many words there are.
    pub fn words(&self) -> usize {
        self.references.len() + self.students.iter().map(|student| student.words.len()).sum::<usize>()
    }
}

impl Years {
    fn new(students: u32, seed: u64, before: [u64; 2], known: fn(u32) -> Option<usize>) -> Self {
        let district = |seed, year| District::new(students, seed, year).expect("a possible district");
        let id = DistrictId::parse("linden-valley").expect("a district's id");
        let mut pseudonyms = Pseudonyms::default();
        let secret = SecretString::from("by-content:one secret of the exactness tests");
        pseudonyms.add(id.clone(), &secret).expect("a good secret");
        Self {
            before: before.map(|seed| district(seed, YEAR - 1)),
            known,
            now: district(seed, YEAR),
            pseudonym: pseudonyms.find(&id).expect("it was added").clone(),
            source: SourceId::parse("sis").expect("a source's id"),
        }
    }

    fn references(&self) -> Vec<ReferenceChange> {
        let mut documents = Documents::new(&self.pseudonym, &self.source);
        let mut said = Vec::new();
        for (district, before) in [(&self.before[0], true), (&self.now, false)] {
            let mut batch = Batch::new(district.opening()..=district.closing());
            district.office(&mut batch);
            for school in 0..district.schools() {
                district.school(school, &mut batch);
            }
            batch.sort();
            for document in batch.iter().filter(|document| counts(document, before)) {
                said.extend(send(&mut documents, &document, document.body));
            }
            if !before {
                for (endpoint, body) in extra::of_schools(&batch) {
                    said.extend(post(&mut documents, endpoint, &body));
                }
            }
        }
        said.into_iter().filter_map(|said| if let Said::Reference(word) = said { Some(word) } else { None }).collect()
    }

    /// A student's words, and those on incidents, which come with them.
    fn student(&self, number: u32) -> (Student, Vec<ReferenceChange>) {
        let mut documents = Documents::new(&self.pseudonym, &self.source);
        let mut said = Vec::new();
        let before = (self.known)(number).map(|which| (&self.before[which], true));
        for (district, before) in before.into_iter().chain([(&self.now, false)]) {
            let mut batch = Batch::new(district.opening()..=district.closing());
            district.student(number, &mut batch);
            batch.sort();
            for document in batch.iter().filter(|document| counts(document, before)) {
                let body = extra::amended(&document, number, before, || district.date(document.on));
                said.extend(send(&mut documents, &document, &body));
            }
            if !before {
                for (endpoint, body) in extra::of_student(number, &batch) {
                    said.extend(post(&mut documents, endpoint, &body));
                }
            }
        }
        let (mut words, mut references) = (Vec::new(), Vec::new());
        for said in said {
            match said {
                Said::Event(word) => words.push(word),
                Said::Reference(word) => references.push(word),
            }
        }
        let key = words.first().map(|word| word.student).expect("every student is registered");
        disorder(&mut words, u64::from(number));
        (Student { key, words }, references)
    }
}

fn counts(document: &Document<'_>, before: bool) -> bool {
    if before { BEFORE.contains(&document.resource) } else { !SILENT.contains(&document.resource) }
}

fn send(documents: &mut Documents<'_>, document: &Document<'_>, body: &str) -> Vec<Said> {
    let endpoint = document.resource.endpoint();
    match document.word {
        Word::Said => post(documents, endpoint, body),
        Word::Withdrawn => {
            documents.delete(endpoint, body.as_bytes(), Timestamp::UNIX_EPOCH).expect("a document that can be read")
        }
    }
}

fn post(documents: &mut Documents<'_>, endpoint: &str, body: &str) -> Vec<Said> {
    documents.post(endpoint, body.as_bytes(), Timestamp::UNIX_EPOCH).expect("a document that the door takes")
}

/// Swaps one word in eight with another, and says one in twenty again: the figures may not depend on it.
fn disorder(words: &mut Vec<Event>, seed: u64) {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut draw = |below: usize| {
        // xorshift64, by Marsaglia.
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        usize::try_from(state % below.max(1) as u64).unwrap_or(0)
    };
    for at in 0..words.len() {
        if draw(8) == 0 {
            let other = draw(words.len());
            words.swap(at, other);
        }
    }
    for _ in 0..words.len() / 20 {
        let again = words[draw(words.len())].clone();
        words.insert(draw(words.len()), again);
    }
}
