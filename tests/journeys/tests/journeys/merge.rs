//! Two ids turn out to be one student: records, measures and alerts of both come together, and apart again when that was wrong.

use std::time::Duration;

use anyhow::{Context as _, Result, anyhow};
use homeroom_domain::id::StudentKey;
use homeroom_harness::homeroom::{Alerts, Homeroom};
use homeroom_journeys::district::{DAYS_BEFORE, District, HIGH, TODAY};
use homeroom_journeys::{Log, start};
use homeroom_proto::wire::alert::{AlertChange, Kind};
use serde_json::json;

crate::on_both_logs!(merged_students_have_one_state_and_apart_again_each_their_own);

const STAYS: &str = "604822";
const GOES: &str = "604900";
const TIER: &str = "attendance-tier";
const UNEXPLAINED: &str = "unexplained-absence";

/// The first change for which this holds, whether it came already or not: of two students' changes either may come first.
async fn find(alerts: &mut Alerts, what: &str, wanted: impl Fn(&AlertChange) -> bool) -> Result<AlertChange> {
    if let Some(seen) = alerts.seen().iter().find(|change| wanted(change)) {
        return Ok(seen.clone());
    }
    alerts.next_where(what, wanted).await
}

/// A student with two absences of twelve days, and the alert of it.
async fn absent(district: &District, alerts: &mut Alerts, id: &str, days: [usize; 2]) -> Result<AlertChange> {
    district.enroll(id, HIGH).await?;
    for day in days {
        district.mark(id, HIGH, DAYS_BEFORE[day], "Unexcused Absence").await?;
    }
    let before: Vec<_> = alerts.seen().iter().map(|change| change.student.clone()).collect();
    let is_new = |change: &AlertChange| !before.contains(&change.student);
    alerts.next_where("tier", |c| c.rule == TIER && c.level == 2 && is_new(c)).await
}

/// What the spreadsheet has of a student for the district as a whole: enrolled, absent, unexcused, in hundredths of a day.
fn measures(homeroom: &Homeroom, student: &[u8]) -> Result<Option<String>> {
    let key = key(student)?;
    let wanted = ["--measure", "enrolled", "--measure", "absent", "--measure", "unexcused"];
    let rows = homeroom.run(&[&["export", "measures", "--format", "csv"][..], &wanted].concat())?;
    // The date, the student, the school, and what was asked for.
    let mut rows = rows.lines().map(|row| row.split(',').collect::<Vec<_>>());
    let row = rows.find(|row| row[1] == key && row[2].is_empty());
    Ok(row.map(|row| row[3..6].join(" ")))
}

/// Waits until the district is said to have so many students.
async fn until_students(homeroom: &Homeroom, expected: i64) -> Result<()> {
    let mut last = 0;
    let wait = async {
        while last != expected {
            last = homeroom.summary().await?.students;
        }
        anyhow::Ok(())
    };
    let came = tokio::time::timeout(Duration::from_secs(30), wait).await;
    came.map_err(|_| anyhow!("the summary has {last} students, not {expected}"))?
}

/// The students of whom a case is open.
fn cases(homeroom: &Homeroom) -> Result<Vec<String>> {
    let list = homeroom.run(&["case", "list"])?;
    // Below the heading.
    Ok(list.lines().skip(1).filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect())
}

fn key(student: &[u8]) -> Result<String> {
    Ok(StudentKey::from_slice(student)?.to_string())
}

async fn merged_students_have_one_state_and_apart_again_each_their_own(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    let mut alerts = homeroom.alerts().await?;
    let stays = absent(&district, &mut alerts, STAYS, [2, 4]).await?;
    let goes = absent(&district, &mut alerts, GOES, [6, 8]).await?;

    homeroom.run(&["case", "open", "--local-id", GOES])?;
    assert_eq!(cases(&homeroom)?, [key(&goes.student)?]);
    homeroom.run(&["students", "merge", GOES, STAYS])?;
    let recalled = |c: &AlertChange| c.alert_id == goes.alert_id && c.kind() == Kind::Recalled;
    find(&mut alerts, "recall of the alert of who was no other", recalled).await?;
    assert_eq!(cases(&homeroom)?, [key(&stays.student)?], "the case goes with the student");
    find(&mut alerts, "alert of both's absences", |c| c.alert_id == stays.alert_id && c.level == 3).await?;
    homeroom.run(&["verify"])?;
    assert_eq!(measures(&homeroom, &stays.student)?.as_deref(), Some("1200 400 400"));
    assert_eq!(measures(&homeroom, &goes.student)?.filter(|row| row != "0 0 0"), None);
    until_students(&homeroom, 1).await?;

    // Sent late, as the student who is no more.
    district.mark(GOES, HIGH, TODAY, "Unexcused Absence").await?;
    let late = alerts.next_where("alert of the late mark", |c| c.rule == UNEXPLAINED).await?;
    assert_eq!((&late.student, late.kind()), (&stays.student, Kind::Opened));

    homeroom.run(&["students", "split", GOES])?;
    let recalled = |c: &AlertChange| c.alert_id == late.alert_id && c.kind() == Kind::Recalled;
    find(&mut alerts, "recall of the late mark's alert", recalled).await?;
    let opened = |c: &AlertChange| c.student == goes.student && c.kind() == Kind::Opened && c.rule == UNEXPLAINED;
    find(&mut alerts, "the late mark's alert under the other", opened).await?;
    homeroom.run(&["verify"])?;
    assert_eq!(cases(&homeroom)?, [key(&stays.student)?], "nothing says whose the case was");
    until_students(&homeroom, 2).await?;
    for student in [&stays.student, &goes.student] {
        assert_eq!(measures(&homeroom, student)?.as_deref(), Some("1200 200 200"));
    }
    Ok(())
}

/// The merge is asked for, and the process killed before anybody knows how far it is.
#[tokio::test(flavor = "multi_thread")]
async fn a_merge_goes_on_after_a_kill() -> Result<()> {
    let mut homeroom = start(Log::Postgres)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    let mut alerts = homeroom.alerts().await?;
    let stays = absent(&district, &mut alerts, STAYS, [2, 4]).await?;
    let goes = absent(&district, &mut alerts, GOES, [6, 8]).await?;
    homeroom.run(&["case", "open", "--local-id", GOES])?;
    let asked = reqwest::Client::new()
        .post(format!("{}/v1/students/merges", homeroom.url()))
        .basic_auth(homeroom.key(), Some(homeroom.secret()))
        .json(&json!({ "from": GOES, "into": STAYS }));
    asked.send().await?.error_for_status().context("the merge")?;
    homeroom.kill()?;
    homeroom.resume()?;
    // A repeat, which waits for what the first one has begun.
    homeroom.run(&["students", "merge", GOES, STAYS])?;
    let mut alerts = homeroom.alerts().await?;
    find(&mut alerts, "recall", |c| c.alert_id == goes.alert_id && c.kind() == Kind::Recalled).await?;
    assert_eq!(cases(&homeroom)?, [key(&stays.student)?]);
    find(&mut alerts, "both's", |c| c.alert_id == stays.alert_id && c.level == 3).await?;
    assert_eq!(measures(&homeroom, &stays.student)?.as_deref(), Some("1200 400 400"));
    homeroom.run(&["verify"]).map(drop)
}
