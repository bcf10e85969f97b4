-- After a restore from a backup the log may hold a later word than a document that was written before this version: such a document
-- is published again when it is sent again, also when it says nothing new.
alter table change_versions add column unsure_below bigint not null default 0;
