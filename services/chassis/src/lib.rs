//! What any process needs: configuration, telemetry, lifecycle, health, access by key, servers, TLS.

pub mod access;
pub mod clock;
pub mod component;
pub mod lifecycle;

pub use component::Component;
pub use lifecycle::TaskGroup;
