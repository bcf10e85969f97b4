//! A look through documents for those that refer to a key that was changed: which is next, and how far it has come.
//!
//! Changes of one source are followed in their order, since a later one may be of the key that an earlier one left. Those that come
//! one after the other for one resource, and have no key in common, may as well be followed together. The first of them stands for
//! all: its row says how far the look has come.

use std::collections::HashSet;

use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_pg::Error;
use serde_json::{Map, Value};
use sqlx::postgres::PgRow;
use sqlx::{AssertSqlSafe, PgConnection, Row as _};
use uuid::Uuid;

use crate::edfi::command::Collection;
use crate::edfi::reference::Place;
use crate::edfi::referral;
use crate::edfi::table::ED_FI;

/// The most documents that follow in one transaction.
const PAGE: i64 = 100;

/// The most documents that one transaction looks at: far fewer than can be within the time of a statement.
const WINDOW: i64 = 10_000;

/// The most changes that are followed together.
const TOGETHER: i64 = 500;

/// The first of the changes of a source that are to be followed.
#[derive(Debug, Clone)]
pub(super) struct Due {
    pub(super) district: DistrictId,
    pub(super) source: SourceId,
    pub(super) version: i64,
}

/// A change of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Change {
    pub(super) version: i64,
    /// Whose key it is, such as `ed-fi/sections`.
    resource: String,
    pub(super) old: Map<String, Value>,
    pub(super) new: Map<String, Value>,
}

/// A look through the places that may refer to what was changed.
#[derive(Debug)]
pub(super) struct Scan {
    pub(super) due: Due,
    /// Of which resource the keys are, such as `sections`.
    pub(super) resource: String,
    /// In their order; never none.
    pub(super) changes: Vec<Change>,
    /// The place, by name; empty at the beginning.
    pub(super) place: String,
    /// The last document there that was looked at, by the version in which it was created.
    after: i64,
}

/// What one page found.
pub(super) struct Found {
    /// Documents that may refer to an old key, in the order in which they were created.
    pub(super) documents: Vec<Uuid>,
    /// The last document that was looked at; none when there are no more.
    pub(super) next: Option<i64>,
}

/// A part of the keys that tells documents apart that are of interest.
struct Part<'s> {
    name: &'s str,
    values: Vec<String>,
}

/// What has waited longest of what is due, where nobody is at it.
pub(super) async fn pick(connection: &mut PgConnection) -> Result<Option<Due>, Error> {
    let sql = "select k.district, k.source, k.change_version from key_changes k \
               where k.is_pending and k.due_at <= now() and not exists (select from key_changes e \
                   where e.district = k.district and e.source = k.source and e.is_pending and e.change_version < k.change_version) \
               order by k.due_at, k.change_version limit 1 for update of k skip locked";
    let Some(row) = sqlx::query(sql).fetch_optional(connection).await? else { return Ok(None) };
    Ok(Some(Due {
        district: DistrictId::parse(row.try_get::<&str, _>(0)?).map_err(|error| bad("district", &error.to_string()))?,
        source: SourceId::parse(row.try_get::<&str, _>(1)?).map_err(|error| bad("source", &error.to_string()))?,
        version: row.try_get(2)?,
    }))
}

/// The look, locked until the end of the transaction. None when another process is at it, or has ended it.
pub(super) async fn claim(connection: &mut PgConnection, due: Due) -> Result<Option<Scan>, Error> {
    let sql = "select scan_place, scan_after, scan_upto from key_changes \
               where district = $1 and source = $2 and change_version = $3 and is_pending for update skip locked";
    let query = sqlx::query(sql).bind(due.district.as_str()).bind(due.source.as_str()).bind(due.version);
    let Some(row) = query.fetch_optional(&mut *connection).await? else { return Ok(None) };
    let (place, after, upto) = (row.try_get(0)?, row.try_get(1)?, row.try_get::<Option<i64>, _>(2)?);
    let sql = "select change_version, resource, old_key, new_key from key_changes \
               where district = $1 and source = $2 and is_pending and change_version between $3 and $4 \
               order by change_version limit $5";
    let query = sqlx::query(sql).bind(due.district.as_str()).bind(due.source.as_str()).bind(due.version);
    let rows = query.bind(upto.unwrap_or(i64::MAX)).bind(TOGETHER).fetch_all(connection).await?;
    let changes = together(rows.iter().map(change))?;
    let Some(first) = changes.first() else { return Ok(None) };
    let resource = first.resource.rsplit('/').next().unwrap_or_default().to_owned();
    Ok(Some(Scan { due, resource, changes, place, after }))
}

