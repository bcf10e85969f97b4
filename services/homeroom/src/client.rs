//! The binary as a client of a running Homeroom: where it is, how to speak to it, and nothing of how it works inside.

pub(crate) mod admin;
pub(crate) mod connection;
pub(crate) mod edfi;
pub(crate) mod grpc;
pub(crate) mod http;
pub(crate) mod merge;

pub(crate) use connection::{Connection, ConnectionArgs};
