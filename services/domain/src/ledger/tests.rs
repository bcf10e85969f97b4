//! The packed ledger against a map of words.

use std::collections::BTreeMap;

use proptest::prelude::*;

use super::*;
use crate::date::Date;
use crate::event::{
    AssignmentResult, Behavior, Connection, CourseTranscript, Discipline, Enrollment, Grade, Scope, SectionMembership,
    SurveyScore, Times,
};
use crate::id::{
    AssignmentId, CalendarId, CourseId, GradingPeriodId, GroupId, IncidentId, SchoolId, SchoolYear, SectionId,
    SessionId,
};

type Map = BTreeMap<(SourceId, RecordKey), (u64, Change<Fact>)>;

fn apply(map: &mut Map, origin: &Origin, change: &Change<Fact>) -> Applied {
    let key = (origin.source.clone(), origin.key);
    let word = (origin.revision.0, change.clone());
    match map.get(&key) {
        Some((revision, _)) if origin.revision.0 < *revision => return Applied::Outdated,
        Some((_, known)) if known == change => {
            map.insert(key, word);
            return Applied::Same;
        }
        _ => map.insert(key, word),
    };
    Applied::Changed
}

fn live(map: &Map) -> Vec<Live<Fact>> {
    let facts = map.iter().filter_map(|((source, key), (revision, change))| match change {
        Change::Recorded(fact) => {
            Some(Live { source: source.clone(), key: *key, revision: Revision(*revision), fact: fact.clone() })
        }
        Change::Withdrawn => None,
    });
    facts.collect()
}

fn sorted(mut facts: Vec<Live<Fact>>) -> Vec<Live<Fact>> {
    facts.sort_by(|a, b| (&a.source, a.key).cmp(&(&b.source, b.key)));
    facts
}

fn date(day: u8) -> Date {
    Date::from_days(20_325 + i32::from(day)).unwrap()
}

/// A key as ingestion makes it of a natural key that holds a date, and as it makes any other.
fn key(stem: u8, day: u8, dated: bool) -> RecordKey {
    let mut key = [stem; 16];
    if dated {
        key[12..].copy_from_slice(&date(day).days().to_be_bytes());
    } else {
        key[15] = day;
    }
    RecordKey::new(key)
}

fn mark(pick: [u8; 4], day: u8) -> Fact {
    let school = ["9", "10"][usize::from(pick[0] % 2)];
    let code = ["uri://ed-fi.org/AttendanceEventCategoryDescriptor#Tardy", "A7", "present"][usize::from(pick[1] % 3)];
    Fact::AttendanceMark(crate::event::AttendanceMark {
        school: SchoolId::parse(school).unwrap(),
        date: date(day),
        scope: if pick[2].is_multiple_of(4) { Scope::Section(SectionId::new([pick[2]; 16])) } else { Scope::Day },
        session: pick[2].is_multiple_of(3).then(|| SessionId::new([pick[3]; 16])),
        code: code.to_owned(),
        share: pick[3].is_multiple_of(3).then_some(i32::from(pick[3]) - 9),
        times: Times {
            minutes: pick[3].is_multiple_of(5).then_some(i32::from(pick[3]) - 9),
            came_at: pick[3].is_multiple_of(7).then_some(i32::from(pick[2])),
            left_at: pick[2].is_multiple_of(5).then_some(i32::from(pick[3]) * 9),
        },
    })
}

fn other(pick: [u8; 4], day: u8) -> Fact {
    let section = SectionId::new([pick[1]; 16]);
    match pick[0] % 10 {
        0 => Fact::Registration,
        1 => Fact::Enrollment(Enrollment {
            school: SchoolId::parse("9").unwrap(),
            entry_on: date(day),
            exit_on: pick[1].is_multiple_of(2).then(|| date(pick[2])),
            calendar: pick[2].is_multiple_of(2).then(|| CalendarId::new([pick[3]; 16])),
            primary_school: pick[3].is_multiple_of(2),
            grade_level: "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade".to_owned(),
            exit_type: ["", "of its own"][usize::from(pick[3] % 2)].to_owned(),
        }),
        2 => Fact::SectionMembership(SectionMembership {
            section,
            begin_on: date(day),
            end_on: pick[2].is_multiple_of(2).then(|| date(pick[3])),
        }),
        4.. => further(pick, day),
        _ => Fact::Grade(Grade {
            section,
            grading_period: GradingPeriodId::new([pick[2] % 3; 16]),
            grade_type: "uri://ed-fi.org/GradeTypeDescriptor#Final".to_owned(),
            numeric: pick[2].is_multiple_of(2).then_some(i64::from(pick[3]) * 100 - 500),
            letter: pick[3].is_multiple_of(2).then(|| "B minus".to_owned()),
        }),
    }
}

