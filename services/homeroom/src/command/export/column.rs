//! The columns of an export: one for each measure, under its name in the catalogue.

use homeroom_domain::measure::Measure;
use homeroom_proto::wire::risk::{ExportMeasuresResponse, Measures};
use serde_json::{Map, Value};

use super::quoted;
use crate::text::unit;

/// Which measures are told, in this order.
pub(super) struct Columns {
    measures: Vec<Measure>,
    /// Whether values are written as a person reads them.
    decimals: bool,
}

impl Columns {
    /// These measures, each once; every one of the catalogue when there are none.
    pub(super) fn new(chosen: Vec<Measure>, decimals: bool) -> Self {
        let mut measures = Vec::new();
        for measure in if chosen.is_empty() { Measure::catalogued() } else { chosen } {
            if !measures.contains(&measure) {
                measures.push(measure);
            }
        }
        Self { measures, decimals }
    }

    /// Those that a request has to name: the others are in every row.
    pub(super) fn named(&self) -> Vec<String> {
        self.measures.iter().filter(|measure| !measure.is_kept()).map(|measure| measure.name().into_owned()).collect()
    }

    pub(super) fn heading(&self) -> Vec<String> {
        let before = ["as_of", "student", "school"].map(str::to_owned).into_iter();
        let measures = self.measures.iter().map(|measure| measure.name().into_owned());
        before.chain(measures).chain(["open_alerts".to_owned()]).collect()
    }

    pub(super) fn csv(&self, row: &ExportMeasuresResponse) -> String {
        let measures = row.measures.clone().unwrap_or_default();
        let mut cells = vec![unit::date(row.as_of), hex::encode(&measures.student), quoted(&measures.school)];
        cells.extend(self.measures.iter().map(|&measure| match value(measure, &measures) {
            None => String::new(),
            Some(value) if self.decimals => measure.unit().show(value),
            Some(value) => value.to_string(),
        }));
        cells.push(measures.open_alerts.to_string());
        cells.join(",")
    }

    pub(super) fn json(&self, row: &ExportMeasuresResponse) -> String {
        let measures = row.measures.clone().unwrap_or_default();
        let mut object = Map::new();
        object.insert("as_of".to_owned(), unit::date(row.as_of).into());
        object.insert("student".to_owned(), hex::encode(&measures.student).into());
        object.insert("school".to_owned(), measures.school.clone().into());
        for &measure in &self.measures {
            let value = match value(measure, &measures) {
                None => Value::Null,
                Some(value) if self.decimals => measure.unit().show(value).into(),
                Some(value) => value.into(),
            };
            object.insert(measure.name().into_owned(), value);
        }
        object.insert("open_alerts".to_owned(), measures.open_alerts.into());
        Value::Object(object).to_string()
    }
}

/// A row's value; none of what cannot be told.
fn value(measure: Measure, row: &Measures) -> Option<i64> {
    let other = || row.others.iter().find(|other| other.name == measure.name()).map(|other| other.value);
    measure.told(kept(measure, row).or_else(other)?)
}

/// The value of a measure that every row has; a tier of too few days is none.
fn kept(measure: Measure, row: &Measures) -> Option<i64> {
    Some(match measure {
        Measure::Enrolled => row.enrolled,
        Measure::Absent => row.absent,
        Measure::Unexcused => row.unexcused,
        Measure::Tardy => row.tardy,
        Measure::Tier => i64::from(row.tier?),
        Measure::Streak => i64::from(row.streak),
        Measure::UnexcusedStreak => i64::from(row.unexcused_streak),
        Measure::UnexplainedAbsenceToday => i64::from(row.unexplained_absence_today),
        Measure::Failing => i64::from(row.failing),
        Measure::FailingCore => i64::from(row.failing_core),
        _ => return None,
    })
}

#[cfg(test)]
mod tests {
    use homeroom_proto::wire::risk::OtherMeasure;

    use super::*;

    fn other(name: &str, value: i64) -> OtherMeasure {
        OtherMeasure { name: name.to_owned(), value, ..OtherMeasure::default() }
    }

    fn row() -> ExportMeasuresResponse {
        let measures = Measures {
            student: vec![1; 16].into(),
            school: "255901001".to_owned(),
            enrolled: 14_000,
            absent: 1_450,
            tier: Some(2),
            others: vec![other("absent_rate", 1_035), other("gpa", -1), other("absent_last_28_days", 150)],
            ..Measures::default()
        };
        ExportMeasuresResponse { measures: Some(measures), as_of: 19_095 }
    }

    fn of(names: &[&str], decimals: bool) -> Columns {
        Columns::new(names.iter().map(|name| Measure::find(name).expect("a measure")).collect(), decimals)
    }

    #[test]
    fn every_measure_of_the_catalogue_has_a_column() {
        let columns = of(&[], false);
        let heading = columns.heading();
        assert_eq!(heading.len(), Measure::catalogued().len() + 4);
        assert_eq!(columns.csv(&row()).split(',').count(), heading.len());
        assert_eq!(heading[..6].join(","), "as_of,student,school,enrolled,absent,unexcused");
        assert_eq!(columns.named().len(), heading.len() - 4 - Measure::KEPT.len());
        let json: Value = serde_json::from_str(&columns.json(&row())).expect("JSON");
        let names: std::collections::BTreeSet<_> = json.as_object().expect("an object").keys().cloned().collect();
        assert_eq!(names, heading.into_iter().collect());
    }

    #[test]
    fn chosen_measures_are_columns_in_their_order_each_once() {
        let names = ["absent_last_28_days", "absent", "gpa", "absent_rate", "tier", "absent"];
        let start = format!("2022-04-13,{},255901001", "01".repeat(16));
        assert_eq!(of(&names, false).heading()[3..8].join(","), "absent_last_28_days,absent,gpa,absent_rate,tier");
        assert_eq!(of(&names, false).csv(&row()), format!("{start},150,1450,,1035,2,0"));
        assert_eq!(of(&names, true).csv(&row()), format!("{start},1.5,14.5,,10.35%,2,0"));
    }

    #[test]
    fn a_json_row_has_numbers_and_null_for_what_cannot_be_told() {
        let json: Value = serde_json::from_str(&of(&["absent", "gpa"], false).json(&row())).expect("JSON");
        assert_eq!(
            (&json["absent"], &json["gpa"], &json["as_of"]),
            (&1_450.into(), &Value::Null, &"2022-04-13".into())
        );
    }
}
