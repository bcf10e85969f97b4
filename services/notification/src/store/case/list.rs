//! The open cases, page by page.

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Districts, Error};
use jiff::Timestamp;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::Act;
use crate::store::{Store, bad_row, moment};

/// An open case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct OpenCase {
    pub(crate) student: StudentKey,
    pub(crate) opened: Act,
    /// How many deliveries it holds back.
    pub(crate) held: i64,
}

/// Where a page ends: cases are in the order in which they were opened.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct After {
    opened_at: Timestamp,
    case: Uuid,
}

impl After {
    pub(crate) const fn of(last: &OpenCase) -> Self {
        Self { opened_at: last.opened.at, case: last.opened.case }
    }

    /// As a page token.
    pub(crate) fn encode(self) -> Vec<u8> {
        [&self.opened_at.as_microsecond().to_be_bytes()[..], self.case.as_bytes()].concat()
    }

    /// Parses what [`Self::encode`] gives.
    pub(crate) fn decode(token: &[u8]) -> Option<Self> {
        let (opened_at, case) = token.split_first_chunk()?;
        let opened_at = Timestamp::from_microsecond(i64::from_be_bytes(*opened_at)).ok()?;
        Some(Self { opened_at, case: Uuid::from_slice(case).ok()? })
    }
}

impl Store {
    /// Open cases of a district, those opened first first, after a page or from the first on, at most `most`.
    pub(crate) async fn list_cases(
        &self,
        district: &DistrictId,
        after: Option<After>,
        most: u32,
    ) -> Result<Vec<OpenCase>, Error> {
        self.database
            .run("list-cases", &Districts::one(district), |connection| {
                let district = district.as_str().to_owned();
                Box::pin(async move {
                    let rows = sqlx::query(LIST)
                        .bind(district)
                        .bind(after.map(|after| after.opened_at.as_microsecond()))
                        .bind(after.map(|after| after.case))
                        .bind(i64::from(most))
                        .fetch_all(connection)
                        .await?;
                    rows.iter().map(read).collect()
                })
            })
            .await
    }
}

/// Held is what is set aside, and what the next sweep will set aside.
const LIST: &str = "
    select case_id, student, opened_by, microseconds(opened_at) as at, (
        select count(*) from deliveries d
        where d.district = c.district and d.quiet_of = c.student and d.state = 'waiting'
            and (d.set_aside_due_at is not null or d.due_at <= clock())) as held
    from cases c
    where district = $1 and closed_at is null and ($2::bigint is null or (opened_at, case_id) > (moment($2), $3))
    order by c.opened_at, case_id limit $4";

fn read(row: &PgRow) -> Result<OpenCase, Error> {
    let student = StudentKey::from_slice(row.try_get("student")?).map_err(|e| bad_row("cases", "student", &e))?;
    let at = moment("cases", "opened_at", row.try_get("at")?)?;
    let opened = Act { case: row.try_get("case_id")?, by: row.try_get("opened_by")?, at };
    Ok(OpenCase { student, opened, held: row.try_get("held")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_token_is_read_as_it_was_given_and_no_other_is() {
        let after = After { opened_at: Timestamp::constant(1_649_858_700, 7_000), case: Uuid::from_u128(3) };
        let token = after.encode();
        assert_eq!(After::decode(&token), Some(after));
        for wrong in [&token[1..], &[], &[0xff; 24][..8], &[0x7f; 24]] {
            assert_eq!(After::decode(wrong), None, "{wrong:?}");
        }
    }
}
