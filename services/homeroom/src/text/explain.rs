//! A student's explanation as a page: facts first, then the arithmetic, then the rules, then what changed.

mod alert;
mod changes;
mod json;
#[cfg(test)]
mod tests;

use homeroom_domain::date::Date;
use homeroom_domain::measure::NOT_KNOWN;
use homeroom_proto::wire::risk::{
    CameTo, ExplainStudentResponse, ExplainedDate, ExplainedRule, Fact, SchoolDates, Working,
};

use super::names::SchoolNames;
use super::{student, unit};

pub(crate) use alert::{for_people as alert_for_people, to_json as alert_to_json};
pub(crate) use json::to_json;

/// Dates that are listed one by one behind a sum; the rest is in the section of dates, or in the JSON.
const SHOWN_PARTS: usize = 24;

/// The page.
pub(crate) fn for_people(told: &ExplainStudentResponse, names: &SchoolNames) -> String {
    let mut page = Page(String::new());
    page.line(&format!(
        "student {}, as of {} (school year {})",
        hex::encode(&told.student),
        unit::date(told.as_of),
        told.school_year
    ));
    page.line("");
    page.line(student::measures(&told.measures, names, false).trim_end());
    facts(&mut page, told, names);
    arithmetic(&mut page, &told.workings);
    page.heading("Rules");
    for rule in &told.rules {
        rule_for_people(&mut page, rule);
    }
    if let Some(changed) = &told.changes {
        changes::for_people(&mut page, changed, told.as_of);
    }
    page.0
}

/// Lines of text, without blanks at their ends.
struct Page(String);

impl Page {
    fn line(&mut self, text: &str) {
        self.0.push_str(text.trim_end());
        self.0.push('\n');
    }

    fn heading(&mut self, text: &str) {
        self.line("");
        self.line(&text.to_uppercase());
    }

    /// A line under another, with a word in front; none when there is nothing to say.
    fn note(&mut self, label: &str, text: &str) {
        if !text.is_empty() {
            self.line(&format!("      {label:<8} {text}"));
        }
    }
}

fn facts(page: &mut Page, told: &ExplainStudentResponse, names: &SchoolNames) {
    page.heading("Facts");
    for fact in &told.facts {
        page.line(&format!("  {}", student::fact_for_people(fact)));
    }
    if told.marks_of_other_years > 0 {
        page.line(&format!("  {} marks of other school years", told.marks_of_other_years));
    }
    page.heading("Dates");
    for school in &told.schools {
        page.line(&format!("  {}", school_for_people(school, names)));
        if !school.off.is_empty() {
            page.note("off", &runs(&school.off));
        }
    }
    let several = told.schools.len() > 1;
    for date in &told.dates {
        date_for_people(page, date, several.then_some(names));
    }
}

fn school_for_people(school: &SchoolDates, names: &SchoolNames) -> String {
    let name = names.name(&school.school);
    match school.first.zip(school.last) {
        None => format!("{name}: no date of a calendar that is known"),
        Some((first, last)) => format!(
            "{name}: {} dates of the calendar from {} to {}; {} of them are whole days of presence of which nothing was said",
            school.dates,
            unit::date(first),
            unit::date(last),
            school.silent
        ),
    }
}

fn date_for_people(page: &mut Page, date: &ExplainedDate, names: Option<&SchoolNames>) {
    let at = names.map(|names| format!(" at {}", names.name(&date.school))).unwrap_or_default();
    let how = if date.how.is_empty() { String::new() } else { format!(": {}", date.how) };
    page.line(&format!("  {}{at}  {}{how}", unit::date(date.date), came_to(date)));
    for mark in &date.marks {
        page.note("mark", &mark_for_people(mark));
    }
}

