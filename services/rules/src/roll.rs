//! Whether every school's attendance of the day is in.
//!
//! Workers note the school of each mark of the district's own date. Every half minute that is written, and what all processes have
//! written is compared with the schools whose calendar has a school day: so each process shows the same. A school in which everybody is
//! present, and which sends exceptions alone, cannot be told from one that sends nothing, unless its classes say that attendance was
//! taken.
//!
//! Only what is folded is noted, and only of schools that have a calendar by then. So a school counts as missing until its next mark
//! when its marks of the day came before its calendar, before this was looked at at all (the day of an upgrade from a version that did
//! not), or to a process that was killed in the half minute after.

use std::collections::{BTreeMap, BTreeSet};
use std::convert::Infallible;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use homeroom_domain::date::Date;
use homeroom_domain::event::{Change, Fact};
use homeroom_domain::id::{DistrictId, SchoolId};
use homeroom_domain::settings::Now;
use homeroom_pg::{Database, Districts, Error};
use sqlx::PgConnection;
use tokio::sync::watch;
use tokio::time::{MissedTickBehavior, interval, timeout};
use tokio_util::sync::CancellationToken;

use crate::metric;
use crate::reference::{District, Snapshot};
use crate::worker::Clock;
use crate::worker::fold::{Incoming, Parsed};

/// How often it is written and shown.
const EVERY: Duration = Duration::from_secs(30);

/// How long a process that stops may take to write what it has noted.
const LAST: Duration = Duration::from_secs(5);

/// So many schools are named in a line of the log. When more are missing it is early in the morning, or all of them are.
const NAMED: usize = 20;

/// Schools of whose attendance a worker of this process has seen a mark of the date. Bounded by the districts' schools: what a mark
/// names and the district does not have is not kept.
#[derive(Debug, Default)]
pub(crate) struct Rolls(Mutex<BTreeMap<DistrictId, Day>>);

/// One date of a district.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Day {
    date: Date,
    /// Each with whether it is written.
    schools: BTreeMap<SchoolId, bool>,
}

impl Rolls {
    /// Notes the schools of marks of the dates in force.
    pub(crate) fn note(&self, part: &[Incoming], dates: &BTreeMap<DistrictId, Now>, snapshot: &Snapshot) {
        let mut of_today: BTreeMap<&DistrictId, BTreeSet<&SchoolId>> = BTreeMap::new();
        for incoming in part {
            let Parsed::Event(event) = &incoming.parsed else { continue };
            let Change::Recorded(Fact::AttendanceMark(mark)) = &event.change else { continue };
            if dates.get(&event.district).is_some_and(|now| now.today == mark.date) {
                of_today.entry(&event.district).or_default().insert(&mark.school);
            }
        }
        for (id, mut schools) in of_today {
            let (Some(district), Some(now)) = (snapshot.districts.get(id), dates.get(id)) else { continue };
            schools.retain(|school| district.view.has_calendar(school));
            self.note_of(id, now.today, schools);
        }
    }

    fn note_of<'a>(&self, district: &DistrictId, date: Date, schools: impl IntoIterator<Item = &'a SchoolId>) {
        let mut days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Day { date, schools: BTreeMap::new() };
        let day = days.entry(district.clone()).or_insert_with(fresh);
        if day.date < date {
            *day = fresh();
        }
        if day.date > date {
            return;
        }
        for school in schools {
            if !day.schools.contains_key(school) {
                day.schools.insert(school.clone(), false);
            }
        }
    }

    /// What is not written yet, of a date.
    fn unwritten(&self, district: &DistrictId, date: Date) -> Vec<SchoolId> {
        let days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let day = days.get(district).filter(|day| day.date == date);
        day.into_iter()
            .flat_map(|day| &day.schools)
            .filter(|(_, written)| !**written)
            .map(|(school, _)| school.clone())
            .collect()
    }

    fn written(&self, district: &DistrictId, date: Date, schools: &[SchoolId]) {
        let mut days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(day) = days.get_mut(district).filter(|day| day.date == date) {
            for school in schools {
                day.schools.insert(school.clone(), true);
            }
        }
    }
}

/// Writes and shows until the process stops.
pub(crate) async fn show(
    rolls: Arc<Rolls>,
    database: Database,
    snapshots: watch::Receiver<Arc<Snapshot>>,
    clock: Clock,
    stopping: CancellationToken,
) -> Result<(), Infallible> {
    let mut turn = interval(EVERY);
    turn.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut teller = Teller::default();
    let turns = async {
        loop {
            turn.tick().await;
            let snapshot = Arc::clone(&snapshots.borrow());
            for (id, district, today) in shown(&snapshot, &clock) {
                match look(&rolls, &database, id, today).await {
                    Ok(came) => teller.tell(id, district, today, &came),
                    Err(error) => teller.unknown(id, &error),
                }
            }
            teller.end_turn();
        }
    };
    // It has no end of its own.
    let None::<Infallible> = stopping.run_until_cancelled(turns).await;
    let snapshot = Arc::clone(&snapshots.borrow());
    let last = async {
        for (id, _, today) in shown(&snapshot, &clock) {
            if !rolls.unwritten(id, today).is_empty() {
                look(&rolls, &database, id, today).await?;
            }
        }
        Ok::<_, Error>(())
    };
    match timeout(LAST, last).await {
        Ok(Ok(())) => {}
        Ok(Err(error)) => tracing::info!(error = %error, "stopping without writing whose attendance came last"),
        Err(_) => tracing::info!("stopping without writing whose attendance came last: the database takes too long"),
    }
    Ok(())
}

