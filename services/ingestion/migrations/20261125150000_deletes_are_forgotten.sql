-- Deletes are forgotten after some time; those before this version may be gone, so that a copier can tell whether it missed some.
alter table change_versions add column oldest bigint not null default 0;

create index document_deletes_by_age on document_deletes (deleted_at);
