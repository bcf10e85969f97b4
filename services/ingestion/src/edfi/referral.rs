//! Which keys a document refers to, of those that may change: pure. They are kept beside the documents (`store`), so that whoever
//! changes a key finds what refers to it; documents of before get theirs in the background (`backfill`).
//!
//! Most references are to what never changes its key, such as students and schools, and have no row. A row that is too many costs
//! a look at its document; one that is missing would leave a document behind.

pub(crate) mod backfill;
pub(crate) mod store;

use std::collections::{BTreeSet, HashMap, HashSet};
use std::sync::LazyLock;

use serde_json::{Map, Value};
use sha2::{Digest as _, Sha256};

use super::command::Collection;
use super::reference::{Place, places};
use super::table::{ED_FI, Resource, table};

/// Resources whose natural key a PUT may change.
pub(crate) const KEY_MAY_CHANGE: [&str; 8] = [
    "classPeriods",
    "grades",
    "gradebookEntries",
    "locations",
    "sections",
    "sessions",
    "studentSchoolAssociations",
    "studentSectionAssociations",
];

/// Names a grading period where its name is not given.
const NUMBER: &str = "periodSequence";

static SPOTS: LazyLock<Spots> = LazyLock::new(Spots::of_the_table);

/// A place in the documents of a resource that refers to a key that may change.
#[derive(Debug)]
struct Spot {
    place: Place,
    /// The names of the key's values. Another list where the key may be given in another way.
    names: Vec<Vec<&'static str>>,
}

/// All of them.
#[derive(Debug)]
struct Spots {
    /// By the collection that refers, such as `ed-fi/studentSectionAttendanceEvents`.
    by_collection: HashMap<String, Vec<Spot>>,
    /// Endpoints of what is referred to.
    referred: HashSet<&'static str>,
}

/// Whether the references to a resource are kept.
pub(crate) fn is_kept(referred: &str) -> bool {
    SPOTS.referred.contains(referred)
}

/// Whether documents of a collection may have a reference that is kept.
pub(crate) fn may_refer(resource: &str) -> bool {
    SPOTS.by_collection.contains_key(resource)
}

/// The references of a document that are kept, as hashes.
pub(crate) fn referrals(collection: &Collection, body: &Map<String, Value>) -> BTreeSet<i64> {
    let mut found = BTreeSet::new();
    for spot in SPOTS.by_collection.get(&*collection.resource).into_iter().flatten() {
        for reference in spot.place.references(body) {
            for names in &spot.names {
                let values = names.iter().filter_map(|name| Some((*name, reference.get(*name)?)));
                found.insert(hash(collection, &spot.place, values));
            }
        }
    }
    found
}

/// A reference of a collection's documents at a place to a key, as a hash.
pub(crate) fn referral(collection: &Collection, place: &Place, key: &Map<String, Value>) -> i64 {
    let mut values: Vec<_> = key.iter().map(|(name, value)| (name.as_str(), value)).collect();
    values.sort_unstable_by_key(|(name, _)| *name);
    hash(collection, place, values.into_iter())
}

fn hash<'v>(collection: &Collection, place: &Place, values: impl Iterator<Item = (&'v str, &'v Value)>) -> i64 {
    let mut hasher = Sha256::new();
    let Collection { district, source, resource } = collection;
    for part in [district.as_str(), source.as_str(), resource, &place.reference] {
        hasher.update(part.as_bytes());
        hasher.update(b"\0");
    }
    for (name, value) in values {
        hasher.update(format!("{name}={value}\0").as_bytes());
    }
    let mut first = [0; 8];
    first.iter_mut().zip(hasher.finalize()).for_each(|(to, from)| *to = from);
    i64::from_be_bytes(first)
}

impl Spots {
    fn of_the_table() -> Self {
        let mut spots = Self { by_collection: HashMap::new(), referred: HashSet::new() };
        for resource in movable() {
            for place in places(resource) {
                spots.referred.insert(resource.endpoint.as_str());
                let spot = Spot { names: names(resource), place };
                let collection = format!("{ED_FI}/{}", spot.place.resource.endpoint);
                spots.by_collection.entry(collection).or_default().push(spot);
            }
        }
        spots
    }
}

/// Resources whose key may change: by a request, or since it holds one that may.
fn movable() -> Vec<&'static Resource> {
    let mut found: Vec<_> = KEY_MAY_CHANGE.iter().filter_map(|endpoint| table().find(endpoint)).collect();
    let mut next = 0;
    while let Some(resource) = found.get(next) {
        for place in places(resource) {
            let is_in_key = place.resource.key.iter().any(|part| part.path.first() == Some(&place.reference));
            if is_in_key && !found.iter().any(|it| it.endpoint == place.resource.endpoint) {
                found.push(place.resource);
            }
        }
        next += 1;
    }
    found
}

