//! The transcript as it counts.
//!
//! Two systems of one district often have a course of one term, the school's own and the one that keeps transcripts. It was taken once:
//! of the sources that have it, one is believed, with all that it says of it (a course failed and taken again in one term is two
//! records of one source). The district declares whom it believes first; of sources that it does not name, the last in the order of
//! their ids is, as for all records that come twice.

use std::cmp::Reverse;
use std::collections::BTreeMap;

use crate::code;
use crate::evaluation::Evaluation;
use crate::id::{CourseId, SchoolYear};
use crate::ledger::{Further, Taken, text};
use crate::settings::Settings;

/// One course in one term.
type Term = (CourseId, SchoolYear, String);

fn term(taken: &Taken<'_>) -> Term {
    (taken.course, taken.school_year, code::value(text(taken.term)))
}

/// How much a source is believed: the greater, the more.
fn belief<'s>(source: &'s str, settings: &Settings) -> (Reverse<usize>, &'s str) {
    let named = settings.transcript_sources.iter().position(|of| of.as_str() == source);
    (Reverse(named.unwrap_or(usize::MAX)), source)
}

/// The courses of the years up to this one, each by the source that is believed; those that are not known are left out.
pub(crate) fn counted<'a>(evaluation: &Evaluation<'a>) -> Vec<Taken<'a>> {
    let all: Vec<(&str, Taken<'a>)> = evaluation
        .transcript()
        .filter(|(_, taken)| taken.school_year <= evaluation.year())
        .filter(|(_, taken)| evaluation.view.missing(&Further::Transcript(*taken)).is_none())
        .collect();
    let mut believed: BTreeMap<Term, &str> = BTreeMap::new();
    for (source, taken) in &all {
        let known = believed.entry(term(taken)).or_insert(source);
        if belief(source, evaluation.settings) > belief(known, evaluation.settings) {
            *known = source;
        }
    }
    let stands = |(source, taken): &(&str, Taken<'a>)| believed.get(&term(taken)) == Some(source);
    all.into_iter().filter(stands).map(|(_, taken)| taken).collect()
}

/// Why a course of the transcript does not count, when it is known.
pub(crate) fn not_counted(taken: &Taken<'_>, evaluation: &Evaluation<'_>) -> Option<&'static str> {
    let outranked = taken.school_year <= evaluation.year() && !counted(evaluation).contains(taken);
    outranked.then_some("another source's record of the course stands")
}
