-- Items 3 to 7, 11: what a student's day at a school was, in hundredths of a day.

create unlogged table marks as
select student, m.school, date, section, share,
       case value_of(code)
           when 'excused absence' then 'excused' when 'unexcused absence' then 'unexcused' when 'absent' then 'unknown'
           when 'partial' then 'partial' when 'tardy' then 'tardy' when 'early departure' then 'left'
           when 'present' then 'present' when 'in attendance' then 'present'
       end as category
from said_marks m join live using (position)
-- Item 6: not while something that the mark refers to is not known.
where m.school in (select school from schools)
  and (m.session is null or m.session in (select session from said_sessions join live using (position)))
  and (m.section is null or m.section in (select section from sections));
create index on marks (student, date);
analyze marks;

-- Item 11: no word says that the student came.
create unlogged table marked_dates as
select student, school, date, bool_or(category in ('tardy', 'present')) is true as came, bool_or(section is null) as daily
from marks group by student, school, date;
analyze marked_dates;

-- From the first bell to the last, where the bell schedules of the date agree.
create unlogged table hours as
select school, date, min(last - first) as minutes
from (select d.school, d.date, coalesce(d.begin_at, min(t.begin_at)) as first, coalesce(d.end_at, max(t.end_at)) as last
      from (said_bell_dates join live using (position)) d
      left join said_bell_periods p using (position)
      left join (select class_period, begin_at, end_at from said_meeting_times join live using (position)) t using (class_period)
      group by d.position, d.school, d.date, d.begin_at, d.end_at) bells
where first is not null
group by school, date
having count(distinct (first, last)) = 1;

-- Item 3. A mark that does not say when is laid at the day's begin, so the longest of several tells the minutes missed; what is over
-- of a minute is missed.
create unlogged table daily as
select m.student, m.school, m.date,
       least(100, sum(part)) as absent,
       least(100, coalesce(sum(part) filter (where category = 'unexcused'), 0)) as unexcused,
       bool_or(category = 'tardy') is true as tardy,
       coalesce(sum(part) filter (where category in ('unexcused', 'unknown', 'partial')), 0) > 0 as open,
       coalesce(sum(part) filter (where category = 'unexcused'), 0) > 0 as cut,
       max((part * h.minutes + 99) / 100) as minutes_absent,
       case when h.minutes is not null
            then coalesce(max((part * h.minutes + 99) / 100) filter (where category = 'unexcused'), 0) end as minutes_unexcused
from (select *, case when category in ('excused', 'unexcused', 'unknown')
                     then case when share between 1 and 100 then share else 100 end
                     when category = 'partial' then case when share is null then 50 else greatest(0, least(100, share)) end
                     else 0 end as part
      from marks where section is null) m
left join hours h on h.school = m.school and h.date = m.date
group by m.student, m.school, m.date, h.minutes;
analyze daily;

create unlogged table taken as select distinct section, date from said_taken join live using (position);
create unique index on taken (section, date);
-- Item 5: where a source sends that attendance was taken.
create unlogged table taking_schools as select distinct school from taken join sections using (section);

-- Dates without a daily mark on which sections matter: those with a mark of a section, and all where attendance taken is sent.
create unlogged table section_dates as
select e.student, e.school, e.date, d.student is not null as marked
from enrolled e
left join marked_dates d on d.student = e.student and d.school = e.school and d.date = e.date
where d.daily is not true
  and (d.student is not null or e.school in (select school from taking_schools));
analyze section_dates;

-- Item 4: the sections of the date are those that the student belongs to and whose session contains it, and those with a mark.
create unlogged table date_sections as
select student, school, date, section, bool_or(marked) as marked,
       bool_or(marked) or school not in (select school from taking_schools)
           or exists (select from taken t where t.section = s.section and t.date = s.date) as known
from (select d.student, d.school, d.date, m.section, false as marked
      from section_dates d
      join memberships m on m.student = d.student and d.date between m.begin_on and m.end_on
      join sections s on s.section = m.section and s.school = d.school and d.date between s.begin_on and s.end_on
      union all
      select d.student, d.school, d.date, m.section, true
      from section_dates d join marks m on m.student = d.student and m.date = d.date and m.school = d.school
      where d.marked) s
group by student, school, date, section;
analyze date_sections;

