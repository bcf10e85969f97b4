//! Calculators of a district: which one counts where, and what it makes of a student's days.

use homeroom_domain::id::SchoolYear;
use homeroom_domain::reference::{BellSchedule, Calendar, ClassPeriod, Entry, MeetingTime, School, Section};
use homeroom_domain::settings::Reporting;

use crate::world::{Marked, World, absent, day, enrolled, id, mark, member, school};

fn at(begin_at: i32, end_at: i32) -> MeetingTime {
    MeetingTime { begin_at, end_at }
}

/// Periods of an hour from eight o'clock, and a bell schedule that has them on a school day.
fn rings(world: &mut World, periods: &[&str], on: i32) {
    let first = 8 * 60;
    for (hour, name) in (0..).zip(periods) {
        let times = vec![at(first + hour * 60, first + hour * 60 + 60)];
        let period = ClassPeriod { class_period: id(name), school: school("1"), official: hour == 1, times };
        world.defines(name, Entry::ClassPeriod(period));
    }
    let class_periods = periods.iter().map(|name| id(name)).collect();
    let schedule = BellSchedule {
        school: school("1"),
        dates: vec![day(on)],
        class_periods,
        hours: None,
        grade_levels: Vec::new(),
        instruction: None,
    };
    world.defines(&format!("bells of {on}"), Entry::BellSchedule(schedule));
}

/// A class of the student that meets in a period.
fn attends(world: &mut World, name: &str, period: &str) {
    world.section(name, "Mathematics", "half");
    let section = Section {
        section: id(name),
        course_offering: id(&format!("{name} offering")),
        school: school("1"),
        class_periods: vec![id(period)],
        official: false,
    };
    world.defines(&format!("section {name}"), Entry::Section(section));
    world.says(&format!("member of {name}"), member(name, day(1)));
}

#[test]
fn a_calculator_counts_minutes_by_the_bell_schedule() {
    let mut world = World::of_school_days(2);
    world.session("half", 1, 2);
    rings(&mut world, &["first", "second", "third"], 2);
    for (class, period) in [("algebra", "first"), ("art", "second"), ("biology", "third")] {
        attends(&mut world, class, period);
    }
    world.says("mark", absent(day(2)).in_section("algebra"));
    assert_eq!(world.absence(day(2)), Some((0, 0)), "one of three, by the default");
    world.counts_by("  - id: minutes\n    count: {minutes-absent: [{from: 60, absent: 50}, {from: 0, absent: 0}]}");
    assert_eq!(world.absence(day(2)), Some((50, 50)));
    world.counts_by("  - id: official\n    count: official-period");
    assert_eq!(world.absence(day(2)), Some((0, 0)), "the second period is the official one");
    world.says("mark of art", absent(day(2)).in_section("art"));
    assert_eq!(world.absence(day(2)), Some((100, 100)));
}

#[test]
fn a_day_without_bells_or_a_length_is_unknown_to_a_calculator_of_minutes() {
    let mut world = World::of_school_days(3);
    world.says("mark", absent(day(2)).minutes(130));
    world.counts_by("  - id: ohio\n    count: exact");
    assert_eq!(world.total(), (0, 0));
    assert_eq!(world.value("unknown_days"), 3);
    world.counts_by("  - id: ohio\n    count: exact\n    day-minutes: 390");
    assert_eq!((world.total(), world.value("unknown_days")), ((300, 33), 0));
}

