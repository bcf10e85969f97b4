-- The ten rules of `src/engine/ten.yaml` over a finished year, from the words alone: on which of a student's counted days each begins and ends
-- to hold. Tables `words` (student, day, code, revision) and `spells` (student, e1, x1, e2, x2: enrolled days, of those who are not enrolled
-- for the whole year) are there.
--
-- What makes it quick: corrections are few, so the last word is found by an anti join and not by grouping all words; between two absences
-- a rule holds up to a day that can be computed, so nothing is done for a day without an exception; and everything is counted in the
-- student's own days, so that gaps in an enrollment are met once.

create temp table corrected as
select student, day, arg_max(code, revision) as code from words where revision > 1 group by student, day;

create temp table facts as
select student, day, code from words anti join corrected using (student, day) where revision = 1
union all
select student, day, code from corrected where code in (2, 3, 4);

-- `o`: which of the student's days, from 0. `days`: how many there are.
create temp table counted as
select student, day::smallint as o, 180::smallint as days, code from facts anti join spells using (student)
union all
select student, case when day < first then day - entry else first - entry + day - again end, first - entry + until - again, code
from facts join (select student, e1::smallint as entry, x1::smallint as first, e2::smallint as again, x2::smallint as until from spells)
     using (student);

-- Each absence: how many up to it, those before it, and up to which day it stands.
create temp table absences as
select student, o, days,
       (row_number() over student_days)::smallint as n,
       (case when code = 2 then sum((code = 2)::utinyint) over student_days else 0 end)::smallint as unexcused,
       coalesce(lead(o) over student_days, days) as next,
       lag(o, 2) over student_days as l2, lag(o, 3) over student_days as l3, lag(o, 4) over student_days as l4,
       lag(o, 5) over student_days as l5, lag(o, 8) over student_days as l8, lag(o, 9) over student_days as l9
from counted where code in (2, 3)
window student_days as (partition by student order by o);

create temp table tardies as
select student, o, days, coalesce(lead(o) over student_days, days) as next,
       lag(o, 2) over student_days as l2, lag(o, 3) over student_days as l3
from counted where code = 4
window student_days as (partition by student order by o);

create temp table flags as
-- A share of the days: with n absences it holds up to day m * n, from the tenth day on.
{share}
-- Absences in a row, and the day after the last.
union all select student, 3, o, true from absences where l2 = o - 2 and l3 is distinct from o - 3
union all select student, 3, o + 1, false from absences where l2 = o - 2 and next > o + 1 and o + 1 < days
union all select student, 5, o, true from absences where l4 = o - 4 and l5 is distinct from o - 5
union all select student, 5, o + 1, false from absences where l4 = o - 4 and next > o + 1 and o + 1 < days
-- So many of the last days: up to the day on which the first of them is too old.
union all select student, 4, o, true from absences where l4 + 45 > o and coalesce(l5 + 45 < o, true)
union all select student, 4, l4 + 45, false from absences where l4 + 45 > o and l4 + 45 < next
union all select student, 6, o, true from absences where l8 + 45 > o and coalesce(l9 + 45 < o, true)
union all select student, 6, l8 + 45, false from absences where l8 + 45 > o and l8 + 45 < next
union all select student, 9, o, true from tardies where l2 + 20 > o and coalesce(l3 + 20 < o, true)
union all select student, 9, l2 + 20, false from tardies where l2 + 20 > o and l2 + 20 < next
-- The fifth without excuse.
union all select student, 7, o, true from absences where unexcused = 5
-- Two a month of twenty days: n absences are enough for n / 2 months.
union all select student, 8, o, true from absences where 20 * (n // 2) > o and 20 * ((n - 1) // 2) < o
union all select student, 8, 20 * (n // 2), false from absences where 20 * (n // 2) > o and 20 * (n // 2) < next
union all select student, 8, o, false from absences where 20 * (n // 2) <= o and 20 * ((n - 1) // 2) >= o and o > 0;
