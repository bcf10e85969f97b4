//! What a source's codes mean. Codes compare without regard to case; an unknown one is unmapped, kept, and means nothing yet.
//!
//! Ed-Fi descriptors are recognised by the part behind `#`, since states replace the namespace and keep the values.
//! Source: Ed-Fi Data Standard 5.2 descriptor lists, and DESIGN's default policy for what each value counts as.

use std::collections::BTreeMap;

use crate::settings::Category;

/// The part of a code that carries its meaning: behind the last `#` of a descriptor, else all of it; lower case.
pub fn value(code: &str) -> String {
    code.rsplit('#').next().unwrap_or(code).trim().to_lowercase()
}

/// What an attendance code means: by the district's own table (whole code first, then its value), else by the shipped one.
pub fn attendance(code: &str, table: &BTreeMap<String, Category>) -> Option<Category> {
    meaning(code, table, |value| shipped_attendance(|known| known == value))
}

/// What a code means by the district's own table: whole code first, then its value; else by the shipped one, which is asked for the
/// value.
pub(crate) fn meaning<T: Copy>(
    code: &str,
    table: &BTreeMap<String, T>,
    shipped: impl FnOnce(&str) -> Option<T>,
) -> Option<T> {
    let value = value(code);
    let own = table.get(&code.trim().to_lowercase()).or_else(|| table.get(&value)).copied();
    own.or_else(|| shipped(&value))
}

/// The same of an attendance code's bytes. Codes are looked up at each evaluation and most districts have no table, so no text is made of one
/// that the shipped table has.
pub fn attendance_of(code: &[u8], table: &BTreeMap<String, Category>) -> Option<Category> {
    let behind = code.iter().rposition(|byte| *byte == b'#').map_or(0, |at| at + 1);
    let value = code[behind..].trim_ascii();
    let shipped = || shipped_attendance(|known| known.as_bytes().eq_ignore_ascii_case(value));
    let found = if table.is_empty() { shipped() } else { None };
    found.or_else(|| attendance(std::str::from_utf8(code).unwrap_or_default(), table))
}

fn shipped_attendance(is: impl Fn(&str) -> bool) -> Option<Category> {
    SHIPPED_ATTENDANCE.iter().find(|(known, _)| is(known)).map(|(_, category)| *category)
}

/// Lower case, the commonest first.
const SHIPPED_ATTENDANCE: [(&str, Category); 15] = [
    ("in attendance", Category::Present),
    ("present", Category::Present),
    ("unexcused absence", Category::UnexcusedAbsence),
    ("excused absence", Category::ExcusedAbsence),
    ("tardy", Category::Tardy),
    ("absent", Category::AbsenceUnknownExcuse),
    ("absent-unexcused", Category::UnexcusedAbsence),
    ("absent-excused", Category::ExcusedAbsence),
    ("early departure", Category::EarlyDeparture),
    ("early-departure", Category::EarlyDeparture),
    ("partial", Category::Partial),
    ("absent-medical", Category::MedicalAbsence),
    ("medical absence", Category::MedicalAbsence),
    ("tardy-excused", Category::ExcusedTardy),
    ("excused tardy", Category::ExcusedTardy),
];

/// Whether the events of a calendar date make it instructional: one that says so, and none that takes it away.
pub fn instructional(events: &[String]) -> bool {
    let values: Vec<String> = events.iter().map(|event| value(event)).collect();
    values.iter().any(|v| GIVES_INSTRUCTION.contains(&v.as_str()))
        && !values.iter().any(|v| TAKES_INSTRUCTION.contains(&v.as_str()))
}

const GIVES_INSTRUCTION: [&str; 4] =
    ["instructional day", "make-up day", "student late arrival/early dismissal", "instructional"];
const TAKES_INSTRUCTION: [&str; 7] = [
    "holiday",
    "weather day",
    "emergency day",
    "strike",
    "teacher only day",
    "non-instructional day",
    "non-instructional",
];

/// What a course teaches, of what is counted apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Subjects {
    /// English, mathematics, science or social studies.
    pub core: bool,
    /// English, reading or writing.
    pub english: bool,
    /// Mathematics.
    pub mathematics: bool,
}

impl Subjects {
    /// Of a course with these academic subjects.
    pub fn of(subjects: &[String]) -> Self {
        let values: Vec<String> = subjects.iter().map(|subject| value(subject)).collect();
        let has = |known: &[&str]| values.iter().any(|value| known.contains(&value.as_str()));
        let (english, mathematics) = (has(&ENGLISH), has(&["mathematics"]));
        Self { core: english || mathematics || has(&OTHER_CORE), english, mathematics }
    }
}

const ENGLISH: [&str; 6] =
    ["english", "english language arts", "language arts", "reading", "critical reading", "writing"];
const OTHER_CORE: [&str; 4] =
    ["science", "life and physical sciences", "social studies", "social sciences and history"];

/// Whether an exit code says that the student never came.
pub fn no_show(exit_type: &str) -> bool {
    matches!(value(exit_type).as_str(), "no show" | "no-show" | "noshow")
}

/// How a grade's type ranks when a grading period has several: final before semester before grading period; other types are
/// no course grades.
pub fn grade_rank(grade_type: &str) -> Option<u8> {
    match value(grade_type).as_str() {
        "final" => Some(0),
        "semester" => Some(1),
        "grading period" | "grading-period" => Some(2),
        _ => None,
    }
}

/// Whether a letter fails. Below E some scales have U.
pub fn failing_letter(letter: &str) -> bool {
    matches!(letter.trim().to_uppercase().as_str(), "F" | "E" | "U")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn descriptors_compare_without_case_or_namespace() {
        let none = BTreeMap::new();
        for code in [
            "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence",
            "uri://state.gov/X#UNEXCUSED ABSENCE",
            "unexcused absence",
        ] {
            assert_eq!(attendance(code, &none), Some(Category::UnexcusedAbsence), "{code}");
        }
        assert_eq!(attendance("uri://state.gov/X#A7", &none), None);
    }

    #[test]
    fn a_district_overrides_the_shipped_table() {
        let table = BTreeMap::from([
            ("uri://state.gov/x#tardy".to_owned(), Category::ExcusedAbsence),
            ("a7".to_owned(), Category::UnexcusedAbsence),
        ]);
        assert_eq!(attendance("uri://state.gov/X#Tardy", &table), Some(Category::ExcusedAbsence));
        assert_eq!(attendance("uri://ed-fi.org/X#Tardy", &table), Some(Category::Tardy));
        assert_eq!(attendance("uri://state.gov/X#A7", &table), Some(Category::UnexcusedAbsence));
    }

    #[test]
    fn a_holiday_takes_instruction_away() {
        let day = |events: &[&str]| {
            instructional(
                &events.iter().map(|e| format!("uri://ed-fi.org/CalendarEventDescriptor#{e}")).collect::<Vec<_>>(),
            )
        };
        assert!(day(&["Instructional day"]));
        assert!(day(&["Make-up day"]));
        assert!(day(&["Student late arrival/early dismissal"]));
        assert!(!day(&["Instructional day", "Weather day"]));
        assert!(!day(&["Other"]));
        assert!(!day(&[]));
    }
}
