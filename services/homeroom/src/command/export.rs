//! `homeroom export measures`: the spreadsheet door.

use std::io::{BufWriter, ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use homeroom_domain::date::Date;
use homeroom_proto::wire::risk::{ExportMeasuresRequest, Measures};
use serde_json::json;

use crate::client::{ConnectionArgs, grpc};

/// What to write out.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Export {
    /// Every student's measures: one row per school, and one for the district, whose school is empty.
    ///
    /// Columns: student, school, enrolled, absent, unexcused, tardy, tier, streak, failing, failing-core, open-alerts.
    /// `enrolled`, `absent` and `unexcused` are integers in hundredths of a day (150 is one day and a half), `tardy` and
    /// `streak` are days, `tier` is 0 below 5% absent, 1 from 5%, 2 from 10%, 3 from 20%, and empty below 10 enrolled days.
    Measures(MeasuresArgs),
}

/// Of which date, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasuresArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The last date to include, YYYY-MM-DD; the district's as-of date when left out.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    as_of: Option<Date>,
    /// JSON lines or comma-separated values.
    #[arg(long, value_enum, default_value_t = Format::Csv)]
    format: Format,
}

/// How rows are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Format {
    Jsonl,
    Csv,
}

/// Parses a date argument.
pub(crate) fn parse_date(text: &str) -> Result<Date, String> {
    Date::parse(text).ok_or_else(|| "not a date such as 2022-04-13".to_owned())
}

pub(crate) async fn run(export: Export) -> Result<()> {
    let Export::Measures(args) = export;
    let connection = args.connection.load()?;
    let request = ExportMeasuresRequest { as_of: args.as_of.map(Date::days) };
    let mut rows = grpc::risk(&connection)?.export_measures(request).await?.into_inner();
    let mut out = BufWriter::new(std::io::stdout());
    let mut written = if args.format == Format::Csv { writeln!(out, "{HEADING}") } else { Ok(()) };
    while written.is_ok()
        && let Some(row) = rows.message().await?
    {
        if let Some(measures) = row.measures {
            written = writeln!(out, "{}", line(&measures, args.format));
        }
    }
    match written.and_then(|()| out.flush()) {
        // Whoever read our rows has seen enough.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("the rows cannot be written"),
    }
}

const HEADING: &str = "student,school,enrolled,absent,unexcused,tardy,tier,streak,failing,failing-core,open-alerts";

fn line(m: &Measures, format: Format) -> String {
    let student = hex::encode(&m.student);
    match format {
        Format::Csv => {
            let tier = m.tier.map(|tier| tier.to_string()).unwrap_or_default();
            format!(
                "{student},{},{},{},{},{},{tier},{},{},{},{}",
                quoted(&m.school),
                m.enrolled,
                m.absent,
                m.unexcused,
                m.tardy,
                m.streak,
                m.failing,
                m.failing_core,
                m.open_alerts
            )
        }
        Format::Jsonl => json!({
            "student": student,
            "school": m.school,
            "enrolled": m.enrolled,
            "absent": m.absent,
            "unexcused": m.unexcused,
            "tardy": m.tardy,
            "tier": m.tier,
            "streak": m.streak,
            "failing": m.failing,
            "failing-core": m.failing_core,
            "open-alerts": m.open_alerts,
        })
        .to_string(),
    }
}

/// A cell as RFC 4180 wants it. A school's id is the district's own text, so it is also kept from being taken for a formula.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row() -> Measures {
        Measures {
            student: vec![1; 16].into(),
            school: "255901001".to_owned(),
            enrolled: 14_000,
            absent: 1_450,
            ..Measures::default()
        }
    }

    #[test]
    fn a_csv_row_has_a_cell_for_each_heading() {
        let row = line(&row(), Format::Csv);
        assert_eq!(row, format!("{},255901001,14000,1450,0,0,,0,0,0,0", "01".repeat(16)));
        assert_eq!(row.split(',').count(), HEADING.split(',').count());
    }

    #[test]
    fn a_json_row_has_the_same_names() {
        let row: serde_json::Value = serde_json::from_str(&line(&row(), Format::Jsonl)).expect("JSON");
        let names: Vec<_> = row.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(names.join(","), HEADING);
    }

    #[test]
    fn a_school_id_cannot_break_the_row_or_become_a_formula() {
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
