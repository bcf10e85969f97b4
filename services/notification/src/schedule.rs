//! When a delivery is tried again, and when it is given up: pure; the moment and the jitter are passed in.

use std::time::Duration;

use jiff::{SignedDuration, Timestamp};

/// How an attempt ended, as far as retrying looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// The channel took it.
    Accepted {
        /// The provider's id of the message; may be empty.
        provider_message_id: String,
    },
    /// Not taken; may be later.
    Retry {
        /// Why.
        reason: String,
        /// Not before this long from now, when the channel said so.
        after: Option<Duration>,
    },
    /// Too many at once.
    Limited {
        /// Not before this long from now, when the channel said so.
        after: Option<Duration>,
    },
    /// Never will be taken.
    Permanent {
        /// Why.
        reason: String,
    },
    /// It left, and no answer came.
    Unknown {
        /// What happened.
        reason: String,
    },
}

impl Outcome {
    /// Whether the channel took it.
    pub const fn is_accepted(&self) -> bool {
        matches!(self, Self::Accepted { .. })
    }

    /// The provider's id of the message; empty when it gave none.
    pub fn provider_message_id(&self) -> &str {
        if let Self::Accepted { provider_message_id } = self { provider_message_id } else { "" }
    }

    /// As attempts and metrics say it.
    pub const fn as_str(&self) -> &'static str {
        match self {
            Self::Accepted { .. } => "accepted",
            Self::Retry { .. } => "retry",
            Self::Limited { .. } => "limited",
            Self::Permanent { .. } => "permanent",
            Self::Unknown { .. } => "unknown",
        }
    }

    /// Why, in words.
    pub fn reason(&self) -> &str {
        match self {
            Self::Accepted { .. } => "",
            Self::Limited { .. } => "the channel limits the rate",
            Self::Retry { reason, .. } | Self::Permanent { reason } | Self::Unknown { reason } => reason,
        }
    }
}

/// How often, and how far apart.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Policy {
    /// The wait after the first, second, … failed attempt; the last one repeats.
    pub waits: Vec<Duration>,
    /// Attempts in all.
    pub attempts_limit: u32,
    /// The longest wait that a channel may ask for.
    pub longest_wait: Duration,
    /// Channels on which a delivery that may have been sent is given up rather than sent again with the same key.
    pub never_resend: Vec<String>,
    /// How long a delivery is worth sending after it is due.
    pub worth: Duration,
}

/// What becomes of a delivery after an attempt.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Next {
    /// Nothing more is to be done.
    Accepted,
    /// Another attempt, not before this moment.
    At(Timestamp),
    /// Given up.
    Dead(String),
    /// Its time is over before another attempt.
    Expired(String),
}

/// What an adapter is told to wait when it was limited and the channel named no time.
const DEFAULT_LIMITED_WAIT: Duration = Duration::from_mins(1);

/// What becomes of a delivery. `attempts` counts the one that just ended; `jitter` is from -1 to 1 and moves a scheduled wait by
/// up to a fifth.
pub fn next(outcome: &Outcome, attempts: u32, times: Times, policy: &Policy, jitter: f64) -> Next {
    let after = match outcome {
        Outcome::Accepted { .. } => return Next::Accepted,
        Outcome::Permanent { reason } => return Next::Dead(reason.clone()),
        Outcome::Retry { after, .. } => *after,
        Outcome::Limited { after } => Some(after.unwrap_or(DEFAULT_LIMITED_WAIT)),
        Outcome::Unknown { .. } => None,
    };
    if attempts >= policy.attempts_limit {
        return Next::Dead(format!("given up after {attempts} attempts: {}", outcome.reason()));
    }
    let slot = usize::try_from(attempts.saturating_sub(1)).unwrap_or(usize::MAX);
    let wait = policy.waits.get(slot).or(policy.waits.last()).copied().unwrap_or(DEFAULT_LIMITED_WAIT);
    let wait = wait.mul_f64(1.0 + 0.2 * jitter.clamp(-1.0, 1.0));
    let wait = wait.max(after.unwrap_or_default().min(policy.longest_wait));
    let at = SignedDuration::try_from(wait).ok().and_then(|wait| times.now.checked_add(wait).ok());
    match at {
        Some(at) if at < times.expires_at => Next::At(at),
        _ => Next::Expired(format!("no attempt is left before it expires: {}", outcome.reason())),
    }
}

/// The moments that a decision looks at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Times {
    /// When the attempt ended.
    pub now: Timestamp,
    /// When there is no use in sending any more.
    pub expires_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn policy() -> Policy {
        let waits = [5, 300, 1_800].map(Duration::from_secs).to_vec();
        Policy {
            waits,
            attempts_limit: 4,
            longest_wait: Duration::from_hours(1),
            never_resend: Vec::new(),
            worth: Duration::from_hours(24),
        }
    }

    fn after(outcome: &Outcome, attempts: u32, jitter: f64) -> Next {
        let now = Timestamp::UNIX_EPOCH;
        next(outcome, attempts, Times { now, expires_at: Timestamp::constant(86_400, 0) }, &policy(), jitter)
    }

    fn retry(after: Option<u64>) -> Outcome {
        Outcome::Retry { reason: "500".to_owned(), after: after.map(Duration::from_secs) }
    }

    #[test]
    fn waits_follow_the_schedule_within_a_fifth() {
        assert_eq!(after(&retry(None), 1, 0.0), Next::At(Timestamp::constant(5, 0)));
        assert_eq!(after(&retry(None), 2, 1.0), Next::At(Timestamp::constant(360, 0)));
        assert_eq!(after(&retry(None), 2, -1.0), Next::At(Timestamp::constant(240, 0)));
    }

    #[test]
    fn a_channel_may_ask_for_a_longer_wait_but_not_for_any() {
        assert_eq!(after(&retry(Some(90)), 1, 0.0), Next::At(Timestamp::constant(90, 0)));
        assert_eq!(after(&retry(Some(1)), 1, 0.0), Next::At(Timestamp::constant(5, 0)));
        assert_eq!(after(&retry(Some(90_000)), 1, 0.0), Next::At(Timestamp::constant(3_600, 0)));
        assert_eq!(after(&Outcome::Limited { after: None }, 1, 0.0), Next::At(Timestamp::constant(60, 0)));
    }

    #[test]
    fn attempts_and_time_end() {
        assert!(matches!(after(&retry(None), 4, 0.0), Next::Dead(_)));
        assert!(matches!(after(&Outcome::Permanent { reason: "gone".to_owned() }, 1, 0.0), Next::Dead(_)));
        let times = Times { now: Timestamp::UNIX_EPOCH, expires_at: Timestamp::constant(4, 0) };
        assert!(matches!(next(&retry(None), 1, times, &policy(), 0.0), Next::Expired(_)));
    }
}
