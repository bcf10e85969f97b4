//! What an adapter asks for in its hello, and what it gets.

use std::time::Duration;

use homeroom_chassis::access::Grant;
use homeroom_proto::wire::notification as pb;
use tonic::Status;

use super::super::wire;
use crate::config;
use crate::store::{Limits, Terms};

/// Deliveries that an adapter may have at once.
const MOST_OUTSTANDING: u32 = 1_000;

/// Bytes that an adapter may have at once when it does not say.
const DEFAULT_BYTES: u64 = 1024 * 1024;

/// The least that an adapter can ask for: any one delivery fits.
const LEAST_BYTES: u64 = 128 * 1024;

/// The most bytes that an adapter may have at once.
const MOST_BYTES: u64 = 64 * 1024 * 1024;

/// The longest name in a hello, in bytes.
const LONGEST_NAME: usize = 100;

/// An adapter that has said hello.
pub(super) struct Adapter {
    /// Who it is.
    pub(super) terms: Terms,
    /// What it may have at once.
    pub(super) limits: Limits,
}

impl Adapter {
    pub(super) fn parse(hello: pb::Hello, grant: &Grant, limits: &config::Feed) -> Result<Self, Status> {
        for (field, name) in [("channel", &hello.channel), ("adapter", &hello.adapter), ("instance", &hello.instance)] {
            if name.is_empty() || name.len() > LONGEST_NAME || name.chars().any(char::is_control) {
                return Err(Status::invalid_argument(format!("`{field}` must be 1 to {LONGEST_NAME} printable bytes")));
            }
        }
        if !(1..=MOST_OUTSTANDING).contains(&hello.max_outstanding) {
            return Err(Status::invalid_argument(format!("`max_outstanding` must be 1 to {MOST_OUTSTANDING}")));
        }
        let bytes = if hello.max_outstanding_bytes == 0 { DEFAULT_BYTES } else { hello.max_outstanding_bytes };
        if !(LEAST_BYTES..=MOST_BYTES).contains(&bytes) {
            return Err(Status::invalid_argument(format!(
                "`max_outstanding_bytes` must be {LEAST_BYTES} to {MOST_BYTES}"
            )));
        }
        let (shortest, longest) = (limits.shortest_lease_s, limits.longest_lease_s);
        let lease = wire::wait(hello.lease)?.unwrap_or(Duration::from_secs(limits.default_lease_s));
        if lease < Duration::from_secs(shortest) || lease > Duration::from_secs(longest) {
            return Err(Status::invalid_argument(format!("`lease` must be {shortest} to {longest} s")));
        }
        let district = grant.district.clone();
        let terms = Terms { district, channel: hello.channel, adapter: hello.adapter, instance: hello.instance, lease };
        Ok(Self { terms, limits: Limits { count: hello.max_outstanding, bytes } })
    }
}
