//! What a client of PostgreSQL has executed in its transaction, whether said at once or prepared long before.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;

use super::{Wire, contains, is_commit};

/// Statements remembered of one transaction: who needs none never says that one ends.
const MOST: usize = 256;

/// The statements of one connection. As many are remembered as the client keeps prepared, which it bounds.
#[derive(Debug)]
pub(in crate::proxy) struct Statements {
    wire: Wire,
    /// Texts by name.
    prepared: HashMap<Vec<u8>, Arc<[u8]>>,
    executed: VecDeque<Arc<[u8]>>,
}

impl Statements {
    pub(in crate::proxy) fn new(wire: Wire) -> Self {
        Self { wire, prepared: HashMap::new(), executed: VecDeque::new() }
    }

    /// Takes in a message of the client.
    pub(in crate::proxy) fn follow(&mut self, frame: &[u8]) {
        if self.wire != Wire::Postgres {
            return;
        }
        let body = frame.get(5..).unwrap_or_default();
        match frame.first() {
            Some(b'Q') => {
                if is_commit(frame) || body.to_ascii_lowercase().starts_with(b"begin") {
                    self.executed.clear();
                }
                self.executed.push_back(word(body).0.into());
            }
            Some(b'P') => {
                let (name, rest) = word(body);
                self.prepared.insert(name.to_vec(), word(rest).0.into());
            }
            Some(b'B') => {
                let (_portal, rest) = word(body);
                self.executed.extend(self.prepared.get(word(rest).0).cloned());
            }
            // A prepared statement is given up.
            Some(b'C') if body.first() == Some(&b'S') => {
                self.prepared.remove(word(body.get(1..).unwrap_or_default()).0);
            }
            _ => {}
        }
        if self.executed.len() > MOST {
            self.executed.pop_front();
        }
    }

    /// Whether these words are in one of those that were executed since the transaction began.
    pub(super) fn contain(&self, words: &[u8]) -> bool {
        self.executed.iter().any(|text| contains(text, words))
    }
}

/// Text up to its zero, and what follows it.
fn word(bytes: &[u8]) -> (&[u8], &[u8]) {
    let end = bytes.iter().position(|&byte| byte == 0).unwrap_or(bytes.len());
    (&bytes[..end], bytes.get(end + 1..).unwrap_or_default())
}
