//! Each change of a student's measures from now on, whichever process made it.
//!
//! After commits, the keys of changed students are told over a database channel; the watcher reads the rows. A slow watcher sees the
//! latest rows, not each one between. A new owner of a partition cannot know what the one before still told of, so the watcher
//! is shown the partition's rows again.

use std::ops::ControlFlow;
use std::sync::Arc;
use std::time::Duration;

use homeroom_domain::id::{DistrictId, StudentKey};
use homeroom_pg::{Districts, Error, Listener, Wake};
use homeroom_proto::wire::risk as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::evaluate::Row;
use crate::grpc::{Answers, Risk, list, measures, unavailable};
use crate::store::postgres::load;
use crate::store::postgres::watchers::{CHANNEL, Heard};

/// Rows that wait for one watcher; a full queue makes its reader wait, and PostgreSQL keeps what it is told meanwhile.
const QUEUE: usize = 256;

/// The most watchers of a process: each has a database connection of its own.
pub(crate) const WATCHERS: usize = 16;
/// How long a watcher may leave its queue full.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long what was heard once may take to show, however many rows it is: meanwhile nothing more is heard.
const LOOK: Duration = Duration::from_mins(1);
/// Rows of a partition that are read at a time.
const PAGE: usize = 500;

/// Rows with the students that they are of.
type Rows = Vec<(Vec<u8>, Row)>;

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
        let listener = self.database.listen(CHANNEL).await.map_err(|error| unavailable(&error))?;
        let (sender, answers) = mpsc::channel(QUEUE);
        let watcher = Watcher { risk: self.clone(), district, school: request.school, sender };
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with its stream, which the server drains at shutdown"
        )]
        tokio::spawn(async move {
            let _watching = watching;
            watcher.follow(listener).await;
        });
        Ok(Box::pin(ReceiverStream::new(answers)))
    }
}

/// Who follows a district's students, or those of one of its schools.
struct Watcher {
    risk: Risk,
    district: DistrictId,
    /// Empty for all.
    school: String,
    sender: mpsc::Sender<Result<wire::WatchStudentsResponse, Status>>,
}

impl Watcher {
    async fn follow(self, mut listener: Listener) {
        loop {
            let heard = tokio::select! {
                () = self.risk.stopping.cancelled() => return,
                () = self.sender.closed() => return,
                heard = listener.wait(Duration::from_secs(30)) => heard,
            };
            let shown = match heard {
                Wake::Elapsed => Ok(ControlFlow::Continue(())),
                Wake::Notified(payload) => self.look_in_time(Heard::parse(&payload, &self.district)).await,
                Wake::Reconnected => {
                    Err(Status::aborted("changes may have been missed; list the students and watch again"))
                }
            };
            match shown {
                Ok(ControlFlow::Continue(())) => {}
                Ok(ControlFlow::Break(())) => return,
                Err(status) => {
                    // The watcher may have gone too, and then nobody is there to be told.
                    self.sender.send(Err(status)).await.ok();
                    return;
                }
            }
        }
    }

    /// Shows what was heard of. Not without end: nothing is heard meanwhile, and the database keeps what is said for who has not
    /// heard it.
    async fn look_in_time(&self, heard: Option<Heard>) -> Result<ControlFlow<()>, Status> {
        tokio::time::timeout(LOOK, self.look(heard)).await.unwrap_or_else(|_| {
            Err(Status::aborted("changes were not read fast enough; list the students and watch again"))
        })
    }

    async fn look(&self, heard: Option<Heard>) -> Result<ControlFlow<()>, Status> {
        match heard {
            None => Ok(ControlFlow::Continue(())),
            Some(Heard::Changed(students)) => {
                let rows = self.rows_of(&students).await.map_err(|error| unavailable(&error))?;
                Ok(self.show(&rows).await)
            }
            Some(Heard::Missed(partition)) => self.look_at_all(partition).await,
        }
    }

    /// Shows every row of a partition.
    async fn look_at_all(&self, partition: i32) -> Result<ControlFlow<()>, Status> {
        let mut after = (Vec::new(), String::new());
        loop {
            let rows = self.page(partition, after).await.map_err(|error| unavailable(&error))?;
            if self.show(&rows).await.is_break() {
                return Ok(ControlFlow::Break(()));
            }
            match rows.into_iter().nth(PAGE - 1) {
                Some((student, row)) => after = (student, row.school.map_or_else(String::new, |it| it.to_string())),
                None => return Ok(ControlFlow::Continue(())),
            }
        }
    }

    /// Breaks when the watcher has gone or does not read.
    async fn show(&self, rows: &[(Vec<u8>, Row)]) -> ControlFlow<()> {
        for (student, row) in rows {
            let answer = wire::WatchStudentsResponse { measures: Some(measures(student, row)) };
            // A watcher that stops reading would hold the listening connection back, and with it the database's
            // queue of notifications, which every commit needs.
            if self.sender.send_timeout(Ok(answer), PATIENCE).await.is_err() {
                return ControlFlow::Break(());
            }
        }
        ControlFlow::Continue(())
    }

    async fn rows_of(&self, students: &[StudentKey]) -> Result<Rows, Error> {
        let (name, school) = (self.district.to_string(), self.school.clone());
        let students: Vec<Vec<u8>> = students.iter().map(|student| student.as_bytes().to_vec()).collect();
        self.risk
            .database
            .run("rules.measure.watch", &Districts::one(&self.district), move |tx| {
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

    /// The next rows of a partition after those of a student at a school, in order.
    async fn page(&self, partition: i32, after: (Vec<u8>, String)) -> Result<Rows, Error> {
        let (name, school) = (self.district.to_string(), self.school.clone());
        self.risk
            .database
            .run("rules.measure.page", &Districts::one(&self.district), move |tx| {
                let (name, school, (student, at)) = (name.clone(), school.clone(), after.clone());
                Box::pin(async move {
                    let rows = sqlx::query(
                        "select m.* from students s join measures m on m.district = s.district and m.student = s.student
                         where s.partition = $1 and s.district = $2 and s.student >= $3 and (m.student, m.school) > ($3, $4)
                           and ($5 = '' or m.school = $5)
                         order by m.student, m.school limit $6",
                    )
                    .bind(partition)
                    .bind(name)
                    .bind(student)
                    .bind(at)
                    .bind(school)
                    .bind(i64::try_from(PAGE).unwrap_or(i64::MAX))
                    .fetch_all(tx)
                    .await?;
                    rows.iter().map(load::row).collect()
                })
            })
            .await
    }
}
