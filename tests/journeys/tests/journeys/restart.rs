//! A restart, and a crash, keep everything.

use anyhow::Result;
use homeroom_journeys::district::{District, HIGH, TODAY};
use homeroom_journeys::{Log, start};
use homeroom_proto::wire::alert::Kind;

crate::on_both_logs!(a_restart_and_a_crash_keep_everything);

async fn a_restart_and_a_crash_keep_everything(log: Log) -> Result<()> {
    let mut homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    district.enroll("604822", HIGH).await?;
    district.miss_last("604822", HIGH, 3).await?;
    let mut alerts = homeroom.alerts().await?;
    let streak = alerts.next_where("streak", |c| c.rule == "absence-streak").await?;
    let before = homeroom.run(&["export", "measures"])?;

    homeroom.stop()?;
    homeroom.resume()?;
    assert_eq!(homeroom.run(&["export", "measures"])?, before);

    homeroom.kill()?;
    homeroom.resume()?;
    assert_eq!(homeroom.run(&["export", "measures"])?, before);
    let mut alerts = homeroom.alerts().await?;
    let again = alerts.next_where("the same streak", |c| c.rule == "absence-streak").await?;
    assert_eq!(again, streak, "the feed begins with the same changes");

    let district = District::new(homeroom.edfi().await?);
    assert_eq!(district.edfi().count("studentSchoolAttendanceEvents").await?, 3);
    district.mark("604822", HIGH, TODAY, "Unexcused Absence").await?;
    let opened = alerts.next_where("alert after the crash", |c| c.rule == "unexplained-absence").await?;
    assert_eq!(opened.kind(), Kind::Opened);
    let streaks = alerts.seen().iter().filter(|c| c.rule == "absence-streak" && c.kind() == Kind::Opened);
    assert_eq!(streaks.count(), 1, "one alert per episode");
    homeroom.run(&["verify"]).map(drop)
}
