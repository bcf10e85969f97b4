//! Events pushed over gRPC, in batches, each answered when its records are kept.
//!
//! The baseline is the bare producer: the same events, already encoded, handed to the Kafka client with the same settings, and
//! as many on their way as the streams have.

mod codec;

use std::collections::VecDeque;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use bytes::Bytes;
use futures_util::stream;
use homeroom_bus::{Offset, Partition, Topic};
use homeroom_proto::wire::ingest::{Outcome, PushRequest, PushResponse, Submission};
use prost::Message as _;
use rdkafka::ClientConfig;
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord};
use serde_json::json;
use tokio::sync::mpsc;
use tokio::task::JoinSet;
use tokio::time::Instant;
use tonic::codegen::http::uri::PathAndQuery;
use tonic::metadata::{Ascii, MetadataValue};
use tonic::transport::Channel;

use crate::intake::{Mark, authorization};
use crate::options::Options;
use crate::report::{Bound, Report};
use crate::world::{Role, World};
use codec::Encoded;

/// Different batches of one stream.
const BATCHES: usize = 64;
/// How long an answer may take; longer is a failed run.
const PATIENCE: Duration = Duration::from_secs(30);

/// Events pushed over gRPC.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Records in a message.
    #[arg(long, default_value_t = 500)]
    batch: usize,
    /// Streams that push at once.
    #[arg(long, default_value_t = 4)]
    streams: usize,
    /// Messages of a stream that are on their way at once.
    #[arg(long, default_value_t = 8)]
    in_flight: usize,
    /// Seconds of each turn that are measured.
    #[arg(long, default_value_t = 6)]
    seconds: u64,
    /// Seconds of each turn before that.
    #[arg(long, default_value_t = 3)]
    warm_up: u64,
    /// Turns, of each.
    #[arg(long, default_value_t = 3)]
    turns: usize,
}

/// When a turn is measured.
#[derive(Debug, Clone, Copy)]
struct Window {
    begin: Instant,
    end: Instant,
}

impl Args {
    fn window(&self) -> Window {
        let begin = Instant::now() + Duration::from_secs(self.warm_up);
        Window { begin, end: begin + Duration::from_secs(self.seconds) }
    }

    #[expect(clippy::cast_precision_loss, reason = "a rate has a few digits")]
    fn rate(&self, records: u64) -> f64 {
        records as f64 / self.seconds as f64
    }
}

/// Runs it.
pub(crate) async fn run(options: &Options, args: &Args) -> Result<Report> {
    let settings = json!({
        "batch": args.batch, "streams": args.streams, "in_flight": args.in_flight, "seconds": args.seconds,
    });
    let mut report = Report::begin("push", settings);
    let mut world = World::start(options, 8).await?;
    world.start_role(Role::Ingestion).await?;
    let channel = Channel::from_shared(world.grpc(Role::Ingestion)?)?.connect().await?;
    push(&channel, args, Window { begin: Instant::now(), end: Instant::now() + Duration::from_secs(1) }).await?;
    let events = first_events(&world, args).await?;
    let producer = producer(&world)?;
    let topic = format!("{}{}", world.kafka().topic_prefix, Topic::Events.name());
    let (mut ours, mut theirs) = (Vec::new(), Vec::new());
    for _turn in 0..args.turns {
        let before = world.usage(Role::Ingestion)?.cpu_seconds;
        let rate = args.rate(push(&channel, args, args.window()).await?);
        ours.push((rate, world.usage(Role::Ingestion)?.cpu_seconds - before));
        theirs.push(args.rate(produce(&producer, &topic, &events, args, args.window()).await?));
    }
    world.all_alive()?;
    tell(&mut report, args, ours, theirs);
    Ok(report)
}

fn tell(report: &mut Report, args: &Args, mut ours: Vec<(f64, f64)>, mut theirs: Vec<f64>) {
    ours.sort_by(|a, b| a.0.total_cmp(&b.0));
    theirs.sort_by(f64::total_cmp);
    let middle = ours.len() / 2;
    if let (Some((rate, cpu)), Some(baseline)) = (ours.get(middle), theirs.get(middle)) {
        report.figure("homeroom: records kept", *rate, "records/s");
        #[expect(clippy::cast_precision_loss, reason = "seconds are few")]
        report.figure("CPU of ingestion", *cpu / (args.warm_up + args.seconds) as f64, "cores");
        report.baseline("bare producer", *baseline, "records/s");
        report.goal("share of the bare producer", rate / baseline, Bound::AtLeast(0.7));
    }
    report.remark(format!("The median of {} turns.", args.turns));
}

/// Pushes on all streams at once; the records that were kept within the window.
async fn push(channel: &Channel, args: &Args, window: Window) -> Result<u64> {
    let mut streams = JoinSet::new();
    for stream in 0..args.streams {
        let (channel, messages) = (channel.clone(), messages(stream, args.batch));
        streams.spawn(push_stream(channel, messages, args.in_flight, args.batch, window));
    }
    let mut kept = 0;
    while let Some(part) = streams.join_next().await {
        kept += part.context("a stream panicked")??;
    }
    Ok(kept)
}

