-- Figures of attendance, as of the date of `look`.

create unlogged table look (as_of date, school_year integer);

-- What several figures are computed from is found once for a date. A student's days of the year are counted from both ends.
create materialized view year_days as
select d.*, row_number() over (partition by student order by date) as place,
       row_number() over (partition by student order by date desc) as from_end
from days d, look where d.school_year = look.school_year and d.date <= as_of
with no data;
create materialized view eventful_year_days as
select d.* from eventful_days d, look where d.school_year = look.school_year and d.date <= as_of
with no data;

create function tier(absent bigint, enrolled bigint) returns bigint language sql immutable
return case when enrolled < 1000 then -1
            when absent * 100 >= 20 * enrolled then 3
            when absent * 100 >= 10 * enrolled then 2
            when absent * 100 >= 5 * enrolled then 1
            else 0 end;

create materialized view figures_attendance as
with sums as (
    select student, count(*) * 100 as enrolled, sum(absent) as absent, sum(unexcused) as unexcused,
           count(*) filter (where tardy) as tardy,
           -- Item 10: days since the last one that was not missed.
           count(*) - coalesce(max(place) filter (where absent < 50), 0) as streak,
           count(*) - coalesce(max(place) filter (where unexcused < 50), 0) as unexcused_streak,
           bool_or(unexplained and date = as_of) as unexplained_today
    from year_days, look group by student
), runs as (
    select student, max(length) as longest
    from (select student, count(*) as length
          from (select student, place - row_number() over (partition by student order by date) as run
                from year_days where absent >= 50) d
          group by student, run) d
    group by student
), calendar_dates as (
    select student, count(distinct e.date) as many
    from enrolled e, look where e.school_year = look.school_year and e.date <= as_of
    group by student
)
select student,
       coalesce(enrolled, 0) as enrolled, coalesce(absent, 0)::bigint as absent, coalesce(unexcused, 0)::bigint as unexcused,
       coalesce(tardy, 0) as tardy, tier(coalesce(absent, 0)::bigint, coalesce(enrolled, 0)) as tier,
       coalesce(streak, 0) as streak, coalesce(unexcused_streak, 0) as unexcused_streak,
       coalesce(unexplained_today, false)::integer::bigint as unexplained_absence_today,
       coalesce(longest, 0) as longest_streak,
       coalesce(many, 0) - coalesce(enrolled, 0) / 100 as unknown_days
from students
left join sums using (student)
left join runs using (student)
left join calendar_dates using (student)
with no data;

-- At each school apart: a student who moves counts at each.
create view figures_federal as
select student, coalesce(sum(enrolled), 0)::bigint as federal_enrolled, coalesce(sum(absent), 0)::bigint as federal_absent,
       count(*) filter (where enrolled >= 10 and absent * 10 >= enrolled) as federal_chronic,
       count(*) filter (where enrolled >= 30 and absent * 10 >= enrolled) as federal_chronic_from_30_days
from students
left join (select student, school, count(*) as enrolled, count(*) filter (where absent >= 50) as absent
           from school_days d, look where d.school_year = look.school_year and date <= as_of
           group by student, school) at using (student)
group by student;

-- The school year before, and what the year may still bring.
create view figures_projection as
with so_far as (
    select student, count(*) * 100 as enrolled, sum(absent)::bigint as absent from year_days group by student
), before as (
    select student, count(*) * 100 as enrolled, sum(absent)::bigint as absent
    from days d, look where d.school_year = look.school_year - 1 group by student
), to_come as (
    select student, count(distinct date) * 100 as worth
    from enrolled e, look where e.school_year = look.school_year and e.date > as_of group by student
), outlook as (
    select student, coalesce(s.enrolled, 0)::numeric as enrolled, coalesce(s.absent, 0)::numeric as absent,
           coalesce(worth, 0)::numeric as to_come, coalesce(b.enrolled, 0)::numeric as enrolled_before,
           coalesce(b.absent, 0)::numeric as absent_before
    from students left join so_far s using (student) left join before b using (student) left join to_come using (student)
), rates as (
    -- This year's rate, with last year's as thirty days more: numerator and denominator, both times the days of last year.
    select *, case when enrolled_before > 0 then absent * enrolled_before + 3000 * absent_before else absent end as missed,
           case when enrolled_before > 0 then (enrolled + 3000) * enrolled_before else enrolled end as of_days
    from outlook
)
select student, enrolled_before::bigint as last_year_enrolled, absent_before::bigint as last_year_absent,
       tier(absent_before::bigint, enrolled_before::bigint) as last_year_tier,
       -- Less than a tenth of the full calendar may be missed, in whole hundredths.
       (case when enrolled + to_come = 0 then 0 else floor((enrolled + to_come - 1) / 10) - absent end)::bigint as absences_left,
       -- To the nearest hundredth.
       (absent + case when of_days = 0 then 0 else div(2 * to_come * missed + of_days, 2 * of_days) end)::bigint as expected_absent
from rates;
