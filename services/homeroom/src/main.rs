//! The one binary: every service by role, everything on one machine, and the operator's commands.

mod bundle;
mod canary;
mod client;
mod command;
mod failure;
mod finding;
mod local;
mod process;
mod progress;
mod sample;
mod simulate;
mod survey;
mod text;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser as _;

use command::Cli;

/// Many threads allocate, others free what they gave away: with the C library's allocator a third of the rules service's CPU time
/// went there. C code, librdkafka above all, uses it too.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

/// How long what still runs on other threads may take when everything is done.
const LAST_WAIT: Duration = Duration::from_secs(1);

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => {
            // When it cannot be printed, the terminal is gone, and the code is all that is left to say.
            let told = error.print().is_ok();
            return if told && !error.use_stderr() { ExitCode::SUCCESS } else { failure::usage() };
        }
    };
    // Several crates could bring a provider of cryptography; with two installed, neither would be chosen.
    if rustls::crypto::ring::default_provider().install_default().is_err() {
        eprintln!("homeroom: another provider of cryptography is installed already");
        return ExitCode::FAILURE;
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return failure::report(&anyhow::Error::new(error).context("no threads")),
    };
    let outcome = runtime.block_on(cli.run());
    runtime.shutdown_timeout(LAST_WAIT);
    homeroom_bus::kafka::wait_until_closed(LAST_WAIT);
    match outcome {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => failure::report(&error),
    }
}
