//! Which rules are in force in a district, and were: put in force in one transaction with the word that goes to the log.
//!
//! One word on the reference topic, which has one partition, is one point of the log for everybody: every worker has the same rules
//! from the same offset on. The history beside it says who put what in force, when and why; nothing of it is ever changed.
//!
//! - [`activation`]: the transaction; `history`: its tables; `admin`: the gRPC service.

pub mod activation;
mod admin;
mod history;

pub use activation::{Refusal, Text, Wanted, activate};
pub use admin::RuleAdmin;
pub use history::{Activation, MOST_LISTED, list};
