-- The log on one machine. No table has a district column: records are opaque here, as they are in Kafka.

create table topics (
    topic_id smallint generated always as identity primary key,
    name text not null constraint topics_have_one_name unique,
    partitions integer not null constraint topics_have_partitions check (partitions > 0),
    compacted boolean not null
);

-- The row that appends lock, so that the order of commits is the order of offsets and no offset is left out.
-- Room in the page keeps its frequent updates off the index.
create table partitions (
    topic_id smallint not null references topics,
    partition integer not null,
    next_offset bigint not null default 0,
    primary key (topic_id, partition)
) with (fillfactor = 50);

create table records (
    topic_id smallint not null,
    partition integer not null,
    "offset" bigint not null,
    key bytea not null,
    value bytea, -- null is a tombstone
    headers bytea not null,
    recorded_at timestamptz not null default now(),
    primary key (topic_id, partition, "offset")
);

-- A member of a group is alive until then; it says so again every second.
create table members (
    topic_id smallint not null references topics,
    group_name text not null,
    member_id uuid not null,
    expires_at timestamptz not null,
    primary key (topic_id, group_name, member_id)
);

-- Which member has a partition. Goes with its member.
create table claims (
    topic_id smallint not null,
    group_name text not null,
    partition integer not null,
    member_id uuid not null,
    primary key (topic_id, group_name, partition),
    foreign key (topic_id, group_name, member_id) references members on delete cascade
);

create index claims_by_member on claims (topic_id, group_name, member_id);
