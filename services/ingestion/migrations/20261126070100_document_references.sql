-- Which documents refer to a key that may change: whoever changes one finds them here, and looks through no collection for them.
-- Only such references have a row, about one to a mark: they are written with their document, and each costs it time.
create table document_references (
    district text not null,
    -- Hash of the district, the source, the collection that refers, the reference's name and the key.
    reference bigint not null,
    -- The document's, which is the order in which documents follow. Marks of one key come one after the other here, so that rows of
    -- one batch share a page.
    created_version bigint not null,
    document_id uuid not null,
    primary key (reference, created_version, document_id)
);

-- Whether every document has its rows. A process that knows of them says so with each batch (`referenced_last` is the `last` that it
-- left); one of an earlier version moves `last` alone, so the next batch sees that documents up to there may lack theirs.
alter table change_versions
    add column referenced_last bigint not null default 0,
    -- Documents that were changed up to this version may lack their rows,
    add column unreferenced_to bigint not null default 0,
    -- but not those up to this one.
    add column referenced_floor bigint not null default 0;

-- How far documents of before have got their rows: after which version of which collection to go on, up to which version.
create table reference_backfills (
    district text not null primary key,
    upto bigint not null,
    source text not null default '',
    resource text not null default '',
    after_version bigint not null
);

alter table document_references enable row level security;
alter table document_references force row level security;
create policy district_rows on document_references
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));

alter table reference_backfills enable row level security;
alter table reference_backfills force row level security;
create policy district_rows on reference_backfills
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));
