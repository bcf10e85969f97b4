-- Who owns a partition of the events topic, and how far its effects reach. Every batch begins with a compare-and-set of this row.
create table partitions (
    partition int primary key,
    -- Raised by each claim; a batch of an older epoch matches no row.
    epoch bigint not null default 0,
    owner text not null default '',
    -- Every event below has had its effect: its alert changes are in the outbox.
    next_offset bigint not null default 0,
    -- Every student row includes at least the events below. Equal to next_offset while rows are written with each batch.
    state_offset bigint not null default 0,
    -- Every student of the partition was evaluated with the reference records below.
    reference_offset bigint not null default 0,
    -- The number of the next outbox row; dense, so that readers cannot skip one.
    next_seq bigint not null default 1
);

-- The dates in force for a district's students of a partition. They only move forward.
create table district_dates (
    district text not null,
    partition int not null,
    today int not null,
    as_of int not null,
    primary key (district, partition)
);

-- One student: everything that sources said, what rules hold open, and what was last written of both.
create table students (
    district text not null,
    student bytea not null,
    partition int not null,
    ledger bytea not null,
    episodes bytea not null,
    written bytea not null,
    -- The offset after the last event that the ledger includes.
    included_offset bigint not null,
    -- The dates and reference records of the last evaluation; null before the first.
    evaluated_today int,
    evaluated_as_of int,
    evaluated_reference bigint not null default 0,
    -- A fact refers to something that is not known yet, so any reference change may concern the student.
    waiting boolean not null,
    marks int not null,
    open_alerts int not null,
    primary key (district, student)
) with (fillfactor = 80);

create index student_by_partition on students (partition, district, student);

-- Schools whose reference data a student's facts lean on.
create table student_schools (
    district text not null,
    school text not null,
    student bytea not null,
    primary key (district, school, student)
);

-- Measures of a student at a school, and with an empty school of the district as a whole. Days in hundredths.
create table measures (
    district text not null,
    school text not null,
    student bytea not null,
    enrolled bigint not null,
    absent bigint not null,
    unexcused bigint not null,
    tardy bigint not null,
    tier smallint,
    streak bigint not null,
    unexcused_streak bigint not null,
    unexplained_absence_today boolean not null,
    failing bigint not null,
    failing_core bigint not null,
    open_alerts int not null,
    primary key (district, student, school)
) with (fillfactor = 80);

create index measure_by_school on measures (district, school, student);

-- How many alerts each rule holds open, and has ever opened, per partition so that batches of two partitions do not wait for each other.
create table rule_tallies (
    district text not null,
    partition int not null,
    rule text not null,
    open bigint not null,
    opened bigint not null,
    failures bigint not null,
    primary key (district, partition, rule)
);

-- Alert changes and dead letters to publish, each topic's in the order of their numbers. The key holds the district.
create table outbox (
    partition int not null,
    seq bigint not null,
    topic text not null constraint outbox_topic_is_one_of_ours check (topic in ('alerts', 'dead-letters')),
    key bytea not null,
    value bytea not null,
    traceparent text,
    primary key (partition, topic, seq)
);

-- Events that could not be understood or applied, by their place in the log, so that verify leaves them out too.
create table dead_letters (
    partition int not null,
    event_offset bigint not null,
    problem text not null,
    value bytea not null,
    traceparent text,
    recorded_at timestamptz not null default now(),
    primary key (partition, event_offset)
);

alter table district_dates enable row level security;
alter table district_dates force row level security;
create policy district_rows on district_dates
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));

alter table students enable row level security;
alter table students force row level security;
create policy district_rows on students
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));

alter table student_schools enable row level security;
alter table student_schools force row level security;
create policy district_rows on student_schools
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));

alter table measures enable row level security;
alter table measures force row level security;
create policy district_rows on measures
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));

alter table rule_tallies enable row level security;
alter table rule_tallies force row level security;
create policy district_rows on rule_tallies
    using (district = any (string_to_array(current_setting('homeroom.districts', true), ',')))
    with check (district = any (string_to_array(current_setting('homeroom.districts', true), ',')));
