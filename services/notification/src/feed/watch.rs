//! Watchers of alert changes: everything after a cursor in order of commit, then live.
//!
//! Who is who. One *reader* per process reads each district's changes once, however many watch them, and puts them before
//! every watcher that is live. A watcher's *seat* is what the two share: a short queue, whose changes all seats share. A
//! watcher that is not live (it begins at an old cursor, or its queue was full) reads its backlog from the database by
//! itself, through the few connections that all backlogs share, and then joins the reader; so neither many watchers nor slow
//! ones keep adapters from the database, and an idle watcher costs its seat and nothing else.
//!
//! A cursor is a commit sequence of the district, and a random tag of that commit: a database that was restored from a backup
//! gives the sequences of what it lost to other changes, and a cursor of before is then refused. Sequences are dense and handed out under a lock that is held until commit, so
//! nothing that commits late can hide behind a cursor; joining compares sequences, so that there is no gap and no repeat. A
//! watcher that does not read is cut, and resumes by its cursor. Alerts that were over long ago are forgotten with their
//! changes; a watcher whose cursor is before one of these cannot know what it missed, and is told to begin again.

mod cursor;
mod reader;
mod seat;

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use homeroom_domain::id::DistrictId;
use homeroom_proto::wire::notification as pb;
use tokio::task::JoinSet;
use tokio_stream::Stream;
use tonic::Status;
use uuid::Uuid;

use super::room::Place;
use crate::store::Position;
use cursor::Cursor;
use seat::{Change, Next, Seat};

pub(crate) use reader::Reader;

/// A watcher, as the stream that its peer reads.
pub(super) struct Watcher {
    reader: Arc<Reader>,
    seat: Arc<Seat>,
    /// The last change sent, or a later one of another school.
    cursor: i64,
    /// What was forgotten when the watcher last looked.
    forgotten: i64,
    /// Read from the backlog and not yet sent.
    page: VecDeque<Arc<Change>>,
    /// The next page, while it is read: by a task, since nobody polls a watcher whose peer does not read, and a look at the backlog
    /// that is left half done keeps its share of the connections.
    reading: JoinSet<Result<reader::Backlog, Status>>,
    /// Up to where nothing is left in the backlog once the page is sent.
    caught_up: Option<i64>,
    over: bool,
}

impl Watcher {
    /// Finds where to begin.
    pub(super) async fn open(
        reader: Arc<Reader>,
        district: DistrictId,
        request: pb::WatchAlertsRequest,
        place: Place,
    ) -> Result<Self, Status> {
        let asked = match request.cursor.as_str() {
            "" => None,
            _ if request.from_start => {
                return Err(Status::invalid_argument("`cursor` and `from_start` exclude each other"));
            }
            text => Some(Cursor::parse(text).ok_or_else(|| Status::invalid_argument("`cursor` is none of this feed"))?),
        };
        let (position, tag) = reader.position(&district, asked.map_or(0, |cursor| cursor.sequence)).await?;
        let Position { last, forgotten } = position;
        let (cursor, caught_up) = match asked {
            None if request.from_start => (0, None),
            None => (last, Some(last)),
            Some(cursor) => {
                check(cursor, position, tag)?;
                (cursor.sequence, (cursor.sequence == last).then_some(last))
            }
        };
        let seat = reader.sit(district, request.school, place);
        let (page, reading) = (VecDeque::new(), JoinSet::new());
        Ok(Self { reader, seat, cursor, forgotten, page, reading, caught_up, over: false })
    }

    /// Takes in a page of the backlog.
    fn take(&mut self, backlog: reader::Backlog) -> Result<(), Status> {
        let reader::Backlog { changes, position, whole } = backlog;
        if position.forgotten > self.forgotten {
            if self.cursor < position.forgotten {
                return Err(too_old());
            }
            self.forgotten = position.forgotten;
        }
        self.page = changes.into();
        // What is not of the watcher's school is seen too, and may be forgotten.
        self.caught_up = whole.then_some(position.last);
        Ok(())
    }

    fn end(&mut self, status: Status) -> Poll<Option<Result<pb::WatchAlertsResponse, Status>>> {
        self.over = true;
        self.reading.abort_all();
        self.reader.leave(&self.seat);
        Poll::Ready(Some(Err(status)))
    }
}

impl Stream for Watcher {
    type Item = Result<pb::WatchAlertsResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let this = &mut *self;
        loop {
            if this.over {
                return Poll::Ready(None);
            }
            if let Some(change) = this.page.pop_front() {
                this.cursor = change.sequence;
                this.seat.sent();
                return Poll::Ready(Some(Ok(change.response.clone())));
            }
            match this.seat.next(cx) {
                Next::Change(change) => {
                    this.cursor = change.sequence;
                    return Poll::Ready(Some(Ok(change.response.clone())));
                }
                Next::End(status) => return this.end(status),
                Next::Wait => return Poll::Pending,
                Next::Behind => {}
            }
            if let Some(last) = this.caught_up.take() {
                this.cursor = this.cursor.max(last);
                if this.reader.join(&this.seat, this.cursor) {
                    continue;
                }
            }
            if this.reading.is_empty() {
                let backlog = Arc::clone(&this.reader).backlog(Arc::clone(&this.seat), this.cursor);
                this.reading.spawn(backlog);
            }
            let read = match ready!(this.reading.poll_join_next(cx)) {
                Some(Ok(read)) => read,
                Some(Err(_)) => Err(Status::internal("the backlog could not be read; resume by the cursor")),
                None => continue,
            };
            if let Err(status) = read.and_then(|backlog| this.take(backlog)) {
                return this.end(status);
            }
        }
    }
}

impl Drop for Watcher {
    fn drop(&mut self) {
        self.reader.leave(&self.seat);
    }
}

/// Whether a watcher can go on from the cursor; `tag` is that of the change that now has its sequence.
fn check(cursor: Cursor, position: Position, tag: Option<Uuid>) -> Result<(), Status> {
    if !(0..=position.last).contains(&cursor.sequence) {
        // The database was restored to a time before the cursor.
        return Err(Status::out_of_range("`cursor` is past the last change; watch from the start"));
    }
    if cursor.sequence < position.forgotten {
        return Err(too_old());
    }
    if cursor.tag.is_none() || cursor.tag == tag {
        return Ok(());
    }
    if cursor.sequence == position.forgotten {
        // The change itself is forgotten, and nothing tells its cursor from one of a lost database.
        return Err(too_old());
    }
    Err(Status::out_of_range("`cursor` is of another order than this database's; watch from the start"))
}

fn too_old() -> Status {
    Status::out_of_range("`cursor` is older than the changes kept; watch from the start")
}
