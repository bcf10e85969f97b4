//! What `homeroom up` says when it is ready.

use homeroom_proto::wire::risk::{GetSummaryResponse, SchoolSummary};

use super::speed::Speed;
use crate::text::{rule, table, unit};

/// Students of each school by attendance tier, alerts of each rule, and how fast they came.
pub(crate) fn text(summary: &GetSummaryResponse, speed: Option<&Speed>) -> String {
    let counted = summary.schools.iter().filter(|school| !school.school.is_empty()).count();
    let (today, as_of) = (unit::date(summary.today), unit::date(summary.as_of));
    if summary.students == 0 {
        return format!("No students yet; point an Ed-Fi client at this address. There it is {today}.\n");
    }
    let opened: i64 = summary.rules.iter().map(|rule| rule.opened_ever).sum();
    let mut paragraphs = vec![
        format!(
            "{counted} schools, {} students, {} marks. There it is {today}; figures are as of {as_of}.\n",
            summary.students, summary.marks
        ),
        "Students by days absent, of the days enrolled\n".to_owned(),
        table::lines(&schools(&summary.schools)),
        format!("Alerts: {opened} opened, {} open now\n", summary.open_alerts),
        table::lines(&rule::rows(&summary.rules)),
    ];
    let failures = rule::failures(&summary.rules);
    if !failures.is_empty() {
        paragraphs.push(failures);
    }
    if let Some(speed) = speed.filter(|speed| speed.alerts > 0) {
        paragraphs.push(format!(
            "From mark to alert while the sample was loaded ({} alerts): median {} ms, slowest {} ms\n",
            speed.alerts, speed.median_ms, speed.slowest_ms
        ));
    }
    paragraphs.join("\n")
}

/// A row per school, and last the district as a whole, which has no school id.
fn schools(schools: &[SchoolSummary]) -> Vec<Vec<String>> {
    let tiers = [Some(0), Some(1), Some(2), Some(3), None].map(|tier| unit::tier(tier).to_owned());
    let heading = ["school", "students"].map(str::to_owned).into_iter().chain(tiers).collect();
    let mut rows = vec![heading];
    let (of_schools, of_district): (Vec<_>, Vec<_>) = schools.iter().partition(|school| !school.school.is_empty());
    for school in of_schools.into_iter().chain(of_district) {
        let tier = |index: usize| school.tiers.get(index).copied().unwrap_or(0);
        let name = if school.name.is_empty() { &school.school } else { &school.name };
        rows.push(row(name, &[school.students, tier(0), tier(1), tier(2), tier(3), school.without_tier]));
    }
    rows
}

fn row(name: &str, counts: &[i64]) -> Vec<String> {
    std::iter::once(name.to_owned()).chain(counts.iter().map(ToString::to_string)).collect()
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::risk::RuleSummary;

    use super::*;

    #[test]
    fn the_summary_counts_schools_and_rules() {
        let school = |id: &str, name: &str, tiers: [i64; 4]| SchoolSummary {
            school: id.to_owned(),
            name: name.to_owned(),
            students: tiers.iter().sum(),
            tiers: tiers.to_vec(),
            without_tier: 0,
        };
        let summary = GetSummaryResponse {
            today: 19_095,
            as_of: 19_094,
            students: 13,
            marks: 20,
            schools: vec![
                school("", "The district", [11, 1, 1, 0]),
                school("1", "North", [5, 1, 1, 0]),
                school("2", "South", [6, 0, 0, 0]),
            ],
            open_alerts: 1,
            rules: vec![RuleSummary {
                rule: "tier".to_owned(),
                title: "Chronic absence".to_owned(),
                open: 1,
                opened_ever: 2,
                failures: 3,
                last_failure: "division by zero".to_owned(),
            }],
            ..GetSummaryResponse::default()
        };
        let text = text(&summary, Some(&Speed { alerts: 2, median_ms: 8, slowest_ms: 40 }));
        for expected in [
            "2 schools, 13 students, 20 marks. There it is 2022-04-13; figures are as of 2022-04-12.",
            "The district         13         11",
            "rule tier failed 3 times, last for: division by zero",
            "median 8 ms, slowest 40 ms",
        ] {
            assert!(text.contains(expected), "{expected:?} is not in\n{text}");
        }
    }
}
