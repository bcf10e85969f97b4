//! The lines of the Grand Bend sample, and what each family says.

use homeroom_domain::date::Date;
use homeroom_domain::event::{AttendanceMark, Scope, Times};
use homeroom_domain::id::{DistrictId, SchoolId};
use homeroom_domain::reference::MeetingTime;
use homeroom_proto::event;
use secrecy::SecretString;
use serde_json::json;

use super::*;
use crate::edfi::table::table;
use crate::edfi::validate::normalise;
use crate::pseudonym::Pseudonyms;

struct Sample {
    pseudonyms: Pseudonyms,
    crosswalk: Crosswalk,
    district: DistrictId,
    source: SourceId,
}

impl Sample {
    fn new() -> Self {
        let district = DistrictId::parse("grand-bend").unwrap();
        let mut pseudonyms = Pseudonyms::default();
        pseudonyms.add(district.clone(), &SecretString::from("one secret of the tests")).unwrap();
        Self { pseudonyms, crosswalk: Crosswalk::default(), district, source: SourceId::parse("sis").unwrap() }
    }

    fn context(&self, endpoint: &str, revision: u64) -> Context<'_> {
        Context {
            pseudonym: self.pseudonyms.find(&self.district).unwrap(),
            crosswalk: &self.crosswalk,
            source: &self.source,
            resource: table().find(endpoint),
            document_id: Uuid::from_u128(7),
            revision,
            received_at: Timestamp::UNIX_EPOCH,
        }
    }

    fn change(&self, endpoint: &str, revision: u64, before: Option<Value>, after: Option<Value>) -> Vec<Message> {
        let body = |value: Option<Value>| value.map(|value| valid(endpoint, value));
        messages(self.context(endpoint, revision), body(before).as_ref(), body(after).as_ref())
    }

    fn said(&self, endpoint: &str, body: Value) -> Vec<Statement> {
        statements(self.context(endpoint, 1), &valid(endpoint, body)).unwrap()
    }
}

fn valid(endpoint: &str, body: Value) -> Map<String, Value> {
    let Value::Object(body) = body else { panic!("an object is needed") };
    normalise(table().find(endpoint).unwrap(), body).unwrap_or_else(|faults| panic!("{endpoint}: {faults:?}"))
}

fn events(messages: &[Message]) -> Vec<Event> {
    let of_topic = messages.iter().filter(|message| message.topic == Topic::Events);
    of_topic.map(|message| event::decode(message.value.as_ref().unwrap()).unwrap()).collect()
}

fn references(messages: &[Message]) -> Vec<ReferenceChange> {
    let of_topic = messages.iter().filter(|message| message.topic == Topic::Reference);
    of_topic.map(|message| reference_wire::decode(message.value.as_ref().unwrap()).unwrap()).collect()
}

fn mark(category: &str) -> Value {
    json!({"eventDate":"2021-08-31","attendanceEventCategoryDescriptor":format!("uri://ed-fi.org/AttendanceEventCategoryDescriptor#{category}"),
        "attendanceEventReason":"Absent excused","eventDuration":0.25,"studentReference":{"studentUniqueId":"604822"},
        "schoolReference":{"schoolId":255_901_001},
        "sessionReference":{"schoolId":255_901_001,"schoolYear":2022,"sessionName":"2021-2022 Fall Semester"}})
}

fn section_reference() -> Value {
    json!({"localCourseCode":"MATH-03","schoolId":255_901_107,"schoolYear":2022,
        "sectionIdentifier":"25590110702Trad201MATH0322011","sessionName":"2021-2022 Spring Semester"})
}

#[test]
fn a_daily_mark_says_school_session_code_and_share_of_the_day() {
    let sample = Sample::new();
    let said = sample.said("studentSchoolAttendanceEvents", mark("Excused Absence"));
    let [Statement::Fact(student, Fact::AttendanceMark(said))] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(student, "604822");
    let expected = AttendanceMark {
        school: SchoolId::parse("255901001").unwrap(),
        date: Date::parse("2021-08-31").unwrap(),
        scope: Scope::Day,
        session: said.session,
        code: "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Excused Absence".to_owned(),
        share: Some(25),
        times: Times::default(),
    };
    assert_eq!(said, &expected);
    assert!(said.session.is_some());
}

