//! Request bodies that may not rest for ever, and response bodies that tell how they ended.

use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use axum::body::{Body, Bytes};
use http::HeaderMap;
use http_body::{Body as HttpBody, Frame, SizeHint};
use tokio::time::{Instant, Sleep};

/// The sender brought nothing for too long.
#[derive(Debug, thiserror::Error)]
#[error("the body brought nothing for {0:?}")]
pub(super) struct Idle(Duration);

/// A body that fails when it brings nothing for too long.
pub(super) struct Impatient {
    inner: Body,
    patience: Duration,
    /// Set while the body is waited for; a reader that takes its time is not the sender's fault.
    sleep: Option<Pin<Box<Sleep>>>,
}

impl Impatient {
    pub(super) fn new(inner: Body, patience: Duration) -> Self {
        Self { inner, patience, sleep: None }
    }
}

impl HttpBody for Impatient {
    type Data = Bytes;
    type Error = axum::BoxError;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        if let Poll::Ready(frame) = Pin::new(&mut self.inner).poll_frame(cx) {
            self.sleep = None;
            return Poll::Ready(frame.map(|frame| frame.map_err(Into::into)));
        }
        let patience = self.patience;
        let sleep = self.sleep.get_or_insert_with(|| Box::pin(tokio::time::sleep_until(Instant::now() + patience)));
        ready!(sleep.as_mut().poll(cx));
        Poll::Ready(Some(Err(Box::new(Idle(patience)))))
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

/// A body that calls `ended` once: with its trailers, with none, or with nothing when it was dropped half-way.
pub(super) struct Watched<F: FnOnce(End<'_>) + Unpin> {
    inner: Body,
    ended: Option<F>,
}

/// How a body ended.
#[derive(Debug)]
pub(super) enum End<'a> {
    /// It was sent whole, with these trailers when it has any.
    Whole(Option<&'a HeaderMap>),
    /// Its producer failed, or nobody wants it any longer.
    Broken,
}

impl<F: FnOnce(End<'_>) + Unpin> Watched<F> {
    pub(super) fn new(inner: Body, ended: F) -> Self {
        Self { inner, ended: Some(ended) }
    }

    fn end(&mut self, how: End<'_>) {
        if let Some(ended) = self.ended.take() {
            ended(how);
        }
    }
}

impl<F: FnOnce(End<'_>) + Unpin> HttpBody for Watched<F> {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Self::Error>>> {
        let frame = ready!(Pin::new(&mut self.inner).poll_frame(cx));
        match &frame {
            None => self.end(End::Whole(None)),
            Some(Err(_)) => self.end(End::Broken),
            Some(Ok(frame)) => {
                if let Some(trailers) = frame.trailers_ref() {
                    self.end(End::Whole(Some(trailers)));
                }
            }
        }
        Poll::Ready(frame)
    }

    fn is_end_stream(&self) -> bool {
        self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.inner.size_hint()
    }
}

impl<F: FnOnce(End<'_>) + Unpin> Drop for Watched<F> {
    fn drop(&mut self) {
        self.end(if self.inner.is_end_stream() { End::Whole(None) } else { End::Broken });
    }
}
