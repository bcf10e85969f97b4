//! What the door says of itself, built from the table once: OpenAPI documents, and the order in which to send resources.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use super::table::{ED_FI, Kind, Node, Object, Resource, table};

static RESOURCES: LazyLock<String> = LazyLock::new(|| {
    let resources = table().resources().into_iter();
    document(resources.map(|resource| (resource.endpoint.clone(), lower_first(&resource.name), resource)))
});
static DESCRIPTORS: LazyLock<String> = LazyLock::new(|| {
    let endpoints = table().descriptors().iter();
    document(
        endpoints.map(|endpoint| (endpoint.clone(), endpoint.trim_end_matches('s').to_owned(), table().descriptor())),
    )
});
static DEPENDENCIES: LazyLock<Value> = LazyLock::new(order);

/// The OpenAPI document of the resources, for a connection at this address.
pub(crate) fn resources(base: &str) -> String {
    served_at(base, &RESOURCES)
}

/// The OpenAPI document of the descriptors, for a connection at this address.
pub(crate) fn descriptors(base: &str) -> String {
    served_at(base, &DESCRIPTORS)
}

/// Every resource with its place in the order: what it refers to comes before it.
pub(crate) fn dependencies() -> &'static Value {
    &DEPENDENCIES
}

/// Stands in a document where the connection's address goes: the rest is the same for all and is made once.
const ADDRESS: &str = "{address}";

fn served_at(base: &str, document: &str) -> String {
    // As within a JSON text: the connection's name is as the client wrote it.
    let quoted = Value::from(base).to_string();
    let escaped = quoted.strip_prefix('"').and_then(|text| text.strip_suffix('"')).unwrap_or_default();
    document.replace(ADDRESS, escaped)
}

fn document<'a>(entries: impl Iterator<Item = (String, String, &'a Resource)>) -> String {
    let (mut tags, mut paths, mut schemas) = (Vec::new(), Map::new(), BTreeMap::new());
    for (endpoint, name, resource) in entries {
        let schema = format!("edFi_{name}");
        tags.push(json!({"name": endpoint}));
        paths.insert(format!("/{ED_FI}/{endpoint}"), collection(&endpoint, &schema, resource));
        paths.insert(format!("/{ED_FI}/{endpoint}/{{id}}"), item(&endpoint, &schema));
        object(&schema, &resource.shape, &mut schemas);
    }
    let token = json!({"tokenUrl": format!("{ADDRESS}/oauth/token"), "scopes": {}});
    let document = json!({
        "openapi": "3.0.1",
        "info": {"title": "Homeroom: Ed-Fi API", "version": "3", "description": "Ed-Fi Data Standard 5.2"},
        "servers": [{"url": format!("{ADDRESS}/data/v3")}],
        "security": [{"oauth2_client_credentials": []}],
        "tags": tags,
        "paths": paths,
        "components": {
            "schemas": schemas,
            "securitySchemes": {
                "oauth2_client_credentials": {"type": "oauth2", "flows": {"clientCredentials": token}},
            },
        },
    });
    document.to_string()
}

fn collection(endpoint: &str, schema: &str, resource: &Resource) -> Value {
    let reference = json!({"$ref": format!("#/components/schemas/{schema}")});
    let content = json!({"application/json": {"schema": reference}});
    json!({
        "get": {
            "tags": [endpoint],
            "operationId": format!("get{}", upper_first(endpoint)),
            "parameters": parameters(resource),
            "responses": {"200": {"description": "A page", "content": {"application/json": {"schema": {"type": "array", "items": reference}}}}},
        },
        "post": {
            "tags": [endpoint],
            "operationId": format!("post{}", upper_first(endpoint)),
            "requestBody": {"required": true, "content": content},
            "responses": {"200": {"description": "Changed"}, "201": {"description": "Created"}, "400": {"description": "Not valid"}},
        },
    })
}

fn item(endpoint: &str, schema: &str) -> Value {
    let content = json!({"application/json": {"schema": {"$ref": format!("#/components/schemas/{schema}")}}});
    let id = json!([{"name": "id", "in": "path", "required": true, "schema": {"type": "string"}}]);
    let name = upper_first(endpoint);
    json!({
        "get": {"tags": [endpoint], "operationId": format!("get{name}ById"), "parameters": id,
            "responses": {"200": {"description": "The item", "content": content}, "404": {"description": "There is none"}}},
        "put": {"tags": [endpoint], "operationId": format!("put{name}"), "parameters": id,
            "requestBody": {"required": true, "content": content}, "responses": {"204": {"description": "Changed"}}},
        "delete": {"tags": [endpoint], "operationId": format!("delete{name}ById"), "parameters": id,
            "responses": {"204": {"description": "Deleted"}}},
    })
}

