//! What the tests of the security floor share: a running Homeroom with many keys, who calls it and how, and where to look.

pub mod caller;
pub mod database;
pub mod needle;
pub mod raw;
pub mod school;
pub mod tls;
pub mod world;

pub use caller::{Caller, Standing};
pub use raw::Grpc;
pub use world::World;
