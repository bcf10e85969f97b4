//! A simulated district goes through the real Ed-Fi door: every document of it is taken, and every figure can be computed anew.

use std::collections::BTreeSet;
use std::path::Path;

use anyhow::{Context as _, Result};
use homeroom_harness::homeroom::Homeroom;
use homeroom_journeys::{Log, start};
use serde_json::Value;

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

    every_student_can_be_explained(&homeroom)?;
    rules_can_be_tried_by_groups(&homeroom)?;

    // What was sent is known, so that the same command has only the days after it left.
    let again = homeroom.run(&arguments)?;
    assert!(again.lines().any(|line| line.starts_with("0 documents sent")), "{again}");
    Ok(())
}

/// Of the first students of an export of every measure: the same figures are explained, and the log comes to them.
fn every_student_can_be_explained(homeroom: &Homeroom) -> Result<()> {
    let rows = homeroom.run(&["export", "measures", "--format", "jsonl"])?;
    let rows = rows.lines().map(serde_json::from_str::<Value>).collect::<Result<Vec<_>, _>>()?;
    assert!(rows.len() >= 100, "{} rows", rows.len());
    for row in rows.iter().filter(|row| row["school"] == "").take(3) {
        let student = row["student"].as_str().context("no student")?;
        let told = homeroom.run(&["explain", student, "--json", "--since", "2099-01-01"])?;
        let told: Value = serde_json::from_str(&told)?;
        let measures = told["measures"].as_array().context("no measures")?;
        assert!(measures.len() > 50, "{}", measures.len());
        for measure in measures {
            let name = measure["name"].as_str().context("no name")?;
            let expected = if row[name].is_null() { &Value::from(-1) } else { &row[name] };
            assert_eq!(&measure["value"], expected, "{name} of {student}");
        }
        assert_eq!(told["changes"]["incomplete"], false, "{told}");
        assert_eq!(told["changes"]["records"], Value::Array(Vec::new()), "{told}");
        let page = homeroom.run(&["explain", student])?;
        for heading in ["FACTS", "DATES", "ARITHMETIC", "RULES"] {
            assert!(page.lines().any(|line| line == heading), "{page}");
        }
    }
    Ok(())
}

/// The operator's own file says who is in which group: the report has the groups' names, no id, and nothing of a group of few.
fn rules_can_be_tried_by_groups(homeroom: &Homeroom) -> Result<()> {
    let out = homeroom.data().join("documents");
    let to = out.to_str().context("a path of letters")?;
    homeroom.run(&[
        "simulate",
        "--students",
        "100",
        "--seed",
        "5",
        "--year",
        "2022",
        "--until",
        "2021-08-20",
        "--out",
        to,
    ])?;
    let ids = ids(&out)?;
    assert!(ids.len() >= 90, "{} ids", ids.len());
    let mut lines = vec!["student,home,bus".to_owned(), "nobody,near,".to_owned()];
    lines.extend(ids.iter().enumerate().map(|(at, id)| {
        let (home, bus) = (if at % 2 == 0 { "near" } else { "far" }, if at < 5 { "red" } else { "" });
        format!("{id},{home},{bus}")
    }));
    let groups = homeroom.data().join("groups.csv");
    std::fs::write(&groups, lines.join("\n"))?;
    let groups = groups.to_str().context("a path of letters")?;
    let page = homeroom.data().join("page.html");
    let page = page.to_str().context("a path of letters")?;
    let ask = ["rules", "replay", "--pack", "attendance-tiers", "--outcome", "chronic", "--subgroups", groups];
    let report = homeroom.run(&[&ask[..], &["--format", "json", "--html", page]].concat())?;
    let told: Value = serde_json::from_str(&report)?;
    let rule = &told["rules"][0];
    let of = |group: &str| rule["groups"].as_array().into_iter().flatten().find(|of| of["group"] == group).cloned();
    let [near, far, red] = ["near", "far", "red"].map(|group| of(group).unwrap_or_default());
    let students = |group: &Value| group["students"].as_u64();
    assert_eq!(students(&near).zip(students(&far)).map(|(near, far)| near + far), rule["students"].as_u64(), "{rule}");
    for figure in ["students", "flagged", "flagged_share", "flagged_gap", "against_outcome", "gaps", "lead"] {
        assert!(red[figure].is_null(), "{figure} of five students: {red}");
    }
    let table = homeroom.run(&ask)?;
    let csv = homeroom.run(&[&ask[..], &["--format", "csv"]].concat())?;
    let page = std::fs::read_to_string(page)?;
    for text in [&report, &table, &csv, &page] {
        assert!(text.contains("near") && text.contains("far"), "the groups' names stay with whoever asks: {text}");
        assert!(!ids.iter().any(|id| text.contains(id)), "no student's id is in a report");
    }
    Ok(())
}

/// The districts' own ids of the students of a folder of documents.
fn ids(folder: &Path) -> Result<BTreeSet<String>> {
    let mut ids = BTreeSet::new();
    for day in std::fs::read_dir(folder)? {
        let file = day?.path().join("students.jsonl");
        if let Ok(documents) = std::fs::read_to_string(file) {
            for document in documents.lines() {
                let document: Value = serde_json::from_str(document)?;
                ids.extend(document["studentUniqueId"].as_str().map(str::to_owned));
            }
        }
    }
    Ok(ids)
}
