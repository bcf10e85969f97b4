//! The district's counted days laid out once, in few bytes: what is asked of any date is answered from them.

use smallvec::SmallVec;

use super::Evaluation;
use crate::date::Date;
use crate::day::{self, Mark};
use crate::id::SchoolId;
use crate::marked::{Laid, Marked};

impl<'a> Evaluation<'a> {
    pub(super) fn lay_out(&self) -> Laid<'a> {
        if let Some(laid) = self.lay_out_marks() {
            return laid;
        }
        let (mut dates, mut marked) = (Vec::new(), Vec::new());
        self.each_day(|day| {
            marked.extend(Marked::of(dates.len(), day));
            dates.push(day.date);
        });
        Laid::new(dates.into(), marked)
    }

    /// Where silence is presence all dates of the one school count, and only marks say anything: a walk over them finds the days
    /// that are no whole days of presence. None elsewhere.
    fn lay_out_marks(&self) -> Option<Laid<'a>> {
        let [(school, dates)] = self.schools.as_slice() else { return None };
        let attendance = self.attendance(school);
        if !attendance.silence_is_presence() || !self.calculated.is_empty() {
            return None;
        }
        let alone: SmallVec<[Alone; 8]> = self.kinds.iter().map(|mark| Alone::of(mark.as_ref(), school)).collect();
        let mut marks = self.ledger.borrowed().marks().peekable();
        let (mut marked, mut at) = (Vec::new(), 0);
        let mut of_date: SmallVec<[&Mark<'a>; 8]> = SmallVec::new();
        while let Some((date, kind)) = marks.next() {
            at += dates[at..].iter().take_while(|of| **of < date).count();
            if dates.get(at) != Some(&date) {
                continue;
            }
            let is_alone = marks.peek().is_none_or(|(next, _)| *next != date);
            match alone.get(kind) {
                Some(Alone::Says(says)) if is_alone => marked.extend(says.map(|day| day.on(at))),
                _ => {
                    of_date.clear();
                    of_date.extend(self.kinds.get(kind).and_then(Option::as_ref));
                    while let Some((_, kind)) = marks.next_if(|(of, _)| *of == date) {
                        of_date.extend(self.kinds.get(kind).and_then(Option::as_ref));
                    }
                    let day = attendance.day(date, of_date.iter().copied());
                    marked.extend(day.and_then(|day| Marked::of(at, &day)));
                }
            }
        }
        Some(Laid::new(dates.clone(), marked))
    }
}

/// What a mark of a kind makes of a date without another mark.
enum Alone {
    /// This, or a whole day of presence.
    Says(Option<Marked>),
    /// That depends on more than the mark.
    Depends,
}

impl Alone {
    fn of(mark: Option<&Mark<'_>>, school: &SchoolId) -> Self {
        match mark.filter(|mark| mark.school == school).map(|mark| mark.plain(school)) {
            None => Self::Says(None),
            Some(Some(plain)) => Self::Says(Marked::of(0, &day::of_one_mark(Date::EPOCH, plain))),
            Some(None) => Self::Depends,
        }
    }
}
