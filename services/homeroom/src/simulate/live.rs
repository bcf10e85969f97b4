//! Sends a district through the public Ed-Fi API, day by day, as its student information system would.
//!
//! A day's documents go out by resource, whoever is referred to before whoever refers, and what is withdrawn last. A crash in
//! the middle of a day is no harm: posts are upserts, and what is deleted already stays deleted.

use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use homeroom_simulate::{Batch, Day, District, Document, Word};
use jiff::civil::{Time, time};

use super::resume::Resume;
use crate::client::edfi::{EdFi, Posted};
use crate::client::{Connection, admin};
use crate::progress::Progress;
use crate::sample::load::{CONCURRENCY, Loaded};

/// When a day's documents arrive.
const MORNING: Time = time(9, 0, 0, 0);
/// After the day's close, so that the last day counts.
const EVENING: Time = time(17, 0, 0, 0);
/// Students whose documents are made and sent together. At the start of the year each has about twenty.
const CHUNK: u32 = 2_400;
/// The same of schools, which have thousands.
const SCHOOLS: usize = 8;
const SECONDS_OF_A_DAY: f64 = 86_400.0;
/// What a client is told that goes too fast.
const TOO_MANY_REQUESTS: u16 = 429;

/// What is sent, and how fast.
#[derive(Debug)]
pub(crate) struct Plan {
    /// The last day.
    pub(crate) until: Day,
    /// Seconds of the district in a real second; as fast as it is taken when not given.
    pub(crate) speed: Option<f64>,
    /// How far it has come.
    pub(crate) resume: Resume,
}

/// Sends what is left up to the plan's last day.
pub(crate) async fn send(connection: &Connection, district: &District, plan: &Plan) -> Result<Loaded> {
    let began = Instant::now();
    let edfi = EdFi::connect(connection).await?;
    let from = plan.resume.first_left(district)?;
    let within = |day: Day| Some(day).filter(|day| *day <= plan.until);
    let days: Vec<Day> = std::iter::successors(within(from), |day| within(day.plus(1))).collect();
    let progress = Progress::new(days.len());
    let mut sent = Loaded::default();
    let mut clock = Clock { connection, moves: true };
    let pace = plan.speed.map(|speed| Duration::from_secs_f64(SECONDS_OF_A_DAY / speed));
    let mut next = tokio::time::Instant::now();
    for day in &days {
        if let Some(pace) = pace {
            tokio::time::sleep_until(next).await;
            next += pace;
        }
        clock.advance(district, *day, MORNING).await;
        let before = sent.taken;
        send_day(&edfi, district, *day, &mut sent).await?;
        progress.step(&district.date(*day).to_string(), usize::try_from(sent.taken - before).unwrap_or(usize::MAX));
        progress.one();
        // A day of which something was refused is sent again the next time, when that has been mended.
        if sent.refused == 0 {
            plan.resume.sent(district, *day)?;
        }
    }
    clock.advance(district, plan.until, EVENING).await;
    progress.finish();
    sent.elapsed = began.elapsed();
    Ok(sent)
}

/// The district's clock, which follows the days where it is a sample's.
struct Clock<'a> {
    connection: &'a Connection,
    moves: bool,
}

impl Clock<'_> {
    async fn advance(&mut self, district: &District, day: Day, at: Time) {
        if self.moves
            && let Err(error) = admin::advance_clock(self.connection, district.date(day).to_datetime(at)).await
        {
            // A sender's key may write records and nothing else; records count all the same.
            eprintln!("the district's clock is left as it is: {error:#}");
            self.moves = false;
        }
    }
}

async fn send_day(edfi: &EdFi, district: &District, day: Day, sent: &mut Loaded) -> Result<()> {
    let mut batch = Batch::new(day..=day);
    district.office(&mut batch);
    for school in 0..district.schools() {
        district.school(school, &mut batch);
        if school % SCHOOLS == SCHOOLS - 1 {
            send_batch(edfi, &mut batch, sent).await?;
        }
    }
    send_batch(edfi, &mut batch, sent).await?;
    for student in 0..district.students() {
        district.student(student, &mut batch);
        if student % CHUNK == CHUNK - 1 {
            send_batch(edfi, &mut batch, sent).await?;
        }
    }
    send_batch(edfi, &mut batch, sent).await
}

/// Sends the documents of one resource together, one resource after the other.
async fn send_batch(edfi: &EdFi, batch: &mut Batch, sent: &mut Loaded) -> Result<()> {
    batch.sort();
    let documents: Vec<_> = batch.iter().collect();
    for group in documents.chunk_by(|a, b| (a.word, a.resource) == (b.word, b.resource)) {
        // A boxed future each, since those of borrowed documents have no name that a stream could hold.
        let posts = group.iter().map(|document| Box::pin(send_one(edfi, *document)));
        let mut answers = stream::iter(posts).buffer_unordered(CONCURRENCY);
        while let Some((document, posted)) = answers.try_next().await? {
            if let Posted::Refused(TOO_MANY_REQUESTS, reason) = &posted {
                anyhow::bail!("too fast for the server, however long we waited: {reason}");
            }
            sent.count(document.resource.endpoint(), posted);
        }
    }
    batch.clear();
    Ok(())
}

async fn send_one<'a>(edfi: &EdFi, document: Document<'a>) -> Result<(Document<'a>, Posted)> {
    let resource = document.resource.endpoint();
    let posted = match document.word {
        Word::Said => edfi.post(resource, document.body).await?,
        Word::Withdrawn => edfi.delete(resource, document.body).await?,
    };
    Ok((document, posted))
}
