//! One connection through the proxy: two pumps that look at the proxy's state before each step.

use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, ReadHalf, WriteHalf, split};
use tokio::sync::{mpsc, watch};
use tokio::time::{Instant, sleep_until, timeout};

use super::wire::{Answer, Cutter, Statements};
use super::{Closed, End, Inner, State};
use crate::process::owns_port;

const CHUNK_BYTES: usize = 64 * 1024;
/// Messages or chunks that are on their way at once.
const UNDER_WAY: usize = 256;
/// A server that has lost its own database ends what it was asked without an answer, and there will be none: the connection ends, and
/// the point is waited for again.
const ANSWERED_WITHIN: Duration = Duration::from_secs(5);

/// What the proxy's state means for one connection.
#[derive(Debug, Clone, Copy)]
enum Verdict {
    Pass(Duration),
    Hold,
    End,
}

/// Looks at the state of the proxy for one connection.
struct Gate {
    state: watch::Receiver<State>,
    generation: u64,
    /// The client's.
    port: Option<u16>,
    /// As of the state seen last.
    verdict: Option<Verdict>,
}

impl Gate {
    /// Waits until bytes may pass and for how long they take. None when the connection has to end.
    async fn pass(&mut self) -> Option<Duration> {
        loop {
            let verdict = match self.verdict {
                Some(verdict) if !self.state.has_changed().ok()? => verdict,
                _ => self.judge(),
            };
            match verdict {
                Verdict::Pass(delay) => return Some(delay),
                Verdict::End => return None,
                Verdict::Hold => {
                    self.state.changed().await.ok()?;
                    self.verdict = None;
                }
            }
        }
    }

    fn judge(&mut self) -> Verdict {
        let state = self.state.borrow_and_update().clone();
        let closed = match &state.closed {
            Closed::Nobody => false,
            Closed::Everyone => true,
            Closed::To(processes) => {
                self.port.is_some_and(|port| processes.iter().any(|&process| owns_port(process, port)))
            }
        };
        let verdict = match closed {
            _ if state.generation != self.generation => Verdict::End,
            true => Verdict::Hold,
            false => Verdict::Pass(state.delay),
        };
        self.verdict = Some(verdict);
        verdict
    }

    /// Ends when the connection has to.
    async fn ended(mut self) {
        let generation = self.generation;
        self.state.wait_for(|state| state.generation != generation).await.ok();
    }
}

/// Hands on until one end has finished or the proxy ends the connection.
pub(super) async fn run(client: Box<dyn End>, server: Box<dyn End>, port: Option<u16>, inner: Arc<Inner>) {
    let (from_client, to_client) = split(client);
    let (from_server, to_server) = split(server);
    let state = inner.state.subscribe();
    let generation = state.borrow().generation;
    let gate = || Gate { state: state.clone(), generation, port, verdict: None };
    let (wanted, awaited) = watch::channel(None);
    let (ahead, back) = (mpsc::channel(UNDER_WAY), mpsc::channel(UNDER_WAY));
    tokio::select! {
        ((), ()) = async { tokio::join!(ask(from_client, ahead.0, gate(), &inner, wanted), deliver(ahead.1, to_server)) } => {}
        ((), ()) = async { tokio::join!(answer(from_server, back.0, gate(), &inner, awaited), deliver(back.1, to_client)) } => {}
        () = gate().ended() => {}
    }
}

/// Bytes, and when they arrive.
type Sent = (Instant, Vec<u8>);

/// Lets bytes arrive when it is time. What is sent meanwhile is under way beside them, so that a delay narrows nothing.
async fn deliver(mut from: mpsc::Receiver<Sent>, mut to: WriteHalf<Box<dyn End>>) {
    while let Some((due, bytes)) = from.recv().await {
        sleep_until(due).await;
        if to.write_all(&bytes).await.is_err() {
            return;
        }
    }
}

/// Hands a client's messages to the server, until the point that is waited for.
async fn ask(
    mut from: ReadHalf<Box<dyn End>>,
    to: mpsc::Sender<Sent>,
    mut gate: Gate,
    inner: &Inner,
    wanted: watch::Sender<Option<Answer>>,
) {
    let (mut cutter, mut statements) = (Cutter::new(inner.wire), Statements::new(inner.wire));
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    while matches!(from.read_buf(&mut bytes).await, Ok(1..)) {
        let arrived = Instant::now();
        while let Some(end) = cutter.whole(&bytes) {
            let rest = bytes.split_off(end);
            let frame = std::mem::replace(&mut bytes, rest);
            let Some(delay) = gate.pass().await else { return };
            let point = inner.count(&frame, &statements);
            statements.follow(&frame);
            let Some(point) = point else {
                if to.send((arrived + delay, frame)).await.is_err() {
                    return;
                }
                continue;
            };
            inner.hold();
            if point.answered {
                wanted.send_replace(Some(Answer::to(inner.wire, &frame)));
                if to.send((arrived, frame)).await.is_err() {
                    return;
                }
            } else {
                inner.tell();
            }
            // What comes after it never goes out.
            if timeout(ANSWERED_WITHIN, gate.ended()).await.is_err() && point.answered {
                inner.try_again(point);
            }
            return;
        }
    }
}

/// Hands the server's answers to the client; once the answer at a point is waited for, none at all.
async fn answer(
    mut from: ReadHalf<Box<dyn End>>,
    to: mpsc::Sender<Sent>,
    mut gate: Gate,
    inner: &Inner,
    mut awaited: watch::Receiver<Option<Answer>>,
) {
    let mut cutter = Cutter::of_answers(inner.wire);
    let mut bytes = Vec::with_capacity(CHUNK_BYTES);
    while matches!(from.read_buf(&mut bytes).await, Ok(1..)) {
        let arrived = Instant::now();
        while let Some(end) = cutter.whole(&bytes) {
            let rest = bytes.split_off(end);
            let frame = std::mem::replace(&mut bytes, rest);
            let passed = tokio::select! {
                biased;
                // Also when it is reached while an earlier answer is held here.
                Ok(_) = awaited.wait_for(Option::is_some) => None,
                pass = gate.pass() => match pass {
                    Some(delay) => Some(delay),
                    None => return,
                },
            };
            let Some(delay) = passed else {
                if awaited.borrow().is_some_and(|answer| answer.is(&frame)) {
                    inner.tell();
                }
                continue;
            };
            if to.send((arrived + delay, frame)).await.is_err() {
                return;
            }
        }
    }
}
