//! The routes of the native door, each with its description: the router and the OpenAPI document both come from here.

use axum::Router;
use axum::routing::{MethodRouter, delete, get, post, put};
use serde_json::{Value, json};

use super::{Native, dead_letter, event, merge, openapi, setting, student};

/// One method of one path.
pub struct Route {
    /// In lower case, as OpenAPI writes it.
    pub method: &'static str,
    /// With parameters in braces, as both axum and OpenAPI write them.
    pub path: &'static str,
    answer: fn() -> MethodRouter<Native>,
    describe: fn() -> Value,
}

/// All routes.
pub const ROUTES: [Route; 17] = [
    Route { method: "post", path: "/v1/events", answer: || post(event::post), describe: describe_events },
    Route { method: "get", path: "/v1/students/{local_id}", answer: || get(student::get), describe: describe_student },
    Route { method: "post", path: "/v1/student-keys", answer: || post(student::post), describe: describe_students },
    Route { method: "post", path: "/v1/students/merges", answer: || post(merge::post), describe: describe_merge },
    Route { method: "get", path: "/v1/students/merges", answer: || get(merge::list), describe: describe_merges },
    Route {
        method: "delete",
        path: "/v1/students/merges/{local_id}",
        answer: || delete(merge::delete),
        describe: describe_split,
    },
    Route {
        method: "get",
        path: "/v1/settings",
        answer: || get(setting::get_settings),
        describe: || document("The district's settings", "admin", None, "Settings"),
    },
    Route {
        method: "put",
        path: "/v1/settings",
        answer: || put(setting::put_settings),
        describe: || document("Replace the district's settings", "admin", Some("Settings"), "Settings"),
    },
    Route {
        method: "post",
        path: "/v1/clock",
        answer: || post(setting::post_clock),
        describe: || document("Move the clock of a sample district forward", "admin", Some("Clock"), "Settings"),
    },
    Route {
        method: "get",
        path: "/v1/rule-pack",
        answer: || get(setting::get_rule_pack),
        describe: describe_rule_pack,
    },
    Route {
        method: "put",
        path: "/v1/rule-pack",
        answer: || put(setting::put_rule_pack),
        describe: describe_put_rule_pack,
    },
    Route {
        method: "get",
        path: "/v1/calculators",
        answer: || get(setting::get_calculators),
        describe: describe_calculators,
    },
    Route {
        method: "put",
        path: "/v1/calculators",
        answer: || put(setting::put_calculators),
        describe: describe_put_calculators,
    },
    Route {
        method: "get",
        path: "/v1/calculators/schema",
        answer: || get(setting::get_calculators_schema),
        describe: describe_calculators_schema,
    },
    Route {
        method: "get",
        path: "/v1/rule-pack/schema",
        answer: || get(setting::get_rule_pack_schema),
        describe: describe_rule_pack_schema,
    },
    Route {
        method: "get",
        path: "/v1/dead-letters",
        answer: || get(dead_letter::list),
        describe: describe_dead_letters,
    },
    Route { method: "get", path: "/openapi.json", answer: || get(openapi::get), describe: describe_itself },
];

/// The router of all routes.
pub(super) fn router() -> Router<Native> {
    ROUTES.into_iter().fold(Router::new(), |router, route| router.route(route.path, (route.answer)()))
}

/// The `paths` of the OpenAPI document.
pub(super) fn paths() -> Value {
    let mut paths = json!({});
    for route in ROUTES {
        paths[route.path][route.method] = (route.describe)();
    }
    paths
}

