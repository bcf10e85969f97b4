-- By which way of counting each student was last evaluated, and everyone of a partition at least: an upgrade may bring a newer one, and
-- whoever takes a partition then looks at everyone again. Zero is of versions that did not say.
alter table students add column counting integer not null default 0;
alter table partitions add column counting integer not null default 0;