/// The districts whose date is known, with it; a canary's school is nobody's.
fn shown<'a>(snapshot: &'a Snapshot, clock: &'a Clock) -> impl Iterator<Item = (&'a DistrictId, &'a District, Date)> {
    let people = snapshot.districts.iter().filter(|(id, district)| !id.is_canary() && district.view.has_settings());
    people.filter_map(|(id, district)| Some((id, district, district.settings.clock.now(clock()).ok()?.today)))
}

/// Writes what this process has noted; gives what all have.
async fn look(
    rolls: &Rolls,
    database: &Database,
    district: &DistrictId,
    today: Date,
) -> Result<BTreeSet<String>, Error> {
    let new = Arc::new(rolls.unwritten(district, today));
    let (written, name) = (Arc::clone(&new), district.to_string());
    let came = database
        .run("rules.rolls", &Districts::one(district), move |connection| {
            let (new, district) = (Arc::clone(&written), name.clone());
            Box::pin(async move { write(connection, &district, today, &new).await })
        })
        .await?;
    rolls.written(district, today, &new);
    Ok(came)
}

async fn write(
    connection: &mut PgConnection,
    district: &str,
    today: Date,
    new: &[SchoolId],
) -> Result<BTreeSet<String>, Error> {
    if !new.is_empty() {
        // A sample's clock jumps, and then dates of before are of no interest either.
        sqlx::query("delete from rolls where district = $1 and marked_on not between $2::date - 7 and $2::date + 7")
            .bind(district)
            .bind(today.to_string())
            .execute(&mut *connection)
            .await?;
        // Sorted, as they are noted, so that two processes wait for each other and never both.
        sqlx::query(
            "insert into rolls (district, marked_on, school) select $1, $2::date, unnest($3::text[]) on conflict do nothing",
        )
        .bind(district)
        .bind(today.to_string())
        .bind(new.iter().map(ToString::to_string).collect::<Vec<_>>())
        .execute(&mut *connection)
        .await?;
    }
    let came = sqlx::query_scalar("select school from rolls where district = $1 and marked_on = $2::date")
        .bind(district)
        .bind(today.to_string())
        .fetch_all(connection)
        .await?;
    Ok(came.into_iter().collect())
}

/// What was told, so that it is not told again.
#[derive(Debug, Default)]
struct Teller {
    /// The schools of each district that were named last, and of which date.
    named: BTreeMap<DistrictId, (Date, Vec<SchoolId>)>,
    /// Whether the last turn could not look everywhere.
    away: bool,
    /// Whether this turn cannot.
    failed: bool,
}

impl Teller {
    /// Sets the gauges of a district, and names the schools that are missing when they are few and others than before.
    fn tell(&mut self, id: &DistrictId, district: &District, today: Date, came: &BTreeSet<String>) {
        let (in_session, missing) = missing(district, today, came);
        #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
        gauges(id, in_session as f64, missing.len() as f64);
        if let Some(missing) = self.names(id, today, in_session, missing) {
            let schools: Vec<_> = missing.iter().map(SchoolId::as_str).collect();
            tracing::info!(district.id = %id, date = %today, ?schools, "no attendance of today has come from these schools");
        }
    }

    /// The missing schools when they are to be named: few, others than those named last or of another date, and not simply all of
    /// several, as they are before the day has begun.
    fn names(
        &mut self,
        id: &DistrictId,
        today: Date,
        in_session: usize,
        missing: Vec<SchoolId>,
    ) -> Option<&[SchoolId]> {
        let few = (1..=NAMED).contains(&missing.len());
        let begun = missing.len() < in_session || in_session == 1;
        if !few || !begun {
            self.named.remove(id);
            return None;
        }
        let now = (today, missing);
        if self.named.get(id) == Some(&now) {
            return None;
        }
        self.named.insert(id.clone(), now);
        self.named.get(id).map(|(_, schools)| schools.as_slice())
    }

    /// A figure of before would be taken for today's.
    fn unknown(&mut self, id: &DistrictId, error: &Error) {
        gauges(id, f64::NAN, f64::NAN);
        if !self.away && !self.failed {
            tracing::warn!(error = %error, "whose attendance is in is not known while the database does not say");
        }
        self.failed = true;
    }

    fn end_turn(&mut self) {
        self.away = std::mem::take(&mut self.failed);
    }
}

fn gauges(id: &DistrictId, in_session: f64, not_in: f64) {
    for (name, schools) in [(metric::SCHOOLS_IN_SESSION, in_session), (metric::SCHOOLS_NOT_IN, not_in)] {
        metrics::gauge!(name, "district" => id.to_string()).set(schools);
    }
}

/// How many schools have a school day, and those of them from which nothing has come.
fn missing(district: &District, today: Date, came: &BTreeSet<String>) -> (usize, Vec<SchoolId>) {
    let in_session = district.view.in_session(today);
    let unheard = |school: &&&SchoolId| !came.contains(school.as_str());
    let mut missing: Vec<SchoolId> = in_session.iter().filter(unheard).map(|school| (*school).clone()).collect();
    if missing.iter().any(|school| district.view.reports_taken(school)) {
        let taken = district.view.took_attendance(today);
        missing.retain(|school| !taken.contains(school));
    }
    (in_session.len(), missing)
}

#[cfg(test)]
mod tests;
