//! Students of a school and tier, by pages in order of key.

use homeroom_domain::id::{DistrictId, SchoolId};
use homeroom_pg::{Districts, Error};
use homeroom_proto::wire::risk as wire;
use tonic::Status;

use crate::grpc::{Risk, measures, unavailable};
use crate::store::postgres::load;

const DEFAULT_PAGE: u32 = 100;
const LARGEST_PAGE: u32 = 500;

impl Risk {
    pub(super) async fn list(
        &self,
        district: &DistrictId,
        request: wire::ListStudentsRequest,
    ) -> Result<wire::ListStudentsResponse, Status> {
        let limit = match request.page_size {
            0 => DEFAULT_PAGE,
            size if size <= LARGEST_PAGE => size,
            size => return Err(Status::invalid_argument(format!("page_size: {size} is above {LARGEST_PAGE}"))),
        };
        school_or_none(&request.school)?;
        let tier = request.tier.map(i16::try_from).transpose().map_err(|_| Status::invalid_argument("tier: 0 to 3"))?;
        let (name, after) = (district.to_string(), request.page_token.to_vec());
        let rows = self
            .database
            .run("rules.measure.list", &Districts::one(district), move |tx| {
                let (name, school, after) = (name.clone(), request.school.clone(), after.clone());
                Box::pin(async move {
                    let rows = sqlx::query(
                        "select * from measures where district = $1 and school = $2 and student > $3 and ($4::smallint is null or tier = $4)
                         order by student limit $5",
                    )
                    .bind(name)
                    .bind(school)
                    .bind(after)
                    .bind(tier)
                    .bind(i64::from(limit))
                    .fetch_all(tx)
                    .await?;
                    rows.iter().map(load::row).collect::<Result<Vec<_>, Error>>()
                })
            })
            .await
            .map_err(|error| unavailable(&error))?;
        let full = rows.len() == limit as usize;
        let next = rows.last().filter(|_| full).map(|(student, _)| student.clone()).unwrap_or_default();
        Ok(wire::ListStudentsResponse {
            measures: rows.iter().map(|(student, row)| measures(student, row)).collect(),
            next_page_token: next.into(),
        })
    }
}

/// Refuses what no school can be called, before the database does.
pub(super) fn school_or_none(school: &str) -> Result<(), Status> {
    let wrong = if school.is_empty() { None } else { SchoolId::parse(school).err() };
    wrong.map_or(Ok(()), |error| Err(Status::invalid_argument(format!("school: {error}"))))
}
