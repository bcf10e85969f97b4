//! The table of resources that drives the door: natural keys, fields, types, and what is required.
//!
//! It is Data Standard 5.2 as published (`data/ds-5.2-resource-fields.json`), with one amendment: up to Data Standard 4.0 a
//! grading period is named by `periodSequence` where 5.x has `gradingPeriodName`, so wherever the name is required the number
//! will do.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::LazyLock;

use serde::Deserialize;

const FIELDS: &str = include_str!("../../data/ds-5.2-resource-fields.json");

/// The folder of the standard's own resources.
pub(crate) const ED_FI: &str = "ed-fi";

static TABLE: LazyLock<Table> = LazyLock::new(|| Table::parse(FIELDS));

/// All resources of the standard, and the one shape of every descriptor.
#[derive(Debug)]
pub(crate) struct Table {
    /// By endpoint in lower case, since clients spell it either way.
    resources: HashMap<String, Resource>,
    descriptor: Resource,
    /// Endpoints of the descriptors that the resources' fields name.
    descriptors: Vec<String>,
}

/// One resource.
#[derive(Debug)]
pub(crate) struct Resource {
    /// Last part of its path, such as `students`; empty for the shape of descriptors.
    pub(crate) endpoint: String,
    /// Such as `Student`.
    pub(crate) name: String,
    /// What its documents hold.
    pub(crate) shape: Object,
    /// Paths of the values of the natural key, in the order of the table; empty when the standard gives none.
    pub(crate) key: Vec<KeyPart>,
}

/// A value of a natural key.
#[derive(Debug, Clone)]
pub(crate) struct KeyPart {
    /// Where it stands.
    pub(crate) path: Vec<String>,
    /// What it is.
    pub(crate) kind: Kind,
}

/// What an object may hold.
#[derive(Debug, Default)]
pub(crate) struct Object {
    /// By name.
    pub(crate) properties: BTreeMap<String, Property>,
}

/// A property of an object.
#[derive(Debug)]
pub(crate) struct Property {
    /// Whether its object is incomplete without it.
    pub(crate) required: bool,
    /// Another property of the same object that does in its place.
    pub(crate) or: Option<&'static str>,
    /// Whether it is, or is part of, the natural key.
    pub(crate) identity: bool,
    /// What it is.
    pub(crate) node: Node,
}

/// What a property is.
#[derive(Debug)]
pub(crate) enum Node {
    /// An object, such as a reference.
    Object(Object),
    /// A list of objects.
    List(Object),
    /// A single value.
    Value(Kind),
}

/// The type of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A text of at most so many characters.
    Text(u32),
    /// A text whose surrounding blanks are dropped, as descriptors' codes are.
    Trimmed(u32),
    /// The URI of a descriptor, compared without regard to case.
    Descriptor,
    /// 32 bits.
    Int32,
    /// 64 bits.
    Int64,
    /// So many digits, and so many of them behind the point.
    Decimal(u8, u8),
    /// True or false.
    Boolean,
    /// `YYYY-MM-DD`.
    Date,
    /// `HH:MM:SS`.
    Time,
    /// Date and time.
    DateTime,
}

#[derive(Deserialize)]
struct RawResource {
    resource: String,
    #[serde(rename = "naturalKey")]
    natural_key: Option<Vec<String>>,
    fields: Vec<RawField>,
}

#[derive(Deserialize)]
struct RawField {
    path: String,
    r#type: String,
    required: bool,
}

/// The table, parsed once.
pub(crate) fn table() -> &'static Table {
    &TABLE
}

impl Table {
    /// The resource of an endpoint of the standard's folder; none when the standard has no such resource.
    pub(crate) fn find(&self, endpoint: &str) -> Option<&Resource> {
        let endpoint = endpoint.to_ascii_lowercase();
        self.resources.get(&endpoint).or_else(|| is_descriptor(&endpoint).then_some(&self.descriptor))
    }