/// Elementary schools often have one homeroom, and no times for it.
#[test]
fn a_class_without_times_leaves_a_day_of_known_length_known() {
    let mut world = World::of_school_days(4);
    world.session("half", 1, 4).section("homeroom", "Homeroom", "half").says("member", member("homeroom", day(1)));
    world.says("mark", absent(day(2)));
    world.counts_by("  - id: ours\n    count: {share-present: [{from: 50, absent: 0}, {from: 0, absent: 100}]}\n    day-minutes: 390");
    assert_eq!((world.total(), world.value("unknown_days")), ((400, 100), 0));
    world.says("present", mark("In Attendance", day(3)).in_section("homeroom"));
    assert_eq!(world.value("unknown_days"), 0);
    world.says("missed", absent(day(3)).in_section("homeroom"));
    assert_eq!(world.value("unknown_days"), 1, "how much of the day the class is, nobody says");
    world.withdraws("missed").takes_attendance("homeroom", day(1));
    assert_eq!(world.value("unknown_days"), 1, "of the fourth day nobody says that attendance was taken");
}

/// The bell schedule's hours do as well as a stated length.
#[test]
fn a_class_without_times_leaves_a_day_of_known_hours_known() {
    let mut world = World::of_school_days(2);
    world.session("half", 1, 2).section("homeroom", "Homeroom", "half").says("member", member("homeroom", day(1)));
    rings(&mut world, &["first", "second", "third"], 2);
    world.counts_by("  - id: ours\n    count: exact");
    assert_eq!((world.total(), world.value("unknown_days")), ((100, 0), 1));
}

/// Source: `ProgressBook` System Manager Guide, attendance day codes: a half day of the calendar is worth less.
#[test]
fn a_half_day_of_the_calendar_is_worth_less() {
    let mut world = World::of_school_days(3);
    world.calendar_day("main", day(2), &["Instructional day", "Student late arrival/early dismissal"]);
    world.says("mark", absent(day(2)));
    world.counts_by("  - id: ours\n    count: marks\n    weights: {student late arrival/early dismissal: 50}");
    assert_eq!(world.total(), (250, 50));
}

#[test]
fn tardies_add_up_in_the_order_of_days_however_they_came() {
    let mut world = World::of_school_days(6);
    world.counts_by("  - id: ours\n    count: marks\n    tardies: {every: 3, counts: 100}");
    for n in [5, 1, 3] {
        world.says(&format!("mark {n}"), mark("Tardy", day(n)));
    }
    assert_eq!((world.absence(day(3)), world.absence(day(5))), (Some((0, 0)), Some((100, 100))));
    world.withdraws("mark 1");
    assert_eq!(world.absence(day(5)), Some((0, 0)));
}

#[test]
fn the_exit_day_and_no_show_types_are_a_districts_own() {
    let mut world = World::unknown();
    world.opens("1").calendar("main", "1", 1..=10).registers().closes(day(10));
    let spell = homeroom_domain::event::Enrollment { exit_on: Some(day(4)), ..enrolled("1", day(1)) };
    world.says("enrollment", spell.clone());
    assert_eq!(world.total().0, 400);
    world.counts_by("  - id: ours\n    count: marks\n    exit-day-counts: false\n    no-show-types: [never seen]");
    assert_eq!(world.total().0, 300);
    let never = homeroom_domain::event::Enrollment {
        exit_on: Some(day(1)),
        exit_type: "uri://state.gov/X#Never seen".to_owned(),
        ..spell
    };
    world.says("enrollment", never);
    assert!(world.look(|student| student.schools(day(10)).is_empty()));
}

#[test]
fn the_first_calculator_that_applies_to_the_school_and_calendar_counts() {
    let mut world = World::of_school_days(2);
    world.says("mark", absent(day(2)).share(50));
    let types = vec!["uri://ed-fi.org/SchoolCategoryDescriptor#High School".to_owned()];
    world.defines("school 1", Entry::School(School { school: school("1"), name: "1".to_owned(), types }));
    let by = |applies: &str| {
        format!(
            "  - id: special\n    applies: {applies}\n    count: {{share-present: [{{from: 60, absent: 0}}, {{from: 0, absent: 100}}]}}\n    day-minutes: 400\n  - id: rest\n    count: marks"
        )
    };
    for (applies, absent) in [
        ("{school-types: [High School]}", 100),
        ("{school-types: [Elementary School]}", 50),
        ("{schools: ['1']}", 100),
        ("{schools: ['2']}", 50),
        ("{calendars: [main]}", 50),
    ] {
        world.counts_by(&by(applies));
        assert_eq!(world.absence(day(2)), Some((absent, absent)), "{applies}");
    }
    let calendar = Calendar {
        calendar: id("main"),
        school: school("1"),
        school_year: SchoolYear(2022),
        code: "Main".to_owned(),
        calendar_type: String::new(),
    };
    world.defines("calendar main", Entry::Calendar(calendar));
    world.counts_by(&by("{calendars: [main]}"));
    assert_eq!(world.absence(day(2)), Some((100, 100)));
}

