-- The time by which everything here is decided: what is due, whose lease it is, what is old. It is the database's, one for
-- all processes, so that a process whose own clock is wrong, or that was paused, neither takes what is another's nor holds
-- back what is due.
create function clock() returns timestamptz language sql stable parallel safe
    as $$ select statement_timestamp() $$;

-- Which change the words of the attempt were of; 0 of attempts before this version.
alter table attempts add column content_number integer not null default 0;

create index dead_letters_oldest on dead_letters (recorded_at);
