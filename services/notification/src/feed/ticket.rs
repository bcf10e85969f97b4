//! Frames on their way to an adapter, and whether they have left.
//!
//! A frame that the transport has taken may have reached the adapter, even when the connection breaks in the same moment. One
//! that still waits in our queue has not: its deliveries can be taken back as if they had never been given. A ticket lets
//! exactly one of the two happen.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::task::{Context, Poll};

use homeroom_proto::wire::notification::StreamResponse;
use tokio::sync::mpsc;
use tokio_stream::Stream;
use tonic::Status;

const WAITS: u8 = 0;
const LEFT: u8 = 1;
const REVOKED: u8 = 2;

/// Whether a frame has left.
#[derive(Debug, Clone, Default)]
pub(super) struct Ticket(Arc<AtomicU8>);

impl Ticket {
    /// Keeps the frame from leaving; false when it has left.
    pub(super) fn revoke(&self) -> bool {
        self.0.compare_exchange(WAITS, REVOKED, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }

    pub(super) fn has_left(&self) -> bool {
        self.0.load(Ordering::Acquire) == LEFT
    }

    fn leave(&self) -> bool {
        self.0.compare_exchange(WAITS, LEFT, Ordering::AcqRel, Ordering::Acquire).is_ok()
    }
}

/// A frame, with a ticket when it must be known whether it has left.
#[derive(Debug)]
pub(super) struct Parcel {
    pub(super) frame: Result<StreamResponse, Status>,
    pub(super) ticket: Option<Ticket>,
}

/// What the transport takes frames from.
#[derive(Debug)]
pub(super) struct Outgoing(pub(super) mpsc::Receiver<Parcel>);

impl Stream for Outgoing {
    type Item = Result<StreamResponse, Status>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        loop {
            let Poll::Ready(parcel) = self.0.poll_recv(cx) else { return Poll::Pending };
            let Some(Parcel { frame, ticket }) = parcel else { return Poll::Ready(None) };
            if ticket.is_none_or(|ticket| ticket.leave()) {
                return Poll::Ready(Some(frame));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio_stream::StreamExt as _;

    use super::*;

    #[tokio::test]
    async fn a_frame_leaves_or_is_revoked_and_never_both() {
        let (out, frames) = mpsc::channel(2);
        let (first, second) = (Ticket::default(), Ticket::default());
        for ticket in [&first, &second] {
            let frame = Ok(StreamResponse { frame: None });
            out.try_send(Parcel { frame, ticket: Some(ticket.clone()) }).unwrap();
        }
        drop(out);
        let mut frames = Outgoing(frames);
        assert!(frames.next().await.is_some());
        assert!(first.has_left() && !first.revoke());
        assert!(second.revoke() && !second.has_left());
        assert!(frames.next().await.is_none());
    }
}
