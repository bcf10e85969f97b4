-- A delivery is planned, leased and settled, and at each step its row is written anew into every index that holds it: that, and
-- what is asked of each row, is most of what a delivery costs the database.

-- An attempt is kept when it ends. While it runs, the delivery's row says all there is to say of it.
alter table deliveries
    add column lease_adapter text not null default '',
    add column lease_instance text not null default '',
    add column leased_at timestamptz;

-- What is newest is found by the order of changes; what waits or is leased by the indexes of those who take and end it.
drop index deliveries_newest;
drop index deliveries_in_view;
create index deliveries_given_up on deliveries (district, planned_at) where state in ('dead', 'expired');

-- Exact for centuries: a double holds such a number of seconds to a quarter of a microsecond. `extract` would compute in decimals,
-- row by row.
create or replace function microseconds(at timestamptz) returns bigint language sql stable parallel safe
    as $$ select (date_part('epoch', at) * 1000000)::bigint $$;

-- The same rule as before. As a subquery it is read from the setting once for a statement, and not once for each row.
alter policy district_rows on feed_positions
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));
alter policy district_rows on alerts
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));
alter policy district_rows on alert_changes
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));
alter policy district_rows on deliveries
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));
alter policy district_rows on attempts
    using (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]))
    with check (district = any ((select string_to_array(current_setting('homeroom.districts', true), ','))::text[]));
