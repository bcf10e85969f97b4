//! What a settings document may say, and when a clock may be moved. Pure.

use std::collections::BTreeMap;

use homeroom_chassis::problem::Problem;
use homeroom_domain::course::grading::SchoolScale;
use homeroom_domain::course::scale::GradeScale;
use homeroom_domain::rule::succession;
use homeroom_domain::settings::Settings;
use http::StatusCode;
use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use crate::rule::activation::{self, Refusal};

/// The fields of a settings document and of its clock, as a sender is told.
const FIELDS: [&str; 10] = [
    "clock",
    "failing_below",
    "reporting",
    "source_reporting",
    "codes",
    "disciplines",
    "connections",
    "grade_scale",
    "school_scales",
    "transcript_sources",
];
const CLOCK_FIELDS: [&str; 3] = ["time_zone", "offset_seconds", "day_close_minute"];

/// The most codes that a district may give a meaning; states know some dozens.
const MAX_CODES: usize = 2_000;
const MAX_CODE_BYTES: usize = 300;
const MINUTES_OF_A_DAY: u16 = 24 * 60;
/// The most steps of a grade scale; one for each percent is half of it.
const MAX_STEPS: usize = 200;
/// The most scales of kinds of schools.
const MAX_SCHOOL_SCALES: usize = 20;
/// The most sources that are declared; a district has a handful.
const MAX_SOURCES: usize = 50;
/// Hundredths of a point.
const LARGEST_GRADE: i64 = 1_000_000;

/// Reads a settings document; what it leaves out is the default.
pub fn parse_settings(body: &[u8], now: Timestamp) -> Result<Settings, Problem> {
    let sent: Value = serde_json::from_slice(body)
        .map_err(|error| invalid().field("$", "a JSON object", format!("is not JSON: {error}")))?;
    let Value::Object(sent) = sent else { return Err(invalid().field("$", "a JSON object", "is none")) };
    let default = serde_json::to_value(Settings::default()).map_err(|error| invalid().detail(error.to_string()))?;
    let merged = merged(default, sent)?;
    let mut settings: Settings = serde_json::from_value(merged)
        .map_err(|error| invalid().field("$", "settings as `GET /v1/settings` answers them", error.to_string()))?;
    settings = settings.comparable();
    check(&settings, now)?;
    Ok(settings)
}

/// The default with what was sent over it; a field that nobody knows is refused, since a misspelt one would be lost.
fn merged(default: Value, sent: Map<String, Value>) -> Result<Value, Problem> {
    let Value::Object(mut merged) = default else { return Err(invalid()) };
    for (name, value) in sent {
        match (name.as_str(), value) {
            ("clock", Value::Object(clock)) => {
                for (name, value) in clock {
                    if !CLOCK_FIELDS.contains(&name.as_str()) {
                        return Err(unknown("$.clock", &CLOCK_FIELDS));
                    }
                    merged["clock"][&name] = value;
                }
            }
            (known, value) if FIELDS.contains(&known) => {
                merged.insert(name, value);
            }
            _ => return Err(unknown("$", &FIELDS)),
        }
    }
    Ok(Value::Object(merged))
}

fn check(settings: &Settings, now: Timestamp) -> Result<(), Problem> {
    let clock = &settings.clock;
    if clock.day_close_minute >= MINUTES_OF_A_DAY {
        return Err(invalid().field("$.clock.day_close_minute", "a minute of the day, 0 to 1439", "is more"));
    }
    if let Err(error) = clock.now(now) {
        return Err(invalid().field("$.clock", "a time zone and an offset that lead to a date", error.to_string()));
    }
    if !(0..=LARGEST_GRADE).contains(&settings.failing_below) {
        return Err(invalid().field("$.failing_below", "hundredths of a point, 0 to 1000000", "is out of range"));
    }
    if settings.transcript_sources.len() > MAX_SOURCES {
        return Err(invalid().field("$.transcript_sources", "at most 50 sources", "has more"));
    }
    if settings.source_reporting.len() > MAX_SOURCES {
        return Err(invalid().field("$.source_reporting", "at most 50 sources", "has more"));
    }
    check_codes("$.codes", &settings.codes)?;
    check_codes("$.disciplines", &settings.disciplines)?;
    check_codes("$.connections", &settings.connections)?;
    check_school_scales(&settings.school_scales)?;
    check_codes("$.grade_scale.letters", &settings.grade_scale.letters)?;
    check_scale("$.grade_scale", &settings.grade_scale)
}

