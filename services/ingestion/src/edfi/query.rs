//! Questions about documents: what a query string asks for, and the pages that answer it.

use futures_util::TryStreamExt as _;
use homeroom_pg::{Database, Districts, Error};
use serde_json::Value;
use sqlx::{Postgres, QueryBuilder, Row as _};
use uuid::Uuid;

use super::command::Collection;
use super::key::{Key, KeyHash};
use super::problem::Problem;
use super::table::{Kind, Node, Object, Resource};
use super::validate::parse_date;

/// How many items a page has when the client does not say.
const DEFAULT_LIMIT: u32 = 25;
/// The most items of a page.
const MAX_LIMIT: u32 = 500;
/// The most bytes of a page: documents may be large, and a page is built in memory.
const MAX_PAGE_BYTES: usize = 64 * 1024 * 1024;

/// What a query string asks for.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Query {
    limit: u32,
    offset: u32,
    total: bool,
    min_change_version: Option<i64>,
    max_change_version: Option<i64>,
    /// The one document that has this key: the query gives every part.
    key: Option<KeyHash>,
    id: Option<Uuid>,
    filters: Vec<Filter>,
}

/// A value that documents must have at a path.
#[derive(Debug, PartialEq, Eq)]
struct Filter {
    path: Vec<String>,
    value: String,
    any_case: bool,
}

/// A page of documents, as a JSON array.
pub(crate) struct Page {
    /// The array.
    pub(crate) json: String,
    /// How many documents there are over all pages, when asked for.
    pub(crate) total: Option<i64>,
}

impl Query {
    /// The first documents of a collection.
    pub(crate) fn first(limit: u32) -> Self {
        Self { limit, ..Self::default() }
    }

    /// Reads a query string. Names that mean nothing here are passed over: clients send their own.
    pub(crate) fn parse(resource: Option<&Resource>, parameters: &[(String, String)]) -> Result<Self, Problem> {
        let mut query = Self::first(DEFAULT_LIMIT);
        for (name, value) in parameters {
            match name.to_ascii_lowercase().as_str() {
                "limit" => {
                    let limit = value.parse().ok().filter(|limit| *limit <= MAX_LIMIT);
                    let message = "Limit must be omitted or set to a numeric value between 0 and 500.";
                    query.limit = limit.ok_or_else(|| Problem::parameter(message))?;
                }
                "offset" => {
                    let offset = value.parse::<i32>().ok().and_then(|offset| u32::try_from(offset).ok());
                    let message = "Offset must be a numeric value greater than or equal to 0.";
                    query.offset = offset.ok_or_else(|| Problem::parameter(message))?;
                }
                "totalcount" => {
                    let total = value.to_ascii_lowercase().parse();
                    query.total = total.map_err(|_| Problem::parameter("TotalCount must be a boolean value."))?;
                }
                "minchangeversion" => query.min_change_version = Some(version("MinChangeVersion", value)?),
                "maxchangeversion" => query.max_change_version = Some(version("MaxChangeVersion", value)?),
                "id" => query.id = Some(Uuid::try_parse(value).unwrap_or_default()),
                name => query.filter(resource, name, value)?,
            }
        }
        query.key = resource.and_then(|resource| {
            let value = |name: &str| {
                let found = parameters.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
                found.map(|(_, value)| value.as_str())
            };
            Key::of_query(resource, value).map(|key| key.hash())
        });
        Ok(query)
    }

    fn filter(&mut self, resource: Option<&Resource>, name: &str, value: &str) -> Result<(), Problem> {
        let Some((path, kind)) = resource.and_then(|resource| resource.find_value(name)) else { return Ok(()) };
        let Some(value) = in_one_form(value, kind) else {
            return Err(Problem::parameter(format!("The value of '{name}' is not valid.")));
        };
        self.filters.push(Filter { path, value, any_case: kind == Kind::Descriptor });
        Ok(())
    }
}

impl Resource {
    /// The value that a query means by a name: of the natural key first, since a school's id may stand in several references.
    fn find_value(&self, name: &str) -> Option<(Vec<String>, Kind)> {
        let of_key = self.key.iter().find(|part| part.path.last().is_some_and(|last| last.eq_ignore_ascii_case(name)));
        of_key.map(|part| (part.path.clone(), part.kind)).or_else(|| find_in(&self.shape, name, &mut Vec::new()))
    }
}

