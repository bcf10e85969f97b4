//! Holds the arrows between the crates and the shape of the repository; all of it is in the integration test.
