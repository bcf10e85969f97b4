-- Moments travel as microseconds since 1970, so that no reader needs a date type of its own.
create function moment(microseconds bigint) returns timestamptz language sql stable parallel safe
    as $$ select timestamptz '1970-01-01 00:00:00+00' + microseconds * interval '1 microsecond' $$;
create function microseconds(at timestamptz) returns bigint language sql stable parallel safe
    as $$ select (extract(epoch from at) * 1000000)::bigint $$;

-- How far each partition of the alerts topic has been read. The epoch rises with each owner and fences the one before.
create table inbox (
    "partition" integer primary key,
    next_offset bigint not null,
    epoch bigint not null
);

-- Records that could not be understood, as they came.
create table dead_letters (
    "partition" integer not null,
    "offset" bigint not null,
    reason text not null,
    value bytea,
    recorded_at timestamptz not null,
    primary key ("partition", "offset")
);

-- The names of districts that have alerts, and nothing else of theirs, so that background work knows whom to work for.
create table districts (
    name text primary key
);

-- The last commit sequence of each district. Assigned under this row's lock, held until commit: whoever reads sequence n has
-- seen all before it.
create table feed_positions (
    district text primary key,
    last_sequence bigint not null
);

create table alerts (
    alert_id uuid primary key,
    district text not null,
    school text not null,
    rule text not null,
    -- The last change known.
    last_number integer not null,
    -- The change that opened it last; deliveries of one telling carry it.
    telling integer not null,
    state text not null constraint alert_state check (state in ('open', 'cleared', 'recalled'))
);

create table alert_changes (
    alert_id uuid not null,
    number integer not null,
    district text not null,
    sequence bigint not null,
    school text not null,
    kind text not null,
    -- As published: homeroom.alert.v1.AlertChange.
    message bytea not null,
    teams text[] not null,
    traceparent text not null,
    recorded_at timestamptz not null,
    primary key (alert_id, number),
    constraint one_order_per_district unique (district, sequence)
);
create index alert_changes_by_school on alert_changes (district, school, sequence);

create table deliveries (
    -- Derived from alert, number, channel and address; also the idempotency key.
    delivery_id uuid primary key,
    district text not null,
    alert_id uuid not null,
    change_number integer not null,
    telling integer not null,
    kind text not null,
    channel text not null,
    team text not null,
    address text not null,
    -- The first word on this alert to this recipient, when this is a later one.
    follows uuid,
    state text not null
        constraint delivery_state check (state in ('waiting', 'leased', 'accepted', 'cancelled', 'expired', 'dead')),
    due_at timestamptz not null,
    expires_at timestamptz not null,
    subject text not null,
    body text not null,
    data text not null,
    -- Which change the words are of: a later one than change_number when it took new content before it went.
    content_number integer not null,
    traceparent text not null,
    attempts integer not null default 0,
    -- An attempt ended unknown: the recipient may have it.
    maybe_sent boolean not null default false,
    lease_token bytea,
    lease_until timestamptz,
    last_reason text not null default '',
    planned_at timestamptz not null,
    settled_at timestamptz,
    constraint leased_has_lease check ((state = 'leased') = (lease_token is not null and lease_until is not null))
);
-- In the claim's order, so that it reads no more than it takes.
create index deliveries_to_claim on deliveries (district, channel, due_at, change_number) where state = 'waiting';
create index deliveries_leased on deliveries (district, lease_until) where state = 'leased';
create index deliveries_to_expire on deliveries (district, expires_at) where state = 'waiting';
-- What is not done or was given up; the rest grows for years and is not counted again and again.
create index deliveries_in_view on deliveries (district, state, due_at) where state in ('waiting', 'leased', 'dead', 'expired');
create index deliveries_newest on deliveries (district, planned_at);
create index deliveries_of_alert on deliveries (alert_id, channel, address, change_number);

create table attempts (
    delivery_id uuid not null,
    number integer not null,
    district text not null,
    lease_token bytea not null,
    adapter text not null,
    instance text not null,
    started_at timestamptz not null,
    ended_at timestamptz,
    -- accepted, retry, limited, permanent, unknown, sent-late; null while it runs.
    outcome text,
    reason text not null default '',
    provider_message_id text not null default '',
    primary key (delivery_id, number)
);

alter table feed_positions enable row level security;
alter table feed_positions force row level security;
create policy district_rows on feed_positions
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));
alter table alerts enable row level security;
alter table alerts force row level security;
create policy district_rows on alerts
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));
alter table alert_changes enable row level security;
alter table alert_changes force row level security;
create policy district_rows on alert_changes
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));
alter table deliveries enable row level security;
alter table deliveries force row level security;
create policy district_rows on deliveries
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));
alter table attempts enable row level security;
alter table attempts force row level security;
create policy district_rows on attempts
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));
