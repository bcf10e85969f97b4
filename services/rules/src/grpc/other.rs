//! Measures that are not kept: counted from a student's ledger for who names them.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::measure::Measure;
use homeroom_domain::settings::Now;
use homeroom_proto::wire::risk as wire;
use tonic::Status;

use crate::evaluate::{Row, Student};
use crate::reference::District;

/// The most measures that one request may name: each may take a count of the whole year. The catalogue has some sixty.
pub(super) const MAX_NAMED: usize = 100;
/// What stands for every measure of the catalogue that is not kept.
const ALL: &str = "all";

/// Whether a value comes with its words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Words {
    /// For one student.
    Told,
    /// For every student: the catalogue has them once for all rows.
    LeftOut,
}

/// The measures of these names; `all` stands for each of the catalogue's that is not kept. None comes twice for it.
pub(super) fn parse(names: &[String]) -> Result<Vec<Measure>, Status> {
    let mut measures = Vec::with_capacity(names.len());
    for name in names.iter().take(MAX_NAMED) {
        if name == ALL {
            let of_catalogue = Measure::catalogued().into_iter().filter(|measure| !measure.is_kept());
            measures.extend(of_catalogue.filter(|measure| !names.iter().any(|name| *name == measure.name())));
        } else {
            measures.push(find(name)?);
        }
    }
    if names.len() > MAX_NAMED || measures.len() > MAX_NAMED {
        return Err(Status::invalid_argument(format!("others: at most {MAX_NAMED} measures are counted at once")));
    }
    Ok(measures)
}

/// The measure of a name.
pub(super) fn find(name: &str) -> Result<Measure, Status> {
    let unknown = || Status::invalid_argument("the catalogue has no measure of some name that was sent");
    Measure::find(name).ok_or_else(unknown)
}

/// Their values in each of a student's rows.
pub(super) fn values(
    student: &Student,
    district: &District,
    now: Now,
    rows: &[Row],
    measures: &[Measure],
    words: Words,
) -> Vec<Vec<wire::OtherMeasure>> {
    if measures.is_empty() {
        return vec![Vec::new(); rows.len()];
    }
    let evaluation = Evaluation::new(&student.ledger, &district.view, &district.settings, now);
    let schools: Vec<_> = rows.iter().map(|row| row.school.as_ref()).collect();
    let told = |measure: Measure, value: i64| {
        let mut other = wire::OtherMeasure {
            name: measure.name().into_owned(),
            value,
            unit: measure.unit().name().to_owned(),
            ..wire::OtherMeasure::default()
        };
        if words == Words::Told {
            let entry = measure.entry();
            other.shown = measure.show(value);
            entry.meaning.clone_into(&mut other.meaning);
            entry.source.clone_into(&mut other.source);
        }
        other
    };
    let of_row = |values: Vec<i64>| measures.iter().zip(values).map(|(&measure, value)| told(measure, value)).collect();
    evaluation.rows(measures, &schools, now).into_iter().map(of_row).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(of: &[&str]) -> Vec<String> {
        of.iter().map(|name| (*name).to_owned()).collect()
    }

    #[test]
    fn all_stands_for_each_measure_that_is_not_kept_once() {
        let all = parse(&names(&["all"])).unwrap();
        assert_eq!(all.len(), Measure::catalogued().len() - Measure::KEPT.len());
        let chosen = parse(&names(&["gpa", "all", "absent_last_28_days"])).unwrap();
        assert_eq!(chosen.len(), all.len() + 1);
        assert_eq!(chosen.iter().filter(|measure| measure.name() == "gpa").count(), 1);
    }

    #[test]
    fn too_many_and_unknown_names_are_refused() {
        assert!(parse(&names(&["nonsense"])).is_err());
        assert!(parse(&vec!["gpa".to_owned(); MAX_NAMED + 1]).is_err());
        assert!(parse(&vec!["all".to_owned(); 3]).is_err());
    }
}
