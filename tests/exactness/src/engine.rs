//! The figures of the product's engine, of the same log.

use std::thread;

use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::ledger::Ledger;
use homeroom_domain::measure::Measure;
use homeroom_domain::settings::{Now, Settings};
use homeroom_domain::view::{Records, View};
use homeroom_replay::{Plan, Report, Seen, Tally};

use crate::district::{Log, Student};

/// Ledgers and the reference records in force, folded as the rules service folds them.
pub struct Engine {
    ledgers: Vec<Ledger>,
    view: View,
}

/// Threads that look at students.
const THREADS: usize = 2;

impl Engine {
    /// Folds a log.
    pub fn of(log: &Log) -> Self {
        let mut records = Records::default();
        for word in &log.references {
            records.apply(word.origin.clone(), word.change.clone());
        }
        let ledgers = log.students.iter().map(fold).collect();
        Self { ledgers, view: records.view() }
    }

    /// The values of measures as of a date, by student.
    pub fn values(&self, measures: &[Measure], as_of: Date) -> Vec<Vec<i64>> {
        let settings = Settings::default();
        let of = |ledger: &Ledger| {
            let now = Now { today: as_of, as_of };
            Evaluation::new(ledger, &self.view, &settings, now).values(measures, None, now)
        };
        let shares = self.ledgers.chunks(self.ledgers.len().div_ceil(THREADS).max(1));
        thread::scope(|scope| {
            let workers: Vec<_> =
                shares.map(|share| scope.spawn(|| share.iter().map(of).collect::<Vec<_>>())).collect();
            workers.into_iter().flat_map(|worker| worker.join().expect("students are looked at")).collect()
        })
    }
}

impl Engine {
    /// What rules would have told.
    pub fn replay(&self, plan: &Plan) -> Report {
        let settings = Settings::default();
        let last = Now { today: plan.to(), as_of: plan.to() };
        let of = |ledgers: &[Ledger]| {
            let mut tally = Tally::new(plan);
            for ledger in ledgers {
                if let Some(seen) = Seen::of(plan, Evaluation::new(ledger, &self.view, &settings, last)) {
                    tally.add(plan, &seen, &[]);
                }
            }
            tally
        };
        let shares = self.ledgers.chunks(self.ledgers.len().div_ceil(THREADS).max(1));
        let mut whole = Tally::new(plan);
        thread::scope(|scope| {
            let workers: Vec<_> = shares.map(|share| scope.spawn(|| of(share))).collect();
            for worker in workers {
                whole.merge(&worker.join().expect("students are looked at"));
            }
        });
        Report::new(plan, &whole)
    }
}

fn fold(student: &Student) -> Ledger {
    let mut ledger = Ledger::default();
    ledger.apply_all(student.words.iter().map(|word| (&word.origin, &word.change)));
    ledger
}
