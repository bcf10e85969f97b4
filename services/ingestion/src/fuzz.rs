//! What must hold of any input whatever. The fuzz targets of `tests/fuzz` call these functions with inputs that they make up,
//! and the tests with every seed, so that what was found once stays mended.

use homeroom_bus::Topic;
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_proto::{dead_letter, directory, event, reference};
use http::{HeaderMap, HeaderName, HeaderValue};
use jiff::Timestamp;
use secrecy::SecretString;
use serde_json::{Map, Value};

use crate::edfi::fuzz as edfi_door;
use crate::intake::{Canonical, Context, Problem, normalise};
use crate::merge::Crosswalk;
use crate::native::body::{MAX_RECORDS, Shape, Submitted};
use crate::pseudonym::{Pseudonym, Pseudonyms};

/// Stands for a student's id or name in seeds. Whatever we say of an input, we must not say it.
const CANARY: &str = "zqcanary";

/// The longest text about one input that senders and operators are told, bytes.
const MAX_WORDS: usize = 2_000;

/// The largest message that one record of the native API becomes, bytes: its texts are bounded, whatever the input.
const MAX_MESSAGE: usize = 64 * 1024;

/// A JSON array of records, or one record. One record alone means the same on a line of NDJSON.
pub fn native_json(input: &[u8]) {
    let as_json = read(Shape::Json, &HeaderMap::new(), input);
    let one_line = !input.contains(&b'\n') && !input.starts_with(b"\xef\xbb\xbf");
    if one_line && input.trim_ascii().first() == Some(&b'{') {
        let as_line = read(Shape::Lines, &HeaderMap::new(), input);
        if let (Some(json), Some(line)) = (as_json, as_line) {
            assert_eq!(json, line);
        }
    }
}

/// NDJSON: what is on one line does not depend on the others.
pub fn native_lines(input: &[u8]) {
    let Some(together) = read(Shape::Lines, &HeaderMap::new(), input) else { return };
    let body = input.strip_prefix(b"\xef\xbb\xbf").unwrap_or(input);
    let alone = body.split(|&byte| byte == b'\n').filter(|line| !line.trim_ascii().is_empty()).flat_map(|line| {
        // Alone, a line may begin with a mark that is passed over at the beginning of a body.
        let line = [b" ", line].concat();
        read(Shape::Lines, &HeaderMap::new(), &line).expect("one line is not too many")
    });
    assert!(alone.eq(together));
}

/// A CloudEvent, or a batch of them. The first line is `structured`, `batch` or `binary`; after `binary` come header lines and an
/// empty one.
pub fn cloud_events(input: &[u8]) {
    let (mode, rest) = split_line(input);
    match mode {
        b"structured" => drop(read(Shape::CloudEvent, &HeaderMap::new(), rest)),
        b"batch" => drop(read(Shape::CloudEventBatch, &HeaderMap::new(), rest)),
        _ => {
            let (headers, body) = headers(rest);
            read(Shape::CloudEventBinary, &headers, body);
        }
    }
}

/// An Ed-Fi document. The first line names the resource.
pub fn edfi_document(input: &[u8]) {
    let (resource, body) = split_line(input);
    let Ok(resource) = std::str::from_utf8(resource) else { return };
    let (pseudonym, source) = (pseudonym(), SourceId::parse("sis").expect("a source"));
    let Some(document) = edfi_door::document(resource, body, &|words| assert_private(words, body)) else { return };
    let again = serde_json::to_vec(&document).expect("JSON");
    let read_back = edfi_door::document(resource, &again, &|words| panic!("what was kept is refused: {words}"));
    assert_eq!(read_back.as_ref(), Some(&document), "a kept document means the same when it is sent again");
    let change =
        |before, after: Option<&Map<String, Value>>| edfi_door::messages(resource, &pseudonym, &source, before, after);
    let recorded = change(None, Some(&document));
    assert_eq!(recorded, change(None, Some(&document)));
    assert_eq!(recorded.len(), change(Some(&document), Some(&document)).len(), "a repeat withdraws nothing");
    let withdrawn = change(Some(&document), None);
    for (topic, value) in recorded.iter().chain(&withdrawn) {
        assert!(value.as_ref().is_none_or(|value| value.len() <= homeroom_bus::log::MAX_RECORD_BYTES));
        check_message(*topic, value.as_deref());
        if *topic == Topic::DeadLetters {
            assert_private(&String::from_utf8_lossy(value.as_deref().unwrap_or_default()), body);
        }
    }
    // A document that cannot be said has nothing to withdraw.
    assert!(withdrawn.len() <= recorded.len());
}

