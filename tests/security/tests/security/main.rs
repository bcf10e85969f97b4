//! The security floor, on the running binary: every door tried by everybody, every role of the database, and every place where a
//! name or a secret could be.

mod canaries;
mod districts;
mod doors;
mod keys;
mod methods;
mod neighbours;
mod plant;
mod routes;
mod rows;
mod secrets;
