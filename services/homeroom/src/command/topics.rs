//! `homeroom topics`: create or check the log's topics.

use anyhow::Result;

use crate::process::{ConfigArgs, log};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Topics {
    /// Create those that are missing; fail when one is not as it should be.
    Create(CreateArgs),
    /// Fail unless every topic is there and as it should be.
    Check(CheckArgs),
}

#[derive(Debug, clap::Args)]
pub(crate) struct CreateArgs {
    #[command(flatten)]
    config: ConfigArgs,
    /// How many partitions per-student topics have. It cannot be changed later without a new log: students move then.
    #[arg(long, default_value_t = 12, value_parser = clap::value_parser!(i32).range(1..=1_024))]
    partitions: i32,
}

#[derive(Debug, clap::Args)]
pub(crate) struct CheckArgs {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(topics: Topics) -> Result<()> {
    match topics {
        Topics::Create(args) => {
            log::Config::load(&args.config)?.open().await?.create_topics(args.partitions).await?;
        }
        Topics::Check(args) => log::Config::load(&args.config)?.open().await?.check_topics().await?,
    }
    println!("every topic is there and as it should be");
    Ok(())
}