fn further(pick: [u8; 4], day: u8) -> Fact {
    let some = |by: u8| by.is_multiple_of(2);
    let text =
        |by: u8| ["", "Graded", "uri://ed-fi.org/DisciplineDescriptor#Expulsion"][usize::from(by % 3)].to_owned();
    match pick[0] % 10 {
        4 => Fact::Behavior(Behavior {
            incident: IncidentId::new([pick[1]; 16]),
            code: text(pick[2]),
            part: text(pick[3]),
        }),
        5 => Fact::Discipline(Discipline {
            school: SchoolId::parse("9").unwrap(),
            begin_on: date(day),
            length: some(pick[1]).then_some(i32::from(pick[2]) - 5),
            code: text(pick[3]),
        }),
        6 => Fact::AssignmentResult(AssignmentResult {
            assignment: AssignmentId::new([pick[1]; 16]),
            status: text(pick[2]),
            lateness: text(pick[3]),
            points: some(pick[1]).then_some(i64::from(pick[2]) * 1_000),
            numeric: some(pick[2]).then_some(i64::MIN),
            fulfilled_on: some(pick[3]).then(|| date(day)),
        }),
        7 => Fact::CourseTranscript(CourseTranscript {
            course: CourseId::new([pick[1] % 3; 16]),
            school_year: SchoolYear(2020 + i32::from(pick[2] % 4)),
            term: text(pick[2]),
            result: text(pick[3]),
            attempted: some(pick[1]).then_some(500),
            earned: some(pick[2]).then_some(i64::from(pick[1])),
            numeric: some(pick[3]).then_some(-1),
            letter: some(pick[3] / 2).then(|| text(pick[1])),
        }),
        8 => Fact::Connection(Connection {
            with: GroupId::new([pick[1]; 16]),
            kind: text(pick[2]),
            begin_on: date(day),
            end_on: some(pick[3]).then(|| date(pick[3])),
        }),
        _ => Fact::SurveyScore(SurveyScore {
            survey: text(pick[1]),
            taken_on: date(day),
            score: i32::from(pick[2]) * 100 - 5,
        }),
    }
}

