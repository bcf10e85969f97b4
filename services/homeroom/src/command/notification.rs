//! `homeroom notification`: the notification service alone, as a cluster runs it.

use anyhow::Result;
use homeroom_notification::Error;

use crate::failure::BadConfig;
use crate::process::{ConfigArgs, Foundation, Process, complete, refusal};

/// Run the notification service: the right adult is told, and told again when it was wrong.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut config: homeroom_notification::Config = args.config.load("notification")?;
    complete(&mut config.database)?;
    homeroom_notification::check(&config).map_err(|error| refusal(&error))?;
    let process = Process::load(&args.config)?;
    if config.adapter_certificates && !process.asks_for_certificates() {
        let why =
            "`notification.adapter-certificates`: no port asks for one, so no adapter could enter; set `server.peers`";
        return Err(BadConfig(why.to_owned()).into());
    }
    let build = async |Foundation { log, access, tasks }| {
        homeroom_notification::build(&config, log, access, &tasks).await.map_err(|error| match error {
            Error::Config(_) | Error::Routing(_) => refusal(&error).into(),
            other => anyhow::Error::new(other).context("notification cannot start"),
        })
    };
    process.run("homeroom-notification", build).await
}
