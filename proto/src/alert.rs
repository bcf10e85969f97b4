//! Alert changes: the domain's [`AlertChange`] and `homeroom.alert.v1.AlertChange`.

mod derivation;

use bytes::Bytes;
use homeroom_domain::alert::{
    AlertChange, BarredReferral, ChangeKind, CitedFact, Claim, DueDuty, MeasureValue, Proof, Severity, Terms,
};
use homeroom_domain::date::Date;
use homeroom_domain::episode::{Basis, EpisodeScope};
use homeroom_domain::event::Origin;
use homeroom_domain::id::{
    AlertId, DistrictId, RecordKey, Revision, RuleId, SchoolId, SchoolYear, SourceId, StudentKey,
};
use homeroom_domain::settings::Now;
use jiff::civil::DateTime;
use prost::Message as _;
use uuid::Uuid;

use crate::decode::{At, DecodeError};
use crate::scalar::{date, key, optional_timestamp, timestamp, timestamp_to_wire};
use crate::wire::alert as wire;

pub use derivation::{Derivation, Told, decode_told, encode_told};

const CHANGE: &str = "AlertChange";

/// The change as the topic's bytes.
pub fn encode(change: &AlertChange) -> Bytes {
    Bytes::from(to_wire(change).encode_to_vec())
}

/// The change as the topic's bytes, with what it takes to make its episode again, and the offset below which events were known.
pub fn encode_with_basis(change: &AlertChange, basis: &Basis, events_offset: i64) -> Bytes {
    let message = wire::AlertChange { basis: Some(basis_to_wire(basis, events_offset)), ..to_wire(change) };
    Bytes::from(message.encode_to_vec())
}

/// The change in the topic's bytes, with its basis and events offset when it has them.
pub fn decode_with_basis(bytes: &[u8]) -> Result<(AlertChange, Option<(Basis, i64)>), DecodeError> {
    let mut message = wire::AlertChange::decode(bytes).at(CHANGE, "")?;
    let basis = message.basis.take().map(basis_from_wire).transpose()?;
    Ok((from_wire(message)?, basis))
}

/// The change in the topic's bytes.
pub fn decode(bytes: &[u8]) -> Result<AlertChange, DecodeError> {
    from_wire(wire::AlertChange::decode(bytes).at(CHANGE, "")?)
}

/// The change as its message.
pub fn to_wire(change: &AlertChange) -> wire::AlertChange {
    let claim = &change.claim;
    wire::AlertChange {
        alert_id: Uuid::from_bytes(*change.alert_id.as_bytes()).to_string(),
        number: change.number,
        kind: kind_to_wire(change.kind).into(),
        district: change.district.as_str().to_owned(),
        student: key(change.student.as_bytes()),
        school: change.school.as_str().to_owned(),
        school_name: change.school_name.clone(),
        rule: claim.rule.as_str().to_owned(),
        rule_version: claim.rule_version,
        severity: severity_to_wire(claim.severity).into(),
        level: claim.level,
        audience: claim.audience.to_string(),
        title: claim.title.to_string(),
        proof: Some(proof_to_wire(&claim.proof)),
        reason: change.reason.clone(),
        settle_seconds: claim.settle_seconds,
        changed_at: Some(timestamp_to_wire(change.changed_at)),
        caused_at: change.caused_at.map(timestamp_to_wire),
        district_time: change.district_time.to_string(),
        basis: None,
        late_since: change.late_since.map(Date::days),
        derived_from: None,
        message_key: claim.terms.message_key.clone(),
        good_news: claim.terms.good_news,
        quiet_while_case_open: claim.terms.quiet_while_case_open,
        cutoff_minute: claim.terms.cutoff_minute.map(u32::from),
        escalation_step: claim.terms.step,
        since: claim.terms.since.map(Date::days),
        duties: claim.terms.duties.iter().map(duty_to_wire).collect(),
        barred: claim.terms.barred.iter().map(barred_to_wire).collect(),
        fallen_due: change.fallen_due.clone(),
    }
}

