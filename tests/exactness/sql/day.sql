-- Items 3 to 7, 11: what a student's day at a school was, in hundredths of a day.

-- A medical excuse is an excuse, and an excused tardy a tardy: laws alone tell them apart.
create unlogged table marks as
select student, school, date, section, share, category, medical, late, came_at, left_at,
       category in ('excused', 'unexcused', 'unknown') as absence,
       -- The absent part of a day that a mark for all of it says.
       case when category in ('excused', 'unexcused', 'unknown') then case when share between 1 and 100 then share else 100 end
            when category = 'partial' then case when share is null then 50 else greatest(0, least(100, share)) end
            else 0 end as part,
       -- Minutes that were missed, as sent; an absence of no minutes says nothing of how long it was.
       case when category in ('partial', 'tardy', 'left') or category in ('excused', 'unexcused', 'unknown') and minutes > 0
            then minutes end as minutes
from (
select student, m.school, date, section, share, minutes, came_at, left_at,
       value_of(code) in ('medical absence', 'absent-medical') as medical, value_of(code) = 'tardy' as late,
       case value_of(code)
           when 'excused absence' then 'excused' when 'medical absence' then 'excused' when 'absent-medical' then 'excused'
           when 'unexcused absence' then 'unexcused' when 'absent' then 'unknown'
           when 'partial' then 'partial' when 'tardy' then 'tardy' when 'excused tardy' then 'tardy'
           when 'tardy-excused' then 'tardy' when 'early departure' then 'left'
           when 'present' then 'present' when 'in attendance' then 'present'
       end as category
from said_marks m join live using (position)
-- Item 6: not while something that the mark refers to is not known.
where m.school in (select school from schools)
  and (m.session is null or m.session in (select session from said_sessions join live using (position)))
  and (m.section is null or m.section in (select section from sections))) m;
create index on marks (student, date);
analyze marks;

-- Item 11: no word says that the student came.
create unlogged table marked_dates as
select student, school, date, bool_or(category in ('tardy', 'present')) is true as came, bool_or(section is null) as daily
from marks group by student, school, date;
analyze marked_dates;

create unlogged table taken as select distinct section, date from said_taken join live using (position);
create unique index on taken (section, date);
-- Item 5: where a source sends that attendance was taken.
create unlogged table taking_schools as select distinct school from taken join sections using (section);

-- Item 4: the sections of a date are those that the student belongs to and whose session contains it, and those with a mark.
create unlogged table date_sections as
select student, school, date, grade_level, section, bool_or(marked) as marked,
       bool_or(marked) or school not in (select school from taking_schools)
           or exists (select from taken t where t.section = s.section and t.date = s.date) as known
from (select e.student, e.school, e.date, e.grade_level, m.section, false as marked
      from enrolled e
      join memberships m on m.student = e.student and e.date between m.begin_on and m.end_on
      join sections s on s.section = m.section and s.school = e.school and e.date between s.begin_on and s.end_on
      union all
      select e.student, e.school, e.date, e.grade_level, m.section, true
      from enrolled e join marks m on m.student = e.student and m.date = e.date and m.school = e.school
      where m.section is not null) s
group by student, school, date, grade_level, section;
analyze date_sections;

-- When sections meet: in their class periods, and where a bell schedule of the date names periods, in those of them that it rings for.
-- Of one without periods it is not known when.
create unlogged table meetings as
select section, school, date, grade_level,
       coalesce(range_agg(int4range(t.begin_at, t.end_at)) filter (where rings and t.begin_at is not null), '{}') as spans,
       bool_or(rings) as meets, bool_or(rings and t.begin_at is null) as untimed
from (select d.*, p.class_period, p.class_period is null or b.periods is null or p.class_period = any (b.periods) as rings
      from (select distinct section, school, date, grade_level from date_sections) d
      left join bells b using (school, date, grade_level)
      left join section_periods p using (section)) d
left join periods t using (class_period)
group by section, school, date, grade_level;
create unique index on meetings (section, school, date, grade_level);
analyze meetings;

