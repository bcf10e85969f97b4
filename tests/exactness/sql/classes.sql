-- What is known of each class: on which dates it met, and whether the student was there.

-- A class's own marks come first. A class without one was missed when marks for the whole day say that all of it was. Where nobody took
-- attendance nothing is known, and the date is none of the class's. A class that the bells leave out has a date only by its own mark.
create unlogged table class_days as
with marked as (
    select student, school, date, section,
           bool_or(category in ('excused', 'unexcused', 'unknown')) is true as absent, bool_or(category = 'unexcused') is true as unexcused,
           bool_or(category in ('unexcused', 'unknown')) is true as open
    from marks where section is not null
    group by student, school, date, section
), known as (
    select d.student, d.school, d.date, d.section,
           case when d.marked then m.absent else coalesce(whole.absent = 100, false) end as absent,
           case when d.marked then m.unexcused
                else coalesce(whole.absent = 100 and whole.unexcused * 2 >= whole.missed, false) end as unexcused,
           d.marked and m.open as open, coalesce(whole.tardy, false) as tardy
    from date_sections d
    join meetings using (section, school, date, grade_level)
    left join marked m on m.student = d.student and m.school = d.school and m.date = d.date and m.section = d.section
    left join (select *, least(absent, 100) as missed from daily) whole
        on whole.student = d.student and whole.school = d.school and whole.date = d.date
    where d.marked or meets and (d.known or whole.absent = 100)
)
-- Skipped: missed by its own mark without a known excuse, by who was there in another class or came late to the day.
select student, section, date, absent, unexcused,
       open and (tardy or bool_or(not absent) over (partition by student, school, date)) as skipped
from known;
analyze class_days;

create materialized view year_class_days as
select d.* from class_days d, look where date between make_date(school_year - 1, 7, 1) and as_of
with no data;

-- One row for each student and window; some windows, since a class's dates are many.
create view figures_classes as
with some_windows as (
    select * from windows where suffix in ('', '_last_28_days', '_this_school_month', '_last_10_school_days', '_mondays')
), classes as (
    select student, suffix, section, count(*) as dates, count(*) filter (where absent) as absent,
           count(*) filter (where unexcused) as unexcused, count(*) filter (where skipped) as skipped
    from some_windows join year_class_days using (student)
    where date between first and last and (weekday is null or extract(isodow from date) = weekday)
    group by student, suffix, section
)
select student, suffix, coalesce(max(absent), 0) as class_absences, coalesce(max(unexcused), 0) as class_unexcused,
       coalesce(sum(skipped), 0)::bigint as classes_skipped, coalesce(max(absent * 10000 / dates), -1) as class_absent_rate
from some_windows left join classes using (student, suffix)
group by student, suffix;

-- Texas Education Code 25.092: credit for a class from 90 % of its days.
create view figures_texas_classes as
select student, count(*) filter (where absent * 10 > dates) as truancy_tx_classes_below_90_percent
from students
left join (select student, section, count(*) as dates, count(*) filter (where absent) as absent
           from year_class_days group by student, section) c using (student)
group by student;

-- On the date itself, as far as marks say yet.
create view figures_classes_today as
select student, count(date) as classes_skipped_today
from students left join (select student, date from year_class_days, look where skipped and date = as_of) d using (student)
group by student;
