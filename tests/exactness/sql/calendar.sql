-- Items 1, 2 and 7: which dates count for whom, and at which school.

-- Item 1.
create unlogged table instructional as
select calendar, date
from said_calendar_events join live using (position)
group by calendar, date
having bool_or(value_of(event) in ('instructional day', 'make-up day', 'student late arrival/early dismissal'))
   and not bool_or(value_of(event) in ('holiday', 'weather day', 'emergency day', 'strike', 'teacher only day',
       'non-instructional day'));

create unlogged table calendars as
select calendar, school, school_year from said_calendars join live using (position);

-- Item 2: no spell of a student who never came.
create unlogged table spells as
select student, school, entry_on, coalesce(exit_on, 'infinity') as exit_on, calendar, primary_school,
       value_of(grade_level) as grade_level
from said_enrollments join live using (position)
where student in (select student from students)
  and school in (select school from schools)
  and not (exit_on is not null and (exit_on < entry_on or exit_on = entry_on and value_of(exit_type) in ('no show', 'no-show')));

-- Item 1: the calendar of a spell in a school year is the one that it names, or, when that is of another year or none is named, the
-- school's only one of the year.
create unlogged table calendar_spells as
select s.student, s.school, s.entry_on, s.exit_on, s.primary_school, s.grade_level, y.school_year,
       case when named.school_year = y.school_year then named.calendar
            when s.calendar is not null and named.calendar is null then null
            else (select min(c.calendar::text)::uuid from calendars c
                  where c.school = s.school and c.school_year = y.school_year having count(*) = 1)
       end as calendar
from spells s
cross join (select distinct school_year from calendars) y
left join calendars named on named.calendar = s.calendar;

-- Dates on which a student is enrolled and the calendar has school, at each school: item 2, spells are joined and overlaps count
-- once. A school year turns on 1 July.
create unlogged table enrolled as
select student, school, date, school_year, bool_or(primary_school) as primary_school, max(entry_on) as entry_on,
       (array_agg(calendar order by entry_on desc))[1] as calendar,
       (array_agg(grade_level order by entry_on desc))[1] as grade_level
from calendar_spells join instructional using (calendar)
where date between entry_on and exit_on
  and school_year = extract(year from date) + case when extract(month from date) >= 7 then 1 else 0 end
group by student, school, date, school_year;
analyze enrolled;
