//! What of a day is instruction, and what of it was missed.

use super::*;

fn class(begin: i32, end: i32, told: Told<'_>) -> Period<'_> {
    Period { span: Some(Span { begin, end }), official: false, again: false, is_off: false, told }
}

/// Four classes of fifty minutes, five between them, and a lunch of forty after the second.
fn classes(told: [Told<'_>; 4]) -> [Period<'_>; 4] {
    let begins = [480, 535, 625, 680];
    std::array::from_fn(|at| class(begins[at], begins[at] + 50, told[at]))
}

const HOURS: Span = Span { begin: 480, end: 730 };

fn minutes(calculator: &Calculator, day: &SchoolDay<'_>) -> Minutes {
    calculator.count(day).unwrap().minutes.unwrap()
}

fn away() -> [DayMark; 1] {
    [DayMark { category: ABSENT, ..DayMark::default() }]
}

/// Sources: Wisconsin's answers on hours of instruction (passing time counts, lunch does not), Ohio's guidance on minimum hours.
#[test]
fn lunch_is_no_instruction_and_passing_time_is() {
    let (marks, own) = (away(), classes([P; 4]));
    let of = |yaml: &str| {
        let it = one(&format!("    count: exact\n{yaml}"));
        let day = SchoolDay { hours: Some(HOURS), marks: &marks, periods: &own, ..SchoolDay::default() };
        let counted = minutes(&it, &day);
        assert_eq!(counted.scheduled, counted.absent);
        counted.absent
    };
    assert_eq!(of(""), 4 * 50 + 2 * 5);
    assert_eq!(of("    instruction: {passing-minutes: 4}"), 4 * 50);
    assert_eq!(of("    instruction: whole-day"), 250);
}

#[test]
fn who_missed_every_class_missed_as_much_as_who_missed_the_day() {
    let (marks, missed) = (away(), classes([M; 4]));
    let own = classes([P; 4]);
    for yaml in ["", "    instruction: whole-day", "    instruction: {passing-minutes: 0}"] {
        let it = one(&format!("    count: exact\n{yaml}"));
        let by_day = SchoolDay { hours: Some(HOURS), marks: &marks, periods: &own, ..SchoolDay::default() };
        let by_class = SchoolDay { hours: Some(HOURS), periods: &missed, ..SchoolDay::default() };
        assert_eq!(minutes(&it, &by_day), minutes(&it, &by_class), "{yaml}");
    }
}

#[test]
fn passing_time_is_missed_between_two_classes_that_were() {
    let it = one("    count: exact");
    let of = |told| minutes(&it, &SchoolDay { periods: &classes(told), ..SchoolDay::default() });
    assert_eq!(of([M, P, P, P]).absent, 50);
    assert_eq!(of([M, M, P, P]).absent, 105);
    assert_eq!(of([P, M, M, P]).absent, 100, "lunch is none");
    let half_known = of([M, U, P, P]);
    assert_eq!((half_known.absent, half_known.unknown), (50, 55));
}

/// Of two lunches each student has one: the student's own classes tell which, the schedule's cover both.
#[test]
fn a_students_own_classes_say_which_lunch_it_is() {
    let it = one("    count: exact\n    instruction: {passing-minutes: 0}");
    let marks = away();
    let bells = [(480, 540), (540, 570), (570, 600), (600, 660)].map(|(begin, end)| Span { begin, end });
    let of = |periods: &[Period<'_>]| {
        minutes(&it, &SchoolDay { bells: &bells, marks: &marks, periods, ..SchoolDay::default() }).scheduled
    };
    assert_eq!(of(&[class(480, 540, P), class(570, 600, P), class(600, 660, P)]), 150);
    assert_eq!(of(&[]), 180);
    let untimed = Period { span: None, ..class(0, 0, P) };
    assert_eq!(of(&[class(480, 540, P), untimed]), 180, "a class that does not say when it meets");
    let not_today = Period { is_off: true, ..untimed };
    assert_eq!(of(&[class(480, 540, P), not_today]), 60);
}

#[test]
fn stated_minutes_run_on_behind_a_break() {
    let it = one("    count: exact\n    instruction: {passing-minutes: 0}");
    let own = classes([P; 4]);
    let of = |category, stated, came_at| {
        let marks = [DayMark { category, minutes: stated, came_at, ..DayMark::default() }];
        minutes(&it, &SchoolDay { hours: Some(HOURS), marks: &marks, periods: &own, ..SchoolDay::default() }).absent
    };
    assert_eq!(of(ABSENT, Some(120), None), 120);
    assert_eq!(of(Some(Category::EarlyDeparture), Some(120), None), 120);
    assert_eq!(of(ABSENT, None, Some(630)), 105, "came five minutes into the third class");
}

/// Half a day missed is half of it, though a class of the other half says nothing of when it meets.
#[test]
fn a_half_whose_classes_have_no_times_is_a_half_all_the_same() {
    let it = one("    count: {halves: {noon: '11:00', needed-minutes: 60}}");
    let morning = [class(480, 540, M), class(540, 600, M)];
    let untimed = Period { span: None, ..class(0, 0, P) };
    assert_eq!(absent(&it, &morning), Some(100), "there is no instruction in the afternoon");
    assert_eq!(absent(&it, &[morning[0], morning[1], untimed]), Some(50));
}

#[test]
fn excuses_of_tardies_and_of_doctors_are_told_apart_and_count_the_same() {
    let it = one("    count: exact\n    day-minutes: 400\n    tardies: {every: 2, counts: 50}");
    let of = |calculator: &Calculator, category, stated| {
        let marks = [DayMark { category: Some(category), minutes: stated, ..DayMark::default() }];
        calculator.count(&SchoolDay { marks: &marks, ..SchoolDay::default() }).unwrap()
    };
    let late = of(&it, Category::ExcusedTardy, Some(45));
    assert_eq!((late.arrival, late.minutes.unwrap().late, late.minutes.unwrap().absent), (Arrival::Excused, 0, 45));
    let late = of(&it, Category::Tardy, Some(45));
    assert_eq!((late.arrival, late.minutes.unwrap().late), (Arrival::Late, 45));
    let ill = of(&it, Category::MedicalAbsence, None);
    assert_eq!((ill.absent, ill.unexcused, ill.minutes.unwrap().medical), (100, 0, 400));
    let strict = one(
        "    count: exact\n    day-minutes: 400\n    treat: {excused-tardy: tardy, medical-absence: excused-absence}",
    );
    assert_eq!(of(&strict, Category::ExcusedTardy, Some(45)).arrival, Arrival::Late);
    assert_eq!(of(&strict, Category::MedicalAbsence, None).minutes.unwrap().medical, 0);
}
