//! Foreign clients against the running services.
