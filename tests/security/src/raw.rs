//! gRPC calls as bytes, so that one loop can call every method that there is.

use std::time::Duration;

use anyhow::{Context as _, Result};
use bytes::{Buf as _, BufMut as _};
use prost::Message;
use tokio::sync::mpsc;
use tokio_stream::StreamExt as _;
use tokio_stream::wrappers::ReceiverStream;
use tonic::codec::{Codec, DecodeBuf, Decoder, EncodeBuf, Encoder};
use tonic::transport::{Channel, Endpoint};
use tonic::{Request, Status, Streaming};

use crate::{Caller, World};

/// Far more than any answer takes.
const PATIENCE: Duration = Duration::from_secs(30);

/// One connection for any method.
#[derive(Debug, Clone)]
pub struct Grpc(Channel);

/// What a call is answered. Dropping it ends the caller's side.
#[derive(Debug)]
pub struct Answers {
    stream: Streaming<Vec<u8>>,
    _side: Option<mpsc::Sender<Vec<u8>>>,
}

/// Whether the caller goes on listening after its messages.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ends {
    /// The caller's side is closed after its messages.
    Closed,
    /// It stays open, as an adapter's does.
    Open,
}

impl Grpc {
    /// Connects.
    pub async fn connect(address: &str) -> Result<Self> {
        Ok(Self(Endpoint::from_shared(address.to_owned())?.connect().await.context("gRPC")?))
    }

    /// Calls `/package.Service/Method` with these encoded messages; unary methods take one.
    pub async fn call(
        &self,
        authorization: Option<&str>,
        method: &str,
        messages: Vec<Vec<u8>>,
        ends: Ends,
    ) -> Result<Answers, Status> {
        let (side, rest) = mpsc::channel(1);
        let mut request = Request::new(tokio_stream::iter(messages).chain(ReceiverStream::new(rest)));
        let side = (ends == Ends::Open).then_some(side);
        if let Some(authorization) = authorization {
            let value = authorization.parse().expect("a header");
            request.metadata_mut().insert("authorization", value);
        }
        let mut grpc = tonic::client::Grpc::new(self.0.clone());
        grpc.ready().await.map_err(|error| Status::unavailable(error.to_string()))?;
        let path = method.parse().expect("a method's path");
        let answer = tokio::time::timeout(PATIENCE, grpc.streaming(request, path, Raw)).await;
        let answer = answer.map_err(|_| Status::deadline_exceeded(format!("{method} did not answer")))??;
        Ok(Answers { stream: answer.into_inner(), _side: side })
    }

    /// The answers of a method whose answers end, each decoded.
    pub async fn ask<A: Message + Default>(
        &self,
        world: &World,
        caller: Caller,
        method: &str,
        question: &impl Message,
    ) -> Result<Vec<A>, Status> {
        let authorization = caller.authorization(world);
        let mut stream =
            self.call(authorization.as_deref(), method, vec![question.encode_to_vec()], Ends::Closed).await?;
        let mut answers = Vec::new();
        while let Some(answer) = next(&mut stream).await? {
            answers.push(decode(&answer));
        }
        Ok(answers)
    }
}

/// The next message of a stream; none when it has ended.
pub async fn next(answers: &mut Answers) -> Result<Option<Vec<u8>>, Status> {
    let message = tokio::time::timeout(PATIENCE, answers.stream.message()).await;
    message.map_err(|_| Status::deadline_exceeded("a stream says nothing"))?
}

/// A message of ours.
pub fn decode<A: Message + Default>(bytes: &[u8]) -> A {
    A::decode(bytes).expect("a server answers with the method's message")
}

/// Messages as they are.
#[derive(Debug, Clone, Copy, Default)]
struct Raw;

impl Codec for Raw {
    type Encode = Vec<u8>;
    type Decode = Vec<u8>;
    type Encoder = Self;
    type Decoder = Self;

    fn encoder(&mut self) -> Self {
        Self
    }

    fn decoder(&mut self) -> Self {
        Self
    }
}

impl Encoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn encode(&mut self, message: Vec<u8>, to: &mut EncodeBuf<'_>) -> Result<(), Status> {
        to.put_slice(&message);
        Ok(())
    }
}

impl Decoder for Raw {
    type Item = Vec<u8>;
    type Error = Status;

    fn decode(&mut self, from: &mut DecodeBuf<'_>) -> Result<Option<Vec<u8>>, Status> {
        let mut message = vec![0; from.remaining()];
        from.copy_to_slice(&mut message);
        Ok(Some(message))
    }
}
