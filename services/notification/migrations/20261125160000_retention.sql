-- When the alert was over; null while it is open.
alter table alerts add column closed_at timestamptz;
-- The highest sequence of a change that is no longer kept: a cursor before it has missed something.
alter table feed_positions add column forgotten_sequence bigint not null default 0;

-- An owner that is no superuser sees only the districts that it names.
select set_config('homeroom.districts', coalesce((select string_agg(name, ',') from districts), ''), true);
update alerts a set closed_at = c.recorded_at from alert_changes c
    where c.alert_id = a.alert_id and c.number = a.last_number and a.state <> 'open';

create index alerts_closed on alerts (district, closed_at) where closed_at is not null;
