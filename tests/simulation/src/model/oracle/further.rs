//! The same second computation of conduct, coursework and connections, by the names of the catalogue.

use std::collections::{BTreeMap, BTreeSet};

use homeroom_domain::behavior::Sanction;
use homeroom_domain::connection::Relation;
use homeroom_domain::date::Date;
use homeroom_domain::event::{AssignmentResult, Connection, CourseTranscript, Discipline, Enrollment, Fact, Grade};
use homeroom_domain::id::{AssignmentId, CourseId, SchoolId, SectionId};
use homeroom_domain::reference::{Assignment, Entry, GradingPeriod, Incident};

use super::{CORE, Oracle, TYPES, meaning};

/// By name; none where there is nothing to tell.
pub type Figures = BTreeMap<&'static str, Option<i64>>;

/// A piece of work that counts.
struct Piece<'a> {
    work: &'a Assignment,
    result: &'a AssignmentResult,
    on: Date,
}

impl Oracle {
    /// Everything but attendance and failing, as of a date.
    pub fn further(&self, as_of: Date) -> Figures {
        let mut figures = Figures::new();
        self.grades_in_points(as_of, &mut figures);
        self.transcript(as_of, &mut figures);
        self.gradebook(as_of, &mut figures);
        self.conduct(as_of, &mut figures);
        self.connections(as_of, &mut figures);
        figures.insert("sixth_grade_flags", Some(self.flags(as_of, &figures)));
        figures.insert("high_school_flags", Some(self.high_school_flags(as_of, &figures)));
        figures
    }

    /// How many assignments were due by a date and not handed in.
    pub fn missing_work(&self, as_of: Date) -> i64 {
        i64::try_from(self.pieces(as_of).iter().filter(|piece| piece.is_missing()).count()).unwrap()
    }

    fn said<'f, T>(&'f self, of: impl Fn(&'f Fact) -> Option<T>) -> Vec<T> {
        if self.student_known() { self.facts.iter().filter_map(of).collect() } else { Vec::new() }
    }

    fn worth(&self, numeric: Option<i64>, letter: Option<&String>) -> Option<i64> {
        let scale = &self.settings.grade_scale;
        if let Some(numeric) = numeric {
            let mut steps = scale.numbers.clone();
            steps.sort_by_key(|step| -step.from);
            return Some(steps.iter().find(|step| numeric >= step.from).map_or(0, |step| step.points));
        }
        scale.letters.get(&letter?.to_uppercase()).copied()
    }

    /// What stands for each section and period end.
    fn graded(&self, as_of: Date) -> Vec<(SectionId, Date, &Grade)> {
        let grades = self.said(|fact| if let Fact::Grade(grade) = fact { Some(grade) } else { None });
        let mut known: Vec<(SectionId, Date, usize, &Grade)> = Vec::new();
        for grade in grades {
            let rank = TYPES.iter().position(|of| *of == meaning(&grade.grade_type));
            let period: Option<&GradingPeriod> = self.period(grade).filter(|period| period.begin_on <= as_of);
            let of_year = self.section(grade.section).is_some_and(|(_, session, _)| session.school_year == self.year);
            let (Some(rank), Some(period), true) = (rank, period, of_year) else { continue };
            if grade.numeric.is_some() || grade.letter.is_some() {
                known.push((grade.section, period.end_on, rank, grade));
            }
        }
        let best = |of: &(SectionId, Date, usize, &Grade)| {
            known.iter().filter(|it| (it.0, it.1) == (of.0, of.1)).map(|it| it.2).min() == Some(of.2)
        };
        let mut seen = BTreeSet::new();
        let first = known.iter().filter(|it| best(it)).filter(|it| seen.insert((it.0, it.1)));
        first.map(|(section, end, _, grade)| (*section, *end, *grade)).collect()
    }

    fn grades_in_points(&self, as_of: Date, figures: &mut Figures) {
        let graded = self.graded(as_of);
        let points = |of: &[&(SectionId, Date, &Grade)]| {
            let worth: Vec<i64> =
                of.iter().filter_map(|(_, _, grade)| self.worth(grade.numeric, grade.letter.as_ref())).collect();
            (!worth.is_empty()).then(|| worth.iter().sum::<i64>().div_euclid(i64::try_from(worth.len()).unwrap()))
        };
        let stands = |it: &&(SectionId, Date, &Grade)| graded.iter().all(|of| of.0 != it.0 || of.1 <= it.1);
        let standing: Vec<_> = graded.iter().filter(stands).collect();
        figures.insert("gpa", points(&standing));
        let mut ends: Vec<Date> = graded.iter().map(|it| it.1).collect();
        ends.sort();
        ends.dedup();
        let means: Vec<i64> = ends
            .iter()
            .filter_map(|end| points(&graded.iter().filter(|it| it.1 == *end).collect::<Vec<_>>()))
            .collect();
        let change = means.len().checked_sub(2).map(|before| means[before + 1] - means[before]);
        figures.insert("gpa_change", Some(change.unwrap_or(0)));
    }