    /// All resources that are not descriptors, by endpoint.
    pub(crate) fn resources(&self) -> Vec<&Resource> {
        let mut resources: Vec<_> = self.resources.values().collect();
        resources.sort_by(|a, b| a.endpoint.cmp(&b.endpoint));
        resources
    }

    /// The shape of every descriptor.
    pub(crate) fn descriptor(&self) -> &Resource {
        &self.descriptor
    }

    /// Endpoints of the descriptors that resources refer to, sorted.
    pub(crate) fn descriptors(&self) -> &[String] {
        &self.descriptors
    }

    fn parse(text: &str) -> Self {
        // The text is part of the program and a test parses it, so a fault in it is found before any user.
        let raw: BTreeMap<String, RawResource> = serde_json::from_str(text).expect("the compiled-in table is JSON");
        let mut resources = HashMap::new();
        let mut descriptors = BTreeSet::new();
        for (endpoint, raw) in raw {
            for field in raw.fields.iter().filter(|field| field.r#type == "descriptor") {
                let name = field.path.rsplit('.').next().unwrap_or_default();
                descriptors.insert(format!("{name}s"));
            }
            resources.insert(endpoint.to_ascii_lowercase(), Resource::parse(endpoint, &raw));
        }
        Self { resources, descriptor: descriptor(), descriptors: descriptors.into_iter().collect() }
    }
}

/// Whether an endpoint is a code list.
pub(crate) fn is_descriptor(endpoint: &str) -> bool {
    endpoint.to_ascii_lowercase().ends_with("descriptors")
}

