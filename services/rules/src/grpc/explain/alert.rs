//! One alert: as it was told, as the log comes to it again, and what became of its claim.
//!
//! A change says from which positions of the log it was derived. Folded again up to them, with the episodes that were told before,
//! the same code has to come to the same change, word for word; it is run here on what the log holds, and not on what tables do.

mod again;
mod topic;

use homeroom_domain::alert::ChangeKind;
use homeroom_domain::episode::Standing;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::explain::change::Kind;
use homeroom_domain::id::{AlertId, DistrictId, StudentKey};
use homeroom_domain::measure::Measure;
use homeroom_domain::rule::Pack;
use homeroom_domain::settings::Now;
use homeroom_proto::wire::risk as wire;
use jiff::Timestamp;
use tonic::Status;

use super::changes::{MOST_RECORDS, Reading, Subject, failed, sections};
use super::words;
use crate::evaluate::Student;
use crate::grpc::Risk;
use crate::reference::District;
use crate::reference::since::Known;
use again::{Before, Ground, Outcome};
use topic::{Found, Listed};

/// The most changes that are derived again, the newest: each takes an evaluation, and reference records of its own.
const MOST_DERIVED: usize = 20;

impl Risk {
    pub(super) async fn explain_alert_of(
        &self,
        district: &DistrictId,
        request: wire::ExplainAlertRequest,
    ) -> Result<wire::ExplainAlertResponse, Status> {
        let id = request.alert_id.parse::<AlertId>();
        let id = id.map_err(|error| Status::invalid_argument(format!("alert_id: {error}")))?;
        let student = if request.student.is_empty() { None } else { Some(StudentKey::from_slice(&request.student)) };
        let student = student.transpose().map_err(|error| Status::invalid_argument(format!("student: {error}")))?;
        let reference = self.reference(district)?;
        self.reading_the_log(self.derive(district, id, student, &reference)).await
    }

    async fn derive(
        &self,
        district: &DistrictId,
        id: AlertId,
        student: Option<StudentKey>,
        reference: &District,
    ) -> Result<wire::ExplainAlertResponse, Status> {
        let Some(Found { student, told }) = topic::find(&*self.log, district, id, student).await? else {
            return Err(Status::not_found("the topic of alerts holds no such alert of the district"));
        };
        let stored = self.stored(district, student).await?;
        let subject = Subject { district, student, stored: &stored, reference };
        let words = self.words(&subject).await?;
        let own: Vec<usize> = (0..told.len()).filter(|&at| told[at].told.change.alert_id == id).collect();
        let newest = &own[own.len().saturating_sub(MOST_DERIVED)..];
        let changes = self.derive_each(&subject, &words, &told, newest).await?;
        let mut response = wire::ExplainAlertResponse {
            changes,
            left_off: i64::try_from(own.len() - newest.len()).unwrap_or(i64::MAX),
            standing: standing(&stored, district, student, id).to_owned(),
            ..wire::ExplainAlertResponse::default()
        };
        let claims = |at: &&usize| !matches!(told[**at].told.change.kind, ChangeKind::Cleared | ChangeKind::Recalled);
        if let Some(&last) = newest.iter().rev().find(claims) {
            let since = Since { subject: &subject, words: &words, claim: &told[last] };
            response.claim = Some(since.before_and_after());
            since.records(&mut response)?;
        }
        Ok(response)
    }

    /// Each of these changes, derived again in the order of the reference records that were in force: they are read once.
    async fn derive_each(
        &self,
        subject: &Subject<'_>,
        words: &Reading,
        told: &[Listed],
        newest: &[usize],
    ) -> Result<Vec<wire::DerivedAgain>, Status> {
        let offset = |at: usize| told[at].told.derivation.map_or(0, |derivation| derivation.reference_offset);
        let mut in_order = newest.to_vec();
        in_order.sort_by_key(|&at| offset(at));
        let mut known = Known::nothing(sections(&words.history, Timestamp::MAX));
        let (mut ground, mut read, mut before) = (None, 0, Before::default());
        let mut outcomes = Vec::with_capacity(newest.len());
        for at in in_order {
            let end = offset(at);
            if ground.is_none() || read < end {
                let view = known.read_on(&*self.log, subject.district, read..end).await;
                ground = Some(Ground::new(view.map_err(|failure| failed(&failure))?));
                read = end;
            }
            let ground =
                ground.as_ref().map_or(Err("no rules were in force there"), |it| it.as_ref().map_err(|why| *why));
            outcomes.push((at, again::derive(subject.district, &told[..=at], words, ground, &mut before)));
            // Each is a count of the year, and others on this thread wait.
            tokio::task::yield_now().await;
        }
        outcomes.sort_by_key(|(at, _)| *at);
        Ok(outcomes.into_iter().map(|(at, outcome)| derived(&told[at], outcome)).collect())
    }
}