fn parameters(resource: &Resource) -> Vec<Value> {
    let query = |name: &str, schema: Value| json!({"name": name, "in": "query", "schema": schema});
    let mut parameters = vec![
        query("offset", json!({"type": "integer", "default": 0})),
        query("limit", json!({"type": "integer", "minimum": 0, "maximum": 500, "default": 25})),
        query("totalCount", json!({"type": "boolean", "default": false})),
        query("minChangeVersion", json!({"type": "integer", "format": "int64"})),
        query("maxChangeVersion", json!({"type": "integer", "format": "int64"})),
        query("id", json!({"type": "string"})),
    ];
    let mut values = BTreeMap::new();
    collect_values(&resource.shape, &mut values);
    parameters.extend(values.into_iter().map(|(name, kind)| query(name, value(kind))));
    parameters
}

fn collect_values<'a>(object: &'a Object, values: &mut BTreeMap<&'a str, Kind>) {
    for (name, property) in &object.properties {
        match &property.node {
            Node::Value(kind) => {
                values.entry(name).or_insert(*kind);
            }
            Node::Object(inner) => collect_values(inner, values),
            Node::List(_) => {}
        }
    }
}

/// Adds the schema of an object, and of those within it, each under a name of its own.
fn object(name: &str, shape: &Object, schemas: &mut BTreeMap<String, Value>) {
    let mut properties = Map::new();
    for (property, node) in &shape.properties {
        let inner = format!("{name}_{property}");
        let reference = json!({"$ref": format!("#/components/schemas/{inner}")});
        let mut schema = match &node.node {
            Node::Value(kind) => value(*kind),
            Node::Object(shape) => {
                object(&inner, shape, schemas);
                reference
            }
            Node::List(shape) => {
                object(&inner, shape, schemas);
                json!({"type": "array", "items": reference})
            }
        };
        // Within a reference that is part of the key, every value is.
        if node.identity && matches!(node.node, Node::Value(_)) && !numbered_instead(shape, property) {
            schema["x-Ed-Fi-isIdentity"] = Value::Bool(true);
        }
        properties.insert(property.clone(), schema);
    }
    let required: Vec<_> =
        shape.properties.iter().filter(|(_, property)| property.required).map(|(name, _)| name).collect();
    schemas.insert(name.to_owned(), json!({"type": "object", "required": required, "properties": properties}));
}

/// The number of a grading period is its key only where the name is missing; clients of 5.2 take the name.
fn numbered_instead(shape: &Object, property: &str) -> bool {
    property == "periodSequence" && shape.properties.contains_key("gradingPeriodName")
}

fn value(kind: Kind) -> Value {
    match kind {
        Kind::Text(length) | Kind::Trimmed(length) => json!({"type": "string", "maxLength": length}),
        Kind::Descriptor => json!({"type": "string", "maxLength": 306}),
        Kind::Int32 => json!({"type": "integer", "format": "int32"}),
        Kind::Int64 => json!({"type": "integer", "format": "int64"}),
        Kind::Decimal(..) => json!({"type": "number", "format": "double"}),
        Kind::Boolean => json!({"type": "boolean"}),
        Kind::Date => json!({"type": "string", "format": "date"}),
        Kind::Time => json!({"type": "string", "format": "time"}),
        Kind::DateTime => json!({"type": "string", "format": "date-time"}),
    }
}

fn order() -> Value {
    let operations = json!(["Create", "Update"]);
    let descriptors = table().descriptors().iter().map(|endpoint| (endpoint.clone(), 1));
    let resources = table().resources();
    let graph = Graph::of(&resources);
    let mut places: HashMap<usize, u32> = HashMap::new();
    let ordered = resources
        .iter()
        .enumerate()
        .map(|(number, resource)| (resource.endpoint.clone(), graph.place(number, &mut places, &mut Vec::new())));
    let mut all: Vec<_> = descriptors.chain(ordered.collect::<Vec<_>>()).collect();
    all.sort_by(|a, b| (a.1, &a.0).cmp(&(b.1, &b.0)));
    let entry = |(endpoint, order)| json!({"resource": format!("/{ED_FI}/{endpoint}"), "order": order, "operations": operations});
    Value::Array(all.into_iter().map(entry).collect())
}

/// Which resource refers to which.
struct Graph {
    refers_to: Vec<Vec<usize>>,
}