impl Resource {
    fn parse(endpoint: String, raw: &RawResource) -> Self {
        let natural_key = raw.natural_key.as_deref().unwrap_or_default();
        let mut shape = Object::default();
        for field in &raw.fields {
            let identity = natural_key.iter().any(|key| is_or_is_in(&field.path, key));
            let path: Vec<&str> = field.path.trim_start_matches("$.").split('.').collect();
            shape.insert(&path, Kind::parse(&field.r#type), field.required, identity);
        }
        shape.accept_numbered_grading_periods();
        let key = natural_key.iter().flat_map(|key| {
            raw.fields.iter().filter(move |field| is_or_is_in(&field.path, key)).map(|field| KeyPart {
                path: field.path.trim_start_matches("$.").split('.').map(str::to_owned).collect(),
                kind: Kind::parse(&field.r#type),
            })
        });
        let key = key.collect();
        Self { endpoint, name: raw.resource.clone(), shape, key }
    }
}

fn is_or_is_in(path: &str, key: &str) -> bool {
    path.strip_prefix(key).is_some_and(|rest| rest.is_empty() || rest.starts_with('.'))
}

impl Object {
    fn insert(&mut self, path: &[&str], kind: Kind, required: bool, identity: bool) {
        let Some((name, rest)) = path.split_first() else { return };
        if rest.is_empty() {
            let property = Property { required, or: None, identity, node: Node::Value(kind) };
            self.properties.insert((*name).to_owned(), property);
            return;
        }
        let is_list = name.ends_with("[*]");
        let name = name.trim_end_matches("[*]");
        let only_if_present = is_list || rest.iter().any(|part| part.ends_with("[*]"));
        let property = self.properties.entry(name.to_owned()).or_insert_with(|| Property {
            required: false,
            or: None,
            identity,
            node: if is_list { Node::List(Object::default()) } else { Node::Object(Object::default()) },
        });
        property.required |= required && !only_if_present;
        // A reference without its whole key points at nothing, so its parts are required wherever it is given.
        let required = required || (name.ends_with("Reference") && rest.len() == 1);
        if let Node::Object(object) | Node::List(object) = &mut property.node {
            object.insert(rest, kind, required, identity);
        }
    }

    fn accept_numbered_grading_periods(&mut self) {
        let mut identity = None;
        for (name, property) in &mut self.properties {
            if name == "gradingPeriodName" {
                property.or = Some("periodSequence");
                identity = Some(property.identity);
            }
            if let Node::Object(object) | Node::List(object) = &mut property.node {
                object.accept_numbered_grading_periods();
            }
        }
        if let Some(identity) = identity {
            let number = || Property { required: false, or: None, identity, node: Node::Value(Kind::Int32) };
            self.properties.entry("periodSequence".to_owned()).or_insert_with(number);
        }
    }
}

impl Kind {
    fn parse(text: &str) -> Self {
        let (name, sizes) = text.trim_end_matches(')').split_once('(').unwrap_or((text, ""));
        let mut sizes = sizes.split(',').filter_map(|size| size.parse::<u32>().ok());
        let mut size = || sizes.next().unwrap_or(0);
        match name {
            "string" => Self::Text(size()),
            "descriptor" => Self::Descriptor,
            "int32" => Self::Int32,
            "int64" => Self::Int64,
            "decimal" => {
                let digits = u8::try_from(size()).unwrap_or(u8::MAX);
                Self::Decimal(digits, u8::try_from(size()).unwrap_or(0))
            }
            "boolean" => Self::Boolean,
            "date" => Self::Date,
            "time" => Self::Time,
            "datetime" => Self::DateTime,
            other => panic!("the compiled-in table has an unknown type `{other}`"),
        }
    }
}

/// Every descriptor has these fields, whichever code list it belongs to.
fn descriptor() -> Resource {
    let mut shape = Object::default();
    let fields = [
        ("namespace", Kind::Text(255), true, true),
        ("codeValue", Kind::Trimmed(50), true, true),
        ("shortDescription", Kind::Trimmed(75), true, false),
        ("description", Kind::Text(1024), false, false),
        ("effectiveBeginDate", Kind::Date, false, false),
        ("effectiveEndDate", Kind::Date, false, false),
    ];
    for (name, kind, required, identity) in fields {
        shape.insert(&[name], kind, required, identity);
    }
    // Kind::Descriptor for the key: code lists are compared without regard to case.
    let part = |name: &str| KeyPart { path: vec![name.to_owned()], kind: Kind::Descriptor };
    let key = vec![part("namespace"), part("codeValue")];
    Resource { endpoint: String::new(), name: "Descriptor".to_owned(), shape, key }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_resource_of_the_standard_is_in_the_table_with_its_key() {
        let table = table();
        assert_eq!(table.resources.len(), 138);
        let event = table.find("StudentSchoolAttendanceEvents").unwrap();
        let key: Vec<_> = event.key.iter().map(|part| part.path.join(".")).collect();
        assert_eq!(
            key,
            [
                "attendanceEventCategoryDescriptor",
                "eventDate",
                "schoolReference.schoolId",
                "sessionReference.schoolId",
                "sessionReference.schoolYear",
                "sessionReference.sessionName",
                "studentReference.studentUniqueId",
            ]
        );
        let keyless = table.resources.values().filter(|resource| resource.key.is_empty()).count();
        assert_eq!(
            keyless, 1,
            "surveySectionResponseEducationOrganizationTargetAssociations has none in the standard's table"
        );
    }

    #[test]
    fn a_code_list_has_the_shape_of_every_descriptor() {
        assert_eq!(table().find("gradeTypeDescriptors").unwrap().name, "Descriptor");
        assert!(table().find("parents").is_none());
        assert!(table().descriptors().contains(&"attendanceEventCategoryDescriptors".to_owned()));
    }

    #[test]
    fn a_grading_period_may_be_named_by_its_number_wherever_it_is_referred_to() {
        let grades = table().find("grades").unwrap();
        let Node::Object(reference) = &grades.shape.properties["gradingPeriodReference"].node else { panic!() };
        assert_eq!(reference.properties["gradingPeriodName"].or, Some("periodSequence"));
        assert!(reference.properties["periodSequence"].identity);
    }

    #[test]
    fn parts_of_an_optional_reference_are_required_once_it_is_given() {
        let associations = table().find("studentSchoolAssociations").unwrap();
        let calendar = &associations.shape.properties["calendarReference"];
        assert!(!calendar.required);
        let Node::Object(reference) = &calendar.node else { panic!() };
        assert!(reference.properties.values().all(|part| part.required));
    }
}
