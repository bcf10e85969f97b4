//! Faults, each a test on real processes: after it, everything that was promised still holds. Run with `--nocapture` to see
//! the times to recover.

mod kill;
mod owners;
mod peers;
mod stores;
