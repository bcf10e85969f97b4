//! A channel adapter that does only what the test says.

use std::collections::VecDeque;

use homeroom_proto::wire::notification as pb;
use pb::settlement::Outcome;
use pb::stream_request::Frame as In;
use pb::stream_response::Frame as Out;
use tokio::sync::mpsc;
use tokio::time::timeout;
use tokio_stream::wrappers::ReceiverStream;
use tonic::{Status, Streaming};

use crate::world::{SOON, World, request};

pub(crate) struct Adapter {
    out: mpsc::Sender<pb::StreamRequest>,
    frames: Streaming<pb::StreamResponse>,
    /// Deliveries that came and were not asked for yet.
    kept: VecDeque<pb::Delivery>,
}

impl Adapter {
    pub(crate) async fn open(world: &World, channel: &str, max_outstanding: u32) -> Self {
        Self::open_as(world, "feed", channel, max_outstanding).await.unwrap()
    }

    pub(crate) async fn open_as(world: &World, key: &str, channel: &str, max_outstanding: u32) -> Result<Self, Status> {
        let mut adapter = Self::connect(world, key, hello(channel, max_outstanding)).await?;
        match adapter.next().await? {
            Some(Out::Welcome(welcome)) => assert_eq!(welcome.lease.unwrap().seconds, 60),
            other => panic!("no welcome but {other:?}"),
        }
        Ok(adapter)
    }

    /// Says hello, and reads nothing.
    pub(crate) async fn connect(world: &World, key: &str, hello: pb::Hello) -> Result<Self, Status> {
        let (out, requests) = mpsc::channel(16);
        out.send(frame(In::Hello(hello))).await.unwrap();
        let frames = world.client().stream(request(key, ReceiverStream::new(requests))).await?.into_inner();
        Ok(Self { out, frames, kept: VecDeque::new() })
    }

    /// The next frame that is no heartbeat; none when the stream has ended.
    pub(crate) async fn next(&mut self) -> Result<Option<Out>, Status> {
        loop {
            let frame = timeout(SOON, self.frames.message()).await.expect("a frame comes")?;
            match frame.map(|response| response.frame.unwrap()) {
                Some(Out::Heartbeat(_)) => {}
                other => return Ok(other),
            }
        }
    }

    /// Leaves, and waits until the server has let go: after it nothing is claimed for this stream.
    pub(crate) async fn leave(mut self) {
        self.out = mpsc::channel(1).0;
        while self.next().await.unwrap().is_some() {}
    }

    /// Exactly the next so many deliveries.
    pub(crate) async fn take(&mut self, count: usize) -> Vec<pb::Delivery> {
        let mut taken: Vec<_> = self.kept.drain(..).collect();
        while taken.len() < count {
            match self.next().await.unwrap() {
                Some(Out::Deliveries(deliveries)) => taken.extend(deliveries.deliveries),
                other => panic!("no delivery but {other:?}"),
            }
        }
        assert_eq!(taken.len(), count);
        taken
    }

    /// The next delivery, whatever else comes with it or before it.
    pub(crate) async fn some(&mut self) -> pb::Delivery {
        loop {
            if let Some(delivery) = self.kept.pop_front() {
                return delivery;
            }
            if let Some(Out::Deliveries(deliveries)) = self.next().await.unwrap() {
                self.kept.extend(deliveries.deliveries);
            }
        }
    }

    pub(crate) async fn one(&mut self) -> pb::Delivery {
        self.take(1).await.remove(0)
    }

    pub(crate) async fn settle(&mut self, delivery: &pb::Delivery, outcome: Outcome) -> pb::Standing {
        self.out.send(frame(In::Settlement(settlement(delivery, outcome)))).await.unwrap();
        match self.answer().await {
            Out::Result(result) => {
                assert_eq!(result.delivery_id, delivery.delivery_id);
                result.standing()
            }
            other => panic!("no result but {other:?}"),
        }
    }

    /// The next frame that is no delivery: what a settlement sets free may come before the answer to it.
    async fn answer(&mut self) -> Out {
        loop {
            match self.next().await.unwrap() {
                Some(Out::Deliveries(deliveries)) => self.kept.extend(deliveries.deliveries),
                other => return other.expect("the stream goes on"),
            }
        }
    }

    /// Settles, and does not wait for the answer.
    pub(crate) async fn say(&mut self, settlement: pb::Settlement) {
        self.out.send(frame(In::Settlement(settlement))).await.unwrap();
    }

    /// Settles several with one frame; what became of each.
    pub(crate) async fn settle_together(&mut self, settlements: Vec<pb::Settlement>) -> Vec<(String, pb::Standing)> {
        self.out.send(frame(In::Settlements(pb::Settlements { settlements }))).await.unwrap();
        match self.answer().await {
            Out::Results(results) => {
                results.results.into_iter().map(|result| (result.delivery_id.clone(), result.standing())).collect()
            }
            other => panic!("no results but {other:?}"),
        }
    }

    pub(crate) async fn accept(&mut self, delivery: &pb::Delivery) {
        assert_eq!(self.settle(delivery, accepted()).await, pb::Standing::Recorded);
    }

    /// Takes one delivery, which must be of this kind, and accepts it.
    pub(crate) async fn accept_one(&mut self, kind: &str) -> pb::Delivery {
        let delivery = self.one().await;
        assert_eq!(delivery.message.as_ref().unwrap().kind, kind);
        self.accept(&delivery).await;
        delivery
    }
}

pub(crate) fn hello(channel: &str, max_outstanding: u32) -> pb::Hello {
    pb::Hello {
        channel: channel.to_owned(),
        adapter: "test".to_owned(),
        instance: "1".to_owned(),
        max_outstanding,
        max_outstanding_bytes: 0,
        lease: None,
    }
}

pub(crate) fn settlement(delivery: &pb::Delivery, outcome: Outcome) -> pb::Settlement {
    pb::Settlement {
        delivery_id: delivery.delivery_id.clone(),
        lease_token: delivery.lease_token.clone(),
        outcome: Some(outcome),
    }
}

pub(crate) fn accepted() -> Outcome {
    Outcome::Accepted(pb::Accepted { provider_message_id: "p1".to_owned() })
}

pub(crate) fn retry() -> Outcome {
    Outcome::Retry(pb::Retry { reason: "busy".to_owned(), after: None })
}

fn frame(frame: In) -> pb::StreamRequest {
    pb::StreamRequest { frame: Some(frame) }
}
