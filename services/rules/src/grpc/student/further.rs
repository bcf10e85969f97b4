//! Conduct, coursework and connections, in the words that a person reads.

use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Fact;
use homeroom_domain::measure::Further;
use homeroom_domain::rule::claim::describe_further;
use homeroom_proto::wire::risk as wire;

/// What the student's facts come to beside the measures, as far as it can be told.
pub(super) fn figures(evaluation: &Evaluation<'_>) -> Vec<wire::Figure> {
    let told = Further::all().filter_map(|of| {
        let (entry, value) = (of.entry(), of.value(evaluation, evaluation.now.as_of)?);
        Some(wire::Figure {
            name: entry.name.to_owned(),
            value,
            shown: entry.unit.show(value),
            unit: entry.unit.name().to_owned(),
            meaning: entry.meaning.to_owned(),
            source: entry.source.to_owned(),
        })
    });
    told.collect()
}

/// Fills in what such a fact is; others are passed over.
pub(super) fn describe(of: &Fact, evaluation: &Evaluation<'_>, fact: &mut wire::Fact) {
    if let Some(described) = describe_further(of, evaluation.view) {
        described.kind.clone_into(&mut fact.kind);
        fact.date = described.date.map(Date::days);
        fact.school = described.school.map(String::from).unwrap_or_default();
        fact.what = described.what;
        fact.code = described.code;
    }
}
