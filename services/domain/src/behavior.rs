//! Behavior: incidents and what followed, as counts and as a share of the days enrolled, so that a student can recover within the
//! year.
//!
//! A suspension is linked to its absences once. It is a word about dates: they are the student's counted school days from its first
//! date on, each date once however many suspensions cover it, and it adds no absence. What the marks of those dates say is counted
//! with the marks; suspended days that no mark calls an absence are told apart.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::code;
use crate::date::Date;
use crate::day::WHOLE;
use crate::evaluation::Evaluation;
use crate::id::IncidentId;
use crate::ledger::{Act, Consequence, Further, text};
use crate::settings::Settings;

/// What a school did.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub enum Sanction {
    /// Kept apart, at school: expected to attend, and present.
    InSchoolSuspension,
    /// Sent home.
    OutOfSchoolSuspension,
    /// Sent away.
    Expulsion,
    /// Anything else.
    Other,
}

/// A student's conduct in a school year, up to a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Conduct {
    /// Incidents that the student had a part in.
    pub incidents: i64,
    /// Dates with one.
    pub incident_days: i64,
    /// Suspensions in school.
    pub suspensions_in: i64,
    /// Suspensions out of school.
    pub suspensions_out: i64,
    /// Expulsions.
    pub expulsions: i64,
    /// Counted days suspended in school, hundredths; none that the student was also suspended out of school.
    pub suspended_in: i64,
    /// Counted days suspended out of school or expelled, hundredths.
    pub suspended_out: i64,
    /// The part of those on dates for which no absence is marked, hundredths.
    pub suspended_unmarked: i64,
}

impl Conduct {
    /// Of a student's school year, up to a date.
    pub fn of(evaluation: &Evaluation<'_>, as_of: Date) -> Self {
        let mut conduct = Self::default();
        let mut incidents: BTreeMap<IncidentId, Date> = BTreeMap::new();
        let mut suspended = Suspended::default();
        for further in evaluation.further() {
            match further {
                Further::Behavior(act) => incidents.extend(counted_act(&act, evaluation, as_of)),
                Further::Discipline(consequence) => {
                    if let Some(sanction) = counted_sanction(&consequence, evaluation, as_of) {
                        conduct.count(sanction);
                        suspended.add(&consequence, sanction, evaluation, as_of);
                    }
                }
                _ => {}
            }
        }
        conduct.incidents = count(incidents.len());
        conduct.incident_days = count(incidents.values().collect::<BTreeSet<_>>().len());
        suspended.sum(&mut conduct, evaluation, as_of);
        conduct
    }

    fn count(&mut self, sanction: Sanction) {
        match sanction {
            Sanction::InSchoolSuspension => self.suspensions_in += 1,
            Sanction::OutOfSchoolSuspension => self.suspensions_out += 1,
            Sanction::Expulsion => self.expulsions += 1,
            Sanction::Other => {}
        }
    }

    /// Days with an incident of so many enrolled days (hundredths of a day), in hundredths of a percent, cut off; none without a day.
    pub fn incident_rate(&self, enrolled: i64) -> Option<i64> {
        share_of_days(self.incident_days, enrolled)
    }
}

/// So many dates of enrolled days (hundredths of a day), in hundredths of a percent, cut off; none without a day.
pub(crate) fn share_of_days(dates: i64, enrolled: i64) -> Option<i64> {
    let share = i128::from(dates) * i128::from(WHOLE) * 10_000;
    (enrolled > 0).then(|| i64::try_from(share / i128::from(enrolled)).unwrap_or(i64::MAX))
}

/// Suspended dates, each once, with how much of the day.
#[derive(Default)]
struct Suspended {
    inside: BTreeMap<Date, i32>,
    outside: BTreeMap<Date, i32>,
}

impl Suspended {
    fn add(&mut self, consequence: &Consequence<'_>, sanction: Sanction, evaluation: &Evaluation<'_>, as_of: Date) {
        let dates = match sanction {
            Sanction::InSchoolSuspension => &mut self.inside,
            Sanction::OutOfSchoolSuspension | Sanction::Expulsion => &mut self.outside,
            Sanction::Other => return,
        };
        let mut left = consequence.length.unwrap_or(WHOLE);
        let from = evaluation.dates_at(consequence.school).filter(|date| *date >= consequence.begin_on);
        for date in from.take_while(|date| *date <= as_of) {
            if left <= 0 {
                break;
            }
            let part = dates.entry(date).or_default();
            *part = (*part).max(left.min(WHOLE));
            left -= WHOLE;
        }
    }

