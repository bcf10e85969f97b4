//! Between the feed's messages and what the store knows.

use std::time::Duration;

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::mutant::{Mutant, planted};
use homeroom_proto::wire::notification as pb;
use jiff::Timestamp;
use tonic::Status;
use uuid::Uuid;

use crate::schedule::Outcome;
use crate::store::{Acknowledged, After, Claimed, DeliveryState, Done, Duties, OpenCase, Settlement, Standing};

/// A delivery as its frame carries it.
pub(super) fn delivery(district: &DistrictId, claimed: Claimed) -> pb::Delivery {
    let another_key = claimed.maybe_sent && planted(Mutant::NewKeyAfterUnknown);
    pb::Delivery {
        delivery_id: claimed.delivery_id.to_string(),
        idempotency_key: if another_key { Uuid::new_v4() } else { claimed.delivery_id }.to_string(),
        attempt: claimed.attempt,
        lease_token: claimed.token.into(),
        lease_until: Some(timestamp(claimed.lease_until)),
        expires_at: Some(timestamp(claimed.expires_at)),
        district: district.as_str().to_owned(),
        to: Some(pb::Recipient { team: claimed.team, address: claimed.address }),
        message: Some(pb::Message {
            kind: format!("alert.{}", claimed.kind),
            subject: claimed.subject,
            text: claimed.body,
            data: claimed.data.into_bytes().into(),
        }),
        traceparent: claimed.traceparent,
        maybe_sent_before: claimed.maybe_sent,
        follows: claimed.follows.map(|id| id.to_string()).unwrap_or_default(),
    }
}

/// A settlement; `INVALID_ARGUMENT` says what is wrong with it.
pub(super) fn settlement(message: pb::Settlement) -> Result<Settlement, Status> {
    use pb::settlement::Outcome as Wire;
    let outcome = match message.outcome.ok_or_else(|| Status::invalid_argument("`outcome` is missing"))? {
        Wire::Accepted(accepted) => Outcome::Accepted { provider_message_id: accepted.provider_message_id },
        Wire::Retry(retry) => Outcome::Retry { reason: retry.reason, after: wait(retry.after)? },
        Wire::Limited(limited) => Outcome::Limited { after: wait(limited.after)? },
        Wire::Permanent(permanent) => Outcome::Permanent { reason: permanent.reason },
        Wire::Unknown(unknown) => Outcome::Unknown { reason: unknown.reason },
    };
    Ok(Settlement { delivery_id: id(&message.delivery_id)?, token: message.lease_token.to_vec(), outcome })
}

/// Whose case.
pub(super) fn student(bytes: &[u8]) -> Result<StudentKey, Status> {
    StudentKey::from_slice(bytes).map_err(|error| Status::invalid_argument(format!("`student`: {error}")))
}

pub(super) fn id(text: &str) -> Result<Uuid, Status> {
    Uuid::try_parse(text).map_err(|_| Status::invalid_argument("`delivery_id` is no UUID"))
}

pub(super) fn alert_id(text: &str) -> Result<Uuid, Status> {
    Uuid::try_parse(text).map_err(|_| Status::invalid_argument("`alert_id` is no UUID"))
}

/// What became of a settlement.
pub(super) fn result(id: Uuid, standing: Standing) -> pb::SettlementResult {
    let standing = match standing {
        Standing::Recorded => pb::Standing::Recorded,
        Standing::Stale => pb::Standing::Stale,
        Standing::NotFound => pb::Standing::NotFound,
    };
    pb::SettlementResult { delivery_id: id.to_string(), standing: standing.into() }
}

/// A delivery in the view.
pub(super) fn state(state: DeliveryState) -> pb::DeliveryState {
    pb::DeliveryState {
        delivery_id: state.delivery_id.to_string(),
        alert_id: state.alert_id.to_string(),
        change_number: state.change_number,
        channel: state.channel,
        team: state.team,
        state: state.state,
        attempts: state.attempts,
        last_reason: state.last_reason,
        due_at: Some(timestamp(state.due_at)),
        settled_at: state.settled_at.map(timestamp),
    }
}

/// A duration of ours.
pub(super) fn duration(duration: Duration) -> prost_types::Duration {
    // Leases and heartbeats are far below the limit.
    prost_types::Duration { seconds: i64::try_from(duration.as_secs()).unwrap_or(i64::MAX), nanos: 0 }
}

pub(super) fn wait(duration: Option<prost_types::Duration>) -> Result<Option<Duration>, Status> {
    let wait = duration.map(Duration::try_from).transpose();
    wait.map_err(|_| Status::invalid_argument("a duration is negative"))
}

pub(super) fn timestamp(at: Timestamp) -> prost_types::Timestamp {
    prost_types::Timestamp { seconds: at.as_second(), nanos: at.subsec_nanosecond() }
}

/// Who has acknowledged an alert.
pub(super) fn acknowledged(it: Acknowledged) -> pb::AcknowledgeResponse {
    pb::AcknowledgeResponse {
        change_number: it.number,
        acknowledged_by: it.by,
        acknowledged_at: Some(timestamp(it.at)),
    }
}

/// What an alert asks for.
pub(super) fn duties(it: Duties) -> pb::ListDutiesResponse {
    let duties = it.duties.into_iter().map(|state| pb::DutyState {
        duty: Some(homeroom_proto::alert::duty_to_wire(&state.duty)),
        is_asked: state.is_asked,
        done: state.done.map(done),
    });
    pb::ListDutiesResponse { change_number: it.number, duties: duties.collect() }
}

/// Who did what is asked for.
pub(in crate::feed) fn done(it: Done) -> pb::DutyDone {
    pb::DutyDone { done_by: it.by, done_at: Some(timestamp(it.at)) }
}

/// A page of open cases; one that is not full is the last.
pub(super) fn cases(cases: Vec<OpenCase>, most: u32) -> pb::ListCasesResponse {
    let is_full = u32::try_from(cases.len()).is_ok_and(|found| found >= most);
    let next = cases.last().filter(|_| is_full).map(|last| After::of(last).encode());
    let cases = cases.into_iter().map(|it| pb::OpenCase {
        student: it.student.as_bytes().to_vec().into(),
        opened_by: it.opened.by,
        opened_at: Some(timestamp(it.opened.at)),
        held: u64::try_from(it.held).unwrap_or_default(),
    });
    pb::ListCasesResponse { cases: cases.collect(), next_page_token: next.unwrap_or_default().into() }
}