prop_compose! {
    fn word()(stem in 0_u8..3, day in 0_u8..12, dated in 0..5, what in 0..10, pick: [u8; 4], revision in 0_u64..6,
              source in 0..6, shift in 0..9) -> (Origin, Change<Fact>) {
        let source = SourceId::parse(if source == 0 { "lms" } else { "sis" }).unwrap();
        let own_key = key(stem, day, dated > 0);
        // A key that follows from what is said, or from what is withdrawn.
        let of = other(pick.map(|number| number % 4), day % 4);
        let key = if pick[3] >= 128 && what < 4 { derived_key([stem; 16], &of).unwrap_or(own_key) } else { own_key };
        let origin = Origin { source, key, revision: Revision(revision) };
        // Now and then a record says another date than its key.
        let day = if shift == 0 { day / 2 } else { day };
        let change = match what {
            0 | 1 => Change::Withdrawn,
            2 | 3 if shift > 1 => Change::Recorded(of),
            2 | 3 => Change::Recorded(other(pick, day)),
            _ => Change::Recorded(mark(pick, day)),
        };
        (origin, change)
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 1_500, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_packed_ledger_is_a_map_of_words(words in prop::collection::vec(word(), 0..40)) {
        let (mut ledger, mut map) = (Ledger::default(), Map::new());
        for (origin, change) in &words {
            prop_assert_eq!(ledger.apply(origin, change), apply(&mut map, origin, change), "{:?} {:?}", origin, change);
            prop_assert_eq!(ledger.len(), map.len());
            prop_assert_eq!(sorted(ledger.facts().collect()), live(&map));
        }
        let stored = ledger.encode();
        let read = Ledger::decode(&stored).unwrap();
        prop_assert_eq!(&read, &ledger);
        prop_assert_eq!(read.encode(), stored);
        let marks = live(&map).into_iter().filter(|live| matches!(live.fact, Fact::AttendanceMark(_))).count();
        prop_assert_eq!(ledger.count_marks(), marks);
    }

    #[test]
    fn words_taken_in_together_do_what_each_does_alone(
        before in prop::collection::vec(word(), 0..20),
        words in prop::collection::vec(word(), 0..20),
    ) {
        let mut ledger = Ledger::default();
        ledger.apply_all(before.iter().map(|(origin, change)| (origin, change)));
        let (mut one_by_one, mut map) = (Ledger::default(), Map::new());
        for (origin, change) in &before {
            one_by_one.apply(origin, change);
            apply(&mut map, origin, change);
        }
        prop_assert_eq!(&ledger, &one_by_one);
        let alone: Vec<_> = words.iter().map(|(origin, change)| one_by_one.apply(origin, change)).collect();
        prop_assert_eq!(ledger.apply_all(words.iter().map(|(origin, change)| (origin, change))), alone);
        prop_assert_eq!(&ledger, &one_by_one);
        for (origin, change) in &words {
            apply(&mut map, origin, change);
        }
        prop_assert_eq!(sorted(ledger.facts().collect()), live(&map));
    }

    #[test]
    fn ledgers_of_the_same_words_are_equal_in_whatever_order_they_came(
        words in prop::collection::vec(word(), 0..20),
        more in word(),
    ) {
        let tell = |words: &mut dyn Iterator<Item = &(Origin, Change<Fact>)>| {
            let mut ledger = Ledger::default();
            words.for_each(|(origin, change)| {
                ledger.apply(origin, change);
            });
            ledger
        };
        // Each word of a key has a revision of its own, else the later of equals wins.
        let words: Vec<_> = words
            .into_iter()
            .zip(10..)
            .map(|((origin, change), revision)| (Origin { revision: Revision(revision), ..origin }, change))
            .collect();
        let ledger = tell(&mut words.iter());
        prop_assert_eq!(&ledger, &tell(&mut words.iter().rev()));
        let mut longer = ledger.clone();
        let (origin, change) = (Origin { revision: Revision(99), ..more.0 }, more.1);
        longer.apply(&origin, &change);
        prop_assert_ne!(ledger, longer);
    }

    #[test]
    fn damaged_bytes_are_refused_or_read_without_harm(words in prop::collection::vec(word(), 0..20), at: prop::sample::Index, byte: u8) {
        let mut ledger = Ledger::default();
        for (origin, change) in &words {
            ledger.apply(origin, change);
        }
        let mut stored = ledger.encode();
        let at = at.index(stored.len());
        stored[at] = byte;
        if let Ok(read) = Ledger::decode(&stored) {
            prop_assert!(read.facts().count() <= read.len());
            prop_assert!(read.clone() == read);
        }
    }
}

#[test]
fn a_mark_a_day_of_a_year_takes_little() {
    let mut ledger = Ledger::default();
    for day in 0..180_u8 {
        let origin = Origin {
            source: SourceId::parse("sis").unwrap(),
            key: key(1, day, true),
            revision: Revision(u64::from(day) * 1_000_003),
        };
        ledger.apply(origin, Change::Recorded(mark([1, 2, 1, 1], day)));
    }
    assert!(ledger.encode().len() < 180 * 5, "{} bytes", ledger.encode().len());
}

/// A word's origin and grade, with a key that follows from it.
fn graded(section: u8, period: u8, numeric: i64) -> (Origin, Change<Fact>) {
    let grade = Fact::Grade(Grade {
        section: SectionId::new([section; 16]),
        grading_period: GradingPeriodId::new([period; 16]),
        grade_type: "uri://ed-fi.org/GradeTypeDescriptor#Grading Period".to_owned(),
        numeric: Some(numeric),
        letter: None,
    });
    let key = derived_key([9; 16], &grade).unwrap();
    let origin = Origin { source: SourceId::parse("sis").unwrap(), key, revision: Revision(1) };
    (origin, Change::Recorded(grade))
}

#[test]
fn grades_whose_keys_follow_from_what_they_say_take_a_few_bytes_each() {
    let size = |grades: u8| {
        let mut ledger = Ledger::default();
        for at in 0..grades {
            let (origin, change) = graded(at % 2, at / 2 % 2, 7_000 + i64::from(at));
            ledger.apply(origin, change);
        }
        let keys: Vec<_> = ledger.facts().map(|live| live.key).collect();
        assert!((0..grades.min(4)).all(|at| keys.contains(&graded(at % 2, at / 2 % 2, 0).0.key)));
        ledger.size()
    };
    let few = size(3);
    assert!(size(4) - few <= 9, "{few} {}", size(4));
}

#[test]
fn a_ledger_of_the_second_format_is_read_and_goes_on_as_one_of_the_third() {
    // Two grades whose keys are a stem and the section, as the version before wrote them.
    let (section, period, stem) = ([1_u8, 2], [3_u8; 16], [9_u8; 16]);
    let mut items = b"\x03sis".to_vec();
    for id in [stem, [section[0]; 16], [section[1]; 16], period] {
        items.push(16);
        items.extend_from_slice(&id);
    }
    let first = u8::try_from(phrase::PHRASES.len()).unwrap();
    let mut words = Vec::new();
    for at in 0..2 {
        // Tag, source, stem, revision, section, period, type, hundredths of a point.
        words.extend_from_slice(&[4 | 8 | 64, first, first + 4, 7, first + 21 + 17 * at, first + 55, 17, 100 + at * 2]);
    }
    let mut stored = vec![2, u8::try_from(items.len()).unwrap(), 0, u8::try_from(words.len()).unwrap()];
    stored.extend_from_slice(&items);
    stored.extend_from_slice(&words);
    let mut ledger = Ledger::decode(&stored).unwrap();
    let read: Vec<_> = ledger.facts().collect();
    let keys = [8_u8, 11].map(|byte| RecordKey::new([byte; 16]));
    assert_eq!([read[0].key, read[1].key], keys);
    assert_eq!((read[0].revision, read.len()), (Revision(7), 2));
    let Fact::Grade(grade) = &read[1].fact else { panic!("a grade") };
    assert_eq!((grade.section, grade.numeric), (SectionId::new([2; 16]), Some(51)));
    let (origin, change) = graded(1, 3, 6_000);
    assert_eq!(ledger.apply(origin, change), Applied::Changed);
    let later = Ledger::decode(&ledger.encode()).unwrap();
    assert_eq!((later.encode()[0], later.facts().count()), (3, 3));
    assert!(read.iter().all(|before| later.facts().any(|now| now == *before)));
}
