//! `homeroom export measures`: the spreadsheet door.

use std::io::{BufWriter, ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use homeroom_domain::date::Date;
use homeroom_domain::measure::Measure;
use homeroom_domain::measure::catalogue::{self, Entry};
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
    /// What measures there are: name, unit, whether it is kept for every student, meaning and source, as comma-separated values.
    ///
    /// A name that says `family` may be followed by `_last_N_school_days`, `_last_N_days`, `_last_N_months`,
    /// `_first_N_school_days`, `_this_calendar_month`, `_this_school_month` or `_mondays` to `_fridays`.
    Catalogue,
}

/// Of which date, and how.
#[derive(Debug, clap::Args)]
pub(crate) struct MeasuresArgs {
    #[command(flatten)]
    connection: ConnectionArgs,
    /// The last date to include, YYYY-MM-DD; the district's as-of date when left out.
    #[arg(long, value_name = "DATE", value_parser = parse_date)]
    as_of: Option<Date>,
    /// A measure to tell beside those columns, by its name in the catalogue, such as `absent_last_28_days`; repeat for more.
    #[arg(long = "measure", value_name = "NAME", value_parser = parse_measure)]
    measures: Vec<Measure>,
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

/// Parses the name of a measure.
fn parse_measure(text: &str) -> Result<Measure, String> {
    Measure::find(text).ok_or_else(|| "not a measure; `homeroom export catalogue` has them".to_owned())
}

pub(crate) async fn run(export: Export) -> Result<()> {
    match export {
        Export::Measures(args) => measures(args).await,
        Export::Catalogue => whole(std::io::stdout().write_all(catalogue().as_bytes())),
    }
}

/// Whoever read our rows may have seen enough.
fn whole(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("the rows cannot be written"),
    }
}

fn catalogue() -> String {
    let row = |entry: Entry| {
        let family = if entry.family { "family" } else { "" };
        let kept = if entry.kept { "kept" } else { "" };
        let cells = [entry.name, family, entry.unit.name(), kept, entry.meaning, entry.source].map(quoted);
        cells.join(",")
    };
    let rows = catalogue::entries().into_iter().map(row);
    let lines: Vec<_> = std::iter::once("name,family,unit,kept,meaning,source".to_owned()).chain(rows).collect();
    lines.join("\n") + "\n"
}

async fn measures(args: MeasuresArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let others = args.measures.iter().map(|measure| measure.name().into_owned()).collect();
    let request = ExportMeasuresRequest { as_of: args.as_of.map(Date::days), others };
    let mut rows = grpc::risk(&connection)?.export_measures(request).await?.into_inner();
    let mut out = BufWriter::new(std::io::stdout());
    let heading = || {
        let more = args.measures.iter().map(|measure| measure.name());
        std::iter::once(HEADING.into()).chain(more).collect::<Vec<_>>().join(",")
    };
    let mut written = if args.format == Format::Csv { writeln!(out, "{}", heading()) } else { Ok(()) };
    while written.is_ok()
        && let Some(row) = rows.message().await?
    {
        if let Some(measures) = row.measures {
            written = writeln!(out, "{}", line(&measures, args.format));
        }
    }
    whole(written.and_then(|()| out.flush()))
}

const HEADING: &str = "student,school,enrolled,absent,unexcused,tardy,tier,streak,failing,failing-core,open-alerts";

fn line(m: &Measures, format: Format) -> String {
    let student = hex::encode(&m.student);
    match format {
        Format::Csv => {
            let tier = m.tier.map(|tier| tier.to_string()).unwrap_or_default();
            let counts = [m.enrolled, m.absent, m.unexcused, m.tardy].map(|count| count.to_string());
            let mut cells = vec![student, quoted(&m.school)];
            cells.extend(counts);
            cells.push(tier);
            cells.extend([m.streak.to_string(), m.failing.to_string(), m.failing_core.to_string()]);
            cells.push(m.open_alerts.to_string());
            cells.extend(m.others.iter().map(|other| other.value.to_string()));
            cells.join(",")
        }
        Format::Jsonl => json_line(m, &student),
    }
}

fn json_line(m: &Measures, student: &str) -> String {
    let mut row = json!({
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
    });
    for other in &m.others {
        row[&other.name] = other.value.into();
    }
    row.to_string()
}

/// A cell as RFC 4180 wants it. A school's id is the district's own text, so it is also kept from being taken for a formula.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::risk::OtherMeasure;

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
    fn measures_that_were_asked_for_are_columns_behind_the_others() {
        let other = OtherMeasure { name: "absent_last_28_days".to_owned(), value: 150, unit: String::new() };
        let row = Measures { others: vec![other], ..row() };
        assert!(line(&row, Format::Csv).ends_with(",0,0,0,0,150"));
        let json: serde_json::Value = serde_json::from_str(&line(&row, Format::Jsonl)).expect("JSON");
        assert_eq!(json["absent_last_28_days"], 150);
    }

    #[test]
    fn the_catalogue_has_a_row_of_six_cells_for_each_measure() {
        let text = catalogue();
        assert!(text.lines().count() > 35 && text.contains("absent_rate,family,hundredths of a percent"), "{text}");
        assert!(text.contains("truancy_ca_occasions,,days,,"), "{text}");
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
