//! How far a move of the date or of reference data has come: counted anew for each question, from the tables alone, so that any
//! process can answer and a crash in the middle is seen as it is.

use homeroom_domain::id::DistrictId;
use homeroom_domain::settings::Now;
use homeroom_pg::{Districts, Error};
use homeroom_proto::wire::risk as wire;
use sqlx::PgConnection;
use tonic::Status;

use crate::grpc::{Risk, unavailable};
use crate::reference::District;
use crate::store::Wanted;
use crate::store::postgres::progress::{self, Progress};

impl Risk {
    pub(super) async fn progress(&self, district: &DistrictId) -> Result<wire::GetProgressResponse, Status> {
        let reference = self.reference(district)?;
        let known = self.snapshots.borrow().offset;
        let at = homeroom_chassis::clock::now();
        let now = reference.settings.clock.now(at).map_err(|error| Status::failed_precondition(error.to_string()))?;
        let id = district.clone();
        let districts = Districts::one(district);
        let counted = self.database.run("rules.progress", &districts, move |tx| {
            let (id, reference) = (id.clone(), reference.clone());
            Box::pin(async move { count(tx, &id, &reference, (known, now)).await })
        });
        let progress = counted.await.map_err(|error| unavailable(&error))?;
        Ok(wire::GetProgressResponse {
            students_concerned: progress.concerned(),
            students_done: progress.concerned() - progress.behind,
            students_behind: progress.behind,
            estimated: progress.estimated,
        })
    }
}

async fn count(
    tx: &mut PgConnection,
    district: &DistrictId,
    reference: &District,
    (known, now): (i64, Now),
) -> Result<Progress, Error> {
    let partitions: Vec<(i32, i64)> =
        sqlx::query_as("select partition, reference_offset from partitions").fetch_all(&mut *tx).await?;
    let slowest = partitions.iter().map(|(_, in_force)| *in_force).min().unwrap_or(known);
    let of_all = reference.concerned_since(slowest);
    let limit = progress::of_a_slice(partitions.len());
    let mut all = Progress::default();
    for (partition, in_force) in partitions {
        let wanted = Wanted {
            district: district.clone(),
            partition,
            now,
            dates_moved: true,
            recount: true,
            concerned: reference.concerned_since(in_force),
            reference_offset: known,
            after: Vec::new(),
            limit,
        };
        all = all.and(progress::count(tx, &wanted, &of_all).await?);
    }
    Ok(all)
}
