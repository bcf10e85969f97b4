//! What the simulated district's system does not send of itself, and the policy counts: bell schedules with dates, words that attendance
//! was taken, lunch, bells for one grade level, rare and unknown codes, minutes and times of marks, shares that add up to more than a day, grades in letters, work that was handed in later.

use std::borrow::Cow;
use std::collections::BTreeMap;

use homeroom_simulate::{Batch, Document, Resource};
use jiff::SignedDuration;
use jiff::civil::{self, Date};
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
        Resource::SectionMarks => {
            // Each student's teachers have their own codes; one in five tells minutes.
            let body = match number % 4 {
                1 => body.replace("#Unexcused Absence", "#Medical Absence").replace("#Tardy", "#Excused Tardy"),
                2 => body.replace("#Unexcused Absence", "#Absent"),
                _ => body.to_owned(),
            };
            match number % 5 {
                2 => Cow::Owned(body.replacen('{', r#"{"sectionAttendanceDuration":35,"#, 1)),
                _ => Cow::Owned(body),
            }
        }
        Resource::DailyMarks if body.contains("#Tardy\"") && number % 3 == 1 => {
            with(format!(r#""arrivalTime":"{:02}:20:00""#, 8 + number % 4))
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
    let mut grade_levels: BTreeMap<i64, Value> = BTreeMap::new();
    for document in batch.iter() {
        match document.resource {
            Resource::Schools => {
                let body = parse(document.body);
                let last = body["gradeLevels"].as_array().and_then(|levels| levels.last().cloned());
                grade_levels.insert(number(&body["schoolId"]), last.expect("a school has grade levels"));
            }
            Resource::ClassPeriods => {
                let body = parse(document.body);
                posts.extend(after_lunch(body));
            }
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
                    posts.push(of_one_grade_level(body.clone(), &grade_levels[&school], &dates[&school]));
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

/// From the fifth period on classes meet half an hour later: lunch is before them.
fn after_lunch(mut period: Value) -> Option<Post> {
    let name = text(&period["classPeriodName"]);
    if !["Period 5", "Period 6", "Period 7"].contains(&name) {
        return None;
    }
    for time in ["startTime", "endTime"] {
        let at: civil::Time = text(&period["meetingTimes"][0][time]).parse().expect("a time");
        let later = at.saturating_add(SignedDuration::from_mins(30));
        period["meetingTimes"][0][time] = json!(later.strftime("%H:%M:%S").to_string());
    }
    Some(("classPeriods", period.to_string()))
}

/// On every seventh date the highest grade level has the first half of its periods alone.
fn of_one_grade_level(mut schedule: Value, grade_level: &Value, dates: &[(String, bool)]) -> Post {
    schedule["bellScheduleName"] = json!("Highest grade level");
    schedule["gradeLevels"] = json!([grade_level]);
    schedule["dates"] = dates.iter().step_by(7).map(|(date, _)| json!({ "date": date })).collect();
    if let Some(periods) = schedule["classPeriods"].as_array_mut() {
        periods.truncate(periods.len().div_ceil(2));
    }
    if let Some(members) = schedule.as_object_mut() {
        members.remove("startTime");
        members.remove("endTime");
    }
    ("bellSchedules", schedule.to_string())
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
const RARE: [(&str, f64); 14] = [
    ("Medical Absence", 1.0),
    ("Early departure", 1.0),
    ("Medical Absence", 0.5),
    ("Excused Tardy", 1.0),
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
    let mut enrollments = batch.iter().filter(|document| document.resource == Resource::Enrollments);
    let Some(enrollment) = enrollments.next().filter(|_| number.is_multiple_of(12)) else { return posts };
    let enrollment = parse(enrollment.body);
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

/// What the registrar's own system has of a course on the transcript: another grade. Of one student in four.
pub(crate) fn of_registrar(number: u32, document: &Document<'_>) -> Option<Post> {
    if document.resource != Resource::Transcripts || !number.is_multiple_of(4) {
        return None;
    }
    let mut taken = parse(document.body);
    let members = taken.as_object_mut().expect("a document is an object");
    members.remove("finalNumericGradeEarned");
    let letter = ["C", "F", "W", "a-"][document.body.len() % 4];
    members.insert("finalLetterGradeEarned".to_owned(), json!(letter));
    Some(("courseTranscripts", taken.to_string()))
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
    match date.rsplit('-').next().unwrap_or_default() {
        "04" => body["schoolAttendanceDuration"] = json!(95),
        "05" => body["departureTime"] = json!("12:10:00"),
        "11" => {
            body["departureTime"] = json!("09:40:00");
            body["arrivalTime"] = json!("10:50:00");
        }
        _ => {}
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