/// Reads a body as the door does, checks what must hold of every answer, and gives what each record became.
fn read(shape: Shape, headers: &HeaderMap, body: &[u8]) -> Option<Vec<Result<Canonical, Problem>>> {
    let records = match shape.records(headers, body) {
        Ok(records) => records,
        Err(problem) => {
            assert_private(&format!("{problem:?}"), body);
            return None;
        }
    };
    assert!(records.len() <= MAX_RECORDS);
    assert!(records.iter().map(|record| record.raw.len()).sum::<usize>() <= body.len(), "no byte is in two records");
    let (pseudonym, source) = (pseudonym(), SourceId::parse("sis").expect("a source"));
    let crosswalk = Crosswalk::default();
    let context = Context::new(&pseudonym, &crosswalk, &source, now());
    Some(records.into_iter().map(|record| understand(&context, record)).collect())
}

fn understand(context: &Context<'_>, record: Submitted<'_>) -> Result<Canonical, Problem> {
    let Submitted { raw, submission } = record;
    let submission = submission.inspect_err(|problem| assert_private(&format!("{problem:?}"), raw))?;
    let canonical = normalise(context, &submission);
    assert_eq!(canonical, normalise(context, &submission), "the same record becomes the same");
    match &canonical {
        Err(problem) => assert_private(&format!("{problem:?}"), raw),
        Ok(canonical) => {
            for (topic, record) in canonical.clone().into_records() {
                assert!(record.value.as_ref().is_none_or(|value| value.len() <= MAX_MESSAGE));
                check_message(topic, record.value.as_deref());
            }
        }
    }
    canonical
}

/// What we send can be read, and is sent the same when it is sent again.
fn check_message(topic: Topic, value: Option<&[u8]>) {
    let Some(value) = value else {
        assert_eq!(topic, Topic::Directory, "only names are erased");
        return;
    };
    let again = match topic {
        Topic::Events => event::encode(&event::decode(value).expect("an event")),
        Topic::Reference => reference::encode(&reference::decode(value).expect("a reference record")),
        Topic::Directory => directory::encode(&directory::decode(value).expect("a profile")),
        Topic::DeadLetters => dead_letter::encode(&dead_letter::decode(value).expect("a dead letter")),
        Topic::Alerts => panic!("no door sends alerts"),
    };
    assert_eq!(again, value);
}

/// What we say of an input is short and does not repeat a student's id or name. A canary where a property's name belongs is
/// none: such names are the sender's own schema.
fn assert_private(words: &str, input: &[u8]) {
    let input = String::from_utf8_lossy(input).to_lowercase();
    let in_a_name = input.match_indices(CANARY).any(|(at, _)| {
        let after = input.get(at..).unwrap_or_default();
        after.split('"').nth(1).is_some_and(|behind| behind.trim_start().starts_with(':'))
    });
    assert!(in_a_name || !words.to_lowercase().contains(CANARY), "{words}");
    assert!(in_a_name || words.len() <= MAX_WORDS || input.len() > MAX_WORDS, "{} bytes of words", words.len());
}

fn split_line(input: &[u8]) -> (&[u8], &[u8]) {
    let at = input.iter().position(|&byte| byte == b'\n');
    at.map_or((input, &[]), |at| (&input[..at], &input[at + 1..]))
}

fn headers(mut input: &[u8]) -> (HeaderMap, &[u8]) {
    let mut headers = HeaderMap::new();
    for _ in 0..64 {
        let (line, rest) = split_line(input);
        input = rest;
        if line.is_empty() {
            break;
        }
        let Some(at) = line.iter().position(|&byte| byte == b':') else { continue };
        if let (Ok(name), Ok(value)) =
            (HeaderName::from_bytes(&line[..at]), HeaderValue::from_bytes(line[at + 1..].trim_ascii()))
        {
            headers.append(name, value);
        }
    }
    (headers, input)
}

fn now() -> Timestamp {
    Timestamp::constant(1_649_869_200, 0)
}

fn pseudonym() -> Pseudonym {
    let district = DistrictId::parse("grand-bend").expect("a district");
    let mut pseudonyms = Pseudonyms::default();
    let secret = SecretString::from("makes-pseudonyms-of-seeds-0123456789abcdef");
    pseudonyms.add(district.clone(), &secret).expect("a good secret");
    pseudonyms.find(&district).expect("it was added").clone()
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Runs every seed of a target.
    fn run(target: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
        let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
        assert!(seeds.len() >= 3, "{} has no seeds", folder.display());
        for seed in seeds {
            let input = std::fs::read(&seed).unwrap();
            println!("{}", seed.display());
            check(&input);
        }
    }

    #[test]
    fn every_seed_of_native_json_holds() {
        run("native-json", native_json);
    }

    #[test]
    fn every_seed_of_native_lines_holds() {
        run("native-lines", native_lines);
    }

    #[test]
    fn every_seed_of_cloud_events_holds() {
        run("cloud-events", cloud_events);
    }

    #[test]
    fn every_seed_of_edfi_documents_holds() {
        run("edfi-document", edfi_document);
    }
}
