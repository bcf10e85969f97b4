//! The Ed-Fi door: a district's student information system sends here as to any Ed-Fi ODS/API, and reads back what it sent.
//!
//! One generic engine driven by the `table` of resources; there is no code for a single resource but what maps it to events.
//!
//! Who is who:
//! - `http`: addresses, tokens, answers. Authorises, parses, asks, answers.
//! - `parse`, `validate`, `key`, `problem`: a body becomes a checked document with a natural key, or a problem document.
//! - `command`, `writer`, `batch`, `store`: documents are decided in micro-batches, one transaction each, that also appends to the outbox.
//! - `map`: a change of a document becomes messages. Pure.
//! - `relay`, `backlog`: the outbox is published in order, and bounded.
//! - `cascade`, `reference`, `referral`: documents follow a document whose natural key was changed.
//! - `restored`: what a restore from a backup leaves in doubt.
//! - `query`, `openapi`: what clients read; `deletes`: for how long they are told of what is gone.
//!
//! What can go wrong: the database is away (503, nothing kept), the log is away (documents are kept until the outbox is full,
//! then 503), one document breaks its batch (it alone fails), a crash after commit (the outbox is relayed later), a crash
//! between publishing and deleting (a repeated record with the same revision).
//!
//! References are not checked: a record whose student, school or section is not known yet is kept and counted once it is.
//! A PUT that changes a natural key withdraws the old record and makes the new one; documents of the same connection that refer to
//! the old key follow moments later, without being sent again (`cascade`).

mod backlog;
mod batch;
mod cascade;
mod command;
mod deletes;
#[cfg(any(test, feature = "fuzzing"))]
pub(crate) mod fuzz;
mod http;
mod key;
mod map;
#[cfg(feature = "offline")]
#[doc(hidden)]
pub mod offline;
mod openapi;
mod parse;
mod problem;
mod query;
mod reference;
mod referral;
mod relay;
pub(crate) mod restored;
mod store;
mod table;
mod validate;
mod writer;

use std::sync::Arc;

use axum::Router;
use homeroom_chassis::lifecycle::TaskGroup;
use tokio::sync::Notify;
use uuid::Uuid;

pub(crate) use self::backlog::Backlog;
use self::cascade::Cascade;
use self::relay::Relay;
use self::writer::Writer;
use crate::app::State;
use crate::district::Known;

/// How many requests shared a commit.
pub const BATCH_REQUESTS: &str = "homeroom_ingestion_batch_requests";
/// Records that wait to be published.
pub const OUTBOX_ROWS: &str = "homeroom_ingestion_outbox_rows";
/// How long the oldest of them has waited.
pub const OUTBOX_AGE_SECONDS: &str = "homeroom_ingestion_outbox_age_seconds";
/// Records that wait and are not published, because their district's pseudonym key is gone.
pub const OUTBOX_STRANDED_ROWS: &str = "homeroom_ingestion_outbox_stranded_rows";
/// Records that the log refused for ever.
pub const GIVEN_UP_TOTAL: &str = "homeroom_ingestion_outbox_given_up_total";

/// The door, ready to answer. Its background work runs on the task group.
#[derive(Clone)]
pub struct Door {
    state: State,
    writer: Writer,
    backlog: Arc<Backlog>,
}

/// Starts the background work: writer, relay and measurement of the outbox.
pub(crate) fn start(state: &State, known: &Known, tasks: &TaskGroup) -> Door {
    let backlog = Backlog::start(state.database.clone(), known, &state.limits, tasks);
    let relay = Relay {
        database: state.database.clone(),
        districts: known.with_key.clone(),
        log: Arc::clone(&state.log),
        backlog: Arc::clone(&backlog),
        rows: state.limits.relay_rows,
        // Chance is enough: it names this process among the replicas.
        owner: Uuid::new_v4(),
    };
    relay.start(tasks);
    deletes::start(state.database.clone(), known.all.clone(), &state.limits, tasks);
    referral::backfill::start(state.database.clone(), state.pseudonyms.districts().cloned().collect(), tasks);
    let key_changed = Arc::new(Notify::new());
    Cascade::start(state, known.with_key.clone(), Arc::clone(&backlog), Arc::clone(&key_changed), tasks);
    let writer = Writer::start(state, Arc::clone(&backlog), key_changed, tasks);
    Door { state: state.clone(), writer, backlog }
}

impl Door {
    /// Whether the database has answered lately. A full outbox does not make the door unready: it says so to senders itself,
    /// with the time to come back, which a balancer without ready processes could not.
    pub fn is_reachable(&self) -> bool {
        self.backlog.is_measured()
    }

    /// Records that wait and are not published, because their district's pseudonym key is gone.
    pub fn stranded(&self) -> u64 {
        self.backlog.stranded()
    }

    /// How much waits to be published.
    pub(crate) fn backlog(&self) -> &Arc<Backlog> {
        &self.backlog
    }
}

/// The door's addresses, under `/edfi/{connection}/`.
pub fn router(door: Door) -> Router {
    http::router(door)
}
