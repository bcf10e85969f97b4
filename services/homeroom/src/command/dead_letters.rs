//! `homeroom dead-letters`: what could not be understood or used, with the reason.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use homeroom_bus::{Contents, Log, Partition, Topic};
use homeroom_domain::id::{DistrictId, SourceId};
use homeroom_proto::dead_letter::{self, DeadLetter};

use crate::client::{Connection, ConnectionArgs, admin};
use crate::process::{ConfigArgs, log};

/// Print the quarantine: each record that could not be understood or used, with field, expectation and where it came from.
/// Run it where the services' configuration is. The records themselves may hold names: they are printed only when asked for, and
/// those that senders brought are fetched from the running Homeroom, with a key of their district that may administer it.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    #[command(flatten)]
    config: ConfigArgs,
    #[command(flatten)]
    connection: ConnectionArgs,
    /// Print each record too. It may hold names.
    #[arg(long)]
    records: bool,
}

/// Records read at once.
const BATCH: usize = 1_000;

pub(crate) async fn run(args: Args) -> Result<()> {
    let config = args.config.or(args.connection.config()?);
    let records = if args.records { Some(args.connection.load()?) } else { None };
    let log = log::Config::load(&config)?.open().await?;
    let mut printed = 0_u64;
    for partition in 0..log.partitions(Topic::DeadLetters).await? {
        printed += print_partition(&*log, Partition(partition), records.as_ref()).await?;
    }
    println!("{printed} dead letters");
    Ok(())
}

/// Prints a partition's letters; their records too when there is a connection to fetch them by.
async fn print_partition(log: &dyn Log, partition: Partition, records: Option<&Connection>) -> Result<u64> {
    let mut kept = Contents::open(log, Topic::DeadLetters, partition).await?;
    let mut printed = 0;
    while let Some(batch) = kept.next(BATCH).await? {
        for record in batch {
            let value = record.value.unwrap_or_default();
            match dead_letter::decode(&value) {
                Ok(letter) => {
                    let text = match records {
                        Some(connection) => Some(record_of(&letter, connection).await?),
                        None => None,
                    };
                    print(&letter, text.as_deref()).context("standard output is closed")?;
                }
                Err(error) => println!("partition {} offset {}: {error}", partition.0, record.offset.0),
            }
            printed += 1;
        }
    }
    Ok(printed)
}

/// The record of a letter, as it is printed.
async fn record_of(letter: &DeadLetter, connection: &Connection) -> Result<String> {
    let Some(id) = letter.quarantine_id else {
        let bytes = letter.record.bytes();
        let kept = if bytes.is_empty() { "kept as a document".into() } else { String::from_utf8_lossy(bytes) };
        return Ok(kept.into_owned());
    };
    let found = admin::find_quarantined(connection, id).await.context("the record cannot be fetched")?;
    let found = found.and_then(|it| it.record.or_else(|| it.record_base64.map(|text| format!("in base64: {text}"))));
    Ok(found.unwrap_or_else(|| "not in the quarantine of the key's district".to_owned()))
}

fn print(letter: &DeadLetter, record: Option<&str>) -> std::io::Result<()> {
    let mut out = std::io::stdout().lock();
    let district = letter.district.as_ref().map_or("unknown", DistrictId::as_str);
    let source = letter.source.as_ref().map_or("unknown", SourceId::as_str);
    writeln!(out, "{}  district {district}  source {source}", letter.received_at)?;
    writeln!(out, "    field     {}", letter.field)?;
    writeln!(out, "    expected  {}", letter.expected)?;
    writeln!(out, "    found     {}", letter.detail)?;
    if let Some(position) = &letter.position {
        writeln!(out, "    place     {} partition {} offset {}", position.topic, position.partition, position.offset)?;
    }
    if let Some(id) = letter.quarantine_id {
        writeln!(out, "    kept as   {id}, {} bytes", letter.record.whole_bytes())?;
    }
    if let Some(record) = record {
        writeln!(out, "    record    {}", printable(record))?;
    }
    Ok(())
}

/// A sender's text must not steer the terminal: control characters are shown as escapes.
fn printable(record: &str) -> String {
    let mut shown = String::with_capacity(record.len());
    for character in record.chars() {
        if character.is_control() {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_record_cannot_steer_the_terminal() {
        assert_eq!(printable("{\"a\":\n\"\u{1b}[2Jé\"}"), "{\"a\":\\n\"\\u{1b}[2Jé\"}");
    }
}