-- What of a date with marks for the whole day is instruction: the student's own classes, when the times of all are known, else those
-- of the schedule, else all from its first bell to its last.
create unlogged table instruction as
with own as (
    select student, school, date, range_agg(spans) as spans
    from date_sections join marked_dates using (student, school, date) join meetings using (section, school, date, grade_level)
    where daily and meets
    group by student, school, date
    having not bool_or(untimed)
)
select e.student, e.school, e.date, classes + passing_time(classes) as spans
from (select e.student, e.school, e.date, case when own.spans <> '{}' then own.spans else b.taught end as classes
      from enrolled e
      join marked_dates m on m.student = e.student and m.school = e.school and m.date = e.date and m.daily
      left join own on own.student = e.student and own.school = e.school and own.date = e.date
      left join bells b on b.school = e.school and b.date = e.date and b.grade_level = e.grade_level) e;
analyze instruction;

-- Item 3. A mark that says when the student came or left tells which minutes were missed. Another is laid at the day's begin, one of
-- leaving at its end; what is over of a minute is missed. Of a day whose length nobody knows, minutes that all marks state are added up.
create unlogged table daily as
with missed as (
    select m.*, h.spans,
           case when m.came_at is null and m.left_at is null
                then laid(h.spans, coalesce(m.minutes, (m.part * minutes_in(h.spans) + 99) / 100), category = 'left')
                when not (absence or category in ('partial', 'tardy', 'left')) or category is null then '{}'
                when m.left_at <= m.came_at then h.spans * int4multirange(int4range(m.left_at, m.came_at))
                else h.spans * (int4multirange(int4range(0, coalesce(m.came_at, 0)))
                                + int4multirange(int4range(coalesce(m.left_at, 1440), 1440))) end as missed
    from marks m
    left join instruction h on h.student = m.student and h.school = m.school and h.date = m.date
    where section is null
), days as (
    select student, school, date, spans is not null as timed,
           least(100, sum(part)) as absent,
           least(100, coalesce(sum(part) filter (where category = 'unexcused'), 0)) as unexcused,
           coalesce(sum(part) filter (where category in ('unknown', 'partial')), 0) as unknown,
           bool_or(category = 'tardy') is true as tardy,
           coalesce(sum(part) filter (where category in ('unexcused', 'unknown', 'partial')), 0) > 0 as open,
           coalesce(sum(part) filter (where category = 'unexcused'), 0) > 0 as cut,
           bool_and(minutes is not null or part = 0) as stated,
           coalesce(sum(minutes), 0) as sum_absent,
           coalesce(sum(minutes) filter (where category = 'unexcused'), 0) as sum_unexcused,
           coalesce(sum(minutes) filter (where medical), 0) as sum_medical,
           coalesce(sum(minutes) filter (where late), 0) as sum_late,
           range_agg(missed) as missed, range_agg(missed) filter (where category = 'unexcused') as missed_unexcused,
           range_agg(missed) filter (where medical) as missed_medical, range_agg(missed) filter (where late) as missed_late
    from missed group by student, school, date, spans
)
select student, school, date, absent, unexcused, least(unknown, absent - unexcused) as unknown, tardy, open, cut,
       case when timed then minutes_in(missed) when stated and sum_absent > 0 then sum_absent end as minutes_absent,
       case when timed then minutes_in(missed_unexcused) when stated and sum_absent > 0 then sum_unexcused end as minutes_unexcused,
       case when timed then minutes_in(missed_medical) when stated and sum_absent > 0 then sum_medical end as minutes_medical,
       case when timed then minutes_in(missed_late) when stated and sum_absent > 0 then sum_late end as minutes_late
from days;
analyze daily;

-- Item 4. A section that was missed was missed for all of its meetings, or for the minutes that its mark states.
create unlogged table section_words as
select student, school, date, section, category, medical, late, absence,
       laid(spans, coalesce(minutes, case when absence then minutes_in(spans) when category = 'partial' then (minutes_in(spans) + 1) / 2
                                          else 0 end), category = 'left') as missed
