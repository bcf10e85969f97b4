//! The notification service on a real PostgreSQL and the log in memory, seen from outside: records in, the feed and the
//! channels out. The database's clock is the test's.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

mod acknowledge;
mod adapter;
mod case;
mod channels;
mod clock;
mod consume;
mod cutoff;
mod duty;
mod encrypted;
mod feed;
mod late_news;
mod measured;
mod ready;
mod released;
mod restored;
mod retention;
mod routing;
#[path = "../../src/sample.rs"]
mod sample;
mod telling;
mod watch;
mod watchers;
mod world;