fn change(row: &PgRow) -> Result<Change, Error> {
    let key = |column, name| match row.try_get(column)? {
        Value::Object(key) => Ok(key),
        _ => Err(bad(name, "not an object")),
    };
    let (old, new) = (key(2, "old_key")?, key(3, "new_key")?);
    Ok(Change { version: row.try_get(0)?, resource: row.try_get(1)?, old, new })
}

/// The changes that may be followed together with the first: of the same resource, and no key is in two of them, so that it does not
/// matter which is first. One that cannot be read is left for its own turn.
fn together(changes: impl Iterator<Item = Result<Change, Error>>) -> Result<Vec<Change>, Error> {
    let mut taken = Vec::<Change>::new();
    let mut keys = HashSet::new();
    for change in changes {
        let change = match change {
            Err(error) if taken.is_empty() => return Err(error),
            Err(_) => break,
            Ok(change) => change,
        };
        let is_alike = taken.first().is_none_or(|first| {
            first.resource == change.resource && first.old.keys().all(|name| change.old.contains_key(name))
        });
        let has_new_keys = keys.insert(text(&change.old)) & keys.insert(text(&change.new));
        if taken.is_empty() || (is_alike && has_new_keys) {
            taken.push(change);
        } else {
            break;
        }
    }
    Ok(taken)
}

fn text(key: &Map<String, Value>) -> String {
    let mut parts: Vec<_> = key.iter().map(|(name, value)| format!("{name}={value}")).collect();
    parts.sort_unstable();
    parts.join("\u{1f}")
}

/// A collection's name in the tables.
pub(super) fn collection(place: &Place) -> String {
    format!("{ED_FI}/{}", place.resource.endpoint)
}

/// The next documents that refer to an old key, by what is kept of references.
async fn referring(connection: &mut PgConnection, scan: &Scan, place: &Place, after: i64) -> Result<Found, Error> {
    let of = Collection {
        district: scan.due.district.clone(),
        source: scan.due.source.clone(),
        resource: collection(place).into(),
    };
    let references = scan.changes.iter().map(|change| referral::referral(&of, place, &change.old)).collect();
    let found = referral::store::find(connection, references, (after, scan.upto()), PAGE).await?;
    let is_full = i64::try_from(found.len()).is_ok_and(|found| found >= PAGE);
    let next = found.last().filter(|_| is_full).map(|(_, version)| *version);
    Ok(Found { documents: found.into_iter().map(|(id, _)| id).collect(), next })
}

/// The next documents that may refer to an old key. Where references are not kept yet of every document, a part of the collection is
/// looked through. Without a lock: those who send do not wait while a collection is looked through.
pub(super) async fn find(connection: &mut PgConnection, scan: &Scan, place: &Place) -> Result<Found, Error> {
    // The place that it was at may be gone from the table since.
    let after = if place.name() == scan.place { scan.after } else { 0 };
    if referral::is_kept(&scan.resource) && referral::store::is_whole(&mut *connection, &scan.due.district).await? {
        return referring(connection, scan, place, after).await;
    }
    let Some(part) = scan.part() else { return Ok(Found { documents: Vec::new(), next: None }) };
    let upto = scan.upto();
    let sql = "select created_version from documents \
               where district = $1 and source = $2 and resource = $3 and created_version > $4 and created_version < $5 \
               order by created_version offset $6 limit 1";
    let collection = collection(place);
    let query = sqlx::query_scalar(sql).bind(scan.due.district.as_str()).bind(scan.due.source.as_str());
    let query = query.bind(&collection).bind(after).bind(upto).bind(WINDOW - 1);
    let end: Option<i64> = query.fetch_optional(&mut *connection).await?;
    let refers = match place.list {
        None => "body -> $6 ->> $7 = any($8)",
        Some(_) => {
            "exists (select from jsonb_array_elements(case jsonb_typeof(body -> $10) when 'array' then body -> $10 end) e \
             where e -> $6 ->> $7 = any($8))"
        }
    };
    let sql = format!(
        "select document_id, created_version from documents \
         where district = $1 and source = $2 and resource = $3 and created_version > $4 and created_version <= $5 and {refers} \
         order by created_version limit $9"
    );
    let query = sqlx::query(AssertSqlSafe(sql)).bind(scan.due.district.as_str()).bind(scan.due.source.as_str());
    let query = query.bind(&collection).bind(after).bind(end.unwrap_or(upto - 1));
    let mut query = query.bind(&place.reference).bind(part.name).bind(part.values).bind(PAGE);
    if let Some(list) = place.list {
        query = query.bind(list);
    }
    let rows = query.fetch_all(connection).await?;
    let is_full = i64::try_from(rows.len()).is_ok_and(|found| found >= PAGE);
    let last = rows.last().filter(|_| is_full).map(|row| row.try_get(1)).transpose()?;
    let documents = rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?;
    Ok(Found { documents, next: last.or(end) })
}

