//! How long a transaction waits for rows that somebody else holds.

/// How long a transaction waits for rows that somebody else holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Locks {
    /// For as long as the service waits at all, and again.
    WaitedFor,
    /// For moments, because others wait for the transaction.
    WaitedForBriefly,
}

impl Locks {
    /// The setting `lock_timeout` of the transaction; none for the service's own. It has to be in force before the first row is
    /// locked.
    pub fn timeout(self) -> Option<&'static str> {
        match self {
            Self::WaitedFor => None,
            Self::WaitedForBriefly => Some("250ms"),
        }
    }
}
