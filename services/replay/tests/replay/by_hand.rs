//! Six students of two schools, counted by hand. Of forty days a tenth are four.

use homeroom_replay::{Came, Outcome};
use homeroom_replay::{Cells, Lead, Plan, Report, Share, Tally};

use crate::district::{DAYS, alerts, day, look, pack, plan, school, student, view};

fn replay(plan: &Plan) -> Report {
    let view = view();
    let students = [
        // Chronic on day 10; three days on day 3, two in a row on day 2.
        student("1", 1, &[1, 2, 3, 10]),
        // Three days on day 19, and no more.
        student("2", 1, &[5, 12, 19]),
        // Two in a row on day 21, and no more.
        student("1", 1, &[20, 21]),
        // Chronic on day 32; three days on day 22, never two in a row.
        student("1", 1, &[2, 12, 22, 32]),
        student("1", 1, &[]),
        // Five days: nobody can tell. Two in a row on day 37.
        student("1", 36, &[36, 37]),
    ];
    let mut tally = Tally::new(plan);
    for student in students {
        tally.add(plan, &look(plan, &view, &student).unwrap(), &[]);
    }
    Report::new(plan, &tally)
}

#[test]
fn a_small_districts_figures_are_those_counted_by_hand() {
    let report = replay(&plan(Some(Outcome::Chronic), Some(1), Vec::new()));
    let [days, row] = &report.rules[..] else { panic!("{} rules", report.rules.len()) };
    assert_eq!(days.cells, Cells { hits: 2, false_alarms: 1, missed: 0, quiet: 2, flagged_untold: 0, quiet_untold: 1 });
    assert_eq!(row.cells, Cells { hits: 1, false_alarms: 1, missed: 1, quiet: 2, flagged_untold: 1, quiet_untold: 0 });
    assert_eq!([days.cells.flag_rate(), row.cells.flag_rate()], [Share::new(3, 6); 2]);
    assert_eq!([days.cells.sensitivity(), row.cells.sensitivity()], [Share::new(2, 2), Share::new(1, 2)]);
    assert_eq!([days.cells.ppv(), row.cells.ppv()], [Share::new(2, 3), Share::new(1, 2)]);
    assert_eq!([days.cells.specificity(), row.cells.specificity()], [Share::new(2, 3); 2]);
    // Day 3 to day 10 are nine calendar days, day 22 to day 32 are fourteen.
    assert_eq!(days.lead, Some(Lead { students: 2, in_time: Some(2), quartile: 9, median: 9, upper_quartile: 14 }));
    assert_eq!(row.lead, Some(Lead { students: 1, in_time: Some(1), quartile: 10, median: 10, upper_quartile: 10 }));
    let [overlap] = report.overlaps[..] else { panic!("{:?}", report.overlaps) };
    assert_eq!(overlap.jaccard(), Share::new(1, 5));
}

#[test]
fn a_small_districts_alerts_are_those_counted_by_hand() {
    let report = replay(&plan(None, Some(1), Vec::new()));
    assert_eq!(report.weeks.len(), 8);
    let all = &report.packs[0].load;
    assert_eq!((all.alerts, all.school_weeks), (6, 16));
    assert_eq!(all.weekly, [2, 0, 0, 1, 2, 0, 0, 1]);
    assert_eq!((all.peak, all.peak_at.clone()), (2, Some((school("1"), day(1)))));
    assert_eq!((all.over_budget, all.beyond_budget), (Some(2), Some(2)));
    let by_school: Vec<_> = all.schools.iter().map(|of| (of.alerts, of.weeks, of.peak, of.over_budget)).collect();
    assert_eq!(by_school, [(5, 8, 2, Some(2)), (1, 8, 1, Some(0))]);
    assert_eq!(report.rules[0].load.weekly, [1, 0, 0, 1, 1, 0, 0, 0]);
    assert_eq!(report.rules[1].load.weekly, [1, 0, 0, 0, 1, 0, 0, 1]);
}

#[test]
fn what_was_open_before_the_first_date_is_a_flag_and_no_alert() {
    let rules = pack("two", &[("three-days", "absent >= 300"), ("two-in-a-row", "streak >= 2")]);
    let plan = Plan::new(vec![rules], (day(3), day(DAYS)), Some(Outcome::Chronic), None, Vec::new()).unwrap();
    let seen = look(&plan, &view(), &student("1", 1, &[1, 2, 3, 10])).unwrap();
    assert_eq!(seen.came, Came::Settled(day(10)));
    assert_eq!((seen.rules[0].flagged_on, seen.rules[0].open_before), (Some(day(3)), false));
    assert_eq!(alerts(&seen.rules[0]).into_iter().collect::<Vec<_>>(), [(("1".to_owned(), day(1)), 1)]);
    assert_eq!((seen.rules[1].flagged_on, seen.rules[1].open_before), (Some(day(2)), true));
    assert!(seen.rules[1].alerts.is_empty());
}

#[test]
fn what_ended_before_the_first_date_or_opens_after_the_last_is_nothing() {
    let rules = pack("one", &[("two-in-a-row", "streak >= 2")]);
    let plan = Plan::new(vec![rules], (day(6), day(20)), None, None, Vec::new()).unwrap();
    let seen = look(&plan, &view(), &student("1", 1, &[1, 2, 30, 31])).unwrap();
    assert_eq!(seen.rules[0], homeroom_replay::SeenRule::default());
    assert_eq!(seen.weeks.len(), 3);
    assert_eq!(look(&plan, &view(), &student("1", 21, &[])), None, "no day of it counts");
}

#[test]
fn two_packs_are_set_side_by_side() {
    let packs = vec![pack("lenient", &[("often", "absent >= 400")]), pack("strict", &[("often", "absent >= 300")])];
    let plan = Plan::new(packs, (day(1), day(DAYS)), Some(Outcome::Chronic), None, Vec::new()).unwrap();
    let report = replay(&plan);
    let flagged: Vec<_> = report.rules.iter().map(|rule| (rule.pack, rule.cells.flagged())).collect();
    assert_eq!(flagged, [(0, 2), (1, 3)]);
    assert_eq!(report.packs.iter().map(|pack| pack.load.alerts).collect::<Vec<_>>(), [2, 3]);
    assert_eq!(report.overlaps[0].jaccard(), Share::new(2, 3));
}

#[test]
fn a_plan_over_two_school_years_is_refused() {
    let date = |text| homeroom_domain::date::Date::parse(text).unwrap();
    let plan = |from, to| Plan::new(Vec::new(), (date(from), date(to)), None, None, Vec::new());
    assert!(plan("2022-06-01", "2022-07-01").is_err() && plan("2022-05-02", "2022-05-01").is_err());
    assert!(plan("2021-07-01", "2022-06-30").is_ok());
}
