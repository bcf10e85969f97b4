//! As much of the wires as is needed to tell one message from the next, and what kind it is.

mod grpc;
mod statements;

pub(super) use statements::Statements;

/// How a connection's bytes are cut into messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Wire {
    /// PostgreSQL's protocol 3.
    Postgres,
    /// Kafka's requests and responses.
    Kafka,
    /// HTTP/2 in the clear, as gRPC speaks it: frames.
    Http2,
    /// Not at all.
    Any,
}

/// A kind of message from a client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Message {
    /// PostgreSQL is asked to commit.
    Commit,
    /// The same, of a transaction in which a statement with these words was executed.
    CommitOf(&'static str),
    /// Kafka is asked to keep records of this topic.
    Produce(String),
    /// The feed of deliveries is told how attempts ended.
    Settlement,
}

/// PostgreSQL's requests for encryption, which come before the first message and are of the same form.
const ENCRYPTION: [u32; 2] = [80_877_103, 80_877_104];
/// Kafka's number of the request to keep records.
const PRODUCE: [u8; 2] = [0, 0];

impl Message {
    /// Whether a message is of this kind; `before` is what the connection executed in its transaction before it.
    pub(super) fn is(&self, frame: &[u8], before: &Statements) -> bool {
        match self {
            Self::Commit => is_commit(frame),
            Self::CommitOf(words) => is_commit(frame) && before.contain(words.as_bytes()),
            Self::Produce(topic) => frame.get(4..6) == Some(&PRODUCE) && contains(frame, topic.as_bytes()),
            Self::Settlement => grpc::brings(frame, &grpc::SETTLEMENT),
        }
    }
}

/// A query of this one word, as drivers end a transaction.
fn is_commit(frame: &[u8]) -> bool {
    let text = frame.get(5..).unwrap_or_default();
    frame.first() == Some(&b'Q') && text.to_ascii_lowercase().starts_with(b"commit")
}

fn contains(text: &[u8], word: &[u8]) -> bool {
    text.windows(word.len()).any(|window| window == word)
}

/// Where a client's stream of bytes is in its protocol.
#[derive(Debug)]
pub(super) struct Cutter {
    wire: Wire,
    /// PostgreSQL's first message has no letter before its length, and a client of HTTP/2 begins with words of its own.
    begun: bool,
}

impl Cutter {
    pub(super) fn new(wire: Wire) -> Self {
        Self { wire, begun: false }
    }

    /// Of what a server says. PostgreSQL's answers need no cutting: a client of it waits for one before it asks the next.
    pub(super) fn of_answers(wire: Wire) -> Self {
        let wire = if wire == Wire::Postgres { Wire::Any } else { wire };
        // A server of HTTP/2 begins with a frame.
        Self { wire, begun: wire == Wire::Http2 }
    }

    /// The length of the first whole message in these bytes, if there is one.
    pub(super) fn whole(&mut self, bytes: &[u8]) -> Option<usize> {
        let before = match self.wire {
            Wire::Any => return (!bytes.is_empty()).then_some(bytes.len()),
            Wire::Http2 if !self.begun => {
                self.begun = bytes.len() >= grpc::PREFACE_BYTES;
                return self.begun.then_some(grpc::PREFACE_BYTES);
            }
            Wire::Http2 => return grpc::whole(bytes),
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

/// How the answer to a request is known.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Answer {
    /// A Kafka response with this number, which repeats the request's.
    Numbered([u8; 4]),
    /// What becomes of settlements. Any will do: whoever is cut off from one is cut off from all.
    Settled,
    /// The next bytes.
    Next,
}

impl Answer {
    /// To this request.
    pub(super) fn to(wire: Wire, request: &[u8]) -> Self {
        let number = || request.get(8..12)?.try_into().ok();
        match wire {
            Wire::Kafka => number().map_or(Self::Next, Self::Numbered),
            Wire::Http2 => Self::Settled,
            Wire::Postgres | Wire::Any => Self::Next,
        }
    }

    /// Whether this response is it.
    pub(super) fn is(self, response: &[u8]) -> bool {
        match self {
            Self::Numbered(number) => response.get(4..8) == Some(&number),
            Self::Settled => grpc::brings(response, &grpc::SETTLED),
            Self::Next => true,
        }
    }
}

fn number(bytes: &[u8]) -> Option<u32> {
    Some(u32::from_be_bytes(bytes.get(..4)?.try_into().ok()?))
}
