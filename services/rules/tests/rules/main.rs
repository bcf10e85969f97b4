//! The rules service on a real PostgreSQL and the log in memory, seen from outside: records in, alerts out, questions answered.
#![expect(clippy::unwrap_used, reason = "a test says by panicking what went wrong")]

mod adopt;
mod away;
mod behind;
mod clock;
mod district;
mod explain;
mod explain_alert;
mod failing;
mod fault;
mod isolation;
mod late;
mod mark;
mod owner;
mod preview;
mod progress;
mod query;
mod ready;
mod refusal;
mod replay;
mod restore;
mod rolls;
mod simulation;
mod unmapped;
mod verify;
mod world;
