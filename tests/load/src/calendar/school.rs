//! A school whose calendar came in by the Ed-Fi door, and its students with a mark a day.
//!
//! One in ten students has missed just a twentieth of the year, [`TAKEN`] included: without that day they have missed less, and
//! with it they are told of.

use std::collections::HashSet;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_domain::date::Date;
use serde_json::{Value, json};
use sqlx::PgConnection;
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep, timeout_at};

use crate::edfi;
use crate::exchange::{self, Connection};
use crate::intake::port;
use crate::school_day::{FIRST_DAY, SchoolDay};
use crate::target::Target;
use crate::workload::{self, YEAR_DAYS, mix};
use crate::world::{DISTRICT, KEY, Role, SECRET, World};

const SCHOOL: i64 = 255_901_001;
const CALENDAR: &str = "2026";
/// The day that is taken out and put back; those on the bound missed it, and eight later ones.
const TAKEN: u64 = 15;
const EVERY: u64 = 20;
/// One student in so many is on the bound.
const ON_THE_BOUND: u32 = 10;
/// Marks in one request.
const BATCH: usize = 500;
const PATIENCE: Duration = Duration::from_mins(1);
const POLL: Duration = Duration::from_millis(20);
const HUNDREDTHS: i64 = 100;

/// The school, and how to edit it and see what came of it.
pub(super) struct School {
    port: u16,
    door: Connection,
    token: String,
    database: PgConnection,
    /// Who changed on the feed, and when.
    alerts: mpsc::Receiver<(String, Instant)>,
    students: u32,
    /// Keys of the students on the bound.
    on_the_bound: HashSet<String>,
    /// Whether the day is taken out.
    is_taken: bool,
}

/// What an edit took, from its sending on.
#[derive(Debug)]
pub(super) struct Edit {
    pub(super) sent_at: Instant,
    /// Until the door had committed it.
    pub(super) answered: Duration,
    /// Until the measures of each student showed it.
    pub(super) counted: Duration,
    /// Until the last alert that it changes was on the feed.
    pub(super) told: Duration,
}

impl Edit {
    /// Until all of it had happened.
    pub(super) fn end(&self) -> Duration {
        self.counted.max(self.told)
    }
}

impl School {
    /// Sends the school, its calendar, its students and their year.
    pub(super) async fn open(day: &SchoolDay, students: u32) -> Result<Self> {
        let port = port(&day.world.url(Role::Ingestion)?)?;
        let token = edfi::token(port).await?;
        let door = Connection::open(port).await?;
        let target = Target::new(day.target.doors().clone(), KEY, SECRET, &SCHOOL.to_string())?;
        let database = day.world.database().await?;
        let alerts = target.watch().await?;
        let on_the_bound = HashSet::new();
        let mut school = Self { port, door, token, database, alerts, students, on_the_bound, is_taken: false };
        school.send_calendar().await?;
        let enrolled = target.enroll("school", students, FIRST_DAY).await?;
        let bound = (0..).zip(&enrolled).filter(|(number, _)| is_on_the_bound(*number));
        school.on_the_bound = bound.map(|(_, student)| student.key.clone()).collect();
        for date in 0..YEAR_DAYS {
            let marks: Vec<Value> = (0..)
                .zip(&enrolled)
                .map(|(number, student)| mark(&student.id, date, code(number, date)))
                .collect::<Result<_>>()?;
            for part in marks.chunks(BATCH) {
                target.post(part).await?;
            }
        }
        Ok(school)
    }

    /// How many alerts an edit changes.
    pub(super) fn on_the_bound(&self) -> u32 {
        u32::try_from(self.on_the_bound.len()).unwrap_or(u32::MAX)
    }

