//! Where the two computations disagree.

use std::fmt;

use homeroom_domain::date::Date;
use homeroom_domain::id::StudentKey;
use homeroom_domain::measure::Measure;

use crate::database::Figures;
use crate::district::Log;
use crate::engine::Engine;

/// A figure of a student that the two computations do not agree on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Difference {
    /// Whose it is.
    pub student: StudentKey,
    /// Of which date.
    pub as_of: Date,
    /// Which measure.
    pub measure: String,
    /// By SQL; none when it knows no such student.
    pub by_sql: Option<i64>,
    /// By the engine.
    pub by_engine: i64,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { student, as_of, measure, by_sql, by_engine } = self;
        match by_sql {
            Some(by_sql) => {
                write!(f, "{student} as of {as_of}: {measure} is {by_sql} by SQL, {by_engine} by the engine")
            }
            None => write!(f, "{student} as of {as_of}: {measure} is unknown to SQL, {by_engine} by the engine"),
        }
    }
}

/// Compares every figure of every student as of a date.
pub fn differences(log: &Log, figures: &Figures, engine: &Engine, as_of: Date) -> Vec<Difference> {
    let measure =
        |name: &String| Measure::find(name).unwrap_or_else(|| panic!("SQL computes `{name}`, which is no measure"));
    let measures: Vec<Measure> = figures.keys().map(measure).collect();
    let values = engine.values(&measures, as_of);
    let mut differences = Vec::new();
    for (at, (student, values)) in log.students.iter().zip(&values).enumerate() {
        for ((name, by_sql), by_engine) in figures.iter().zip(values) {
            if by_sql[at] != Some(*by_engine) {
                differences.push(Difference {
                    student: student.key,
                    as_of,
                    measure: name.clone(),
                    by_sql: by_sql[at],
                    by_engine: *by_engine,
                });
            }
        }
    }
    differences
}