/// Of one district: a school that sends exceptions alone beside one that sends every mark.
#[test]
fn silence_means_what_each_school_says_it_does() {
    let mut world = World::of_school_days(4);
    world.opens("2").calendar("of 2", "2", 1..=4);
    world.counts_by("  - id: charter\n    applies: {schools: ['2']}\n    count: marks\n    reporting: positive");
    assert_eq!((world.total(), world.value("unknown_days")), ((400, 0), 0));
    world.says("enrollment", enrolled("2", day(1)));
    assert_eq!((world.total(), world.value("unknown_days")), ((0, 0), 4));
    world.says("here", mark("Present", day(1)).at("2")).says("away", absent(day(3)).at("2"));
    assert_eq!((world.total(), world.value("unknown_days")), ((200, 100), 2));
    world.settings.reporting = Reporting::Positive;
    world.counts_by("  - id: charter\n    applies: {schools: ['2']}\n    count: marks\n    reporting: negative");
    assert_eq!((world.total(), world.value("unknown_days")), ((400, 100), 0));
}

#[test]
fn bells_ring_for_the_grade_levels_that_they_name() {
    let mut world = World::of_school_days(2);
    rings(&mut world, &["first", "second", "third", "fourth"], 2);
    world.counts_by("  - id: ours\n    count: exact");
    world.says("mark", absent(day(2)));
    assert_eq!(world.value("minutes_absent"), 240);
    let seniors = BellSchedule {
        school: school("1"),
        dates: vec![day(2)],
        class_periods: vec![id("first"), id("second")],
        hours: None,
        grade_levels: vec!["uri://ed-fi.org/GradeLevelDescriptor#Twelfth grade".to_owned()],
        instruction: None,
    };
    world.defines("bells of seniors", Entry::BellSchedule(seniors));
    assert_eq!(world.value("minutes_absent"), 240, "the student is of no grade level");
    let grade_level = "uri://state.gov/GradeLevelDescriptor#TWELFTH GRADE".to_owned();
    let senior = homeroom_domain::event::Enrollment { grade_level, ..enrolled("1", day(1)) };
    world.says("enrollment", senior);
    assert_eq!(world.value("minutes_absent"), 120);
}

/// Two systems have students of one school: one sends exceptions alone, the other every mark.
#[test]
fn silence_means_what_the_source_that_has_the_student_says_it_does() {
    use homeroom_domain::id::SourceId;
    let mut world = World::of_school_days(4);
    let by = |source: &str| SourceId::parse(source).unwrap();
    let known = |world: &World| (world.total(), world.value("unknown_days"));
    world.says("mark", absent(day(2)));
    world.withdraws("enrollment").hears_from("charter", "enrolled by the charter", enrolled("1", day(1)));
    assert_eq!(known(&world), ((400, 100), 0));
    world.settings.source_reporting.insert(by("charter"), Reporting::Positive);
    assert_eq!(known(&world), ((100, 100), 3));
    world.counts_by("  - id: all\n    count: marks\n    reporting: negative");
    assert_eq!(known(&world), ((100, 100), 3), "the source's word stands before the school's");
    world.undefines("calculators");
    // From the third day on the other system has the student too: its silence is presence, whatever the first leaves open.
    world.hears_from("district", "enrolled by the district", enrolled("1", day(3)));
    assert_eq!(known(&world), ((300, 100), 1));
    world.settings.reporting = Reporting::Positive;
    assert_eq!(known(&world), ((100, 100), 3), "nothing is said of the district's system, so the district's word is");
    world.settings.source_reporting.insert(by("district"), Reporting::Negative);
    assert_eq!(known(&world), ((300, 100), 1));
}

