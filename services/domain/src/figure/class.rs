//! What was missed of classes.

use std::collections::BTreeMap;

use super::number;
use crate::calculated::ClassDay;
use crate::date::Date;
use crate::id::SectionId;
use crate::measure::InClass;

/// Dates that a measure looks at.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Dates {
    /// The first and the last of them; none of none.
    pub(super) between: Option<(Date, Date)>,
    /// One day of the week, 1 for Monday; all when none is named.
    pub(super) weekday: Option<i8>,
}

impl Dates {
    pub(super) const NONE: Self = Self { between: None, weekday: None };

    pub(crate) fn hold(&self, date: Date) -> bool {
        let on = |weekday| date.to_civil().weekday().to_monday_one_offset() == weekday;
        self.between.is_some_and(|(first, last)| first <= date && date <= last) && self.weekday.is_none_or(on)
    }
}

/// One class's dates.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Class {
    pub(crate) dates: usize,
    pub(crate) absent: usize,
    pub(crate) unexcused: usize,
}

impl Class {
    /// The missed share, hundredths of a percent, cut.
    pub(crate) fn rate(&self) -> i64 {
        number(self.absent * 10_000 / self.dates.max(1))
    }

    /// The bound is inclusive: who was there on 90 % of the days has the credit.
    pub(crate) fn is_below_ninety(&self) -> bool {
        self.absent * 10 > self.dates
    }
}

/// The value of a family's member.
pub(super) fn value(counted: InClass, days: &[ClassDay], dates: Dates) -> i64 {
    let held = || days.iter().filter(|day| dates.hold(day.date));
    let most = |of: fn(&Class) -> usize| number(classes(held()).values().map(of).max().unwrap_or(0));
    match counted {
        InClass::Absences => most(|class| class.absent),
        InClass::Unexcused => most(|class| class.unexcused),
        InClass::Skipped => number(held().filter(|day| day.skipped).count()),
        InClass::Rate => classes(held()).values().map(Class::rate).max().unwrap_or(-1),
    }
}

/// Classes of which less than 90 % of the days were attended.
pub(super) fn below_ninety(days: &[ClassDay]) -> i64 {
    number(classes(days).values().filter(|class| class.is_below_ninety()).count())
}

/// What was missed of each class on these dates.
pub(crate) fn classes<'d>(days: impl IntoIterator<Item = &'d ClassDay>) -> BTreeMap<SectionId, Class> {
    let mut classes: BTreeMap<SectionId, Class> = BTreeMap::new();
    for day in days {
        let class = classes.entry(day.section).or_default();
        class.dates += 1;
        class.absent += usize::from(day.absent);
        class.unexcused += usize::from(day.unexcused);
    }
    classes
}
