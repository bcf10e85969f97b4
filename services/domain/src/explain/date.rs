//! A student's dates: what each came to, by which marks, and how it was counted; and the marks that do not count, with the reason.

use std::collections::BTreeMap;

use smallvec::SmallVec;

use crate::calculated::Account;
use crate::calculator::Method;
use crate::code;
use crate::date::Date;
use crate::day::{Day, WHOLE};
use crate::evaluation::Evaluation;
use crate::event::{AttendanceMark, Fact, Scope};
use crate::explain::number::days;
use crate::id::SchoolId;
use crate::ledger::Live;
use crate::rule::claim::describe;
use crate::settings::Category;
use crate::standing;

/// A school of the year, and its dates up to the as-of date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchoolTold {
    /// Which.
    pub school: SchoolId,
    /// The first and the last date of its calendar on which the student is enrolled there; none when there is none.
    pub span: Option<(Date, Date)>,
    /// Such dates.
    pub dates: usize,
    /// Those of them that are whole days of presence of which nothing was said, and that count for the district.
    pub silent: usize,
    /// Weekdays on which the student is enrolled there and that the calendar does not have.
    pub off: Vec<Date>,
}

/// A date of which there is something to say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DateTold {
    /// When.
    pub date: Date,
    /// Where.
    pub school: SchoolId,
    /// What it came to.
    pub came_to: CameTo,
    /// How it was counted, in words and numbers; empty when it does not count.
    pub how: String,
    /// What was marked, in the order of source and key.
    pub marks: Vec<MarkTold>,
}

/// What a date came to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CameTo {
    /// The district's day of that date.
    Counted(Day),
    /// It counts at the school; for the district the date counts at another one.
    AtSchoolOnly(Day),
    /// It is a date of the student there, and nobody said what it was.
    Unknown,
    /// It is no date of the student there: its marks say why.
    NoDate,
}

/// A mark of a date.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MarkTold {
    /// The fact.
    pub live: Live<AttendanceMark>,
    /// What its code means; none of an unmapped one.
    pub category: Option<Category>,
    /// The mark in words.
    pub what: String,
    /// Why it does not count; none when it does.
    pub not_counted: Option<&'static str>,
}

/// Schools, dates with something to say, and the number of marks of other years.
pub(super) fn tell(evaluation: &Evaluation<'_>) -> (Vec<SchoolTold>, Vec<DateTold>, usize) {
    let as_of = evaluation.now.as_of;
    let (mut marks, other_years) = marks(evaluation);
    let (mut schools, mut dates) = (Vec::new(), Vec::new());
    for (school, days) in evaluation.days_by_school(as_of) {
        let accounts = evaluation.accounts(school, as_of);
        let mut silent = 0;
        for ((date, day), account) in days.iter().zip(&accounts) {
            let of_date = marks.remove(&(*date, school.clone())).unwrap_or_default();
            let for_district = evaluation.day(*date).is_some_and(|(counted_at, _)| counted_at == school);
            if for_district && of_date.is_empty() && account.is_silent() {
                silent += 1;
                continue;
            }
            let came_to = match day {
                None => CameTo::Unknown,
                Some(day) if for_district => CameTo::Counted(*day),
                Some(day) => CameTo::AtSchoolOnly(*day),
            };
            let how = how(account);
            dates.push(DateTold { date: *date, school: school.clone(), came_to, how, marks: of_date });
        }
        schools.push(SchoolTold {
            school: school.clone(),
            span: days.first().zip(days.last()).map(|((first, _), (last, _))| (*first, *last)),
            dates: days.len(),
            silent,
            off: evaluation.weekdays_off(school, as_of),
        });
    }
    dates.extend(marks.into_iter().map(|((date, school), marks)| DateTold {
        date,
        school,
        came_to: CameTo::NoDate,
        how: String::new(),
        marks,
    }));
    dates.sort_by(|a, b| (a.date, &a.school).cmp(&(b.date, &b.school)));
    (schools, dates, other_years)
}

type Marks = BTreeMap<(Date, SchoolId), Vec<MarkTold>>;

