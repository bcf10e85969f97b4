-- What gradebooks say while courses run, as of the date of `look`.

create unlogged table results as
select r.student, a.assignment, a.section, s.begin_on, s.end_on, a.due_on, value_of(r.lateness) = 'late' as late, r.fulfilled_on,
       case when value_of(r.status) in ('not submitted', 'missing') then 'missing'
            when value_of(r.status) in ('exempt', 'excused') then 'exempt' else 'in' end as handed,
       -- An assignment without points is graded in percent. Points are in ten thousandths of hundredths, so that shares are exact.
       case when a.points > 0 then a.points else 10000 end * 10000::numeric as most,
       case when a.points > 0 and r.points is not null then r.points * 10000::numeric
            else r.numeric_grade * case when a.points > 0 then a.points else 10000 end::numeric end as earned
from (said_results join live using (position)) r
join (select assignment, section, due_on, points from said_assignments join live using (position)) a using (assignment)
join sections s using (section)
where student in (select student from students);
analyze results;

-- An assignment counts from its due date on, while its section's session runs and the student belongs to the section.
create view items as
select r.student, r.section, r.due_on, r.late, as_of, r.fulfilled_on, r.most, r.earned, r.handed as sent,
       case when r.handed = 'in' and r.fulfilled_on > as_of then 'missing' else r.handed end as handed
from results r cross join look
left join lateral (
    select bool_or(as_of between m.begin_on and m.end_on) as now from memberships m
    where m.student = r.student and m.section = r.section) m on true
where due_on <= as_of and as_of between r.begin_on and r.end_on and coalesce(m.now, true);

create view figures_gradebook as
with items as materialized (select * from items),
sums as (
    select student, count(*) filter (where handed = 'missing') as missing,
           count(*) filter (where handed = 'missing' and due_on > as_of - 7) as recent,
           count(*) filter (where handed = 'in' and late) as late
    from items group by student
), weekly as (
    -- Averages at the end of the date, a week before, two weeks before. Work that is missing then has earned nothing.
    select student, section, back, sum(case when missing then 0 else earned end) as earned,
           sum(most) filter (where missing or earned is not null) as most
    from (select student, section, most, earned, back,
                 handed = 'missing' or sent <> 'exempt' and coalesce(fulfilled_on > as_of - 7 * back, false) as missing
          from items cross join lateral generate_series(0, (as_of - due_on) / 7) back
          where sent <> 'exempt') i
    group by student, section, back
), averages as (
    select student, section, back, earned, most, earned * 100 < 70 * most as low from weekly where most > 0
), sections as (
    select student, section, bool_or(low) filter (where back = 0) as low,
           min(div(earned * 10000, most)) filter (where back = 0) as average,
           coalesce(min(back) filter (where not low), max(back) + 1) as weeks
    from averages group by student, section
)
select student, coalesce(missing, 0) as missing_work, coalesce(recent, 0) as missing_work_last_7_days, coalesce(late, 0) as late_work,
       coalesce(low, 0) as low_averages, coalesce(lowest, -1)::bigint as lowest_average, coalesce(weeks, 0)::bigint as weeks_low
from students
left join sums using (student)
left join (select student, count(*) filter (where low) as low, min(average) as lowest, max(weeks) as weeks
           from sections where average is not null group by student) s using (student);
