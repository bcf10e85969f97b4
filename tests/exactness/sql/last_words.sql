-- Item 13: of the words of one source on one record the highest revision wins, of equals the later in the log. What is left is live.

create unlogged table live as
select distinct on (student, source, key) position, student
from words
order by student, source, key, revision desc, position desc;
create unique index on live (position);
analyze live;

-- What a code means: what stands behind the last # of a descriptor, without regard to case.
create function value_of(code text) returns text language sql immutable parallel safe
return lower(btrim(regexp_replace(code, '^.*#', '')));

create unlogged table schools as select distinct school from said_schools join live using (position);

create unlogged table sections as
select section, s.school, o.course, o.session, t.school_year, t.begin_on, t.end_on
from (said_sections join live using (position)) s
join (select offering, course, session from said_offerings join live using (position)) o using (offering)
join (select session, school_year, begin_on, end_on from said_sessions join live using (position)) t using (session)
where s.school in (select school from schools);
create unique index on sections (section);

create unlogged table subjects as
select course, array_agg(value_of(subject)) as subjects,
       bool_or(value_of(subject) in ('english', 'english language arts', 'language arts', 'reading', 'critical reading', 'writing'))
           as english,
       bool_or(value_of(subject) = 'mathematics') as mathematics,
       bool_or(value_of(subject) in ('english', 'english language arts', 'language arts', 'reading', 'critical reading', 'writing',
           'mathematics', 'science', 'life and physical sciences', 'social studies', 'social sciences and history')) as core
from said_subjects join live using (position)
group by course;

-- Nothing counts of a student whom the district does not know.
create unlogged table students as
select distinct student from said_registrations join live using (position);
create unique index on students (student);

create unlogged table memberships as
select student, section, begin_on, coalesce(end_on, 'infinity') as end_on from said_memberships join live using (position);
create index on memberships (student, section);
analyze memberships;

-- The enrollment that began last says which grade the student is in.
create unlogged table grade_levels as
select student, e.school, entry_on, value_of(grade_level) as grade_level
from said_enrollments e join live using (position);
