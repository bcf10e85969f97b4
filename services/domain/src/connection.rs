//! Connections: the adults and activities that hold a student at school, and what the student says of it.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};

use crate::code;
use crate::date::Date;
use crate::evaluation::Evaluation;
use crate::id::GroupId;
use crate::ledger::{Further, Score, Tie, text};
use crate::settings::Settings;

/// What kind of tie a connection is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Relation {
    /// A club, a team, a band.
    Activity,
    /// An adult whose task it is.
    Mentor,
    /// An adult whom the student would turn to.
    TrustedAdult,
}

/// A connection that ended so many days ago, or less, is told as lost, unless another of its kind took its place. Our own choice: a
/// month in which somebody can look for another one.
pub const LOST_FOR_DAYS: i32 = 28;

/// A student's connections on a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Connections {
    /// Adults: those trusted, and mentors, each once.
    pub trusted_adults: i64,
    /// Activities, each once.
    pub activities: i64,
    /// Whether there is a mentor.
    pub mentored: bool,
    /// Ties that ended in the last [`LOST_FOR_DAYS`] days and were not replaced.
    pub lost: i64,
    /// The latest survey of the school year, hundredths of a percent of its scale.
    pub survey_score: Option<i64>,
}

impl Connections {
    /// Of a student, on a date.
    pub fn of(evaluation: &Evaluation<'_>, as_of: Date) -> Self {
        let (mut held, mut ended) = (BTreeSet::new(), BTreeSet::new());
        let mut latest: Option<(Date, i32)> = None;
        for further in evaluation.further() {
            match further {
                Further::Connection(tie) => {
                    let Some(relation) = relation_of(&tie, evaluation).filter(|_| tie.begin_on <= as_of) else {
                        continue;
                    };
                    match tie.end_on {
                        Some(end) if end < as_of && end.days() + LOST_FOR_DAYS >= as_of.days() => {
                            ended.insert((relation, tie.with));
                        }
                        Some(end) if end < as_of => {}
                        _ => {
                            held.insert((relation, tie.with));
                        }
                    }
                }
                Further::Survey(score) => {
                    let counts = score.taken_on <= as_of && score.taken_on.school_year() == evaluation.year();
                    // Of two on one date the lower one: a worry is not answered by another sheet.
                    let better = |known: (Date, i32)| (score.taken_on, -score.value) > (known.0, -known.1);
                    if counts && latest.is_none_or(better) {
                        latest = Some((score.taken_on, score.value));
                    }
                }
                _ => {}
            }
        }
        Self::sum(&held, &ended, latest.map(|(_, score)| i64::from(score)))
    }

    fn sum(
        held: &BTreeSet<(Relation, GroupId)>,
        ended: &BTreeSet<(Relation, GroupId)>,
        survey_score: Option<i64>,
    ) -> Self {
        let of = |wanted: Relation| held.iter().filter(move |(relation, _)| *relation == wanted).map(|(_, with)| *with);
        let adults: BTreeSet<GroupId> = of(Relation::TrustedAdult).chain(of(Relation::Mentor)).collect();
        let replaced = |relation: Relation| of(relation).next().is_some();
        let lost = ended.difference(held).filter(|(relation, _)| !replaced(*relation)).count();
        Self {
            trusted_adults: count(adults.len()),
            activities: count(of(Relation::Activity).count()),
            mentored: replaced(Relation::Mentor),
            lost: count(lost),
            survey_score,
        }
    }
}

/// What kind of tie it is: as it says itself, else as its group says.
fn relation_of(tie: &Tie<'_>, evaluation: &Evaluation<'_>) -> Option<Relation> {
    let kind = match tie.kind {
        [] => &evaluation.view.group(tie.with)?.kind,
        kind => text(kind),
    };
    relation(kind, evaluation.settings)
}

/// What a kind of group or tie means: by the district's own table, else by the shipped one, with the Data Standard's cohort and
/// program types that are activities. Programs that say who a student is, and not what a student does, mean nothing here.
pub fn relation(code: &str, settings: &Settings) -> Option<Relation> {
    code::meaning(code, &settings.connections, |value| match value {
        "activity" | "extracurricular activity" => Some(Relation::Activity),
        "mentor" => Some(Relation::Mentor),
        "trusted-adult" | "trusted adult" => Some(Relation::TrustedAdult),
        other => activity_program(other).then_some(Relation::Activity),
    })
}

/// Whether a program of this type, by its value in lower case, is an activity that a student takes up.
pub fn activity_program(value: &str) -> bool {
    matches!(value, "athletics" | "cocurricular programs" | "community service program" | "service learning")
}

/// Why a connection does not count on a date, when its kind can be told.
pub(crate) fn tie_not_counted(tie: &Tie<'_>, evaluation: &Evaluation<'_>, as_of: Date) -> Option<&'static str> {
    if relation_of(tie, evaluation).is_none() {
        return Some("its kind has no meaning yet");
    }
    if tie.begin_on > as_of {
        return Some("it has not begun");
    }
    tie.end_on.is_some_and(|end| end < as_of).then_some("it has ended")
}

/// Why a survey's score does not count on a date.
pub(crate) fn score_not_counted(score: &Score<'_>, evaluation: &Evaluation<'_>, as_of: Date) -> Option<&'static str> {
    if score.taken_on.school_year() != evaluation.year() {
        return Some("it is of another school year");
    }
    (score.taken_on > as_of).then_some("its date is not closed yet")
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
