//! What came to the outside world: webhooks, each with its key, school and word.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Context as _, Result, ensure};
use homeroom_harness::WebhookSink;
use homeroom_harness::webhook::Received;
use serde_json::Value;
use uuid::Uuid;

/// What a webhook says.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Word {
    /// Whose: the end of the address.
    pub school: String,
    /// About which alert.
    pub alert_id: String,
    /// Which change of it.
    pub number: u64,
    /// Such as `opened`.
    pub kind: String,
}

/// Everything that came, by word.
#[derive(Debug, Default)]
pub struct Outside {
    /// The key and the number of copies of each word.
    pub words: BTreeMap<Word, (Uuid, u32)>,
}

impl Outside {
    /// Reads the sink. Fails when one word came with two keys, or one key with two words.
    pub fn read(sink: &WebhookSink) -> Result<Self> {
        let mut outside = Self::default();
        let mut keys = BTreeSet::new();
        for request in sink.requests() {
            let (word, key) = parse(&request)?;
            let (known, copies) = outside.words.entry(word.clone()).or_insert((key, 0));
            ensure!(*known == key, "{word:?} came with two keys, {known} and {key}");
            *copies += 1;
            ensure!(*copies > 1 || keys.insert(key), "key {key} came with another word before {word:?}");
        }
        Ok(outside)
    }

    /// Whether this word came.
    pub fn has(&self, school: &str, alert_id: &str, number: u32, kind: &str) -> bool {
        let (school, alert_id, kind) = (school.to_owned(), alert_id.to_owned(), kind.to_owned());
        self.words.contains_key(&Word { school, alert_id, number: number.into(), kind })
    }
}

fn parse(request: &Received) -> Result<(Word, Uuid)> {
    let body: Value = serde_json::from_slice(&request.body).context("a webhook is not JSON")?;
    let data = &body["data"];
    let text = |value: &Value| value.as_str().map(str::to_owned).with_context(|| format!("no text in {body}"));
    let word = Word {
        school: request.uri.path().rsplit('/').next().unwrap_or_default().to_owned(),
        alert_id: text(&data["alert_id"])?,
        number: data["change_number"].as_u64().with_context(|| format!("no number in {body}"))?,
        kind: text(&data["kind"])?,
    };
    let key = request.headers.get("webhook-id").context("a webhook without an id")?.to_str()?;
    Ok((word, key.parse().with_context(|| format!("`{key}` is no key of ours"))?))
}
