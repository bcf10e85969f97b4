//! As much of the wires as is needed to tell one message from the next, and what kind it is.

/// How a connection's bytes are cut into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// PostgreSQL's protocol 3.
    Postgres,
    /// Kafka's requests and responses.
    Kafka,
    /// Not at all.
    Any,
}

/// A kind of message from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// PostgreSQL is asked to commit.
    Commit,
    /// Kafka is asked to keep records of this topic.
    Produce(String),
}

/// PostgreSQL's requests for encryption, which come before the first message and are of the same form.
const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
/// Kafka's number of the request to keep records.
const PRODUCE: [u8; 2] = [0, 0];

impl Message {
    /// Whether a message is of this kind.
    pub(super) fn is(&self, frame: &[u8]) -> bool {
        match self {
            // A query of this one word, as drivers end a transaction.
            Self::Commit => {
                let text = frame.get(5..).unwrap_or_default();
                frame.first() == Some(&b'Q') && text.to_ascii_lowercase().starts_with(b"commit")
            }
            Self::Produce(topic) => frame.get(4..6) == Some(&PRODUCE) && contains(frame, topic.as_bytes()),
        }
    }
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Where a client's stream of bytes is in its protocol.
#[derive(Debug)]
pub(super) struct Cutter {
    wire: Wire,
    /// PostgreSQL's first message has no letter before its length.
    begun: bool,
}

impl Cutter {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, begun: false }
    }

    /// The length of the first whole message in these bytes, if there is one.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> Option<usize> {
        let before = match self.wire {
            Wire::Any => return (!bytes.is_empty()).then_some(bytes.len()),
            Wire::Kafka => 0,
            Wire::Postgres => usize::from(self.begun),
        };
        let length = number(bytes.get(before..before + 4)?)? as usize;
        // Kafka's length counts what follows it, PostgreSQL's itself too.
        let end = before + length + if self.wire == Wire::Kafka { 4 } else { 0 };
        let frame = bytes.get(..end)?;
        if self.wire == Wire::Postgres && !self.begun {
            self.begun = !frame.get(4..8).and_then(number).is_some_and(|code| ENCRYPTION.contains(&code));
        }
        Some(end.max(1))
    }
}

/// What a Kafka response repeats of its request.
pub(super) fn correlation(wire: Wire, request: &[u8]) -> Option<[u8; 4]> {
    (wire == Wire::Kafka).then(|| request.get(8..12)?.try_into().ok()).flatten()
}

/// Whether a Kafka response answers the request with this number.
pub(super) fn answers(response: &[u8], correlation: [u8; 4]) -> bool {
    response.get(4..8) == Some(&correlation)
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}
