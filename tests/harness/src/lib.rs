//! Starts what tests need: PostgreSQL, Kafka, SMTP, processes of ours.
