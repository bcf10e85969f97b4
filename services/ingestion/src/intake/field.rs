//! Fields as they come: any JSON value, read into what is expected or a [`Problem`] that names the field.
//!
//! A record's shape takes any value in any field, so that a number where a text belongs is told as just that. Texts are
//! borrowed from the body wherever they hold no escapes.

use std::borrow::Cow;
use std::fmt;

use homeroom_domain::date::Date;
use homeroom_domain::id::{SchoolId, SchoolYear};
use jiff::{Timestamp, civil};
use serde::de::{Deserialize, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};

use super::Problem;

/// The longest code, in bytes. Ed-Fi's descriptors have at most 306 characters, of which the part after `#` has 50.
pub const MAX_CODE_BYTES: usize = 300;

/// The longest natural key, in bytes.
pub const MAX_KEY_BYTES: usize = 500;

/// The most codes of one record.
pub const MAX_CODES: usize = 50;
/// The most dates in a list: more than a school year has.
pub const MAX_DATES: usize = 400;

/// No record of a student in school today is older.
const FIRST_YEAR: i16 = 2000;
/// 2000-01-01, in days since 1970-01-01.
const FIRST_DAY: i32 = 10_957;

/// How far ahead of today a date may lie, in days: calendars and enrollments of the next school year are sent in advance.
const DAYS_AHEAD: i32 = 400;

/// One JSON value, of which only texts, numbers and booleans are kept; `null` is as good as absent.
#[derive(Debug, Clone, Default, PartialEq)]
pub enum Value<'a> {
    /// Absent or `null`.
    #[default]
    Missing,
    /// A boolean.
    Bool(bool),
    /// A whole number.
    Integer(i128),
    /// A number with a fraction or exponent.
    Decimal(f64),
    /// A text.
    Text(Cow<'a, str>),
    /// A list; its members are kept when they are texts, up to one more than [`MAX_DATES`].
    List(Vec<Value<'a>>),
    /// An object.
    Object,
}

impl<'de: 'a, 'a> Deserialize<'de> for Value<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyValue)
    }
}

struct AnyValue;

impl<'de> Visitor<'de> for AnyValue {
    type Value = Value<'de>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any JSON value")
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(Value::Missing)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Self::Value, E> {
        Ok(Value::Bool(value))
    }

    fn visit_i64<E>(self, value: i64) -> Result<Self::Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_u64<E>(self, value: u64) -> Result<Self::Value, E> {
        Ok(Value::Integer(value.into()))
    }

    fn visit_f64<E>(self, value: f64) -> Result<Self::Value, E> {
        Ok(Value::Decimal(value))
    }

    fn visit_borrowed_str<E>(self, value: &'de str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Borrowed(value)))
    }

    fn visit_str<E>(self, value: &str) -> Result<Self::Value, E> {
        Ok(Value::Text(Cow::Owned(value.to_owned())))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut list: A) -> Result<Self::Value, A::Error> {
        let mut kept = Vec::new();
        while kept.len() <= MAX_DATES {
            match list.next_element()? {
                Some(value) => kept.push(value),
                None => return Ok(Value::List(kept)),
            }
        }
        while list.next_element::<IgnoredAny>()?.is_some() {}
        Ok(Value::List(kept))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
        while map.next_entry::<IgnoredAny, IgnoredAny>()?.is_some() {}
        Ok(Value::Object)
    }
}

/// A field: where it stands, and what stands there.
#[derive(Debug, Clone, Copy)]
pub struct Field<'v> {
    path: &'static str,
    value: &'v Value<'v>,
}

impl<'v> Field<'v> {
    /// The field at a path, such as `$.data.date`.
    pub const fn at(path: &'static str, value: &'v Value<'v>) -> Self {
        Self { path, value }
    }

    /// Whether it is absent or `null`.
    pub const fn is_missing(self) -> bool {
        matches!(self.value, Value::Missing)
    }

    /// The same field, when it is there.
    pub fn present(self) -> Option<Self> {
        (!self.is_missing()).then_some(self)
    }

    /// A text of 1 to `max` bytes without control characters.
    pub fn text(self, expected: &'static str, max: usize) -> Result<&'v str, Problem> {
        let Value::Text(text) = self.value else { return Err(self.mistyped(expected)) };
        if text.is_empty() {
            return Err(self.problem(expected, "is empty"));
        }
        if text.len() > max {
            return Err(Problem::new(
                self.path,
                expected,
                format!("has {} bytes, at most {max} are allowed", text.len()),
            ));
        }
        if has_control(text) {
            return Err(self.problem(expected, "holds a control character"));
        }
        Ok(text)
    }

    /// A text that may be absent or empty, which is the same.
    pub fn text_or_empty(self, expected: &'static str, max: usize) -> Result<&'v str, Problem> {
        match self.value {
            Value::Missing => Ok(""),
            Value::Text(text) if text.is_empty() => Ok(""),
            _ => self.text(expected, max),
        }
    }

    /// An id of the sender: a text of 1 to 120 bytes without blanks around it.
    pub fn id(self) -> Result<&'v str, Problem> {
        const EXPECTED: &str = "the sender's id, a text of 1 to 120 bytes without blanks around it";
        let text = self.text(EXPECTED, homeroom_domain::id::MAX_LENGTH)?;
        if text.trim().len() < text.len() {
            return Err(self.problem(EXPECTED, "has blanks around it"));
        }
        Ok(text)
    }

    /// A school's id.
    pub fn school(self) -> Result<SchoolId, Problem> {
        const EXPECTED: &str = "the district's id of a school, a text of 1 to 120 bytes without blanks or slashes";
        let text = self.text(EXPECTED, homeroom_domain::id::MAX_LENGTH)?;
        SchoolId::parse(text).map_err(|_| self.problem(EXPECTED, "holds a blank or slash"))
    }

    /// A code of the source: any text of at most [`MAX_CODE_BYTES`].
    pub fn code(self) -> Result<&'v str, Problem> {
        self.text("a code, a text of 1 to 300 bytes", MAX_CODE_BYTES)
    }

