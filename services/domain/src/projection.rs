//! What the rest of the year may bring. Integers only.

use crate::day::WHOLE;
use crate::measure::Measures;

/// A student's year: what was counted so far, and what the calendar has still. Hundredths of a day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Outlook {
    pub(crate) enrolled: i64,
    pub(crate) absent: i64,
    pub(crate) to_come: i64,
}

/// Last year's rate counts as much as so many days of this year do: after them the two weigh the same. No published figure is
/// known; it is a decision of the product.
pub(crate) const DAYS_OF_LAST_YEAR: i64 = 30 * WHOLE as i64;

/// The most that may be missed still with absences below a tenth of the full calendar; below zero when they are not.
pub(crate) fn left(outlook: &Outlook) -> i64 {
    let full = outlook.enrolled + outlook.to_come;
    if full <= 0 {
        return 0;
    }
    // The largest whole number of hundredths below a tenth.
    (full - 1).div_euclid(10) - outlook.absent
}

/// Absences so far, and of the dates to come as many as this year's rate, shrunk toward last year's, says; to the nearest
/// hundredth.
pub(crate) fn expected(outlook: &Outlook, last_year: &Measures) -> i64 {
    let [enrolled, absent, to_come] = [outlook.enrolled, outlook.absent, outlook.to_come].map(i128::from);
    let (last_enrolled, last_absent) = (i128::from(last_year.enrolled), i128::from(last_year.absent));
    // absent / enrolled, with last year's rate as so many further days: both sides times last year's days.
    let (missed, of) = if last_enrolled > 0 {
        let weight = i128::from(DAYS_OF_LAST_YEAR);
        (absent * last_enrolled + weight * last_absent, (enrolled + weight) * last_enrolled)
    } else {
        (absent, enrolled)
    };
    let more = if of > 0 { (to_come * missed * 2 + of) / (of * 2) } else { 0 };
    i64::try_from(absent + more).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn last_year(enrolled: i64, absent: i64) -> Measures {
        Measures { enrolled, absent, ..Measures::default() }
    }

    #[test]
    fn a_tenth_of_the_full_calendar_is_too_much() {
        let outlook = |absent| Outlook { enrolled: 10_000, absent, to_come: 8_000 };
        // A tenth of 180 days is 18: with 17.99 a student is below it.
        assert_eq!(left(&outlook(0)), 1_799);
        assert_eq!(left(&outlook(1_799)), 0);
        assert_eq!(left(&outlook(2_000)), -201);
        assert_eq!(left(&Outlook { enrolled: 0, absent: 0, to_come: 0 }), 0);
    }

    #[test]
    fn the_rate_of_a_few_days_is_shrunk_toward_last_years() {
        // Two of five days missed, 175 to come. Alone that would be 72 days.
        let outlook = Outlook { enrolled: 5_00, absent: 2_00, to_come: 17_500 };
        assert_eq!(expected(&outlook, &last_year(0, 0)), 7_200);
        // With 5 % last year: (2 + 30 x 0.05) / 35 = 10 % of 175 days to come, and two.
        assert_eq!(expected(&outlook, &last_year(18_000, 9_00)), 1_950);
        // In May the year speaks for itself.
        let late = Outlook { enrolled: 17_000, absent: 3_400, to_come: 1_000 };
        assert_eq!(expected(&late, &last_year(18_000, 0)), 3_570);
    }
}