fn check_codes<T>(field: &'static str, codes: &BTreeMap<String, T>) -> Result<(), Problem> {
    if codes.len() > MAX_CODES {
        return Err(invalid().field(field, "at most 2000 codes", "has more"));
    }
    if codes.keys().any(|code| code.is_empty() || code.len() > MAX_CODE_BYTES) {
        return Err(invalid().field(field, "codes of 1 to 300 bytes", "holds one that is empty or longer"));
    }
    Ok(())
}

fn check_school_scales(scales: &[SchoolScale]) -> Result<(), Problem> {
    const FIELD: &str = "$.school_scales";
    let is_sound = |scale: &SchoolScale| {
        (0..=LARGEST_GRADE).contains(&scale.failing_below) && scale.school_types.len() <= MAX_SCHOOL_SCALES
    };
    if scales.len() > MAX_SCHOOL_SCALES || !scales.iter().all(is_sound) {
        let expected = "at most 20 scales of at most 20 types of school, and failing_below from 0 to 1000000";
        return Err(invalid().field(FIELD, expected, "has more, or is out of range"));
    }
    for scale in scales {
        check_codes(FIELD, &scale.grade_scale.letters)?;
        check_scale(FIELD, &scale.grade_scale)?;
    }
    Ok(())
}

fn check_scale(field: &'static str, scale: &GradeScale) -> Result<(), Problem> {
    let allowed = 0..=LARGEST_GRADE;
    let numbers = scale.numbers.iter().flat_map(|step| [step.from, step.points]);
    if scale.numbers.len() > MAX_STEPS
        || !numbers.chain(scale.letters.values().copied()).all(|it| allowed.contains(&it))
    {
        let expected = "at most 200 numbers; all of them and their worths from 0 to 1000000 hundredths";
        return Err(invalid().field(field, expected, "has more, or is out of range"));
    }
    Ok(())
}

/// Refuses settings whose clock is behind the one in force: what was said of later days could not be taken back. Another
/// time zone is no move: it corrects what was never right.
pub fn not_behind(settings: Settings, current: Option<&Settings>) -> Result<Settings, Problem> {
    match current {
        Some(current) if settings.clock.offset_seconds < current.clock.offset_seconds => Err(backward()),
        _ => Ok(settings),
    }
}

/// The settings with the clock showing `to` now. Only the clock of a sample is moved, and only forward.
pub fn moved(current: Option<Settings>, to: DateTime, now: Timestamp) -> Result<Settings, Problem> {
    let refused = |title: &'static str| Problem::new(StatusCode::CONFLICT, "clock-not-moved", title);
    let Some(mut settings) = current.filter(|current| current.clock.offset_seconds != 0) else {
        return Err(refused("the district's clock shows real time, and is never moved"));
    };
    let clock = &mut settings.clock;
    let zone = TimeZone::get(&clock.time_zone).map_err(|error| invalid().detail(error.to_string()))?;
    let target = zone.to_timestamp(to).map_err(|error| invalid().detail(error.to_string()))?;
    let offset = target.as_second().saturating_sub(now.as_second());
    if offset < clock.offset_seconds {
        return Err(backward());
    }
    if offset == 0 {
        return Err(refused("the clock would show real time, and could not be moved again"));
    }
    clock.offset_seconds = offset;
    check(&settings, now)?;
    Ok(settings)
}

fn backward() -> Problem {
    Problem::new(StatusCode::CONFLICT, "clock-not-moved", "a district's clock only moves forward")
}

/// A document that cannot be taken.
pub fn invalid() -> Problem {
    Problem::new(StatusCode::BAD_REQUEST, "invalid-document", "the document cannot be taken")
}

