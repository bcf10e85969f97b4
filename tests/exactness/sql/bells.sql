-- When classes meet, and what of a day is instruction.

create unlogged table periods as
select class_period, begin_at, end_at from said_meeting_times join live using (position);
create unlogged table section_periods as
select section, class_period from said_section_periods join live using (position);

-- Grade levels at each school, and the schedules that ring for each on a date: those that name it, else those that name none.
create unlogged table ringing as
with levels as (
    select distinct school, grade_level from grade_levels
), dates as (
    select d.position, d.school, d.date, l.grade_level, n.position is not null as named,
           not exists (select from said_bell_levels a where a.position = d.position) as of_all
    from (said_bell_dates join live using (position)) d
    join levels l using (school)
    left join (select distinct position, value_of(grade_level) as grade_level from said_bell_levels) n
        on n.position = d.position and n.grade_level = l.grade_level
)
select position, school, date, grade_level
from (select *, bool_or(named) over (partition by school, date, grade_level) as any_named from dates) d
where named or of_all and not any_named;

-- Each schedule: from its first bell to its last, when its classes meet, and its periods.
create unlogged table schedules as
select s.position, coalesce(min(s.begin_at), min(t.begin_at)) as first, coalesce(max(s.end_at), max(t.end_at)) as last,
       array_agg(distinct p.class_period) filter (where p.class_period is not null) as periods,
       coalesce(array_agg(int4range(t.begin_at, t.end_at) order by t.begin_at, t.end_at) filter (where t.begin_at is not null), '{}')
           as classes
from (select distinct position, begin_at, end_at from said_bell_dates join live using (position)) s
left join said_bell_periods p using (position)
left join periods t using (class_period)
group by s.position;

-- Instruction is classes; stretches of at most ten minutes between two of them are passing time and belong to it.
create function passing_time(classes int4multirange) returns int4multirange language sql immutable parallel safe
return (select coalesce(range_agg(int4range(ended, begins)), '{}')
        from (select upper(class) as ended, lead(lower(class)) over (order by class) as begins from unnest(classes) class) c
        where begins - ended <= 10);

-- Passing time is missed by who missed the classes on both sides of it.
create function with_passing_time(missed int4multirange, classes int4multirange) returns int4multirange
language sql immutable parallel safe
return missed + (select coalesce(range_agg(gap), '{}') from unnest(passing_time(classes)) gap
                 where exists (select from unnest(missed) m where upper(m) = lower(gap))
                   and exists (select from unnest(missed) m where lower(m) = upper(gap)));

-- So many minutes of classes, from the first one on, or the last so many.
create function laid(classes int4multirange, minutes bigint, at_the_end boolean) returns int4multirange
language sql immutable parallel safe
return (select coalesce(range_agg(case when at_the_end then int4range(upper(class) - part, upper(class))
                                       else int4range(lower(class), lower(class) + part) end), '{}')
        from (select class, greatest(0, least(long, minutes - sum(long) over (
                         order by case when at_the_end then -lower(class) else lower(class) end) + long))::integer as part
              from (select class, upper(class) - lower(class) as long from unnest(classes) class) c) c);

create function minutes_in(spans int4multirange) returns bigint language sql immutable parallel safe
return (select coalesce(sum(upper(span) - lower(span)), 0) from unnest(spans) span);

-- What the schedules of a date say together: the periods of all of them; classes and hours where they agree.
create unlogged table bells as
with agreed as (
    select school, date, grade_level,
           case when count(distinct (first, last)) filter (where first is not null) = 1 then int4multirange(int4range(min(first), max(last)))
           end as hours,
           case when count(distinct classes) = 1 then min(classes) else '{}' end as classes
    from ringing join schedules using (position) group by school, date, grade_level
), rung as (
    select school, date, grade_level, array_agg(distinct period) as periods
    from ringing join schedules using (position), unnest(periods) period group by school, date, grade_level
)
select school, date, grade_level, periods,
       case when classes <> '{}' then (select range_agg(class) from unnest(classes) class) else hours end as taught
from agreed left join rung using (school, date, grade_level);
create unique index on bells (school, date, grade_level);
analyze bells;
