//! The baseline: the same rows upserted by nothing but upserts, on as many connections as there are partitions.
//!
//! Rows are read from the very tables that the service has just written, students in random order, and upserted again, in
//! transactions of as many rows as the service's had. Columns are taken from the catalogue, so that they are the service's
//! whatever it keeps.

use std::collections::BTreeSet;

use anyhow::{Context as _, Result, bail};
use sqlx::postgres::{PgArguments, PgRow};
use sqlx::query::Query;
use sqlx::{AssertSqlSafe, Connection as _, PgConnection, Postgres, Row as _};
use tokio::task::JoinSet;
use tokio::time::Instant;

use super::count;
use super::progress::Written;
use crate::world::World;

/// Rows that each connection upserts: enough for a second or two.
const ROWS: usize = 60_000;

/// One table of the service.
#[derive(Debug, Clone)]
struct Table {
    name: &'static str,
    columns: Vec<Column>,
    upsert: String,
}

#[derive(Debug, Clone)]
struct Column {
    name: String,
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Text,
    Bytes,
    Small,
    Int,
    Big,
    Bool,
}

/// A column of a batch.
#[derive(Debug)]
enum Values {
    Text(Vec<Option<String>>),
    Bytes(Vec<Option<Vec<u8>>>),
    Small(Vec<Option<i16>>),
    Int(Vec<Option<i32>>),
    Big(Vec<Option<i64>>),
    Bool(Vec<Option<bool>>),
}

/// A batch of one table.
type Batch = Vec<Values>;

/// Students a second, each with as many rows of measures as the service wrote with it.
pub(super) async fn rate(world: &World, partitions: u32, written: Written) -> Result<f64> {
    let mut database = world.database().await?;
    sqlx::query("vacuum analyze").execute(&mut database).await?;
    sqlx::query("checkpoint").execute(&mut database).await?;
    let students = Table::of(&mut database, "students", &["district", "student"]).await?;
    let measures = Table::of(&mut database, "measures", &["district", "student", "school"]).await?;
    let mut work = Vec::new();
    let mut rows = 0;
    for partition in 0..i32::try_from(partitions)? {
        let read = Reader { students: &students, measures: &measures, partition, written };
        let batches = read.batches(&mut database).await?;
        rows += batches.iter().map(|(rows, _, _)| rows).sum::<usize>();
        work.push((world.database().await?, batches));
    }
    let began = Instant::now();
    let mut connections = JoinSet::new();
    for (mut connection, batches) in work {
        let (students, measures) = (students.clone(), measures.clone());
        connections.spawn(async move {
            for (_, of_students, of_measures) in batches {
                let mut transaction = connection.begin().await?;
                students.upsert(of_students).execute(&mut *transaction).await?;
                measures.upsert(of_measures).execute(&mut *transaction).await?;
                transaction.commit().await?;
            }
            anyhow::Ok(())
        });
    }
    while let Some(done) = connections.join_next().await {
        done.context("an upserter panicked")??;
    }
    Ok(count(rows as u64) / began.elapsed().as_secs_f64())
}

struct Reader<'a> {
    students: &'a Table,
    measures: &'a Table,
    partition: i32,
    written: Written,
}

impl Reader<'_> {
    /// Batches of a partition: the number of students, and the rows of both tables.
    async fn batches(&self, database: &mut PgConnection) -> Result<Vec<(usize, Batch, Batch)>> {
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a batch has some thousand rows")]
        let size = self.written.rows_per_commit().max(1.0) as usize;
        #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "at most two rows of a student")]
        let measures_of = |students: usize| (count(students as u64) * self.written.measures_per_student()) as usize;
        // A student's key is as random as a hash, and the digest of it once more is in no order of the table.
        let select = "select s.* from rules.students s where partition = $1 order by md5(student) limit $2";
        let rows =
            sqlx::query(select).bind(self.partition).bind(i64::try_from(ROWS)?).fetch_all(&mut *database).await?;
        let mut batches = Vec::new();
        for part in rows.chunks(size) {
            // In order of the key, which is the quickest way to upsert a batch.
            let mut part: Vec<&PgRow> = part.iter().collect();
            part.sort_by_key(|row| row.get::<Vec<u8>, _>("student"));
            let keys: BTreeSet<Vec<u8>> = part.iter().map(|row| row.get("student")).collect();
            let select = "select m.* from rules.measures m where student = any($1) order by district, student, school";
            let of_students = sqlx::query(select).bind(Vec::from_iter(keys)).fetch_all(&mut *database).await?;
            let of_students: Vec<&PgRow> = of_students.iter().take(measures_of(part.len())).collect();
            batches.push((part.len(), self.students.read(&part)?, self.measures.read(&of_students)?));
        }
        Ok(batches)
    }
}