    /// Waits until everyone is counted, and forgets what the feed has told so far.
    pub(super) async fn counted(&mut self) -> Result<()> {
        let told = self.told().await?;
        let counted = self.everyone_counted().await?;
        // As PostgreSQL does by itself within a minute or two of so many rows.
        sqlx::raw_sql("analyze").execute(&mut self.database).await?;
        println!("counted, and told of, up to {:?} ago", told.max(counted).elapsed());
        Ok(())
    }

    /// Edits the calendar again and again until it is stopped, and an even number of times.
    pub(super) async fn edit_until(&mut self, stopped: watch::Receiver<bool>, every: Duration) -> Result<Vec<Edit>> {
        let mut edits = Vec::new();
        while !*stopped.borrow() || self.is_taken {
            let next = Instant::now() + every;
            edits.push(self.edit().await?);
            tokio::time::sleep_until(next).await;
        }
        Ok(edits)
    }

    async fn edit(&mut self) -> Result<Edit> {
        while self.alerts.try_recv().is_ok() {}
        self.is_taken = !self.is_taken;
        let event = if self.is_taken { "Holiday" } else { "Instructional day" };
        // The one before may have been closed since, as one on which nothing comes.
        self.door = Connection::open(self.port).await?;
        let sent_at = Instant::now();
        self.post("calendarDates", &calendar_date(TAKEN, event)?).await?;
        let answered = sent_at.elapsed();
        let counted = self.everyone_counted().await? - sent_at;
        let told = self.told().await? - sent_at;
        Ok(Edit { sent_at, answered, counted, told })
    }

    /// When the measures of each student had the days that the calendar has. Whoever has not is looked for, and not all who have are
    /// counted: what is measured would wait for that.
    async fn everyone_counted(&mut self) -> Result<Instant> {
        let days = i64::try_from(YEAR_DAYS)? - i64::from(self.is_taken);
        let deadline = Instant::now() + PATIENCE;
        loop {
            let behind: bool = sqlx::query_scalar(
                "select exists (
                     select from rules.measures where district = $1 and school = $2 and enrolled <> $3)",
            )
            .bind(DISTRICT)
            .bind(SCHOOL.to_string())
            .bind(days * HUNDREDTHS)
            .fetch_one(&mut self.database)
            .await?;
            if !behind {
                return Ok(Instant::now());
            }
            ensure!(Instant::now() < deadline, "not all of {} have {days} days", self.students);
            sleep(POLL).await;
        }
    }

    /// When each of those on the bound had a change on the feed.
    async fn told(&mut self) -> Result<Instant> {
        let deadline = Instant::now() + PATIENCE;
        let (mut missing, mut last) = (self.on_the_bound.clone(), Instant::now());
        while !missing.is_empty() {
            let change = timeout_at(deadline, self.alerts.recv()).await;
            let change = change.with_context(|| format!("{} alerts do not change", missing.len()))?;
            let (student, at) = change.context("the feed ended")?;
            if missing.remove(&student) {
                last = at;
            }
        }
        Ok(last)
    }

    /// How long SQL alone takes to write the rows of the school's students again, in one transaction.
    pub(super) async fn rewrite(&mut self) -> Result<Duration> {
        let school = SCHOOL.to_string();
        sqlx::raw_sql(
            "create table load_students (like rules.students including all);
             create table load_measures (like rules.measures including all)",
        )
        .execute(&mut self.database)
        .await?;
        for copy in [
            "insert into load_students select s.* from rules.students s join rules.measures m using (district, student)
             where m.school = $1",
            "insert into load_measures select * from rules.measures where student in (select student from load_students)
             and $1 <> ''",
        ] {
            sqlx::query(copy).bind(&school).execute(&mut self.database).await?;
        }
        let began = Instant::now();
        sqlx::raw_sql(
            "begin; update load_students set evaluated_reference = evaluated_reference + 1;
             update load_measures set enrolled = enrolled - 100; commit",
        )
        .execute(&mut self.database)
        .await?;
        let took = began.elapsed();
        sqlx::raw_sql("drop table load_students, load_measures").execute(&mut self.database).await?;
        Ok(took)
    }

    /// Fails unless everything computed anew from the log is what the tables hold.
    pub(super) async fn is_exact(&mut self, world: &World) -> Result<()> {
        world.run(&["verify"]).await.map(drop)
    }

    async fn send_calendar(&mut self) -> Result<()> {
        let descriptor = |kind: &str, value: &str| format!("uri://ed-fi.org/{kind}Descriptor#{value}");
        let school = json!({
            "schoolId": SCHOOL,
            "nameOfInstitution": "A large school",
            "educationOrganizationCategories":
                [{ "educationOrganizationCategoryDescriptor": descriptor("EducationOrganizationCategory", "School") }],
            "gradeLevels": [{ "gradeLevelDescriptor": descriptor("GradeLevel", "Ninth grade") }],
        });
        self.post("schools", &school).await?;
        let calendar = json!({
            "calendarCode": CALENDAR,
            "calendarTypeDescriptor": descriptor("CalendarType", "School"),
            "schoolReference": { "schoolId": SCHOOL },
            "schoolYearTypeReference": { "schoolYear": 2026 },
        });
        self.post("calendars", &calendar).await?;
        for day in 0..YEAR_DAYS {
            self.post("calendarDates", &calendar_date(day, "Instructional day")?).await?;
        }
        Ok(())
    }

    /// Creates a document, or updates the one of its natural key.
    async fn post(&mut self, resource: &str, document: &Value) -> Result<()> {
        let bearer = format!("Bearer {}", self.token);
        let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
        let path = format!("/edfi/sis/data/v3/ed-fi/{resource}");
        let request = exchange::request("POST", &path, &headers, document.to_string().as_bytes());
        let answer = self.door.exchange(&request).await?;
        let kept = matches!(answer.status, 200 | 201);
        ensure!(kept, "{resource}: {} {}", answer.status, String::from_utf8_lossy(answer.body));
        Ok(())
    }
}

