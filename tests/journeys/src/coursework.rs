//! What grades need: a course that the high school offers, a section of it, and a grading period.

use anyhow::Result;
use homeroom_harness::homeroom::Posted;
use serde_json::json;

use crate::district::{DAYS_BEFORE, District, HIGH, SESSION, YEAR};

const PERIOD: &str = "2021-2022 Spring Semester Exam 1";

impl District {
    /// Algebra at the high school, which is a core course, and the grading period of the spring.
    pub async fn send_algebra(&self) -> Result<()> {
        let period = json!({
            "gradingPeriodDescriptor": "uri://ed-fi.org/GradingPeriodDescriptor#First Six Weeks",
            "gradingPeriodName": PERIOD, "schoolReference": { "schoolId": HIGH },
            "schoolYearTypeReference": { "schoolYear": YEAR },
            "beginDate": DAYS_BEFORE[0], "endDate": "2022-04-15", "totalInstructionalDays": 15,
        });
        let course = json!({
            "courseCode": "ALG-1", "courseTitle": "Algebra I", "numberOfParts": 1,
            "educationOrganizationReference": { "educationOrganizationId": HIGH },
            "academicSubjects": [{ "academicSubjectDescriptor": "uri://ed-fi.org/AcademicSubjectDescriptor#Mathematics" }],
            "identificationCodes": [{ "identificationCode": "ALG-1",
                "courseIdentificationSystemDescriptor": "uri://ed-fi.org/CourseIdentificationSystemDescriptor#State course code" }],
        });
        let offering = json!({
            "localCourseCode": "ALG-1", "schoolReference": { "schoolId": HIGH },
            "sessionReference": { "schoolId": HIGH, "schoolYear": YEAR, "sessionName": SESSION },
            "courseReference": { "courseCode": "ALG-1", "educationOrganizationId": HIGH },
        });
        let section = json!({ "sectionIdentifier": "ALG-1-03", "courseOfferingReference": {
            "localCourseCode": "ALG-1", "schoolId": HIGH, "schoolYear": YEAR, "sessionName": SESSION,
        } });
        for (resource, document) in
            [("gradingPeriods", period), ("courses", course), ("courseOfferings", offering), ("sections", section)]
        {
            self.edfi().post(resource, &document).await?;
        }
        Ok(())
    }

    /// Puts a student into the class.
    pub async fn take_algebra(&self, id: &str) -> Result<Posted> {
        let membership = json!({
            "beginDate": DAYS_BEFORE[0], "studentReference": { "studentUniqueId": id },
            "sectionReference": {
                "localCourseCode": "ALG-1", "schoolId": HIGH, "schoolYear": YEAR,
                "sectionIdentifier": "ALG-1-03", "sessionName": SESSION,
            },
        });
        self.edfi().post("studentSectionAssociations", &membership).await
    }

    /// The grade of the grading period; a second one takes the place of the first.
    pub async fn grade_algebra(&self, id: &str, numeric: i64) -> Result<Posted> {
        let grade = json!({
            "gradeTypeDescriptor": "uri://ed-fi.org/GradeTypeDescriptor#Grading Period",
            "numericGradeEarned": numeric,
            "gradingPeriodReference": {
                "gradingPeriodDescriptor": "uri://ed-fi.org/GradingPeriodDescriptor#First Six Weeks",
                "gradingPeriodName": PERIOD, "schoolId": HIGH, "schoolYear": YEAR,
            },
            "studentSectionAssociationReference": {
                "beginDate": DAYS_BEFORE[0], "localCourseCode": "ALG-1", "schoolId": HIGH, "schoolYear": YEAR,
                "sectionIdentifier": "ALG-1-03", "sessionName": SESSION, "studentUniqueId": id,
            },
        });
        self.edfi().post("grades", &grade).await
    }
}
