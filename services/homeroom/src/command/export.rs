//! `homeroom export`: the spreadsheet door.

mod catalogue;
mod column;

use std::io::{BufWriter, ErrorKind, Write as _};

use anyhow::{Context as _, Result};
use homeroom_domain::date::Date;
use homeroom_domain::measure::Measure;
use homeroom_proto::wire::risk::ExportMeasuresRequest;

use crate::client::{ConnectionArgs, grpc};
use column::Columns;

/// What to write out.
#[derive(Debug, clap::Subcommand)]
pub(crate) enum Export {
    /// Every student's measures: one row per school, and one for the district, whose school is empty.
    ///
    /// Columns: `as_of`, student, school, then each measure of the catalogue under its name, or those chosen with --measure, and
    /// `open_alerts`. Rows are in order of student and school. Values are integers in the catalogue's unit (150 hundredths of a day
    /// are one day and a half), and empty where they cannot be told; `homeroom explain STUDENT` shows what they are made of.
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
    /// A measure to tell, by its name in the catalogue, such as `absent_last_28_days`, instead of each of the catalogue; repeat
    /// for more.
    #[arg(long = "measure", value_name = "NAME", value_parser = parse_measure)]
    measures: Vec<Measure>,
    /// Values as a person reads them: days with a decimal point, shares with a percent sign.
    #[arg(long)]
    decimals: bool,
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
pub(crate) fn parse_measure(text: &str) -> Result<Measure, String> {
    Measure::find(text).ok_or_else(|| "not a measure; `homeroom export catalogue` has them".to_owned())
}

pub(crate) async fn run(export: Export) -> Result<()> {
    match export {
        Export::Measures(args) => measures(args).await,
        Export::Catalogue => whole(std::io::stdout().write_all(catalogue::csv().as_bytes())),
    }
}

/// Whoever read our rows may have seen enough.
fn whole(written: std::io::Result<()>) -> Result<()> {
    match written {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        outcome => outcome.context("the rows cannot be written"),
    }
}

async fn measures(args: MeasuresArgs) -> Result<()> {
    let connection = args.connection.load()?;
    let columns = Columns::new(args.measures, args.decimals);
    let request = ExportMeasuresRequest { as_of: args.as_of.map(Date::days), others: columns.named() };
    let mut rows = grpc::risk(&connection)?.export_measures(request).await?.into_inner();
    let mut out = BufWriter::new(std::io::stdout());
    let mut written =
        if args.format == Format::Csv { writeln!(out, "{}", columns.heading().join(",")) } else { Ok(()) };
    while written.is_ok()
        && let Some(row) = rows.message().await?
    {
        let line = match args.format {
            Format::Csv => columns.csv(&row),
            Format::Jsonl => columns.json(&row),
        };
        written = writeln!(out, "{line}");
    }
    whole(written.and_then(|()| out.flush()))
}

/// A cell as RFC 4180 wants it. A school's id is the district's own text, so it is also kept from being taken for a formula.
fn quoted(cell: &str) -> String {
    let cell = if cell.starts_with(['=', '+', '-', '@']) { format!("'{cell}") } else { cell.to_owned() };
    if cell.contains([',', '"', '\n', '\r']) { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_school_id_cannot_break_the_row_or_become_a_formula() {
        assert_eq!(quoted("a,\"b\""), "\"a,\"\"b\"\"\"");
        assert_eq!(quoted("=1+1"), "'=1+1");
    }
}
