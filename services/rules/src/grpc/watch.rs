//! Each change of a student's measures from now on, whichever process made it.
//!
//! After commits, the keys of changed students are told over a database channel; the watcher reads the rows. A slow watcher sees the
//! latest rows, not each one between.

use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Districts, Error};
use homeroom_proto::wire::risk as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::evaluate::Row;
use crate::grpc::{Answers, Risk, list, measures, unavailable};
use crate::store::postgres::load;
use crate::store::postgres::watchers::{CHANNEL, MISSED};

/// Rows that wait for one watcher; a full queue makes its reader wait, and PostgreSQL keeps what it is told meanwhile.
const QUEUE: usize = 256;

/// The most watchers of a process: each has a database connection of its own.
pub(crate) const WATCHERS: usize = 16;
/// How long a watcher may leave its queue full.
const PATIENCE: Duration = Duration::from_secs(10);

impl Risk {
    pub(super) async fn watch(
        &self,
        district: DistrictId,
        request: wire::WatchStudentsRequest,
    ) -> Result<Answers<wire::WatchStudentsResponse>, Status> {
        list::school_or_none(&request.school)?;
        let watching = Arc::clone(&self.watchers).try_acquire_owned().map_err(|_| {
            Status::resource_exhausted(format!(
                "{WATCHERS} watchers are the most that one process has; try another later"
            ))
        })?;
        let mut listener = self.database.listen(CHANNEL).await.map_err(|error| unavailable(&error))?;
        let (sender, answers) = mpsc::channel(QUEUE);
        let (risk, stopping) = (self.clone(), self.stopping.clone());
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with its stream, which the server drains at shutdown"
        )]
        tokio::spawn(async move {
            let _watching = watching;
            loop {
                let heard = tokio::select! {
                    () = stopping.cancelled() => return,
                    () = sender.closed() => return,
                    heard = listener.wait(Duration::from_secs(30)) => heard,
                };
                let payload = match heard {
                    homeroom_pg::Wake::Notified(payload) if payload != MISSED => payload,
                    homeroom_pg::Wake::Elapsed => continue,
                    homeroom_pg::Wake::Notified(_) | homeroom_pg::Wake::Reconnected => {
                        let missed = Status::aborted("changes may have been missed; list the students and watch again");
                        sender.send(Err(missed)).await.ok();
                        return;
                    }
                };
                let Some(students) = changed(&payload, &district) else { continue };
                let rows = match risk.rows_of(&district, students, &request.school).await {
                    Ok(rows) => rows,
                    Err(error) => {
                        // The watcher may have gone too, and then nobody is there to be told.
                        sender.send(Err(unavailable(&error))).await.ok();
                        return;
                    }
                };
                for (student, row) in rows {
                    let answer = wire::WatchStudentsResponse { measures: Some(measures(&student, &row)) };
                    // A watcher that stops reading would hold the listening connection back, and with it the database's
                    // queue of notifications, which every commit needs.
                    match sender.send_timeout(Ok(answer), PATIENCE).await {
                        Ok(()) => {}
                        Err(_) => return,
                    }
                }
            }
        });
        Ok(Box::pin(ReceiverStream::new(answers)))
    }

    async fn rows_of(
        &self,
        district: &DistrictId,
        students: Vec<Vec<u8>>,
        school: &str,
    ) -> Result<Vec<(Vec<u8>, Row)>, Error> {
        let (name, school) = (district.to_string(), school.to_owned());
        self.database
            .run("rules.measure.watch", &Districts::one(district), move |tx| {
                let (name, students, school) = (name.clone(), students.clone(), school.clone());
                Box::pin(async move {
                    let rows = sqlx::query("select * from measures where district = $1 and student = any ($2) and ($3 = '' or school = $3) order by student, school")
                        .bind(name)
                        .bind(students)
                        .bind(school)
                        .fetch_all(tx)
                        .await?;
                    rows.iter().map(load::row).collect()
                })
            })
            .await
    }
}

/// The students that a payload names, when it is about the district.
fn changed(payload: &str, district: &DistrictId) -> Option<Vec<Vec<u8>>> {
    let mut words = payload.split(' ');
    (words.next() == Some(district.as_str()))
        .then(|| words.filter_map(|word| word.parse::<StudentKey>().ok()).map(|key| key.as_bytes().to_vec()).collect())
}
