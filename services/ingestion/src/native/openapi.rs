//! `GET /openapi.json`: the native API as an OpenAPI 3.1 document.

use axum::Json;
use serde_json::{Value, json};

use super::{cloud_event, route};
use crate::intake::Kind;

/// The document. It names no district and needs no key.
pub(super) async fn get() -> Json<Value> {
    Json(document())
}

/// The document.
pub fn document() -> Value {
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Homeroom: native ingestion API",
            "version": "1",
            "license": { "name": "Apache-2.0", "identifier": "Apache-2.0" },
        },
        "paths": route::paths(),
        "components": { "schemas": schemas(), "securitySchemes": {
            "key": { "type": "http", "scheme": "basic", "description": "key:secret" },
            "token": { "type": "http", "scheme": "bearer" },
        } },
    })
}

/// One record of each kind, by its kind.
pub fn examples() -> Value {
    let mut examples = json!({});
    for kind in Kind::ALL {
        examples[kind.as_str()] = json!({ "value": { "kind": kind.as_str(), "data": example(kind) } });
    }
    examples
}

/// A record of a kind, complete.
pub fn example(kind: Kind) -> Value {
    match kind {
        Kind::Student => json!({
            "student": "604822", "first_name": "Ada", "last_name": "Example", "preferred_name": "",
        }),
        Kind::Enrollment => json!({
            "student": "604822", "school": "255901001", "entry_on": "2021-08-23", "exit_on": null,
            "calendar": "2022-main", "primary_school": true, "grade_level": "Ninth grade", "exit_type": "",
        }),
        Kind::SectionMembership => json!({
            "student": "604822", "section": "ALG-1-03", "begin_on": "2021-08-23", "end_on": null,
        }),
        Kind::Attendance => json!({
            "student": "604822", "school": "255901001", "date": "2022-04-13", "section": null, "session": "2022-spring",
            "code": "Unexcused Absence", "share": 1.0, "minutes": null, "came_at": null, "left_at": null,
        }),
        Kind::Grade => json!({
            "student": "604822", "section": "ALG-1-03", "grading_period": "2022-P4", "grade_type": "Grading Period",
            "numeric": 58.5, "letter": "F",
        }),
        Kind::Behavior => json!({
            "student": "604822", "incident": "2022-0417", "code": "School Violation", "part": "Perpetrator",
        }),
        Kind::Discipline => json!({
            "student": "604822", "school": "255901001", "begin_on": "2022-04-14", "length": 2,
            "code": "Out of School Suspension",
        }),
        Kind::AssignmentResult => json!({
            "student": "604822", "assignment": "ALG-1-03-12", "status": "Graded", "lateness": "Not Late", "points": 17.5,
            "numeric": null, "fulfilled_on": "2022-04-12",
        }),
        Kind::CourseTranscript => json!({
            "student": "604822", "course": "ALG-1", "school_year": 2022, "term": "Fall Semester", "result": "Pass",
            "attempted": 0.5, "earned": 0.5, "numeric": 81, "letter": "B-",
        }),
        Kind::Connection => json!({
            "student": "604822", "with": "207219", "kind": "mentor", "begin_on": "2021-10-04", "end_on": null,
        }),
        Kind::SurveyScore => json!({
            "student": "604822", "survey": "WHO-5", "taken_on": "2022-03-01", "score": 64,
        }),
        _ => reference_example(kind),
    }
}

fn reference_example(kind: Kind) -> Value {
    let school = "255901001";
    match kind {
        Kind::School => json!({ "school": school, "name": "Grand Bend High School", "types": ["High School"] }),
        Kind::Calendar => json!({
            "calendar": "2022-main", "school": school, "school_year": 2022, "code": "main", "calendar_type": "School",
        }),
        Kind::CalendarDate => json!({
            "calendar": "2022-main", "date": "2022-04-13", "events": ["Instructional day"],
        }),
        Kind::Session => json!({
            "session": "2022-spring", "school": school, "school_year": 2022,
            "begin_on": "2022-01-04", "end_on": "2022-05-27",
        }),
        Kind::GradingPeriod => json!({
            "grading_period": "2022-P4", "school": school, "school_year": 2022,
            "begin_on": "2022-02-14", "end_on": "2022-04-08",
        }),
        Kind::Course => json!({ "course": "ALG-1", "subjects": ["Mathematics"] }),
        Kind::CourseOffering => json!({
            "course_offering": "ALG-1-spring", "course": "ALG-1", "session": "2022-spring",
        }),
        Kind::Section => json!({
            "section": "ALG-1-03", "course_offering": "ALG-1-spring", "school": school, "class_periods": ["P3"],
            "official": false,
        }),
        Kind::ClassPeriod => json!({
            "class_period": "P3", "school": school, "official": false, "begin_at": "09:50", "end_at": "10:40",
        }),
        Kind::BellSchedule => json!({
            "bell_schedule": "2022-regular", "school": school, "dates": ["2022-04-13"], "class_periods": ["P3"],
            "begin_at": "08:00", "end_at": "14:30", "grade_levels": ["Ninth grade"], "instruction_minutes": 360,
        }),
        Kind::Incident => json!({ "incident": "2022-0417", "school": school, "date": "2022-04-13" }),
        Kind::Assignment => json!({
            "assignment": "ALG-1-03-12", "section": "ALG-1-03", "due_on": "2022-04-12", "points": 20,
        }),
        Kind::Group => json!({ "group": "robotics", "kind": "activity" }),
        _ => json!({ "section": "ALG-1-03", "date": "2022-04-13" }),
    }
}

