//! Shipped rules, put in force as a district does it: of each what is told by records sent, and taken back by corrected ones.

use anyhow::{Context as _, Result};
use homeroom_harness::homeroom::{Alerts, Homeroom};
use homeroom_journeys::district::{DAYS_BEFORE, District, HIGH, MIDDLE, TODAY};
use homeroom_journeys::{Log, start};
use homeroom_proto::wire::alert::{AlertChange, Kind};

crate::on_both_logs!(shipped_rules_tell_and_take_back_what_records_no_longer_say);

const PACK: &str =
    "id: ours\nversion: 2\nuses: [attendance-tiers, same-day-absence, streaks, course-failure, truancy-texas, recovery]
overrides: {unexplained-absence: {cutoff: '09:30'}}
schools: {'255901044': {unexplained-absence: {cutoff: '10:15'}}}
";

/// Twenty school days before those that the calendars have.
const EARLIER: [&str; 20] = [
    "2022-02-28",
    "2022-03-01",
    "2022-03-02",
    "2022-03-03",
    "2022-03-04",
    "2022-03-07",
    "2022-03-08",
    "2022-03-09",
    "2022-03-10",
    "2022-03-11",
    "2022-03-14",
    "2022-03-15",
    "2022-03-16",
    "2022-03-17",
    "2022-03-18",
    "2022-03-21",
    "2022-03-22",
    "2022-03-23",
    "2022-03-24",
    "2022-03-25",
];

/// School days behind those that the calendars have, so that what is due within ten of them has a date.
const LATER: [&str; 10] = [
    "2022-04-18",
    "2022-04-19",
    "2022-04-20",
    "2022-04-21",
    "2022-04-22",
    "2022-04-25",
    "2022-04-26",
    "2022-04-27",
    "2022-04-28",
    "2022-04-29",
];

async fn shipped_rules_tell_and_take_back_what_records_no_longer_say(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let file = homeroom.data().join("ours.yaml");
    std::fs::write(&file, PACK)?;
    let file = file.to_str().context("a path")?;
    homeroom.run(&["rules", "activate", file, "--reason", "the shipped ones"])?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.send_algebra().await?;
    let mut told = Told { alerts: homeroom.alerts().await?, homeroom: &homeroom };

    same_day(&district, &mut told).await?;
    core_failure(&district, &mut told).await?;
    absences(&district, &mut told).await?;
    recovery(&district, &mut told).await?;
    due(&district, &mut told).await?;
    homeroom.run(&["verify"]).map(drop)
}

struct Told<'h> {
    alerts: Alerts,
    homeroom: &'h Homeroom,
}

impl Told<'_> {
    /// The change for which this holds, which may have come before another that was waited for.
    async fn find(&mut self, what: &str, wanted: impl Fn(&AlertChange) -> bool) -> Result<AlertChange> {
        let seen = self.alerts.seen().iter().find(|change| wanted(change)).cloned();
        if let Some(seen) = seen { Ok(seen) } else { self.alerts.next_where(what, wanted).await }
    }

    async fn opened(&mut self, rule: &'static str) -> Result<AlertChange> {
        let opened = self.find(rule, |c| c.rule == rule && c.kind() == Kind::Opened).await?;
        let proof = opened.proof.as_ref().context("an alert has a proof")?;
        assert!(!proof.explanation.is_empty() && !proof.threshold_source.is_empty(), "{rule}: {proof:?}");
        assert!(!proof.facts.is_empty() && !proof.clears_when.is_empty(), "{rule}: {proof:?}");
        Ok(opened)
    }

    /// Waits for the alert's recall, and has both derived from the log again.
    async fn recalled(&mut self, opened: &AlertChange) -> Result<AlertChange> {
        let is_recall = |c: &AlertChange| c.alert_id == opened.alert_id && c.kind() == Kind::Recalled;
        let recalled = self.find(&format!("recall of {}", opened.rule), is_recall).await?;
        assert!(!recalled.reason.is_empty(), "{}", opened.rule);
        let again = self.homeroom.run(&["explain", "--alert", &opened.alert_id])?;
        assert!(again.contains("the log comes to the same, word for word"), "{}: {again}", opened.rule);
        Ok(recalled)
    }
}

async fn same_day(district: &District, told: &mut Told<'_>) -> Result<()> {
    district.enroll("1", HIGH).await?;
    let absence = district.mark("1", HIGH, TODAY, "Unexcused Absence").await?;
    let opened = told.opened("unexplained-absence").await?;
    assert_eq!(opened.cutoff_minute, Some(9 * 60 + 30), "nobody is told before half past nine");
    district.mark("1", HIGH, TODAY, "Tardy").await?;
    district.edfi().delete(&absence.location).await?;
    told.recalled(&opened).await.map(drop)
}

