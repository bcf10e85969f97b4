//! The counts of alerts by rule, beside the students whose alerts they count.

use std::collections::BTreeMap;

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Database, Districts, Error};

use crate::evaluate::Student;

/// Of a district's students in one partition: episodes that are open, and all that are kept, by rule.
#[derive(Default)]
pub(super) struct Tallies(BTreeMap<String, (i64, i64)>);

impl Tallies {
    pub(super) fn count(&mut self, student: &Student) {
        for episode in student.episodes.iter() {
            self.0.entry(episode.told.rule.to_string()).or_default().1 += 1;
        }
        for episode in student.episodes.open() {
            self.0.entry(episode.told.rule.to_string()).or_default().0 += 1;
        }
    }

    /// What differs from the stored counts, open and ever opened. Past episodes may be forgotten, so of the latter there may be
    /// more than are kept.
    pub(super) fn difference(&self, stored: &BTreeMap<String, (i64, i64)>) -> Option<&'static str> {
        let open = |tallies: &BTreeMap<String, (i64, i64)>| -> Vec<(String, i64)> {
            let some = tallies.iter().filter(|(_, (open, _))| *open != 0);
            some.map(|(rule, (open, _))| (rule.clone(), *open)).collect()
        };
        if open(&self.0) != open(stored) {
            return Some("count of open alerts by rule");
        }
        let fewer = |(rule, (_, kept)): (&String, &(i64, i64))| stored.get(rule).is_none_or(|(_, ever)| ever < kept);
        self.0.iter().any(fewer).then_some("count of alerts ever opened by rule")
    }
}

/// The stored counts of a district in a partition: open and ever opened, by rule.
pub(super) async fn stored(
    database: &Database,
    district: &DistrictId,
    partition: i32,
) -> Result<BTreeMap<String, (i64, i64)>, Error> {
    let id = district.clone();
    database
        .run("rules.verify.tallies", &Districts::one(district), move |tx| {
            let id = id.clone();
            Box::pin(async move {
                let rows: Vec<(String, i64, i64)> = sqlx::query_as(
                    "select rule, open, opened from rule_tallies where district = $1 and partition = $2",
                )
                .bind(id.as_str())
                .bind(partition)
                .fetch_all(tx)
                .await?;
                Ok(rows.into_iter().map(|(rule, open, opened)| (rule, (open, opened))).collect())
            })
        })
        .await
}
