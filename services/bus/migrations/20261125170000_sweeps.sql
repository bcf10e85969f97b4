-- The reference topic is kept whole now.
update topics set compacted = false where name = 'homeroom.reference.v1';

-- How far each partition was swept: in a topic with a retention nothing before it is left, in a compacted one nothing
-- superseded. Apart from `partitions`, whose rows appends lock.
create table sweeps (
    topic_id smallint not null references topics,
    partition integer not null,
    swept_to bigint not null default 0,
    primary key (topic_id, partition)
);

insert into sweeps (topic_id, partition) select topic_id, partition from partitions;

-- The last word on each key of a compacted topic, as far as it was swept. It stands in for an index on the keys of `records`,
-- which every append to every topic would pay for.
create table latest (
    topic_id smallint not null,
    partition integer not null,
    key bytea not null,
    "offset" bigint not null,
    primary key (topic_id, partition, key)
);
