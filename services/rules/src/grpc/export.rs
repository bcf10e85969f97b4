//! Every student's measures as of a date, computed from the ledgers, so that any date of the past can be asked for.

use homeroom_domain::date::Date;
use homeroom_domain::id::DistrictId;
use homeroom_domain::measure::Measure;
use homeroom_domain::settings::Now;
use homeroom_pg::{Districts, Error};
use homeroom_proto::wire::risk as wire;
use tokio::sync::mpsc;
use tokio_stream::wrappers::ReceiverStream;
use tonic::Status;

use crate::evaluate::{Row, Student, rows_as_of};
use crate::grpc::{Answers, Risk, measures, other, unavailable};
use crate::reference::District;
use crate::store::postgres::load;

/// Students read at once.
const PAGE: i64 = 500;
/// What is asked for.
struct Asked {
    as_of: Option<Date>,
    /// Measures beside those that are kept.
    others: Vec<Measure>,
}

/// Rows that wait for a slow reader.
const QUEUE: usize = 1_024;

impl Risk {
    pub(super) fn export(
        &self,
        district: DistrictId,
        request: &wire::ExportMeasuresRequest,
    ) -> Result<Answers<wire::ExportMeasuresResponse>, Status> {
        let reference = self.reference(&district)?;
        let current = reference
            .settings
            .clock
            .now(homeroom_chassis::clock::now())
            .map_err(|error| Status::failed_precondition(error.to_string()))?;
        let asked = request
            .as_of
            .map(Date::from_days)
            .transpose()
            .map_err(|error| Status::invalid_argument(format!("as_of: {error}")))?;
        let asked = Asked { as_of: asked, others: other::parse(&request.others)? };
        let (sender, answers) = mpsc::channel(QUEUE);
        let risk = self.clone();
        #[expect(
            clippy::disallowed_methods,
            reason = "the task ends with its stream, which the server drains at shutdown"
        )]
        tokio::spawn(async move {
            if let Err(error) = risk.send_rows(&district, &reference, current, &asked, &sender).await {
                // The reader may have gone too, and then nobody is there to be told.
                sender.send(Err(unavailable(&error))).await.ok();
            }
        });
        Ok(Box::pin(ReceiverStream::new(answers)))
    }

    async fn send_rows(
        &self,
        district: &DistrictId,
        reference: &District,
        current: Now,
        asked: &Asked,
        sender: &mpsc::Sender<Result<wire::ExportMeasuresResponse, Status>>,
    ) -> Result<(), Error> {
        let mut after = Vec::new();
        loop {
            let page = self.page(district, after.clone()).await?;
            let Some(((_, last), _)) = page.last() else { return Ok(()) };
            after = last.as_bytes().to_vec();
            for ((_, key), student) in &page {
                let (now, rows) = rows(student, reference, current, asked.as_of);
                let others = other::values(student, reference, now, &rows, &asked.others, other::Words::LeftOut);
                for (row, others) in rows.iter().zip(others) {
                    let row = wire::Measures { others, ..measures(key.as_bytes(), row) };
                    let answer = wire::ExportMeasuresResponse { measures: Some(row), as_of: now.as_of.days() };
                    if sender.send(Ok(answer)).await.is_err() {
                        return Ok(());
                    }
                }
            }
        }
    }

    async fn page(
        &self,
        district: &DistrictId,
        after: Vec<u8>,
    ) -> Result<Vec<((DistrictId, homeroom_domain::id::StudentKey), Student)>, Error> {
        let id = district.clone();
        self.database
            .run("rules.student.page", &Districts::one(district), move |tx| {
                let (id, after) = (id.clone(), after.clone());
                Box::pin(async move { load::page(tx, &id, &after, PAGE).await })
            })
            .await
    }
}

/// The rows as committed when no date, or the one in force, is asked for; else as of the asked date, seen at its close. With the
/// dates that they are of.
pub(super) fn rows(student: &Student, reference: &District, current: Now, asked: Option<Date>) -> (Now, Vec<Row>) {
    let counted = |now| (now, rows_as_of(student, reference, now));
    match (student.evaluated, asked) {
        (Some(committed), None) => (committed, student.written.rows.clone()),
        (Some(committed), Some(as_of)) if as_of == committed.as_of => (committed, student.written.rows.clone()),
        (_, Some(as_of)) => counted(Now { today: as_of, as_of }),
        (None, None) => counted(current),
    }
}
