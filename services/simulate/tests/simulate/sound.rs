//! Documents refer to what was said before them, and nothing is said outside the year.

use std::collections::BTreeSet;

use homeroom_simulate::{Batch, District, Resource, Word};
use serde_json::Value;

/// Which resource a reference points to, and the members of the key there that stand at the top of its documents.
const REFERENCES: [(&str, Resource, &str); 8] = [
    ("studentReference", Resource::Students, "studentUniqueId"),
    ("contactReference", Resource::Contacts, "contactUniqueId"),
    ("staffReference", Resource::Staffs, "staffUniqueId"),
    ("sectionReference", Resource::Sections, "sectionIdentifier"),
    ("cohortReference", Resource::Cohorts, "cohortIdentifier"),
    ("gradebookEntryReference", Resource::GradebookEntries, "gradebookEntryIdentifier"),
    ("disciplineIncidentReference", Resource::Incidents, "incidentIdentifier"),
    ("schoolReference", Resource::Schools, "schoolId"),
];

#[test]
fn whoever_is_referred_to_was_said_before() {
    let district = District::new(1_500, 8, 2025).expect("possible");
    let mut batch = Batch::new(district.opening()..=district.closing());
    district.office(&mut batch);
    (0..district.schools()).for_each(|school| district.school(school, &mut batch));
    (0..district.students()).for_each(|student| district.student(student, &mut batch));
    let made = batch.len();
    batch.sort();
    let mut known = BTreeSet::new();
    let mut resources = BTreeSet::new();
    for document in batch.iter() {
        assert!((district.opening()..=district.closing()).contains(&document.on));
        let body: Value = serde_json::from_str(document.body).expect("JSON");
        for (reference, resource, id) in REFERENCES {
            if let Some(object) = body.get(reference) {
                assert!(known.contains(&(resource, object[id].to_string())), "{:?} {}", document.on, document.body);
            }
            if document.resource == resource && document.word == Word::Said {
                known.insert((resource, body[id].to_string()));
            }
        }
        resources.insert(document.resource);
    }
    assert_eq!(resources.len(), Resource::ALL.len(), "every resource is there");
    assert!((made / 1_500) < 250, "{made} documents of 1,500 students");
    println!("{made} documents");
}

#[test]
fn nothing_is_said_twice_in_the_same_words_on_one_day() {
    let district = District::new(1_000, 9, 2025).expect("possible");
    for student in 0..1_000 {
        let mut batch = Batch::new(district.opening()..=district.closing());
        district.student(student, &mut batch);
        let mut seen = BTreeSet::new();
        for document in batch.iter() {
            let words = (document.on, document.word, document.resource, document.body.to_owned());
            assert!(seen.insert(words), "{:?} {}", document.on, document.body);
        }
    }
}
