//! Whom a reference change concerns: nobody whose measures it changes is passed over.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Change;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Measures;
use homeroom_domain::reference::{Entry, GradingPeriod, Section};
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::{Records, Touched, View};
use proptest::prelude::*;

use crate::agreement::cases;
use crate::generate::{self, SCHOOLS, Word, date};
use crate::world::{Marked, Spell, World, YEAR, absent, day, enrolled, grade, id, on, school};

fn measures(ledger: &Ledger, view: &View, settings: &Settings, now: Now) -> Vec<Measures> {
    let student = Evaluation::new(ledger, view, settings, now);
    let mut all = vec![student.district(now.as_of, now.today)];
    all.extend(SCHOOLS.iter().map(|name| student.school(&school(name), now.as_of, now.today)));
    all
}

/// Whom a change concerns, as the view before and the view after say.
fn touched(before: &View, old: Option<&Entry>, after: &View, new: &Change<Entry>) -> Vec<Touched> {
    let new = match new {
        Change::Recorded(entry) => Some(entry),
        Change::Withdrawn => None,
    };
    old.map(|entry| before.touched(entry)).into_iter().chain(new.map(|entry| after.touched(entry))).collect()
}

proptest! {
    #![proptest_config(cases(1_500))]

    #[test]
    fn whoever_a_reference_change_concerns_is_touched_or_waiting(
        log in generate::log(50),
        change in generate::reference(),
        settings in generate::settings(),
    ) {
        let now = Now { today: date(16), as_of: date(16) };
        let (mut ledger, mut records) = (Ledger::default(), Records::default());
        for (said, revision) in log.into_iter().zip(1..) {
            said.with(revision).apply(&mut ledger, &mut records);
        }
        let before = records.view();
        let student = Evaluation::new(&ledger, &before, &settings, now);
        let Word::Reference(origin, change) = change.with(u64::MAX) else { unreachable!("a reference record's word") };
        let old = records.find(&origin.source, origin.key).cloned();
        records.apply(origin, change.clone());
        let after = records.view();
        if measures(&ledger, &before, &settings, now) == measures(&ledger, &after, &settings, now) {
            return Ok(());
        }
        let leans_on = student.leans_on();
        let concerned = touched(&before, old.as_ref(), &after, &change).iter().any(|touched| match touched {
            Touched::Nobody => false,
            Touched::School(school) => leans_on.contains(school),
            Touched::Everyone => true,
        });
        prop_assert!(concerned || student.waiting(), "passed over by {:?} after {:?}", change, old);
    }
}

#[test]
fn a_calendar_date_concerns_the_school_of_its_calendar() {
    let mut world = World::of_school_days(2);
    let entry = homeroom_domain::reference::CalendarDate { calendar: id("main"), date: day(2), events: Vec::new() };
    let entry = Entry::CalendarDate(entry);
    assert_eq!(world.records.view().touched(&entry), Touched::School(school("1")));
    world.undefines("calendar main");
    assert_eq!(world.records.view().touched(&entry), Touched::Nobody, "until its calendar comes");
}

#[test]
fn a_student_with_everything_known_waits_for_nothing() {
    let mut world = World::of_school_days(2);
    world.says("mark", absent(day(1)));
    assert!(!world.waits());
    world.says("elsewhere", enrolled("2", day(1)));
    assert!(world.waits());
    world.says("elsewhere", enrolled("2", on("2020-09-01")).until(on("2021-06-01")));
    assert!(!world.waits(), "last year is not counted any more");
}

#[test]
fn a_student_leans_on_every_school_that_the_facts_refer_to() {
    let mut world = World::of_school_days(2);
    world.opens("2").opens("3").session("fall", 1, 2).section("english", "English", "fall");
    let elsewhere = Section { section: id("english"), course_offering: id("english offering"), school: school("2") };
    world.defines("section english", Entry::Section(elsewhere));
    world.says("mark", absent(day(1)).in_section("english"));
    world.calendar("of 3", "3", 1..=2).says("enrollment", enrolled("1", day(1)).following("of 3"));
    let period = GradingPeriod {
        grading_period: id("first"),
        school: school("4"),
        school_year: YEAR,
        begin_on: day(1),
        end_on: day(2),
    };
    world.defines("period first", Entry::GradingPeriod(period)).says("grade", grade("english", "first", "Final", 50));
    let leans_on = world.look(|student: &Evaluation<'_>| student.leans_on().into_iter().cloned().collect::<Vec<_>>());
    assert_eq!(leans_on, ["1", "2", "3", "4"].map(school));
}
