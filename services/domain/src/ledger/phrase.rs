//! Texts that most ledgers hold, kept as a number instead. Stored ledgers refer to them by position: only ever add at the end.

/// The texts.
pub(super) const PHRASES: [&str; 48] = [
    "",
    "uri://ed-fi.org/AttendanceEventCategoryDescriptor#In Attendance",
    "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Present",
    "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence",
    "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Excused Absence",
    "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Tardy",
    "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Early departure",
    "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Partial",
    "present",
    "absent",
    "absent-unexcused",
    "absent-excused",
    "partial",
    "tardy",
    "early-departure",
    "uri://ed-fi.org/GradeTypeDescriptor#Final",
    "uri://ed-fi.org/GradeTypeDescriptor#Semester",
    "uri://ed-fi.org/GradeTypeDescriptor#Grading Period",
    "uri://ed-fi.org/GradeTypeDescriptor#Progress Report",
    "uri://ed-fi.org/GradeTypeDescriptor#Mid-Term Grade",
    "final",
    "semester",
    "grading-period",
    "uri://ed-fi.org/GradeLevelDescriptor#Preschool/Prekindergarten",
    "uri://ed-fi.org/GradeLevelDescriptor#Kindergarten",
    "uri://ed-fi.org/GradeLevelDescriptor#First grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Second grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Third grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Fourth grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Fifth grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Sixth grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Seventh grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Eighth grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Tenth grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Eleventh grade",
    "uri://ed-fi.org/GradeLevelDescriptor#Twelfth grade",
    "uri://ed-fi.org/ExitWithdrawTypeDescriptor#No show",
    "uri://ed-fi.org/ExitWithdrawTypeDescriptor#Transferred",
    "uri://ed-fi.org/ExitWithdrawTypeDescriptor#Withdrawn",
    "uri://ed-fi.org/ExitWithdrawTypeDescriptor#Completed",
    "A",
    "B",
    "C",
    "D",
    "E",
    "F",
    "P",
];

/// One more than the longest has.
const LENGTHS: usize = 72;

/// Their numbers, the shortest first, and where those of each length begin: most of what is looked for is none of them, and its
/// length tells.
static BY_LENGTH: ([u8; PHRASES.len()], [u8; LENGTHS + 1]) = by_length();

#[expect(clippy::cast_possible_truncation, reason = "there are fewer than 256")]
const fn by_length() -> ([u8; PHRASES.len()], [u8; LENGTHS + 1]) {
    let (mut numbers, mut begins) = ([0; PHRASES.len()], [0; LENGTHS + 1]);
    let (mut length, mut next) = (0, 0);
    while length < LENGTHS {
        begins[length] = next as u8;
        let mut number = 0;
        while number < PHRASES.len() {
            if PHRASES[number].len() == length {
                numbers[next] = number as u8;
                next += 1;
            }
            number += 1;
        }
        length += 1;
    }
    begins[LENGTHS] = next as u8;
    assert!(next == PHRASES.len(), "a phrase is too long");
    (numbers, begins)
}

/// The number of a text that is one of them.
pub(super) fn find(text: &[u8]) -> Option<usize> {
    let (numbers, begins) = &BY_LENGTH;
    let (from, to) = (*begins.get(text.len())?, *begins.get(text.len() + 1)?);
    let of_length = &numbers[usize::from(from)..usize::from(to)];
    of_length.iter().map(|number| usize::from(*number)).find(|number| PHRASES[*number].as_bytes() == text)
}