fn find_in(object: &Object, name: &str, path: &mut Vec<String>) -> Option<(Vec<String>, Kind)> {
    let here = object.properties.iter().find_map(|(property, node)| match node.node {
        Node::Value(kind) if property.eq_ignore_ascii_case(name) => Some((property, kind)),
        _ => None,
    });
    if let Some((property, kind)) = here {
        path.push(property.clone());
        return Some((path.clone(), kind));
    }
    object.properties.iter().find_map(|(property, node)| {
        let Node::Object(inner) = &node.node else { return None };
        path.push(property.clone());
        let found = find_in(inner, name, path);
        path.truncate(path.len().saturating_sub(usize::from(found.is_none())));
        found
    })
}

fn version(name: &str, value: &str) -> Result<i64, Problem> {
    let message = || Problem::parameter(format!("{name} must be a numeric value greater than or equal to 0."));
    value.parse::<i64>().ok().filter(|version| *version >= 0).ok_or_else(message)
}

/// A value as documents hold it, as text; none when no document could hold it.
fn in_one_form(value: &str, kind: Kind) -> Option<String> {
    match kind {
        Kind::Int32 | Kind::Int64 => value.trim().parse::<i64>().ok().map(|number| number.to_string()),
        Kind::Decimal(..) => value.trim().parse::<f64>().ok().map(|number| number.to_string()),
        Kind::Boolean => value.to_ascii_lowercase().parse::<bool>().ok().map(|truth| truth.to_string()),
        Kind::Date => parse_date(value).map(|date| date.to_string()),
        // U+0000 is in no document, and PostgreSQL refuses it.
        _ => (!value.contains('\0')).then(|| value.to_owned()),
    }
}

/// A page of a collection, in the order of creation.
pub(crate) async fn page(database: &Database, collection: &Collection, query: Query) -> Result<Option<Page>, Error> {
    let districts = Districts::one(&collection.district);
    let (collection, query) = (std::sync::Arc::new(collection.clone()), std::sync::Arc::new(query));
    database
        .run("ingestion.documents.list", &districts, move |connection| {
            let (collection, query) = (collection.clone(), query.clone());
            Box::pin(async move {
                let mut total = None;
                if query.total {
                    let mut sql = QueryBuilder::new("select count(*)");
                    conditions(&mut sql, &collection, &query);
                    total = Some(sql.build().fetch_one(&mut *connection).await?.try_get(0)?);
                }
                let mut json = String::from("[");
                if query.limit > 0 {
                    let mut sql = QueryBuilder::new(format!("select {COLUMNS}"));
                    conditions(&mut sql, &collection, &query);
                    sql.push(" order by created_version limit ").push_bind(i64::from(query.limit));
                    sql.push(" offset ").push_bind(i64::from(query.offset));
                    let mut rows = sql.build().fetch(connection);
                    while let Some(row) = rows.try_next().await? {
                        if json.len() > 1 {
                            json.push(',');
                        }
                        json.push_str(&item(&row)?.json);
                        if json.len() > MAX_PAGE_BYTES {
                            return Ok(None);
                        }
                    }
                }
                json.push(']');
                Ok(Some(Page { json, total }))
            })
        })
        .await
}

/// One document as clients read it.
pub(crate) struct Item {
    /// The document with its id and version.
    pub(crate) json: String,
    /// Its version.
    pub(crate) etag: String,
}

const COLUMNS: &str =
    "document_id, body::text, etag, to_char(modified_at at time zone 'UTC', 'YYYY-MM-DD\"T\"HH24:MI:SS.US\"Z\"')";

/// The document of a collection that has this id.
pub(crate) async fn find(database: &Database, collection: &Collection, id: Uuid) -> Result<Option<Item>, Error> {
    let districts = Districts::one(&collection.district);
    let collection = std::sync::Arc::new(collection.clone());
    database
        .run("ingestion.document.find", &districts, move |connection| {
            let collection = collection.clone();
            Box::pin(async move {
                let mut sql = QueryBuilder::new(format!("select {COLUMNS}"));
                conditions(&mut sql, &collection, &Query { id: Some(id), ..Query::default() });
                let row = sql.build().fetch_optional(connection).await?;
                row.as_ref().map(item).transpose()
            })
        })
        .await
}