impl Table {
    async fn of(database: &mut PgConnection, name: &'static str, key: &[&str]) -> Result<Self> {
        let select = "select column_name::text, data_type::text from information_schema.columns
                      where table_schema = 'rules' and table_name = $1 and is_generated = 'NEVER' order by ordinal_position";
        let mut columns = Vec::new();
        for row in sqlx::query(select).bind(name).fetch_all(database).await? {
            columns.push(Column { name: row.get(0), kind: Kind::parse(row.get(1))? });
        }
        let all =
            |of: fn((usize, &Column)) -> String| columns.iter().enumerate().map(of).collect::<Vec<_>>().join(", ");
        let names = all(|(_, column)| column.name.clone());
        let arrays = all(|(at, column)| format!("${}::{}[]", at + 1, column.kind.name()));
        let settings: Vec<String> = columns
            .iter()
            .filter(|column| !key.contains(&column.name.as_str()))
            .map(|column| format!("{0} = excluded.{0}", column.name))
            .collect();
        let upsert = format!(
            "insert into rules.{name} ({names}) select * from unnest({arrays}) on conflict ({}) do update set {}",
            key.join(", "),
            settings.join(", ")
        );
        Ok(Self { name, columns, upsert })
    }

    fn read(&self, rows: &[&PgRow]) -> Result<Batch> {
        self.columns.iter().map(|column| column.read(rows).with_context(|| self.name)).collect()
    }

    fn upsert(&self, batch: Batch) -> Query<'static, Postgres, PgArguments> {
        let query = sqlx::query(AssertSqlSafe(self.upsert.clone()));
        batch.into_iter().fold(query, |query, values| match values {
            Values::Text(values) => query.bind(values),
            Values::Bytes(values) => query.bind(values),
            Values::Small(values) => query.bind(values),
            Values::Int(values) => query.bind(values),
            Values::Big(values) => query.bind(values),
            Values::Bool(values) => query.bind(values),
        })
    }
}

impl Column {
    fn read(&self, rows: &[&PgRow]) -> Result<Values, sqlx::Error> {
        fn all<'r, T>(rows: &[&'r PgRow], name: &str) -> Result<Vec<Option<T>>, sqlx::Error>
        where
            T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
        {
            rows.iter().map(|row| row.try_get(name)).collect()
        }
        Ok(match self.kind {
            Kind::Text => Values::Text(all(rows, &self.name)?),
            Kind::Bytes => Values::Bytes(all(rows, &self.name)?),
            Kind::Small => Values::Small(all(rows, &self.name)?),
            Kind::Int => Values::Int(all(rows, &self.name)?),
            Kind::Big => Values::Big(all(rows, &self.name)?),
            Kind::Bool => Values::Bool(all(rows, &self.name)?),
        })
    }
}

impl Kind {
    fn parse(text: &str) -> Result<Self> {
        Ok(match text {
            "text" => Self::Text,
            "bytea" => Self::Bytes,
            "smallint" => Self::Small,
            "integer" => Self::Int,
            "bigint" => Self::Big,
            "boolean" => Self::Bool,
            other => bail!("a column of type {other} is not known here"),
        })
    }

    const fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Bytes => "bytea",
            Self::Small => "smallint",
            Self::Int => "integer",
            Self::Big => "bigint",
            Self::Bool => "boolean",
        }
    }
}
