-- The last change version of each district: locked by a batch until it commits, so that versions grow in order of commit.
create table change_versions (
    district text not null primary key,
    last bigint not null
);

-- The document that a source keeps under one natural key.
create table documents (
    district text not null,
    source text not null,
    resource text not null,
    document_id uuid not null,
    natural_key_hash bytea not null,
    body jsonb not null,
    etag text not null,
    change_version bigint not null,
    created_version bigint not null,
    created_at timestamptz not null,
    modified_at timestamptz not null,
    primary key (district, source, resource, document_id),
    -- Deferred, because two documents of one batch may swap their keys.
    constraint one_document_per_natural_key unique (district, source, resource, natural_key_hash) deferrable initially deferred
);

create index documents_in_order_of_creation on documents (district, source, resource, created_version);
create index documents_in_order_of_change on documents (district, source, resource, change_version);

-- What was deleted, for those who copy our documents.
create table document_deletes (
    district text not null,
    source text not null,
    resource text not null,
    change_version bigint not null,
    document_id uuid not null,
    natural_key_hash bytea not null,
    key_values jsonb not null,
    deleted_at timestamptz not null,
    primary key (district, source, resource, change_version)
);

-- What is to be published, in order; deleted when the log has acknowledged it.
create table outbox (
    outbox_id bigserial primary key,
    district text not null,
    topic text not null,
    key bytea not null,
    value bytea,
    traceparent text,
    created_at timestamptz not null
);

-- Rows come and go; without this the relay would step over ever more dead ones.
alter table outbox set (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000, autovacuum_vacuum_cost_delay = 0);

-- Which process relays the outbox. Saves double work; nothing depends on there being only one.
create table relay_lease (
    only_row boolean primary key default true check (only_row),
    owner uuid not null,
    leased_until timestamptz not null
);
insert into relay_lease (owner, leased_until) values ('00000000-0000-0000-0000-000000000000', 'epoch');

alter table change_versions enable row level security;
alter table change_versions force row level security;
create policy district_rows on change_versions
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));

alter table documents enable row level security;
alter table documents force row level security;
create policy district_rows on documents
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));

alter table document_deletes enable row level security;
alter table document_deletes force row level security;
create policy district_rows on document_deletes
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));

alter table outbox enable row level security;
alter table outbox force row level security;
create policy district_rows on outbox
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));
