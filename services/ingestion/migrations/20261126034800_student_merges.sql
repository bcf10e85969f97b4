-- Which of a district's students are one: what is sent as the first counts for the second. Pseudonyms only.
create table student_merges (
    district text not null,
    from_student bytea not null check (octet_length(from_student) = 16),
    into_student bytea not null check (octet_length(into_student) = 16),
    merged_at timestamptz not null,
    -- Of the move that brings over what was sent before.
    version bigint not null,
    primary key (district, from_student)
);

-- Whose records are to be looked through after a merge or a split, and how far that has come. What is done stays, as a history.
create table student_moves (
    district text not null,
    -- Grows from one change of what is merged to the next, over all districts, in the order of their commits.
    version bigint not null,
    is_split boolean not null,
    from_student bytea not null,
    into_student bytea not null,
    -- Under whose key the records stand that are looked through.
    student bytea not null,
    requested_at timestamptz not null,
    -- No outbox row up to this one was made with what was merged before.
    outbox_mark bigint not null,
    -- When to look next; null when that is done with.
    due_at timestamptz,
    -- How often the records were looked through to the end.
    passes integer not null default 0,
    -- Below this offset of their partition every record was looked at.
    looked_to bigint not null default 0,
    -- Records that were moved.
    records bigint not null default 0,
    -- Why it does not go on.
    problem text,
    primary key (district, version)
);

create index student_moves_that_are_due on student_moves (due_at) where due_at is not null;

-- The last version. Its row is locked by a change until it commits, so that versions grow in order of commit.
create table merge_versions (
    only_row boolean primary key default true check (only_row),
    last bigint not null
);
insert into merge_versions (last) values (0);

-- The processes that take records, and up to which version they know what is merged. Nothing is moved while one that lives knows less.
create table merge_readers (
    reader uuid not null primary key,
    version bigint not null,
    seen_at timestamptz not null
);

-- Which process moves records. Saves double work; nothing depends on there being only one.
create table merge_lease (
    only_row boolean primary key default true check (only_row),
    owner uuid not null,
    leased_until timestamptz not null
);
insert into merge_lease (owner, leased_until) values ('00000000-0000-0000-0000-000000000000', 'epoch');

-- A batch of documents locks its district's row, so it learns here, without another question, whether it knows what is merged.
alter table change_versions add column merge_version bigint not null default 0;

alter table student_merges enable row level security;
alter table student_merges force row level security;
create policy district_rows on student_merges
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));

alter table student_moves enable row level security;
alter table student_moves force row level security;
create policy district_rows on student_moves
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));
