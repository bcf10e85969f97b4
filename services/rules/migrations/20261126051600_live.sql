-- Whether anything is said of the student that was not withdrawn. Of one who turned out to be another nothing is; what was withdrawn is
-- kept, for the order of words. Earlier versions do not say, and knew no such student.
alter table students add column live boolean not null default true;
