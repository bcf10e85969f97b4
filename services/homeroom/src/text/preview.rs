//! A preview as a person reads it, and as a script does.

use homeroom_proto::wire::risk::{GetProgressResponse, Preview, RuleChange, TierChange};
use serde_json::{Value, json};

use super::names::SchoolNames;
use super::table;

/// Two tables, under a sentence.
pub(crate) fn for_people(preview: &Preview, names: &SchoolNames) -> String {
    let school = |id: &str| if id.is_empty() { "District as a whole".to_owned() } else { names.name(id).to_owned() };
    let mut tiers = vec![["students of tier", "0", "1", "2", "3", "below the minimum"].map(str::to_owned).to_vec()];
    for of in &preview.tiers {
        tiers.push(std::iter::once(school(&of.school)).chain(figures(of)).collect());
    }
    let heading = ["rule, school", "opened", "of them late", "risen", "amended", "cleared", "taken back", "failures"];
    let mut rules = vec![heading.map(str::to_owned).to_vec()];
    for of in &preview.rules {
        let place = if of.school.is_empty() { of.rule.clone() } else { format!("{}, {}", of.rule, school(&of.school)) };
        rules.push(std::iter::once(place).chain(counts(of).map(|count| count.to_string())).collect());
    }
    let told = if preview.rules.is_empty() { "  No alert would change.\n".to_owned() } else { table::lines(&rules) };
    format!(
        "Of {} students {} would have other figures or alerts. Nothing was changed.\n\n{}\n{told}",
        preview.students,
        preview.students_changed,
        table::lines(&tiers)
    )
}

/// Of each tier `before -> after`, or one number when that stays.
fn figures(of: &TierChange) -> impl Iterator<Item = String> {
    let before = of.before.iter().chain([&of.without_tier_before]);
    let after = of.after.iter().chain([&of.without_tier_after]);
    before.zip(after).map(
        |(before, after)| {
            if before == after { before.to_string() } else { format!("{before} -> {after}") }
        },
    )
}

fn counts(of: &RuleChange) -> impl Iterator<Item = i64> {
    [of.opened, of.opened_late, of.escalated, of.amended, of.cleared, of.recalled, of.failures].into_iter()
}

/// The same as one JSON object.
pub(crate) fn to_json(preview: &Preview) -> Value {
    let tier = |of: &TierChange| {
        json!({
            "school": of.school,
            "before": of.before,
            "without_tier_before": of.without_tier_before,
            "after": of.after,
            "without_tier_after": of.without_tier_after,
        })
    };
    let rule = |of: &RuleChange| {
        json!({
            "rule": of.rule,
            "school": of.school,
            "opened": of.opened,
            "opened_late": of.opened_late,
            "escalated": of.escalated,
            "amended": of.amended,
            "cleared": of.cleared,
            "recalled": of.recalled,
            "failures": of.failures,
        })
    };
    json!({
        "students": preview.students,
        "students_changed": preview.students_changed,
        "tiers": preview.tiers.iter().map(tier).collect::<Vec<_>>(),
        "rules": preview.rules.iter().map(rule).collect::<Vec<_>>(),
    })
}

/// How far moves of the date and of reference data have come, in a sentence.
pub(crate) fn progress(of: &GetProgressResponse) -> String {
    if of.students_behind == 0 {
        return "Every student is evaluated with the date and the reference data in force.\n".to_owned();
    }
    let about = if of.estimated { "about " } else { "" };
    format!(
        "{about}{} of {about}{} students whom a move of the date or of reference data concerns are evaluated with it; {about}{} are to be.\n",
        of.students_done, of.students_concerned, of.students_behind
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn preview() -> Preview {
        let tiers = TierChange {
            before: vec![5, 2, 1, 0],
            after: vec![5, 1, 1, 1],
            without_tier_before: 3,
            without_tier_after: 3,
            ..TierChange::default()
        };
        let rule = RuleChange {
            rule: "attendance-tier".to_owned(),
            school: "255901001".to_owned(),
            opened: 2,
            opened_late: 1,
            recalled: 4,
            ..RuleChange::default()
        };
        Preview { tiers: vec![tiers], rules: vec![rule], students: 11, students_changed: 6 }
    }

    #[test]
    fn a_preview_says_what_moves_and_what_is_told() {
        let text = for_people(&preview(), &SchoolNames::default());
        assert!(text.starts_with("Of 11 students 6 would"), "{text}");
        let row = |start: &str| {
            let line = text.lines().find(|line| line.trim_start().starts_with(start)).unwrap_or_default();
            line.split_whitespace().map(str::to_owned).collect::<Vec<_>>().join(" ")
        };
        assert_eq!(row("District as"), "District as a whole 5 2 -> 1 1 0 -> 1 3");
        assert_eq!(row("attendance-tier,"), "attendance-tier, 255901001 2 1 0 0 0 4 0");
        assert_eq!(to_json(&preview())["rules"][0]["opened_late"], 1);
    }

    #[test]
    fn progress_is_said_only_while_there_is_some() {
        assert!(progress(&GetProgressResponse::default()).starts_with("Every student"));
        let half =
            GetProgressResponse { students_concerned: 10, students_done: 4, students_behind: 6, estimated: true };
        assert!(progress(&half).starts_with("about 4 of about 10 students"));
    }
}
