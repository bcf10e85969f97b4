-- Documents whose natural key was changed, and how far those that refer to them have followed.
create table key_changes (
    district text not null,
    source text not null,
    resource text not null,
    change_version bigint not null,
    document_id uuid not null,
    old_key jsonb not null,
    new_key jsonb not null,
    changed_at timestamptz not null,
    -- Whether documents that refer to it are still to follow.
    is_pending boolean not null,
    -- Which of the places that may refer to it is looked through, and after which document there.
    place integer not null default 0,
    after_version bigint not null default 0,
    primary key (district, source, resource, change_version)
);

create index key_changes_to_be_followed on key_changes (district, source, change_version) where is_pending;
create index key_changes_by_age on key_changes (changed_at);

alter table key_changes enable row level security;
alter table key_changes force row level security;
create policy district_rows on key_changes
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));
