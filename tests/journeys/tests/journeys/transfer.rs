//! Absences follow a student to another school.

use anyhow::Result;
use homeroom_journeys::district::{DAYS_BEFORE, District, HIGH, MIDDLE};
use homeroom_journeys::{Log, start};

crate::on_both_logs!(absences_follow_a_student_to_another_school);

async fn absences_follow_a_student_to_another_school(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let district = District::new(homeroom.edfi().await?);
    district.send_frame().await?;
    // Six days at one school with one absence, six at the other with one: neither alone makes ten days, both together do.
    district.send_student("604822").await?;
    district.enroll_from("604822", MIDDLE, DAYS_BEFORE[0], Some(DAYS_BEFORE[5])).await?;
    district.enroll_from("604822", HIGH, DAYS_BEFORE[6], None).await?;
    district.mark("604822", MIDDLE, DAYS_BEFORE[2], "Unexcused Absence").await?;
    district.mark("604822", HIGH, DAYS_BEFORE[8], "Excused Absence").await?;
    let mut alerts = homeroom.alerts().await?;
    let chronic = alerts.next_where("tier", |c| c.rule == "attendance-tier" && c.level == 2).await?;
    assert_eq!(chronic.school, HIGH.to_string(), "the school that has the student now is told");
    let proof = chronic.proof.expect("an alert has a proof");
    assert!(proof.explanation.contains("Absent 2 of 12 days"), "{}", proof.explanation);

    let wanted = ["--measure", "enrolled", "--measure", "absent", "--measure", "unexcused"];
    let rows = homeroom.run(&[&["export", "measures", "--format", "csv"][..], &wanted].concat())?;
    // The date, the student, the school, and what was asked for.
    let of = |school: &str| rows.lines().find(|row| row.split(',').nth(2) == Some(school)).map(str::to_owned);
    for (school, expected) in [("", ",1200,200,100,"), ("255901044", ",600,100,100,"), ("255901001", ",600,100,0,")] {
        let row = of(school).unwrap_or_default();
        assert!(row.contains(expected), "school `{school}`: `{row}` is not {expected}");
    }
    homeroom.run(&["verify"]).map(drop)
}
