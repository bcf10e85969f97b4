//! What is replayed: packs, dates, the outcome that they are held against, and which groups are looked at apart.

use crate::Outcome;
use homeroom_domain::date::Date;
use homeroom_domain::rule::{Pack, Rule};
use homeroom_domain::year::Program;

/// The most rules of all packs of a replay: how many are flagged by both of two is counted for each pair.
pub const MOST_RULES: usize = 128;
/// The most groups of students.
pub const MOST_GROUPS: usize = 200;
/// The most students of all groups together, each as often as there are groups with the student: a million in one column, half as
/// many in two. Their keys go in one request, and the service keeps them while it replays.
pub const MOST_MEMBERS: usize = 1_000_000;
/// The largest request for a replay, in bytes: the keys of so many, of 16 bytes each, and what goes beside them.
pub const REQUEST_BYTES: usize = MOST_MEMBERS * 16 + 4 * 1024 * 1024;

/// What is replayed.
#[derive(Debug, Clone)]
pub struct Plan {
    packs: Vec<Pack>,
    /// The rules of all packs, one behind the other, for years of whole days.
    program: Program,
    /// Of each rule the position of its pack, and of it and its variants for schools those in the pack.
    rules: Vec<(usize, Vec<usize>)>,
    from: Date,
    to: Date,
    outcome: Option<Outcome>,
    budget: Option<u32>,
    columns: Vec<u32>,
}

/// Why it cannot be replayed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// Days are counted by school years.
    #[error("{from} to {to} is not within one school year, which turns on 1 July; replay each by itself")]
    Dates {
        /// The first date.
        from: Date,
        /// The last date.
        to: Date,
    },
    /// More than [`MOST_RULES`].
    #[error("{0} rules are more than the {MOST_RULES} that are replayed at once")]
    Rules(usize),
    /// More than [`MOST_GROUPS`].
    #[error("{0} groups are more than the {MOST_GROUPS} that are looked at apart")]
    Groups(usize),
}

impl Plan {
    /// Of packs (the first, and the one that it is compared with) from one date to another, both included. `columns` has of each group
    /// of students the number of its column: a student is in at most one group of a column. `budget` is how many alerts a school's team
    /// can take on in a week.
    pub fn new(
        packs: Vec<Pack>,
        (from, to): (Date, Date),
        outcome: Option<Outcome>,
        budget: Option<u32>,
        columns: Vec<u32>,
    ) -> Result<Self, Error> {
        let mut rules: Vec<(usize, Vec<usize>)> = Vec::new();
        for (pack, of) in packs.iter().enumerate() {
            for (at, rule) in of.rules.iter().enumerate() {
                let same = |(known, variants): &&mut (usize, Vec<usize>)| {
                    *known == pack && variants.iter().any(|known| of.rules[*known].id == rule.id)
                };
                match rules.iter_mut().find(same) {
                    Some((_, variants)) => variants.push(at),
                    None => rules.push((pack, vec![at])),
                }
            }
        }
        if from > to || from.school_year() != to.school_year() {
            return Err(Error::Dates { from, to });
        }
        if rules.len() > MOST_RULES {
            return Err(Error::Rules(rules.len()));
        }
        if columns.len() > MOST_GROUPS {
            return Err(Error::Groups(columns.len()));
        }
        let program = Program::of_rules(packs.iter().flat_map(|pack| &pack.rules));
        Ok(Self { packs, program, rules, from, to, outcome, budget, columns })
    }

    /// The packs.
    pub fn packs(&self) -> &[Pack] {
        &self.packs
    }

    /// The first date.
    pub const fn from(&self) -> Date {
        self.from
    }

    /// The last date.
    pub const fn to(&self) -> Date {
        self.to
    }

    /// What rules are held against, if anything.
    pub const fn outcome(&self) -> Option<Outcome> {
        self.outcome
    }

    /// Alerts that a school's team can take on in a week.
    pub const fn budget(&self) -> Option<u32> {
        self.budget
    }

    /// The column of each group.
    pub fn columns(&self) -> &[u32] {
        &self.columns
    }

    /// The rules of all packs, in order, with the position of their pack. A rule that says something else at some schools is one.
    pub fn rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.rules.iter().filter_map(|(pack, variants)| Some((*pack, &self.packs[*pack].rules[*variants.first()?])))
    }

    /// The rules of all packs, for years of whole days: what they count alike is counted once.
    pub(crate) const fn program(&self) -> &Program {
        &self.program
    }

    /// Each rule with what it is at some schools, by their positions in the program.
    pub(crate) fn variants(&self) -> impl Iterator<Item = impl Iterator<Item = (usize, &Rule)>> {
        self.rules.iter().map(move |(pack, variants)| {
            let before: usize = self.packs[..*pack].iter().map(|pack| pack.rules.len()).sum();
            variants.iter().map(move |at| (before + at, &self.packs[*pack].rules[*at]))
        })
    }
}