#[test]
fn a_section_mark_refers_to_the_section_and_session_that_the_documents_define() {
    let sample = Sample::new();
    let body = json!({"eventDate":"2022-03-07","attendanceEventCategoryDescriptor":"uri://ed-fi.org/AttendanceEventCategoryDescriptor#Tardy",
        "studentReference":{"studentUniqueId":"604945"},"sectionReference":section_reference(),"sectionAttendanceDuration":5,"arrivalTime":"09:35:00"});
    let said = sample.said("studentSectionAttendanceEvents", body);
    let [Statement::Fact(_, Fact::AttendanceMark(mark))] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(mark.times, Times { minutes: Some(5), came_at: Some(9 * 60 + 35), left_at: None });
    let section = json!({"sectionIdentifier":"25590110702Trad201MATH0322011","courseOfferingReference":
        {"localCourseCode":"MATH-03","schoolId":255_901_107,"schoolYear":2022,"sessionName":"2021-2022 Spring Semester"}});
    let [Statement::Entry(_, Entry::Section(section))] = &sample.said("sections", section)[..] else { panic!() };
    assert_eq!(mark.scope, Scope::Section(section.section));
    let session = json!({"sessionName":"2021-2022 Spring Semester","schoolYearTypeReference":{"schoolYear":2022},"beginDate":"2022-01-04",
        "endDate":"2022-05-27","termDescriptor":"t","totalInstructionalDays":88,"schoolReference":{"schoolId":255_901_107}});
    let [Statement::Entry(_, Entry::Session(session))] = &sample.said("sessions", session)[..] else { panic!() };
    assert_eq!(mark.session, Some(session.session));
    let offering = json!({"localCourseCode":"MATH-03","schoolReference":{"schoolId":255_901_107},
        "sessionReference":{"schoolId":255_901_107,"schoolYear":2022,"sessionName":"2021-2022 Spring Semester"},
        "courseReference":{"courseCode":"MATH-03","educationOrganizationId":255_901_107}});
    let [Statement::Entry(_, Entry::CourseOffering(offering))] = &sample.said("courseOfferings", offering)[..] else {
        panic!()
    };
    assert_eq!(offering.course_offering, section.course_offering);
    assert_eq!(offering.session, session.session);
}

#[test]
fn a_section_meets_in_the_periods_that_bells_ring_for() {
    let sample = Sample::new();
    let (school, period) = (
        json!({"schoolId": 255_901_107}),
        json!({"classPeriodReference": {"classPeriodName": "02 - Traditional", "schoolId": 255_901_107}}),
    );
    let said = sample.said(
        "classPeriods",
        json!({"classPeriodName": "02 - Traditional", "schoolReference": school,
        "officialAttendancePeriod": true, "meetingTimes": [{"startTime": "09:35:00", "endTime": "10:25:00"}]}),
    );
    let [Statement::Entry(_, Entry::ClassPeriod(met))] = said.as_slice() else { panic!("{said:?}") };
    assert!(met.official);
    assert_eq!(met.times, [MeetingTime { begin_at: 9 * 60 + 35, end_at: 10 * 60 + 25 }]);
    let said = sample.said(
        "bellSchedules",
        json!({"bellScheduleName": "Normal", "schoolReference": school,
            "gradeLevels": [{"gradeLevelDescriptor": "uri://ed-fi.org/GradeLevelDescriptor#Ninth grade"}],
        "classPeriods": [period], "dates": [{"date": "2022-04-13"}], "startTime": "08:00:00", "totalInstructionalTime": 375}),
    );
    let [Statement::Entry(_, Entry::BellSchedule(bells))] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((bells.class_periods.as_slice(), bells.hours), (&[met.class_period][..], None));
    assert_eq!(bells.instruction, Some(375));
    assert_eq!(bells.dates, [Date::parse("2022-04-13").unwrap()]);
    assert_eq!(bells.grade_levels, ["uri://ed-fi.org/GradeLevelDescriptor#Ninth grade"]);
    let held =
        json!({"localCourseCode": "MATH-03", "schoolId": 255_901_107, "schoolYear": 2022, "sessionName": "Fall"});
    let said = sample
        .said("sections", json!({"sectionIdentifier": "S", "courseOfferingReference": held, "classPeriods": [period]}));
    let [Statement::Entry(_, Entry::Section(section))] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((section.class_periods.as_slice(), section.official), (&[met.class_period][..], false));
}