/// A rule pack that cannot follow on the one in force.
pub fn cannot_activate(refusal: &Refusal) -> Problem {
    let title = "the rules cannot follow on those in force";
    let problem = |status, kind| Problem::new(status, kind, title).detail(activation::chain(refusal));
    match refusal {
        Refusal::Changed { expected, found } => {
            let problem = problem(StatusCode::PRECONDITION_FAILED, "rules-changed-meanwhile");
            problem.field("If-Match", format!("\"{found}\""), format!("is \"{expected}\""))
        }
        Refusal::Succession(succession::Error::VersionNotRaised { rule, version, had }) => {
            let problem = problem(StatusCode::CONFLICT, "rule-version-not-raised");
            problem.field(format!("rules.{rule}.version"), format!("a version above {had}"), format!("is {version}"))
        }
        Refusal::NotGrown { version, highest } => {
            let problem = problem(StatusCode::CONFLICT, "rule-version-not-raised");
            problem.field("version", format!("a version above {highest}"), format!("is {version}"))
        }
        _ => problem(StatusCode::CONFLICT, "rule-version-not-raised"),
    }
}

fn unknown(path: &'static str, known: &[&str]) -> Problem {
    invalid().field(path, format!("the fields {}", known.join(", ")), "has another field")
}

#[cfg(test)]
mod tests {
    use homeroom_domain::settings::{Category, Reporting};

    use super::*;

    const NOW: &str = "2026-11-25T15:00:00Z";

    fn now() -> Timestamp {
        NOW.parse().unwrap()
    }

    fn field(body: &str) -> String {
        parse_settings(body.as_bytes(), now()).unwrap_err().errors.remove(0).field
    }

    #[test]
    fn what_is_left_out_is_the_default() {
        let body =
            br#"{"clock":{"time_zone":"America/Chicago"},"reporting":"Positive","codes":{"UA":"UnexcusedAbsence"}}"#;
        let settings = parse_settings(body, now()).unwrap();
        assert_eq!(settings.clock.time_zone, "America/Chicago");
        assert_eq!(settings.clock.day_close_minute, 960);
        assert_eq!(settings.reporting, Reporting::Positive);
        assert_eq!(settings.codes["ua"], Category::UnexcusedAbsence);
        let all = serde_json::to_vec(&settings).unwrap();
        assert_eq!(parse_settings(&all, now()).unwrap(), settings);
    }

    #[test]
    fn what_cannot_be_is_refused_by_field() {
        assert_eq!(field("[]"), "$");
        assert_eq!(field(r#"{"failing":1}"#), "$");
        assert_eq!(field(r#"{"clock":{"timezone":"UTC"}}"#), "$.clock");
        assert_eq!(field(r#"{"clock":{"time_zone":"Mars/Olympus"}}"#), "$.clock");
        assert_eq!(field(r#"{"clock":{"offset_seconds":9000000000000}}"#), "$.clock");
        assert_eq!(field(r#"{"clock":{"day_close_minute":1440}}"#), "$.clock.day_close_minute");
        assert_eq!(field(r#"{"failing_below":-1}"#), "$.failing_below");
        assert_eq!(field(r#"{"codes":{"":"Present"}}"#), "$.codes");
        let scale = |failing: i32, points: i32| {
            format!(
                r#"{{"school_scales":[{{"school_types":["Elementary School"],"failing_below":{failing},
                "grade_scale":{{"letters":{{"E":{points}}},"numbers":[]}}}}]}}"#
            )
        };
        assert!(parse_settings(scale(200, 400).as_bytes(), now()).is_ok());
        assert_eq!(field(&scale(-1, 400)), "$.school_scales");
        assert_eq!(field(&scale(200, -400)), "$.school_scales");
    }

    #[test]
    fn a_samples_clock_moves_forward_only() {
        let mut settings = Settings::default();
        let to = |text: &str| text.parse::<DateTime>().unwrap();
        let local = |settings: &Settings| settings.clock.local(now()).unwrap().to_string();
        let real = moved(Some(settings.clone()), to("2027-01-01T00:00:00"), now()).unwrap_err();
        assert_eq!(real.status, StatusCode::CONFLICT);
        settings.clock.time_zone = "America/Chicago".to_owned();
        settings.clock.offset_seconds = -4 * 365 * 86_400;
        let later = moved(Some(settings.clone()), to("2023-04-14T08:40:00"), now()).unwrap();
        assert_eq!(local(&later), "2023-04-14T08:40:00");
        assert!(moved(Some(later.clone()), to("2023-04-14T08:39:00"), now()).is_err());
        assert!(not_behind(settings.clone(), Some(&later)).is_err());
        assert!(not_behind(later.clone(), Some(&settings)).is_ok());
        assert!(not_behind(settings, None).is_ok());
    }
}
