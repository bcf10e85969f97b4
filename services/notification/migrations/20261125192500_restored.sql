-- Which commit a change is of: a database that was restored from a backup gives the same sequences out again, and a cursor that
-- was given before must not pass for one of now. None of changes before this version.
alter table alert_changes add column tag uuid;
alter table alert_changes alter column tag set default gen_random_uuid();

-- What a database that was lost may have told of: records before this offset were on the topic when an older backup took its
-- place.
alter table inbox add column told_below bigint not null default 0;
