//! Which student a command is about.

use anyhow::Result;
use homeroom_domain::id::StudentKey;

use crate::client::{Connection, admin};
use crate::failure::BadConfig;

/// A student, by key or by the district's own id.
#[derive(Debug, clap::Args)]
pub(crate) struct StudentArgs {
    /// The student's key, as alerts and exports carry it.
    #[arg(value_name = "STUDENT", conflicts_with = "local_id")]
    student: Option<StudentKey>,
    /// The district's own id of the student.
    #[arg(long, value_name = "ID")]
    local_id: Option<String>,
}

impl StudentArgs {
    /// The key of the student, who must be said; `or` is what else would do, if anything.
    pub(crate) async fn key(&self, connection: &Connection, or: &str) -> Result<StudentKey> {
        match self.find(connection).await? {
            Some(key) => Ok(key),
            None => Err(BadConfig(format!("say which student: STUDENT or --local-id ID{or}")).into()),
        }
    }

    /// The key of the student; none when nobody is said.
    pub(crate) async fn find(&self, connection: &Connection) -> Result<Option<StudentKey>> {
        match (self.student, self.local_id.as_deref()) {
            (Some(key), _) => Ok(Some(key)),
            (None, Some(local_id)) => admin::find_student(connection, local_id).await.map(Some),
            (None, None) => Ok(None),
        }
    }
}
