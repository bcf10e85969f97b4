//! What is published of attendance and courses, with its sources, and the tables that make a district so.
//!
//! Whoever changes a table runs `tests/published.rs`, which counts from the documents alone.
//!
//! | Figure | Source |
//! |---|---|
//! | about 26 % of students chronically absent (10 % of days and more, any reason) | the year 2022-23 in the federal counts behind <https://eddataexpress.ed.gov/dashboard/chronic-absenteeism/2021-2022> |
//! | two thirds of students in schools where 20 % and more are | <https://attendanceworks.org/2023/10/01> |
//! | a quarter failing a course | secondary schools between the 31 % and 20 % of <https://tdschools.org/?p=1312> |
//! | absence on Fridays 20 % above the other days | Clifton-Sprigg and James, <https://doi.org/10.1002/berj.4066> |
//! | absence lowest on Wednesdays | <https://ffteducationdatalab.org.uk/2023/03/absence-from-school-on-fridays/> |
//! | of students with fewer than 2 absences in September few, with 2 to 4 half, with more nearly all become chronic | <https://awareness.attendanceworks.org/september-matters/> |
//!
//! That absence is lowest at the start, peaks with winter's illnesses and rises again before the summer is the common shape of
//! districts' months; its numbers here are ours. So is everything of which no figure is cited: how records are corrected,
//! transfers, behavior, activities.

/// Parts of a million: what probabilities are counted in.
pub(crate) const WHOLE: u32 = 1_000_000;

/// The share of days that a student misses, by rank: students below, in thousandths; days missed, in parts of a million.
const ABSENCE_BY_RANK: [(u32, u32); 12] = [
    (0, 2_000),
    (100, 11_000),
    (250, 25_000),
    (400, 39_000),
    (550, 54_000),
    (680, 69_000),
    (740, 84_000),
    (800, 108_000),
    (870, 146_000),
    (930, 205_000),
    (980, 330_000),
    (1_000, 620_000),
];

/// Students below the rank at which absence becomes chronic, in thousandths.
const CHRONIC_RANK: u32 = 740;

/// The share of a school's students who are chronically absent, by the school's rank among the district's students, both in
/// thousandths: a third of the students are in schools below a fifth.
const CHRONIC_BY_SCHOOL: [(u32, u32); 4] = [(0, 75), (370, 150), (371, 240), (1_000, 440)];

/// How often spells of absence begin, in thousandths of the year's average, Monday to Friday. A spell lasts more than a day,
/// so that the absences themselves differ less.
pub(crate) const WEEKDAY: [u32; 5] = [1_020, 930, 860, 920, 1_330];

/// Thousandths of the year's average, August to July.
pub(crate) const MONTH: [u32; 12] = [680, 820, 930, 1_030, 1_170, 1_090, 1_100, 1_010, 1_020, 1_120, 1_300, 1_300];

/// More or fewer chronically absent than in the school as a whole, in thousandths of students, by grade from kindergarten.
const GRADE: [i32; 13] = [55, 10, -15, -30, -35, -30, -20, 0, 20, 25, 10, 15, 50];

/// The share of a school's students who are to be chronically absent, in thousandths, by the school's rank in thousandths.
pub(crate) fn chronic_of_school(rank: u32) -> u32 {
    between(&CHRONIC_BY_SCHOOL, rank)
}

/// The share of days that a student will miss, in parts of a million.
///
/// `rank` is the student's among all students of the school, from 0 to below [`WHOLE`].
pub(crate) fn absence(rank: u32, chronic_of_school: u32, grade: usize) -> u32 {
    let shift = GRADE.get(grade).copied().unwrap_or(0);
    let chronic = chronic_of_school.saturating_add_signed(shift).clamp(40, 600) * 1_000;
    let (usual, thousand) = (WHOLE - chronic, u64::from(WHOLE));
    // Who is below the school's own threshold stands below the table's; so a school's share is what it is to be.
    let table = if rank < usual {
        u64::from(rank) * u64::from(CHRONIC_RANK) * 1_000 / u64::from(usual)
    } else {
        let above = u64::from(rank - usual) * u64::from(1_000 - CHRONIC_RANK) * 1_000 / u64::from(chronic);
        u64::from(CHRONIC_RANK) * 1_000 + above
    };
    let millionths = u32::try_from(table.min(thousand)).unwrap_or(WHOLE);
    between(&ABSENCE_BY_RANK.map(|(rank, share)| (rank * 1_000, share)), millionths)
}

/// The value of a table at a place, on the straight line between its neighbours.
fn between(table: &[(u32, u32)], place: u32) -> u32 {
    let after = table.partition_point(|(at, _)| *at <= place).clamp(1, table.len() - 1);
    let ((from, low), (to, high)) = (table[after - 1], table[after]);
    let (place, width) = (place.clamp(from, to) - from, (to - from).max(1));
    let rise = (i64::from(high) - i64::from(low)) * i64::from(place) / i64::from(width);
    u32::try_from(i64::from(low) + rise).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_schools_share_of_chronic_absence_is_what_it_is_to_be() {
        for chronic in [100, 260, 400] {
            let ranks = (0..1_000).map(|rank| rank * 1_000);
            let absent = ranks.filter(|rank| absence(*rank, chronic, 7) >= 84_000).count();
            assert!(absent.abs_diff(chronic as usize) <= 2, "{absent} of {chronic}");
        }
    }
}