/// What was deleted from a collection and is not there again, as `/deletes` tells it.
pub(crate) async fn deletes(database: &Database, collection: &Collection, query: Query) -> Result<Page, Error> {
    let districts = Districts::one(&collection.district);
    let (collection, query) = (std::sync::Arc::new(collection.clone()), std::sync::Arc::new(query));
    database
        .run("ingestion.document_deletes.list", &districts, move |connection| {
            let (collection, query) = (collection.clone(), query.clone());
            Box::pin(async move {
                let mut total = None;
                if query.total {
                    let mut sql = QueryBuilder::new("select count(*)");
                    deleted(&mut sql, &collection, &query);
                    total = Some(sql.build().fetch_one(&mut *connection).await?.try_get(0)?);
                }
                let mut sql = QueryBuilder::new("select document_id, change_version, key_values");
                deleted(&mut sql, &collection, &query);
                sql.push(" order by change_version limit ").push_bind(i64::from(query.limit));
                sql.push(" offset ").push_bind(i64::from(query.offset));
                let rows = sql.build().fetch_all(connection).await?;
                let items = rows.iter().map(|row| {
                    let id: Uuid = row.try_get(0)?;
                    let (version, key_values) = (row.try_get::<i64, _>(1)?, row.try_get::<Value, _>(2)?);
                    Ok(serde_json::json!({"id": id.simple().to_string(), "changeVersion": version, "keyValues": key_values}))
                });
                let items = items.collect::<Result<Vec<_>, Error>>()?;
                Ok(Page { json: Value::Array(items).to_string(), total })
            })
        })
        .await
}

/// Which documents of a collection had another natural key before, as `/keyChanges` tells it: each change of a key, in order.
pub(crate) async fn key_changes(database: &Database, collection: &Collection, query: Query) -> Result<Page, Error> {
    let districts = Districts::one(&collection.district);
    let (collection, query) = (std::sync::Arc::new(collection.clone()), std::sync::Arc::new(query));
    database
        .run("ingestion.key_changes.list", &districts, move |connection| {
            let (collection, query) = (collection.clone(), query.clone());
            Box::pin(async move {
                let mut total = None;
                if query.total {
                    let mut sql = QueryBuilder::new("select count(*) from key_changes");
                    of_collection(&mut sql, &collection, &query);
                    total = Some(sql.build().fetch_one(&mut *connection).await?.try_get(0)?);
                }
                let mut sql =
                    QueryBuilder::new("select document_id, change_version, old_key, new_key from key_changes");
                of_collection(&mut sql, &collection, &query);
                sql.push(" order by change_version limit ").push_bind(i64::from(query.limit));
                sql.push(" offset ").push_bind(i64::from(query.offset));
                let rows = sql.build().fetch_all(connection).await?;
                let items = rows.iter().map(|row| {
                    let (id, version): (Uuid, i64) = (row.try_get(0)?, row.try_get(1)?);
                    let (old, new): (Value, Value) = (row.try_get(2)?, row.try_get(3)?);
                    Ok(serde_json::json!({"id": id.simple().to_string(), "changeVersion": version, "oldKeyValues": old, "newKeyValues": new}))
                });
                let items = items.collect::<Result<Vec<_>, Error>>()?;
                Ok(Page { json: Value::Array(items).to_string(), total })
            })
        })
        .await
}

/// From which change version on a district's deletes are known, and its last one.
pub(crate) async fn versions(
    database: &Database,
    district: &homeroom_domain::id::DistrictId,
) -> Result<(i64, i64), Error> {
    database
        .run("ingestion.change_versions.find", &Districts::one(district), |connection| {
            Box::pin(async move {
                // Row-level security leaves one district's row.
                let row = sqlx::query("select oldest, last from change_versions").fetch_optional(connection).await?;
                row.map_or(Ok((0, 0)), |row| Ok((row.try_get(0)?, row.try_get(1)?)))
            })
        })
        .await
}

