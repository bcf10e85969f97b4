//! Counts of a district, for a first look, and how far the state is behind the log.

use std::collections::HashMap;

use homeroom_bus::{Offset, Topic};
use homeroom_domain::counting;
use homeroom_domain::id::{DistrictId, RuleId};
use homeroom_domain::settings::Now;
use homeroom_pg::{Districts, Error};
use homeroom_proto::wire::risk as wire;
use sqlx::PgConnection;
use tonic::Status;

use crate::grpc::{Risk, unavailable};
use crate::reference::District;
use crate::store::Wanted;
use crate::store::postgres::progress;

/// What the tables say.
struct Counts {
    students: i64,
    marks: i64,
    open_alerts: i64,
    students_behind: i64,
    /// School, tier, students.
    tiers: Vec<(String, Option<i16>, i64)>,
    /// Rule, open, opened, evaluations that failed, and why the last of them did.
    rules: Vec<(String, i64, i64, i64, String)>,
    /// Partition, state offset, reference offset.
    partitions: Vec<(i32, i64, i64)>,
}

/// Of whom, and with which dates and reference records.
#[derive(Clone)]
struct Asked {
    district: DistrictId,
    reference: District,
    /// The offset of the reference records that are known here.
    known: i64,
    now: Now,
}

impl Risk {
    pub(super) async fn summary(&self, district: &DistrictId) -> Result<wire::GetSummaryResponse, Status> {
        let reference = self.reference(district)?;
        let known = self.snapshots.borrow().offset;
        let at = homeroom_chassis::clock::now();
        let now = reference.settings.clock.now(at).map_err(|error| Status::failed_precondition(error.to_string()))?;
        let asked = Asked { district: district.clone(), reference: reference.clone(), known, now };
        let counts = self
            .database
            .run("rules.summary", &Districts::one(district), move |tx| {
                let asked = asked.clone();
                Box::pin(async move { asked.count(tx).await })
            })
            .await
            .map_err(|error| unavailable(&error))?;
        Ok(wire::GetSummaryResponse {
            today: now.today.days(),
            as_of: now.as_of.days(),
            students: counts.students,
            marks: counts.marks,
            schools: schools(&reference, &counts),
            open_alerts: counts.open_alerts,
            rules: rules(&reference, &counts),
            events_behind: self.events_behind(&counts).await?,
            students_behind: counts.students_behind,
        })
    }

    /// Events that rows of the state may lack yet, and reference records that are not in force for every partition.
    async fn events_behind(&self, counts: &Counts) -> Result<i64, Status> {
        let log = |error: homeroom_bus::Error| Status::unavailable(error.to_string());
        let ends = self.log.end_offsets(Topic::Events).await.map_err(log)?;
        let reference_end =
            self.log.end_offsets(Topic::Reference).await.map_err(log)?.first().copied().unwrap_or(Offset(0)).0;
        let known: HashMap<i32, (i64, i64)> =
            counts.partitions.iter().map(|(partition, state, reference)| (*partition, (*state, *reference))).collect();
        let mut behind = 0;
        for (partition, end) in (0_i32..).zip(&ends) {
            let (state, reference) = known.get(&partition).copied().unwrap_or((0, 0));
            behind += (end.0 - state).max(0) + (reference_end - reference).max(0);
        }
        Ok(behind)
    }
}

fn schools(reference: &District, counts: &Counts) -> Vec<wire::SchoolSummary> {
    let count = |school: &str, tier: Option<i16>| {
        counts
            .tiers
            .iter()
            .filter(|(of, at, _)| of == school && *at == tier)
            .map(|(_, _, students)| students)
            .sum::<i64>()
    };
    let of_school = |id: &str, name: &str| {
        let tiers: Vec<i64> = (0..4).map(|tier| count(id, Some(tier))).collect();
        let without_tier = count(id, None);
        wire::SchoolSummary {
            school: id.to_owned(),
            name: name.to_owned(),
            students: tiers.iter().sum::<i64>() + without_tier,
            tiers,
            without_tier,
        }
    };
    let whole = of_school("", "District as a whole");
    reference.view.schools().map(|school| of_school(school.school.as_str(), &school.name)).chain([whole]).collect()
}

fn rules(reference: &District, counts: &Counts) -> Vec<wire::RuleSummary> {
    let title = |rule: &str| {
        RuleId::parse(rule)
            .ok()
            .and_then(|id| reference.pack.rule(&id).map(|rule| rule.title.to_string()))
            .unwrap_or_default()
    };
    counts
        .rules
        .iter()
        .map(|(rule, open, opened, failures, last_failure)| wire::RuleSummary {
            rule: rule.clone(),
            title: title(rule),
            open: *open,
            opened_ever: *opened,
            failures: *failures,
            last_failure: last_failure.clone(),
        })
        .collect()
}

impl Asked {
    async fn count(&self, tx: &mut PgConnection) -> Result<Counts, Error> {
        let district = self.district.as_str();
        let (students, marks, open_alerts, late) = sqlx::query_as(
            "select count(*) filter (where live), coalesce(sum(marks), 0)::bigint, coalesce(sum(open_alerts), 0)::bigint,
                    count(*) filter (where evaluated_as_of is null or evaluated_as_of < $2 or evaluated_today < $3 or counting < $4)
             from students where district = $1",
        )
        .bind(district)
        .bind(self.now.as_of.days())
        .bind(self.now.today.days())
        .bind(counting::VERSION)
        .fetch_one(&mut *tx)
        .await?;
        let tiers =
            sqlx::query_as("select school, tier, count(*) from measures where district = $1 group by school, tier")
                .bind(district)
                .fetch_all(&mut *tx)
                .await?;
        let rules = sqlx::query_as(
            "select rule, sum(open)::bigint, sum(opened)::bigint, sum(failures)::bigint,
                    coalesce((array_agg(last_failure order by last_failed_at desc) filter (where last_failure is not null))[1], '')
             from rule_tallies where district = $1 group by rule order by rule",
        )
        .bind(district)
        .fetch_all(&mut *tx)
        .await?;
        let partitions: Vec<(i32, i64, i64)> =
            sqlx::query_as("select partition, state_offset, reference_offset from partitions")
                .fetch_all(&mut *tx)
                .await?;
        let students_behind = self.behind(tx, late, &partitions).await?;
        Ok(Counts { students, marks, open_alerts, students_behind, tiers, rules, partitions })
    }

    /// Students behind the dates, and those behind reference records only.
    async fn behind(&self, tx: &mut PgConnection, late: i64, partitions: &[(i32, i64, i64)]) -> Result<i64, Error> {
        let mut behind = late;
        for (partition, _, reference_offset) in partitions {
            let wanted = Wanted {
                district: self.district.clone(),
                partition: *partition,
                now: self.now,
                dates_moved: false,
                recount: false,
                concerned: self.reference.concerned_since(*reference_offset),
                reference_offset: self.known,
                after: Vec::new(),
                limit: 0,
            };
            behind += progress::count_concerned(tx, &wanted).await?;
        }
        Ok(behind)
    }
}