    fn subjects(&self, course: CourseId) -> Option<Vec<String>> {
        self.entries.iter().find_map(|entry| match entry {
            Entry::Course(of) if of.course == course => {
                Some(of.subjects.iter().map(|subject| meaning(subject)).collect())
            }
            _ => None,
        })
    }

    fn transcript(&self, as_of: Date, figures: &mut Figures) {
        let taken: Vec<&CourseTranscript> = self
            .said(|fact| if let Fact::CourseTranscript(taken) = fact { Some(taken) } else { None })
            .into_iter()
            .filter(|taken| taken.school_year <= self.year && self.subjects(taken.course).is_some())
            .collect();
        let over = |taken: &CourseTranscript| !["withdrawn", "incomplete"].contains(&meaning(&taken.result).as_str());
        let (mut points, mut weight) = (0, 0);
        for taken in taken.iter().filter(|taken| over(taken)) {
            if let Some(worth) = self.worth(taken.numeric, taken.letter.as_ref()) {
                points += worth * taken.attempted.unwrap_or(1_000);
                weight += taken.attempted.unwrap_or(1_000);
            }
        }
        figures.insert("gpa_cumulative", (weight > 0).then(|| points.div_euclid(weight)));
        figures.insert("credits_earned_so_far", Some(taken.iter().filter_map(|taken| taken.earned).sum()));
        let year: Vec<_> = taken.into_iter().filter(|taken| taken.school_year == self.year).collect();
        figures.insert("credits_attempted", Some(year.iter().filter_map(|taken| taken.attempted).sum()));
        figures.insert("credits_earned", Some(year.iter().filter_map(|taken| taken.earned).sum()));
        let any = !year.is_empty();
        let terms: Vec<_> = year.into_iter().filter(|taken| !meaning(&taken.term).contains("summer")).collect();
        let is_core = |course| self.subjects(course).unwrap().iter().any(|subject| CORE.contains(&subject.as_str()));
        let fails = |taken: &CourseTranscript| match (taken.numeric, &taken.letter) {
            (Some(numeric), _) if numeric < self.settings.failing_below => true,
            (None, Some(letter)) if self.letter_fails(letter) => true,
            _ => meaning(&taken.result) == "fail",
        };
        let failed = terms.iter().filter(|taken| over(taken) && is_core(taken.course) && fails(taken)).count();
        let earned: i64 = terms.iter().filter_map(|taken| taken.earned).sum();
        figures.insert("core_failures", Some(i64::try_from(failed).unwrap()));
        let attempted: i64 = terms.iter().filter_map(|taken| taken.attempted).sum();
        let few = earned < 5_000 && (attempted >= 5_000 || self.year_is_over(as_of));
        let ninth = ["ninth grade", "9", "09"].contains(&self.grade_level(as_of).as_str());
        figures.insert("off_track", Some(i64::from(any && ninth && (few || failed > 1))));
    }

    /// Past the last school day of the calendar that the latest enrollment follows, with no session of that school to come.
    fn year_is_over(&self, as_of: Date) -> bool {
        let Some(last) = self.last_spell(as_of).filter(|spell| self.school_known(&spell.school)) else { return false };
        if last.exit_on.is_some_and(|exit| exit.school_year() < self.year) {
            return false;
        }
        let Some(calendar) = self.calendar(last) else { return false };
        let to_come = |entry: &Entry| match entry {
            Entry::Session(of) => of.school == last.school && of.school_year == self.year && as_of < of.begin_on,
            _ => false,
        };
        if self.entries.iter().any(to_come) {
            return false;
        }
        let mut taught = self.dates().into_iter().filter(|date| self.instructional(calendar, *date));
        taught.next_back().is_some_and(|end| end < as_of)
    }

    fn grade_level(&self, as_of: Date) -> String {
        self.last_spell(as_of).map(|spell| meaning(&spell.grade_level)).unwrap_or_default()
    }

