//! What schools are called. Only schools: alerts carry no name of a person.

use std::collections::BTreeMap;

use anyhow::Result;
use homeroom_proto::wire::risk::{GetSummaryRequest, GetSummaryResponse};

use crate::client::{Connection, grpc};

/// The names of a district's schools.
#[derive(Debug, Clone, Default)]
pub(crate) struct SchoolNames(BTreeMap<String, String>);

impl SchoolNames {
    /// Asks for them.
    pub(crate) async fn load(connection: &Connection) -> Result<Self> {
        let summary = grpc::risk(connection)?.get_summary(GetSummaryRequest {}).await?.into_inner();
        Ok(Self::of(&summary))
    }

    /// Takes them from a summary.
    pub(crate) fn of(summary: &GetSummaryResponse) -> Self {
        Self(summary.schools.iter().map(|s| (s.school.clone(), s.name.clone())).collect())
    }

    /// The school's name, else its id.
    pub(crate) fn name<'a>(&'a self, school: &'a str) -> &'a str {
        self.0.get(school).filter(|name| !name.is_empty()).map_or(school, String::as_str)
    }
}
