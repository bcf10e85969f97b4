//! What any process needs: configuration, telemetry, lifecycle, health, servers, TLS.