fn schemas() -> Value {
    let kinds: Vec<&str> = Kind::ALL.into_iter().map(Kind::as_str).collect();
    let text = json!({ "type": "string" });
    json!({
        "Submission": { "type": "object", "required": ["kind", "data"], "properties": {
            "kind": { "enum": kinds },
            "key": { "type": "string", "maxLength": 500,
                "description": "The sender's natural key of the record; derived from its fields when absent. A record is of one \
                    student: what was sent of the wrong one is sent of the other with `former_student`, or withdrawn for that one." },
            "former_student": { "type": "string",
                "description": "Of whom the record, by its key, was said to be before: it is withdrawn there together with this word, by the \
                    same revision. Who sent it knows; nothing of a record is remembered here that would tell." },
            "revision": { "type": "integer", "minimum": 0,
                "description": "Grows with each word on one key; the time of arrival in microseconds when absent or zero: then corrections must \
                    follow one after the other, each sent when the one before is answered. Where several replicas answer, corrections \
                    that follow within the difference of their clocks need a revision of the sender." },
            "occurred_at": { "type": "string", "format": "date-time" },
            "withdrawn": { "type": "boolean", "description": "The record no longer holds." },
            "data": { "type": "object", "description": "The record, by kind as in the examples; other fields are passed over." },
        } },
        "CloudEvent": { "type": "object", "required": ["specversion", "id", "source", "type"], "properties": {
            "specversion": { "const": "1.0" }, "id": text, "source": text,
            "type": { "enum": cloud_event::types(), "description": "Tells kind and whether the record is withdrawn." },
            "time": { "type": "string", "format": "date-time" },
            "recordkey": { "type": "string", "description": "As `key` of a Submission." },
            "formerstudent": { "type": "string", "description": "As `former_student` of a Submission." },
            "revision": { "type": ["integer", "string"], "description": "As `revision` of a Submission." },
            "data": { "type": "object" }, "data_base64": text,
        } },
        "Results": { "type": "object", "properties": { "results": { "type": "array", "items": {
            "type": "object", "required": ["outcome"], "properties": {
                "outcome": { "enum": ["accepted", "quarantined", "retry"] },
                "event_id": { "type": "string", "format": "uuid" },
                "student_key": text,
                "problem": { "$ref": "#/components/schemas/FieldProblem" },
            },
        } } } },
        "FieldProblem": { "type": "object", "properties": { "field": text, "expected": text, "detail": text } },
        "Problem": { "type": "object", "description": "RFC 9457", "properties": {
            "type": text, "title": text, "status": { "type": "integer" }, "detail": text,
            "errors": { "type": "array", "items": { "$ref": "#/components/schemas/FieldProblem" } },
        } },
        "DeadLetters": dead_letters_schema(),
        "Merging": { "type": "object", "required": ["from", "into"], "description": "The district's own ids.",
            "properties": { "from": text, "into": text } },
        "Merge": merge_schema(),
        "Merges": { "type": "object", "required": ["merges", "splits"], "properties": {
            "merges": { "type": "array", "items": { "$ref": "#/components/schemas/Merge" } },
            "splits": { "type": "array", "items": { "$ref": "#/components/schemas/Merge" } },
        } },
        "StudentKey": { "type": "object", "properties": { "student_key": text } },
        "LocalIds": { "type": "object", "required": ["local_ids"], "properties": { "local_ids": {
            "type": "array", "maxItems": super::student::MAX_STUDENTS, "description": "The district's own ids.",
            "items": { "type": "string", "maxLength": 120 },
        } } },
        "StudentKeys": { "type": "object", "required": ["student_keys"], "properties": { "student_keys": {
            "type": "array", "description": "In the order of the ids; null for what is no student's id.",
            "items": { "type": ["string", "null"] },
        } } },
        "Clock": { "type": "object", "required": ["now"], "properties": { "now": {
            "type": "string", "description": "The district's local time, such as 2022-04-14T08:40:00.",
        } } },
        "Settings": settings_schema(),
    })
}

