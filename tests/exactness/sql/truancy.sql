-- What truancy laws count, in their own units.

create view figures_truancy as
with counts as (
    select student,
           -- California Education Code 48260: a whole day, or more than 30 minutes missed or late, an excused tardy aside.
           count(*) filter (where unexcused >= 100 or minutes_unexcused + minutes_late > 30) as california,
           -- Texas Education Code 25.0951: days or parts of days.
           count(*) filter (where (unexcused > 0 or cut) and date > as_of - 28) as texas_weeks,
           count(*) filter (where (unexcused > 0 or cut) and date > as_of - interval '6 months') as texas_months,
           -- Florida Statutes 1003.26: most of the day, without excuse or for a reason that nobody knows.
           count(*) filter (where absent >= 50 and (unexcused >= 50 or unexplained) and date >= date_trunc('month', as_of))
               as florida_month,
           count(*) filter (where absent >= 50 and (unexcused >= 50 or unexplained) and date > as_of - 90) as florida_days,
           sum(unexcused) as unexcused
    from eventful_year_days, look group by student
), hours as (
    -- Ohio Revised Code 2151.011, in minutes.
    select student,
           case when bool_or(unexcused > 0 and minutes_unexcused is null) then -1 else sum(minutes_unexcused) end::bigint as year,
           case when bool_or(unexcused > 0 and minutes_unexcused is null and date >= first) then -1
                else coalesce(sum(minutes_unexcused) filter (where date >= first), 0) end::bigint as month
    from eventful_year_days join school_months using (student) group by student
), without_medical as (
    -- Ohio Revised Code 3321.191 (C)(1): what was missed for whatever reason but a medical one.
    select student,
           case when bool_or(absent > 0 and minutes_absent is null) then -1 else sum(minutes_absent - minutes_medical) end::bigint as year,
           case when bool_or(absent > 0 and minutes_absent is null and date >= first) then -1
                else coalesce(sum(minutes_absent - minutes_medical) filter (where date >= first), 0) end::bigint as month
    from eventful_year_days join school_months using (student) group by student
), missed as (
    -- Days that follow each other on which something was missed without excuse: a day partly missed ends what came before it, and
    -- may begin what comes next.
    select student, date, minutes_unexcused as minutes, unexcused >= 100 as whole,
           place - row_number() over (partition by student order by date) as run
    from year_days
    where unexcused > 0 or minutes_unexcused > 0
), stretches as (
    select student, run, date, minutes, whole,
           count(*) filter (where not whole) over (partition by student, run order by date) as stretch
    from missed
), lengths as (
    select student, run, stretch, sum(minutes) as minutes, min(minutes) filter (where not whole) as parted
    from stretches group by student, run, stretch
), in_a_row as (
    select student, max(minutes) as minutes
    from (select student, minutes + coalesce(lead(parted) over (partition by student, run order by stretch), 0) as minutes
          from lengths) l
    group by student
)
select student, coalesce(california, 0) as truancy_ca_occasions, coalesce(texas_weeks, 0) as truancy_tx_days_in_4_weeks,
       coalesce(texas_months, 0) as truancy_tx_days_in_6_months,
       case when h.year = -1 then -1 else coalesce(r.minutes, 0) end::bigint as truancy_oh_minutes_in_a_row,
       coalesce(h.month, 0) as truancy_oh_minutes_in_school_month, coalesce(h.year, 0) as truancy_oh_minutes_in_year,
       coalesce(w.month, 0) as truancy_oh_nonmedical_minutes_in_school_month,
       coalesce(w.year, 0) as truancy_oh_nonmedical_minutes_in_year,
       coalesce(florida_month, 0) as truancy_fl_absences_in_month, coalesce(florida_days, 0) as truancy_fl_absences_in_90_days,
       case when coalesce(a.enrolled, 0) = 0 then -1 else coalesce(c.unexcused, 0)::bigint * 10000 / a.enrolled end
           as truancy_nm_rate
from students
left join counts c using (student)
left join hours h using (student)
left join without_medical w using (student)
left join in_a_row r using (student)
left join (select student, count(*) * 100 as enrolled from year_days group by student) a using (student);
