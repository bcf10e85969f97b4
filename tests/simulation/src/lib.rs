//! A model of truth, and the services' own code run by seed against it.
//!
//! [`generate`] makes district days and what upsets them; [`model`] recomputes in the plainest code what they come to.
//! [`scenario`] puts them into an order with crashes, rebalances, pauses and lost answers between; [`mod@run`] runs the real owner,
//! workers and publishers over the memory log, a [`store`] in memory and a paused clock. A failing seed is printed, replays
//! exactly and is [shortened](mod@shrink). [`telling`] does the same for the notification service's plans, one alert at a time.

mod check;
pub mod dice;
mod duty;
pub mod generate;
pub mod log;
pub mod model;
pub mod moves;
pub mod names;
pub mod process;
pub mod run;
pub mod scenario;
pub mod seeds;
pub mod shrink;
pub mod store;
pub mod telling;
pub mod turns;
pub mod weather;
