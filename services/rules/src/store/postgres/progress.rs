//! How many students the dates and reference records in force have reached, and how many they still have to.

use homeroom_domain::counting;
use homeroom_pg::Error;
use sqlx::PgConnection;

use crate::reference::Concerned;
use crate::store::Wanted;

/// The range of keys is cut into so many slices. Keys are hashes, so of each slice the first students tell of the others: how much of
/// the slice they take up tells how many there are. The first of the whole range would not do: a sweep comes to them first, and has
/// then hardly begun.
const SLICES: u32 = 64;
/// How far one slice begins after the other, by the first four bytes of a key.
const WIDTH: u32 = 1 << (u32::BITS - SLICES.ilog2());
/// No key comes behind it: keys have a byte less. Each slice ends at a value, so that no look at one reads on behind it.
const BEYOND: [u8; 17] = [0xff; 17];
/// The most students who are looked at for a question, in all partitions together: of one partition, a district of half as many is counted
/// exactly, and of a larger one the error is about one in a hundred. With many partitions few are looked at of each slice, and also a
/// district of some thousands is extrapolated.
const LOOKED_AT: usize = 20_000;
/// The fewest of a slice from which others follow.
const LEAST: usize = 4;

/// How far a partition's students of a district are.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Progress {
    /// Everyone.
    students: i64,
    /// Whom reference records concern that are not in force for everyone.
    of_reference: i64,
    /// The date, or the way of counting, still has to reach somebody.
    late: bool,
    /// Those of them who are still to be evaluated again.
    pub behind: i64,
    /// There are more students than are looked at, and the figures are extrapolated.
    pub estimated: bool,
}

/// How many students of a slice are looked at when there are so many partitions.
pub(crate) fn of_a_slice(partitions: usize) -> i64 {
    let share = LOOKED_AT / (partitions.max(1) * SLICES as usize);
    i64::try_from(share.max(LEAST)).unwrap_or(i64::MAX)
}

/// Counts a partition's students of a district, of each slice at most `wanted.limit`. The dates are those that should be in force, the
/// reference records those below `wanted.reference_offset`; `wanted.concerned` names whom the records concern that are not in force for
/// everyone of the partition, `of_all` whom those concern that are not in force for everyone of all partitions: some may be further
/// than others.
///
/// Schools are compared with the district that is asked for and not with each student's, so that their students are found by index.
pub(crate) async fn count(tx: &mut PgConnection, wanted: &Wanted, of_all: &Concerned) -> Result<Progress, Error> {
    let names = |concerned: &Concerned| concerned.schools.iter().map(ToString::to_string).collect::<Vec<_>>();
    let slices: Vec<(i64, i64, i64, i64, i64, Vec<u8>)> = sqlx::query_as(
        "select slice.number, count(*), count(*) filter (where late), count(*) filter (where concerned),
                count(*) filter (where late or (owed and outdated)),
                (array_agg(student order by student desc))[1]
         from unnest($14::bytea[], array_append(($14::bytea[])[2:], $15::bytea)) with ordinality as slice (first, next, number)
         cross join lateral (
               select s.student,
                      (s.evaluated_as_of is null or s.evaluated_as_of < $3 or s.evaluated_today < $4 or s.counting < $13) as late,
                      ($5 or (s.waiting and $6)
                       or (cardinality($7) > 0
                           and exists (select 1 from student_schools x
                                       where x.district = $2 and x.school = any ($7) and x.partition in ($1, -1)
                                         and x.student = s.student)))
                          as concerned,
                      ($8 or (s.waiting and $9)
                       or (cardinality($10) > 0
                           and exists (select 1 from student_schools x
                                       where x.district = $2 and x.school = any ($10) and x.partition in ($1, -1)
                                         and x.student = s.student)))
                          as owed,
                      s.evaluated_reference < $11 as outdated
               from students s
               where s.partition = $1 and s.district = $2
                 and s.student >= slice.first and s.student < slice.next
               order by s.student limit $12) counted
         group by slice.number",
    )
    .bind(wanted.partition)
    .bind(wanted.district.as_str())
    .bind(wanted.now.as_of.days())
    .bind(wanted.now.today.days())
    .bind(of_all.everyone)
    .bind(of_all.waiting)
    .bind(names(of_all))
    .bind(wanted.concerned.everyone)
    .bind(wanted.concerned.waiting)
    .bind(names(&wanted.concerned))
    .bind(wanted.reference_offset)
    .bind(wanted.limit)
    .bind(counting::VERSION)
    .bind((0..SLICES).map(|slice| (slice * WIDTH).to_be_bytes().to_vec()).collect::<Vec<_>>())
    .bind(&BEYOND[..])
    .fetch_all(tx)
    .await?;
    let mut all = Progress::default();
    for (number, students, late, of_reference, behind, last) in slices {
        let estimated = students >= wanted.limit;
        let counted = Progress { students, of_reference, late: late > 0, behind, estimated };
        let first = u32::try_from(number - 1).unwrap_or_default().saturating_mul(WIDTH);
        all = all.and(if estimated { counted.extrapolated(first, &last) } else { counted });
    }
    Ok(all)
}

