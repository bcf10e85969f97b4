//! The lines that a newcomer pastes into another terminal: send a mark, follow the alerts, play the rest of the year.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use homeroom_domain::date::Date;
use serde_json::{Value, json};

use crate::client::Connection;
use crate::sample::files::Document;

/// Where things are, as the lines name them.
pub(crate) struct Places {
    /// This program.
    pub(crate) program: PathBuf,
    /// DIR/local.env.
    pub(crate) env_file: PathBuf,
    /// DIR/curl.conf, which holds the key: the process list would show it as an argument.
    pub(crate) curl_config: PathBuf,
    /// The sample's folder.
    pub(crate) sample: Option<PathBuf>,
}

/// The lines, each after what it does.
pub(crate) fn text(places: &Places, connection: &Connection, documents: &[Document], today: Date) -> String {
    let program = command(&places.program);
    let env_file = shell(&places.env_file);
    let curl_config = shell(&places.curl_config);
    let mut paragraphs = vec![format!("Follow the alerts:\n  {program} watch --env-file {env_file}\n")];
    match unexcused_absence(documents, today) {
        Some(mark) => paragraphs.push(format!(
            "Send a mark, an unexcused absence today of a student who has none:\n  curl -i -K {curl_config} {}/data/v3/ed-fi/studentSchoolAttendanceEvents -d '{mark}'\n\
             Take it back, and see the alert recalled, with the address after `location:` in the answer:\n  curl -i -K {curl_config} -X DELETE LOCATION\n",
            connection.edfi_url
        )),
        None if documents.is_empty() => {}
        None => paragraphs.push("The sample has no school day today: a mark of today would be kept, and not counted.\n".to_owned()),
    }
    if let Some(sample) = &places.sample {
        paragraphs.push(format!(
            "Play the rest of the sample's year, ten days a minute:\n  {program} sample play --days-per-minute 10 --env-file {env_file} {}\n",
            shell(sample)
        ));
    }
    paragraphs.join("\n")
}

/// The settings that [`Places::curl_config`] holds.
pub(crate) fn curl_config(connection: &Connection) -> String {
    use secrecy::ExposeSecret as _;
    format!(
        "user = \"{}:{}\"\nheader = \"content-type: application/json\"\n",
        connection.key,
        connection.secret.expose_secret()
    )
}

/// A program's path as a shell runs it: a bare name would be looked for on PATH.
fn command(path: &Path) -> String {
    let text = shell(path);
    if text.contains('/') { text } else { format!("./{text}") }
}

/// A path as the current directory sees it, so that lines stay short.
fn shell(path: &Path) -> String {
    let current = std::env::current_dir().unwrap_or_default();
    let text = path.strip_prefix(&current).unwrap_or(path).display().to_string();
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-+,:@".contains(c);
    if text.chars().all(plain) && !text.is_empty() { text } else { format!("'{}'", text.replace('\'', r"'\''")) }
}

/// A mark of today for the first enrolled student who has none, when today is a day of the school's calendar.
fn unexcused_absence(documents: &[Document], today: Date) -> Option<Value> {
    let bodies = |resource: &'static str| documents.iter().filter(move |d| d.resource == resource).filter_map(body);
    let date = today.to_string();
    let school_days: BTreeSet<i64> = bodies("calendarDates")
        .filter(|day| day["date"] == date.as_str())
        .filter_map(|day| day["calendarReference"]["schoolId"].as_i64())
        .collect();
    let marked: BTreeSet<String> = documents
        .iter()
        .filter(|d| d.marked_on == Some(today))
        .filter_map(|d| body(d)?["studentReference"]["studentUniqueId"].as_str().map(str::to_owned))
        .collect();
    let session = |school: i64| {
        let covers = |s: &Value| {
            s["schoolReference"]["schoolId"] == school
                && s["beginDate"].as_str().is_some_and(|begin| begin <= date.as_str())
                && s["endDate"].as_str().is_some_and(|end| end >= date.as_str())
        };
        bodies("sessions").find(covers)
    };
    bodies("studentSchoolAssociations").find_map(|enrollment| {
        let school =
            enrollment["schoolReference"]["schoolId"].as_i64().filter(|school| school_days.contains(school))?;
        let student =
            enrollment["studentReference"]["studentUniqueId"].as_str().filter(|student| !marked.contains(*student))?;
        let session = session(school)?;
        Some(json!({
            "eventDate": date,
            "attendanceEventCategoryDescriptor": "uri://ed-fi.org/AttendanceEventCategoryDescriptor#Unexcused Absence",
            "studentReference": { "studentUniqueId": student },
            "schoolReference": { "schoolId": school },
            "sessionReference": {
                "schoolId": school,
                "schoolYear": session["schoolYearTypeReference"]["schoolYear"],
                "sessionName": session["sessionName"],
            },
        }))
    })
}

fn body(document: &Document) -> Option<Value> {
    serde_json::from_str(&document.body).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sample::files;

    fn sample() -> Vec<Document> {
        files::read(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/sample/grand-bend"))
            .expect("readable")
    }

    #[test]
    fn the_mark_is_of_a_student_who_has_none_today() {
        let today = Date::parse("2022-04-13").expect("a date");
        let mark = unexcused_absence(&sample(), today).expect("a school day");
        assert_eq!(mark["eventDate"], "2022-04-13");
        assert_eq!(mark["sessionReference"]["sessionName"], "2021-2022 Spring Semester");
        let student = mark["studentReference"]["studentUniqueId"].as_str().expect("a student");
        assert!(!sample().iter().any(|d| d.marked_on == Some(today) && d.body.contains(student)));
    }

    #[test]
    fn no_mark_is_offered_on_a_sunday() {
        assert_eq!(unexcused_absence(&sample(), Date::parse("2022-04-17").expect("a date")), None);
    }

    #[test]
    fn a_program_in_this_folder_is_not_looked_for_elsewhere() {
        let here = std::env::current_dir().expect("a folder").join("homeroom");
        assert_eq!(command(&here), "./homeroom");
        assert_eq!(command(Path::new("/usr/bin/homeroom")), "/usr/bin/homeroom");
    }

    #[test]
    fn a_path_with_blanks_is_quoted() {
        assert_eq!(shell(Path::new("/tmp/it's here")), r"'/tmp/it'\''s here'");
        assert_eq!(shell(Path::new("/tmp/a-b.c")), "/tmp/a-b.c");
    }
}