/// Each school's policy makes an absence of those who come late to it.
#[test]
fn tardies_at_two_schools_add_up_at_each_for_itself() {
    let mut world = World::of_school_days(6);
    world.opens("2").calendar("of 2", "2", 1..=6);
    world.counts_by("  - id: ours\n    count: marks\n    tardies: {every: 3, counts: 100}");
    world.says("left", homeroom_domain::event::Enrollment { exit_on: Some(day(3)), ..enrolled("1", day(1)) });
    world.withdraws("enrollment").says("came", enrolled("2", day(4)));
    for late in [2, 3] {
        world.says(&format!("late {late}"), mark("Tardy", day(late)));
    }
    for late in [4, 5] {
        world.says(&format!("late {late}"), mark("Tardy", day(late)).at("2"));
    }
    assert_eq!(world.total(), (600, 0), "four times late, and three times at none of the schools");
    world.says("late 6", mark("Tardy", day(6)).at("2"));
    assert_eq!(world.total(), (600, 100));
    assert_eq!((world.measures_at("1").absent, world.measures_at("2").absent), (0, 100));
}

/// A bell schedule that tells how much instruction a day has, and no class periods.
fn lasts(world: &mut World, on: i32, minutes: Option<i32>, hours: Option<MeetingTime>) {
    let schedule = BellSchedule {
        school: school("1"),
        dates: vec![day(on)],
        class_periods: Vec::new(),
        hours,
        grade_levels: Vec::new(),
        instruction: minutes,
    };
    world.defines(&format!("bells of {on}"), Entry::BellSchedule(schedule));
}

#[test]
fn a_day_is_as_long_as_its_bell_schedule_says_instruction_is() {
    let mut world = World::of_school_days(3);
    world.counts_by("  - id: ours\n    count: exact\n    day-minutes: 400");
    world.says("mark", absent(day(1))).says("again", absent(day(2))).says("third", absent(day(3)));
    assert_eq!(world.value("minutes_absent"), 1_200);
    lasts(&mut world, 1, Some(375), None);
    assert_eq!(world.value("minutes_absent"), 1_175);
    lasts(&mut world, 2, None, Some(at(480, 900)));
    assert_eq!(world.value("minutes_absent"), 1_195, "from the first bell to the last");
    lasts(&mut world, 2, Some(375), Some(at(480, 900)));
    assert_eq!(world.value("minutes_absent"), 1_150, "but for the break");
    lasts(&mut world, 2, Some(415), Some(at(480, 900)));
    assert_eq!(world.value("minutes_absent"), 1_190, "a break as short as passing time is none that counts");
}

#[test]
fn a_date_with_less_instruction_than_a_whole_day_is_worth_that_part_of_it() {
    let mut world = World::of_school_days(3);
    world.says("mark", absent(day(2)));
    lasts(&mut world, 2, Some(180), None);
    world.counts_by("  - id: ours\n    count: marks");
    assert_eq!(world.total(), (300, 100));
    world.counts_by("  - id: ours\n    count: marks\n    full-day-minutes: 360");
    assert_eq!(world.total(), (250, 50));
    lasts(&mut world, 2, Some(400), None);
    assert_eq!(world.total(), (300, 100), "more than a day is a day");
    world.counts_by("  - id: ours\n    count: marks\n    full-day-minutes: 500\n    weights: {instructional day: 40}");
    assert_eq!(world.total(), (120, 40), "what is worth least decides");
}
