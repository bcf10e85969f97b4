//! The native door over HTTP: records in any of the shapes that a sender may have, settings, and its own description.
//!
//! - [`body`]: which shape a request has, and where its records lie; [`cloud_event`]: records as CloudEvents.
//! - [`event`], [`student`], [`setting`], `merge`, `dead_letter`: the handlers. They authorise, parse, call and answer; what a record means is decided
//!   in [`crate::intake`], what a setting may be in [`document`].
//! - [`route`]: the one table of routes, from which the router and the OpenAPI description come.

pub mod answer;
pub mod body;
pub mod cloud_event;
mod dead_letter;
pub mod document;
pub mod event;
mod merge;
pub mod openapi;
pub mod route;
pub mod setting;
pub mod store;
pub mod student;

use std::sync::Arc;

use axum::Router;
use axum::response::{IntoResponse, Response};
use homeroom_chassis::access::{Access, Denied, Grant};
use homeroom_chassis::problem::Problem;
use homeroom_pg::Database;
use http::StatusCode;

use crate::intake::{Arrivals, Publisher};
use crate::merge::Merges;
use crate::pseudonym::{Pseudonym, Pseudonyms};

/// What the native doors need. Clones share it.
#[derive(Clone)]
pub struct Native {
    /// The way to the log.
    pub publisher: Publisher,
    /// Where settings are kept.
    pub database: Database,
    /// Who may do what.
    pub access: Access,
    /// The districts' secrets.
    pub pseudonyms: Arc<Pseudonyms>,
    /// Which students are one.
    pub merges: Merges,
    /// Revisions of records that come without one.
    pub arrivals: Arc<Arrivals>,
}

impl Native {
    /// The pseudonyms of the district that a key is for.
    fn pseudonym(&self, grant: &Grant) -> Result<&Pseudonym, Refused> {
        self.pseudonyms.find(&grant.district).ok_or_else(|| {
            let title = "the district has no pseudonym key on this server";
            Problem::new(StatusCode::SERVICE_UNAVAILABLE, "district-not-set-up", title).into()
        })
    }
}

/// What the native door answers.
pub fn router(native: Native) -> Router {
    route::router().with_state(native)
}

/// A request that is refused as a whole.
#[derive(Debug)]
pub enum Refused {
    /// By its key.
    Denied(Denied),
    /// For what it is.
    Problem(Box<Problem>),
}

impl From<Denied> for Refused {
    fn from(denied: Denied) -> Self {
        Self::Denied(denied)
    }
}

impl From<Problem> for Refused {
    fn from(problem: Problem) -> Self {
        Self::Problem(Box::new(problem))
    }
}

impl IntoResponse for Refused {
    fn into_response(self) -> Response {
        match self {
            Self::Denied(denied) => denied.into_response(),
            Self::Problem(problem) => problem.into_response(),
        }
    }
}
