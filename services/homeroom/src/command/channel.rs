//! `homeroom channel`: adapters that take deliveries to a channel. Each is a client of the feed, as anybody could write one.

use anyhow::{Context as _, Result};
use homeroom_chassis::component::Readiness;
use homeroom_chassis::server::Doors;
use homeroom_chassis::{Component, TaskGroup, lifecycle, telemetry};
use homeroom_notification::channel::{self, Link, mail, webhook};

use crate::process::{ConfigArgs, ServerConfig, bind_if_given, refusal};

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
            let run = async |tasks, link| webhook::run(config, tasks, link).await;
            serve(&args.config, "homeroom-channel-webhook", run).await
        }
        Channel::Mail(args) => {
            let config: mail::Config = args.config.load("channel-mail")?;
            let run = async |tasks, link| mail::run(config, tasks, link).await;
            serve(&args.config, "homeroom-channel-mail", run).await
        }
    }
}

/// Runs an adapter until a signal or a failure; telemetry is flushed whichever it was.
async fn serve<R>(args: &ConfigArgs, name: &'static str, run: R) -> Result<()>
where
    R: AsyncFnOnce(TaskGroup, Link) -> Result<(), channel::Error>,
{
    let server: ServerConfig = args.load("server")?;
    let telemetry = telemetry::init(name, &args.load("telemetry")?).map_err(|e| refusal(&e))?;
    let outcome = work(server, run).await;
    telemetry.flush();
    outcome
}

/// Sends, and answers about its health beside it until everything is settled.
async fn work<R>(server: ServerConfig, run: R) -> Result<()>
where
    R: AsyncFnOnce(TaskGroup, Link) -> Result<(), channel::Error>,
{
    let ServerConfig { health, tls, limits, .. } = server;
    let health = bind_if_given(health).await?;
    let (tasks, link) = (TaskGroup::default(), Link::default());
    lifecycle::signals(&tasks).context("signals cannot be heard")?;
    // The doors stay open until the adapter has settled, which may take longer than they drain.
    let doors = TaskGroup::default();
    let component = component(link.clone(), tasks.clone());
    let open = Doors { health, tls, limits, ..Doors::default() }.run(doors.clone(), vec![component]);
    let serving = async {
        let ended = open.await;
        tasks.stop();
        ended
    };
    let sending = async {
        let ended = run(tasks.clone(), link).await;
        doors.stop();
        ended
    };
    let (sent, closed) = tokio::join!(sending, serving);
    sent.map_err(|error| match error {
        channel::Error::Refused(_) => error.into(),
        wrong => anyhow::Error::from(refusal(&wrong)),
    })?;
    Ok(closed?)
}

/// What the doors tell of the adapter.
fn component(link: Link, tasks: TaskGroup) -> Component {
    Component {
        name: "channel",
        http: None,
        grpc: None,
        grpc_services: Vec::new(),
        ready: Box::new(move || match link.is_up() {
            _ if tasks.stopping().is_cancelled() => Readiness::NotReady("stopping".to_owned()),
            true => Readiness::Ready,
            false => Readiness::NotReady("the feed is not reached".to_owned()),
        }),
    }
}
