//! What any process needs: configuration, telemetry, lifecycle, health, access by key, servers, TLS.
//!
//! A process reads its [`config`], starts [`telemetry`], binds its listeners, lets each service build a [`Component`] whose
//! background work runs on a [`TaskGroup`], and hands the components to [`server::Doors`], which answers until the first
//! signal ([`lifecycle::signals`]) and then drains. Doors ask [`access`] who may do what and refuse with a [`problem`].

pub mod access;
pub mod clock;
pub mod component;
pub mod config;
pub mod lifecycle;
pub mod problem;
pub mod server;
pub mod telemetry;
pub mod tls;

pub use component::Component;
pub use lifecycle::TaskGroup;