/// The year's marks by date and school, and how many there are of other years.
fn marks(evaluation: &Evaluation<'_>) -> (Marks, usize) {
    let mut by_date = Marks::new();
    let mut other_years = 0;
    for live in evaluation.ledger.marks() {
        if live.fact.date.school_year() != evaluation.year() {
            other_years += 1;
            continue;
        }
        let category = code::attendance(&live.fact.code, &evaluation.settings.codes);
        let fact = Fact::AttendanceMark(live.fact.clone());
        let told = MarkTold {
            category,
            what: describe(&live.fact, category),
            not_counted: standing::not_counted(evaluation, &fact),
            live,
        };
        by_date.entry((told.live.fact.date, told.live.fact.school.clone())).or_default().push(told);
    }
    for marks in by_date.values_mut() {
        marks.sort_by(|a, b| {
            let of = |told: &MarkTold| (matches!(told.live.fact.scope, Scope::Section(_)), told.live.key);
            of(a).cmp(&of(b)).then_with(|| a.live.source.cmp(&b.live.source))
        });
    }
    (by_date, other_years)
}

/// How a date was counted, in words and numbers.
fn how(account: &Account<'_>) -> String {
    let mut words = match (account.day, account.counted) {
        (Some(day), Some(_)) => counted(account, &day),
        _ => unknown(account),
    };
    if account.day.is_some() && account.converted > 0 {
        words = format!("{words}; tardies so far make {} more of it absent", days(i64::from(account.converted)));
    }
    if account.weight != WHOLE {
        words = format!("{words}; the date is worth {} of a day", days(i64::from(account.weight)));
    }
    match account.calculator {
        Some(calculator) => format!("{words} (calculator `{}`)", calculator.id),
        None => words,
    }
}

fn unknown(account: &Account<'_>) -> String {
    let classes = account.classes;
    // Then what was told of it would do, if it were known how long the day and its classes are.
    let is_told = account.marked || classes.all > 0 && classes.known == classes.all;
    match classes.all {
        _ if is_told => match account.calculator.map(|calculator| &calculator.method) {
            Some(Method::OfficialPeriod) => "none of its classes is the official period".to_owned(),
            _ => "how long it is, or its classes are, is not known".to_owned(),
        },
        0 => "nothing was recorded, and silence proves nothing here".to_owned(),
        all if classes.known == 0 => format!("attendance was taken in none of {all} classes"),
        all => format!("too little is known of it: attendance was taken in {} of {all} classes", classes.known),
    }
}

fn counted(account: &Account<'_>, day: &Day) -> String {
    let method = account.calculator.map_or(&Method::Marks, |calculator| &calculator.method);
    let by_method = match method {
        Method::Marks if !account.alone.is_empty() => by_marks(&account.alone),
        Method::Marks if account.classes.marked > 0 => by_classes(account),
        Method::OfficialPeriod => "by the official period, unless a mark is for the whole day".to_owned(),
        Method::Marks => "no mark, so present".to_owned(),
        Method::SharePresent(_) | Method::MinutesPresent(_) | Method::MinutesAbsent(_) => {
            format!("{}, by the calculator's bands", minutes(day))
        }
        Method::Halves { .. } => format!("{}, each half for itself", minutes(day)),
        Method::Exact => format!("{}, to the nearest hundredth", minutes(day)),
    };
    if day.unexcused > 0 && day.unexcused < day.absent {
        format!("{by_method}; {} of it without excuse", days(i64::from(day.unexcused)))
    } else {
        by_method
    }
}

/// Item 3 of the default policy.
fn by_marks(alone: &SmallVec<[i32; 2]>) -> String {
    let shown = |part: i32| days(i64::from(part));
    let sum: i32 = alone.iter().sum();
    match alone.as_slice() {
        [only] => format!("the mark of the day: {}", shown(*only)),
        several => {
            let parts: Vec<String> = several.iter().map(|part| shown(*part)).collect();
            let at_most = if sum > WHOLE { format!(", at most {}", shown(WHOLE)) } else { String::new() };
            format!("marks of the day: {} = {}{at_most}", parts.join(" + "), shown(sum))
        }
    }
}

/// Item 4.
fn by_classes(account: &Account<'_>) -> String {
    let classes = account.classes;
    let so = if classes.missed > 0 && classes.missed * 2 >= classes.known {
        "half or more, so all of the day"
    } else {
        "less than half, so none of the day"
    };
    let unknown = match classes.all - classes.known {
        0 => String::new(),
        some => format!(" ({some} more are not known)"),
    };
    format!("absent from {} of {} classes{unknown}: {so}", classes.missed, classes.known)
}

fn minutes(day: &Day) -> String {
    let Some(minutes) = day.minutes else { return "its length is not known".to_owned() };
    let unknown = match minutes.unknown {
        0 => String::new(),
        some => format!(", {some} not known"),
    };
    format!("{} of {} minutes missed{unknown}", minutes.absent, minutes.scheduled)
}
