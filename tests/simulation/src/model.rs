//! The model of truth: what words come to, computed a second time in the plainest code.
//!
//! It shares input types with the product and nothing else, recomputes everything each time it is asked, and keeps no state.

pub mod oracle;
pub mod rules;
pub mod truth;

pub use rules::Rules;
pub use truth::{Truth, Whole};
