-- Of which partition each student of a school is, so that whoever sweeps one partition reads none of the others'. It is -1 where an
-- earlier version has written the row, as one does that still runs during an upgrade: such a row may be of any partition.
-- An owner that is no superuser would see no rows. Students first: commits lock them in this order too.
alter table students no force row level security;
alter table student_schools add column partition int not null default -1;
alter table student_schools no force row level security;
-- First, so that the update writes no index.
alter table student_schools drop constraint student_schools_pkey;
update student_schools x set partition = s.partition
from students s where s.district = x.district and s.student = x.student;
alter table students force row level security;
alter table student_schools force row level security;
alter table student_schools add primary key (district, school, partition, student);
