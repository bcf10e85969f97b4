//! The default policy against an oracle that shares no code with it, and its promise that any order of words ends the same.

#![expect(clippy::unwrap_used, reason = "the tests' language is tests too")]

mod agreement;
mod convergence;
mod further;
mod moves;
mod packs;
mod touch;
mod worlds;
