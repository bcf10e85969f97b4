//! What is replayed: packs, dates, the outcome that they are held against, and which groups are looked at apart.

use homeroom_domain::date::Date;
use homeroom_domain::outcome::Outcome;
use homeroom_domain::rule::{Pack, Rule};

/// The most rules of all packs of a replay: how many are flagged by both of two is counted for each pair.
pub const MOST_RULES: usize = 128;
/// The most groups of students.
pub const MOST_GROUPS: usize = 200;

/// What is replayed.
#[derive(Debug, Clone)]
pub struct Plan {
    packs: Vec<Pack>,
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
        let rules = packs.iter().map(|pack| pack.rules.len()).sum();
        if from > to || from.school_year() != to.school_year() {
            return Err(Error::Dates { from, to });
        }
        if rules > MOST_RULES {
            return Err(Error::Rules(rules));
        }
        if columns.len() > MOST_GROUPS {
            return Err(Error::Groups(columns.len()));
        }
        Ok(Self { packs, from, to, outcome, budget, columns })
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

    /// The rules of all packs, in order, with the position of their pack.
    pub fn rules(&self) -> impl Iterator<Item = (usize, &Rule)> {
        self.packs.iter().enumerate().flat_map(|(at, pack)| pack.rules.iter().map(move |rule| (at, rule)))
    }
}
