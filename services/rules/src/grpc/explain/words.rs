//! A word on the student's log as a fact that a person reads, and reference records in words.

use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{Change, Fact};
use homeroom_domain::explain::history::Changed;
use homeroom_domain::id::Revision;
use homeroom_domain::ledger::Live;
use homeroom_domain::reference::Entry;
use homeroom_proto::wire::risk as wire;

use crate::grpc::student;

/// What a record said and says, seen with what is known now. A fact that is not live any more is shown without a standing.
pub(super) fn before_and_after(
    evaluation: &Evaluation<'_>,
    changed: &Changed,
) -> (Option<wire::Fact>, Option<wire::Fact>) {
    let before = changed.before.as_ref().and_then(recorded).map(|fact| {
        let told = fact_told(evaluation, changed, fact);
        wire::Fact { revision: 0, counted: false, not_counted_because: String::new(), ..told }
    });
    let after = recorded(&changed.after).map(|fact| fact_told(evaluation, changed, fact));
    (before, after)
}

fn recorded(change: &Change<Fact>) -> Option<&Fact> {
    if let Change::Recorded(fact) = change { Some(fact) } else { None }
}

fn fact_told(evaluation: &Evaluation<'_>, changed: &Changed, fact: &Fact) -> wire::Fact {
    let (source, key) = changed.record.clone();
    let live = Live { source, key, revision: Revision(changed.revision.0), fact: fact.clone() };
    student::fact(evaluation, &live)
}

/// What kind of reference record it is.
pub(super) const fn kind(entry: &Entry) -> &'static str {
    match entry {
        Entry::School(_) => "school",
        Entry::Calendar(_) => "calendar",
        Entry::CalendarDate(_) => "calendar date",
        Entry::Session(_) => "session",
        Entry::GradingPeriod(_) => "grading period",
        Entry::Course(_) => "course",
        Entry::CourseOffering(_) => "course offering",
        Entry::Section(_) => "section",
        Entry::AttendanceTaken(_) => "attendance taken",
        Entry::Settings(_) => "settings",
        Entry::RulePack(_) => "rules",
        Entry::ClassPeriod(_) => "class period",
        Entry::BellSchedule(_) => "bell schedule",
        Entry::Calculators(_) => "calculators",
        Entry::Incident(_) => "incident",
        Entry::Assignment(_) => "assignment",
        Entry::Group(_) => "group",
    }
}

/// What it says, as far as one line holds it.
pub(super) fn says(entry: &Entry) -> String {
    let span = |begin, end| format!("{begin} to {end}");
    match entry {
        Entry::School(school) => format!("school {}", school.school),
        Entry::Calendar(calendar) => format!("school {}, year {}", calendar.school, calendar.school_year),
        Entry::CalendarDate(date) => format!("{} is {}", date.date, values(&date.events)),
        Entry::Session(session) => format!("school {}, {}", session.school, span(session.begin_on, session.end_on)),
        Entry::GradingPeriod(period) => format!("school {}, {}", period.school, span(period.begin_on, period.end_on)),
        Entry::Course(course) => values(&course.subjects),
        Entry::CourseOffering(offering) => format!("course {}", offering.course),
        Entry::Section(section) => format!("section {} of school {}", section.section, section.school),
        Entry::AttendanceTaken(taken) => format!("section {} on {}", taken.section, taken.date),
        Entry::Settings(settings) => {
            let below = homeroom_domain::measure::decimals(settings.failing_below);
            let of_source = |(source, reporting): (&_, &_)| format!(", {reporting:?} of {source}");
            let sources: String = settings.source_reporting.iter().map(of_source).collect();
            format!(
                "{:?} reporting{sources}, failing below {below}, day closes at minute {}",
                settings.reporting, settings.clock.day_close_minute
            )
        }
        Entry::RulePack(yaml) | Entry::Calculators(yaml) => format!("{} bytes", yaml.len()),
        Entry::ClassPeriod(period) => format!("of school {}", period.school),
        Entry::BellSchedule(schedule) => format!("of school {}, {} dates", schedule.school, schedule.dates.len()),
        Entry::Incident(incident) => format!("{} at school {}", incident.date, incident.school),
        Entry::Assignment(assignment) => format!("section {}, due {}", assignment.section, assignment.due_on),
        Entry::Group(group) => values(std::slice::from_ref(&group.kind)),
    }
}

/// The last parts of codes.
fn values(codes: &[String]) -> String {
    let last = |code: &String| code.rsplit('#').next().unwrap_or_default().trim().to_owned();
    codes.iter().map(last).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use homeroom_domain::date::Date;
    use homeroom_domain::reference::CalendarDate;

    use super::*;

    #[test]
    fn a_calendar_date_is_told_by_what_it_is() {
        let entry = Entry::CalendarDate(CalendarDate {
            calendar: homeroom_domain::id::CalendarId::new([1; 16]),
            date: Date::parse("2022-01-17").unwrap(),
            events: vec!["uri://ed-fi.org/CalendarEventDescriptor#Holiday".to_owned(), "Make-up day".to_owned()],
        });
        assert_eq!((kind(&entry), says(&entry).as_str()), ("calendar date", "2022-01-17 is Holiday, Make-up day"));
    }
}