    /// A list of codes, at most [`MAX_CODES`].
    pub fn codes(self) -> Result<Vec<String>, Problem> {
        const EXPECTED: &str = "a list of at most 50 codes, each a text of 1 to 300 bytes";
        let Value::List(list) = self.value else { return Err(self.mistyped(EXPECTED)) };
        if list.len() > MAX_CODES {
            return Err(self.problem(EXPECTED, "has more"));
        }
        list.iter().map(|value| Field::at(self.path, value).code().map(str::to_owned)).collect()
    }

    /// A list of the sender's ids, at most [`MAX_CODES`].
    pub fn ids(self) -> Result<Vec<&'v str>, Problem> {
        const EXPECTED: &str = "a list of at most 50 ids, each a text of 1 to 120 bytes";
        let Value::List(list) = self.value else { return Err(self.mistyped(EXPECTED)) };
        if list.len() > MAX_CODES {
            return Err(self.problem(EXPECTED, "has more"));
        }
        list.iter().map(|value| Field::at(self.path, value).id()).collect()
    }

    /// A list of dates, at most [`MAX_DATES`].
    pub fn dates(self, today: Date) -> Result<Vec<Date>, Problem> {
        const EXPECTED: &str = "a list of at most 400 dates such as 2022-04-13";
        let Value::List(list) = self.value else { return Err(self.mistyped(EXPECTED)) };
        if list.len() > MAX_DATES {
            return Err(self.problem(EXPECTED, "has more"));
        }
        list.iter().map(|value| Field::at(self.path, value).date(today)).collect()
    }

    /// A date from 2000-01-01 to 400 days after today: no other can belong to a student in school.
    pub fn date(self, today: Date) -> Result<Date, Problem> {
        const EXPECTED: &str = "a date such as 2022-04-13";
        let Value::Text(text) = self.value else { return Err(self.mistyped(EXPECTED)) };
        let date = Date::parse(text).ok_or_else(|| self.problem(EXPECTED, "is no date of this form"))?;
        if date.days() < FIRST_DAY {
            return Err(self.problem("a date from 2000-01-01 on", "is before 2000-01-01"));
        }
        if date.days() > today.days().saturating_add(DAYS_AHEAD) {
            return Err(self.problem("a date at most 400 days ahead of today", "is later"));
        }
        Ok(date)
    }

    /// A school year, named by the year in which it ends.
    pub fn school_year(self, today: Date) -> Result<SchoolYear, Problem> {
        const EXPECTED: &str = "a school year, the number of the year in which it ends";
        let Value::Integer(year) = *self.value else { return Err(self.mistyped(EXPECTED)) };
        let last = i32::from(today.to_civil().year()) + 2;
        i32::try_from(year)
            .ok()
            .filter(|year| (i32::from(FIRST_YEAR)..=last).contains(year))
            .map(SchoolYear)
            .ok_or_else(|| self.problem(EXPECTED, "is before 2000 or more than 2 years ahead"))
    }

    /// A boolean.
    pub fn boolean(self) -> Result<bool, Problem> {
        let Value::Bool(value) = *self.value else { return Err(self.mistyped("true or false")) };
        Ok(value)
    }

    /// A whole number from 0 on.
    pub fn unsigned(self) -> Result<u64, Problem> {
        const EXPECTED: &str = "a whole number from 0 to 18446744073709551615";
        let Value::Integer(value) = *self.value else { return Err(self.mistyped(EXPECTED)) };
        u64::try_from(value).map_err(|_| self.problem(EXPECTED, "is out of range"))
    }

    /// A whole number from `min` to `max`.
    pub fn whole(self, expected: &'static str, min: i32, max: i32) -> Result<i32, Problem> {
        let Value::Integer(value) = *self.value else { return Err(self.mistyped(expected)) };
        let value = i32::try_from(value).ok().filter(|value| (min..=max).contains(value));
        value.ok_or_else(|| self.problem(expected, "is out of range"))
    }

    /// A time of day such as `09:35`, in minutes after midnight; seconds are dropped.
    pub fn minute_of_day(self) -> Result<i32, Problem> {
        const EXPECTED: &str = "a time of day there such as 09:35";
        let Value::Text(text) = self.value else { return Err(self.mistyped(EXPECTED)) };
        let time: civil::Time = text.parse().map_err(|_| self.problem(EXPECTED, "is no time of this form"))?;
        Ok(i32::from(time.hour()) * 60 + i32::from(time.minute()))
    }

    /// A number with at most two decimals from `min` to `max`, in hundredths.
    pub fn hundredths(self, expected: &'static str, min: i64, max: i64) -> Result<i64, Problem> {
        self.parts(100, expected, min, max)
    }

    /// A number with at most three decimals from `min` to `max`, in thousandths.
    pub fn thousandths(self, expected: &'static str, min: i64, max: i64) -> Result<i64, Problem> {
        self.parts(1_000, expected, min, max)
    }

    fn parts(self, of_one: i16, expected: &'static str, min: i64, max: i64) -> Result<i64, Problem> {
        let parts = match *self.value {
            Value::Integer(value) => value.checked_mul(of_one.into()).and_then(|value| i64::try_from(value).ok()),
            Value::Decimal(value) => exact_parts(value, of_one),
            _ => return Err(self.mistyped(expected)),
        };
        let parts = parts.ok_or_else(|| self.problem(expected, "has more decimals, or is far out of range"))?;
        if !(min..=max).contains(&parts) {
            return Err(self.problem(expected, "is out of range"));
        }
        Ok(parts)
    }

    /// A moment with its offset from UTC.
    pub fn moment(self) -> Result<Timestamp, Problem> {
        const EXPECTED: &str = "a moment such as 2022-04-13T08:40:00Z";
        let Value::Text(text) = self.value else { return Err(self.mistyped(EXPECTED)) };
        let moment = universal(text).map_or_else(|| text.parse(), Ok);
        moment.map_err(|_| self.problem(EXPECTED, "is no moment of this form"))
    }

    fn mistyped(self, expected: &'static str) -> Problem {
        let detail = match self.value {
            Value::Missing => "is missing",
            Value::Bool(_) => "is a boolean",
            Value::Integer(_) | Value::Decimal(_) => "is a number",
            Value::Text(_) => "is a text",
            Value::List(_) => "is a list",
            Value::Object => "is an object",
        };
        Problem::new(self.path, expected, detail)
    }

    /// A problem with this field.
    pub fn problem(self, expected: &'static str, detail: &'static str) -> Problem {
        Problem::new(self.path, expected, detail)
    }
}

