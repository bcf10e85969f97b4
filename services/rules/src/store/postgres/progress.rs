//! How many students the dates and reference records in force have reached, and how many they still have to.

use homeroom_domain::counting;
use homeroom_pg::Error;
use sqlx::PgConnection;

use crate::reference::Concerned;
use crate::store::Wanted;

/// The most students of a partition that are counted one by one: all partitions together are counted for each question. Keys are hashes, so how much of their range these take up tells how
/// many there are in all.
pub(crate) const COUNTED: i64 = 10_000;

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
    /// There are more than [`COUNTED`] students, and the figures are extrapolated.
    pub estimated: bool,
}

/// Counts a partition's students of a district. The dates are those that should be in force, the reference records those below
/// `wanted.reference_offset`; `wanted.concerned` names whom the records concern that are not in force for everyone of the
/// partition, `of_all` whom those concern that are not in force for everyone of all partitions: some may be further than others.
pub(crate) async fn count(tx: &mut PgConnection, wanted: &Wanted, of_all: &Concerned) -> Result<Progress, Error> {
    let names = |concerned: &Concerned| concerned.schools.iter().map(ToString::to_string).collect::<Vec<_>>();
    let (students, late, of_reference, behind, last): (i64, i64, i64, i64, Option<Vec<u8>>) = sqlx::query_as(
        "select count(*), count(*) filter (where late), count(*) filter (where concerned),
                count(*) filter (where late or (owed and outdated)),
                (array_agg(student order by student desc))[1]
         from (select s.student,
                      (s.evaluated_as_of is null or s.evaluated_as_of < $3 or s.evaluated_today < $4 or s.counting < $13) as late,
                      ($5 or (s.waiting and $6)
                       or (cardinality($7) > 0
                           and exists (select 1 from student_schools x
                                       where x.district = s.district and x.student = s.student and x.school = any ($7))))
                          as concerned,
                      ($8 or (s.waiting and $9)
                       or (cardinality($10) > 0
                           and exists (select 1 from student_schools x
                                       where x.district = s.district and x.student = s.student and x.school = any ($10))))
                          as owed,
                      s.evaluated_reference < $11 as outdated
               from students s
               where s.partition = $1 and s.district = $2
               order by s.student limit $12) counted",
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
    .bind(COUNTED)
    .bind(counting::VERSION)
    .fetch_one(tx)
    .await?;
    let counted = Progress { students, of_reference, late: late > 0, behind, estimated: students >= COUNTED };
    Ok(match last {
        Some(last) if counted.estimated => counted.extrapolated(&last),
        _ => counted,
    })
}

impl Progress {
    fn extrapolated(self, last: &[u8]) -> Self {
        let mut first = [0; 4];
        first.iter_mut().zip(last).for_each(|(to, from)| *to = *from);
        let share = i64::from(u32::from_be_bytes(first)) + 1;
        let whole = |part: i64| part.saturating_mul(1 << 32) / share;
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
                           where x.district = s.district and x.student = s.student and x.school = any ($7)))",
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
    use super::*;

    #[test]
    fn what_was_counted_of_half_of_the_keys_is_twice_as_much_in_all() {
        let half = Progress { students: 200, of_reference: 100, late: false, behind: 10, estimated: true };
        assert_eq!(half.extrapolated(&[0x7f; 16]).behind, 20);
        assert_eq!(half.extrapolated(&[0xff; 16]).concerned(), 100);
        assert_eq!(Progress { late: true, ..half }.extrapolated(&[0x7f, 0xff, 0xff, 0xff]).concerned(), 400);
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
}
