//! Alert changes in order of commit.

use homeroom_domain::id::DistrictId;
use homeroom_pg::{Districts, Error};

use super::Store;

/// A change and its place in its district.
#[derive(Debug, Clone)]
pub(crate) struct Watched {
    /// Dense and in order of commit: who has seen it has seen all before it.
    pub(crate) sequence: i64,
    /// As published.
    pub(crate) message: Vec<u8>,
    /// Whom it went, or will go, to.
    pub(crate) teams: Vec<String>,
}

impl Store {
    /// The last sequence of a district, 0 when it has no change.
    pub(crate) async fn last_sequence(&self, district: &DistrictId) -> Result<i64, Error> {
        self.database
            .run("find-last-sequence", &Districts::one(district), |connection| {
                let district = district.clone();
                Box::pin(async move {
                    let last = sqlx::query_scalar("select last_sequence from feed_positions where district = $1")
                        .bind(district.as_str())
                        .fetch_optional(connection)
                        .await?;
                    Ok(last.unwrap_or(0_i64))
                })
            })
            .await
    }

    /// The changes after a sequence, of one school or of all, at most `most`.
    pub(crate) async fn changes_after(
        &self,
        district: &DistrictId,
        school: &str,
        after: i64,
        most: u32,
    ) -> Result<Vec<Watched>, Error> {
        self.database
            .run("list-alert-changes", &Districts::one(district), |connection| {
                let (district, school) = (district.clone(), school.to_owned());
                Box::pin(async move {
                    let rows: Vec<(i64, Vec<u8>, Vec<String>)> = sqlx::query_as(
                        "select sequence, message, teams from alert_changes
                     where district = $1 and sequence > $2 and ($3 = '' or school = $3)
                     order by sequence limit $4",
                    )
                    .bind(district.as_str())
                    .bind(after)
                    .bind(school)
                    .bind(i64::from(most))
                    .fetch_all(connection)
                    .await?;
                    Ok(rows
                        .into_iter()
                        .map(|(sequence, message, teams)| Watched { sequence, message, teams })
                        .collect())
                })
            })
            .await
    }
}