impl Scan {
    /// The last of the changes: no document that was created after it follows any.
    fn upto(&self) -> i64 {
        self.changes.last().map_or(self.due.version, |change| change.version)
    }

    /// The part of the keys that leaves the fewest documents, of those that PostgreSQL and we write alike.
    fn part(&self) -> Option<Part<'_>> {
        let parts = self.changes.first()?.old.keys().filter_map(|name| {
            let values = self.changes.iter().map(|change| match change.old.get(name)? {
                Value::String(text) => Some(text.clone()),
                Value::Number(number) if !number.is_f64() => Some(number.to_string()),
                _ => None,
            });
            let values = values.collect::<Option<HashSet<_>>>()?;
            Some(Part { name, values: values.into_iter().collect() })
        });
        parts.max_by_key(|part| part.values.len())
    }
}

/// To the documents after this one. Others come first that have waited meanwhile.
pub(super) async fn go_on(connection: &mut PgConnection, scan: &Scan, place: &str, after: i64) -> Result<(), Error> {
    let sql = "update key_changes set scan_place = $4, scan_after = $5, scan_upto = $6, due_at = clock_timestamp(), attempts = 0 \
               where district = $1 and source = $2 and change_version = $3";
    let Due { district, source, version } = &scan.due;
    let query = sqlx::query(sql).bind(district.as_str()).bind(source.as_str()).bind(version);
    query.bind(place).bind(after).bind(scan.upto()).execute(connection).await?;
    Ok(())
}

/// All places were looked through.
pub(super) async fn settle(connection: &mut PgConnection, scan: &Scan) -> Result<(), Error> {
    let sql = "update key_changes set is_pending = false \
               where district = $1 and source = $2 and change_version between $3 and $4 and is_pending";
    let Due { district, source, version } = &scan.due;
    let query = sqlx::query(sql).bind(district.as_str()).bind(source.as_str()).bind(version);
    query.bind(scan.upto()).execute(connection).await?;
    Ok(())
}

/// Leaves a look alone that failed: a second at first, five minutes at most.
pub(super) async fn put_off(connection: &mut PgConnection, due: &Due) -> Result<(), Error> {
    let sql = "update key_changes set attempts = attempts + 1, \
                   due_at = clock_timestamp() + make_interval(secs => least(300, power(2, least(attempts, 9)))) \
               where district = $1 and source = $2 and change_version = $3";
    let query = sqlx::query(sql).bind(due.district.as_str()).bind(due.source.as_str()).bind(due.version);
    query.execute(connection).await?;
    Ok(())
}

fn bad(column: &'static str, problem: &str) -> Error {
    Error::Row { table: "key_changes", column, problem: problem.to_owned() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn change(version: i64, resource: &str, old: &str, new: &str) -> Change {
        let key = |identifier: &str| {
            let Value::Object(key) = json!({"schoolId": 9, "sectionIdentifier": identifier}) else { panic!() };
            key
        };
        Change { version, resource: resource.to_owned(), old: key(old), new: key(new) }
    }

    fn versions(changes: Vec<Change>) -> Vec<i64> {
        let unreadable = Err(bad("old_key", "not an object"));
        together(changes.into_iter().map(Ok).chain([unreadable])).unwrap().iter().map(|change| change.version).collect()
    }

    #[test]
    fn changes_are_followed_together_unless_it_matters_which_is_first() {
        let sections = |version, old, new| change(version, "ed-fi/sections", old, new);
        assert_eq!(versions(vec![sections(1, "a", "b"), sections(2, "c", "d")]), [1, 2]);
        assert_eq!(versions(vec![sections(1, "a", "b"), sections(2, "b", "c"), sections(3, "x", "y")]), [1]);
        assert_eq!(versions(vec![sections(1, "a", "b"), sections(2, "c", "a")]), [1]);
        assert_eq!(versions(vec![sections(1, "a", "a"), sections(2, "c", "d")]), [1, 2]);
        assert_eq!(versions(vec![sections(1, "a", "b"), change(2, "ed-fi/sessions", "c", "d")]), [1]);
        assert!(together([Err(bad("old_key", "not an object"))].into_iter()).is_err());
    }

    #[test]
    fn the_part_of_the_keys_is_taken_that_tells_most() {
        let changes = vec![change(1, "ed-fi/sections", "a", "b"), change(2, "ed-fi/sections", "c", "d")];
        let (district, source) = (DistrictId::parse("grand-bend").unwrap(), SourceId::parse("sis").unwrap());
        let due = Due { district, source, version: 1 };
        let scan = Scan { due, resource: "sections".to_owned(), changes, place: String::new(), after: 0 };
        let part = scan.part().unwrap();
        assert_eq!((part.name, part.values.len()), ("sectionIdentifier", 2));
    }
}