impl Graph {
    fn of(resources: &[&Resource]) -> Self {
        let names: HashMap<String, usize> =
            resources.iter().enumerate().map(|(number, resource)| (lower_first(&resource.name), number)).collect();
        let organizations: Vec<usize> =
            ["school", "localEducationAgency"].iter().filter_map(|name| names.get(*name).copied()).collect();
        let refers_to = resources.iter().map(|resource| {
            let mut references = Vec::new();
            collect_references(&resource.shape, &mut references);
            let found = references.iter().flat_map(|reference| {
                let subject = reference.trim_end_matches("Reference");
                match find_by_ending(&names, subject) {
                    Some(number) => vec![number],
                    None if subject.to_ascii_lowercase().ends_with("educationorganization") => organizations.clone(),
                    None => Vec::new(),
                }
            });
            found.collect()
        });
        Self { refers_to: refers_to.collect() }
    }

    /// One after the highest of what it refers to; descriptors have the first place. A reference back to where the search
    /// came from (an agency's parent agency) says nothing about order.
    fn place(&self, number: usize, places: &mut HashMap<usize, u32>, trail: &mut Vec<usize>) -> u32 {
        if let Some(place) = places.get(&number) {
            return *place;
        }
        trail.push(number);
        let others = self.refers_to[number].iter().filter(|other| !trail.contains(other)).copied().collect::<Vec<_>>();
        let highest = others.into_iter().map(|other| self.place(other, places, trail)).max().unwrap_or(1);
        trail.pop();
        places.insert(number, highest + 1);
        highest + 1
    }
}

fn collect_references<'a>(object: &'a Object, references: &mut Vec<&'a str>) {
    for (name, property) in &object.properties {
        if name.ends_with("Reference") {
            references.push(name);
        }
        if let Node::Object(inner) | Node::List(inner) = &property.node {
            collect_references(inner, references);
        }
    }
}

/// A role may stand before the name: `graduationSchoolYearType` is a `schoolYearType`.
fn find_by_ending(names: &HashMap<String, usize>, subject: &str) -> Option<usize> {
    let mut starts = subject.char_indices().filter(|(place, c)| *place == 0 || c.is_ascii_uppercase());
    starts.find_map(|(place, _)| names.get(&lower_first(subject.get(place..)?)).copied())
}

fn lower_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_lowercase()).into_iter().chain(chars).collect()
}

fn upper_first(name: &str) -> String {
    let mut chars = name.chars();
    chars.next().map(|first| first.to_ascii_uppercase()).into_iter().chain(chars).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_referred_to_comes_first() {
        let order: HashMap<_, _> = dependencies()
            .as_array()
            .unwrap()
            .iter()
            .map(|entry| (entry["resource"].as_str().unwrap(), entry["order"].as_u64().unwrap()))
            .collect();
        let ascending = [
            "/ed-fi/gradeTypeDescriptors",
            "/ed-fi/localEducationAgencies",
            "/ed-fi/schools",
            "/ed-fi/sessions",
            "/ed-fi/courseOfferings",
            "/ed-fi/sections",
            "/ed-fi/studentSectionAssociations",
            "/ed-fi/grades",
        ];
        for pair in ascending.windows(2) {
            assert!(order[pair[0]] < order[pair[1]], "{pair:?}");
        }
        assert!(order["/ed-fi/calendars"] < order["/ed-fi/studentSchoolAssociations"]);
    }

    #[test]
    fn schemas_carry_names_keys_and_required_parts_as_clients_look_for_them() {
        let text = resources("http://x/edfi/sis");
        let document: Value = serde_json::from_str(&text).unwrap();
        let schemas = &document["components"]["schemas"];
        assert_eq!(schemas["edFi_student"]["properties"]["studentUniqueId"]["x-Ed-Fi-isIdentity"], true);
        assert!(schemas["edFi_localEducationAgency"].is_object());
        assert!(schemas["edFi_person"].is_object());
        let reference = &schemas["edFi_studentSchoolAttendanceEvent"]["properties"]["sessionReference"]["$ref"];
        let reference = reference.as_str().unwrap().trim_start_matches("#/components/schemas/");
        assert_eq!(schemas[reference]["properties"]["sessionName"]["x-Ed-Fi-isIdentity"], true);
        assert_eq!(document["servers"][0]["url"], "http://x/edfi/sis/data/v3");
        let flows = &document["components"]["securitySchemes"]["oauth2_client_credentials"]["flows"];
        assert_eq!(flows["clientCredentials"]["tokenUrl"], "http://x/edfi/sis/oauth/token");
        let descriptors: Value = serde_json::from_str(&descriptors("http://x/edfi/a\"b")).unwrap();
        assert!(descriptors["components"]["schemas"]["edFi_gradeTypeDescriptor"].is_object());
    }
}