/// The change in its message.
pub fn from_wire(message: wire::AlertChange) -> Result<AlertChange, DecodeError> {
    let terms = Terms {
        // Of changes that were published before there was one.
        message_key: if message.message_key.is_empty() { message.rule.clone() } else { message.message_key },
        good_news: message.good_news,
        quiet_while_case_open: message.quiet_while_case_open,
        cutoff_minute: message.cutoff_minute.map(u16::try_from).transpose().at(CHANGE, "cutoff_minute")?,
        step: message.escalation_step,
        since: message.since.map(|days| date(days, CHANGE, "since")).transpose()?,
        duties: message.duties.into_iter().map(duty_from_wire).collect::<Result<_, _>>()?,
        barred: message.barred.into_iter().map(barred_from_wire).collect(),
    };
    Ok(AlertChange {
        alert_id: message.alert_id.parse::<AlertId>().at(CHANGE, "alert_id")?,
        number: message.number,
        kind: kind_from_wire(message.kind)?,
        district: DistrictId::parse(&message.district).at(CHANGE, "district")?,
        student: StudentKey::from_slice(&message.student).at(CHANGE, "student")?,
        school: SchoolId::parse(&message.school).at(CHANGE, "school")?,
        school_name: message.school_name,
        claim: Claim {
            rule: RuleId::parse(&message.rule).at(CHANGE, "rule")?,
            rule_version: message.rule_version,
            severity: severity_from_wire(message.severity)?,
            level: message.level,
            audience: message.audience.into(),
            title: message.title.into(),
            settle_seconds: message.settle_seconds,
            proof: proof_from_wire(message.proof.at(CHANGE, "proof")?)?,
            terms,
        },
        reason: message.reason,
        changed_at: timestamp(message.changed_at, CHANGE, "changed_at")?,
        caused_at: optional_timestamp(message.caused_at, CHANGE, "caused_at")?,
        district_time: message.district_time.parse::<DateTime>().at(CHANGE, "district_time")?,
        late_since: message.late_since.map(|days| date(days, CHANGE, "late_since")).transpose()?,
        fallen_due: message.fallen_due,
    })
}

/// A duty as its message.
pub fn duty_to_wire(it: &DueDuty) -> wire::Duty {
    wire::Duty {
        what: it.what.clone(),
        due_on: it.due_on.map(Date::days),
        source: it.source.clone(),
        evidence: it.evidence.clone(),
    }
}

fn duty_from_wire(it: wire::Duty) -> Result<DueDuty, DecodeError> {
    Ok(DueDuty {
        what: it.what,
        due_on: it.due_on.map(|days| date(days, "Duty", "due_on")).transpose()?,
        source: it.source,
        evidence: it.evidence,
    })
}

fn barred_to_wire(it: &BarredReferral) -> wire::BarredReferral {
    wire::BarredReferral { what: it.what.clone(), source: it.source.clone() }
}

fn barred_from_wire(it: wire::BarredReferral) -> BarredReferral {
    BarredReferral { what: it.what, source: it.source }
}

fn basis_to_wire(basis: &Basis, events_offset: i64) -> wire::Basis {
    wire::Basis {
        scope: Some(match basis.scope {
            EpisodeScope::Year(year) => wire::basis::Scope::SchoolYear(year.0),
            EpisodeScope::Day(date) => wire::basis::Scope::Day(date.days()),
        }),
        ordinal: basis.ordinal,
        told_today: basis.told_at.today.days(),
        told_as_of: basis.told_at.as_of.days(),
        events_offset,
    }
}

fn basis_from_wire(message: wire::Basis) -> Result<(Basis, i64), DecodeError> {
    let scope = match message.scope.at("Basis", "scope")? {
        wire::basis::Scope::SchoolYear(year) => EpisodeScope::Year(SchoolYear(year)),
        wire::basis::Scope::Day(days) => EpisodeScope::Day(date(days, "Basis", "day")?),
    };
    let told_at = Now {
        today: date(message.told_today, "Basis", "told_today")?,
        as_of: date(message.told_as_of, "Basis", "told_as_of")?,
    };
    Ok((Basis { scope, ordinal: message.ordinal, told_at }, message.events_offset))
}

