-- Every text of a district's rules that was put in force: who, when, why. The one in force is also in `settings`.
create table rule_activations (
    district text not null,
    -- Counts the district's, from 1, without gaps.
    number bigint not null,
    -- The document's own version.
    version bigint not null,
    document text not null,
    activated_at timestamptz not null,
    -- The name of the key; empty for a text that was in force before this was kept.
    activated_by text not null,
    reason text not null,
    -- The version whose text it is, when it was put in force again.
    again bigint,
    primary key (district, number)
);

create index rule_activations_by_version on rule_activations (district, version, number);

alter table rule_activations enable row level security;
alter table rule_activations force row level security;
create policy district_rows on rule_activations
    using (district = any(string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any(string_to_array(current_setting('homeroom.districts', true), ',')));