/// The moment of `2022-04-13T08:40:00Z`, the form that nearly all senders use: a parser that knows every form takes longer to
/// read it than all other fields of a mark take together.
fn universal(text: &str) -> Option<Timestamp> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let [h1, h2, b':', m1, m2, b':', s1, s2] = *time.as_bytes() else { return None };
    let two = |tens: u8, ones: u8, most: i64| {
        let number = i64::from(tens.checked_sub(b'0')?) * 10 + i64::from(ones.checked_sub(b'0')?);
        (tens <= b'9' && ones <= b'9' && number <= most).then_some(number)
    };
    let seconds = two(h1, h2, 23)? * 3_600 + two(m1, m2, 59)? * 60 + two(s1, s2, 59)?;
    Timestamp::from_second(i64::from(Date::parse(date)?.days()) * 86_400 + seconds).ok()
}

/// Whether a text holds a control character. Nearly all are ASCII, where a look at each byte is enough.
fn has_control(text: &str) -> bool {
    if text.is_ascii() { text.bytes().any(|byte| byte.is_ascii_control()) } else { text.chars().any(char::is_control) }
}

/// A decimal in such parts of one, when it has no more decimals than they have and is not astronomic.
fn exact_parts(value: f64, of_one: i16) -> Option<i64> {
    const LARGEST: f64 = 1e9;
    // Far above the error of the nearest double of a decimal of this size, far below another decimal.
    const CLOSE: f64 = 1e-4;
    if !value.is_finite() || value.abs() > LARGEST {
        return None;
    }
    let scaled = value * f64::from(of_one);
    let rounded = scaled.round();
    #[expect(clippy::cast_possible_truncation, reason = "whole, and at most 1e12")]
    ((scaled - rounded).abs() < CLOSE).then_some(rounded as i64)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn the_usual_form_of_a_moment_means_what_it_always_means(text in "(19|20|22)[0-9]{2}-[01][0-9]-[0-3][0-9]T[0-2][0-9]:[0-6][0-9]:[0-6][0-9]Z") {
            if let Some(moment) = universal(&text) {
                prop_assert_eq!(Ok(moment), text.parse::<Timestamp>().map_err(|error| error.to_string()));
            }
        }
    }

    #[test]
    fn the_usual_form_of_a_moment_is_seen() {
        assert!(universal("2022-04-13T08:40:00Z").is_some());
        for other in [
            "2022-04-13T08:40:00+00:00",
            "2022-04-13T08:40:00.5Z",
            "2022-04-13T24:00:00Z",
            "2022-02-30T08:40:00Z",
            "T08:40:00Z",
        ] {
            assert_eq!(universal(other), None, "{other}");
        }
    }
}
