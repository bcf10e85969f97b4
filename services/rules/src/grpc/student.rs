//! One student with measures, facts and open alerts.

mod further;

use homeroom_chassis::clock;
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::code;
use homeroom_domain::episode::Episode;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::Fact;
use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_domain::ledger::Live;
use homeroom_domain::rule::claim::{describe, describe_grade};
use homeroom_domain::standing;
use homeroom_proto::wire::alert as alert_wire;
use homeroom_proto::wire::risk as wire;
use tonic::Status;

use crate::grpc::{Risk, measures, other, unavailable};
use crate::store::postgres::load;

impl Risk {
    pub(super) async fn find_student(
        &self,
        district: &DistrictId,
        request: wire::GetStudentRequest,
    ) -> Result<wire::GetStudentResponse, Status> {
        let key = StudentKey::from_slice(&request.student)
            .map_err(|error| Status::invalid_argument(format!("student: {error}")))?;
        let named = other::parse(&request.others)?;
        let reference = self.reference(district)?;
        let found =
            load::students(&self.database, vec![(district.clone(), key)]).await.map_err(|error| unavailable(&error))?;
        let Some((_, student)) = found.into_iter().next() else {
            return Err(Status::not_found("the district has no such student"));
        };
        let at = clock::now();
        let clock = &reference.settings.clock;
        let now = match student.evaluated {
            Some(now) => now,
            None => clock.now(at).map_err(|error| Status::failed_precondition(error.to_string()))?,
        };
        let district_time = clock.local(at).map_err(|error| Status::failed_precondition(error.to_string()))?;
        let evaluation = Evaluation::new(&student.ledger, &reference.view, &reference.settings, now);
        let told = |episode: &Episode| {
            Some(AlertChange {
                alert_id: episode.alert_id(district, key),
                number: episode.number,
                kind: if episode.number == 1 { ChangeKind::Opened } else { ChangeKind::Amended },
                district: district.clone(),
                student: key,
                school: episode.school.clone(),
                school_name: reference.view.school_name(&episode.school).to_owned(),
                claim: episode.claim(&reference.pack, &evaluation)?,
                reason: String::new(),
                changed_at: at,
                caused_at: None,
                district_time,
                late_since: None,
                fallen_due: Vec::new(),
            })
        };
        let open_alerts: Vec<alert_wire::AlertChange> =
            student.episodes.open().filter_map(told).map(|change| homeroom_proto::alert::to_wire(&change)).collect();
        Ok(wire::GetStudentResponse {
            measures: student
                .written
                .rows
                .iter()
                .zip(other::values(&student, &reference, now, &student.written.rows, &named, other::Words::Told))
                .map(|(row, others)| wire::Measures { others, ..measures(key.as_bytes(), row) })
                .collect(),
            facts: student.ledger.facts().map(|live| fact(&evaluation, &live)).collect(),
            open_alerts,
            as_of: now.as_of.days(),
            figures: further::figures(&evaluation),
        })
    }
}

/// A live fact as a person reads it, and whether it counts.
pub(super) fn fact(evaluation: &Evaluation<'_>, live: &Live<Fact>) -> wire::Fact {
    let reason = standing::not_counted(evaluation, &live.fact);
    let mut fact = wire::Fact {
        source: live.source.to_string(),
        revision: live.revision.0,
        counted: reason.is_none(),
        not_counted_because: reason.unwrap_or_default().to_owned(),
        ..wire::Fact::default()
    };
    match &live.fact {
        Fact::Registration => "registration".clone_into(&mut fact.kind),
        Fact::Enrollment(spell) => {
            "enrollment".clone_into(&mut fact.kind);
            fact.date = Some(spell.entry_on.days());
            fact.school = spell.school.to_string();
            fact.what = spell.exit_on.map_or_else(
                || format!("enrolled from {}", spell.entry_on),
                |exit| format!("enrolled from {} to {exit}", spell.entry_on),
            );
            spell.exit_type.clone_into(&mut fact.code);
        }
        Fact::SectionMembership(membership) => {
            "section membership".clone_into(&mut fact.kind);
            fact.date = Some(membership.begin_on.days());
            fact.what = format!("in section {} from {}", membership.section, membership.begin_on);
        }
        Fact::AttendanceMark(mark) => {
            "attendance mark".clone_into(&mut fact.kind);
            fact.date = Some(mark.date.days());
            fact.school = mark.school.to_string();
            fact.what = describe(mark, code::attendance(&mark.code, &evaluation.settings.codes));
            mark.code.clone_into(&mut fact.code);
        }
        Fact::Grade(grade) => {
            "grade".clone_into(&mut fact.kind);
            fact.date = evaluation.view.grading_period(grade.grading_period).map(|period| period.end_on.days());
            fact.what = describe_grade(grade.numeric, grade.letter.as_deref());
            grade.grade_type.clone_into(&mut fact.code);
        }
        further => further::describe(further, evaluation, &mut fact),
    }
    fact
}
