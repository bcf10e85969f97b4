//! What validation refuses, and how it says so.

use serde_json::json;

use super::*;
use crate::edfi::table::table;

fn check(endpoint: &str, body: Value) -> Result<Value, Value> {
    let Value::Object(body) = body else { panic!("an object is needed") };
    match normalise(table().find(endpoint).unwrap(), body) {
        Ok(body) => Ok(Value::Object(body)),
        Err(faults) => Err(serde_json::to_value(faults).unwrap()),
    }
}

fn mark() -> Value {
    json!({
        "attendanceEventCategoryDescriptor": "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Tardy",
        "eventDate": "2021-08-31",
        "schoolReference": {"schoolId": 255_901_001},
        "sessionReference": {"schoolId": 255_901_001, "schoolYear": 2022, "sessionName": "Fall"},
        "studentReference": {"studentUniqueId": "604822"}
    })
}

#[test]
fn what_is_missing_is_told_by_path_all_of_it_at_once() {
    assert_eq!(
        check("academicWeeks", json!({})),
        Err(json!({
            "$.weekIdentifier": ["weekIdentifier is required."],
            "$.schoolReference": ["schoolReference is required."],
            "$.beginDate": ["beginDate is required."],
            "$.endDate": ["endDate is required."],
            "$.totalInstructionalDays": ["totalInstructionalDays is required."]
        }))
    );
    let body = json!({"weekIdentifier": "seven", "schoolReference": {"__schoolId": 999}, "beginDate": "2023-09-11",
        "endDate": "2023-09-11", "__totalInstructionalDays": 10});
    assert_eq!(
        check("academicWeeks", body),
        Err(json!({
            "$.schoolReference.schoolId": ["schoolId is required."],
            "$.totalInstructionalDays": ["totalInstructionalDays is required."]
        }))
    );
}

#[test]
fn numbers_and_booleans_in_quotes_are_taken_and_a_number_for_a_text_is_not() {
    let school = json!({"schoolId": "99", "nameOfInstitution": "UT", "addresses": [{"city": "Austin", "postalCode": "78712",
        "addressTypeDescriptor": "a", "stateAbbreviationDescriptor": "b", "streetNumberName": "c",
        "doNotPublishIndicator": "true"}], "schoolCategories": []});
    let kept = check("schools", school).unwrap();
    assert_eq!(kept["schoolId"], 99);
    assert_eq!(kept["addresses"][0]["doNotPublishIndicator"], true);
    assert!(kept.get("schoolCategories").is_none());

    let mut wrong = mark();
    wrong["studentReference"]["studentUniqueId"] = json!(604_822);
    let message = "studentUniqueId Value is \"integer\" but should be \"string\"";
    assert_eq!(
        check("studentSchoolAttendanceEvents", wrong),
        Err(json!({"$.studentReference.studentUniqueId": [message]}))
    );
}

#[test]
fn dates_are_brought_into_one_form_and_date_times_refused() {
    let student = |date: &str| json!({"studentUniqueId": "1", "firstName": "a", "lastSurname": "b", "birthDate": date});
    assert_eq!(check("students", student("5/1/2009")).unwrap()["birthDate"], "2009-05-01");
    assert_eq!(check("students", student("2009-05-01")).unwrap()["birthDate"], "2009-05-01");
    for wrong in ["2009-02-30", "2009-05-01T00:00:00", "31/12/2009", "yesterday", "2009-5-1"] {
        let expected = json!({"$.birthDate": ["birthDate Value does not match format \"date\""]});
        assert_eq!(check("students", student(wrong)), Err(expected), "{wrong}");
    }
}

#[test]
fn blanks_around_a_key_and_empty_or_blank_required_texts_are_refused() {
    let student = |id: &str, first: &str| json!({"studentUniqueId": id, "firstName": first, "lastSurname": "b", "birthDate": "2009-05-01"});
    let fault = |path: &str, message: &str| Err(json!({path: [message]}));
    assert_eq!(
        check("students", student("", "a")),
        fault("$.studentUniqueId", "studentUniqueId is required and should not be left empty.")
    );
    assert_eq!(
        check("students", student(" 1", "a")),
        fault("$.studentUniqueId", "studentUniqueId cannot contain leading or trailing spaces.")
    );
    assert_eq!(
        check("students", student("1", "   ")),
        fault("$.firstName", "firstName cannot contain leading or trailing spaces.")
    );
    assert_eq!(check("students", student("1", "  a  ")).unwrap()["firstName"], "  a  ");
}

#[test]
fn lengths_and_digits_have_limits() {
    let descriptor =
        json!({"codeValue": "Sick Leave".repeat(8), "namespace": "uri://ed-fi.org/X", "shortDescription": "s"});
    assert_eq!(
        check("absenceEventCategoryDescriptors", descriptor),
        Err(json!({"$.codeValue": ["codeValue Value should be at most 50 characters"]}))
    );
    for years in [json!(1000), json!("1000")] {
        let staff = json!({"staffUniqueId": "s", "firstName": "a", "lastSurname": "b", "yearsOfPriorProfessionalExperience": years});
        let message = "yearsOfPriorProfessionalExperience must be between -999.99 and 999.99.";
        assert_eq!(check("staffs", staff), Err(json!({"$.yearsOfPriorProfessionalExperience": [message]})));
    }
}

#[test]
fn blanks_around_a_code_are_dropped_and_a_blank_code_refused() {
    let descriptor = |code: &str| json!({"codeValue": code, "namespace": "uri://ed-fi.org/X", "shortDescription": "s"});
    assert_eq!(check("xDescriptors", descriptor(" Tribe ")).unwrap()["codeValue"], "Tribe");
    assert_eq!(
        check("xDescriptors", descriptor("   ")),
        Err(json!({"$.codeValue": ["codeValue Value should be at least 1 characters"]}))
    );
}

#[test]
fn extensions_and_unknown_properties_are_kept() {
    let mut extended = mark();
    extended["_ext"] = json!({"tx": {"note": null, "list": []}});
    extended["unknown"] = json!({"x": 1});
    extended["attendanceEventReason"] = Value::Null;
    let kept = check("studentSchoolAttendanceEvents", extended.clone()).unwrap();
    assert_eq!(kept["_ext"], extended["_ext"]);
    assert_eq!(kept["unknown"], json!({"x": 1}));
    assert!(kept.get("attendanceEventReason").is_none());
}

#[test]
fn a_grading_period_by_number_is_as_good_as_one_by_name() {
    let grade = json!({
        "gradeTypeDescriptor": "g",
        "gradingPeriodReference": {"gradingPeriodDescriptor": "d", "periodSequence": "1", "schoolId": 1, "schoolYear": 2022},
        "studentSectionAssociationReference": {"beginDate": "2021-08-23", "localCourseCode": "A", "schoolId": 1, "schoolYear": 2022,
            "sectionIdentifier": "s", "sessionName": "Fall", "studentUniqueId": "1"}
    });
    assert_eq!(check("grades", grade).unwrap()["gradingPeriodReference"]["periodSequence"], 1);
}

#[test]
fn what_separates_the_values_of_a_key_is_in_none_of_them() {
    let mut joined = mark();
    joined["sessionReference"]["sessionName"] = json!("Fall\u{1f}604822");
    let faults = check("studentSchoolAttendanceEvents", joined).unwrap_err();
    assert!(faults["$.sessionReference.sessionName"][0].as_str().unwrap().contains("U+001F"));
}
