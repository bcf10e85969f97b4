//! Grades, credits, gradebooks, conduct and connections: counted from records, which are told beside.

use super::{Look, Sheet, Term};
use crate::behavior::Conduct;
use crate::course::Standing;
use crate::course::credit::{Credits, ON_TRACK_CORE_FAILURES, ON_TRACK_CREDITS};
use crate::course::grading::Grading;
use crate::explain::grade;
use crate::explain::number::{amount, days};
use crate::measure::{Further, Measure, Unit, decimals};

impl Look<'_, '_> {
    /// Sections whose standing grade fails, of all that have one.
    pub(super) fn failing(&self, core_only: bool) -> Sheet {
        let standings = self.evaluation.standings(self.now.as_of);
        let (mut sections, mut failing) = (0, Vec::new());
        for standing in standings.iter().filter(|standing| standing.core || !core_only) {
            sections += 1;
            if standing.failing {
                let (_, numeric, letter) = standing.grade();
                failing.push(grade::failing_in_words(numeric, letter, self.grading(standing).failing_below()));
            }
        }
        let kind = if core_only { "core sections" } else { "sections" };
        let mut words = format!("of {sections} {kind} with a grade that stands, {} fail", failing.len());
        if !failing.is_empty() {
            words = format!("{words}: {}", failing.join("; "));
        }
        Sheet::new(words).term(format!("{kind} with a grade"), sections, Unit::Courses)
    }

    /// A measure of the catalogue's further part: its own arithmetic where it has some, else what it counts.
    pub(super) fn record(&self, further: Further, value: i64) -> Sheet {
        match further.entry().name {
            "gpa" => self.grade_points(value),
            "incident_rate" => self.incident_rate(value),
            "off_track" => self.off_track(),
            "suspended_unmarked" => self.suspended(),
            _ => Sheet::new(counted_from_records(further, value)),
        }
    }

    fn grading(&self, standing: &Standing<'_>) -> Grading<'_> {
        Grading::of_school(self.evaluation.settings, standing.school, self.evaluation.view)
    }

    fn grade_points(&self, value: i64) -> Sheet {
        let worth = self.evaluation.standings(self.now.as_of).into_iter().filter_map(|standing| {
            let (_, numeric, letter) = standing.grade();
            self.grading(&standing).worth(numeric, letter)
        });
        let points: Vec<i64> = worth.collect();
        if points.is_empty() {
            return Sheet::new("no grade that stands is worth points");
        }
        let total: i64 = points.iter().sum();
        let shown: Vec<String> = points.iter().map(|&points| decimals(points)).collect();
        let many = i64::try_from(points.len()).unwrap_or(i64::MAX);
        Sheet::new(format!("({}) / {many} = {}, cut and not rounded", shown.join(" + "), decimals(value)))
            .term("points", total, Unit::GradePointHundredths)
            .term("sections", many, Unit::Courses)
    }

    fn incident_rate(&self, value: i64) -> Sheet {
        let dates = Conduct::of(self.evaluation, self.now.as_of).incident_days;
        let enrolled = self.days.iter().map(|day| i64::from(day.weight)).sum();
        let words = if enrolled > 0 {
            let share = Unit::PercentHundredths.show(value);
            format!("{dates} dates of {0} days: {dates} x 100% / {0} = {share}, cut and not rounded", days(enrolled))
        } else {
            "there is no enrolled day".to_owned()
        };
        Sheet::new(words).term("dates with an incident", dates, Unit::Days).days_term("enrolled", enrolled)
    }

    fn off_track(&self) -> Sheet {
        let credits = Credits::of(self.evaluation, self.now.as_of);
        let show = |thousandths| Unit::CreditThousandths.show(thousandths);
        let words = match credits.on_track() {
            None => "it is told of ninth graders, once two core courses are failed, five credits were attempted outside summer, or the school year is over".to_owned(),
            Some(on_track) => format!(
                "{} credits earned outside summer, of which {} are needed; {} core courses failed, of which {} may be; so {}",
                show(credits.regular),
                show(ON_TRACK_CREDITS),
                credits.core_failures,
                ON_TRACK_CORE_FAILURES,
                if on_track { "on track" } else { "off track" }
            ),
        };
        let mut sheet = Sheet::new(words);
        sheet.terms = vec![
            Term {
                name: "credits earned outside summer".into(),
                value: credits.regular,
                unit: Unit::CreditThousandths,
            },
            Term { name: "core courses failed".into(), value: credits.core_failures, unit: Unit::Courses },
        ];
        sheet
    }

    fn suspended(&self) -> Sheet {
        let conduct = Conduct::of(self.evaluation, self.now.as_of);
        let marked = conduct.suspended_out - conduct.suspended_unmarked;
        Sheet::new(format!(
            "{} days suspended out of school less {} of them that a mark calls absent = {}",
            days(conduct.suspended_out),
            days(marked),
            days(conduct.suspended_unmarked)
        ))
        .days_term("suspended out of school", conduct.suspended_out)
        .days_term("marked absent of them", marked)
    }
}

fn counted_from_records(further: Further, value: i64) -> String {
    let measure = Measure::Further(further);
    match measure.told(value) {
        Some(value) => format!("{}, by the records below that count", amount(value, measure.unit())),
        None => "no record that counts tells it".to_owned(),
    }
}
