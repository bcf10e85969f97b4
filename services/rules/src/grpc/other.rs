//! Measures that are not kept: counted from a student's ledger for who names them.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::measure::Measure;
use homeroom_domain::settings::Now;
use homeroom_proto::wire::risk as wire;
use tonic::Status;

use crate::evaluate::{Row, Student};
use crate::reference::District;

/// The most measures that one request may name: each may take a count of the whole year.
const MAX_OTHERS: usize = 50;

/// The measures of these names.
pub(super) fn parse(names: &[String]) -> Result<Vec<Measure>, Status> {
    if names.len() > MAX_OTHERS {
        return Err(Status::invalid_argument(format!("others: at most {MAX_OTHERS} measures are counted at once")));
    }
    let unknown = || Status::invalid_argument("others: the catalogue has no measure of some name that was sent");
    names.iter().map(|name| Measure::find(name).ok_or_else(unknown)).collect()
}

/// Their values in each of a student's rows.
pub(super) fn values(
    student: &Student,
    district: &District,
    now: Now,
    rows: &[Row],
    measures: &[Measure],
) -> Vec<Vec<wire::OtherMeasure>> {
    if measures.is_empty() {
        return vec![Vec::new(); rows.len()];
    }
    let evaluation = Evaluation::new(&student.ledger, &district.view, &district.settings, now);
    let told = |row: &Row, measure: Measure| wire::OtherMeasure {
        name: measure.name().into_owned(),
        value: evaluation.value(measure, row.school.as_ref(), now),
        unit: measure.unit().name().to_owned(),
    };
    rows.iter().map(|row| measures.iter().map(|&measure| told(row, measure)).collect()).collect()
}
