//! The doors as clients meet them: limits, readiness, draining, TLS. Every server here is real, on a free loopback port.

mod authority;
mod client;
mod draining;
mod encrypted;
mod limits;
mod peers;
mod renewed;
mod rpc;