from marks
join marked_dates d using (student, school, date)
join enrolled e using (student, school, date)
join meetings using (section, school, date, grade_level)
where not d.daily;
analyze section_words;

create unlogged table section_counts as
select student, school, date,
       count(distinct section) filter (where absence) as missed, count(*) filter (where absence) as absences,
       count(*) filter (where category = 'unexcused') as unexcused, count(*) filter (where category = 'unknown') as unknown, bool_or(category = 'tardy') is true as tardy,
       bool_or(category in ('unexcused', 'unknown')) is true as open,
       range_agg(w.missed) as spans_missed, range_agg(w.missed) filter (where category = 'unexcused') as spans_unexcused,
       range_agg(w.missed) filter (where medical) as spans_medical, range_agg(w.missed) filter (where late) as spans_late
from section_words w group by student, school, date;
analyze section_counts;

create unlogged table sectional as
with sizes as (
    select student, school, date, count(*) filter (where known) as sections, range_agg(spans) as all_of
    from date_sections join section_counts using (student, school, date) join meetings using (section, school, date, grade_level)
    group by student, school, date
)
select student, school, date,
       case when whole then 100 else 0 end as absent,
       case when whole and unexcused * 2 >= absences then 100 else 0 end as unexcused,
       case when whole and unexcused * 2 < absences and unknown * 2 >= absences - unexcused then 100 else 0 end as unknown,
       tardy, whole and open as open, unexcused > 0 as cut,
       case when timed then minutes_in(with_passing_time(spans_missed, all_of)) end as minutes_absent,
       case when timed then minutes_in(with_passing_time(coalesce(spans_unexcused, '{}'), all_of)) end as minutes_unexcused,
       case when timed then minutes_in(with_passing_time(coalesce(spans_medical, '{}'), all_of)) end as minutes_medical,
       case when timed then minutes_in(coalesce(spans_late, '{}')) end as minutes_late
from (select *, missed > 0 and missed * 2 >= sections as whole, all_of <> '{}' as timed
      from section_counts join sizes using (student, school, date)) c;
analyze sectional;

create unlogged table unproved as
select student, school, date from date_sections group by student, school, date having not bool_or(known);
create unique index on unproved (student, school, date);

-- One row for each date that counts at a school and of which it is known what it was: without a mark the student was present, unless
-- the school sends when attendance was taken and it was taken in none of the student's sections.
create unlogged table school_days as
select e.student, e.school, e.date, e.school_year, e.primary_school, e.entry_on,
       coalesce(d.absent, s.absent, 0)::integer as absent,
       coalesce(d.unexcused, s.unexcused, 0)::integer as unexcused,
       coalesce(d.unknown, s.unknown, 0)::integer as unknown,
       coalesce(d.tardy, s.tardy, false) as tardy,
       coalesce(d.open, s.open, false) and not coalesce(m.came, false) as unexplained,
       coalesce(d.cut, s.cut, false) as cut,
       case when d.student is not null then d.minutes_absent when s.student is not null then s.minutes_absent else 0 end::integer
           as minutes_absent,
       case when d.student is not null then d.minutes_unexcused when s.student is not null then s.minutes_unexcused else 0
       end::integer as minutes_unexcused,
       case when d.student is not null then d.minutes_medical when s.student is not null then s.minutes_medical else 0
       end::integer as minutes_medical,
       case when d.student is not null then d.minutes_late when s.student is not null then s.minutes_late else 0
       end::integer as minutes_late
from enrolled e
left join marked_dates m on m.student = e.student and m.school = e.school and m.date = e.date
left join daily d on d.student = e.student and d.school = e.school and d.date = e.date
left join sectional s on s.student = e.student and s.school = e.school and s.date = e.date
where m.student is not null
   or e.school not in (select school from taking_schools)
   or not exists (select from unproved u where u.student = e.student and u.school = e.school and u.date = e.date);
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
