-- Figures of grades, transcripts and gradebooks, as of the date of `look`.

-- College Board, How to Convert Your GPA to a 4.0 Scale: the least percent of each letter, and its worth in hundredths of a point.
create table scale (letter text, least bigint, points bigint);
insert into scale values ('A+', 9700, 400), ('A', 9300, 400), ('A-', 9000, 370), ('B+', 8700, 330), ('B', 8300, 300), ('B-', 8000, 270),
    ('C+', 7700, 230), ('C', 7300, 200), ('C-', 7000, 170), ('D+', 6700, 130), ('D', 6500, 100), ('F', 0, 0),
    ('D-', null, 70), ('E', null, 0), ('U', null, 0);
create function points_of(numeric_grade bigint, grade_letter text) returns bigint language sql stable
return case when numeric_grade is not null
            then coalesce((select points from scale where least <= numeric_grade order by least desc limit 1), 0)
            else (select points from scale where letter = upper(btrim(grade_letter))) end;
create function fails(numeric_grade bigint, letter text) returns boolean language sql immutable
return case when numeric_grade is not null then numeric_grade < 6000 else coalesce(upper(btrim(letter)) in ('F', 'E', 'U'), false) end;

-- Item 12: of the grades of a section's grading period a final before a semester before a grading period.
create unlogged table grades as
select g.student, g.section, s.school_year, p.begin_on, p.end_on, s.course,
       array_position(array['final', 'semester', 'grading period'], value_of(g.grade_type)) as rank,
       fails(g.numeric_grade, g.letter) as failing, points_of(g.numeric_grade, g.letter) as points
from (said_grades join live using (position)) g
join sections s using (section)
join (select grading_period, begin_on, end_on from said_grading_periods join live using (position)) p using (grading_period)
where value_of(g.grade_type) in ('final', 'semester', 'grading period')
  and (g.numeric_grade is not null or g.letter is not null)
  and g.student in (select student from students);
analyze grades;

create view period_grades as
select distinct on (student, section, end_on) g.*
from grades g, look where g.school_year = look.school_year and g.begin_on <= as_of
order by student, section, end_on, rank;

create view standing_grades as
select distinct on (student, section) g.*, core, english, mathematics
from period_grades g left join subjects using (course)
order by student, section, end_on desc;

create materialized view figures_grades as
with standing as (
    select student, count(*) filter (where failing) as failing, count(*) filter (where failing and core) as failing_core,
           floor(avg(points)) as gpa
    from standing_grades group by student
), periods as (
    select student, floor(avg(points)) as points, row_number() over (partition by student order by end_on desc) as back
    from period_grades where points is not null group by student, end_on
), change as (
    select student, max(points) filter (where back = 1) - max(points) filter (where back = 2) as change
    from periods group by student
)
select student, coalesce(failing, 0) as failing, coalesce(failing_core, 0) as failing_core, coalesce(gpa, -1)::bigint as gpa,
       coalesce(change, 0)::bigint as gpa_change
from students left join standing using (student) left join change using (student)
with no data;

-- Of two sources that have a course of one term, the last in the order of their names is believed, with all that it says of it.
create unlogged table transcripts as
select student, t.school_year, value_of(result) as result, value_of(term) like '%summer%' as summer, attempted, earned,
       s.core, fails(numeric_grade, letter) as failing, points_of(numeric_grade, letter) as points
from (select l.student, o.*, w.source, max(w.source) over (partition by l.student, course, school_year, value_of(term)) as believed
      from said_transcripts o join live l using (position) join words w using (position)) t
join subjects s using (course)
where student in (select student from students) and source = believed;

create materialized view student_grade_levels as
select distinct on (student) student, school, entry_on, grade_level
from grade_levels, look where entry_on <= as_of
order by student, entry_on desc
with no data;

create materialized view figures_transcript as
with sums as (
    select student,
           sum(earned) as so_far,
           sum(attempted) filter (where this) as attempted, sum(earned) filter (where this) as earned,
           count(*) filter (where this and not summer and core and result not in ('withdrawn', 'incomplete')
               and (failing or result = 'fail')) as core_failures,
           sum(earned) filter (where this and not summer) as regular_earned,
           sum(attempted) filter (where this and not summer) as regular_attempted,
           bool_or(this) as any_this,
           div(sum(points * coalesce(attempted, 1000)) filter (where result not in ('withdrawn', 'incomplete')),
               nullif(sum(coalesce(attempted, 1000)) filter (where points is not null and result not in ('withdrawn', 'incomplete')), 0))
               as gpa
    from (select t.*, t.school_year = look.school_year as this from transcripts t, look where t.school_year <= look.school_year) t
    group by student
), ends as (
    -- A year is over with the calendar of the enrollment that began last, or when it ends itself.
    select student, max(date) as last
    from student_grade_levels g
    join calendar_spells c using (student, school, entry_on)
    join instructional using (calendar), look
    where c.school_year = look.school_year and c.exit_on >= make_date(look.school_year - 1, 7, 1)
    group by student
)
select student, coalesce(gpa, -1)::bigint as gpa_cumulative, coalesce(attempted, 0)::bigint as credits_attempted,
       coalesce(earned, 0)::bigint as credits_earned, coalesce(so_far, 0)::bigint as credits_earned_so_far,
       coalesce(core_failures, 0) as core_failures,
       -- University of Chicago Consortium: five credits, and no more than one core failure.
       ((any_this and grade_level in ('ninth grade', '9', '09')
           and (core_failures > 1
                or coalesce(regular_earned, 0) < 5000 and (regular_attempted >= 5000 or last < as_of
                    or as_of >= make_date(look.school_year, 6, 30)))) is true)::integer::bigint
           as off_track
from students cross join look
left join sums using (student) left join student_grade_levels using (student) left join ends using (student)
with no data;

-- Balfanz, Herzog and Mac Iver: four flags of a sixth grader.
create view figures_sixth as
select student,
       case when grade_level in ('sixth grade', '6', '06') then
           (a.tier = 3)::integer + coalesce(g.mathematics, false)::integer + coalesce(g.english, false)::integer
           + (d.student is not null)::integer else 0 end::bigint as sixth_grade_flags
from students
join figures_attendance a using (student)
left join student_grade_levels using (student)
left join (select student, bool_or(mathematics) as mathematics, bool_or(english) as english
           from standing_grades where failing group by student) g using (student)
left join (select distinct d.student from (said_disciplines join live using (position)) d, look
           where d.begin_on <= as_of
             and extract(year from d.begin_on) + case when extract(month from d.begin_on) >= 7 then 1 else 0 end = school_year
             and (value_of(code) = 'out of school suspension' or value_of(code) like 'expulsion%')) d using (student);

-- National High School Center: four flags of a student of grades 9 to 12.
create view figures_high_school as
select student,
       case when grade_level in ('ninth grade', '9', '09', 'tenth grade', '10', 'eleventh grade', '11', 'twelfth grade', '12') then
           (a.tier >= 2)::integer + (g.failing > 0)::integer + (g.gpa between 0 and 200)::integer + (t.core_failures >= 2)::integer
           else 0 end::bigint as high_school_flags
from students
join figures_attendance a using (student)
join figures_grades g using (student)
join figures_transcript t using (student)
left join student_grade_levels using (student);
