//! Which measures there are to tell of a student, and what stands for one that cannot be told.

use super::catalogue;
use super::further::UNTOLD;
use super::{Counted, InClass, Measure, Unit};

/// How a value that cannot be told is shown.
pub const NOT_KNOWN: &str = "not known";

impl Measure {
    /// Every measure of the catalogue, in its order: of a family the one over the school year so far, since its windows have no
    /// end.
    pub fn catalogued() -> Vec<Self> {
        let entries = catalogue::entries().into_iter();
        let found = entries.filter_map(|entry| Some((entry.family, Self::find(entry.name)?)));
        // Families of kept measures are there as the kept one already.
        found.filter(|(family, measure)| !(*family && measure.is_kept())).map(|(_, measure)| measure).collect()
    }

    /// A value of this measure as one that can be told; none of what stands for one that cannot.
    pub fn told(self, value: i64) -> Option<i64> {
        let untold = value == UNTOLD && self.may_be_untold();
        (!untold).then_some(value)
    }

    /// A value in the words of its unit; [`NOT_KNOWN`] of what cannot be told.
    pub fn show(self, value: i64) -> String {
        self.told(value).map_or_else(|| NOT_KNOWN.to_owned(), |value| self.unit().show(value))
    }

    /// Whether the value that stands for an unknown one is not one of its own.
    fn may_be_untold(self) -> bool {
        match self {
            Self::Tier | Self::LastYearTier => true,
            Self::Of(counted, _) => {
                matches!(counted, Counted::Rate | Counted::MinutesAbsent | Counted::MinutesUnexcused)
            }
            Self::Truancy(clock) => matches!(clock.unit(), Unit::Minutes | Unit::PercentHundredths),
            Self::InClass(counted, _) => counted == InClass::Rate,
            // A change may be by one downwards; without two periods it is none.
            Self::Further(further) => further.entry().name != "gpa_change",
            _ => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    fn find(name: &str) -> Measure {
        Measure::find(name).unwrap()
    }

    #[test]
    fn every_entry_of_the_catalogue_is_told_once() {
        let told = Measure::catalogued();
        let names: BTreeSet<_> = told.iter().map(|measure| measure.name()).collect();
        assert_eq!(names.len(), told.len());
        for entry in catalogue::entries() {
            assert!(names.contains(entry.name), "{}", entry.name);
        }
        assert_eq!(told[..10], Measure::KEPT);
    }

    #[test]
    fn what_cannot_be_told_is_no_number() {
        assert_eq!((find("tier").told(-1), find("absent_rate").told(-1), find("gpa").told(-1)), (None, None, None));
        assert_eq!((find("gpa_change").told(-1), find("absences_left").told(-1)), (Some(-1), Some(-1)));
        assert_eq!((find("gpa").show(-1).as_str(), find("absent").show(1_750).as_str()), ("not known", "17.5"));
    }
}
