//! Calculators as a district writes them: YAML, checked like code.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::band::{self, Bands};
use super::{Applies, Calculator, Conversion, Every, Instruction, Method, Within};
use crate::day::WHOLE;
use crate::id::{self, SchoolId};
use crate::settings::{Category, Reporting};

/// The largest document, bytes.
pub const MAX_BYTES: usize = 256 * 1024;
/// Minutes of a day.
const DAY: i32 = 24 * 60;

/// Why a document is refused.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Larger than a document may be.
    #[error("the calculators have {0} bytes, at most {MAX_BYTES} are allowed")]
    TooLarge(usize),
    /// Not YAML of this shape; the text names line and column.
    #[error("{0}")]
    Yaml(String),
    /// Two calculators of one name.
    #[error("calculator `{0}` is there twice")]
    Twice(String),
    /// A field that holds nonsense.
    #[error("calculator `{calculator}`, {field}: {problem}")]
    Field {
        /// Which one.
        calculator: String,
        /// Which field.
        field: &'static str,
        /// What is wrong, and what is expected.
        problem: String,
    },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Document {
    calculators: Vec<Text>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct Text {
    id: String,
    #[serde(default)]
    applies: AppliesText,
    count: MethodText,
    #[serde(default)]
    treat: BTreeMap<CategoryText, CategoryText>,
    tardies: Option<TardiesText>,
    day_minutes: Option<i32>,
    instruction: Option<InstructionText>,
    reporting: Option<ReportingText>,
    #[serde(default)]
    weights: BTreeMap<String, i32>,
    full_day_minutes: Option<i32>,
    exit_day_counts: Option<bool>,
    no_show_types: Option<Vec<String>>,
}

#[derive(Default, Deserialize)]
#[serde(default, deny_unknown_fields, rename_all = "kebab-case")]
struct AppliesText {
    schools: Vec<String>,
    school_types: Vec<String>,
    calendars: Vec<String>,
    calendar_types: Vec<String>,
}

#[derive(Deserialize)]
#[serde(rename_all = "kebab-case")]
enum MethodText {
    Marks,
    SharePresent(Vec<band::Text>),
    MinutesPresent(Vec<band::Text>),
    MinutesAbsent(Vec<band::Text>),
    Halves(HalvesText),
    OfficialPeriod,
    Exact,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct HalvesText {
    noon: String,
    needed_minutes: i32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
struct TardiesText {
    every: Option<u32>,
    every_minutes: Option<u32>,
    counts: i32,
    #[serde(default)]
    excused: bool,
    #[serde(default)]
    within: WithinText,
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum InstructionText {
    WholeDay,
    PassingMinutes(i32),
}

#[derive(Clone, Copy, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum ReportingText {
    Negative,
    Positive,
}

#[derive(Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum WithinText {
    #[default]
    Year,
    Month,
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum CategoryText {
    ExcusedAbsence,
    UnexcusedAbsence,
    AbsenceUnknownExcuse,
    Partial,
    Tardy,
    EarlyDeparture,
    Present,
    SuspendedOut,
    SuspendedIn,
    Remote,
    Activity,
    MedicalAbsence,
    ExcusedTardy,
}

/// Parses and checks a document. Of the calculators that apply to a student's day the first counts; behind the last stands the
/// shipped one.
pub fn parse(yaml: &str) -> Result<Vec<Calculator>, Error> {
    if yaml.len() > MAX_BYTES {
        return Err(Error::TooLarge(yaml.len()));
    }
    let document: Document = serde_saphyr::from_str(yaml).map_err(|error| Error::Yaml(error.to_string()))?;
    let mut calculators: Vec<Calculator> = Vec::with_capacity(document.calculators.len());
    for text in document.calculators {
        let calculator = text.check()?;
        if calculators.iter().any(|known| known.id == calculator.id) {
            return Err(Error::Twice(calculator.id));
        }
        calculators.push(calculator);
    }
    Ok(calculators)
}

impl Text {
    fn check(self) -> Result<Calculator, Error> {
        let refuse = |field: &'static str| {
            let calculator = self.id.clone();
            move |problem: String| Error::Field { calculator, field, problem }
        };
        let shipped = Calculator::shipped();
        Ok(Calculator {
            applies: self.applies.check().map_err(|error| refuse("applies")(error.to_string()))?,
            method: self.count.check().map_err(refuse("count"))?,
            treat: treatments(&self.treat).map_err(refuse("treat"))?,
            tardies: self.tardies.map(TardiesText::check).transpose().map_err(refuse("tardies"))?,
            day_minutes: self.day_minutes.map(minutes).transpose().map_err(refuse("day-minutes"))?,
            instruction: self
                .instruction
                .map_or(Ok(shipped.instruction), InstructionText::check)
                .map_err(refuse("instruction"))?,
            reporting: self.reporting.map(ReportingText::check),
            weights: weights(self.weights).map_err(refuse("weights"))?,
            full_day_minutes: self.full_day_minutes.map(minutes).transpose().map_err(refuse("full-day-minutes"))?,
            exit_day_counts: self.exit_day_counts.unwrap_or(shipped.exit_day_counts),
            no_show_types: self.no_show_types.as_deref().map_or(shipped.no_show_types, lower),
            id: self.id,
        })
    }
}

impl AppliesText {
    fn check(self) -> Result<Applies, id::Error> {
        let schools = self.schools.iter().map(|school| SchoolId::parse(school)).collect::<Result<_, _>>()?;
        Ok(Applies {
            schools,
            school_types: lower(&self.school_types),
            calendars: lower(&self.calendars),
            calendar_types: lower(&self.calendar_types),
        })
    }
}

impl MethodText {
    fn check(self) -> Result<Method, String> {
        Ok(match self {
            Self::Marks => Method::Marks,
            Self::OfficialPeriod => Method::OfficialPeriod,
            Self::Exact => Method::Exact,
            Self::SharePresent(texts) => Method::SharePresent(bands(&texts)?),
            Self::MinutesPresent(texts) => Method::MinutesPresent(bands(&texts)?),
            Self::MinutesAbsent(texts) => Method::MinutesAbsent(bands(&texts)?),
            Self::Halves(HalvesText { noon, needed_minutes }) => {
                Method::Halves { noon: minute_of_day(&noon)?, needed: minutes(needed_minutes)? }
            }
        })
    }
}

impl InstructionText {
    fn check(self) -> Result<Instruction, String> {
        match self {
            Self::WholeDay => Ok(Instruction::WholeDay),
            Self::PassingMinutes(passing @ 0..=DAY) => Ok(Instruction::Classes { passing }),
            Self::PassingMinutes(other) => Err(format!("{other} minutes are no passing time; 0 to {DAY} are expected")),
        }
    }
}

impl ReportingText {
    const fn check(self) -> Reporting {
        match self {
            Self::Negative => Reporting::Negative,
            Self::Positive => Reporting::Positive,
        }
    }
}

impl TardiesText {
    fn check(self) -> Result<Conversion, String> {
        let every = match (self.every, self.every_minutes) {
            (Some(tardies @ 1..), None) => Every::Tardies(tardies),
            (None, Some(minutes @ 1..)) => Every::Minutes(minutes),
            _ => return Err("either `every` or `every-minutes` is expected, at least 1".to_owned()),
        };
        let within = match self.within {
            WithinText::Year => Within::Year,
            WithinText::Month => Within::Month,
        };
        Ok(Conversion { every, counts: part(self.counts)?, excused: self.excused, within })
    }
}

fn bands(texts: &[band::Text]) -> Result<Bands, String> {
    let bands = texts.iter().map(band::Text::band).collect::<Option<Vec<_>>>();
    let bands = bands.ok_or_else(|| "a band has either `from` or `above`".to_owned())?;
    Bands::new(bands).map_err(|error| error.to_string())
}

fn treatments(texts: &BTreeMap<CategoryText, CategoryText>) -> Result<BTreeMap<Category, Category>, String> {
    let base = |to: &CategoryText| {
        !matches!(
            to,
            CategoryText::SuspendedOut
                | CategoryText::SuspendedIn
                | CategoryText::Remote
                | CategoryText::Activity
                | CategoryText::MedicalAbsence
                | CategoryText::ExcusedTardy
        )
    };
    if !texts.values().all(base) {
        return Err("a category has to count as an absence, a tardy, a departure or presence".to_owned());
    }
    Ok(texts.iter().map(|(from, to)| (from.category(), to.category())).collect())
}

fn weights(texts: BTreeMap<String, i32>) -> Result<BTreeMap<String, i32>, String> {
    texts.into_iter().map(|(event, weight)| Ok((event.trim().to_lowercase(), part(weight)?))).collect()
}

fn lower(texts: &[String]) -> Vec<String> {
    texts.iter().map(|text| text.trim().to_lowercase()).collect()
}

fn part(value: i32) -> Result<i32, String> {
    let expected = || format!("{value} is no part of a day; 1 to {WHOLE} hundredths are expected");
    (1..=WHOLE).contains(&value).then_some(value).ok_or_else(expected)
}

fn minutes(value: i32) -> Result<i32, String> {
    let expected = || format!("{value} is no length of a school day; 1 to {DAY} minutes are expected");
    (1..=DAY).contains(&value).then_some(value).ok_or_else(expected)
}

fn minute_of_day(text: &str) -> Result<i32, String> {
    let time: jiff::civil::Time =
        text.parse().map_err(|_| format!("`{text}` is no time of day; one such as `12:00` is expected"))?;
    Ok(i32::from(time.hour()) * 60 + i32::from(time.minute()))
}

impl CategoryText {
    fn category(self) -> Category {
        match self {
            Self::ExcusedAbsence => Category::ExcusedAbsence,
            Self::UnexcusedAbsence => Category::UnexcusedAbsence,
            Self::AbsenceUnknownExcuse => Category::AbsenceUnknownExcuse,
            Self::Partial => Category::Partial,
            Self::Tardy => Category::Tardy,
            Self::EarlyDeparture => Category::EarlyDeparture,
            Self::Present => Category::Present,
            Self::SuspendedOut => Category::SuspendedOut,
            Self::SuspendedIn => Category::SuspendedIn,
            Self::Remote => Category::Remote,
            Self::Activity => Category::Activity,
            Self::MedicalAbsence => Category::MedicalAbsence,
            Self::ExcusedTardy => Category::ExcusedTardy,
        }
    }
}
