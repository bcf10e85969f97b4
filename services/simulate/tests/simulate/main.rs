//! What a simulated district says, counted from its documents alone.

mod counted;
mod published;
mod same_bytes;
mod sound;
