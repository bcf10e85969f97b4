//! A person's words in the wrong places: in records that are none, in addresses, queries and headers.

use anyhow::{Context as _, Result};
use homeroom_journeys::district::HIGH;
use homeroom_proto::wire::ingest;
use homeroom_security::raw::{Ends, next};
use homeroom_security::school::KESTREL;
use homeroom_security::{Caller, World};
use reqwest::Method;
use serde_json::{Value, json};

/// A word in records that are wrong.
pub(crate) const WRONG: &str = "zqdunnock";

/// Records and requests that are wrong in every way, with a person's words in the wrong places.
pub(crate) async fn plant_in_bad_requests(world: &World) -> Result<()> {
    let (id, first, last) = (KESTREL.local_id, KESTREL.first, KESTREL.last);
    let good = json!({ "kind": "student", "data": { "student": id, "first_name": first, "last_name": last, "preferred_name": KESTREL.preferred } });
    let mark = |field: &str, value: Value| {
        let mut data = json!({ "student": id, "school": HIGH.to_string(), "date": "2022-04-13", "code": "Tardy" });
        data[field] = value;
        json!({ "kind": "attendance", "data": data })
    };
    let records = json!([
        good,
        mark("date", format!("{WRONG} {first}").into()),
        mark("share", KESTREL.reason.into()),
        mark(WRONG, first.into()),
        mark("student", json!([id, last])),
        mark("session", json!({ WRONG: KESTREL.mail })),
        { "kind": format!("{WRONG} {last}"), "data": { "student": id } },
        { "kind": "student", "key": last.repeat(100), "data": { "student": id, "first_name": 7, "last_name": [first] } },
        { "kind": "enrollment", "revision": first, "data": { "student": id, "school": last, "entry_on": KESTREL.mail } },
        { "kind": "grade", "occurred_at": last, "data": { "student": id, "section": first, "letter": KESTREL.reason.repeat(3) } },
        format!("{first} {last}"),
    ]);
    let post = |media_type: &'static str, body: String| {
        world.request(Caller::Owner, Method::POST, "/v1/events").header("content-type", media_type).body(body)
    };
    let answer = post("application/json", records.to_string()).send().await?;
    assert_eq!(answer.status(), 207, "{}", answer.text().await?);
    let lines = format!("{good}\n{{\"kind\": \"student\", \"data\": {first} {last}\n\"{WRONG} {}\"\n", KESTREL.mail);
    post("application/x-ndjson", lines).send().await?;
    post("application/json", format!("{{\"kind\": \"{WRONG}\", {first}")).send().await?;
    post(&*format!("text/{WRONG}").leak(), first.to_owned()).send().await?;
    let event =
        json!({ "specversion": last, "id": id, "type": first, "source": KESTREL.mail, "data": { "student": id } });
    post("application/cloudevents+json", event.to_string()).send().await?;
    push(world, &good.to_string()).await?;
    plant_in_edfi(world).await?;
    plant_in_addresses(world).await
}

/// The same by gRPC: a good record, and one that is none.
async fn push(world: &World, good: &str) -> Result<()> {
    let record = |kind: &str, record: String| ingest::Submission {
        kind: kind.to_owned(),
        record: record.into_bytes().into(),
        ..Default::default()
    };
    let data: Value = serde_json::from_str(good)?;
    let batch = ingest::PushRequest {
        request_id: KESTREL.last.to_owned(),
        submissions: vec![
            record("student", data["data"].to_string()),
            record("student", format!("{{\"student\": \"{}\", \"first_name\": {}", KESTREL.local_id, KESTREL.first)),
            record(&format!("{WRONG} {}", KESTREL.first), KESTREL.mail.to_owned()),
        ],
    };
    let answers: Vec<ingest::PushResponse> =
        world.grpc.ask(world, Caller::Owner, "/homeroom.ingest.v1.EventIngest/Push", &batch).await?;
    assert_eq!(answers.first().context("no answer")?.results.len(), 3);
    // Not even a message.
    let authorization = Caller::Owner.authorization(world);
    let bytes = format!("\u{7f}{} {}", KESTREL.first, KESTREL.last).into_bytes();
    let broken = world
        .grpc
        .call(authorization.as_deref(), "/homeroom.ingest.v1.EventIngest/Push", vec![bytes], Ends::Closed)
        .await;
    if let Ok(mut stream) = broken {
        assert!(next(&mut stream).await.is_err(), "a message that is none was taken");
    }
    Ok(())
}

async fn plant_in_edfi(world: &World) -> Result<()> {
    let bodies = [
        json!({ "studentUniqueId": { WRONG: KESTREL.local_id }, "firstName": [KESTREL.first], "lastSurname": KESTREL.last.repeat(50) }).to_string(),
        json!({ "studentUniqueId": KESTREL.local_id, "firstName": KESTREL.first, "lastSurname": KESTREL.last, "birthDate": KESTREL.mail }).to_string(),
        format!("{{\"studentUniqueId\": \"{}\", \"firstName\": {}", KESTREL.local_id, KESTREL.first),
        format!("{{\"{}\": \"\u{0}\"}}", KESTREL.reason),
    ];
    for body in bodies {
        for resource in ["students", "studentSchoolAttendanceEvents"] {
            let path = format!("/edfi/sis/data/v3/ed-fi/{resource}");
            let request = world.request(Caller::Owner, Method::POST, &path).header("content-type", "application/json");
            let status = request.body(body.clone()).send().await?.status();
            assert_eq!(status, 400, "{body}");
        }
    }
    // A session that nobody has: kept as a document, and waiting for ever. (A code is the district's word, and travels.)
    let mut mark =
        homeroom_journeys::district::mark_document(KESTREL.local_id, HIGH, "2022-04-13", "A code of its own");
    mark["sessionReference"]["sessionName"] = KESTREL.first.into();
    let edfi = world.homeroom.edfi().await?;
    edfi.post("studentSchoolAttendanceEvents", &mark).await.map(drop)
}

/// In paths, queries and headers, of callers who may and who may not.
async fn plant_in_addresses(world: &World) -> Result<()> {
    let (id, first) = (KESTREL.local_id, KESTREL.first);
    let paths = [
        format!("/v1/students/{id}"),
        format!("/v1/students/{first}%00{WRONG}"),
        format!("/v1/{first}/{id}"),
        format!("/edfi/{first}/data/v3/ed-fi/students"),
        format!("/edfi/sis/{first}"),
        format!("/edfi/sis/data/v3/ed-fi/{first}?studentUniqueId={id}"),
        format!("/edfi/sis/data/v3/ed-fi/students?studentUniqueId={id}&firstName={first}"),
        format!("/edfi/sis/data/v3/ed-fi/students?limit={first}"),
        format!("/edfi/sis/data/v3/ed-fi/students/{first}"),
        format!("/edfi/sis/?{first}={id}"),
    ];
    for path in paths {
        for caller in [Caller::Nobody, Caller::Owner, Caller::Neighbour] {
            for header in ["traceparent", "user-agent", "x-request-id", "referer", "if-match", "accept"] {
                let request = world.request(caller, Method::GET, &path);
                request.header(header, format!("{first}; {}", KESTREL.mail)).send().await?;
            }
        }
    }
    let basic = world.http.get(format!("{}/v1/settings", world.homeroom.url()));
    basic.basic_auth(KESTREL.mail, Some(KESTREL.last)).send().await?;
    world
        .grpc
        .call(Some(KESTREL.mail), &format!("/{}.{first}/{id}", KESTREL.last), Vec::new(), Ends::Closed)
        .await
        .err();
    Ok(())
}
