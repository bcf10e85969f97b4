//! Benchmarks, run by hand: how fast the running services are, each figure beside a baseline of the same run.
//!
//! `tests/load/run` builds everything and runs all of them. Each prints its figures and how busy the machine was, and adds a
//! line of JSON to the file that `--json` names, so that runs can be compared. No figure fails a run; an answer that is not
//! exact does.

mod calendar;
mod edfi;
mod engine;
mod exchange;
mod feed;
mod floor;
mod intake;
mod latencies;
mod latency;
mod machine;
mod mark_to_alert;
mod open_loop;
mod options;
mod push;
mod report;
mod rules;
mod scale;
mod school_day;
mod spent;
mod stages;
mod storm;
mod target;
mod topic;
mod workload;
mod world;

use clap::{Parser, Subcommand};
use options::Options;

/// As the shipped binary allocates; the engine is measured in this process.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// Measures Homeroom on this machine.
#[derive(Debug, Parser)]
#[command(name = "homeroom-load")]
struct Arguments {
    #[command(flatten)]
    options: Options,
    #[command(subcommand)]
    benchmark: Benchmark,
}

#[derive(Debug, Subcommand)]
enum Benchmark {
    /// From mark to alert on a Homeroom that runs already.
    MarkToAlert(mark_to_alert::Args),
    /// The rules service on a backlog.
    Rules(rules::Args),
    /// Native batches of JSON: validated, mapped, acknowledged by Kafka.
    Intake(intake::Args),
    /// Ed-Fi documents, one in a request, committed.
    Edfi(edfi::Args),
    /// Events pushed over gRPC.
    Push(push::Args),
    /// Deliveries with acknowledgements on the leased feed.
    Feed(feed::Args),
    /// From mark to alert, with everything that runs started for it.
    Latency(latency::Args),
    /// Same-day alerts beside a storm of other marks.
    Storm(storm::Args),
    /// Edits of a school's calendar beside marks of today.
    Calendar(calendar::Args),
    /// Throughput and latency by students, partitions and processes.
    Scale(scale::Args),
    /// The pure engine on one core, and the bytes of a student.
    Engine(engine::Args),
}

#[tokio::main]
async fn main() -> anyhow::Result<()> {
    homeroom_chassis::tls::install_provider();
    let Arguments { options, benchmark } = Arguments::parse();
    let report = match &benchmark {
        Benchmark::MarkToAlert(args) => mark_to_alert::run(args).await,
        Benchmark::Rules(args) => rules::run(&options, args).await,
        Benchmark::Intake(args) => intake::run(&options, args).await,
        Benchmark::Edfi(args) => edfi::run(&options, args).await,
        Benchmark::Push(args) => push::run(&options, args).await,
        Benchmark::Feed(args) => feed::run(&options, args).await,
        Benchmark::Latency(args) => latency::run(&options, args).await,
        Benchmark::Storm(args) => storm::run(&options, args).await,
        Benchmark::Calendar(args) => calendar::run(&options, args).await,
        Benchmark::Scale(args) => scale::run(&options, args).await,
        Benchmark::Engine(args) => engine::run(args),
    }?;
    report.finish(options.json.as_deref())
}
