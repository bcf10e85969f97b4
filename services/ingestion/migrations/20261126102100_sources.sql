-- When each source of a district was last heard from, if it was, and since when it is expected to send: kept, so that its silence is
-- noticed also when every process has started anew.
create table sources (
    district text not null,
    source text not null,
    heard_at timestamptz,
    expected_since timestamptz not null default now(),
    primary key (district, source)
);

alter table sources enable row level security;
alter table sources force row level security;
create policy district_rows on sources
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));
