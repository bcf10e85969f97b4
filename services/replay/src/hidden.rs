//! Which figures of groups are shown: none that would tell of fewer than ten students.
//!
//! Everything that is shown of a group is made of its cells, so a group shows as much as its smallest cell allows: with all cells of
//! ten students and more every figure, else how many there are and how many were flagged, else how many there are, else nothing.
//!
//! That is not enough: groups of a column, and those in none of them, add up to the whole, which is shown. So what is hidden of a
//! column must come to ten students and more in each cell together, and be of two groups at least; until it does, the group with the
//! smallest cell is hidden too (secondary suppression). Groups of different columns are not held against each other.
//!
//! Nor is a rule by itself enough: how many of a group have the outcome is the same for every rule, of either pack, and follows from
//! the cells of any. Were a group's cells shown for one rule and hidden for another, with other groups beside it, the one would tell
//! what the other hides. So a group shows its cells for each rule or for none. How many there are is the same for every rule anyway,
//! and of how many one rule flagged nothing follows for another.

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

/// A rule among the students of one column: in its groups, and in none of them.
#[derive(Debug, Clone)]
pub(crate) struct Row {
    pub(crate) groups: Vec<Cells>,
    pub(crate) others: Cells,
}

/// A group's cells as one level shows them.
type Numbers = Vec<u32>;

/// How much is shown of the groups of one column, by rule and group; the rules are those of all packs.
pub(crate) fn shown(rules: &[Row], with_outcome: bool) -> Vec<Vec<Shown>> {
    let mut shown: Vec<Vec<Shown>> = rules.iter().map(|rule| rule.of_its_own(with_outcome)).collect();
    if !with_outcome {
        // Flags are all there is.
        return shown;
    }
    let telling: Vec<usize> = (0..rules.len()).filter(|at| rules[*at].tells_students_apart()).collect();
    let groups = rules.first().map_or(0, |rule| rule.groups.len());
    let of_all = |cells: &dyn Fn(&Row) -> Cells| -> Numbers {
        telling.iter().flat_map(|at| of_level(cells(&rules[*at]), Shown::Everything)).collect()
    };
    let numbers: Vec<Numbers> = (0..groups).map(|group| of_all(&|rule| rule.groups[group])).collect();
    let allowed = (0..groups).map(|group| telling.iter().all(|at| shown[*at][group] >= Shown::Flags)).collect();
    let open = open(&numbers, &of_all(&|rule| rule.others), allowed);
    for at in telling {
        for (known, _) in shown[at].iter_mut().zip(&open).filter(|(_, open)| **open) {
            *known = Shown::Everything;
        }
    }
    shown
}

impl Row {
    /// How much is shown of each group when no other rule is looked at.
    fn of_its_own(&self, with_outcome: bool) -> Vec<Shown> {
        let mut shown = vec![Shown::Nothing; self.groups.len()];
        let flags = if with_outcome { Shown::Flags } else { Shown::Everything };
        for (level, below, known) in [(Shown::Size, Shown::Nothing, Shown::Size), (Shown::Flags, Shown::Size, flags)] {
            let cells: Vec<Numbers> = self.groups.iter().map(|cells| of_level(*cells, level)).collect();
            // What the level before hides stays hidden.
            let allowed = shown.iter().map(|known| *known >= below).collect();
            let open = open(&cells, &of_level(self.others, level), allowed);
            for (shown, _) in shown.iter_mut().zip(open).filter(|(_, open)| *open) {
                *shown = known;
            }
        }
        shown
    }

    /// A rule that flagged nobody, or everybody, has in each group what the whole says of it: it hides nothing of other rules, and
    /// of itself shows no more than how many there are.
    fn tells_students_apart(&self) -> bool {
        let all = self.groups.iter().fold(self.others, |sum, cells| sum.plus(*cells));
        (1..all.students()).contains(&all.flagged())
    }
}