fn merge_schema() -> Value {
    let text = json!({ "type": "string" });
    let moment = json!({ "type": "string", "format": "date-time" });
    json!({ "type": "object", "required": ["from", "into", "state", "records"], "properties": {
        "from": { "type": "string", "description": "The student's key, 32 hexadecimal digits." }, "into": text,
        "merged_at": moment, "split_at": moment,
        "state": { "enum": ["moving", "moved", "set aside"], "description":
            "Whether all that was sent before has been brought over. What cannot be as things are is set aside and tried again now and then." },
        "records": { "type": "integer", "description": "That were brought over." },
        "problem": { "type": "string", "description": "Why it does not go on; it is tried again." },
    } })
}

fn dead_letters_schema() -> Value {
    let text = json!({ "type": "string" });
    let id = json!({ "type": "string", "format": "uuid" });
    json!({ "type": "object", "required": ["dead_letters"], "properties": {
        "dead_letters": { "type": "array", "items": { "type": "object", "properties": {
            "quarantine_id": id, "source": text, "door": { "enum": ["http", "grpc"] },
            "field": text, "expected": text, "detail": text,
            "received_at": { "type": "string", "format": "date-time" },
            "record_bytes": { "type": "integer", "description": "Of the whole record." },
            "record": { "type": "string", "description": "As it came, at most 64 KiB of it; only with `records=true`." },
            "record_base64": { "type": "string", "description": "In place of `record`, when it is not UTF-8." },
        } } },
        "next": { "type": "string", "format": "uuid", "description": "What to ask for as `after`; absent at the end." },
    } })
}

fn settings_schema() -> Value {
    json!({ "type": "object", "description": "What a request leaves out is the default.", "properties": {
        "clock": { "type": "object", "properties": {
            "time_zone": { "type": "string", "description": "IANA name." },
            "offset_seconds": { "type": "integer", "description": "Zero, but in a sample." },
            "day_close_minute": { "type": "integer", "minimum": 0, "maximum": 1439 },
        } },
        "failing_below": { "type": "integer", "description": "Hundredths of a point." },
        "reporting": { "enum": ["Negative", "Positive"] },
        "source_reporting": {
            "type": "object", "maxProperties": 50, "additionalProperties": { "enum": ["Negative", "Positive"] },
            "description": "What silence means of students whom these sources have enrolled, before what calculators say. Of a student \
                            whom several have enrolled at a school it is presence, when one of them sends exceptions only.",
        },
        "codes": { "type": "object", "additionalProperties": { "enum": [
            "ExcusedAbsence", "UnexcusedAbsence", "AbsenceUnknownExcuse", "Partial", "Tardy", "EarlyDeparture", "Present",
            "SuspendedOut", "SuspendedIn", "Remote", "Activity", "MedicalAbsence", "ExcusedTardy",
        ] } },
        "disciplines": { "type": "object", "additionalProperties": { "enum": [
            "InSchoolSuspension", "OutOfSchoolSuspension", "Expulsion", "Other",
        ] } },
        "connections": { "type": "object", "additionalProperties": { "enum": ["Activity", "Mentor", "TrustedAdult"] } },
        "school_scales": {
            "type": "array", "maxItems": 20,
            "description": "How schools of some types grade, such as by standards; the first that names one of a school's types counts.",
            "items": { "type": "object", "required": ["school_types", "failing_below", "grade_scale"], "properties": {
                "school_types": { "type": "array", "items": { "type": "string" }, "description": "Such as `elementary school`." },
                "failing_below": { "type": "integer", "description": "Hundredths of a point." },
                "grade_scale": { "type": "object", "description": "As the district's own." },
            } },
        },
        "transcript_sources": {
            "type": "array", "items": { "type": "string" }, "maxItems": 50,
            "description": "Whose transcripts are believed first, where several sources have one course of one term.",
        },
        "grade_scale": { "type": "object", "description": "Worths in hundredths of a grade point.", "properties": {
            "letters": { "type": "object", "additionalProperties": { "type": "integer" } },
            "numbers": { "type": "array", "items": { "type": "object", "required": ["from", "points"], "properties": {
                "from": { "type": "integer", "description": "The least grade of this worth, hundredths of a point." },
                "points": { "type": "integer" },
            } } },
        } },
    } })
}
