//! The tables: the truth about alerts, deliveries and attempts. What to do with them is decided in [`crate::plan`] and
//! [`crate::schedule`]; here it is done.

mod acknowledge;
mod batch;
mod case;
mod claim;
mod duty;
mod forget;
mod inbox;
mod restored;
mod settle;
mod view;
mod wakes;
mod watch;

use homeroom_domain::alert::ChangeKind;
use homeroom_domain::date::Date;
use homeroom_domain::id::DistrictId;
use homeroom_pg::{Database, Error};
use jiff::{SignedDuration, Timestamp};
use sqlx::postgres::PgRow;
use sqlx::{PgConnection, Row};
use uuid::Uuid;

pub(crate) use acknowledge::{Acknowledged, Refused};
pub(crate) use batch::{Incoming, Outcome};
pub(crate) use case::{Act, After, OpenCase};
pub(crate) use claim::{Claimed, Failed, LARGEST_CLAIM, Lease, Limits, Terms};
pub(crate) use duty::{Done, Duties};
pub(crate) use forget::BATCH;
pub(crate) use inbox::{Batch, DeadLetter, Holds, Step, Turn};
pub(crate) use settle::{Reach, Settlement, Standing};
pub(crate) use view::DeliveryState;
pub(crate) use wakes::{Wake, Wakes};
pub(crate) use watch::{Page, Position, Watched};

use crate::message;
use crate::plan::{Delivery, Recipient};

/// The service's database. Clones share the pool.
#[derive(Debug, Clone)]
pub(crate) struct Store {
    database: Database,
    wakes: Wakes,
}

impl Store {
    pub(crate) fn new(database: Database) -> Self {
        Self { database, wakes: Wakes::new() }
    }

    /// Who waits for deliveries and changes.
    pub(crate) const fn wakes(&self) -> &Wakes {
        &self.wakes
    }

    pub(crate) const fn database(&self) -> &Database {
        &self.database
    }

    /// Asks for nothing but an answer.
    pub(crate) async fn ping(&self) -> Result<(), Error> {
        sqlx::query("select 1").execute(self.database.pool()).await?;
        Ok(())
    }

    /// The districts that have alerts.
    pub(crate) async fn districts(&self) -> Result<Vec<DistrictId>, Error> {
        let names: Vec<String> =
            sqlx::query_scalar("select name from districts order by name").fetch_all(self.database.pool()).await?;
        names.iter().map(|name| DistrictId::parse(name).map_err(|e| bad_row("districts", "name", &e))).collect()
    }
}

/// Whether the same rows would be refused again: what they hold is wrong (class 22), breaks a constraint (23), is too large (54),
/// or does not fit what is there. A permission that is missing (42501) is the machinery's fault, and no alert may be given up for it.
pub(crate) fn is_refusal(error: &Error) -> bool {
    let source = match error {
        Error::Row { .. } => return true,
        Error::Statement { source, .. } => source,
        _ => return false,
    };
    let code = source.as_database_error().and_then(sqlx::error::DatabaseError::code);
    code.is_some_and(|code| ["22", "23", "54"].iter().any(|class| code.starts_with(class)))
}

/// Wakes whoever waits for deliveries or changes, once the transaction commits: for what is rare, see [`wakes`].
async fn notify(connection: &mut PgConnection) -> Result<(), Error> {
    sqlx::query("select pg_notify($1, '')").bind(wakes::CHANNEL).execute(connection).await?;
    Ok(())
}

fn bad_row(table: &'static str, column: &'static str, problem: &dyn std::fmt::Display) -> Error {
    Error::Row { table, column, problem: problem.to_string() }
}

fn moment(table: &'static str, column: &'static str, microseconds: i64) -> Result<Timestamp, Error> {
    Timestamp::from_microsecond(microseconds).map_err(|error| bad_row(table, column, &error))
}

fn count(table: &'static str, column: &'static str, value: i32) -> Result<u32, Error> {
    u32::try_from(value).map_err(|error| bad_row(table, column, &error))
}

/// A change's number as the database keeps it. An alert with two billion changes is out of any reach.
fn stored(number: u32) -> i32 {
    i32::try_from(number).unwrap_or(i32::MAX)
}

fn kind(text: &str) -> Result<ChangeKind, Error> {
    message::parse_kind(text).ok_or_else(|| bad_row("deliveries", "kind", &format_args!("`{text}` is no kind")))
}

/// A row with the columns `delivery_id, change_number, telling, kind, team, channel, address, told_after, state, maybe_sent,
/// late_since`.
fn delivery(row: &PgRow) -> Result<Delivery, Error> {
    const TABLE: &str = "deliveries";
    let state: String = row.try_get("state")?;
    let late_since: Option<i32> = row.try_get("late_since")?;
    Ok(Delivery {
        id: row.try_get::<Uuid, _>("delivery_id")?,
        number: count(TABLE, "change_number", row.try_get("change_number")?)?,
        telling: count(TABLE, "telling", row.try_get("telling")?)?,
        kind: kind(row.try_get("kind")?)?,
        to: Recipient {
            team: row.try_get("team")?,
            channel: row.try_get("channel")?,
            address: row.try_get("address")?,
            after: SignedDuration::from_secs(row.try_get::<i32, _>("told_after")?.into()),
        },
        standing: crate::plan::Standing::parse(&state)
            .ok_or_else(|| bad_row(TABLE, "state", &format_args!("`{state}` is no state")))?,
        maybe_sent: row.try_get("maybe_sent")?,
        late_since: late_since.map(Date::from_days).transpose().map_err(|e| bad_row(TABLE, "late_since", &e))?,
    })
}
