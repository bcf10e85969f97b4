-- A move that cannot be made as things are (a student with more records than can be held) is set aside: it is tried again, and those
-- after it go on meanwhile. Each look goes by who is who at that moment, so that one that comes late moves records to where they belong
-- then.
alter table student_moves add column set_aside boolean not null default false;