/// The names of the values of a resource's key, in order.
fn names(resource: &'static Resource) -> Vec<Vec<&'static str>> {
    let named: BTreeSet<_> = resource.key.iter().filter_map(|part| part.path.last()).map(String::as_str).collect();
    let mut lists = Vec::new();
    if named.contains("gradingPeriodName") {
        let mut numbered = named.clone();
        numbered.remove("gradingPeriodName");
        numbered.insert(NUMBER);
        lists.push(numbered.into_iter().collect());
    }
    lists.push(named.into_iter().collect());
    lists
}

#[cfg(test)]
mod tests {
    use homeroom_domain::id::{DistrictId, SourceId};
    use serde_json::json;

    use super::*;
    use crate::edfi::key::key_values;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object is needed") };
        object
    }

    fn collection(endpoint: &str) -> Collection {
        Collection {
            district: DistrictId::parse("grand-bend").unwrap(),
            source: SourceId::parse("sis").unwrap(),
            resource: format!("{ED_FI}/{endpoint}").into(),
        }
    }

    /// What whoever changes a key looks for, at every place of a resource.
    fn wanted(referred: &str, by: &str, key: &Value) -> Vec<i64> {
        let places = places(table().find(referred).unwrap());
        let places = places.iter().filter(|place| place.resource.endpoint == by);
        places.map(|place| referral(&collection(by), place, &object(key.clone()))).collect()
    }

    #[test]
    fn whoever_changes_a_key_looks_for_what_refers_to_it() {
        let section = json!({"sectionIdentifier": "s", "courseOfferingReference":
            {"localCourseCode": "A", "schoolId": 1, "schoolYear": 2022, "sessionName": "Fall"}});
        let key = key_values(table().find("sections"), &object(section));
        let by = "studentSectionAttendanceEvents";
        let mark = |identifier: &str| {
            object(
                json!({"eventDate": "2021-09-06", "studentReference": {"studentUniqueId": "1"}, "sectionReference": {
            "schoolYear": 2022, "localCourseCode": "A", "schoolId": 1, "sessionName": "Fall", "sectionIdentifier": identifier}}),
            )
        };
        let refers = wanted("sections", by, &key);
        assert_eq!(referrals(&collection(by), &mark("s")), refers.iter().copied().collect());
        assert!(!referrals(&collection(by), &mark("t")).contains(&refers[0]));
    }

    #[test]
    fn a_list_refers_to_each_of_its_own() {
        let period = |name: &str| json!({"classPeriodReference": {"classPeriodName": name, "schoolId": 9}});
        let body = object(json!({"sectionIdentifier": "s", "classPeriods": [period("1"), period("2")]}));
        let found = referrals(&collection("sections"), &body);
        assert_eq!(found.len(), 2);
        let wanted = wanted("classPeriods", "sections", &json!({"classPeriodName": "2", "schoolId": 9}));
        assert!(wanted.iter().all(|it| found.contains(it)), "{wanted:?} {found:?}");
    }

    #[test]
    fn a_grading_period_may_be_named_or_numbered() {
        let grade = json!({"gradeTypeDescriptor": "d", "gradingPeriodDescriptor": "g", "gradingPeriodSchoolYear": 2022,
            "gradingPeriodName": "1st", "periodSequence": 1, "schoolId": 1, "studentUniqueId": "1", "localCourseCode": "A",
            "beginDate": "2021-08-23", "schoolYear": 2022, "sectionIdentifier": "s", "sessionName": "Fall"});
        let body = object(json!({"grades": [{"gradeReference": grade}]}));
        let found = referrals(&collection("reportCards"), &body);
        for left_out in ["gradingPeriodName", "periodSequence"] {
            let key = names(table().find("grades").unwrap()).concat().into_iter().filter(|name| *name != left_out);
            let key: Map<_, _> = key.filter_map(|name| Some((name.to_owned(), grade.get(name)?.clone()))).collect();
            let wanted = wanted("grades", "reportCards", &Value::Object(key));
            assert!(!wanted.is_empty() && wanted.iter().all(|it| found.contains(it)), "{left_out}");
        }
    }

    #[test]
    fn keys_that_hold_one_that_may_change_may_change_too() {
        for referred in KEY_MAY_CHANGE.iter().chain(&["courseOfferings"]) {
            let is_referred_to = !places(table().find(referred).unwrap()).is_empty();
            assert_eq!(is_kept(referred), is_referred_to, "{referred}");
        }
        assert!(!is_kept("students") && !is_kept("schools"));
        assert!(may_refer("ed-fi/studentSchoolAttendanceEvents") && !may_refer("ed-fi/students"));
    }
}