/// The messages of a stream, encoded.
fn messages(stream: usize, batch: usize) -> Vec<Bytes> {
    let submission = |mark: &Mark| Submission {
        key: mark.key(),
        revision: mark.revision(),
        kind: "attendance".to_owned(),
        record: mark.data().into(),
        ..Submission::default()
    };
    let message = |marks: Vec<Mark>| PushRequest {
        request_id: String::new(),
        submissions: marks.iter().map(submission).collect(),
    };
    Mark::bodies(stream, BATCHES, batch).map(|marks| message(marks).encode_to_vec().into()).collect()
}

/// Keeps as many messages on their way as may be, until the window ends; then waits for those that are.
async fn push_stream(
    channel: Channel,
    messages: Vec<Bytes>,
    in_flight: usize,
    batch: usize,
    window: Window,
) -> Result<u64> {
    let (sender, receiver) = mpsc::channel::<Bytes>(in_flight);
    for message in messages.iter().take(in_flight) {
        sender.send(message.clone()).await?;
    }
    let outgoing = stream::unfold(receiver, async |mut receiver| Some((receiver.recv().await?, receiver)));
    let mut request = tonic::Request::new(outgoing);
    let authorization: MetadataValue<Ascii> = authorization().parse()?;
    request.metadata_mut().insert("authorization", authorization);
    let mut client = tonic::client::Grpc::new(channel).max_decoding_message_size(16 * 1024 * 1024);
    client.ready().await?;
    let path = PathAndQuery::from_static("/homeroom.ingest.v1.EventIngest/Push");
    let mut answers = client.streaming(request, path, Encoded).await?.into_inner();
    let mut sender = Some(sender);
    let mut known = vec![Bytes::new(); messages.len()];
    let mut kept = 0;
    let mut at = 0;
    while let Some(answer) = tokio::time::timeout(PATIENCE, answers.message()).await.context("no answer in time")?? {
        let number = at % messages.len();
        // An answer that is the same to the byte as one that was read need not be read again.
        if known[number] != answer {
            ensure_kept(&answer, batch)?;
            known[number] = answer;
        }
        let now = Instant::now();
        if now >= window.begin && now < window.end {
            kept += batch as u64;
        }
        if now >= window.end {
            sender = None;
        }
        if let Some(sender) = &sender {
            sender.send(messages[(at + in_flight) % messages.len()].clone()).await?;
        }
        at += 1;
    }
    Ok(kept)
}

fn ensure_kept(answer: &Bytes, batch: usize) -> Result<()> {
    let answer = PushResponse::decode(answer.clone())?;
    let kept = answer.results.iter().filter(|result| result.outcome() == Outcome::Accepted).count();
    ensure!(kept == batch, "{kept} of {batch} records were kept");
    Ok(())
}

/// Events that the door has made of marks: keys and values as they stand in the log.
async fn first_events(world: &World, args: &Args) -> Result<Vec<(Bytes, Bytes)>> {
    let log = world.log()?;
    let mut events = Vec::new();
    for partition in 0..log.partitions(Topic::Events).await? {
        let mut tail = log.tail(Topic::Events, Partition(partition), Offset(0)).await?;
        let records = tail.next(BATCHES * args.batch / 8, Duration::from_secs(1)).await?;
        events.extend(records.into_iter().filter_map(|record| Some((record.key, record.value?))));
    }
    ensure!(!events.is_empty(), "no events are in the log");
    Ok(events)
}

/// A producer with the settings of ours.
fn producer(world: &World) -> Result<FutureProducer> {
    let mut client = ClientConfig::new();
    let settings = [
        ("bootstrap.servers", world.kafka().bootstrap_servers.as_str()),
        ("enable.idempotence", "true"),
        ("acks", "all"),
        ("compression.codec", "lz4"),
        ("partitioner", "murmur2_random"),
        ("linger.ms", "1"),
        ("batch.size", "1000000"),
        ("queue.buffering.max.messages", "1000000"),
    ];
    for (name, value) in settings {
        client.set(name, value);
    }
    client.create().context("no producer")
}

/// Produces the events again and again, as many on their way as all streams had; those acknowledged within the window.
async fn produce(
    producer: &FutureProducer,
    topic: &str,
    events: &[(Bytes, Bytes)],
    args: &Args,
    window: Window,
) -> Result<u64> {
    let most = args.streams * args.in_flight * args.batch;
    let mut sent: VecDeque<DeliveryFuture> = VecDeque::with_capacity(most);
    let mut acknowledged = 0;
    for (key, value) in events.iter().cycle() {
        if Instant::now() >= window.end {
            break;
        }
        while sent.len() >= most
            && let Some(oldest) = sent.pop_front()
        {
            oldest.await.context("the producer has stopped")?.map_err(|(error, _)| error)?;
            let now = Instant::now();
            acknowledged += u64::from(now >= window.begin && now < window.end);
        }
        let record = FutureRecord::to(topic).key(&key[..]).payload(&value[..]);
        sent.push_back(producer.send_result(record).map_err(|(error, _)| error)?);
    }
    for delivery in sent {
        delivery.await.context("the producer has stopped")?.map_err(|(error, _)| error)?;
    }
    Ok(acknowledged)
}