fn describe_events() -> Value {
    let one = json!({ "$ref": "#/components/schemas/Submission" });
    let many = json!({ "type": "array", "maxItems": super::body::MAX_RECORDS, "items": one });
    let cloud_event = json!({ "$ref": "#/components/schemas/CloudEvent" });
    json!({
        "summary": "Keep records",
        "description": "One outcome for each record, in order. A record that is not understood is quarantined and spoils no \
            other. `retry` means that it was not kept and is to be sent again. At most 1,000 records and 10 MiB.",
        "security": [{ "key": ["ingest"] }, { "token": ["ingest"] }],
        "requestBody": { "required": true, "content": {
            "application/json": { "schema": { "oneOf": [many, one] }, "examples": openapi::examples() },
            "application/x-ndjson": { "schema": { "type": "string", "description": "One Submission on each line." } },
            "application/cloudevents+json": { "schema": cloud_event },
            "application/cloudevents-batch+json": { "schema": { "type": "array", "items": cloud_event } },
        } },
        "responses": {
            "200": answer("Every record is kept.", "Results"),
            "207": answer("Some records are quarantined, or to be sent again.", "Results"),
            "400": problem("The body cannot be taken apart; it says at which byte."),
            "401": problem("A valid key or token is needed."),
            "403": problem("The key does not permit this."),
            "408": problem("The body did not arrive in the time that the key's limits give; nothing was kept."),
            "413": problem("Too many bytes or records, for the door or by the key's limits; it says how many are taken."),
            "415": problem("The media type is not taken."),
            "429": problem("The key sends faster than its limits allow. `Retry-After` says when to try again."),
            "504": problem("The request took longer than the key's limits give; send it again."),
            "503": problem("The log, or for records that are not understood the database, is slow or away; nothing was kept. `Retry-After` says when to try again."),
        },
    })
}

fn describe_student() -> Value {
    let mut described = document("The pseudonym of a student", "read", None, "StudentKey");
    described["parameters"] = local_id();
    described
}

fn describe_students() -> Value {
    let mut described = document("The pseudonyms of students", "read", Some("LocalIds"), "StudentKeys");
    described["description"] = "In the order of their ids, of which no address holds any.".into();
    if let Some(responses) = described["responses"].as_object_mut() {
        responses.remove("409");
    }
    described
}

fn local_id() -> Value {
    json!([{
        "name": "local_id", "in": "path", "required": true, "schema": { "type": "string", "maxLength": 120 },
        "description": "The district's own id of the student.",
    }])
}

fn describe_merge() -> Value {
    let mut described = document("Merge two ids of one student", "admin", Some("Merging"), "Merge");
    described["description"] = "From the answer on, what any source sends of `from` counts for `into`. What was sent before follows \
        within moments, with the alerts that it makes or disproves; `GET` tells how far that is. Chains are followed; a request \
        that is repeated changes nothing."
        .into();
    described["responses"]["409"] =
        problem("`from` is merged into another student, or `into` is merged into `from`, perhaps by way of others.");
    described["responses"]["503"] = problem("The database is away. `Retry-After` says when to try again.");
    described
}

fn describe_merges() -> Value {
    let mut described = document("Which ids are merged, and were, newest first", "admin", None, "Merges");
    described["responses"]["503"] = problem("The database is away. `Retry-After` says when to try again.");
    described
}

fn describe_split() -> Value {
    let mut described = document("Split a student who was merged", "admin", None, "Merge");
    described["description"] =
        "What was sent as the student, before the merge or since, counts for the student again.".into();
    described["parameters"] = local_id();
    described["responses"]["404"] = problem("The student was never merged into another one.");
    described["responses"]["503"] = problem("The database is away. `Retry-After` says when to try again.");
    described
}

fn describe_dead_letters() -> Value {
    let mut described = document("Records that nobody understood, newest first", "admin", None, "DeadLetters");
    let query = |name: &str, schema: Value, description: &str| json!({ "name": name, "in": "query", "schema": schema, "description": description });
    let most = dead_letter::MAX_ROWS;
    described["parameters"] = json!([
        query(
            "limit",
            json!({ "type": "integer", "minimum": 1, "maximum": most, "default": 100 }),
            "At most 100 with `records=true`."
        ),
        query(
            "after",
            json!({ "type": "string", "format": "uuid" }),
            "Those that come after this `quarantine_id`, as `next` says."
        ),
        query("quarantine_id", json!({ "type": "string", "format": "uuid" }), "This one alone."),
        query(
            "records",
            json!({ "type": "boolean", "default": false }),
            "With the records themselves, which may hold names."
        ),
    ]);
    described["responses"]["503"] = problem("The database is away. `Retry-After` says when to try again.");
    described
}

