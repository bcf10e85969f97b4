//! After a restore from a backup: the documents are older than the log.
//!
//! A document that is sent again just as the backup has it would say nothing new, while the log may hold a later word of it that
//! was lost here. So each counts as of unknown standing until it is sent once more, and is then published whatever it says.
//!
//! A full load by its sender puts right what there still is. What was sent after the backup and has been deleted since stands in
//! the log and nowhere else: no load holds it, and its deletion finds no document. Its sender loads it once more and deletes it.

use homeroom_pg::{Database, Districts, Error};

use crate::district;

/// Makes the standing of every document unknown, by version: what is kept has none above its district's last.
pub(crate) async fn mark(database: &Database) -> Result<(), Error> {
    let districts = Districts::of(&district::known(database).await?);
    database
        .run("ingestion.documents.restored", &districts, |connection| {
            Box::pin(async move {
                sqlx::query("update change_versions set unsure_below = last + 1").execute(connection).await?;
                Ok(())
            })
        })
        .await
}
