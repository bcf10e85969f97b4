-- What senders brought and nobody understood, so that it can be repaired: here and not in a topic, because it may hold names.
-- The primary key is its order too: the ids grow with time.
create table quarantine (
    quarantine_id uuid not null,
    district text not null,
    source text not null,
    door text not null,
    -- At most 64 KiB of it.
    record bytea not null,
    whole_bytes bigint not null,
    field text not null,
    expected text not null,
    detail text not null,
    received_at timestamptz not null,
    primary key (district, quarantine_id)
);

create index quarantine_by_age on quarantine (received_at);

alter table quarantine enable row level security;
alter table quarantine force row level security;
create policy district_rows on quarantine
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));

-- Every district whose secret a process has had. A process sees only the rows of districts that it names: without this list it
-- could not name one whose secret is gone, and would leave its rows unpublished without a word.
create table known_districts (
    name text not null primary key
);
insert into known_districts (name)
    select district from change_versions union select district from outbox union select district from settings;
