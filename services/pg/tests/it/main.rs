//! The database layer against a real server.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod cluster;
mod migration;
mod row_security;
mod transaction;

use homeroom_pg::{Migration, Schema};

/// A small schema with one table of each kind.
pub(crate) const SCHEMA: Schema = Schema {
    name: "sample",
    migrations: &[
        Migration {
            version: 20_260_101_000_000,
            name: "students",
            sql: "create table students (district text not null, name_key text not null, primary key (district, name_key));
                  alter table students enable row level security;
                  alter table students force row level security;
                  create policy district_rows on students
                      using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
                      with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));",
        },
        Migration {
            version: 20_260_102_000_000,
            name: "counters",
            sql: "create table counters (counter_id bigint generated always as identity primary key, value bigint not null);",
        },
    ],
};

/// Another service's.
pub(crate) const OTHER: Schema = Schema {
    name: "other",
    migrations: &[Migration { version: 20_260_101_000_000, name: "secrets", sql: "create table secrets (word text);" }],
};
