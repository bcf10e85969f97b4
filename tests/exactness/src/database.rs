//! The computation in SQL: tables of raw words, and the statements of `sql/`.

use std::collections::BTreeMap;

use homeroom_domain::date::Date;
use homeroom_harness::postgres;
use sqlx::{AssertSqlSafe, Column as _, PgConnection, Row as _};

use crate::district::Log;
use crate::raw::Rows;

/// Tables of what was said.
const RAW: &str = include_str!("../sql/raw.sql");

/// What is computed from them, in order.
const COMPUTED: [&str; 10] = [
    include_str!("../sql/last_words.sql"),
    include_str!("../sql/calendar.sql"),
    include_str!("../sql/bells.sql"),
    include_str!("../sql/day.sql"),
    include_str!("../sql/attendance.sql"),
    include_str!("../sql/windows.sql"),
    include_str!("../sql/classes.sql"),
    include_str!("../sql/truancy.sql"),
    include_str!("../sql/grades.sql"),
    include_str!("../sql/gradebook.sql"),
];

/// What several figures are computed from, as of a date, in order: each is of those before.
const OF_A_DATE: [&str; 9] = [
    "year_days",
    "eventful_year_days",
    "school_months",
    "windows",
    "year_class_days",
    "figures_attendance",
    "student_grade_levels",
    "figures_grades",
    "figures_transcript",
];

/// Views whose columns are measures, by student.
const FIGURES: [&str; 12] = [
    "figures_attendance",
    "figures_federal",
    "figures_projection",
    "figures_windows",
    "figures_classes",
    "figures_texas_classes",
    "figures_classes_today",
    "figures_truancy",
    "figures_grades",
    "figures_transcript",
    "figures_sixth",
    "figures_high_school",
];
const GRADEBOOK: &str = "figures_gradebook";

/// Figures by measure, and by student in the order of the log; none of a student whom the district does not know.
pub type Figures = BTreeMap<String, Vec<Option<i64>>>;

/// A database that holds a log, and what SQL makes of it.
pub struct Database {
    connection: PgConnection,
    students: usize,
}

impl Database {
    /// A database of its own with the words of a log.
    pub async fn of(log: &Log) -> Self {
        let mut connection = postgres::test_database(&[]).await.admin().await;
        run(
            &mut connection,
            "set work_mem = '256MB'; set jit = off; set max_parallel_workers_per_gather = 0; \
             set client_min_messages = warning",
        )
        .await;
        run(&mut connection, RAW).await;
        for (table, rows) in Rows::of(log).tables() {
            let mut copy =
                connection.copy_in_raw(&format!("copy {table} from stdin")).await.expect("rows can be copied");
            copy.send(rows.as_bytes()).await.expect("rows are taken");
            copy.finish().await.expect("rows are sound");
        }
        run(&mut connection, "analyze").await;
        Self { connection, students: log.students.len() }
    }

    /// Computes last words, days, and all that does not depend on a date. Once.
    pub async fn compute(&mut self) {
        for statements in COMPUTED {
            run(&mut self.connection, statements).await;
        }
    }

    /// Executes statements, such as one that plants a fault.
    pub async fn execute(&mut self, statements: &str) {
        run(&mut self.connection, statements).await;
    }

    /// Every figure as of a date.
    pub async fn figures(&mut self, as_of: Date) -> Figures {
        let look = format!(
            "truncate look; insert into look values ('{as_of}', {}); analyze look",
            as_of.to_civil().year() + i16::from(as_of.to_civil().month() >= 7)
        );
        run(&mut self.connection, &look).await;
        for view in OF_A_DATE {
            run(&mut self.connection, &format!("refresh materialized view {view}; analyze {view}")).await;
        }
        let mut figures = Figures::new();
        for view in FIGURES.into_iter().chain([GRADEBOOK]) {
            self.read(view, &mut figures).await;
        }
        figures
    }

    async fn read(&mut self, view: &str, figures: &mut Figures) {
        let rows = sqlx::query(AssertSqlSafe(format!("select * from {view}"))).fetch_all(&mut self.connection).await;
        let rows = rows.unwrap_or_else(|error| panic!("{view} cannot be read: {error}"));
        let Some(first) = rows.first() else { panic!("{view} has no row") };
        let columns: Vec<String> = first.columns().iter().map(|column| column.name().to_owned()).collect();
        for row in &rows {
            let student: i32 = row.get("student");
            let student = usize::try_from(student).expect("students are numbered from zero");
            let mut suffix = "";
            for (at, column) in columns.iter().enumerate() {
                match column.as_str() {
                    "student" => {}
                    "suffix" => suffix = row.get(at),
                    _ => {
                        let value: i64 = row.try_get(at).unwrap_or_else(|error| panic!("{view}.{column}: {error}"));
                        let of = figures.entry(format!("{column}{suffix}"));
                        of.or_insert_with(|| vec![None; self.students])[student] = Some(value);
                    }
                }
            }
        }
    }
}

async fn run(connection: &mut PgConnection, statements: &str) {
    if let Err(error) = sqlx::raw_sql(AssertSqlSafe(statements.to_owned())).execute(connection).await {
        panic!("{error}\n{statements}");
    }
}
