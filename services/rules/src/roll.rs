//! Whether every school's attendance of the day is in.
//!
//! Workers note the school of each mark of the district's own date. Every half minute that is written, and what all processes have
//! written is compared with the schools whose calendar has a school day: so each process shows the same. A school in which everybody is
//! present, and which sends exceptions alone, cannot be told from one that sends nothing, unless its classes say that attendance was
//! taken. What a process noted in the seconds before it was killed is lost; the school's next mark says it again.

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
use tokio::time::{MissedTickBehavior, interval};
use tokio_util::sync::CancellationToken;

use crate::metric;
use crate::reference::{District, Snapshot};
use crate::worker::Clock;
use crate::worker::fold::{Incoming, Parsed};

/// How often it is written and shown.
const EVERY: Duration = Duration::from_secs(30);

/// So many schools are named in a line of the log. When more are missing it is early in the morning, or all of them are.
const NAMED: usize = 20;

/// Schools of whose attendance a worker of this process has seen a mark of the date. Bounded by the districts' schools.
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
    pub(crate) fn note(&self, part: &[Incoming], dates: &BTreeMap<DistrictId, Now>) {
        let of_today = part.iter().filter_map(|incoming| {
            let Parsed::Event(event) = &incoming.parsed else { return None };
            let Change::Recorded(Fact::AttendanceMark(mark)) = &event.change else { return None };
            let today = dates.get(&event.district)?.today;
            (mark.date == today).then_some((&event.district, &mark.school, today))
        });
        // A mark's school is that of those before it, as a rule.
        let mut last = None;
        for (district, school, date) in of_today {
            if last.replace((district, school)) != Some((district, school)) {
                self.note_one(district, school, date);
            }
        }
    }

    fn note_one(&self, district: &DistrictId, school: &SchoolId, date: Date) {
        let mut days = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let fresh = || Day { date, schools: BTreeMap::new() };
        let day = days.entry(district.clone()).or_insert_with(fresh);
        if day.date < date {
            *day = fresh();
        }
        if day.date == date && !day.schools.contains_key(school) {
            day.schools.insert(school.clone(), false);
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
    let mut named = BTreeMap::new();
    while stopping.run_until_cancelled(turn.tick()).await.is_some() {
        let snapshot = Arc::clone(&snapshots.borrow());
        for (id, district) in snapshot.districts.iter().filter(|(id, _)| !id.is_canary()) {
            let Ok(now) = district.settings.clock.now(clock()) else { continue };
            match stopping.run_until_cancelled(look(&rolls, &database, id, now.today)).await {
                None => return Ok(()),
                Some(Ok(came)) => tell(id, district, now.today, &came, &mut named),
                Some(Err(error)) => tracing::debug!(error = %error, "whose attendance is in is not known now"),
            }
        }
    }
    Ok(())
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

/// Sets the gauges of a district, and names the schools that are missing when they are few and others than before.
fn tell(
    id: &DistrictId,
    district: &District,
    today: Date,
    came: &BTreeSet<String>,
    named: &mut BTreeMap<DistrictId, Vec<SchoolId>>,
) {
    let (in_session, missing) = missing(district, today, came);
    #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
    let gauge = |name: &'static str, schools: usize| {
        metrics::gauge!(name, "district" => id.to_string()).set(schools as f64);
    };
    gauge(metric::SCHOOLS_IN_SESSION, in_session);
    gauge(metric::SCHOOLS_NOT_IN, missing.len());
    if (1..=NAMED).contains(&missing.len()) && named.get(id) != Some(&missing) {
        let schools: Vec<_> = missing.iter().map(SchoolId::as_str).collect();
        tracing::info!(district.id = %id, date = %today, ?schools, "no attendance of today has come from these schools");
        named.insert(id.clone(), missing);
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
mod tests {
    use homeroom_domain::event::Origin;
    use homeroom_domain::id::{Revision, SchoolYear, SourceId};
    use homeroom_domain::reference::{Calendar, CalendarDate, Entry};
    use homeroom_domain::view::Records;
    use uuid::Uuid;

    use super::*;
    use crate::SCHEMA;

    /// A district of these schools, each with a school day on that date.
    fn district(schools: &[&str], date: Date) -> District {
        let mut records = Records::default();
        for school in schools {
            let calendar = || Uuid::new_v5(&Uuid::NAMESPACE_OID, school.as_bytes()).into();
            let (code, calendar_type) = (String::new(), String::new());
            let id = SchoolId::parse(school).unwrap();
            let held =
                Calendar { calendar: calendar(), school: id, school_year: SchoolYear(2022), code, calendar_type };
            let day = CalendarDate { calendar: calendar(), date, events: vec!["Instructional day".to_owned()] };
            for (name, entry) in [("calendar", Entry::Calendar(held)), ("day", Entry::CalendarDate(day))] {
                let key = Uuid::new_v5(&Uuid::NAMESPACE_OID, format!("{name} {school}").as_bytes()).into();
                let origin = Origin { source: SourceId::parse("sis").unwrap(), key, revision: Revision(1) };
                records.apply(origin, Change::Recorded(entry));
            }
        }
        let mut district = District::new();
        district.view = Arc::new(records.view());
        district
    }

    #[tokio::test]
    async fn a_school_is_missing_until_some_process_has_a_mark_of_it_of_the_day() {
        let database = homeroom_harness::test_database(&[SCHEMA]).await;
        let connected = database.connect(&SCHEMA).await;
        let (id, today) = (DistrictId::parse("grand-bend").unwrap(), Date::parse("2022-04-13").unwrap());
        let district = district(&["1", "2", "3"], today);
        let [one, other] = [Rolls::default(), Rolls::default()];
        noted(&one, &["1"], "2022-04-13");
        noted(&other, &["2"], "2022-04-13");
        look(&one, &connected, &id, today).await.unwrap();
        let came = look(&other, &connected, &id, today).await.unwrap();
        assert_eq!(missing(&district, today, &came), (3, vec![SchoolId::parse("3").unwrap()]));
        let tomorrow = Date::parse("2022-04-14").unwrap();
        let came = look(&other, &connected, &id, tomorrow).await.unwrap();
        assert!(came.is_empty(), "what came yesterday is not of today");
        assert_eq!(missing(&district, tomorrow, &came), (0, Vec::new()), "a day without school lacks nothing");
    }

    fn noted(rolls: &Rolls, schools: &[&str], date: &str) {
        let district = DistrictId::parse("grand-bend").unwrap();
        for school in schools {
            rolls.note_one(&district, &SchoolId::parse(school).unwrap(), Date::parse(date).unwrap());
        }
    }

    #[test]
    fn a_school_is_written_once_a_date_and_a_date_of_before_is_over() {
        let (rolls, district) = (Rolls::default(), DistrictId::parse("grand-bend").unwrap());
        let today = Date::parse("2022-04-13").unwrap();
        noted(&rolls, &["1", "2", "1"], "2022-04-13");
        let first = rolls.unwritten(&district, today);
        assert_eq!(first.len(), 2);
        rolls.written(&district, today, &first);
        noted(&rolls, &["2", "3"], "2022-04-13");
        noted(&rolls, &["4"], "2022-04-12");
        assert_eq!(rolls.unwritten(&district, today), [SchoolId::parse("3").unwrap()]);
        noted(&rolls, &["1"], "2022-04-14");
        assert_eq!(rolls.unwritten(&district, today), []);
        assert_eq!(rolls.unwritten(&district, Date::parse("2022-04-14").unwrap()).len(), 1);
    }
}
