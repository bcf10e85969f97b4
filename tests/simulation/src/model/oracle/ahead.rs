//! The school year before, and what the year may still bring.

use homeroom_domain::date::Date;
use homeroom_domain::id::{SchoolId, SchoolYear};

use super::{Oracle, Row};

impl Oracle {
    /// Last year's figures and the projection, by name.
    pub(super) fn ahead(&self, school: Option<&SchoolId>, as_of: Date) -> Vec<(&'static str, i64)> {
        let row = |oracle: &Self, date: Date| match school {
            None => oracle.district(date, date),
            Some(school) => oracle.school(school, date, date),
        };
        let year = SchoolYear(self.year.0 - 1);
        let before =
            Self { facts: self.facts.clone(), entries: self.entries.clone(), settings: self.settings.clone(), year };
        let last = row(&before, last_day(year));
        let now = row(self, as_of);
        let to_come = self.to_come(school, as_of);
        let full = now.enrolled + to_come;
        // The largest number of hundredths that is less than a tenth.
        let below = (0..full).rev().find(|part| part * 10 < full).unwrap_or(0);
        vec![
            ("last_year_enrolled", last.enrolled),
            ("last_year_absent", last.absent),
            ("last_year_tier", last.tier.map_or(-1, i64::from)),
            ("absences_left", if full == 0 { 0 } else { below - now.absent }),
            ("expected_absent", now.absent + expected(&now, to_come, &last)),
        ]
    }

    /// What dates to come are worth on which the student is enrolled as far as is known.
    fn to_come(&self, school: Option<&SchoolId>, as_of: Date) -> i64 {
        let dates = self.dates().into_iter().filter(|date| *date > as_of && *date <= last_day(self.year));
        dates.filter_map(|date| Some(self.date_worth(&self.leading_school(school, date)?, date))).sum()
    }

    /// The school that a date counts at, of all or of one.
    pub(super) fn leading_school(&self, school: Option<&SchoolId>, date: Date) -> Option<SchoolId> {
        let wanted = self.schools().into_iter().filter(|of| school.is_none_or(|school| school == of));
        wanted.filter(|of| self.counts_at(of, date)).min_by_key(|of| {
            let spells = self.spells(of, date);
            let primary = spells.iter().any(|spell| spell.primary_school);
            let entry = spells.iter().map(|spell| spell.entry_on.days()).max().unwrap();
            (!primary, -entry, of.as_str().parse::<u64>().unwrap())
        })
    }
}

/// 30 June.
fn last_day(year: SchoolYear) -> Date {
    Date::parse(&format!("{}-06-30", year.0)).unwrap()
}

/// Of the dates to come as much as this year's rate says, with last year's rate as thirty days more; to the nearest hundredth.
fn expected(now: &Row, to_come: i64, last: &Row) -> i64 {
    let [enrolled, absent, to_come] = [now.enrolled, now.absent, to_come].map(i128::from);
    let [last_enrolled, last_absent] = [last.enrolled, last.absent].map(i128::from);
    let (missed, of) = match last_enrolled {
        0 => (absent, enrolled),
        days => (absent * days + 3_000 * last_absent, (enrolled + 3_000) * days),
    };
    if of == 0 {
        return 0;
    }
    let cut = to_come * missed / of;
    let rest = to_come * missed % of;
    i64::try_from(if rest * 2 >= of { cut + 1 } else { cut }).unwrap()
}
