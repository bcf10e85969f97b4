//! Faults, each a test on real processes: after it, everything that was promised still holds.

mod kill;
