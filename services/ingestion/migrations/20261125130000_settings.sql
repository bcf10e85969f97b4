-- The current document of each kind of setting of a district: `settings` (JSON) and `rule-pack` (a JSON text that holds YAML).
create table settings (
    district text not null,
    kind text not null,
    body jsonb not null,
    revision bigint not null,
    primary key (district, kind)
);

alter table settings enable row level security;
alter table settings force row level security;
create policy district_rows on settings
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));
