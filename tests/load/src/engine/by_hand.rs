//! Ten rules over a student's finished year, written out by hand, day by day: what a pack is compared with, row for row.

use super::index;
use crate::workload::Code;
use crate::workload::negative::{spells, words_of};

/// On a counted day of a student a rule begins or ends to hold.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Row {
    pub(super) rule: u8,
    /// Of the student's counted days.
    pub(super) day: u8,
    pub(super) begins: bool,
}

/// How many rules.
pub(super) const RULES: usize = 10;

/// Which days windows and months are counted in.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Days {
    /// Those on which the student is enrolled, as measures of school days are.
    OfStudent,
    /// Those of the calendar.
    OfCalendar,
}

/// What was said last of each enrolled day.
pub(super) struct Year {
    /// Of each enrolled day: which of the calendar's, and what the student was.
    days: Vec<(u64, Code)>,
}

impl Year {
    pub(super) fn of(student: u64) -> Self {
        let (first, second) = spells(student);
        let enrolled = (first.0..first.1).chain(second.map_or(0..0, |(from, to)| from..to));
        let mut days: Vec<(u64, Code)> = enrolled.map(|day| (day, Code::Present)).collect();
        let mut words = words_of(student);
        words.sort_by_key(|word| word.mark.revision);
        for word in words {
            if let Ok(at) = days.binary_search_by_key(&word.mark.day, |(day, _)| *day) {
                days[at].1 = word.mark.code;
            }
        }
        Self { days }
    }

    /// Rows in the order of days, those of one day in the order of rules.
    pub(super) fn rows(&self, windows: Days, rows: &mut Vec<Row>) {
        let (mut absent, mut unexcused, mut streak) = (0_u64, 0_u64, 0_u64);
        let mut held = [false; RULES];
        for (at, (day, code)) in self.days.iter().enumerate() {
            let is_absent = matches!(code, Code::Excused | Code::Unexcused);
            absent += u64::from(is_absent);
            unexcused += u64::from(*code == Code::Unexcused);
            streak = if is_absent { streak + 1 } else { 0 };
            let enrolled = at as u64 + 1;
            let (of_45, of_20) = (self.within(at, 45, windows), self.within(at, 20, windows));
            let recent = of_45.iter().filter(|(_, code)| matches!(code, Code::Excused | Code::Unexcused)).count();
            let tardies = of_20.iter().filter(|(_, code)| *code == Code::Tardy).count();
            let month = match windows {
                Days::OfStudent => at as u64 / 20 + 1,
                Days::OfCalendar => day / 20 + 1,
            };
            let holds = [
                absent * 20 >= enrolled && enrolled >= 10,
                absent * 10 >= enrolled && enrolled >= 10,
                absent * 5 >= enrolled && enrolled >= 10,
                streak >= 3,
                recent >= 5,
                streak >= 5,
                recent >= 9,
                unexcused >= 5,
                absent >= 2 * month,
                tardies >= 3,
            ];
            for rule in (0..RULES).filter(|rule| holds[*rule] != held[*rule]) {
                rows.push(Row { rule: narrow(rule), day: narrow(at), begins: holds[rule] });
            }
            held = holds;
        }
    }

    fn within(&self, last: usize, many: u64, windows: Days) -> &[(u64, Code)] {
        let first = match windows {
            Days::OfStudent => (last + 1).saturating_sub(index(many)),
            Days::OfCalendar => self.days.partition_point(|(day, _)| day + many <= self.days[last].0),
        };
        &self.days[first..=last]
    }
}

pub(super) fn narrow(value: usize) -> u8 {
    u8::try_from(value).unwrap_or(u8::MAX)
}
