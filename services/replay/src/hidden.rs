//! Which figures of groups are shown: none that would tell of fewer than ten students.
//!
//! Everything that is shown of a group is made of its cells, so a group shows as much as its smallest cell allows: with all cells of
//! ten students and more every figure, else how many there are and how many were flagged, else how many there are, else nothing.
//!
//! That is not enough: groups of a column, and those in none of them, add up to the whole, which is shown. So what is hidden of a
//! column must come to ten students and more in each cell together, and be of two groups at least; until it does, the group with the
//! smallest cell is hidden too (secondary suppression). Groups of different columns are not held against each other.

use crate::tally::Cells;

/// The fewest students of a cell that is shown. Source: the Statewide Longitudinal Data Systems' technical brief 3 (NCES 2011-603)
/// recommends at least ten.
pub const FEWEST: u32 = 10;

/// How much of a group is shown.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) enum Shown {
    Nothing,
    Size,
    Flags,
    Everything,
}

/// A group's cells as one level shows them.
type Numbers = Vec<u32>;

/// How much is shown of the groups of one column; `others` are the students in none of them.
pub(crate) fn shown(groups: &[Cells], others: Cells, with_outcome: bool) -> Vec<Shown> {
    let mut shown = vec![Shown::Nothing; groups.len()];
    for level in [Shown::Size, Shown::Flags, Shown::Everything] {
        let numbers = |cells: &Cells| of_level(*cells, level, with_outcome);
        let cells: Vec<Numbers> = groups.iter().map(numbers).collect();
        // What the level before hides stays hidden.
        let allowed = shown.iter().map(|known| *known >= below(level)).collect();
        let open = open(&cells, &numbers(&others), allowed);
        for (known, open) in shown.iter_mut().zip(open) {
            if open {
                *known = level;
            }
        }
    }
    shown
}

fn below(level: Shown) -> Shown {
    match level {
        Shown::Everything => Shown::Flags,
        Shown::Flags => Shown::Size,
        Shown::Size | Shown::Nothing => Shown::Nothing,
    }
}

fn of_level(cells: Cells, level: Shown, with_outcome: bool) -> Numbers {
    match level {
        Shown::Nothing | Shown::Size => vec![cells.students()],
        Shown::Everything if with_outcome => vec![cells.hits, cells.false_alarms, cells.missed, cells.quiet],
        Shown::Flags | Shown::Everything => vec![cells.flagged(), cells.students() - cells.flagged()],
    }
}

/// Which groups can be shown at one level.
fn open(groups: &[Numbers], others: &Numbers, mut open: Vec<bool>) -> Vec<bool> {
    for (group, open) in groups.iter().zip(&mut open) {
        *open &= group.iter().all(|cell| *cell >= FEWEST);
    }
    loop {
        let hidden: Vec<&Numbers> =
            groups.iter().zip(&open).filter(|(_, open)| !**open).map(|(group, _)| group).collect();
        let anybody = |numbers: &Numbers| numbers.iter().any(|cell| *cell > 0);
        let peopled = hidden.iter().filter(|group| anybody(group)).count();
        let mut sums = others.clone();
        for group in &hidden {
            sums.iter_mut().zip(group.iter()).for_each(|(sum, cell)| *sum += cell);
        }
        let told_together = anybody(&sums) && sums.iter().any(|sum| *sum < FEWEST);
        let told_alone = peopled == 1 && !anybody(others);
        if !told_together && !told_alone {
            return open;
        }
        let smallest = (0..groups.len()).filter(|at| open[*at]).min_by_key(|at| groups[*at].iter().min().copied());
        let Some(smallest) = smallest else { return open };
        open[smallest] = false;
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOBODY: Cells = Cells { hits: 0, false_alarms: 0, missed: 0, quiet: 0, flagged_untold: 0, quiet_untold: 0 };

    fn cells([hits, false_alarms, missed, quiet]: [u32; 4]) -> Cells {
        Cells { hits, false_alarms, missed, quiet, ..NOBODY }
    }

    #[test]
    fn a_group_shows_as_much_as_its_smallest_cell_allows() {
        let large = cells([50, 50, 50, 50]);
        let of = |small| shown(&[large, large, cells(small)], large, true)[2];
        assert_eq!(of([10, 10, 10, 10]), Shown::Everything);
        assert_eq!(of([9, 10, 10, 10]), Shown::Flags);
        assert_eq!(of([5, 4, 10, 10]), Shown::Size);
        assert_eq!(of([2, 2, 2, 3]), Shown::Nothing);
    }

    #[test]
    fn what_the_whole_would_tell_of_a_hidden_group_is_hidden_with_another() {
        let large = cells([50, 50, 50, 50]);
        let medium = cells([20, 20, 20, 20]);
        let small = cells([3, 20, 20, 20]);
        let with = |groups: &[Cells], others| shown(groups, others, true);
        assert_eq!(with(&[large, small], NOBODY), [Shown::Flags, Shown::Flags]);
        assert_eq!(with(&[large, medium, small], NOBODY), [Shown::Everything, Shown::Flags, Shown::Flags]);
        assert_eq!(with(&[large, small], large), [Shown::Everything, Shown::Flags], "others hide it too");
        assert_eq!(with(&[large, medium], NOBODY), [Shown::Everything; 2]);
        let one = cells([1, 0, 0, 0]);
        assert_eq!(with(&[large, medium], one), [Shown::Everything, Shown::Nothing], "the others would be told of");
    }

    #[test]
    fn without_an_outcome_flags_are_all_there_is() {
        let of = |flagged, quiet| Cells { flagged_untold: flagged, quiet_untold: quiet, ..NOBODY };
        let large = of(100, 100);
        assert_eq!(
            shown(&[large, of(12, 30), of(3, 40)], large, false),
            [Shown::Everything, Shown::Everything, Shown::Size]
        );
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_tells_of_fewer_than_ten(
            groups in proptest::collection::vec(proptest::array::uniform4(0_u32..40), 1..6),
            others in proptest::array::uniform4(0_u32..40),
        ) {
            let groups: Vec<Cells> = groups.into_iter().map(cells).collect();
            let levels = shown(&groups, cells(others), true);
            for level in [Shown::Size, Shown::Flags, Shown::Everything] {
                let mut rest = of_level(cells(others), level, true);
                let others = rest.iter().any(|cell| *cell > 0);
                let (mut any_shown, mut hidden) = (false, 0);
                for (group, known) in groups.iter().zip(&levels) {
                    let numbers = of_level(*group, level, true);
                    if *known >= level {
                        any_shown = true;
                        prop_assert!(numbers.iter().all(|cell| *cell >= FEWEST));
                    } else {
                        hidden += usize::from(numbers.iter().any(|cell| *cell > 0));
                        rest.iter_mut().zip(numbers).for_each(|(sum, cell)| *sum += cell);
                    }
                }
                // The rest is what the whole less all that is shown comes to.
                if any_shown && rest.iter().any(|cell| *cell > 0) {
                    prop_assert!(rest.iter().all(|cell| *cell >= FEWEST));
                    prop_assert!(hidden != 1 || others, "{rest:?}");
                }
            }
        }
    }
}
