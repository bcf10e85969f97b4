//! Who is told of what on one machine: a file to begin with, which is its owner's from then on.

use std::path::Path;

use anyhow::Result;
use serde_json::Value;

use super::directory::Directory;
use super::keys::DISTRICT;
use crate::sample::files;

/// The file's name.
pub(crate) const FILE: &str = "teams.yaml";

const EXPLANATION: &str = "\
# Which team is told of an alert: by school, and by the role that a rule names as its audience.
#
# As written at the first start nobody outside this machine is told: every team reads its alerts on the feed
# (`homeroom watch`). To send them on, give a team channels and run their adapters:
#
#   channels:
#     - webhook: https://example.org/homeroom     # homeroom channel webhook
#     - mail: team@example.org                    # homeroom channel mail
#
# `schools: [\"*\"]` means every school; `audience: [attendance]` keeps what is for others away from a team.
# `channel.key` beside this file is the adapters' key to the feed. A change counts some seconds after it is saved; a mistake
# in it is logged, and who was told before is told on.

teams:
";

/// Writes the file unless it is there: a team for each school of the sample, else one for all schools.
pub(crate) fn write_once(directory: &Directory, sample: Option<&Path>) -> Result<()> {
    if directory.read(FILE)?.is_some() {
        return Ok(());
    }
    let mut schools = Vec::new();
    if let Some(sample) = sample {
        schools =
            files::read(sample)?.iter().filter(|d| d.resource == "schools").filter_map(|d| school(&d.body)).collect();
    }
    if schools.is_empty() {
        schools.push(("*".to_owned(), "every school".to_owned()));
    }
    directory.write(FILE, &text(&schools))
}

fn school(body: &str) -> Option<(String, String)> {
    let school: Value = serde_json::from_str(body).ok()?;
    Some((school["schoolId"].as_i64()?.to_string(), school["nameOfInstitution"].as_str()?.to_owned()))
}

fn text(schools: &[(String, String)]) -> String {
    // A JSON string is a YAML string too.
    let quoted = |text: String| Value::from(text).to_string();
    let team = |(id, name): &(String, String)| {
        let title = quoted(format!("Student success, {name}"));
        let school = quoted(id.clone());
        format!("  - name: {title}\n    district: {DISTRICT}\n    schools: [{school}]\n    channels: []\n")
    };
    EXPLANATION.to_owned() + &schools.iter().map(team).collect::<String>()
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn each_school_of_the_sample_has_a_team_and_a_changed_file_is_kept() {
        let data = tempfile::tempdir().expect("a folder");
        let directory = Directory::open(data.path()).expect("free");
        let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/sample/grand-bend");
        write_once(&directory, Some(&sample)).expect("written");
        let written = directory.read(FILE).expect("read").expect("there");
        assert_eq!(written.matches("\n  - name: ").count(), 3);
        assert!(written.contains("name: \"Student success, Grand Bend High School\""), "{written}");
        let path = Some(directory.join(FILE));
        homeroom_notification::routing::Source::open(path, Duration::from_secs(1)).expect("as notification reads it");
        directory.write(FILE, "# mine").expect("written");
        write_once(&directory, Some(&sample)).expect("kept");
        assert_eq!(directory.read(FILE).expect("read").as_deref(), Some("# mine"));
    }
}
