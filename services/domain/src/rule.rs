//! Rules as data: what an author writes, checked at load and compiled once.

pub mod again;
pub mod claim;
pub mod condition;
pub mod difference;
pub mod pack;
pub mod succession;
pub mod template;

pub use pack::{DEFAULT_PACK, Error, Evidence, Pack, Rule, RuleScope};
