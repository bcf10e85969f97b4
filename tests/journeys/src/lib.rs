//! End-to-end journeys through the running services.
