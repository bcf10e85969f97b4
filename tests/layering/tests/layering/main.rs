//! The shape of the repository, held by a machine: which crate may use which, who alone may meet a library, what lies at the
//! top, and how long a file may be. Each failure says the remedy.

mod arrows;
mod layout;
mod workspace;
