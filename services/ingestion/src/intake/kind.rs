//! The kinds of records that the native doors take.

/// A kind of record.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// A student of the district, with the name for the directory.
    Student,
    /// A spell at a school.
    Enrollment,
    /// Membership of a section.
    SectionMembership,
    /// A mark for a day or section.
    Attendance,
    /// A grade for a section and grading period.
    Grade,
    /// A school.
    School,
    /// A calendar of a school and year.
    Calendar,
    /// What a date of a calendar is.
    CalendarDate,
    /// A session (term).
    Session,
    /// A grading period.
    GradingPeriod,
    /// A course.
    Course,
    /// A course offered in a session.
    CourseOffering,
    /// A section (class).
    Section,
    /// Attendance was taken for a section on a date.
    AttendanceTaken,
    /// A class period.
    ClassPeriod,
    /// A bell schedule.
    BellSchedule,
    /// A part in an incident.
    Behavior,
    /// A consequence of one, such as a suspension.
    Discipline,
    /// A result of an assignment.
    AssignmentResult,
    /// A course, as the transcript has it.
    CourseTranscript,
    /// A tie to an activity or an adult.
    Connection,
    /// What a survey says.
    SurveyScore,
    /// Something that happened at a school.
    Incident,
    /// Work that a section was given.
    Assignment,
    /// A group that students belong to.
    Group,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 25] = [
        Self::Student,
        Self::Enrollment,
        Self::SectionMembership,
        Self::Attendance,
        Self::Grade,
        Self::School,
        Self::Calendar,
        Self::CalendarDate,
        Self::Session,
        Self::GradingPeriod,
        Self::Course,
        Self::CourseOffering,
        Self::Section,
        Self::AttendanceTaken,
        Self::ClassPeriod,
        Self::BellSchedule,
        Self::Behavior,
        Self::Discipline,
        Self::AssignmentResult,
        Self::CourseTranscript,
        Self::Connection,
        Self::SurveyScore,
        Self::Incident,
        Self::Assignment,
        Self::Group,
    ];

    /// What a sender is told when it names none of them.
    pub const EXPECTED: &'static str = "one of student, enrollment, section-membership, attendance, grade, school, \
        calendar, calendar-date, session, grading-period, course, course-offering, section, attendance-taken, \
        class-period, bell-schedule, \
        behavior, discipline, assignment-result, course-transcript, connection, survey-score, incident, assignment, group";

    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Student => "student",
            Self::Enrollment => "enrollment",
            Self::SectionMembership => "section-membership",
            Self::Attendance => "attendance",
            Self::Grade => "grade",
            Self::School => "school",
            Self::Calendar => "calendar",
            Self::CalendarDate => "calendar-date",
            Self::Session => "session",
            Self::GradingPeriod => "grading-period",
            Self::Course => "course",
            Self::CourseOffering => "course-offering",
            Self::Section => "section",
            Self::AttendanceTaken => "attendance-taken",
            Self::ClassPeriod => "class-period",
            Self::BellSchedule => "bell-schedule",
            Self::Behavior => "behavior",
            Self::Discipline => "discipline",
            Self::AssignmentResult => "assignment-result",
            Self::CourseTranscript => "course-transcript",
            Self::Connection => "connection",
            Self::SurveyScore => "survey-score",
            Self::Incident => "incident",
            Self::Assignment => "assignment",
            Self::Group => "group",
        }
    }

    /// The kind of this name.
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}
