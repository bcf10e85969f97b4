//! What measures are called. Names of families are made of parts: `absent`, `_last_45_school_days`.

use std::borrow::Cow;

use jiff::civil::Weekday;

use super::{Clock, Counted, Further, InClass, Measure};
use crate::window::Window;

/// Which of a student's counted days a measure looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Among {
    /// Those of a window.
    Window(Window),
    /// Those on one day of the week, 1 (Monday) to 5 (Friday), of the school year.
    Weekday(i8),
}

/// The longest window in days, and in months.
const MAX_DAYS: u16 = 400;
const MAX_MONTHS: u8 = 12;
/// The fewest enrolled days from which federal reporting counts a student, unless another number is named.
pub(super) const FEDERAL_MINIMUM: u16 = 10;

const COUNTED: [(Counted, &str); 8] = [
    (Counted::Enrolled, "enrolled"),
    (Counted::Absent, "absent"),
    (Counted::Unexcused, "unexcused"),
    (Counted::Unexplained, "unexplained"),
    (Counted::Tardy, "tardy"),
    (Counted::Rate, "absent_rate"),
    (Counted::MinutesAbsent, "minutes_absent"),
    (Counted::MinutesUnexcused, "minutes_unexcused"),
];

const IN_CLASS: [(InClass, &str); 4] = [
    (InClass::Absences, "class_absences"),
    (InClass::Unexcused, "class_unexcused"),
    (InClass::Skipped, "classes_skipped"),
    (InClass::Rate, "class_absent_rate"),
];

/// Measures with a name that has no parts.
pub(super) const SIMPLE: [(Measure, &str); 32] = [
    (Measure::Enrolled, "enrolled"),
    (Measure::Absent, "absent"),
    (Measure::Unexcused, "unexcused"),
    (Measure::Tardy, "tardy"),
    (Measure::Tier, "tier"),
    (Measure::Streak, "streak"),
    (Measure::UnexcusedStreak, "unexcused_streak"),
    (Measure::UnexplainedAbsenceToday, "unexplained_absence_today"),
    (Measure::Failing, "failing"),
    (Measure::FailingCore, "failing_core"),
    (Measure::LongestStreak, "longest_streak"),
    (Measure::UnknownDays, "unknown_days"),
    (Measure::LastYearEnrolled, "last_year_enrolled"),
    (Measure::LastYearAbsent, "last_year_absent"),
    (Measure::LastYearTier, "last_year_tier"),
    (Measure::AbsencesLeft, "absences_left"),
    (Measure::ExpectedAbsent, "expected_absent"),
    (Measure::FederalEnrolled, "federal_enrolled"),
    (Measure::FederalAbsent, "federal_absent"),
    (Measure::Truancy(Clock::CaliforniaOccasions), "truancy_ca_occasions"),
    (Measure::Truancy(Clock::TexasFourWeeks), "truancy_tx_days_in_4_weeks"),
    (Measure::Truancy(Clock::TexasSixMonths), "truancy_tx_days_in_6_months"),
    (Measure::ClassesSkippedToday, "classes_skipped_today"),
    (Measure::TexasClasses, "truancy_tx_classes_below_90_percent"),
    (Measure::Truancy(Clock::OhioInARow), "truancy_oh_minutes_in_a_row"),
    (Measure::Truancy(Clock::OhioMonth), "truancy_oh_minutes_in_school_month"),
    (Measure::Truancy(Clock::OhioYear), "truancy_oh_minutes_in_year"),
    (Measure::Truancy(Clock::OhioNonmedicalMonth), "truancy_oh_nonmedical_minutes_in_school_month"),
    (Measure::Truancy(Clock::OhioNonmedicalYear), "truancy_oh_nonmedical_minutes_in_year"),
    (Measure::Truancy(Clock::FloridaMonth), "truancy_fl_absences_in_month"),
    (Measure::Truancy(Clock::FloridaNinetyDays), "truancy_fl_absences_in_90_days"),
    (Measure::Truancy(Clock::NewMexicoRate), "truancy_nm_rate"),
];

const WEEKDAYS: [(Weekday, &str); 5] = [
    (Weekday::Monday, "mondays"),
    (Weekday::Tuesday, "tuesdays"),
    (Weekday::Wednesday, "wednesdays"),
    (Weekday::Thursday, "thursdays"),
    (Weekday::Friday, "fridays"),
];

pub(super) fn of(measure: Measure) -> Cow<'static, str> {
    if let Some((_, name)) = SIMPLE.iter().find(|(of, _)| *of == measure) {
        return Cow::Borrowed(name);
    }
    match measure {
        Measure::Of(counted, among) => {
            let name = COUNTED.iter().find(|(of, _)| *of == counted).map_or("", |(_, name)| *name);
            Cow::Owned(format!("{name}{}", suffix(among)))
        }
        Measure::InClass(counted, among) => {
            let name = IN_CLASS.iter().find(|(of, _)| *of == counted).map_or("", |(_, name)| *name);
            Cow::Owned(format!("{name}{}", suffix(among)))
        }
        Measure::FederalChronic(FEDERAL_MINIMUM) => Cow::Borrowed("federal_chronic"),
        Measure::FederalChronic(days) => Cow::Owned(format!("federal_chronic_from_{days}_days")),
        Measure::Further(further) => Cow::Borrowed(further.entry().name),
        _ => Cow::Borrowed(""),
    }
}

