//! What truly happened on each day: who came, who did not, why, and for how long.
//!
//! Absences come in spells of illness or trouble. A student's share of days missed is settled by rank (`published`); weekday,
//! month, the school's season of illness, an outbreak in the class and a bad day of the whole household shift it about.

use crate::calendar::DAYS;
use crate::chance::{Chance, Purpose};
use crate::district::{District, Level, School};
use crate::enrollment::Spell;
use crate::household::Household;
use crate::published::{self, MONTH, WEEKDAY, WHOLE};

/// Why a student was not there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Reason {
    Illness,
    Appointment,
    Family,
    Transport,
    Unknown,
    SuspendedOut,
    SuspendedIn,
    MisKeyed,
}

impl Reason {
    pub(crate) fn text(self) -> &'static str {
        match self {
            Self::Illness => "Illness",
            Self::Appointment => "Medical appointment",
            Self::Family => "Family matter",
            Self::Transport => "Transportation",
            Self::Unknown | Self::MisKeyed => "No reason given",
            Self::SuspendedOut => "Out-of-school suspension",
            Self::SuspendedIn => "In-school suspension",
        }
    }
}

/// A student's day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Truth {
    /// Not enrolled.
    Away,
    Present,
    Absent(Reason),
    /// Came late.
    Tardy,
    /// Suspended in school: there, and apart.
    HeldInSchool,
    /// Missed a part, in hundredths of the day.
    Partial(u32),
}

/// What decides over a student's attendance.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Leaning {
    /// The share of days that the student will miss, in parts of a million.
    pub(crate) absence: u32,
    /// The student's class, for outbreaks.
    pub(crate) track: u32,
}

/// How long a spell of absence lasts, in days; its mean is [`MEAN_SPELL`].
const SPELLS: [(u32, u32); 6] = [(640, 1), (190, 2), (90, 3), (40, 4), (30, 5), (10, 8)];
/// Hundredths of a day.
const MEAN_SPELL: u64 = 168;

/// A household's bad day: a car that does not start, a funeral, a trip; in parts of a million of days.
const HOUSEHOLD_DAY: u32 = 5_000;
/// A class's week with an outbreak.
const OUTBREAK: u32 = 30_000;

pub(crate) fn leaning(district: &District, student: u32, household: Household, grade: u32, school: &School) -> Leaning {
    let mut own = district.chance(Purpose::Student, &[u64::from(student), 1]);
    let mut shared = district.chance(Purpose::Household, &[u64::from(household.first), 1]);
    // Siblings often share what keeps them from school.
    let rank = if own.percent(45) { shared.below(WHOLE) } else { own.below(WHOLE) };
    Leaning {
        absence: published::absence(rank, school.chronic, grade as usize),
        track: track(district, student, school),
    }
}

/// Which of a grade's classes at a school a student is in.
pub(crate) fn track(district: &District, student: u32, school: &School) -> u32 {
    district.chance(Purpose::Student, &[u64::from(student), 2, school.index as u64]).below(school.tracks)
}

/// The student's days, by index of the taught day.
pub(crate) fn year(
    district: &District,
    student: u32,
    household: Household,
    grade: u32,
    leaning: Leaning,
    spells: &[Spell],
) -> Vec<Truth> {
    let mut chance = district.chance(Purpose::Attendance, &[u64::from(student)]);
    let late = leaning.absence / 2 + chance.below(40_000);
    let mut left = 0;
    let mut reason = Reason::Unknown;
    let mut days = vec![Truth::Away; DAYS];
    let mut week = (u16::MAX, 0);
    for (index, taught) in district.calendar.taught.iter().enumerate() {
        let Some(spell) = spells.iter().find(|spell| spell.covers(index)) else { continue };
        if week.0 != taught.week {
            week = (taught.week, season(district, &district.schools[spell.school], grade, leaning.track, taught.week));
        }
        let factor = u64::from(WEEKDAY[taught.weekday]) * u64::from(MONTH[taught.month]) / 1_000 * week.1 / 1_000;
        if left == 0 && chance.hit(start(leaning.absence, factor)) {
            left = chance.weighted(&SPELLS, 1);
            reason = drawn_reason(&mut chance, leaning.absence, Level::of(grade));
        }
        let at_home =
            district.chance(Purpose::HouseholdDay, &[u64::from(household.first), index as u64]).hit(HOUSEHOLD_DAY);
        days[index] = if left > 0 {
            left -= 1;
            Truth::Absent(reason)
        } else if at_home && chance.percent(80) {
            Truth::Absent(Reason::Family)
        } else {
            there(&mut chance, late)
        };
    }
    days
}

/// Came, perhaps late, perhaps not for the whole day.
fn there(chance: &mut Chance, late: u32) -> Truth {
    let drawn = chance.below(WHOLE);
    if drawn < late {
        Truth::Tardy
    } else if drawn < late + 7_000 {
        Truth::Partial(if chance.percent(50) { 50 } else { 25 })
    } else {
        Truth::Present
    }
}

/// How likely a spell begins today, in parts of a million, so that in the long run the share of days is `absence`.
fn start(absence: u32, factor: u64) -> u32 {
    // Of what households' bad days bring, the spells need not bring again.
    let share = u64::from(absence.saturating_sub(HOUSEHOLD_DAY * 3 / 5)) * factor / 1_000;
    let share = share.min(800_000);
    let whole = u64::from(WHOLE);
    // With s the share and m the mean length, spells begin on s / (m (1 - s) + s) of the days outside one.
    let begin = share * 100 * whole / (MEAN_SPELL * (whole - share) + share * 100).max(1);
    u32::try_from(begin).unwrap_or(WHOLE)
}

/// The school's season of illness and the class's outbreak in a week, thousandths.
fn season(district: &District, school: &School, grade: u32, track: u32, week: u16) -> u64 {
    let peak = 18 + district.chance(Purpose::Outbreak, &[school.index as u64]).below(8);
    let distance = u32::from(week).abs_diff(peak);
    let season = 930 + 420 * u64::from(3_u32.saturating_sub(distance)) / 3;
    let class = [school.index as u64, u64::from(grade), u64::from(track), u64::from(week)];
    let outbreak = district.chance(Purpose::Outbreak, &class).hit(OUTBREAK);
    if outbreak { season * 22 / 10 } else { season }
}

/// Whoever misses much is less often ill.
fn drawn_reason(chance: &mut Chance, absence: u32, level: Level) -> Reason {
    let trouble = absence / 10_000 + if level == Level::High { 15 } else { 0 };
    let choices = [
        (55, Reason::Illness),
        (12, Reason::Appointment),
        (10, Reason::Family),
        (4 + trouble / 4, Reason::Transport),
        (12 + trouble, Reason::Unknown),
    ];
    chance.weighted(&choices, Reason::Unknown)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spells_begin_as_often_as_the_share_of_days_needs() {
        let mean = SPELLS.iter().map(|(weight, days)| u64::from(weight * days)).sum::<u64>() / 10;
        assert_eq!(mean, MEAN_SPELL);
        for share in [20_000, 100_000, 400_000] {
            let mut chance = Chance::of(1, Purpose::Attendance, &[]);
            let begin = start(share + HOUSEHOLD_DAY * 3 / 5, 1_000);
            let (mut left, mut absent) = (0, 0);
            for _ in 0..200_000 {
                if left == 0 && chance.hit(begin) {
                    left = chance.weighted(&SPELLS, 1);
                }
                absent += u32::from(left > 0);
                left = left.saturating_sub(1);
            }
            assert!((absent * 5).abs_diff(share) < share / 20, "{} of {share}", absent * 5);
        }
    }
}
