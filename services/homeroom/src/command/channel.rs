//! `homeroom channel`: adapters that take deliveries to a channel. Each is a client of the feed, as anybody could write one.

use anyhow::{Context as _, Result};
use homeroom_chassis::{TaskGroup, lifecycle, telemetry};
use homeroom_notification::channel::{self, mail, webhook};

use crate::process::{ConfigArgs, refusal};

#[derive(Debug, clap::Subcommand)]
pub(crate) enum Channel {
    /// Sign alerts as Standard Webhooks and post them.
    Webhook(Args),
    /// Send alerts by SMTP.
    Mail(Args),
}

#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(channel: Channel) -> Result<()> {
    match channel {
        Channel::Webhook(args) => {
            let config: webhook::Config = args.config.load("channel-webhook")?;
            serve(&args.config, "homeroom-channel-webhook", async |tasks| webhook::run(config, tasks).await).await
        }
        Channel::Mail(args) => {
            let config: mail::Config = args.config.load("channel-mail")?;
            serve(&args.config, "homeroom-channel-mail", async |tasks| mail::run(config, tasks).await).await
        }
    }
}

/// Runs an adapter until a signal or a failure; telemetry is flushed whichever it was.
async fn serve<R>(args: &ConfigArgs, name: &'static str, run: R) -> Result<()>
where
    R: AsyncFnOnce(TaskGroup) -> Result<(), channel::Error>,
{
    let telemetry = telemetry::init(name, &args.load("telemetry")?).map_err(|e| refusal(&e))?;
    let tasks = TaskGroup::default();
    let outcome = match lifecycle::signals(&tasks) {
        Ok(()) => run(tasks).await.map_err(|error| match error {
            channel::Error::Refused(_) => error.into(),
            wrong => refusal(&wrong).into(),
        }),
        Err(error) => Err(error).context("signals cannot be heard"),
    };
    telemetry.flush();
    outcome
}
