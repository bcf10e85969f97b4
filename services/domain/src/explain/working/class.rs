//! What was missed of classes, class by class.

use super::{Look, Part, Sheet};
use crate::calculated::ClassDay;
use crate::explain::number::sum;
use crate::figure::class::{Class, classes};
use crate::id::SectionId;
use crate::measure::{Among, InClass, Unit};

impl Look<'_, '_> {
    /// A member of the family: of what is counted by class, the class that was missed most.
    pub(super) fn in_class(&self, counted: InClass, among: Among) -> Sheet {
        let mut days = self.evaluation.classes(None, self.now.as_of);
        let dates = among.dates(&self.days, self.end);
        days.retain(|day| dates.hold(day.date));
        match counted {
            InClass::Absences => most(&days, |day| day.absent),
            InClass::Unexcused => most(&days, |day| day.unexcused),
            InClass::Skipped => {
                let parts = parts(days.iter().filter(|day| day.skipped));
                Sheet::new(sum(&parts, counted.unit())).adding_up(parts)
            }
            InClass::Rate => rates(&days, |_| true),
        }
    }

    /// Classes skipped today.
    pub(super) fn skipped_today(&self) -> Sheet {
        let days = self.evaluation.classes(None, self.now.today);
        let parts = parts(days.iter().filter(|day| day.skipped && day.date == self.now.today));
        Sheet::new(sum(&parts, InClass::Skipped.unit())).adding_up(parts)
    }

    /// The classes of which less than 90 % of the days were attended.
    pub(super) fn texas_classes(&self) -> Sheet {
        rates(&self.evaluation.classes(None, self.now.as_of), Class::is_below_ninety)
    }
}

fn parts<'d>(days: impl Iterator<Item = &'d ClassDay>) -> Vec<Part> {
    let mut parts: Vec<Part> = days.map(|day| Part { date: day.date, value: 1 }).collect();
    parts.sort_by_key(|part| part.date);
    parts
}

/// The dates missed of the class of which most were; of two as often missed, the first by id.
fn most(days: &[ClassDay], missed: fn(&ClassDay) -> bool) -> Sheet {
    let of = |section: SectionId| days.iter().filter(move |day| day.section == section && missed(day));
    let sections: Vec<SectionId> = classes(days).into_keys().collect();
    let Some(&section) = sections.iter().rev().max_by_key(|section| of(**section).count()) else {
        return Sheet::new("no class of these dates is known");
    };
    let parts = parts(of(section));
    Sheet::new(format!("of section {section}: {}", sum(&parts, Unit::Days))).adding_up(parts)
}

/// The missed share of each class that is wanted.
fn rates(days: &[ClassDay], is_wanted: impl Fn(&Class) -> bool) -> Sheet {
    let all = classes(days);
    let wanted = all.iter().filter(|(_, class)| is_wanted(class));
    let words: Vec<String> = wanted
        .map(|(section, class)| {
            let share = Unit::PercentHundredths.show(class.rate());
            format!("section {section}: missed on {} of {} dates, {share}, cut", class.absent, class.dates)
        })
        .collect();
    let words = if words.is_empty() { "none".to_owned() } else { words.join("; ") };
    Sheet::new(format!("of {} classes: {words}", all.len()))
}
