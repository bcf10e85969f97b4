-- The log as it is: each word of a source on each record, and beside it what the word says. A word that says nothing withdraws its
-- record. Nothing is folded here.

create unlogged table words (
    position bigint,         -- place in the log
    student  integer,        -- whose record; null for reference records
    source   text,
    key      uuid,
    revision bigint
);

create unlogged table said_registrations (position bigint);
create unlogged table said_enrollments (
    position bigint, school text, entry_on date, exit_on date, calendar uuid, primary_school boolean, grade_level text, exit_type text
);
create unlogged table said_memberships (position bigint, section uuid, begin_on date, end_on date);
create unlogged table said_marks (
    position bigint, school text, date date, section uuid, session uuid, code text, share integer, minutes integer,
    came_at integer, left_at integer
);
create unlogged table said_grades (
    position bigint, section uuid, grading_period uuid, grade_type text, numeric_grade bigint, letter text
);
create unlogged table said_results (
    position bigint, assignment uuid, status text, lateness text, points bigint, numeric_grade bigint, fulfilled_on date
);
create unlogged table said_transcripts (
    position bigint, course uuid, school_year integer, term text, result text, attempted bigint, earned bigint, numeric_grade bigint,
    letter text
);
create unlogged table said_disciplines (position bigint, school text, begin_on date, code text);

create unlogged table said_schools (position bigint, school text);
create unlogged table said_calendars (position bigint, calendar uuid, school text, school_year integer);
create unlogged table said_calendar_events (position bigint, calendar uuid, date date, event text);
create unlogged table said_sessions (
    position bigint, session uuid, school text, school_year integer, begin_on date, end_on date
);
create unlogged table said_grading_periods (position bigint, grading_period uuid, begin_on date, end_on date);
create unlogged table said_subjects (position bigint, course uuid, subject text);
create unlogged table said_offerings (position bigint, offering uuid, course uuid, session uuid);
create unlogged table said_sections (position bigint, section uuid, offering uuid, school text);
create unlogged table said_section_periods (position bigint, section uuid, class_period uuid);
create unlogged table said_taken (position bigint, section uuid, date date);
create unlogged table said_meeting_times (position bigint, class_period uuid, begin_at integer, end_at integer);
create unlogged table said_bell_dates (position bigint, school text, date date, begin_at integer, end_at integer);
create unlogged table said_bell_levels (position bigint, grade_level text);
create unlogged table said_bell_periods (position bigint, class_period uuid);
create unlogged table said_assignments (position bigint, assignment uuid, section uuid, due_on date, points bigint);