#[test]
fn a_student_is_registered_named_only_in_the_directory_and_erased_by_a_delete() {
    let sample = Sample::new();
    let body = json!({"studentUniqueId":"604821","firstName":"Tyrone","lastSurname":"Dyer","preferredFirstName":"Ty","birthDate":"2014-11-13"});
    let made = sample.change("students", 7, None, Some(body.clone()));
    let registered = &events(&made)[0];
    assert_eq!(registered.change, Change::Recorded(Fact::Registration));
    assert_eq!(registered.origin.revision, Revision(7));
    let profile = made.iter().find(|message| message.topic == Topic::Directory).unwrap();
    let decoded = directory::decode(profile.value.as_ref().unwrap()).unwrap();
    assert_eq!((decoded.first_name.as_str(), decoded.preferred_name.as_str()), ("Tyrone", "Ty"));
    for message in made.iter().filter(|message| message.topic != Topic::Directory) {
        let bytes = message.value.as_ref().unwrap();
        for private in ["Tyrone", "Dyer", "604821"] {
            assert!(!bytes.windows(private.len()).any(|window| window == private.as_bytes()));
        }
    }
    let gone = sample.change("students", 8, Some(body), None);
    assert_eq!(events(&gone)[0].change, Change::Withdrawn);
    assert_eq!(events(&gone)[0].origin.key, registered.origin.key);
    let tombstone = gone.iter().find(|message| message.topic == Topic::Directory).unwrap();
    assert_eq!((&tombstone.key, &tombstone.value), (&profile.key, &None));
}

#[test]
fn an_enrollment_keeps_its_record_when_its_exit_is_added_and_gets_another_when_its_entry_changes() {
    let sample = Sample::new();
    let body = |entry: &str, exit: Value| {
        json!({"entryDate":entry,"exitWithdrawDate":exit,"entryGradeLevelDescriptor":"uri://ed-fi.org/GradeLevelDescriptor#First grade",
            "calendarReference":{"calendarCode":"2022","schoolId":255_901_107,"schoolYear":2022},"primarySchool":true,
            "schoolReference":{"schoolId":255_901_107},"studentReference":{"studentUniqueId":"604821"}})
    };
    let (first, left) = (body("2021-08-23", Value::Null), body("2021-08-23", json!("2022-01-10")));
    let made = events(&sample.change("studentSchoolAssociations", 1, None, Some(first.clone())));
    let ended = events(&sample.change("studentSchoolAssociations", 2, Some(first), Some(left.clone())));
    assert_eq!(ended.len(), 1);
    assert_eq!(ended[0].origin.key, made[0].origin.key);
    let Change::Recorded(Fact::Enrollment(enrollment)) = &ended[0].change else { panic!() };
    assert_eq!(enrollment.exit_on, Date::parse("2022-01-10"));
    let calendar = json!({"calendarCode":"2022","calendarTypeDescriptor":"t","schoolReference":{"schoolId":255_901_107},"schoolYearTypeReference":{"schoolYear":2022}});
    let [Statement::Entry(_, Entry::Calendar(calendar))] = &sample.said("calendars", calendar)[..] else { panic!() };
    assert_eq!(enrollment.calendar, Some(calendar.calendar));

    let moved =
        events(&sample.change("studentSchoolAssociations", 3, Some(left), Some(body("2021-08-30", Value::Null))));
    assert_eq!(moved[0].change, Change::Withdrawn);
    assert_eq!(moved[0].origin.key, made[0].origin.key);
    assert_ne!(moved[1].origin.key, made[0].origin.key);
}

