//! Which shape a request's body has, where its records lie in it, and what each of them submits.

use std::ops::Range;

use homeroom_chassis::problem::Problem;
use http::{HeaderMap, StatusCode, header};

use super::cloud_event;
use crate::intake::{self, Submission, scan};

/// The most records of one request.
pub const MAX_RECORDS: usize = 1_000;

/// The largest body, bytes.
pub const MAX_BODY_BYTES: usize = 10 * 1024 * 1024;

/// What a request's body is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A JSON array of records, or one record.
    Json,
    /// One JSON record on each line.
    Lines,
    /// One CloudEvent, its attributes in headers.
    CloudEventBinary,
    /// One CloudEvent as a JSON object.
    CloudEvent,
    /// A JSON array of CloudEvents.
    CloudEventBatch,
}

/// The media types that are taken, as a sender is told.
pub const MEDIA_TYPES: &str = "application/json, application/x-ndjson, application/cloudevents+json or \
    application/cloudevents-batch+json, in UTF-8";

/// One record of a request.
#[derive(Debug)]
pub struct Submitted<'a> {
    /// As it came.
    pub raw: &'a [u8],
    /// What it submits, or what is wrong.
    pub submission: Result<Submission<'a>, intake::Problem>,
}

impl Shape {
    /// The shape that the headers tell.
    pub fn of(headers: &HeaderMap) -> Result<Self, Problem> {
        let unsupported = |what: &str| {
            Problem::new(
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                "unsupported-media-type",
                "the body has another media type",
            )
            .detail(format!("{what}; send {MEDIA_TYPES}"))
        };
        if headers.get(header::CONTENT_ENCODING).is_some_and(|it| !it.as_bytes().eq_ignore_ascii_case(b"identity")) {
            return Err(unsupported("the body is encoded"));
        }
        let sent = headers.get(header::CONTENT_TYPE).and_then(|it| it.to_str().ok());
        let (media_type, utf8) = media_type(sent.unwrap_or_default());
        if !utf8 {
            return Err(unsupported("the body has another character set"));
        }
        match media_type.as_str() {
            "application/cloudevents+json" => Ok(Self::CloudEvent),
            "application/cloudevents-batch+json" => Ok(Self::CloudEventBatch),
            "application/json" if headers.contains_key(cloud_event::SPEC_VERSION_HEADER) => Ok(Self::CloudEventBinary),
            "application/json" => Ok(Self::Json),
            "application/x-ndjson" | "application/ndjson" | "application/jsonl" => Ok(Self::Lines),
            "" => Err(unsupported("there is no content-type")),
            _ => Err(unsupported("the content-type is another one")),
        }
    }

    /// The records of the body. Fails only when they cannot be told apart.
    pub fn records<'a>(self, headers: &HeaderMap, body: &'a [u8]) -> Result<Vec<Submitted<'a>>, Problem> {
        // Windows programs like to begin a file with it.
        let body = body.strip_prefix(b"\xef\xbb\xbf").unwrap_or(body);
        match self {
            Self::Json if body.trim_ascii_start().first() == Some(&b'{') => {
                let range = scan::object(body).map_err(|error| unreadable(error, body))?;
                Ok(vec![Submitted::read(&body[range], Submission::parse)])
            }
            Self::Json => each_element(body, Submission::parse),
            Self::CloudEventBatch => each_element(body, cloud_event::parse),
            Self::CloudEvent => Ok(vec![Submitted::read(body, cloud_event::parse)]),
            Self::CloudEventBinary => {
                Ok(vec![Submitted { raw: body, submission: cloud_event::from_headers(headers, body) }])
            }
            Self::Lines => each_line(body),
        }
    }
}

impl<'a> Submitted<'a> {
    fn read(raw: &'a [u8], parse: fn(&'a [u8]) -> Result<Submission<'a>, intake::Problem>) -> Self {
        Self { raw, submission: parse(raw) }
    }
}