fn derived(listed: &Listed, outcome: Outcome) -> wire::DerivedAgain {
    let (verdict, differences) = match outcome {
        Outcome::Same => (wire::Verdict::Same, Vec::new()),
        Outcome::Different(differences) => (wire::Verdict::Different, differences),
        Outcome::CannotBeTold(why) => (wire::Verdict::CannotBeTold, vec![why.to_owned()]),
    };
    wire::DerivedAgain {
        change: Some(listed.wire.clone()),
        partition: listed.partition.0,
        offset: listed.offset,
        verdict: verdict.into(),
        differences,
    }
}

fn standing(stored: &Student, district: &DistrictId, student: StudentKey, id: AlertId) -> &'static str {
    let episode = stored.episodes.iter().find(|episode| episode.alert_id(district, student) == id);
    match episode.map(|episode| episode.standing) {
        Some(Standing::Open) => "open",
        Some(Standing::Cleared) => "cleared",
        Some(Standing::Recalled) => "recalled",
        None => "",
    }
}

/// A claim that was told, seen from now.
struct Since<'s> {
    subject: &'s Subject<'s>,
    words: &'s Reading,
    claim: &'s Listed,
}

impl Since<'_> {
    fn dates(&self) -> Now {
        let told = &self.claim.told;
        let of_proof = Now { today: told.change.claim.proof.as_of, as_of: told.change.claim.proof.as_of };
        told.basis.map(|basis| basis.told_at).or(told.derivation.map(|it| it.dates)).unwrap_or(of_proof)
    }

    fn before_and_after(&self) -> wire::BeforeAndAfter {
        let (change, now) = (&self.claim.told.change, self.dates());
        let mut told = wire::BeforeAndAfter {
            number: change.number,
            as_of: now.as_of.days(),
            today: now.today.days(),
            explanation_before: change.claim.proof.explanation.to_string(),
            ..wire::BeforeAndAfter::default()
        };
        let pack: &Pack = &self.subject.reference.pack;
        let of_name = || pack.rules.iter().filter(|rule| rule.id == change.claim.rule);
        let Some(rule) = of_name().find(|rule| rule.version == change.claim.rule_version) else {
            let why = if of_name().next().is_some() { "says other things now" } else { "is not in force any more" };
            told.cannot_be_told = format!("the rule {why}");
            return told;
        };
        let reference = self.subject.reference;
        let ledger = &self.subject.stored.ledger;
        let evaluation = Evaluation::new(ledger, &reference.view, &reference.settings, now);
        match rule.claim(&evaluation, now) {
            Ok(claim) => {
                told.holds = claim.is_some();
                told.explanation_after = claim.map(|claim| claim.proof.explanation.to_string()).unwrap_or_default();
            }
            Err(failure) => told.cannot_be_told = failure.to_string(),
        }
        let shifts = change.claim.proof.measures.iter().filter_map(|then| {
            let measure = Measure::find(&then.name)?;
            let value = evaluation.value(measure, None, now);
            let (without, with) = (measure.show(then.value), measure.show(value));
            (value != then.value).then(|| wire::Shift { name: then.name.to_string(), without, with })
        });
        told.measures = shifts.collect();
        told
    }

    /// Records that have changed since.
    fn records(&self, response: &mut wire::ExplainAlertResponse) -> Result<(), Status> {
        let Some(derivation) = self.claim.told.derivation else { return Ok(()) };
        let (reference, now) = (self.subject.reference, self.dates());
        let known = self.words.before(derivation.events_offset);
        let ledger = &self.subject.stored.ledger;
        let evaluation = Evaluation::new(ledger, &reference.view, &reference.settings, now);
        for changed in self.words.history.changes_after(known) {
            let kind = Kind::of(&changed, &reference.view, now.today);
            if kind == Kind::New {
                continue;
            }
            if response.records.len() == MOST_RECORDS {
                response.records_left_off += 1;
                continue;
            }
            let (before, after) = words::before_and_after(&evaluation, &changed);
            let local = reference.settings.clock.local(changed.received_at);
            response.records.push(wire::RecordChange {
                kind: kind.name().to_owned(),
                before,
                after,
                source: changed.record.0.to_string(),
                record_key: changed.record.1.as_bytes().to_vec().into(),
                revision: changed.revision.0,
                accepted_at: local.map_err(|error| Status::failed_precondition(error.to_string()))?.to_string(),
                shifts: Vec::new(),
            });
        }
        Ok(())
    }
}
