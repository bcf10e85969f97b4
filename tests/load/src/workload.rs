//! A school district's attendance marks as a pure function of case and position, so that any other system can be fed the very
//! same ones: a steady stream of marks day by day, with one event in fifty a late correction, a withdrawal or a repeat.
//!
//! All arithmetic is on unsigned 64-bit integers, wrapping. [`wire`] holds the bytes by which the stream is identified, and
//! [`canonical`] the same marks as our events.

pub(crate) mod canonical;
pub(crate) mod negative;
mod quantiles;
pub(crate) mod wire;

/// How many students, how many events, and how fast days go by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Case {
    /// Its letter.
    pub(crate) name: &'static str,
    /// Students of the district.
    pub(crate) students: u64,
    /// Events of the stream.
    pub(crate) events: u64,
    /// A round of marks, one for each student, takes this share of a day, as numerator and denominator: below one, students
    /// are marked several times a day.
    days_per_round: (u64, u64),
    /// Identifies the stream, when it is one that others have measured.
    pub(crate) events_hash: Option<u64>,
}

/// 300,000 students, marked once on each of seven days.
pub(crate) const D: Case = Case {
    name: "d",
    students: 300_000,
    events: 2_100_000,
    days_per_round: (1, 1),
    events_hash: Some(0xffab_cc3f_017b_3b3c),
};

/// 5,000 students through a school year of 180 days, marked twice a day and more: state that many events change.
pub(crate) const H: Case = Case {
    name: "h",
    students: 5_000,
    events: 2_000_000,
    days_per_round: (9, 20),
    events_hash: Some(0x4f0d_3c03_5c6b_c548),
};

/// A million students, marked on two days: hardly any state is touched twice.
pub(crate) const N: Case = Case {
    name: "n",
    students: 1_000_000,
    events: 2_000_000,
    days_per_round: (1, 1),
    events_hash: Some(0x000c_dd65_9ed8_ea2a),
};

/// One event of the stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mark {
    /// Whose, counted from 0.
    pub(crate) student: u64,
    /// Of which instructional day, counted from 0.
    pub(crate) day: u64,
    /// What the day's record now says.
    pub(crate) code: Code,
    /// The record's revision.
    pub(crate) revision: u64,
    /// When it was recorded, in microseconds since 1970.
    pub(crate) recorded_at: u64,
}

/// What a mark says; the numbers are those of [`wire`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum Code {
    Withdrawn = 0,
    Present = 1,
    Unexcused = 2,
    Excused = 3,
    Tardy = 4,
}

/// Instructional days of a year; a case ends before.
pub(crate) const YEAR_DAYS: u64 = 180;
/// Monday 2025-08-25, the first instructional day, in days since 1970.
const FIRST_DATE: u64 = 20_325;
/// The number 20250825.
const SEED: u64 = 0x0135_00c9;
/// One in so many events is late.
const LATE: u64 = 50;
const FIRST_RECORDED_AT: u64 = 1_756_000_000_000_000;

/// The date of an instructional day, in days since 1970: five a week.
pub(crate) const fn date(day: u64) -> i32 {
    #[expect(clippy::cast_possible_truncation, reason = "180 days after 2025 fit")]
    let date = (FIRST_DATE + day / 5 * 7 + day % 5) as i32;
    date
}

/// The scrambler of the stream: splitmix64's output function.
pub(crate) const fn mix(x: u64) -> u64 {
    let mut z = x.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

const fn draw(tag: u64, x: u64, y: u64, z: u64) -> u64 {
    mix(mix(mix(mix(SEED ^ tag).wrapping_add(x)).wrapping_add(y)).wrapping_add(z))
}

impl Case {
    /// The same kind of stream in another size: each student marked once a day.
    pub(crate) const fn sized(students: u64, events: u64) -> Self {
        Self { name: "sized", students, events, days_per_round: (1, 1), events_hash: None }
    }

    /// How many instructional days the stream spans.
    pub(crate) const fn days(&self) -> u64 {
        (self.events - 1) / self.students * self.days_per_round.0 / self.days_per_round.1 + 1
    }

    /// All events in order.
    pub(crate) fn marks(self) -> impl Iterator<Item = Mark> {
        (0..self.events).map(move |position| self.mark(position))
    }

    /// The event at a position.
    pub(crate) fn mark(&self, position: u64) -> Mark {
        let recorded_at = FIRST_RECORDED_AT + 1_000 * position;
        let late = draw(1, position, 0, 0);
        if position < self.students || !late.is_multiple_of(LATE) {
            return Mark { recorded_at, ..self.regular(position) };
        }
        let before = self.regular(position - (1 + (late >> 32) % position.min(3 * self.students)));
        let code = match ((late >> 8) % 10, before.code) {
            // A repeat, word for word.
            (0, _) => return Mark { recorded_at, ..before },
            (1, _) => Code::Withdrawn,
            (way, Code::Unexcused) => {
                if way <= 6 {
                    Code::Excused
                } else {
                    Code::Present
                }
            }
            (_, Code::Excused) => Code::Present,
            (way, Code::Present) => {
                if way <= 5 {
                    Code::Unexcused
                } else {
                    Code::Tardy
                }
            }
            (_, Code::Tardy | Code::Withdrawn) => Code::Unexcused,
        };
        Mark { code, revision: 1_000 + position, recorded_at, ..before }
    }

    fn regular(&self, position: u64) -> Mark {
        let (round, place) = (position / self.students, position % self.students);
        let (days, rounds) = self.days_per_round;
        let day = round * days / rounds;
        // The how many-th mark of the day.
        let nth = round - (day * rounds).div_ceil(days);
        let student = (place * 611_953 + round * 104_729) % self.students;
        // Four out of five later marks of a day repeat what the first one said.
        let fresh = if nth > 0 && draw(2, student, day, nth).is_multiple_of(5) { nth } else { 0 };
        let u = draw(4, student, day, fresh);
        // Half of the absences come in threes.
        let chance = if (u >> 40) & 1 == 0 { draw(3, student, day / 3, fresh) % 1_000 } else { u % 1_000 };
        let absent_of_1000 = match draw(5, student, 0, 0) % 100 {
            0..60 => 30,
            60..85 => 80,
            85..95 => 150,
            _ => 300,
        };
        let code = match (chance < absent_of_1000, (u >> 20) % 100 < 65, (u >> 30) % 1_000 < 40) {
            (true, true, _) => Code::Unexcused,
            (true, false, _) => Code::Excused,
            (false, _, true) => Code::Tardy,
            (false, _, false) => Code::Present,
        };
        Mark { student, day, code, revision: nth + 1, recorded_at: 0 }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cases_span_their_days() {
        assert_eq!([D.days(), H.days(), N.days()], [7, YEAR_DAYS, 2]);
    }

    #[test]
    fn dates_leave_weekends_out() {
        assert_eq!([date(0), date(4), date(5), date(179)], [20_325, 20_329, 20_332, 20_325 + 35 * 7 + 4]);
    }
}
