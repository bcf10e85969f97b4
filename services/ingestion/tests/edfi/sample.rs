//! The whole Grand Bend sample: every line is taken, every event of the spine comes out, nothing is held back.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use futures_util::stream::{self, StreamExt as _};
use homeroom_bus::Topic;
use homeroom_domain::event::{Change, Fact};
use serde_json::Value;

use crate::door::{Answer, door};

/// How many senders send at once.
const SENDERS: usize = 64;

fn files() -> Vec<PathBuf> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/sample/grand-bend");
    let mut files: Vec<PathBuf> = ["published", "made"]
        .iter()
        .flat_map(|folder| std::fs::read_dir(sample.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "jsonl"))
        .collect();
    // Not in the order of dependencies: a record may come before what it refers to.
    files.sort();
    files
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_line_of_the_sample_is_taken_in_any_order_and_read_back() {
    let door = door().await;
    let mut lines: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for file in files() {
        let endpoint = file.file_stem().unwrap().to_str().unwrap().to_owned();
        let text = std::fs::read_to_string(&file).unwrap();
        let documents = text.lines().map(|line| serde_json::from_str(line).unwrap());
        lines.entry(endpoint).or_default().extend(documents);
    }
    for (endpoint, documents) in &lines {
        let path = format!("ed-fi/{endpoint}");
        let answers = stream::iter(documents).map(|document| door.post(&path, document)).buffer_unordered(SENDERS);
        let answers: Vec<_> = answers.collect().await;
        for answer in &answers {
            assert!(
                matches!(answer.status.as_u16(), 200 | 201),
                "{endpoint}: {}",
                String::from_utf8_lossy(&answer.body)
            );
        }
        // The published file of course offerings has one of them twice.
        let distinct: BTreeSet<_> = answers.iter().map(Answer::location).collect();
        let made = answers.iter().filter(|answer| answer.status == 201).count();
        assert_eq!(made, distinct.len(), "{endpoint}");
        let counted = door.get(&format!("{path}?limit=0&totalCount=true")).await;
        assert_eq!(counted.header("total-count"), made.to_string(), "{endpoint}");
    }
    // Each disciplinary action of the sample names one discipline, and none of its programs is an activity.
    let of_events = [
        "students",
        "studentSchoolAssociations",
        "studentSectionAssociations",
        "grades",
        "studentGradebookEntries",
        "studentDisciplineIncidentBehaviorAssociations",
        "disciplineActions",
    ];
    let marks = ["studentSchoolAttendanceEvents", "studentSectionAttendanceEvents"];
    let count = |endpoints: &[&str]| endpoints.iter().map(|endpoint| lines[*endpoint].len()).sum::<usize>();
    let events = door.events(count(&of_events) + count(&marks)).await;
    door.outbox_is(0).await;
    assert_eq!(events.len(), count(&of_events) + count(&marks));
    let is_mark = |change: &Change<Fact>| matches!(change, Change::Recorded(Fact::AttendanceMark(_)));
    assert_eq!(events.iter().filter(|event| is_mark(&event.change)).count(), count(&marks));
    assert!(door.records(Topic::DeadLetters, 0).await.is_empty());
}