fn date_of(day: u64) -> Result<String> {
    Ok(Date::from_days(workload::date(day))?.to_string())
}

fn calendar_date(day: u64, event: &str) -> Result<Value> {
    let event = format!("uri://ed-fi.org/CalendarEventDescriptor#{event}");
    Ok(json!({
        "date": date_of(day)?,
        "calendarEvents": [{ "calendarEventDescriptor": event }],
        "calendarReference": { "calendarCode": CALENDAR, "schoolId": SCHOOL, "schoolYear": 2026 },
    }))
}

fn mark(student: &str, day: u64, code: &str) -> Result<Value> {
    let data = json!({ "student": student, "school": SCHOOL.to_string(), "date": date_of(day)?, "code": code });
    Ok(json!({ "kind": "attendance", "data": data }))
}

const fn is_on_the_bound(number: u32) -> bool {
    number.is_multiple_of(ON_THE_BOUND)
}

/// What a student's day was. Those who are not on the bound miss one day in fourteen.
fn code(number: u32, day: u64) -> &'static str {
    if is_on_the_bound(number) {
        return if day % EVERY == TAKEN { "Excused Absence" } else { "Present" };
    }
    match mix(u64::from(number) * YEAR_DAYS + day) % 100 {
        0..3 => "Excused Absence",
        // Not of today, of which it would be news.
        3..7 if day + 1 < YEAR_DAYS => "Unexcused Absence",
        7..11 => "Tardy",
        _ => "Present",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_on_the_bound_have_missed_just_a_twentieth_and_less_without_the_day() {
        let missed = (0..YEAR_DAYS).filter(|day| code(0, *day) == "Excused Absence");
        let missed: Vec<u64> = missed.collect();
        assert!(missed.contains(&TAKEN));
        assert_eq!(missed.len() as u64 * 20, YEAR_DAYS);
        assert!((missed.len() as u64 - 1) * 20 < YEAR_DAYS - 1);
    }
}