fn conditions(sql: &mut QueryBuilder<Postgres>, collection: &Collection, query: &Query) {
    sql.push(" from documents");
    of_collection(sql, collection, query);
    if let Some(id) = query.id {
        sql.push(" and document_id = ").push_bind(id);
    }
    if let Some(hash) = &query.key {
        sql.push(" and natural_key_hash = ").push_bind(hash.to_vec());
    }
    for filter in &query.filters {
        sql.push(if filter.any_case { " and lower(body #>> " } else { " and (body #>> " });
        sql.push_bind(filter.path.clone()).push(if filter.any_case { ") = lower(" } else { ") = (" });
        sql.push_bind(filter.value.clone()).push(")");
    }
}

fn deleted(sql: &mut QueryBuilder<Postgres>, collection: &Collection, query: &Query) {
    sql.push(" from document_deletes gone");
    of_collection(sql, collection, query);
    sql.push(
        " and not exists (select 1 from documents again where again.district = gone.district and again.source = gone.source \
         and again.resource = gone.resource and again.natural_key_hash = gone.natural_key_hash)",
    );
}

fn of_collection(sql: &mut QueryBuilder<Postgres>, collection: &Collection, query: &Query) {
    sql.push(" where district = ").push_bind(collection.district.to_string());
    sql.push(" and source = ").push_bind(collection.source.to_string());
    sql.push(" and resource = ").push_bind((*collection.resource).to_owned());
    if let Some(version) = query.min_change_version {
        sql.push(" and change_version >= ").push_bind(version);
    }
    if let Some(version) = query.max_change_version {
        sql.push(" and change_version <= ").push_bind(version);
    }
}

/// A row as JSON. The body's text is taken as the database has it; it begins and ends with a brace.
fn item(row: &sqlx::postgres::PgRow) -> Result<Item, Error> {
    let (id, body): (Uuid, String) = (row.try_get(0)?, row.try_get(1)?);
    let (etag, modified_at): (String, String) = (row.try_get(2)?, row.try_get(3)?);
    let inner = body.strip_prefix('{').and_then(|body| body.strip_suffix('}')).unwrap_or_default();
    let comma = if inner.is_empty() { "" } else { "," };
    let id = id.simple();
    let json =
        format!("{{\"id\":\"{id}\",{inner}{comma}\"_etag\":\"{etag}\",\"_lastModifiedDate\":\"{modified_at}\"}}");
    Ok(Item { json, etag })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::edfi::table::table;

    fn parse(endpoint: &str, parameters: &[(&str, &str)]) -> Result<Query, Problem> {
        let parameters: Vec<_> =
            parameters.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        Query::parse(table().find(endpoint), &parameters)
    }

    #[test]
    fn unknown_names_are_passed_over_and_known_ones_become_filters() {
        let query =
            parse("students", &[("correlationId", "x"), ("LASTSURNAME", "Dyer"), ("totalcount", "TRUE")]).unwrap();
        assert!(query.total);
        assert_eq!(query.limit, DEFAULT_LIMIT);
        assert_eq!(query.filters.len(), 1);
        assert_eq!(query.filters[0].path, ["lastSurname"]);
        assert_eq!(query.key, None);
    }

    #[test]
    fn a_query_of_the_whole_key_finds_the_one_document() {
        assert!(parse("students", &[("studentUniqueId", "604822")]).unwrap().key.is_some());
        let query = parse("sections", &[("sectionIdentifier", "x"), ("localCourseCode", "ALG-1")]).unwrap();
        assert_eq!(query.key, None);
        assert_eq!(query.filters[1].path, ["courseOfferingReference", "localCourseCode"]);
    }

    #[test]
    fn values_out_of_range_are_refused() {
        let limit = Problem::parameter("Limit must be omitted or set to a numeric value between 0 and 500.");
        assert_eq!(parse("schools", &[("limit", "501")]), Err(limit.clone()));
        assert_eq!(parse("schools", &[("limit", "-1")]), Err(limit));
        assert!(parse("schools", &[("offset", "x")]).is_err());
        assert!(parse("schools", &[("totalCount", "yes")]).is_err());
        assert!(parse("schools", &[("schoolId", "x")]).is_err());
        assert!(parse("schools", &[("minChangeVersion", "-1")]).is_err());
    }
}