/// What a date came to, in words.
fn came_to(date: &ExplainedDate) -> String {
    let hundredths = |value: i32| unit::days(i64::from(value));
    let counted = || {
        let mut words = vec![format!("{} enrolled, {} absent", hundredths(date.weight), hundredths(date.absent))];
        if date.unexcused > 0 {
            words.push(format!("{} unexcused", hundredths(date.unexcused)));
        }
        if date.tardy {
            words.push("tardy".to_owned());
        }
        words.join(", ")
    };
    match date.came_to() {
        CameTo::Counted => counted(),
        CameTo::AtSchoolOnly => format!("{}; for the district the date counts at another school", counted()),
        CameTo::Unknown => "not known what it was".to_owned(),
        CameTo::NoDate | CameTo::Unspecified => "does not count".to_owned(),
    }
}

fn mark_for_people(mark: &Fact) -> String {
    let not_counted =
        if mark.counted { String::new() } else { format!("  [not counted: {}]", mark.not_counted_because) };
    format!("{} (source {}, revision {}){not_counted}", mark.what, mark.source, mark.revision)
}

fn arithmetic(page: &mut Page, workings: &[Working]) {
    page.heading("Arithmetic");
    let (told, none): (Vec<&Working>, Vec<&Working>) =
        workings.iter().partition(|working| working.value != 0 && working.shown != NOT_KNOWN);
    for working in told {
        page.line(&format!("  {} = {}: {}", working.name, working.shown, working.meaning));
        page.line(&format!("      {}", working.arithmetic));
        let parts = parts_for_people(working);
        if !parts.is_empty() {
            page.note("on", &parts);
        }
    }
    let listed = |unknown: bool| {
        let names = none.iter().filter(|working| (working.shown == NOT_KNOWN) == unknown);
        names.map(|working| working.name.as_str()).collect::<Vec<_>>().join(", ")
    };
    for (what, names) in [("zero", listed(false)), (NOT_KNOWN, listed(true))] {
        if !names.is_empty() {
            page.line(&format!("  {what}: {names}"));
        }
    }
}

/// The dates that made a value: alone where each is one, else with what each adds. None when there are too many.
fn parts_for_people(working: &Working) -> String {
    if working.parts.len() > SHOWN_PARTS {
        return String::new();
    }
    let same = working.parts.windows(2).all(|pair| pair[0].value == pair[1].value);
    if same {
        let dates: Vec<i32> = working.parts.iter().map(|part| part.date).collect();
        return runs(&dates);
    }
    let hundredths = working.unit == homeroom_domain::measure::Unit::DayHundredths.name();
    let show = |value: i64| if hundredths { unit::days(value) } else { value.to_string() };
    let one = |part: &homeroom_proto::wire::risk::DatePart| format!("{} {}", unit::date(part.date), show(part.value));
    working.parts.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// Dates in order, those that follow each other together; a weekend lies in between.
fn runs(dates: &[i32]) -> String {
    let follow = |a: &i32, b: &i32| b - a == 1 || b - a == 3 && is_friday(*a);
    let run = |run: &[i32]| match run {
        [first, _, .., last] => format!("{} to {}", unit::date(*first), unit::date(*last)),
        few => few.iter().map(|date| unit::date(*date)).collect::<Vec<_>>().join(", "),
    };
    dates.chunk_by(follow).map(run).collect::<Vec<_>>().join(", ")
}

fn is_friday(days: i32) -> bool {
    Date::from_days(days).is_ok_and(|date| date.to_civil().weekday() == jiff::civil::Weekday::Friday)
}

fn rule_for_people(page: &mut Page, rule: &ExplainedRule) {
    let standing = match (&rule.failure, rule.holds) {
        (failure, _) if !failure.is_empty() => format!("cannot be told: {failure}"),
        (_, true) => format!("holds, level {}, {}", rule.level, rule.severity),
        (_, false) => "does not hold".to_owned(),
    };
    page.line(&format!("  {} ({} version {}): {standing}", rule.title, rule.rule, rule.rule_version));
    let values: Vec<String> = rule.measures.iter().map(|term| format!("{} is {}", term.name, term.shown)).collect();
    page.note("opens", &format!("when {}; {}", rule.opens_when, values.join(", ")));
    // Of a rule that does not hold the words are those that it would tell, and no reason for anything.
    page.note(if rule.holds { "because" } else { "its text" }, &rule.explanation);
    page.note("clears", &rule.clears_when);
    page.note("source", &rule.source);
}
