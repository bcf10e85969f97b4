//! The work that alerts make: how many there are a week, at which school, and how often more than a team can take on.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::date::Date;
use homeroom_domain::id::SchoolId;

use crate::tally::Tally;

/// Alerts by school and week. A week counts at a school when it had a counted day then, or an alert.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Load {
    /// All of them.
    pub alerts: u32,
    /// Weeks of schools, each school's by itself.
    pub school_weeks: u32,
    /// The most of one school in one week.
    pub peak: u32,
    /// Where and when that was first, the week by its Monday; none without an alert.
    pub peak_at: Option<(SchoolId, Date)>,
    /// Weeks of schools with more than the budget; none without one.
    pub over_budget: Option<u32>,
    /// Alerts beyond the budget in them; none without one.
    pub beyond_budget: Option<u32>,
    /// In each of the report's weeks, of all schools.
    pub weekly: Vec<u32>,
    /// By school, in the order of ids.
    pub schools: Vec<SchoolLoad>,
}

/// The work that alerts make at one school.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolLoad {
    /// The school.
    pub school: SchoolId,
    /// All of them.
    pub alerts: u32,
    /// Its weeks.
    pub weeks: u32,
    /// The most in one week.
    pub peak: u32,
    /// Weeks with more than the budget; none without one.
    pub over_budget: Option<u32>,
}

impl Load {
    /// Alerts of rules by their positions, over the report's weeks.
    pub(crate) fn of(tally: &Tally, rules: &[usize], weeks: &[Date], budget: Option<u32>) -> Self {
        let mut load = Self {
            over_budget: budget.map(|_| 0),
            beyond_budget: budget.map(|_| 0),
            weekly: vec![0; weeks.len()],
            ..Self::default()
        };
        let mut schools: BTreeMap<&SchoolId, SchoolLoad> = BTreeMap::new();
        for ((school, week), by_rule) in &tally.weeks {
            let alerts: u32 = rules.iter().filter_map(|at| by_rule.get(*at)).sum();
            load.add(school, *week, alerts, budget);
            if let Ok(at) = weeks.binary_search(week) {
                load.weekly[at] += alerts;
            }
            let of_school = schools.entry(school).or_insert_with(|| SchoolLoad {
                school: school.clone(),
                alerts: 0,
                weeks: 0,
                peak: 0,
                over_budget: budget.map(|_| 0),
            });
            of_school.add(alerts, budget);
        }
        Self { schools: schools.into_values().collect(), ..load }
    }

    fn add(&mut self, school: &SchoolId, week: Date, alerts: u32, budget: Option<u32>) {
        self.alerts += alerts;
        self.school_weeks += 1;
        if alerts > self.peak {
            self.peak = alerts;
            self.peak_at = Some((school.clone(), week));
        }
        let beyond = budget.map_or(0, |budget| alerts.saturating_sub(budget));
        if let (Some(weeks), Some(alerts)) = (&mut self.over_budget, &mut self.beyond_budget) {
            *weeks += u32::from(beyond > 0);
            *alerts += beyond;
        }
    }

    /// Alerts a week and school; none without a week.
    pub fn mean(&self) -> Option<f64> {
        (self.school_weeks > 0).then(|| f64::from(self.alerts) / f64::from(self.school_weeks))
    }
}

impl SchoolLoad {
    fn add(&mut self, alerts: u32, budget: Option<u32>) {
        self.alerts += alerts;
        self.weeks += 1;
        self.peak = self.peak.max(alerts);
        if let (Some(budget), Some(over)) = (budget, &mut self.over_budget) {
            *over += u32::from(alerts > budget);
        }
    }

    /// Alerts a week.
    pub fn mean(&self) -> f64 {
        f64::from(self.alerts) / f64::from(self.weeks.max(1))
    }
}

/// The Mondays of all weeks of any school, in order.
pub(crate) fn weeks(tally: &Tally) -> Vec<Date> {
    let weeks: BTreeSet<Date> = tally.weeks.keys().map(|(_, week)| *week).collect();
    weeks.into_iter().collect()
}
