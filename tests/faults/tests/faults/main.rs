//! Faults, each a test on real processes: after it, everything that was promised still holds. Run with `--nocapture` to see
//! the times to recover. `HOMEROOM_SOAK=1` asks for the long and full-size variants.

mod activation;
mod clocks;
mod disks;
mod kill;
mod owners;
mod peers;
mod planted;
mod points;
mod replicas;
mod restore;
mod rules;
mod stores;
mod storms;