-- When sections meet: their class periods, and where a bell schedule of the date names periods, those of them that it rings for.
create unlogged table ringing as
select d.school, d.date, array_agg(distinct p.class_period) as periods
from (said_bell_dates join live using (position)) d join said_bell_periods p using (position)
group by d.school, d.date;
create unlogged table meetings as
select d.student, d.school, d.date, d.section, range_agg(int4range(t.begin_at, t.end_at)) as spans
from (select distinct d.* from date_sections d join section_dates s using (student, school, date) where s.marked) d
join (select section, class_period from said_section_periods join live using (position)) p using (section)
join (select class_period, begin_at, end_at from said_meeting_times join live using (position)) t using (class_period)
left join ringing r on r.school = d.school and r.date = d.date
where d.known and (r.periods is null or p.class_period = any (r.periods))
group by d.student, d.school, d.date, d.section;
analyze meetings;

create function minutes_in(spans int4multirange) returns bigint language sql immutable parallel safe
return (select coalesce(sum(upper(span) - lower(span)), 0) from unnest(spans) span);

-- Item 4. A section that was missed was missed for all of its meetings.
create unlogged table sectional as
with words as (
    select m.student, m.school, m.date, m.section, category, category in ('excused', 'unexcused', 'unknown') as absence
    from marks m join section_dates d on d.student = m.student and d.school = m.school and d.date = m.date
    where d.marked
), counts as (
    select student, school, date,
           count(distinct section) filter (where absence) as missed, count(*) filter (where absence) as absences,
           count(*) filter (where category = 'unexcused') as unexcused, bool_or(category = 'tardy') is true as tardy,
           bool_or(category in ('unexcused', 'unknown')) is true as open,
           bool_and(category = 'present') is true as all_present
    from words group by student, school, date
), sizes as (
    select student, school, date, count(*) as sections from date_sections where known group by student, school, date
), times as (
    select g.student, g.school, g.date,
           range_agg(g.spans) filter (where w.absence) as missed, range_agg(g.spans) filter (where w.unexcused) as unexcused
    from meetings g
    left join (select student, school, date, section, bool_or(absence) as absence, bool_or(category = 'unexcused') as unexcused
               from words group by student, school, date, section) w
        on w.student = g.student and w.school = g.school and w.date = g.date and w.section = g.section
    group by g.student, g.school, g.date
)
select student, school, date,
       case when whole then 100 else 0 end as absent,
       case when whole and c.unexcused * 2 >= absences then 100 else 0 end as unexcused,
       tardy, whole and open as open, c.unexcused > 0 as cut,
       case when t.timed then minutes_in(t.missed) end as minutes_absent,
       case when t.timed then minutes_in(t.unexcused) end as minutes_unexcused
from (select c.*, c.missed > 0 and c.missed * 2 >= sections as whole
      from counts c join sizes using (student, school, date)) c
left join (select *, true as timed from times) t using (student, school, date);
analyze sectional;

-- One row for each date that counts at a school and of which it is known what it was: without a mark the student was present, unless
-- the school sends when attendance was taken and it was taken in none of the student's sections.
create unlogged table school_days as
select e.student, e.school, e.date, e.school_year, e.primary_school, e.entry_on,
       coalesce(d.absent, s.absent, 0)::integer as absent,
       coalesce(d.unexcused, s.unexcused, 0)::integer as unexcused,
       coalesce(d.tardy, s.tardy, false) as tardy,
       coalesce(d.open, s.open, false) and not coalesce(m.came, false) as unexplained,
       coalesce(d.cut, s.cut, false) as cut,
       case when d.student is not null then d.minutes_absent when s.student is not null then s.minutes_absent else 0 end::integer
           as minutes_absent,
       case when d.student is not null then d.minutes_unexcused when s.student is not null then s.minutes_unexcused else 0
       end::integer as minutes_unexcused
from enrolled e
left join marked_dates m on m.student = e.student and m.school = e.school and m.date = e.date
left join daily d on d.student = e.student and d.school = e.school and d.date = e.date
left join sectional s on s.student = e.student and s.school = e.school and s.date = e.date
where m.student is not null
   or e.school not in (select school from taking_schools)
   or not exists (select from date_sections x where x.student = e.student and x.school = e.school and x.date = e.date)
   or exists (select from date_sections x where x.student = e.student and x.school = e.school and x.date = e.date and x.known);
analyze school_days;

-- Item 7: for the district as a whole one day per date.
create unlogged table days as
select distinct on (student, date) *
from school_days
order by student, date, primary_school desc, entry_on desc, school::bigint;
create index on days (student, date);
analyze days;

-- Days on which there is more to tell than presence. Most have nothing, and what is summed over them is nothing.
create unlogged table eventful_days as
select * from days where absent > 0 or unexcused > 0 or tardy or cut or minutes_absent is distinct from 0;
analyze eventful_days;
