//! Holds the arrows between the crates.
