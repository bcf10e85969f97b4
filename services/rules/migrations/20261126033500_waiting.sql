-- Students who wait for something unknown: any reference record may be it, and most come while nobody waits. And those who could
-- not be evaluated yet, whom each sweep tries again.
create index student_by_waiting on students (partition, district, student) where waiting or evaluated_as_of is null;
