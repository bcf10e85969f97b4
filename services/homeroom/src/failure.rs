//! How a command ends badly, and with which code.

use std::error::Error;
use std::process::ExitCode;

/// The configuration, or an argument, is wrong: nothing was started, and trying again changes nothing.
#[derive(Debug, thiserror::Error)]
#[error("{0}")]
pub(crate) struct BadConfig(pub(crate) String);

/// A comparison found differences, which were printed.
#[derive(Debug, thiserror::Error)]
#[error("{0} differences")]
pub(crate) struct Differences(pub(crate) u64);

/// Something does not work; what, was printed.
#[derive(Debug, thiserror::Error)]
#[error("{0} problems")]
pub(crate) struct Problems(pub(crate) usize);

/// Documents were not taken; the first of them were printed.
#[derive(Debug, thiserror::Error)]
#[error("{0} documents were not taken")]
pub(crate) struct NotTaken(pub(crate) u64);

/// `EX_USAGE` of sysexits.h.
const USAGE: u8 = 64;

/// Prints the error with its causes, and says with which code the process ends.
pub(crate) fn report(error: &anyhow::Error) -> ExitCode {
    // A status prints all its inner parts, its message what people need.
    match error.downcast_ref::<tonic::Status>() {
        Some(status) if status.code() == tonic::Code::Unavailable => {
            eprintln!("homeroom: no answer over gRPC: {}", status.message());
        }
        Some(status) => eprintln!("homeroom: refused ({}): {}", status.code(), status.message()),
        None => eprintln!("homeroom: {error:#}"),
    }
    if error.chain().any(<dyn Error>::is::<BadConfig>) { ExitCode::from(USAGE) } else { ExitCode::FAILURE }
}

/// The code for arguments that are no command.
pub(crate) fn usage() -> ExitCode {
    ExitCode::from(USAGE)
}
