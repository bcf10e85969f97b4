//! The wire: protobuf packages and their conversions to domain types.
//!
//! Wire types stop at the door: a service decodes with the functions beside them and works with domain types from there on.

pub mod alert;
pub mod dead_letter;
pub mod decode;
pub mod directory;
pub mod event;
#[cfg(any(test, feature = "fuzzing"))]
#[doc(hidden)]
pub mod fuzz;
pub mod key;
pub mod reference;
pub mod scalar;
pub mod settings;

pub use decode::DecodeError;

/// Generated code, one module per package; each item's documentation is its comment in the `.proto` file.
mod generated {
    #![expect(missing_docs, unreachable_pub, clippy::all, clippy::pedantic, clippy::restriction, reason = "generated")]
    include!(concat!(env!("OUT_DIR"), "/packages.rs"));
}

/// The messages and services of the packages, by subject.
pub mod wire {
    pub use crate::generated::homeroom::alert::v1 as alert;
    pub use crate::generated::homeroom::directory::v1 as directory;
    pub use crate::generated::homeroom::event::v1 as event;
    pub use crate::generated::homeroom::ingest::v1 as ingest;
    pub use crate::generated::homeroom::notification::v1 as notification;
    pub use crate::generated::homeroom::reference::v1 as reference;
    pub use crate::generated::homeroom::risk::v1 as risk;
    pub use crate::generated::homeroom::rule::v1 as rule;
}

/// The compiled file descriptors, for gRPC reflection.
pub const DESCRIPTORS: &[u8] = include_bytes!(concat!(env!("OUT_DIR"), "/descriptors.bin"));
