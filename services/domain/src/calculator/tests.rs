//! Each way of counting that districts publish, with its figures.

mod instruction;

use super::*;

fn one(yaml: &str) -> Calculator {
    parse(&format!("calculators:\n  - id: it\n{yaml}")).unwrap().remove(0)
}

const ABSENT: Option<Category> = Some(Category::UnexcusedAbsence);
const EXCUSED: Option<Category> = Some(Category::ExcusedAbsence);

/// Six periods of an hour from eight o'clock, of which some are missed.
fn periods<'a>(told: [Told<'a>; 6]) -> Vec<Period<'a>> {
    let period = |(at, told): (usize, Told<'a>)| {
        let begin = 480 + i32::try_from(at).unwrap() * 60;
        Period { span: Some(Span { begin, end: begin + 60 }), official: at == 1, again: false, is_off: false, told }
    };
    told.into_iter().enumerate().map(period).collect()
}

fn absent(calculator: &Calculator, periods: &[Period<'_>]) -> Option<i32> {
    let day = SchoolDay { periods, ..SchoolDay::default() };
    calculator.count(&day).map(|counted| counted.absent)
}

const MISSED: [PeriodMark; 1] = [PeriodMark { category: ABSENT, minutes: None }];
const M: Told<'static> = Told::Marked(&MISSED);
const P: Told<'static> = Told::Present;
const U: Told<'static> = Told::Untaken;

fn there(minutes: i32) -> [DayMark; 1] {
    [DayMark { category: ABSENT, came_at: None, left_at: Some(480 + minutes), ..DayMark::default() }]
}

fn by_leaving(calculator: &Calculator, minutes: i32) -> i32 {
    let marks = there(minutes);
    let hours = Some(Span { begin: 480, end: 870 });
    calculator.count(&SchoolDay { hours, marks: &marks, ..SchoolDay::default() }).unwrap().absent
}

/// Source: Fairfax County, <https://education.fcps.org/lhs/attendance>: more than half of the day is a full day, 10 to 50% a part.
#[test]
fn by_the_share_of_the_day() {
    let it =
        one("    count: {share-present: [{above: 50, absent: 0}, {from: 10, absent: 50}, {from: 0, absent: 100}]}");
    // Of 390 minutes, 195 are half and 39 a tenth.
    assert_eq!([196, 195, 39, 38].map(|minutes| by_leaving(&it, minutes)), [0, 50, 50, 100]);
}

/// Source: Carroll County, <http://www2.carrollk12.org/ces/attendancepolicy/default.asp>: four hours are a day, two a half.
#[test]
fn by_hours() {
    let it =
        one("    count: {minutes-present: [{from: 240, absent: 0}, {from: 120, absent: 50}, {from: 0, absent: 100}]}");
    assert_eq!([240, 239, 120, 119].map(|minutes| by_leaving(&it, minutes)), [0, 50, 50, 100]);
}

/// Source: Northbrook 27, Wood Oaks attendance policy: 2.5 hours in each half, else half a day absent.
#[test]
fn by_halves() {
    let it = one("    count: {halves: {noon: '11:15', needed-minutes: 150}}");
    let of = |mark: DayMark| {
        let hours = Some(Span { begin: 480, end: 870 });
        let counted = it.count(&SchoolDay { hours, marks: &[mark], ..SchoolDay::default() }).unwrap();
        (counted.absent, counted.arrival.is_tardy())
    };
    let came = |at, category| of(DayMark { category: Some(category), came_at: Some(at), ..DayMark::default() });
    assert_eq!(came(480 + 45, Category::Tardy), (0, true), "late inside the half");
    assert_eq!(came(480 + 46, Category::ExcusedAbsence), (50, false));
    assert_eq!(of(DayMark { category: EXCUSED, ..DayMark::default() }), (100, false));
    assert_eq!(of(DayMark { category: EXCUSED, left_at: Some(675 + 149), ..DayMark::default() }), (50, false));
}

#[test]
fn a_day_of_known_length_alone_has_two_halves_as_long_and_no_clock() {
    let it = one("    count: {halves: {noon: '12:00', needed-minutes: 150}}\n    day-minutes: 390");
    let of = |mark: DayMark| {
        let mark = DayMark { category: ABSENT, ..mark };
        it.count(&SchoolDay { marks: &[mark], ..SchoolDay::default() }).unwrap().absent
    };
    assert_eq!(of(DayMark { minutes: Some(45), ..DayMark::default() }), 0);
    assert_eq!(of(DayMark { minutes: Some(46), ..DayMark::default() }), 50);
    assert_eq!(of(DayMark { came_at: Some(500), ..DayMark::default() }), 100, "when the day began is not known");
}

/// Source: Infinite Campus's whole-day and half-day absence minutes; periods that nobody took are no presence.
#[test]
fn by_minutes_from_periods() {
    let it =
        one("    count: {minutes-absent: [{from: 240, absent: 100}, {from: 120, absent: 50}, {from: 0, absent: 0}]}");
    let of = |told| absent(&it, &periods(told));
    assert_eq!(of([M, P, P, P, P, P]), Some(0));
    assert_eq!(of([M, M, P, P, P, P]), Some(50));
    assert_eq!(of([M, M, M, M, P, P]), Some(100));
    assert_eq!(of([M, U, P, P, P, P]), None, "an hour that is not known decides");
    assert_eq!(of([P, U, P, P, P, P]), Some(0), "it would be below the limit either way");
    assert_eq!(of([U, U, U, U, U, U]), None);
}

/// Ohio counts hours. Source: Bexley City Schools, <https://bhs.bexley.us/our-school/attendance>.
#[test]
fn by_exact_minutes() {
    let it = one("    count: exact\n    day-minutes: 390");
    let mark = DayMark { category: ABSENT, minutes: Some(130), ..DayMark::default() };
    let counted = it.count(&SchoolDay { marks: &[mark], ..SchoolDay::default() }).unwrap();
    assert_eq!((counted.absent, counted.unexcused), (33, 33));
    let minutes = counted.minutes.unwrap();
    assert_eq!((minutes.scheduled, minutes.absent, minutes.unexcused), (390, 130, 130));
}

#[test]
fn by_the_official_period() {
    let it = one("    count: official-period");
    assert_eq!(absent(&it, &periods([P, M, P, P, P, P])), Some(100));
    assert_eq!(absent(&it, &periods([M, P, M, M, M, M])), Some(0));
    assert_eq!(absent(&it, &periods([P, U, P, P, P, P])), None);
}

/// DESIGN's default policy, items 3 and 4.
#[test]
fn by_marks() {
    let it = Calculator::shipped();
    assert_eq!(absent(&it, &periods([M, M, M, P, P, P])), Some(100));
    assert_eq!(absent(&it, &periods([M, M, P, P, P, P])), Some(0));
    assert_eq!(absent(&it, &periods([M, U, U, U, U, P])), Some(100), "half of the two that are known");
}

/// Neither excused nor unexcused: marks of the whole day say how much of it, classes and minutes by the half, as for the excuse.
#[test]
fn what_was_missed_for_an_unknown_reason_is_told_apart() {
    let unknown = Some(Category::AbsenceUnknownExcuse);
    let of_marks = |calculator: &Calculator, marks: &[DayMark]| {
        let hours = Some(Span { begin: 480, end: 870 });
        let counted = calculator.count(&SchoolDay { hours, marks, ..SchoolDay::default() }).unwrap();
        (counted.absent, counted.unexcused, counted.unknown)
    };
    let half = |category| DayMark { category, share: Some(50), ..DayMark::default() };
    let whole = |category| DayMark { category, ..DayMark::default() };
    let shipped = Calculator::shipped();
    assert_eq!(of_marks(&shipped, &[half(unknown), half(EXCUSED)]), (100, 0, 50));
    assert_eq!(of_marks(&shipped, &[half(Some(Category::Partial))]), (50, 0, 50));
    assert_eq!(of_marks(&shipped, &[whole(unknown), half(ABSENT)]), (100, 50, 50));
    assert_eq!(of_marks(&shipped, &[whole(EXCUSED)]), (100, 0, 0));
    let exact = one("    count: exact");
    assert_eq!(of_marks(&exact, &[whole(unknown)]), (100, 0, 100));
    assert_eq!(of_marks(&exact, &[whole(EXCUSED)]), (100, 0, 0));
    let mark = |category| [PeriodMark { category, minutes: None }];
    let (first, second) = (mark(unknown), mark(EXCUSED));
    let of = |told| shipped.count(&SchoolDay { periods: &periods(told), ..SchoolDay::default() }).unwrap().unknown;
    let (unknown, excused) = (Told::Marked(&first), Told::Marked(&second));
    assert_eq!([of([unknown, excused, P, unknown, excused, P]), of([unknown, excused, excused, P, P, P])], [100, 0]);
}

/// Source: CALPADS glossary, chronic absentee.
#[test]
fn a_suspension_counts_by_where_it_is_served() {
    let of = |calculator: &Calculator, category| {
        let mark = DayMark { category: Some(category), ..DayMark::default() };
        calculator.count(&SchoolDay { marks: &[mark], ..SchoolDay::default() }).unwrap().absent
    };
    let shipped = Calculator::shipped();
    assert_eq!(of(&shipped, Category::SuspendedOut), 100);
    assert_eq!(of(&shipped, Category::SuspendedIn), 0);
    assert_eq!(of(&shipped, Category::Activity), 0);
    assert_eq!(of(&shipped, Category::Remote), 0);
    let other = one("    count: marks\n    treat: {suspended-in: unexcused-absence, remote: excused-absence}");
    assert_eq!(of(&other, Category::SuspendedIn), 100);
    assert_eq!(of(&other, Category::Remote), 100);
}

#[test]
fn every_third_tardy_is_an_absence() {
    let it = one("    count: marks\n    tardies: {every: 3, counts: 50}").tardies.unwrap();
    let date = |day: i32| crate::date::Date::from_days(20_000 + day).unwrap();
    let mut late = Late::default();
    let made: Vec<i32> = (0..7).map(|day| late.add(&it, date(day), day != 3, 5, 0)).collect();
    assert_eq!(made, [0, 0, 50, 0, 0, 0, 50]);
    assert_eq!(
        Late::default().add(&Conversion { every: Every::Minutes(10), ..it }, date(0), true, 25, 80),
        20,
        "no more than the day"
    );
}

#[test]
fn what_is_shipped_reads_as_the_default_and_its_schema_knows_every_field() {
    assert_eq!(parse(SHIPPED).unwrap(), [Calculator::shipped()]);
    for field in [
        "applies",
        "schools",
        "school-types",
        "calendars",
        "calendar-types",
        "count",
        "treat",
        "tardies",
        "day-minutes",
        "instruction",
        "passing-minutes",
        "reporting",
        "medical-absence",
        "weights",
        "exit-day-counts",
        "no-show-types",
        "every-minutes",
        "within",
        "needed-minutes",
        "suspended-in",
    ] {
        assert!(SCHEMA.contains(&format!("\"{field}\"")), "{field}");
    }
}

#[test]
fn a_calculator_applies_where_all_that_it_names_matches() {
    let it =
        one("    applies: {school-types: [Elementary School], calendar-types: [student]}\n    count: marks").applies;
    let school = SchoolId::parse("1").unwrap();
    let types = ["elementary school".to_owned(), "regular".to_owned()];
    let place = Place { school: &school, school_types: &types, calendar: "main", calendar_type: "student" };
    assert!(it.to(&place) && Applies::default().to(&place));
    assert!(!it.to(&Place { calendar_type: "school", ..place }));
    assert!(!it.to(&Place { school_types: &types[1..], ..place }));
}

#[test]
fn nonsense_is_refused_with_its_place() {
    let refused = |yaml: &str| parse(&format!("calculators:\n  - id: it\n{yaml}")).unwrap_err().to_string();
    assert!(
        refused("    count: {share-present: [{from: 10, absent: 0}]}").contains("the last band has to be `from: 0`")
    );
    assert!(refused("    count: {halves: {noon: noon, needed-minutes: 150}}").contains("`noon` is no time of day"));
    assert!(refused("    count: marks\n    wieghts: {}").contains("wieghts"));
    assert!(refused("    count: sundial").contains("sundial"));
    assert!(refused("    count: marks\n    treat: {remote: activity}").contains("treat"));
    assert!(refused("    count: marks\n    instruction: {passing-minutes: -1}").contains("passing time"));
}

/// The minutes missed, and the hundredths absent.
fn of_marks(calculator: &Calculator, mark: DayMark, hours: Span) -> (i32, i32) {
    let counted = calculator.count(&SchoolDay { hours: Some(hours), marks: &[mark], ..SchoolDay::default() }).unwrap();
    (counted.minutes.unwrap().absent, counted.absent)
}

#[test]
fn times_of_the_clock_of_a_student_who_is_expected_elsewhere_are_no_absence() {
    let it = one("    count: exact");
    let hours = Span { begin: 480, end: 870 };
    let of = |category, came_at, left_at| {
        of_marks(&it, DayMark { category, came_at, left_at, ..DayMark::default() }, hours).0
    };
    for category in
        [Some(Category::Activity), Some(Category::Present), Some(Category::Remote), Some(Category::SuspendedIn), None]
    {
        assert_eq!(of(category, None, Some(600)), 0, "{category:?}");
    }
    assert_eq!(of(ABSENT, Some(540), Some(840)), 60 + 30);
    assert_eq!(of(EXCUSED, Some(720), Some(600)), 120, "left at ten and came back at noon");
}

#[test]
fn rounding_does_not_make_half_a_day_nor_unmake_it() {
    let above = one("    count: {share-present: [{above: 50, absent: 0}, {from: 0, absent: 50}]}");
    let exact = one("    count: exact");
    let hours = Span { begin: 480, end: 480 + 395 };
    let half = DayMark { category: ABSENT, share: Some(50), ..DayMark::default() };
    assert_eq!(of_marks(&above, half, hours), (198, 50));
    assert_eq!(of_marks(&exact, half, hours), (198, 50));
    let of = |minutes| of_marks(&exact, DayMark { category: ABSENT, minutes: Some(minutes), ..half }, hours).1;
    assert_eq!([196, 197, 198].map(of), [49, 49, 50], "197 of 395 are not half");
    assert_eq!([hundredths(49, 100, 50), hundredths(50, 100, 50), hundredths(50, 100, 25)], [24, 25, 13]);
}

#[test]
fn a_class_that_is_not_known_does_not_hide_minutes_that_are() {
    let at = |begin, told| Period {
        span: Some(Span { begin, end: begin + 60 }),
        official: false,
        again: false,
        is_off: false,
        told,
    };
    let periods = [at(480, U), at(480, M), at(540, M)];
    assert_eq!(absent(&one("    count: exact"), &periods), Some(100));
    let bands = one("    count: {minutes-absent: [{from: 120, absent: 100}, {from: 0, absent: 0}]}");
    assert_eq!(absent(&bands, &periods), Some(100));
}

#[test]
fn minutes_of_a_class_that_meets_twice_are_missed_once() {
    let it = one("    count: exact");
    let of = |category, minutes| {
        let told = [PeriodMark { category: Some(category), minutes: Some(minutes) }];
        let at = |begin, again| Period {
            span: Some(Span { begin, end: begin + 60 }),
            official: false,
            again,
            is_off: false,
            told: Told::Marked(&told),
        };
        let day = SchoolDay { periods: &[at(600, false), at(480, true)], ..SchoolDay::default() };
        it.count(&day).unwrap().minutes.unwrap().absent
    };
    assert_eq!(of(Category::Tardy, 10), 10);
    assert_eq!(of(Category::Tardy, 70), 70);
    assert_eq!(of(Category::EarlyDeparture, 70), 70);
    assert_eq!(of(Category::UnexcusedAbsence, 90), 90);
    assert_eq!(of(Category::UnexcusedAbsence, 0), 120, "of no stated length");
}

#[test]
fn a_half_without_instruction_leaves_the_other_the_whole_day() {
    let it = one("    count: {halves: {noon: '11:30', needed-minutes: 150}}");
    let away = DayMark { category: ABSENT, ..DayMark::default() };
    assert_eq!(of_marks(&it, away, Span { begin: 480, end: 690 }).1, 100);
    assert_eq!(of_marks(&it, away, Span { begin: 690, end: 900 }).1, 100);
    let left = DayMark { left_at: Some(600), ..away };
    assert_eq!(of_marks(&it, left, Span { begin: 480, end: 870 }).1, 100);
    assert_eq!(of_marks(&it, DayMark { left_at: Some(640), ..away }, Span { begin: 480, end: 870 }).1, 50);
}
