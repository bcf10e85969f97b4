//! Rules as data: what an author writes, checked at load and compiled once.

pub mod again;
pub mod claim;
pub mod condition;
pub mod difference;
pub(crate) mod forbidden;
pub mod history;
pub mod pack;
mod shipped;
pub mod succession;
pub mod template;

pub use history::{Held, Interval};
pub use pack::{
    Bar, DEFAULT_PACK, DERIVED, Definition, Duty, Error, EscalationStep, Evidence, OnChange, Pack, Rule, RuleScope,
    Schools, Within,
};
pub use shipped::{find_shipped, shipped};
