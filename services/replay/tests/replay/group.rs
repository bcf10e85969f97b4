//! Groups: shares apart, gaps to everyone else, and nothing of a few.

use homeroom_replay::text::{self, Names};
use homeroom_replay::{Came, Outcome};
use homeroom_replay::{Cells, GroupReport, Report, Share, Tally};

use crate::district::{day, plan, seen};

/// Students of a group by cell: flagged and not, with the outcome and without.
fn add(tally: &mut Tally, plan: &homeroom_replay::Plan, groups: &[usize], [hits, alarms, missed, quiet]: [u32; 4]) {
    let chronic = Came::Settled(day(30));
    let rows =
        [(hits, chronic, Some(20)), (alarms, Came::No, Some(20)), (missed, chronic, None), (quiet, Came::No, None)];
    for (students, came, flag) in rows {
        for _ in 0..students {
            tally.add(plan, &seen("1", came, &[flag, None]), groups);
        }
    }
}

#[test]
fn a_groups_shares_and_gaps_are_those_of_its_cells() {
    let plan = plan(Some(Outcome::Chronic), None, vec![0, 0]);
    let mut tally = Tally::new(&plan);
    add(&mut tally, &plan, &[0], [56, 20, 14, 40]);
    add(&mut tally, &plan, &[1], [48, 10, 32, 60]);
    tally.add(&plan, &seen("1", Came::Untold, &[Some(3), None]), &[1]);
    let report = Report::new(&plan, &tally);
    let rule = &report.rules[0];
    let [one, other] = &rule.groups[..] else { panic!("{:?}", rule.groups) };
    assert_eq!((one.students, one.flagged), (Some(130), Some(76)));
    assert_eq!(other.students, Some(150), "whose outcome cannot be told is in no group");
    assert_eq!(one.cells.map(Cells::sensitivity), Some(Share::new(56, 70)));
    assert_eq!(
        one.lead.map(|lead| (lead.students, lead.median, lead.in_time)),
        Some((56, 14, None)),
        "few may be in time"
    );
    // Newcombe 1998, 56 of 70 against 48 of 80.
    let gap = rule.gap(one, report.outcome, Cells::sensitivity).unwrap();
    assert!((gap.difference - 0.2).abs() < 1e-9);
    assert!((gap.interval.low - 0.0524).abs() < 5e-5 && (gap.interval.high - 0.3339).abs() < 5e-5, "{gap:?}");
}

#[test]
fn of_few_students_nothing_is_written_anywhere() {
    let plan = plan(Some(Outcome::Chronic), None, vec![0, 0, 0]);
    let mut tally = Tally::new(&plan);
    add(&mut tally, &plan, &[0], [40, 30, 30, 400]);
    add(&mut tally, &plan, &[1], [20, 20, 20, 171]);
    add(&mut tally, &plan, &[2], [1, 1, 1, 4]);
    let report = Report::new(&plan, &tally);
    let rule = &report.rules[0];
    assert_eq!(rule.groups[2], GroupReport::default());
    assert_eq!(rule.groups[1], GroupReport::default(), "the whole less the others would tell");
    assert_eq!(rule.groups[0].students, Some(500));
    let name = |value: &str| ("language".to_owned(), value.to_owned());
    let names = Names { groups: vec![name("one"), name("two"), name("three")], ..Names::default() };
    let csv = text::csv::csv(&report, &names);
    let row = csv.lines().find(|line| line.contains("language,two")).unwrap();
    assert!(row.split(',').skip(6).all(str::is_empty), "{row}");
    let json = text::json::json(&report, &names);
    assert!(json["rules"][0]["groups"][2]["students"].is_null());
    let hidden = |text: &str| text.matches("hidden").count();
    assert!(hidden(&text::table::table(&report, &names)) >= 40 && hidden(&text::page::page(&report, &names)) >= 40);
}