impl Progress {
    /// A whole slice, of its first students: `last` is the last of them.
    fn extrapolated(self, first: u32, last: &[u8]) -> Self {
        let mut start = [0; 4];
        start.iter_mut().zip(last).for_each(|(to, from)| *to = *from);
        let covered = i64::from(u32::from_be_bytes(start).saturating_sub(first)) + 1;
        // They end at the last one, so between its key and the first there is one less.
        let (width, between) = (i64::from(WIDTH), (self.students - 1).max(1));
        let whole = |part: i64| {
            let all = i128::from(part) * i128::from(width) * i128::from(between);
            let all = all / (i128::from(covered) * i128::from(self.students.max(1)));
            i64::try_from(all).unwrap_or(i64::MAX).max(part)
        };
        let (students, of_reference) = (whole(self.students), whole(self.of_reference));
        Self { students, of_reference, behind: whole(self.behind), ..self }
    }

    /// Whom what has moved concerns; nobody when all is in force for everyone. A date that moves concerns everyone, also of partitions
    /// that it has reached.
    pub(crate) fn concerned(self) -> i64 {
        if self.late { self.students } else { self.of_reference }
    }

    /// Both together.
    pub(crate) fn and(self, other: Self) -> Self {
        Self {
            students: self.students + other.students,
            of_reference: self.of_reference + other.of_reference,
            late: self.late || other.late,
            behind: self.behind + other.behind,
            estimated: self.estimated || other.estimated,
        }
    }
}

/// Students of a partition whose dates and way of counting are in force and whom reference records concern that are not.
pub(crate) async fn count_concerned(tx: &mut PgConnection, wanted: &Wanted) -> Result<i64, Error> {
    if wanted.concerned == Concerned::default() {
        return Ok(0);
    }
    let schools: Vec<String> = wanted.concerned.schools.iter().map(ToString::to_string).collect();
    let count = sqlx::query_scalar(
        "select count(*)
         from students s
         where s.partition = $1 and s.district = $2 and s.evaluated_as_of >= $3 and s.evaluated_today >= $4 and s.counting >= $9
           and s.evaluated_reference < $5
           and ($6 or (s.waiting and $8)
                or exists (select 1 from student_schools x
                           where x.district = $2 and x.school = any ($7) and x.partition in ($1, -1)
                             and x.student = s.student))",
    )
    .bind(wanted.partition)
    .bind(wanted.district.as_str())
    .bind(wanted.now.as_of.days())
    .bind(wanted.now.today.days())
    .bind(wanted.reference_offset)
    .bind(wanted.concerned.everyone)
    .bind(schools)
    .bind(wanted.concerned.waiting)
    .bind(counting::VERSION)
    .fetch_one(tx)
    .await?;
    Ok(count)
}

