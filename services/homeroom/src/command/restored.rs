//! `homeroom restored`: says that the database is an older one than the log.

use anyhow::Result;

use crate::process::{ConfigArgs, complete, log};

/// Say that the database was restored from a backup. Run it once, before any process of Homeroom runs on it: whoever was told of
/// an alert after the backup then hears when it is taken back, and documents that are sent again are published again.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
}

pub(crate) async fn run(args: Args) -> Result<()> {
    let mut notification: homeroom_notification::Config = args.config.load("notification")?;
    complete(&mut notification.database)?;
    let mut ingestion: homeroom_ingestion::Config = args.config.load("ingestion")?;
    complete(&mut ingestion.database)?;
    let log = log::Config::load(&args.config)?.open().await?;
    homeroom_notification::restored(&notification, &*log).await?;
    homeroom_ingestion::restored(&ingestion).await?;
    println!("what may have been told after the backup is known as such");
    Ok(())
}
