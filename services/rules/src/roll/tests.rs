//! Which schools are noted, written, missing and named.

use homeroom_domain::event::Origin;
use homeroom_domain::id::{Revision, SchoolYear, SourceId};
use homeroom_domain::reference::{AttendanceTaken, Calendar, CalendarDate, Entry, Section};
use homeroom_domain::view::Records;
use uuid::Uuid;

use super::*;
use crate::SCHEMA;

fn date(text: &str) -> Date {
    Date::parse(text).unwrap()
}

fn school(name: &str) -> SchoolId {
    SchoolId::parse(name).unwrap()
}

fn id<T: From<Uuid>>(name: &str) -> T {
    Uuid::new_v5(&Uuid::NAMESPACE_OID, name.as_bytes()).into()
}

/// A school with a school day on each of these dates.
fn opened(name: &str, dates: &[Date]) -> Vec<Entry> {
    let (code, calendar_type) = (String::new(), String::new());
    let of = Calendar { calendar: id(name), school: school(name), school_year: SchoolYear(2022), code, calendar_type };
    let events = || vec!["Instructional day".to_owned()];
    let day = |date: &Date| Entry::CalendarDate(CalendarDate { calendar: id(name), date: *date, events: events() });
    [Entry::Calendar(of)].into_iter().chain(dates.iter().map(day)).collect()
}

/// A section of a school whose attendance was taken on a date.
fn taken(at: &str, date: Date) -> Vec<Entry> {
    let (section, course_offering) = (id(&format!("section {at}")), id("offering"));
    let class_periods = Vec::new();
    let section_of = Section { section, course_offering, school: school(at), class_periods, official: false };
    vec![Entry::Section(section_of), Entry::AttendanceTaken(AttendanceTaken { section, date })]
}

fn district(entries: impl IntoIterator<Item = Vec<Entry>>) -> District {
    let mut records = Records::default();
    for (n, entry) in entries.into_iter().flatten().enumerate() {
        let source = SourceId::parse("sis").unwrap();
        records.apply(Origin { source, key: id(&n.to_string()), revision: Revision(1) }, Change::Recorded(entry));
    }
    let mut district = District::new();
    district.view = Arc::new(records.view());
    district
}

#[test]
fn a_school_whose_classes_say_that_attendance_was_taken_on_the_day_is_in_without_a_mark() {
    let (yesterday, today) = (date("2022-04-12"), date("2022-04-13"));
    let schools = ["1", "2", "3"].map(|name| opened(name, &[yesterday, today]));
    let district = district(schools.into_iter().chain([taken("2", today), taken("3", yesterday)]));
    assert_eq!(missing(&district, today, &BTreeSet::new()), (3, vec![school("1"), school("3")]));
    assert_eq!(missing(&district, yesterday, &BTreeSet::new()), (3, vec![school("1"), school("2")]));
}

#[test]
fn missing_schools_are_named_once_a_date_and_not_before_the_day_has_begun() {
    let (id, mut teller) = (DistrictId::parse("grand-bend").unwrap(), Teller::default());
    let (monday, tuesday) = (date("2022-04-11"), date("2022-04-12"));
    let (all, one) = (|| vec![school("1"), school("2")], || vec![school("2")]);
    let mut names = |today, in_session, missing| teller.names(&id, today, in_session, missing).map(<[_]>::to_vec);
    assert_eq!(names(monday, 2, all()), None, "nobody has begun");
    assert_eq!(names(monday, 2, one()), Some(one()));
    assert_eq!(names(monday, 2, one()), None, "they were named");
    assert_eq!(names(tuesday, 2, one()), Some(one()), "that is another day's");
    assert_eq!(names(tuesday, 2, Vec::new()), None);
    assert_eq!(names(tuesday, 2, one()), Some(one()), "it was in, and is not any more");
    assert_eq!(names(monday, 1, one()), Some(one()), "with one alone the figure says no more than the name");
    let many: Vec<_> = (0..=NAMED).map(|n| school(&n.to_string())).collect();
    assert_eq!(names(monday, 100, many), None);
}

#[tokio::test]
async fn a_school_is_missing_until_some_process_has_a_mark_of_it_of_the_day() {
    let database = homeroom_harness::test_database(&[SCHEMA]).await;
    let connected = database.connect(&SCHEMA).await;
    let (id, today) = (DistrictId::parse("grand-bend").unwrap(), Date::parse("2022-04-13").unwrap());
    let district = district(["1", "2", "3"].map(|name| opened(name, &[today])));
    let [one, other] = [Rolls::default(), Rolls::default()];
    noted(&one, &["1"], "2022-04-13");
    noted(&other, &["2"], "2022-04-13");
    look(&one, &connected, &id, today).await.unwrap();
    let came = look(&other, &connected, &id, today).await.unwrap();
    assert_eq!(missing(&district, today, &came), (3, vec![SchoolId::parse("3").unwrap()]));
    let tomorrow = Date::parse("2022-04-14").unwrap();
    let came = look(&other, &connected, &id, tomorrow).await.unwrap();
    assert!(came.is_empty(), "what came yesterday is not of today");
    assert_eq!(missing(&district, tomorrow, &came), (0, Vec::new()), "a day without school lacks nothing");
}

fn noted(rolls: &Rolls, schools: &[&str], date: &str) {
    let district = DistrictId::parse("grand-bend").unwrap();
    for school in schools {
        rolls.note_of(&district, Date::parse(date).unwrap(), [&SchoolId::parse(school).unwrap()]);
    }
}

#[test]
fn a_school_is_written_once_a_date_and_a_date_of_before_is_over() {
    let (rolls, district) = (Rolls::default(), DistrictId::parse("grand-bend").unwrap());
    let today = Date::parse("2022-04-13").unwrap();
    noted(&rolls, &["1", "2", "1"], "2022-04-13");
    let first = rolls.unwritten(&district, today);
    assert_eq!(first.len(), 2);
    rolls.written(&district, today, &first);
    noted(&rolls, &["2", "3"], "2022-04-13");
    noted(&rolls, &["4"], "2022-04-12");
    assert_eq!(rolls.unwritten(&district, today), [SchoolId::parse("3").unwrap()]);
    noted(&rolls, &["1"], "2022-04-14");
    assert_eq!(rolls.unwritten(&district, today), []);
    assert_eq!(rolls.unwritten(&district, Date::parse("2022-04-14").unwrap()).len(), 1);
}