fn kind_to_wire(kind: ChangeKind) -> wire::Kind {
    match kind {
        ChangeKind::Opened => wire::Kind::Opened,
        ChangeKind::Amended => wire::Kind::Amended,
        ChangeKind::Escalated => wire::Kind::Escalated,
        ChangeKind::Cleared => wire::Kind::Cleared,
        ChangeKind::Recalled => wire::Kind::Recalled,
    }
}

fn kind_from_wire(number: i32) -> Result<ChangeKind, DecodeError> {
    let kind = match wire::Kind::try_from(number).at(CHANGE, "kind")? {
        wire::Kind::Unspecified => None,
        wire::Kind::Opened => Some(ChangeKind::Opened),
        wire::Kind::Amended => Some(ChangeKind::Amended),
        wire::Kind::Escalated => Some(ChangeKind::Escalated),
        wire::Kind::Cleared => Some(ChangeKind::Cleared),
        wire::Kind::Recalled => Some(ChangeKind::Recalled),
    };
    kind.at(CHANGE, "kind")
}

fn severity_to_wire(severity: Severity) -> wire::Severity {
    match severity {
        Severity::Notice => wire::Severity::Notice,
        Severity::Warning => wire::Severity::Warning,
        Severity::Urgent => wire::Severity::Urgent,
    }
}

fn severity_from_wire(number: i32) -> Result<Severity, DecodeError> {
    let severity = match wire::Severity::try_from(number).at(CHANGE, "severity")? {
        wire::Severity::Unspecified => None,
        wire::Severity::Notice => Some(Severity::Notice),
        wire::Severity::Warning => Some(Severity::Warning),
        wire::Severity::Urgent => Some(Severity::Urgent),
    };
    severity.at(CHANGE, "severity")
}

fn proof_to_wire(proof: &Proof) -> wire::Proof {
    wire::Proof {
        as_of: proof.as_of.days(),
        explanation: proof.explanation.to_string(),
        clears_when: proof.clears_when.to_string(),
        measures: proof.measures.iter().map(measure_to_wire).collect(),
        facts: proof.facts.iter().map(fact_to_wire).collect(),
        facts_left_off: proof.facts_left_off,
        threshold_source: proof.threshold_source.to_string(),
    }
}

fn proof_from_wire(proof: wire::Proof) -> Result<Proof, DecodeError> {
    Ok(Proof {
        as_of: date(proof.as_of, "Proof", "as_of")?,
        explanation: proof.explanation.into(),
        clears_when: proof.clears_when.into(),
        measures: proof.measures.into_iter().map(measure_from_wire).collect(),
        facts: proof.facts.into_iter().map(fact_from_wire).collect::<Result<_, _>>()?,
        facts_left_off: proof.facts_left_off,
        threshold_source: proof.threshold_source.into(),
    })
}

fn measure_to_wire(it: &MeasureValue) -> wire::MeasureValue {
    wire::MeasureValue { name: it.name.to_string(), value: it.value, unit: it.unit.to_string() }
}

fn measure_from_wire(it: wire::MeasureValue) -> MeasureValue {
    MeasureValue { name: it.name.into(), value: it.value, unit: it.unit.into() }
}

fn fact_to_wire(it: &CitedFact) -> wire::CitedFact {
    wire::CitedFact {
        date: it.date.days(),
        school: it.school.as_str().to_owned(),
        what: it.what.to_string(),
        code: it.code.to_string(),
        source: it.origin.source.as_str().to_owned(),
        record_key: key(it.origin.key.as_bytes()),
        revision: it.origin.revision.0,
    }
}

fn fact_from_wire(it: wire::CitedFact) -> Result<CitedFact, DecodeError> {
    const FACT: &str = "CitedFact";
    Ok(CitedFact {
        date: date(it.date, FACT, "date")?,
        school: SchoolId::parse(&it.school).at(FACT, "school")?,
        what: it.what.into(),
        code: it.code.into(),
        origin: Origin {
            source: SourceId::parse(&it.source).at(FACT, "source")?,
            key: RecordKey::from_slice(&it.record_key).at(FACT, "record_key")?,
            revision: Revision(it.revision),
        },
    })
}