fn of_level(cells: Cells, level: Shown) -> Numbers {
    match level {
        Shown::Nothing | Shown::Size => vec![cells.students()],
        Shown::Flags => vec![cells.flagged(), cells.students() - cells.flagged()],
        Shown::Everything => vec![cells.hits, cells.false_alarms, cells.missed, cells.quiet],
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

    /// Of one rule.
    fn of_one(groups: &[Cells], others: Cells, with_outcome: bool) -> Vec<Shown> {
        shown(&[Row { groups: groups.to_vec(), others }], with_outcome).remove(0)
    }

    #[test]
    fn a_group_shows_as_much_as_its_smallest_cell_allows() {
        let large = cells([50, 50, 50, 50]);
        let of = |small| of_one(&[large, large, cells(small)], large, true)[2];
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
        let with = |groups: &[Cells], others| of_one(groups, others, true);
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
            of_one(&[large, of(12, 30), of(3, 40)], large, false),
            [Shown::Everything, Shown::Everything, Shown::Size]
        );
    }

    /// Of the last group eight have the outcome. By itself the first rule would hide its cells with the third's, the second with the
    /// second's; and from what each shows of the other, the eight would follow.
    #[test]
    fn what_one_rule_hides_does_not_follow_from_another() {
        let rule = |second, third| Row {
            groups: vec![cells([90, 90, 90, 90]), cells(second), cells(third), cells([4, 40, 4, 40])],
            others: NOBODY,
        };
        let rules = [rule([50, 30, 30, 50], [20, 30, 60, 50]), rule([20, 30, 60, 50], [50, 30, 30, 50])];
        let alone = rules.each_ref().map(|rule| of_one(&rule.groups, NOBODY, true));
        let (all, flags) = (Shown::Everything, Shown::Flags);
        assert_eq!(alone, [[all, all, flags, flags], [all, flags, all, flags]]);
        assert_eq!(shown(&rules, true), vec![vec![all, flags, all, flags]; 2]);
    }

    #[test]
    fn a_rule_that_flagged_nobody_or_everybody_hides_nothing_of_others() {
        let of = |each: [u32; 4]| Row { groups: vec![cells(each); 2], others: NOBODY };
        let rules = [of([20, 30, 40, 50]), of([0, 0, 60, 80]), of([60, 80, 0, 0])];
        assert_eq!(shown(&rules, true), [[Shown::Everything; 2], [Shown::Size; 2], [Shown::Size; 2]]);
    }

    /// Students of a group with the outcome and without, and those of each that two rules flagged.
    fn two_rules() -> impl Strategy<Value = [Cells; 2]> {
        (0_u32..80, 0_u32..80, proptest::array::uniform4(0_u32..=80)).prop_map(|(with, without, flagged)| {
            let of = |hits: u32, alarms: u32| {
                let (hits, alarms) = (with * hits / 80, without * alarms / 80);
                cells([hits, alarms, with - hits, without - alarms])
            };
            [of(flagged[0], flagged[1]), of(flagged[2], flagged[3])]
        })
    }

    /// Whether some of these are hidden, and what is hidden comes to fewer than ten, or is of one group alone.
    fn is_told(groups: &[Numbers], others: &Numbers, is_shown: impl Fn(usize) -> bool) -> bool {
        let anybody = |numbers: &Numbers| numbers.iter().any(|cell| *cell > 0);
        let (mut rest, mut any_shown, mut hidden) = (others.clone(), false, 0);
        for (at, numbers) in groups.iter().enumerate() {
            if is_shown(at) {
                any_shown = true;
                if numbers.iter().any(|cell| *cell < FEWEST) {
                    return true;
                }
            } else {
                hidden += usize::from(anybody(numbers));
                rest.iter_mut().zip(numbers).for_each(|(sum, cell)| *sum += cell);
            }
        }
        // The rest is what the whole less all that is shown comes to.
        let is_small = rest.iter().any(|cell| *cell < FEWEST);
        any_shown && anybody(&rest) && (is_small || (hidden == 1 && !anybody(others)))
    }

    proptest! {
        #[test]
        fn nothing_that_is_shown_tells_of_fewer_than_ten(
            groups in proptest::collection::vec(two_rules(), 1..6),
            others in two_rules(),
        ) {
            let rule = |at: usize| Row { groups: groups.iter().map(|of| of[at]).collect(), others: others[at] };
            let rules = [rule(0), rule(1)];
            let levels = shown(&rules, true);
            for (rule, levels) in rules.iter().zip(&levels) {
                for level in [Shown::Size, Shown::Flags, Shown::Everything] {
                    let cells: Vec<Numbers> = rule.groups.iter().map(|cells| of_level(*cells, level)).collect();
                    let others = of_level(rule.others, level);
                    prop_assert!(!is_told(&cells, &others, |at| levels[at] >= level), "{level:?}: {levels:?}");
                }
            }
            // What both rules share: those with the outcome and those without, which follow from the cells of either.
            let shared = |cells: &Cells| vec![cells.hits + cells.missed, cells.false_alarms + cells.quiet];
            let margins: Vec<Numbers> = rules[0].groups.iter().map(shared).collect();
            let by_either = |at: usize| levels.iter().any(|of| of[at] == Shown::Everything);
            prop_assert!(!is_told(&margins, &shared(&rules[0].others), by_either), "{levels:?}");
            for rule in rules.iter().filter(|rule| rule.tells_students_apart()) {
                let cells: Vec<Numbers> =
                    rule.groups.iter().map(|cells| of_level(*cells, Shown::Everything)).collect();
                let others = of_level(rule.others, Shown::Everything);
                prop_assert!(!is_told(&cells, &others, by_either), "what either shows, for each: {levels:?}");
            }
        }
    }
}
