-- What alerts ask for and somebody has done. A duty is known by what is to be done and, of several to do the same, by which of them it
-- is. Without a note: free text would name students.
create table duties_done (
    alert_id uuid not null,
    what text not null,
    -- From 1.
    occurrence integer not null,
    district text not null,
    done_at timestamptz not null,
    -- The key by which.
    done_by text not null,
    primary key (alert_id, what, occurrence)
);
alter table duties_done enable row level security;
alter table duties_done force row level security;
create policy district_rows on duties_done
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));

-- A rise for nothing but duties that were done: nobody is told of it, and it asks for no acknowledgement.
alter table alert_changes add column untold boolean not null default false;
