-- The schools from which attendance of a date has come, whatever it said: kept for the few dates that are still looked at. No student
-- is in it.
create table rolls (
    district text not null,
    marked_on date not null,
    school text not null,
    primary key (district, marked_on, school)
);

alter table rolls enable row level security;
alter table rolls force row level security;
create policy district_rows on rolls
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));