#[cfg(test)]
mod tests {
    use homeroom_domain::date::Date;
    use homeroom_domain::id::DistrictId;
    use homeroom_domain::settings::Now;
    use sqlx::AssertSqlSafe;

    use super::*;
    use crate::SCHEMA;

    #[test]
    fn what_was_counted_of_half_of_a_slice_is_twice_as_much_in_all_of_it() {
        let half = Progress { students: 201, of_reference: 100, late: false, behind: 10, estimated: true };
        let (first, middle) = (3 * WIDTH, 3 * WIDTH + WIDTH / 2 - 1);
        let whole = half.extrapolated(first, &middle.to_be_bytes());
        assert_eq!((whole.students, whole.of_reference, whole.behind), (400, 199, 19));
        assert_eq!(Progress { late: true, ..half }.extrapolated(first, &middle.to_be_bytes()).concerned(), 400);
    }

    #[test]
    fn all_partitions_together_look_at_no_more_than_one_does_as_far_as_others_follow_from_them() {
        assert_eq!([0, 1, 8, 64, 1_000].map(of_a_slice), [312, 312, 39, 4, 4]);
    }

    #[test]
    fn a_date_concerns_everyone_until_it_has_reached_the_last_partition() {
        let reached = Progress { students: 500, ..Progress::default() };
        let late = |behind| Progress { late: true, behind, ..reached };
        let shown = |all: Progress| (all.concerned(), all.concerned() - all.behind);
        assert_eq!(shown(late(500).and(late(500))), (1_000, 0));
        assert_eq!(shown(reached.and(late(500))), (1_000, 500), "what is done is not undone");
        assert_eq!(shown(reached.and(late(1))), (1_000, 999));
        assert_eq!(shown(reached.and(reached)), (0, 0));
    }

    /// A sweep goes by the order of keys, and is in the middle: the date has reached the first half.
    #[tokio::test]
    async fn a_sweep_that_is_half_done_is_shown_as_half_done_however_many_students_there_are() {
        const STUDENTS: i64 = 30_000;
        let database = homeroom_harness::test_database(&[SCHEMA]).await;
        let mut admin = database.admin().await;
        let fill = format!(
            "set search_path = rules;
             insert into students (district, student, partition, ledger, episodes, written, included_offset, evaluated_today,
                                   evaluated_as_of, evaluated_reference, waiting, marks, open_alerts, counting)
             select 'home', key, 0, '', '', '', 0, today, today, 5, false, 0, 0, {}
             from (select decode(md5(n::text), 'hex') as key, case when md5(n::text) < '8' then 2 else 1 end as today
                   from generate_series(1, {STUDENTS}) n) made;
             analyze students",
            counting::VERSION
        );
        sqlx::raw_sql(AssertSqlSafe(fill)).execute(&mut admin).await.unwrap();
        let date = |days| Date::from_days(days).unwrap();
        let wanted = Wanted {
            district: DistrictId::parse("home").unwrap(),
            partition: 0,
            now: Now { today: date(2), as_of: date(2) },
            dates_moved: true,
            recount: false,
            concerned: Concerned::default(),
            reference_offset: 5,
            after: Vec::new(),
            limit: of_a_slice(1),
        };
        let shown = count(&mut admin, &wanted, &Concerned::default()).await.unwrap();
        let about = |shown: i64, truth: i64| (shown - truth).abs() * 20 < truth;
        assert!(
            shown.estimated && about(shown.concerned(), STUDENTS) && about(shown.behind, STUDENTS / 2),
            "{shown:?}"
        );
        // As in a district that has fewer.
        let all = Wanted { limit: STUDENTS, ..wanted };
        let shown = count(&mut admin, &all, &Concerned::default()).await.unwrap();
        let exactly = "select count(*) from students where evaluated_today < 2";
        let behind: i64 = sqlx::query_scalar(exactly).fetch_one(&mut admin).await.unwrap();
        assert_eq!((shown.estimated, shown.concerned(), shown.behind), (false, STUDENTS, behind));
    }
}