/// The media type in lower case without its parameters, and whether its characters are UTF-8.
fn media_type(content_type: &str) -> (String, bool) {
    let mut parts = content_type.split(';').map(str::trim);
    let media_type = parts.next().unwrap_or_default().to_ascii_lowercase();
    let charset = parts.find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("charset").then(|| value.trim().trim_matches('"').to_ascii_lowercase())
    });
    let utf8 = charset.is_none_or(|charset| charset == "utf-8" || charset == "utf8" || charset == "us-ascii");
    (media_type, utf8)
}

fn each_element<'a>(
    body: &'a [u8],
    parse: fn(&'a [u8]) -> Result<Submission<'a>, intake::Problem>,
) -> Result<Vec<Submitted<'a>>, Problem> {
    let elements = scan::elements(body, MAX_RECORDS).map_err(|error| unreadable(error, body))?;
    Ok(elements.into_iter().map(|range: Range<usize>| Submitted::read(&body[range], parse)).collect())
}

/// A line is a record whatever it holds; lines without content are none.
fn each_line(body: &[u8]) -> Result<Vec<Submitted<'_>>, Problem> {
    let mut records = Vec::new();
    for line in body.split(|&byte| byte == b'\n').map(<[u8]>::trim_ascii).filter(|line| !line.is_empty()) {
        if records.len() == MAX_RECORDS {
            return Err(unreadable(scan::Error::TooMany(MAX_RECORDS), body));
        }
        records.push(Submitted::read(line, Submission::parse));
    }
    Ok(records)
}

fn unreadable(error: scan::Error, body: &[u8]) -> Problem {
    let problem = |status, kind, title| Problem::new(status, kind, title).detail(error.to_string());
    match error {
        scan::Error::TooMany(_) => {
            problem(StatusCode::PAYLOAD_TOO_LARGE, "too-many-records", "the request has too many records")
        }
        scan::Error::Truncated(_) => problem(StatusCode::BAD_REQUEST, "truncated-body", "the body is cut")
            .detail(format!("{error}, after {} bytes; nothing of it was kept", body.len())),
        scan::Error::Unexpected(_) => problem(
            StatusCode::BAD_REQUEST,
            "unreadable-body",
            "the body is not a JSON array of records, or one record",
        )
        .detail(format!("{error}; nothing of it was kept")),
    }
}

#[cfg(test)]
mod tests {
    use http::HeaderValue;

    use super::*;

    fn shape(content_type: &'static str) -> Result<Shape, StatusCode> {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
        Shape::of(&headers).map_err(|problem| problem.status)
    }

    #[test]
    fn the_media_type_alone_tells_the_shape() {
        assert_eq!(shape("application/json"), Ok(Shape::Json));
        assert_eq!(shape("Application/JSON; charset=UTF-8"), Ok(Shape::Json));
        assert_eq!(shape("application/x-ndjson"), Ok(Shape::Lines));
        assert_eq!(shape("application/cloudevents+json; charset=utf-8"), Ok(Shape::CloudEvent));
        assert_eq!(shape("application/cloudevents-batch+json"), Ok(Shape::CloudEventBatch));
        for other in ["text/plain", "application/json; charset=latin1", "application/cloudevents+avro", ""] {
            assert_eq!(shape(other), Err(StatusCode::UNSUPPORTED_MEDIA_TYPE), "{other}");
        }
    }

    #[test]
    fn a_bad_line_spoils_only_itself() {
        let body = b"{\"kind\":\"school\"}\r\n\n\xff\xfe\n{\"kind\":\"school\"}\n{\"kind\":";
        let records = Shape::Lines.records(&HeaderMap::new(), body).unwrap();
        let good: Vec<bool> = records.iter().map(|record| record.submission.is_ok()).collect();
        assert_eq!(good, [true, false, true, false]);
    }

    #[test]
    fn a_cut_body_says_where() {
        let cut = Shape::Json.records(&HeaderMap::new(), b"[{},{\"a\"").unwrap_err();
        assert_eq!(
            cut.detail,
            "the text ends inside the value that begins at byte 4, after 8 bytes; nothing of it was kept"
        );
        let cut = Shape::Json.records(&HeaderMap::new(), b"{\"a\":{}").unwrap_err();
        assert_eq!((cut.status, &*cut.type_suffix), (StatusCode::BAD_REQUEST, "truncated-body"));
    }
}
