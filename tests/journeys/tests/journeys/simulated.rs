//! A simulated district goes through the real Ed-Fi door: every document of it is taken, and every figure can be computed anew.

use anyhow::{Context as _, Result};
use homeroom_journeys::{Log, start};

crate::on_both_logs!(a_simulated_district_is_taken_whole);

/// Six weeks of a small district, with corrections, withdrawals and the year's first incidents.
const DISTRICT: [&str; 9] = ["simulate", "--students", "100", "--seed", "5", "--year", "2022", "--until", "2021-09-30"];

async fn a_simulated_district_is_taken_whole(log: Log) -> Result<()> {
    let homeroom = start(log)?;
    let folder = homeroom.data().join("place.json");
    let mut arguments = DISTRICT.to_vec();
    arguments.extend(["--resume", folder.to_str().context("a path of letters")?]);
    let said = homeroom.run(&arguments)?;
    assert!(said.contains("documents sent in"), "{said}");
    assert!(!said.contains("not taken"), "{said}");
    let verified = homeroom.run(&["verify"])?;
    assert!(verified.contains(": 0 differences"), "{verified}");
    assert!(!verified.contains("could not be understood"), "{verified}");
    let letters = homeroom.run(&["dead-letters"])?;
    assert_eq!(letters.lines().last(), Some("0 dead letters"), "{letters}");

    // What was sent is known, so that the same command has only the days after it left.
    let again = homeroom.run(&arguments)?;
    assert!(again.lines().any(|line| line.starts_with("0 documents sent")), "{again}");
    Ok(())
}
