//! Where documents refer to a document of another resource, and what they say once its natural key has changed: pure.
//!
//! From the table of resources: what refers to a `Section` has a `sectionReference`, by itself or in the objects of a list.

use serde_json::{Map, Value};

use super::table::{Node, Object, Resource, table};

/// A place in the documents of a resource that refers to another resource.
#[derive(Debug)]
pub(crate) struct Place {
    /// Whose documents refer.
    pub(crate) resource: &'static Resource,
    /// The list whose objects hold the reference; none when the document itself does.
    pub(crate) list: Option<&'static str>,
    /// The reference's name.
    pub(crate) reference: String,
}

/// All places that may refer to documents of a resource, by name.
pub(crate) fn places(referred: &Resource) -> Vec<Place> {
    let mut letters = referred.name.chars();
    let Some(first) = letters.next() else { return Vec::new() };
    let reference = format!("{}{}Reference", first.to_lowercase(), letters.as_str());
    let is_in = |object: &Object| matches!(object.properties.get(&reference).map(|it| &it.node), Some(Node::Object(_)));
    let mut found = Vec::new();
    for resource in table().resources() {
        let mut add = |list| found.push(Place { resource, list, reference: reference.clone() });
        if is_in(&resource.shape) {
            add(None);
        }
        for (name, property) in &resource.shape.properties {
            if matches!(&property.node, Node::List(object) if is_in(object)) {
                add(Some(name.as_str()));
            }
        }
    }
    found.sort_by_key(Place::name);
    found
}

impl Place {
    /// What it is known by, also to a later version of the program.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.resource.endpoint, self.list.unwrap_or_default())
    }

    /// What a document has there.
    pub(crate) fn references<'b>(&self, body: &'b Map<String, Value>) -> Vec<&'b Map<String, Value>> {
        let find = |holder: &'b Map<String, Value>| holder.get(&self.reference).and_then(Value::as_object);
        match self.list {
            None => find(body).into_iter().collect(),
            Some(list) => {
                let list = body.get(list).and_then(Value::as_array).map(Vec::as_slice).unwrap_or_default();
                list.iter().filter_map(Value::as_object).filter_map(find).collect()
            }
        }
    }

    /// The document that refers to the new key wherever it referred to the old one; none when it did not.
    pub(crate) fn follow(
        &self,
        body: &Map<String, Value>,
        old: &Map<String, Value>,
        new: &Map<String, Value>,
    ) -> Option<Map<String, Value>> {
        let mut body = body.clone();
        let holders: Vec<&mut Map<String, Value>> = match self.list {
            None => vec![&mut body],
            Some(list) => {
                let list = body.get_mut(list).and_then(Value::as_array_mut)?;
                list.iter_mut().filter_map(Value::as_object_mut).collect()
            }
        };
        let mut has_followed = false;
        for holder in holders {
            let Some(reference) = holder.get_mut(&self.reference).and_then(Value::as_object_mut) else { continue };
            if old.iter().all(|(name, value)| reference.get(name) == Some(value)) {
                reference.extend(new.clone());
                has_followed = true;
            }
        }
        has_followed.then_some(body)
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn object(value: Value) -> Map<String, Value> {
        let Value::Object(object) = value else { panic!("an object is needed") };
        object
    }

    fn referring_to(endpoint: &str) -> Vec<(&'static str, Option<&'static str>)> {
        places(table().find(endpoint).unwrap()).iter().map(|it| (it.resource.endpoint.as_str(), it.list)).collect()
    }

    #[test]
    fn the_table_tells_who_refers() {
        assert_eq!(
            referring_to("sessions"),
            [("courseOfferings", None), ("studentSchoolAttendanceEvents", None), ("surveys", None)]
        );
        assert_eq!(referring_to("courseOfferings"), [("sections", None)]);
        assert_eq!(referring_to("gradebookEntries"), [("studentGradebookEntries", None)]);
        let of_section = referring_to("sections");
        assert!(of_section.contains(&("studentSectionAttendanceEvents", None)), "{of_section:?}");
        assert!(of_section.contains(&("courseTranscripts", Some("sections"))), "{of_section:?}");
        assert!(!of_section.iter().any(|(endpoint, _)| *endpoint == "surveySectionResponses"), "another resource");
    }

    #[test]
    fn a_reference_follows_alone_or_in_a_list_and_another_stays() {
        let (old, new) = (
            object(json!({"classPeriodName": "1", "schoolId": 9})),
            object(json!({"classPeriodName": "01", "schoolId": 9})),
        );
        let place = places(table().find("classPeriods").unwrap());
        let place = place.iter().find(|it| it.resource.endpoint == "sections").unwrap();
        let period = |name: &str| json!({"classPeriodReference": {"classPeriodName": name, "schoolId": 9}});
        let body = object(json!({"sectionIdentifier": "s", "classPeriods": [period("1"), period("2")]}));
        let followed = place.follow(&body, &old, &new).unwrap();
        assert_eq!(
            Value::Object(followed.clone()),
            json!({"sectionIdentifier": "s", "classPeriods": [period("01"), period("2")]})
        );
        assert_eq!(place.follow(&followed, &old, &new), None);
    }
}
