//! The shape of the repository, held by a machine: which crate may use which, who alone may meet a library, what lies at the
//! top, how long a file may be, and that every planted fault has a test that must see it. Each failure says the remedy.

mod arrows;
mod layout;
mod mutants;
mod workspace;