fn describe_rule_pack() -> Value {
    let mut described = document("The rules in force, as their author wrote them", "admin", None, "Settings");
    described["responses"]["200"] =
        yaml("The rule pack; the shipped one when none was put. Its `ETag` is the version in force, 0 for none.");
    described
}

fn describe_put_rule_pack() -> Value {
    let mut described = describe_put(
        "Replace the rules",
        "A rule pack, checked as a whole before it is in force.",
        "The rules are kept, and in force within moments.",
    );
    described["responses"]["409"] = problem(
        "A rule says something else than under a version that it had. The problem names it; raise its version, so that what is \
         said later of alerts that cite the version is said in its words.",
    );
    described["responses"]["412"] =
        problem("`If-Match` is not the version in force: somebody else has changed the rules meanwhile.");
    described
}

fn describe_calculators() -> Value {
    let mut described = document("How days are counted, as its author wrote it", "admin", None, "Settings");
    described["responses"]["200"] = yaml("The attendance calculators; the shipped one when none were put.");
    described
}

fn describe_put_calculators() -> Value {
    describe_put(
        "Replace how days are counted",
        "Attendance calculators, checked as a whole before they are in force; `/v1/calculators/schema` has their JSON Schema.",
        "The calculators are kept, and every student is counted by them within moments.",
    )
}

fn describe_calculators_schema() -> Value {
    describe_schema("The JSON Schema of attendance calculators")
}

fn describe_rule_pack_schema() -> Value {
    describe_schema("The JSON Schema of rules")
}

fn describe_schema(summary: &str) -> Value {
    json!({
        "summary": summary,
        "security": [],
        "responses": { "200": {
            "description": "A JSON Schema of draft 2020-12.",
            "content": { "application/schema+json": { "schema": { "type": "object" } } },
        } },
    })
}

/// A route that takes what an author wrote.
fn describe_put(summary: &str, takes: &str, kept: &str) -> Value {
    let mut described = document(summary, "admin", None, "Settings");
    described["requestBody"] = yaml(takes);
    described["requestBody"]["required"] = true.into();
    if let Some(responses) = described["responses"].as_object_mut() {
        responses.remove("200");
    }
    described["responses"]["204"] = json!({ "description": kept });
    described
}

fn describe_itself() -> Value {
    json!({
        "summary": "This description",
        "security": [],
        "responses": { "200": {
            "description": "An OpenAPI 3.1 document.",
            "content": { "application/json": { "schema": { "type": "object" } } },
        } },
    })
}

/// A route that takes a JSON document, or none, and answers one.
fn document(summary: &str, scope: &str, takes: Option<&str>, answers: &str) -> Value {
    let mut described = json!({
        "summary": summary,
        "security": [{ "key": [scope] }, { "token": [scope] }],
        "responses": {
            "200": answer("As it now is.", answers),
            "400": problem("The request says which field cannot be taken."),
            "401": problem("A valid key or token is needed."),
            "403": problem("The key does not permit this."),
        },
    });
    if let Some(schema) = takes {
        described["requestBody"] = json!({ "required": true, "content": content("application/json", schema) });
        described["responses"]["409"] =
            problem("The clock of a district only moves forward, and only that of a sample.");
        described["responses"]["413"] = problem("Too many bytes.");
    }
    described
}

fn content(media_type: &str, schema: &str) -> Value {
    json!({ media_type: { "schema": { "$ref": format!("#/components/schemas/{schema}") } } })
}

fn answer(description: &str, schema: &str) -> Value {
    json!({ "description": description, "content": content("application/json", schema) })
}

fn problem(description: &str) -> Value {
    json!({ "description": description, "content": content("application/problem+json", "Problem") })
}

fn yaml(description: &str) -> Value {
    json!({ "description": description, "content": { "application/yaml": { "schema": { "type": "string" } } } })
}