#[test]
fn a_grade_resolves_to_its_period_by_name_or_by_number() {
    let sample = Sample::new();
    let grade = |period: Value| {
        json!({"gradeTypeDescriptor":"uri://ed-fi.org/GradeTypeDescriptor#Grading Period","numericGradeEarned":63.5,"gradingPeriodReference":period,
            "studentSectionAssociationReference":{"beginDate":"2021-08-23","localCourseCode":"ALG-1","schoolId":255_901_001,"schoolYear":2022,
                "sectionIdentifier":"25590100102Trad220ALG112011","sessionName":"2021-2022 Fall Semester","studentUniqueId":"604822"}})
    };
    let code = "uri://ed-fi.org/GradingPeriodDescriptor#First Six Weeks";
    let period = json!({"schoolReference":{"schoolId":255_901_001},"gradingPeriodDescriptor":code,"gradingPeriodName":"Exam 1","periodSequence":1,
        "schoolYearTypeReference":{"schoolYear":2022},"beginDate":"2021-08-23","endDate":"2021-10-03","totalInstructionalDays":29});
    let published = sample.change("gradingPeriods", 1, None, Some(period.clone()));
    let ids: Vec<_> = references(&published)
        .into_iter()
        .map(|change| match change.change {
            Change::Recorded(Entry::GradingPeriod(period)) => period.grading_period,
            other => panic!("{other:?}"),
        })
        .collect();
    let by_name =
        json!({"gradingPeriodDescriptor":code,"gradingPeriodName":"Exam 1","schoolId":255_901_001,"schoolYear":2022});
    let by_number = json!({"gradingPeriodDescriptor":code,"periodSequence":1,"schoolId":255_901_001,"schoolYear":2022});
    for (reference, id) in [(by_name, ids[0]), (by_number, ids[1])] {
        let said = sample.said("grades", grade(reference));
        let [Statement::Fact(student, Fact::Grade(grade))] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!((student.as_str(), grade.grading_period, grade.numeric), ("604822", id, Some(6_350)));
    }
    let mut unnumbered = period.clone();
    unnumbered.as_object_mut().unwrap().remove("periodSequence");
    let changed = references(&sample.change("gradingPeriods", 2, Some(period), Some(unnumbered)));
    assert_eq!(changed.iter().filter(|change| change.change == Change::Withdrawn).count(), 1);
}

#[test]
fn what_cannot_be_held_is_withdrawn_and_told_and_never_an_error() {
    let sample = Sample::new();
    let mut old = mark("Tardy");
    old["eventDate"] = json!("1750-01-01");
    let messages = sample.change("studentSchoolAttendanceEvents", 9, Some(mark("Tardy")), Some(old));
    assert_eq!(messages[0].topic, Topic::Events);
    assert_eq!(events(&messages)[0].change, Change::Withdrawn);
    let letter = dead_letter::decode(messages[1].value.as_ref().unwrap()).unwrap();
    assert_eq!(letter.field, "$.eventDate");
    assert_eq!(letter.expected, "a date from 1900 to 2200");
}

#[test]
fn subjects_of_a_course_are_read_in_both_generations() {
    let sample = Sample::new();
    let course = |name: &str, value: Value| json!({"courseCode":"ALG-1","courseTitle":"Algebra I","numberOfParts":1,"educationOrganizationReference":{"educationOrganizationId":255_901_001},name:value});
    let math = "uri://ed-fi.org/AcademicSubjectDescriptor#Mathematics";
    let list = course("academicSubjects", json!([{"academicSubjectDescriptor": math}]));
    for body in [list, course("academicSubjectDescriptor", json!(math))] {
        let said = sample.said("courses", body);
        let [Statement::Entry(_, Entry::Course(course))] = said.as_slice() else { panic!("{said:?}") };
        assert_eq!(course.subjects, [math]);
    }
}

