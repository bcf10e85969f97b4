//! Cursors: where a watcher is, in the order of a database that may be restored from a backup.

use std::fmt;

use uuid::Uuid;

/// A change's sequence, and the tag of its commit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Cursor {
    pub(super) sequence: i64,
    /// None of changes, and of processes, before there were tags: only the sequence is known.
    pub(super) tag: Option<Uuid>,
}

impl Cursor {
    /// Parses what [`fmt::Display`] says.
    pub(super) fn parse(text: &str) -> Option<Self> {
        let (sequence, tag) = match text.split_once('.') {
            Some((sequence, tag)) => (sequence, Some(Uuid::try_parse(tag).ok()?)),
            None => (text, None),
        };
        Some(Self { sequence: sequence.parse().ok()?, tag })
    }
}

impl fmt::Display for Cursor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.tag {
            Some(tag) => write!(f, "{}.{}", self.sequence, tag.simple()),
            None => write!(f, "{}", self.sequence),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_shown_is_parsed_and_nothing_else_is() {
        for tag in [None, Some(Uuid::from_u128(7))] {
            let cursor = Cursor { sequence: 12, tag };
            assert_eq!(Cursor::parse(&cursor.to_string()), Some(cursor));
        }
        for wrong in ["", "one", "1.", "1.two", ".", "1.2.3"] {
            assert_eq!(Cursor::parse(wrong), None, "{wrong}");
        }
    }
}
