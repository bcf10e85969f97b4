//! What the simulated district's system does not send of itself, and the policy counts: bell schedules with dates, words that attendance
//! was taken, rare and unknown codes, shares that add up to more than a day, grades in letters, work that was handed in later.

use std::borrow::Cow;
use std::collections::BTreeMap;

use homeroom_simulate::{Batch, Document, Resource};
use jiff::civil::Date;
use serde_json::{Value, json};

/// A document to post: its endpoint and its body.
type Post = (&'static str, String);

/// A student's document, as it is sent here.
pub(crate) fn amended<'d>(
    document: &Document<'d>,
    number: u32,
    before: bool,
    sent_on: impl Fn() -> Date,
) -> Cow<'d, str> {
    let body = document.body;
    let with = |members: String| {
        let open = body.strip_suffix('}').expect("a body is a JSON object");
        Cow::Owned(format!("{open},{members}}}"))
    };
    match document.resource {
        // Most enrollments of the year before were closed when it ended. The others last, beside this year's.
        Resource::Enrollments if before && !number.is_multiple_of(30) && !body.contains("exitWithdrawDate") => {
            with(r#""exitWithdrawDate":"2024-06-14","exitWithdrawTypeDescriptor":"uri://ed-fi.org/ExitWithdrawTypeDescriptor#End of school year""#.to_owned())
        }
        Resource::StudentGradebookEntries if body.contains("#Late\"") => {
            with(format!(r#""dateFulfilled":"{}""#, sent_on()))
        }
        _ => Cow::Borrowed(body),
    }
}

/// Of schools: attendance taken at the first, bell schedules with dates at every other one.
pub(crate) fn of_schools(batch: &Batch) -> Vec<Post> {
    let mut dates: BTreeMap<i64, Vec<(String, bool)>> = BTreeMap::new();
    for document in batch.iter().filter(|document| document.resource == Resource::CalendarDates) {
        let body = parse(document.body);
        let school = number(&body["calendarReference"]["schoolId"]);
        let short = document.body.contains("late arrival");
        let date = text(&body["date"]).to_owned();
        dates.entry(school).or_default().push((date, short));
    }
    let first = dates.keys().next().copied().unwrap_or_default();
    let mut posts = Vec::new();
    for document in batch.iter() {
        match document.resource {
            Resource::Sections => {
                let body = parse(document.body);
                let school = number(&body["courseOfferingReference"]["schoolId"]);
                if school == first {
                    taken(&body, &dates[&school], &mut posts);
                }
            }
            Resource::BellSchedules => {
                let body = parse(document.body);
                let school = number(&body["schoolReference"]["schoolId"]);
                if (school - first) % 2 == 1 {
                    bells(body, school - first, &dates[&school], &mut posts);
                }
            }
            _ => {}
        }
    }
    posts
}

/// Attendance was taken in a section on nearly every date of its term.
fn taken(section: &Value, dates: &[(String, bool)], posts: &mut Vec<Post>) {
    let identifier = text(&section["sectionIdentifier"]);
    for (at, (date, _)) in dates.iter().enumerate() {
        let spring = date.as_str() > "2025-01-15";
        let forgotten =
            (at * 7 + identifier.len() + usize::from(identifier.as_bytes()[identifier.len() - 2])).is_multiple_of(29);
        if identifier.ends_with('S') != spring || forgotten {
            continue;
        }
        let mut reference = section["courseOfferingReference"].clone();
        reference["sectionIdentifier"] = section["sectionIdentifier"].clone();
        let body = json!({
            "calendarDateReference": {"calendarCode": "2025", "date": date, "schoolId": reference["schoolId"],
                "schoolYear": reference["schoolYear"]},
            "sectionReference": reference, "eventDate": date,
        });
        posts.push(("sectionAttendanceTakenEvents", body.to_string()));
    }
}

/// The regular day's dates; a short day with half of the periods; and at some schools an assembly that contradicts.
fn bells(regular: Value, school: i64, dates: &[(String, bool)], posts: &mut Vec<Post>) {
    let until = if school % 4 == 1 { "2025-03-01" } else { "2025-12-31" };
    let on = |short: bool| -> Vec<Value> {
        let wanted = dates.iter().filter(|(date, of)| *of == short && date.as_str() < until);
        wanted.map(|(date, _)| json!({ "date": date })).collect()
    };
    let mut short = regular.clone();
    short["bellScheduleName"] = json!("Short day");
    short["dates"] = Value::Array(on(true));
    if let Some(periods) = short["classPeriods"].as_array_mut() {
        periods.truncate(periods.len().div_ceil(2));
    }
    if let Some(members) = short.as_object_mut() {
        members.remove("startTime");
        members.remove("endTime");
    }
    posts.push(("bellSchedules", short.to_string()));
    if school % 4 == 3 {
        let assembly = json!({
            "bellScheduleName": "Assembly", "schoolReference": regular["schoolReference"],
            "startTime": regular["startTime"], "endTime": "18:00:00", "classPeriods": regular["classPeriods"],
            "dates": on(false).into_iter().step_by(9).collect::<Vec<_>>(),
        });
        posts.push(("bellSchedules", assembly.to_string()));
    }
    let mut regular = regular;
    regular["dates"] = Value::Array(on(false));
    posts.push(("bellSchedules", regular.to_string()));
}

/// Codes that are rare or mean nothing, at most of the day, and their sums, by turns of date.
const RARE: [(&str, f64); 10] = [
    ("Absent", 1.0),
    ("Early departure", 0.5),
    ("A7", 1.0),
    ("Present", 1.0),
    ("Partial", 0.25),
    ("Excused Absence", 0.5),
    ("Unexcused Absence", 0.75),
    ("UNEXCUSED ABSENCE", 0.0),
    ("Absent", 0.49),
    ("Excused Absence", 7.0),
];

/// Of one student in twelve: such marks, and a grade in letters for one in number.
pub(crate) fn of_student(number: u32, batch: &Batch) -> Vec<Post> {
    let mut posts = Vec::new();
    if !number.is_multiple_of(12) {
        return posts;
    }
    let enrollment = batch.iter().find(|document| document.resource == Resource::Enrollments);
    let enrollment = parse(enrollment.expect("every student is enrolled").body);
    let mut turn = number as usize / 12;
    for month in ["2024-09", "2024-11", "2025-02", "2025-04"] {
        for day in [3, 4, 5, 10, 11, 18, 24] {
            let (code, share) = RARE[turn % RARE.len()];
            posts.push(mark(&enrollment, &format!("{month}-{day:02}"), code, share));
            if turn.is_multiple_of(3) {
                let (code, share) = RARE[(turn + 6) % RARE.len()];
                posts.push(mark(&enrollment, &format!("{month}-{day:02}"), code, share));
            }
            turn += 1;
        }
    }
    let grades = batch.iter().filter(|document| document.resource == Resource::Grades).step_by(5);
    for (at, document) in grades.enumerate() {
        let mut grade = parse(document.body);
        if let Some(members) = grade.as_object_mut() {
            members.remove("numericGradeEarned");
            members.insert("letterGradeEarned".to_owned(), json!(["b+", "F", "P", "U", "A-"][at % 5]));
        }
        posts.push(("grades", grade.to_string()));
    }
    posts
}

fn mark(enrollment: &Value, date: &str, code: &str, share: f64) -> Post {
    let school = enrollment["schoolReference"]["schoolId"].clone();
    let term = if date < "2025-01" { "2024-2025 Fall Semester" } else { "2024-2025 Spring Semester" };
    // A mark of a session that nobody knows does not count.
    let term = if code == "Present" && date.ends_with("10") { "Nobody's session" } else { term };
    let mut body = json!({
        "attendanceEventCategoryDescriptor": format!("uri://ed-fi.org/AttendanceEventCategoryDescriptor#{code}"),
        "eventDate": date, "studentReference": enrollment["studentReference"],
        "schoolReference": {"schoolId": school},
        "sessionReference": {"schoolId": school, "schoolYear": 2025, "sessionName": term},
    });
    if share <= 1.0 {
        body["eventDuration"] = json!(share);
    }
    ("studentSchoolAttendanceEvents", body.to_string())
}

fn parse(body: &str) -> Value {
    serde_json::from_str(body).expect("a body is JSON")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}

fn number(value: &Value) -> i64 {
    value.as_i64().expect("a number")
}
