-- Families of measures: what is counted, by the window that narrows it. One row for each student and window.

-- The school month: twenty dates of the school's calendar, counted from its first, whichever the student was enrolled on.
create materialized view school_months as
with last_dates as (
    select distinct on (student) student, calendar
    from enrolled e, look
    where e.school_year = look.school_year and e.date <= as_of
    order by student, date desc, primary_school desc, entry_on desc, school::bigint
), places as (
    select calendar, date, (row_number() over (partition by calendar order by date) - 1) / 20 as month
    from instructional, look where date <= as_of
), firsts as (
    select calendar, min(date) as first
    from (select *, max(month) over (partition by calendar) as last from places) p where month = last
    group by calendar
)
select student, coalesce(first, as_of) as first
from students cross join look left join last_dates using (student) left join firsts using (calendar)
with no data;

-- First and last date of each window; those that count school days are found from the student's own.
create materialized view windows as
select student, suffix, first, last, weekday
from students cross join look
cross join lateral (values
    ('', date '-infinity', as_of, null::integer),
    ('_last_7_days', as_of - 6, as_of, null),
    ('_last_28_days', as_of - 27, as_of, null),
    ('_last_90_days', as_of - 89, as_of, null),
    ('_last_1_months', (as_of - interval '1 month')::date + 1, as_of, null),
    ('_last_6_months', (as_of - interval '6 months')::date + 1, as_of, null),
    ('_this_calendar_month', date_trunc('month', as_of)::date, as_of, null),
    ('_mondays', date '-infinity', as_of, 1), ('_tuesdays', date '-infinity', as_of, 2),
    ('_wednesdays', date '-infinity', as_of, 3), ('_thursdays', date '-infinity', as_of, 4), ('_fridays', date '-infinity', as_of, 5)
) w (suffix, first, last, weekday)
union all
select student, '_this_school_month', first, as_of, null from school_months cross join look
union all
select student, '_last_10_school_days', coalesce(min(date) filter (where from_end <= 10), 'infinity'), max(as_of), null
from students cross join look left join year_days using (student)
group by student
union all
select student, '_last_45_school_days', coalesce(min(date) filter (where from_end <= 45), 'infinity'), max(as_of), null
from students cross join look left join year_days using (student)
group by student
union all
select student, '_first_20_school_days', date '-infinity', coalesce(max(date) filter (where place <= 20), '-infinity'), null
from students left join year_days using (student)
group by student
with no data;

create view figures_windows as
with enrolled_within as (
    select student, suffix, count(*) * 100 as enrolled
    from windows join year_days using (student)
    where date between first and last and (weekday is null or extract(isodow from date) = weekday)
    group by student, suffix
), within as (
    select student, suffix, sum(absent)::bigint as absent, sum(unexcused)::bigint as unexcused, sum(unknown)::bigint as unknown_reason,
           count(*) filter (where unexplained) as unexplained, count(*) filter (where tardy) as tardy,
           case when bool_or(absent > 0 and minutes_absent is null) then -1 else sum(minutes_absent) end::bigint as minutes_absent,
           case when bool_or(unexcused > 0 and minutes_unexcused is null) then -1 else sum(minutes_unexcused) end::bigint
               as minutes_unexcused
    from windows join eventful_year_days using (student)
    where date between first and last and (weekday is null or extract(isodow from date) = weekday)
    group by student, suffix
)
select student, suffix, coalesce(enrolled, 0) as enrolled, coalesce(absent, 0) as absent, coalesce(unexcused, 0) as unexcused,
       coalesce(unknown_reason, 0) as unknown_reason,
       coalesce(unexplained, 0) as unexplained, coalesce(tardy, 0) as tardy,
       case when coalesce(enrolled, 0) = 0 then -1 else coalesce(absent, 0) * 10000 / enrolled end as absent_rate,
       coalesce(minutes_absent, 0) as minutes_absent, coalesce(minutes_unexcused, 0) as minutes_unexcused
from windows left join enrolled_within using (student, suffix) left join within using (student, suffix);
