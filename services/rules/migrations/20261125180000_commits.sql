-- A number for every commit, so that one whose answer was lost can be told from one that never happened.
alter table partitions add column commits bigint not null default 0;
-- How far the topic of alert changes is known to hold nothing that the students' rows do not.
alter table partitions add column alerts_offset bigint not null default 0;