async fn core_failure(district: &District, told: &mut Told<'_>) -> Result<()> {
    district.enroll("2", HIGH).await?;
    district.take_algebra("2").await?;
    district.grade_algebra("2", 55).await?;
    let opened = told.opened("failing-core-course").await?;
    district.grade_algebra("2", 85).await?;
    told.recalled(&opened).await.map(drop)
}

/// Three days missed in a row are a quarter of the days, a streak, and in Texas a warning notice that is due. An excuse for two of them
/// takes the notice back, a correction of all three the rest.
async fn absences(district: &District, told: &mut Told<'_>) -> Result<()> {
    district.send_dates(HIGH, LATER).await?;
    district.enroll("3", HIGH).await?;
    let marks = district.miss_last("3", HIGH, 3).await?;
    let notice = told.opened("tx-warning-notice").await?;
    assert!(notice.duties.len() == 2 && notice.duties.iter().all(|duty| duty.due_on.is_some()), "{:?}", notice.duties);
    assert_eq!(notice.audience, "attendance-office");
    let streak = told.opened("absence-streak").await?;
    let tier = told.opened("attendance-tier").await?;

    let mut excused = Vec::new();
    for (date, mark) in DAYS_BEFORE[10..].iter().zip(&marks[1..]) {
        excused.push(district.mark("3", HIGH, date, "Excused Absence").await?);
        district.edfi().delete(&mark.location).await?;
    }
    told.recalled(&notice).await?;
    let is_over = |c: &AlertChange| c.alert_id == streak.alert_id && matches!(c.kind(), Kind::Cleared | Kind::Recalled);
    assert!(!told.alerts.seen().iter().any(is_over), "excused days are missed all the same");
    for mark in excused.iter().chain(&marks[..1]) {
        district.edfi().delete(&mark.location).await?;
    }
    told.recalled(&streak).await?;
    told.recalled(&tier).await.map(drop)
}

/// Two of the first twelve days missed, none of the twenty since then.
async fn recovery(district: &District, told: &mut Told<'_>) -> Result<()> {
    district.send_dates(MIDDLE, EARLIER).await?;
    district.send_student("4").await?;
    district.enroll_from("4", MIDDLE, EARLIER[0], None).await?;
    for date in &EARLIER[..2] {
        district.mark("4", MIDDLE, date, "Excused Absence").await?;
    }
    let opened = told.opened("recovering").await?;
    assert_eq!(opened.school, MIDDLE.to_string());
    district.mark("4", MIDDLE, DAYS_BEFORE[11], "Excused Absence").await?;
    told.recalled(&opened).await.map(drop)
}

/// Texas gives a week for the notice to the parent: when that is over and nothing has been done, the alert rises, once.
async fn due(district: &District, told: &mut Told<'_>) -> Result<()> {
    let known: Vec<String> = told.alerts.seen().iter().map(|change| change.alert_id.clone()).collect();
    district.enroll("5", HIGH).await?;
    district.miss_last("5", HIGH, 3).await?;
    let is_new = |c: &AlertChange| c.rule == "tx-warning-notice" && !known.contains(&c.alert_id);
    let notice = told.find("another notice", is_new).await?;
    told.homeroom.advance_clock("2022-04-20T07:30:00").await?;
    let is_risen = |c: &AlertChange| c.alert_id == notice.alert_id && c.kind() == Kind::Escalated;
    let risen = told.find("the notice is due", is_risen).await?;
    assert!(risen.reason.starts_with("due on 2022-04-19: Notify the parent"), "{}", risen.reason);
    assert_eq!(risen.level, notice.level);
    let again = told.homeroom.run(&["explain", "--alert", &notice.alert_id])?;
    assert_eq!(again.matches("the log comes to the same, word for word").count(), 2, "{again}");
    assert_eq!(risen.fallen_due, [0]);
    told.homeroom.run(&["duty", "done", &notice.alert_id, "1"])?;
    let duties = told.homeroom.run(&["duty", "list", &notice.alert_id])?;
    let lines: Vec<&str> = duties.lines().collect();
    assert!(lines[1].starts_with("1  due 2022-04-19  Notify the parent"), "{duties}");
    assert!(lines[2].contains("done at ") && lines[3].starts_with("2  due "), "{duties}");
    Ok(())
}
