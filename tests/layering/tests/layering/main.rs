//! The shape of the repository, held by a machine: which crate may use which, who alone may meet a library, what lies at the
//! top, how long a file may be, that every planted fault has a test that must see it, and that every test is run. Each failure
//! says the remedy.

mod arrows;
mod layout;
mod mutants;
mod runs;
mod workspace;