fn suffix(among: Among) -> String {
    match among {
        Among::Window(Window::Year) => String::new(),
        Among::Window(Window::CalendarMonth) => "_this_calendar_month".to_owned(),
        Among::Window(Window::SchoolMonth) => "_this_school_month".to_owned(),
        Among::Window(Window::LastSchoolDays(many)) => format!("_last_{many}_school_days"),
        Among::Window(Window::LastDays(many)) => format!("_last_{many}_days"),
        Among::Window(Window::LastMonths(many)) => format!("_last_{many}_months"),
        Among::Window(Window::FirstSchoolDays(many)) => format!("_first_{many}_school_days"),
        Among::Weekday(day) => {
            let name = WEEKDAYS.iter().find(|(of, _)| of.to_monday_one_offset() == day);
            name.map_or_else(String::new, |(_, name)| format!("_{name}"))
        }
    }
}

pub(super) fn find(name: &str) -> Option<Measure> {
    if let Some((measure, _)) = SIMPLE.iter().find(|(_, known)| *known == name) {
        return Some(*measure);
    }
    if name == "federal_chronic" {
        return Some(Measure::FederalChronic(FEDERAL_MINIMUM));
    }
    if let Some(days) = between(name, "federal_chronic_from_", "_days") {
        return number(days, MAX_DAYS).filter(|days| *days != FEDERAL_MINIMUM).map(Measure::FederalChronic);
    }
    if let Some(further) = Further::find(name) {
        return Some(Measure::Further(further));
    }
    let of_days = COUNTED.iter().find_map(|(counted, prefix)| {
        let among = among(name.strip_prefix(prefix)?)?;
        Some(Measure::Of(*counted, among))
    });
    of_days.or_else(|| {
        IN_CLASS.iter().find_map(|(counted, prefix)| {
            let among = among(name.strip_prefix(prefix)?)?;
            Some(Measure::InClass(*counted, among))
        })
    })
}

fn among(rest: &str) -> Option<Among> {
    let window = match rest {
        "" => Window::Year,
        "_this_calendar_month" => Window::CalendarMonth,
        "_this_school_month" => Window::SchoolMonth,
        _ => {
            let days = |kind: fn(u16) -> Window, text: &str| number(text, MAX_DAYS).map(kind);
            if let Some(many) = between(rest, "_last_", "_school_days") {
                days(Window::LastSchoolDays, many)?
            } else if let Some(many) = between(rest, "_first_", "_school_days") {
                days(Window::FirstSchoolDays, many)?
            } else if let Some(many) = between(rest, "_last_", "_days") {
                days(Window::LastDays, many)?
            } else if let Some(many) = between(rest, "_last_", "_months") {
                let many = u8::try_from(number(many, u16::from(MAX_MONTHS))?).ok()?;
                Window::LastMonths(many)
            } else {
                let (day, _) = WEEKDAYS.iter().find(|(_, name)| rest.strip_prefix('_') == Some(*name))?;
                return Some(Among::Weekday(day.to_monday_one_offset()));
            }
        }
    };
    Some(Among::Window(window))
}

fn between<'t>(text: &'t str, before: &str, behind: &str) -> Option<&'t str> {
    text.strip_prefix(before)?.strip_suffix(behind)
}

/// A number from 1 on as it would be written, so that a measure has one name.
fn number(text: &str, most: u16) -> Option<u16> {
    let number: u16 = text.parse().ok()?;
    ((1..=most).contains(&number) && number.to_string() == text).then_some(number)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_measure_reads_back_from_its_name() {
        for name in [
            "absent",
            "absent_last_45_school_days",
            "unexcused_last_28_days",
            "unexplained_this_calendar_month",
            "tardy_this_school_month",
            "absent_first_20_school_days",
            "absent_mondays",
            "absent_rate",
            "absent_rate_last_6_months",
            "minutes_unexcused_last_30_days",
            "federal_chronic",
            "federal_chronic_from_30_days",
            "truancy_oh_minutes_in_a_row",
            "truancy_oh_nonmedical_minutes_in_year",
            "class_absences_last_28_days",
            "classes_skipped_this_school_month",
            "class_absent_rate",
            "gpa",
            "missing_work_last_7_days",
        ] {
            assert_eq!(Measure::find(name).map(Measure::name).as_deref(), Some(name));
        }
        assert_eq!(Measure::find("absent"), Some(Measure::Absent));
        for name in [
            "absent_last_0_days",
            "absent_last_045_days",
            "absent_last_401_days",
            "absent_sundays",
            "absent_last_13_months",
            "federal_chronic_from_10_days",
            "",
        ] {
            assert_eq!(Measure::find(name), None, "{name}");
        }
    }
}