    fn last_spell(&self, as_of: Date) -> Option<&Enrollment> {
        let mut last: Option<&Enrollment> = None;
        for fact in &self.facts {
            if let Fact::Enrollment(spell) = fact
                && spell.entry_on <= as_of
                && last.is_none_or(|last| spell.entry_on >= last.entry_on)
            {
                last = Some(spell);
            }
        }
        last
    }

    /// Pieces of work that were due by a date, as they count on another.
    fn pieces(&self, as_of: Date) -> Vec<Piece<'_>> {
        let results = self.said(|fact| if let Fact::AssignmentResult(result) = fact { Some(result) } else { None });
        let mut last: BTreeMap<AssignmentId, Piece<'_>> = BTreeMap::new();
        for result in results {
            let work = self.entries.iter().find_map(|entry| match entry {
                Entry::Assignment(of) if of.assignment == result.assignment => Some(of),
                _ => None,
            });
            let Some(work) = work.filter(|work| work.due_on <= as_of) else { continue };
            let Some((_, session, _)) = self.section(work.section) else { continue };
            let runs = session.begin_on <= as_of && as_of <= session.end_on;
            let spells: Vec<_> = self
                .facts
                .iter()
                .filter_map(|fact| if let Fact::SectionMembership(of) = fact { Some(of) } else { None })
                .filter(|of| of.section == work.section)
                .collect();
            let belongs = spells.iter().any(|of| of.begin_on <= as_of && of.end_on.is_none_or(|end| end >= as_of));
            if runs && (belongs || spells.is_empty()) {
                last.insert(work.assignment, Piece { work, result, on: as_of });
            }
        }
        last.into_values().collect()
    }

    fn gradebook(&self, as_of: Date, figures: &mut Figures) {
        let pieces = self.pieces(as_of);
        let missing: Vec<_> = pieces.iter().filter(|piece| piece.is_missing()).collect();
        let recent = missing.iter().filter(|piece| as_of.days() - piece.work.due_on.days() < 7).count();
        let late = pieces.iter().filter(|piece| piece.is_in() && meaning(&piece.result.lateness) == "late").count();
        let sections: BTreeSet<SectionId> = pieces.iter().map(|piece| piece.work.section).collect();
        let (mut low, mut lowest, mut weeks) = (0, None, 0);
        for section in sections {
            let percent = |back: i32| {
                let until = as_of.days() - 7 * back;
                let of = pieces.iter().filter(|piece| piece.work.section == section);
                let due = of.filter(|piece| piece.work.due_on.days() <= until);
                let then = |piece: &Piece<'_>| Piece { on: Date::from_days(until).unwrap(), ..*piece }.earned();
                let graded: Vec<_> = due.filter_map(then).collect();
                let (earned, most) = graded.iter().fold((0, 0), |sum, it| (sum.0 + it.0, sum.1 + it.1));
                (most > 0).then_some((earned, most))
            };
            let Some((earned, most)) = percent(0) else { continue };
            let is_low = |(earned, most): (i64, i64)| earned * 10 < most * 7;
            low += i64::from(is_low((earned, most)));
            let average = earned * 10_000 / most;
            lowest = Some(lowest.map_or(average, |known: i64| known.min(average)));
            weeks = weeks.max((0..60).take_while(|back| percent(*back).is_some_and(is_low)).count());
        }
        figures.insert("missing_work", Some(i64::try_from(missing.len()).unwrap()));
        figures.insert("missing_work_last_7_days", Some(i64::try_from(recent).unwrap()));
        figures.insert("late_work", Some(i64::try_from(late).unwrap()));
        figures.insert("low_averages", Some(low));
        figures.insert("lowest_average", lowest);
        figures.insert("weeks_low", Some(i64::try_from(weeks).unwrap()));
    }

    fn conduct(&self, as_of: Date, figures: &mut Figures) {
        let parts = self.said(|fact| if let Fact::Behavior(part) = fact { Some(part) } else { None });
        let did_it = parts.into_iter().filter(|of| of.part.is_empty() || meaning(&of.part) == "perpetrator");
        let happened = |incident: &&Incident| {
            incident.date <= as_of && incident.date.school_year() == self.year && self.school_known(&incident.school)
        };
        let incidents: Vec<&Incident> = self
            .entries
            .iter()
            .filter_map(|entry| if let Entry::Incident(incident) = entry { Some(incident) } else { None })
            .filter(happened)
            .collect();
        let own: BTreeMap<_, _> = did_it
            .filter_map(|part| incidents.iter().find(|of| of.incident == part.incident))
            .map(|of| (of.incident, of.date))
            .collect();
        let days = own.values().collect::<BTreeSet<_>>().len();
        figures.insert("incidents", Some(i64::try_from(own.len()).unwrap()));
        figures.insert("incident_days", Some(i64::try_from(days).unwrap()));
        let enrolled = self.district(as_of, as_of).enrolled;
        let rate = (enrolled > 0).then(|| i64::try_from(days).unwrap() * 1_000_000 / enrolled);
        figures.insert("incident_rate", rate);
        self.suspensions(as_of, figures);
    }

    fn sanction(&self, discipline: &Discipline) -> Option<Sanction> {
        let value = meaning(&discipline.code);
        if let Some(own) = self.settings.disciplines.get(&value) {
            return Some(*own);
        }
        match value.as_str() {
            "in school suspension" => Some(Sanction::InSchoolSuspension),
            "out of school suspension" => Some(Sanction::OutOfSchoolSuspension),
            "expulsion" | "expulsion with services" => Some(Sanction::Expulsion),
            "other" | "community service" => Some(Sanction::Other),
            _ => None,
        }
    }

    fn suspensions(&self, as_of: Date, figures: &mut Figures) {
        let given: Vec<(&Discipline, Sanction)> = self
            .said(|fact| if let Fact::Discipline(discipline) = fact { Some(discipline) } else { None })
            .into_iter()
            .filter(|it| {
                it.begin_on <= as_of && it.begin_on.school_year() == self.year && self.school_known(&it.school)
            })
            .filter_map(|it| Some((it, self.sanction(it)?)))
            .collect();
        let of =
            |wanted| Some(i64::try_from(given.iter().filter(|(_, sanction)| *sanction == wanted).count()).unwrap());
        figures.insert("suspensions_in", of(Sanction::InSchoolSuspension));
        figures.insert("suspensions_out", of(Sanction::OutOfSchoolSuspension));
        figures.insert("expulsions", of(Sanction::Expulsion));
        let (mut inside, mut outside, mut unmarked) = (0, 0, 0);
        for date in self.dates().into_iter().filter(|date| *date <= as_of) {
            let part = |wanted: &[Sanction]| {
                let covering = given.iter().filter(|(_, sanction)| wanted.contains(sanction));
                covering.map(|(it, _)| self.suspended_part(it, date)).max().unwrap_or(0)
            };
            let out = part(&[Sanction::OutOfSchoolSuspension, Sanction::Expulsion]);
            inside += part(&[Sanction::InSchoolSuspension]).min(100 - out);
            outside += out;
            let absent = self.district_day(date).map_or(0, |sum| sum.absent);
            unmarked += (out - absent).max(0);
        }
        figures.insert("suspended_in", Some(inside));
        figures.insert("suspended_out", Some(outside));
        figures.insert("suspended_unmarked", Some(unmarked));
    }

    /// How much of a date is the n-th day of a suspension.
    fn suspended_part(&self, discipline: &Discipline, date: Date) -> i64 {
        let school: &SchoolId = &discipline.school;
        if date < discipline.begin_on || self.day(school, date).is_none() {
            return 0;
        }
        let before = self.dates().into_iter().filter(|of| *of >= discipline.begin_on && *of < date);
        let served = before.filter(|of| self.day(school, *of).is_some()).count();
        let left = i64::from(discipline.length.unwrap_or(100)) - 100 * i64::try_from(served).unwrap();
        left.clamp(0, 100)
    }

    fn relation(&self, tie: &Connection) -> Option<Relation> {
        let kind = if tie.kind.is_empty() {
            self.entries.iter().find_map(|entry| match entry {
                Entry::Group(group) if group.group == tie.with => Some(group.kind.clone()),
                _ => None,
            })?
        } else {
            tie.kind.clone()
        };
        if let Some(own) = self.settings.connections.get(&meaning(&kind)) {
            return Some(*own);
        }
        match meaning(&kind).as_str() {
            "extracurricular activity" | "athletics" => Some(Relation::Activity),
            "mentor" => Some(Relation::Mentor),
            "trusted-adult" => Some(Relation::TrustedAdult),
            _ => None,
        }
    }

    fn connections(&self, as_of: Date, figures: &mut Figures) {
        let ties: Vec<(Relation, &Connection)> = self
            .said(|fact| if let Fact::Connection(tie) = fact { Some(tie) } else { None })
            .into_iter()
            .filter(|tie| tie.begin_on <= as_of)
            .filter_map(|tie| Some((self.relation(tie)?, tie)))
            .collect();
        let lasts = |tie: &Connection| tie.end_on.is_none_or(|end| as_of <= end);
        let held = |wanted: Relation| -> BTreeSet<_> {
            ties.iter().filter(|(of, tie)| *of == wanted && lasts(tie)).map(|(_, tie)| tie.with).collect()
        };
        let adults = held(Relation::Mentor).union(&held(Relation::TrustedAdult)).count();
        let ended = ties.iter().filter(|(relation, tie)| {
            tie.end_on.is_some_and(|end| (1..=28).contains(&(as_of.days() - end.days()))) && held(*relation).is_empty()
        });
        let lost = ended.map(|(relation, tie)| (*relation, tie.with)).collect::<BTreeSet<_>>().len();
        figures.insert("trusted_adults", Some(i64::try_from(adults).unwrap()));
        figures.insert("activities", Some(i64::try_from(held(Relation::Activity).len()).unwrap()));
        figures.insert("mentored", Some(i64::from(!held(Relation::Mentor).is_empty())));
        figures.insert("lost_connections", Some(i64::try_from(lost).unwrap()));
        let surveys = self.said(|fact| if let Fact::SurveyScore(survey) = fact { Some(survey) } else { None });
        let of_year: Vec<_> =
            surveys.into_iter().filter(|it| it.taken_on <= as_of && it.taken_on.school_year() == self.year).collect();
        let latest = of_year.iter().map(|it| it.taken_on).max();
        let score = of_year.iter().filter(|it| Some(it.taken_on) == latest).map(|it| i64::from(it.score)).min();
        figures.insert("survey_score", score);
    }

    fn flags(&self, as_of: Date, figures: &Figures) -> i64 {
        if !["sixth grade", "6", "06"].contains(&self.grade_level(as_of).as_str()) {
            return 0;
        }
        let failing = |subject: &str| {
            self.failing_sections(as_of).iter().any(|(section, _)| {
                let course = self.entries.iter().find_map(|entry| match entry {
                    Entry::CourseOffering(of) if of.course_offering == section.course_offering => Some(of.course),
                    _ => None,
                });
                let subjects = course.and_then(|course| self.subjects(course)).unwrap_or_default();
                subjects.iter().any(|of| of == subject)
            })
        };
        let row = self.district(as_of, as_of);
        let suspended = figures["suspensions_out"] > Some(0) || figures["expulsions"] > Some(0);
        let all = [row.tier == Some(3), failing("mathematics"), failing("english"), suspended];
        all.into_iter().map(i64::from).sum()
    }

    fn high_school_flags(&self, as_of: Date, figures: &Figures) -> i64 {
        let level = self.grade_level(as_of);
        let names = [["ninth grade", "9"], ["tenth grade", "10"], ["eleventh grade", "11"], ["twelfth grade", "12"]];
        if !names.iter().flatten().any(|name| level.trim_start_matches('0') == *name) {
            return 0;
        }
        let tenth = self.district(as_of, as_of).tier.is_some_and(|tier| tier >= 2);
        let fails = !self.failing_sections(as_of).is_empty();
        let low = figures["gpa"].is_some_and(|points| points <= 200);
        let all = [tenth, fails, low, figures["core_failures"] >= Some(2)];
        all.into_iter().map(i64::from).sum()
    }
}

impl Piece<'_> {
    fn is_missing(&self) -> bool {
        let status = meaning(&self.result.status);
        let later = status != "exempt" && self.result.fulfilled_on.is_some_and(|date| date > self.on);
        later || ["not submitted", "missing"].contains(&status.as_str())
    }

    fn is_in(&self) -> bool {
        !self.is_missing() && meaning(&self.result.status) != "exempt"
    }

    /// Earned, of how much, in millionths of points.
    fn earned(&self) -> Option<(i64, i64)> {
        let most = self.work.points.filter(|points| *points > 0);
        let worth = most.unwrap_or(10_000);
        let earned = if self.is_missing() {
            Some(0)
        } else if !self.is_in() {
            None
        } else if most.is_some() && self.result.points.is_some() {
            self.result.points.map(|points| points * 10_000)
        } else {
            self.result.numeric.map(|numeric| numeric * worth)
        };
        earned.map(|earned| (earned, worth * 10_000))
    }
}