#[test]
fn an_event_that_is_repeated_has_the_same_id_and_bytes() {
    let sample = Sample::new();
    let once = sample.change("studentSchoolAttendanceEvents", 5, None, Some(mark("Tardy")));
    assert_eq!(once, sample.change("studentSchoolAttendanceEvents", 5, None, Some(mark("Tardy"))));
    let later = sample.change("studentSchoolAttendanceEvents", 6, None, Some(mark("Tardy")));
    assert_ne!(events(&once)[0].event_id, events(&later)[0].event_id);
}

/// Documents of a resource of the Grand Bend sample.
fn published(endpoint: &str) -> Vec<Value> {
    let folder =
        std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/sample/grand-bend/published");
    let lines = std::fs::read_to_string(folder.join(format!("{endpoint}.jsonl"))).unwrap();
    lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// What all documents of a resource of the sample say.
fn sample_says(sample: &Sample, endpoint: &str) -> Vec<Statement> {
    published(endpoint).into_iter().flat_map(|body| sample.said(endpoint, body)).collect()
}

#[test]
fn the_samples_incidents_have_their_parts_and_consequences() {
    let sample = Sample::new();
    let incidents: Vec<_> = sample_says(&sample, "disciplineIncidents")
        .into_iter()
        .map(|said| match said {
            Statement::Entry("", Entry::Incident(incident)) => incident.incident,
            other => panic!("{other:?}"),
        })
        .collect();
    let parts = sample_says(&sample, "studentDisciplineIncidentBehaviorAssociations");
    let did_it = parts.iter().filter(|said| match said {
        Statement::Fact(_, Fact::Behavior(behavior)) => {
            assert!(incidents.contains(&behavior.incident), "{behavior:?}");
            behavior.part.ends_with("#Perpetrator")
        }
        other => panic!("{other:?}"),
    });
    assert_eq!((incidents.len(), parts.len(), did_it.count()), (14, 14, 14));
    let actions = sample_says(&sample, "disciplineActions");
    let days: i32 = actions
        .iter()
        .map(|said| match said {
            Statement::FactOf(_, _, Fact::Discipline(discipline)) => discipline.length.unwrap(),
            other => panic!("{other:?}"),
        })
        .sum();
    assert_eq!((actions.len(), days), (16, 26_00));
}

#[test]
fn the_samples_gradebook_resolves_to_its_entries() {
    let sample = Sample::new();
    let entries: Vec<_> = sample_says(&sample, "gradebookEntries")
        .into_iter()
        .map(|said| match said {
            Statement::Entry("", Entry::Assignment(assignment)) => assignment,
            other => panic!("{other:?}"),
        })
        .collect();
    assert_eq!(entries[0].due_on, Date::parse("2021-08-24").unwrap());
    let results = sample_says(&sample, "studentGradebookEntries");
    for said in &results {
        let Statement::Fact(_, Fact::AssignmentResult(result)) = said else { panic!("{said:?}") };
        assert!(entries.iter().any(|entry| entry.assignment == result.assignment), "{result:?}");
        assert!(result.numeric.is_some() && result.status.ends_with("#Graded"));
    }
    assert_eq!((entries.len(), results.len()), (10, 150));
}

#[test]
fn a_program_that_says_who_a_student_is_does_not_leave_the_door() {
    let sample = Sample::new();
    assert_eq!(sample_says(&sample, "studentProgramAssociations"), []);
    let mut body = published("studentProgramAssociations").remove(0);
    body["programReference"]["programTypeDescriptor"] = json!("uri://ed-fi.org/ProgramTypeDescriptor#Athletics");
    let said = sample.said("studentProgramAssociations", body);
    let [Statement::Fact(_, Fact::Connection(connection))] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!(connection.begin_on, Date::parse("2021-08-30").unwrap());
}

#[test]
fn a_discipline_that_is_taken_off_an_action_is_withdrawn() {
    let sample = Sample::new();
    let action = |codes: &[&str]| {
        let mut body = published("disciplineActions").remove(0);
        let code =
            |code: &&str| json!({ "disciplineDescriptor": format!("uri://ed-fi.org/DisciplineDescriptor#{code}") });
        body["disciplines"] = codes.iter().map(code).collect();
        Some(body)
    };
    let both = action(&["In School Suspension", "Community Service", "COMMUNITY SERVICE"]);
    let made = events(&sample.change("disciplineActions", 1, None, both.clone()));
    assert_eq!(made.len(), 2, "the same discipline twice is one");
    assert_ne!(made[0].origin.key, made[1].origin.key);
    let changed = events(&sample.change("disciplineActions", 2, both, action(&["In School Suspension"])));
    assert_eq!((changed[0].origin.key, &changed[0].change), (made[1].origin.key, &Change::Withdrawn));
    assert_eq!((changed.len(), changed[1].origin.key), (2, made[0].origin.key));
}

#[test]
fn a_transcript_names_course_year_and_term_and_keeps_three_decimals_of_a_credit() {
    let sample = Sample::new();
    let body = json!({"courseAttemptResultDescriptor":"uri://ed-fi.org/CourseAttemptResultDescriptor#Pass",
        "courseReference":{"courseCode":"ALG-1","educationOrganizationId":255_901_001},"attemptedCredits":0.5,"earnedCredits":"0.125",
        "studentAcademicRecordReference":{"educationOrganizationId":255_901_001,"schoolYear":2022,"studentUniqueId":"604822",
            "termDescriptor":"uri://ed-fi.org/TermDescriptor#Fall Semester"},"finalLetterGradeEarned":"B-"});
    let said = sample.said("courseTranscripts", body);
    let [Statement::Fact(student, Fact::CourseTranscript(transcript))] = said.as_slice() else { panic!("{said:?}") };
    let course = json!({"courseCode":"ALG-1","courseTitle":"Algebra I","numberOfParts":1,"educationOrganizationReference":{"educationOrganizationId":255_901_001}});
    let [Statement::Entry(_, Entry::Course(course))] = &sample.said("courses", course)[..] else { panic!() };
    assert_eq!((student.as_str(), transcript.course, transcript.school_year.0), ("604822", course.course, 2022));
    assert_eq!(
        (transcript.attempted, transcript.earned, transcript.letter.as_deref()),
        (Some(500), Some(125), Some("B-"))
    );
}

#[test]
fn a_cohort_says_what_kind_of_tie_its_members_have() {
    let sample = Sample::new();
    let cohort = json!({"cohortIdentifier":"robotics","cohortTypeDescriptor":"uri://ed-fi.org/CohortTypeDescriptor#Extracurricular Activity",
        "educationOrganizationReference":{"educationOrganizationId":255_901_001}});
    let [Statement::Entry(_, Entry::Group(group))] = &sample.said("cohorts", cohort)[..] else { panic!() };
    let member = json!({"beginDate":"2021-09-06","cohortReference":{"cohortIdentifier":"robotics","educationOrganizationId":255_901_001},
        "studentReference":{"studentUniqueId":"604822"}});
    let said = sample.said("studentCohortAssociations", member);
    let [Statement::Fact(_, Fact::Connection(connection))] = said.as_slice() else { panic!("{said:?}") };
    assert_eq!((connection.with, connection.kind.as_str(), connection.end_on), (group.group, "", None));
}

#[test]
fn an_entry_without_a_section_says_nothing_until_it_has_one() {
    let sample = Sample::new();
    let entry = |section: Option<Value>| {
        let mut entry = json!({"gradebookEntryIdentifier": "q1", "namespace": "uri://x", "title": "Quiz", "dateAssigned": "2022-04-01",
            "sourceSectionIdentifier": "theirs"});
        if let Some(section) = section {
            entry["sectionReference"] = section;
        }
        entry
    };
    let section = json!({"localCourseCode": "A", "schoolId": 1, "schoolYear": 2022, "sectionIdentifier": "s", "sessionName": "Fall"});
    let (without, with) = (entry(None), entry(Some(section)));
    assert_eq!(sample.change("gradebookEntries", 1, None, Some(without.clone())), []);
    let later = sample.change("gradebookEntries", 2, Some(without), Some(with));
    assert!(matches!(references(&later)[0].change, Change::Recorded(Entry::Assignment(_))));
}
