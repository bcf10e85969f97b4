//! A case goes with its student, who was merged into another.
//!
//! Rules say so with the alerts that they take back, since the records have left: in the transaction that keeps these, the open case and
//! what it holds back become the other student's. A case that is open for that one stays as it is. After a split, which says nothing of
//! cases, it stays there too.

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::Error;
use sqlx::PgConnection;

/// Ends the case of a student, opens it for another one as whoever opened it first did, and has it hold back what the first held. A
/// repeat finds nothing to do.
pub(in crate::store) async fn follow(
    connection: &mut PgConnection,
    district: &DistrictId,
    from: StudentKey,
    into: StudentKey,
) -> Result<(), Error> {
    let moved = sqlx::query(
        "with moved as (
             update cases set closed_at = clock(), moved_to = $3
             where district = $1 and student = $2 and closed_at is null returning opened_at, opened_by)
         insert into cases (case_id, district, student, opened_at, opened_by)
         select gen_random_uuid(), $1, $3, opened_at, opened_by from moved
         on conflict (district, student) where closed_at is null do update set opened_by = cases.opened_by",
    )
    .bind(district.as_str())
    .bind(from.as_bytes())
    .bind(into.as_bytes())
    .execute(&mut *connection)
    .await?;
    if moved.rows_affected() == 0 {
        return Ok(());
    }
    sqlx::query(
        "update deliveries set quiet_of = $3
         where delivery_id in (
             select delivery_id from deliveries where district = $1 and quiet_of = $2 and state = 'waiting'
             order by delivery_id for update)",
    )
    .bind(district.as_str())
    .bind(from.as_bytes())
    .bind(into.as_bytes())
    .execute(connection)
    .await?;
    tracing::info!("a case goes with its student, who was merged into another");
    Ok(())
}