    fn sum(&self, conduct: &mut Conduct, evaluation: &Evaluation<'_>, as_of: Date) {
        if self.inside.is_empty() && self.outside.is_empty() {
            return;
        }
        // As a share of the date, which may be worth less than a whole day.
        let absent: BTreeMap<Date, i32> = evaluation
            .days(as_of)
            .into_iter()
            .map(|(_, day)| (day.date, day.absent * WHOLE / day.weight.max(1)))
            .collect();
        for (date, part) in &self.outside {
            conduct.suspended_out += i64::from(*part);
            let marked = absent.get(date).copied().unwrap_or(0);
            conduct.suspended_unmarked += i64::from((part - marked).max(0));
        }
        for (date, part) in &self.inside {
            let outside = self.outside.get(date).copied().unwrap_or(0);
            conduct.suspended_in += i64::from((*part).min(WHOLE - outside));
        }
    }
}

/// The incident and its date, when it is the student's and of the year so far.
fn counted_act(act: &Act<'_>, evaluation: &Evaluation<'_>, as_of: Date) -> Option<(IncidentId, Date)> {
    let incident = evaluation.view.incident(act.incident)?;
    let counts = evaluation.view.knows_school(&incident.school)
        && incident.date <= as_of
        && incident.date.school_year() == evaluation.year()
        && took_part(act);
    counts.then_some((act.incident, incident.date))
}

fn counted_sanction(consequence: &Consequence<'_>, evaluation: &Evaluation<'_>, as_of: Date) -> Option<Sanction> {
    let counts = evaluation.view.find_school(consequence.school).is_some()
        && consequence.begin_on <= as_of
        && consequence.begin_on.school_year() == evaluation.year();
    sanction(text(consequence.code), evaluation.settings).filter(|_| counts)
}

/// Whether the part is that of one who did it: what says nothing of a part means that one.
fn took_part(act: &Act<'_>) -> bool {
    act.part.is_empty() || code::value(text(act.part)) == "perpetrator"
}

/// What a discipline code means: by the district's own table, else by the shipped one, the Data Standard's discipline descriptors.
pub fn sanction(code: &str, settings: &Settings) -> Option<Sanction> {
    code::meaning(code, &settings.disciplines, |value| match value {
        "in school suspension" | "in-school-suspension" => Some(Sanction::InSchoolSuspension),
        "out of school suspension" | "out-of-school-suspension" => Some(Sanction::OutOfSchoolSuspension),
        "removal from classroom" | "community service" | "other" | "no action for incident" => Some(Sanction::Other),
        other => other.starts_with("expulsion").then_some(Sanction::Expulsion),
    })
}

/// Why a part in an incident does not count on a date, when the incident is known.
pub(crate) fn act_not_counted(act: &Act<'_>, evaluation: &Evaluation<'_>, as_of: Date) -> Option<&'static str> {
    if !took_part(act) {
        return Some("the student is not the one who did it");
    }
    let date = evaluation.view.incident(act.incident)?.date;
    not_yet(date, evaluation, as_of)
}

/// Why a consequence does not count on a date, when its school is known.
pub(crate) fn consequence_not_counted(
    consequence: &Consequence<'_>,
    evaluation: &Evaluation<'_>,
    as_of: Date,
) -> Option<&'static str> {
    if sanction(text(consequence.code), evaluation.settings).is_none() {
        return Some("its code has no meaning yet");
    }
    not_yet(consequence.begin_on, evaluation, as_of)
}

fn not_yet(date: Date, evaluation: &Evaluation<'_>, as_of: Date) -> Option<&'static str> {
    if date.school_year() != evaluation.year() {
        return Some("it is of another school year");
    }
    (date > as_of).then_some("its date is not closed yet")
}

fn count(number: usize) -> i64 {
    i64::try_from(number).unwrap_or(i64::MAX)
}
