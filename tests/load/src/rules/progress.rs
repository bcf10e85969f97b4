//! How far the rules service has come, as its tables say.

use std::time::Duration;

use anyhow::{Result, ensure};
use sqlx::{PgConnection, Row as _};
use tokio::time::{Instant, sleep};

use crate::world::World;

const POLL: Duration = Duration::from_millis(20);
/// PostgreSQL tells its counts of rows at most a second late.
const STATISTICS: Duration = Duration::from_millis(1_500);

/// A connection that looks at the tables, and the clock.
pub(super) struct Progress {
    database: PgConnection,
    began: Instant,
}

/// How a run went.
#[derive(Debug, Clone, Copy)]
pub(super) struct Timeline {
    /// From the clock's start until everything was committed and published.
    pub(super) seconds: f64,
    /// Events a second after the first quarter.
    pub(super) steady: f64,
}

/// Rows written so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Written {
    /// Of students.
    pub(crate) students: f64,
    /// Of measures.
    measures: f64,
    /// Moves of a partition's row: one in each transaction.
    commits: f64,
}

impl Written {
    pub(super) fn since(self, before: Self) -> Self {
        Self {
            students: self.students - before.students,
            measures: self.measures - before.measures,
            commits: self.commits - before.commits,
        }
    }

    /// Students in one transaction.
    pub(super) fn rows_per_commit(self) -> f64 {
        self.students / self.commits.max(1.0)
    }

    /// Rows of measures written with one of a student.
    pub(super) fn measures_per_student(self) -> f64 {
        self.measures / self.students.max(1.0)
    }
}

impl Progress {
    pub(super) async fn start(world: &World) -> Result<Self> {
        Ok(Self { database: world.database().await?, began: Instant::now() })
    }

    pub(super) fn restart_clock(&mut self) {
        self.began = Instant::now();
    }

    /// Vacuums and writes out what the set-up left behind, so that the run does not pay for it.
    pub(super) async fn database_at_rest(&mut self) -> Result<()> {
        for statement in ["vacuum analyze", "checkpoint"] {
            sqlx::query(statement).execute(&mut self.database).await?;
        }
        Ok(())
    }

    /// Waits until the offsets of effects and of state have both reached these ends, and every message is published.
    pub(super) async fn until(&mut self, world: &World, ends: Vec<i64>, patience: Duration) -> Result<Timeline> {
        let start = self.effects().await?.0;
        let end: i64 = ends.iter().sum();
        let quarter = start + (end - start) / 4;
        let mut quarter_passed = None;
        loop {
            let (effects, state) = self.effects().await?;
            let now = self.began.elapsed().as_secs_f64();
            if effects >= quarter && quarter_passed.is_none() {
                quarter_passed = Some((effects, now));
            }
            if effects >= end && state >= end && self.published().await? {
                let seconds = self.began.elapsed().as_secs_f64();
                let (from, at) = quarter_passed.unwrap_or((start, 0.0));
                #[expect(clippy::cast_precision_loss, reason = "counts of a run are far below 2^52")]
                let steady = (end - from) as f64 / (seconds - at).max(1e-9);
                return Ok(Timeline { seconds, steady });
            }
            world.all_alive()?;
            ensure!(self.began.elapsed() < patience, "after {patience:?} {effects} and {state} of {end} are committed");
            sleep(POLL).await;
        }
    }

    /// The sums of all partitions' offsets: of effects and of state.
    async fn effects(&mut self) -> Result<(i64, i64)> {
        let sums = "select coalesce(sum(next_offset), 0)::bigint, coalesce(sum(state_offset), 0)::bigint from rules.partitions";
        let row = sqlx::query(sums).fetch_one(&mut self.database).await?;
        Ok((row.get(0), row.get(1)))
    }

    async fn published(&mut self) -> Result<bool> {
        let empty = "select not exists (select from rules.outbox)";
        Ok(sqlx::query_scalar(empty).fetch_one(&mut self.database).await?)
    }

    pub(super) async fn written(&mut self) -> Result<Written> {
        sleep(STATISTICS).await;
        let counts =
            "select relname, (n_tup_ins + n_tup_upd)::float8 from pg_stat_user_tables where schemaname = 'rules'";
        let mut written = Written { students: 0.0, measures: 0.0, commits: 0.0 };
        for row in sqlx::query(counts).fetch_all(&mut self.database).await? {
            match row.get("relname") {
                "students" => written.students = row.get(1),
                "measures" => written.measures = row.get(1),
                "partitions" => written.commits = row.get(1),
                _ => {}
            }
        }
        Ok(written)
    }
}
