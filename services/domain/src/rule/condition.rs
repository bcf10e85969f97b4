//! Conditions: CEL expressions over the measure catalogue, type-checked at load and compiled to lists of comparisons of measures.
//!
//! An interpreter would look names up and box values at each event; these do neither. Arithmetic is checked: overflow and
//! division by zero are errors of the rule, not of the process.

mod columns;
mod compiled;
mod fails;
mod number;
mod show;

use cel::common::ast::{CallExpr, Expr, IdedExpr, LiteralValue, SourceInfo, operators};
use cel::parser::Parser;

pub(crate) use columns::{Leaf, Scanned};
use compiled::Test;

use crate::measure::{Measure, Values, catalogue};
use crate::rule::forbidden;

/// The longest condition, bytes.
pub const MAX_LENGTH: usize = 1_000;
/// The deepest nesting of brackets. The parser takes some 170 kB of stack for each in a build without optimisation, and a thread
/// has 2 MB.
pub const MAX_DEPTH: u16 = 6;
/// The parser's own bound on recursion, which it checks later than it recurses.
const PARSER_DEPTH: u16 = 24;

/// Why a condition is refused.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{source_text}`, column {column}: {problem}")]
pub struct Error {
    /// The condition.
    pub source_text: String,
    /// Where, counted from 1.
    pub column: usize,
    /// What is wrong, with the nearest measure's name for an unknown one.
    pub problem: String,
}

/// Why a condition has no value for a student.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Failure {
    /// The result is beyond 64 bits.
    #[error("the arithmetic overflows")]
    Overflow,
    /// Division by zero.
    #[error("division by zero")]
    DivisionByZero,
    /// It names a measure that was not counted here: it takes a full look.
    #[error("a measure that it names was not counted")]
    NotCounted,
}

#[inline]
fn found(values: &impl Values, measure: Measure) -> Result<i64, Failure> {
    values.value(measure).ok_or(Failure::NotCounted)
}

/// A condition that is true or false.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Condition {
    /// As its author wrote it.
    flag: Flag,
    /// As it is evaluated.
    test: Test,
}

/// An expression with an integer value.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Number(Int);

#[derive(Debug, Clone, PartialEq, Eq)]
enum Flag {
    Constant(bool),
    Measure(Measure),
    Not(Box<Flag>),
    And(Box<Flag>, Box<Flag>),
    Or(Box<Flag>, Box<Flag>),
    Compare(Comparison, Box<Int>, Box<Int>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Comparison {
    Equal,
    NotEqual,
    Less,
    LessOrEqual,
    Greater,
    GreaterOrEqual,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Int {
    Constant(i64),
    Measure(Measure),
    Arithmetic(Arithmetic, Box<Int>, Box<Int>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Arithmetic {
    Add,
    Subtract,
    Multiply,
    Divide,
    Remainder,
}

impl Condition {
    /// Parses and type-checks a condition.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let compiler = Compiler::parse(text)?;
        compiler.flag(&compiler.root).map(Self::of)
    }

    fn of(flag: Flag) -> Self {
        Self { test: Test::of(&flag), flag }
    }

    /// Adds the measures that it names.
    pub(crate) fn name(&self, measures: &mut Vec<Measure>) {
        self.flag.name(measures);
    }

    /// Whether it holds.
    pub fn holds(&self, measures: &impl Values) -> Result<bool, Failure> {
        self.test.holds(measures)
    }
}

impl Number {
    /// Parses and type-checks an integer expression.
    pub fn parse(text: &str) -> Result<Self, Error> {
        let compiler = Compiler::parse(text)?;
        compiler.int(&compiler.root).map(Self)
    }

    /// Adds the measures that it names.
    pub(crate) fn name(&self, measures: &mut Vec<Measure>) {
        self.0.name(measures);
    }

    /// Its value.
    pub fn value(&self, measures: &impl Values) -> Result<i64, Failure> {
        self.0.value(measures)
    }

    /// Whether it is the same whatever the measures are.
    pub(crate) fn is_constant(&self) -> bool {
        let mut named = Vec::new();
        self.name(&mut named);
        named.is_empty()
    }
}

impl Flag {
    fn name(&self, measures: &mut Vec<Measure>) {
        match self {
            Self::Constant(_) => {}
            Self::Measure(measure) => measures.push(*measure),
            Self::Not(inner) => inner.name(measures),
            Self::And(left, right) | Self::Or(left, right) => {
                left.name(measures);
                right.name(measures);
            }
            Self::Compare(_, left, right) => {
                left.name(measures);
                right.name(measures);
            }
        }
    }
}

impl Comparison {
    #[inline]
    fn holds(self, left: i64, right: i64) -> bool {
        match self {
            Self::Equal => left == right,
            Self::NotEqual => left != right,
            Self::Less => left < right,
            Self::LessOrEqual => left <= right,
            Self::Greater => left > right,
            Self::GreaterOrEqual => left >= right,
        }
    }
}

impl Int {
    fn name(&self, measures: &mut Vec<Measure>) {
        match self {
            Self::Constant(_) => {}
            Self::Measure(measure) => measures.push(*measure),
            Self::Arithmetic(_, left, right) => {
                left.name(measures);
                right.name(measures);
            }
        }
    }

    /// Inlined, so that a comparison with a constant or a measure calls nothing.
    #[inline]
    fn value(&self, measures: &impl Values) -> Result<i64, Failure> {
        match self {
            Self::Constant(value) => Ok(*value),
            Self::Measure(measure) => found(measures, *measure),
            Self::Arithmetic(operation, left, right) => Self::arithmetic(*operation, left, right, measures),
        }
    }

    fn arithmetic(operation: Arithmetic, left: &Self, right: &Self, measures: &impl Values) -> Result<i64, Failure> {
        operation.apply(left.value(measures)?, right.value(measures)?)
    }
}

impl Arithmetic {
    fn apply(self, left: i64, right: i64) -> Result<i64, Failure> {
        let result = match self {
            Self::Add => left.checked_add(right),
            Self::Subtract => left.checked_sub(right),
            Self::Multiply => left.checked_mul(right),
            Self::Divide | Self::Remainder if right == 0 => return Err(Failure::DivisionByZero),
            Self::Divide => left.checked_div(right),
            Self::Remainder => left.checked_rem(right),
        };
        result.ok_or(Failure::Overflow)
    }
}

struct Compiler<'t> {
    text: &'t str,
    source: SourceInfo,
    root: IdedExpr,
}

impl<'t> Compiler<'t> {
    fn parse(text: &'t str) -> Result<Self, Error> {
        if text.len() > MAX_LENGTH {
            let problem = format!("it has {} bytes, at most {MAX_LENGTH} are allowed", text.len());
            return Err(Error { source_text: text.chars().take(40).collect(), column: 1, problem });
        }
        if let Some(column) = too_deep(text) {
            let problem = format!("it is nested more than {MAX_DEPTH} deep");
            return Err(Error { source_text: text.to_owned(), column, problem });
        }
        let parser = Parser::new().max_recursion_depth(PARSER_DEPTH);
        match parser.parse_with_source_info(text) {
            Ok((root, source)) => Ok(Self { text, source, root }),
            Err(errors) => {
                let first = errors.errors.into_iter().next();
                let column = first
                    .as_ref()
                    .and_then(|error| usize::try_from(error.pos.1).ok())
                    .map_or(1, |column| column.max(1));
                let problem = first.map_or_else(|| "it is not an expression".to_owned(), |error| error.msg);
                Err(Error { source_text: text.to_owned(), column, problem })
            }
        }
    }

    fn refuse<T>(&self, at: &IdedExpr, problem: impl Into<String>) -> Result<T, Error> {
        let column = self.source.offset_for(at.id).map_or(1, |(start, _)| start as usize + 1);
        Err(Error { source_text: self.text.to_owned(), column, problem: problem.into() })
    }

    fn flag(&self, at: &IdedExpr) -> Result<Flag, Error> {
        match &at.expr {
            Expr::Literal(LiteralValue::Boolean(value)) => Ok(Flag::Constant(*value.inner())),
            Expr::Ident(name) => match self.measure(at, name)? {
                measure if measure.is_flag() => Ok(Flag::Measure(measure)),
                measure => self.refuse(at, format!("`{}` is a number; compare it with one", measure.name())),
            },
            Expr::Call(call) => self.flag_call(at, call),
            _ => self.refuse(at, "a condition that is true or false is expected here"),
        }
    }

    fn flag_call(&self, at: &IdedExpr, call: &CallExpr) -> Result<Flag, Error> {
        match (call.func_name.as_str(), call.args.as_slice()) {
            (operators::LOGICAL_NOT, [inner]) => Ok(Flag::Not(Box::new(self.flag(inner)?))),
            (operators::LOGICAL_AND, [left, right]) => {
                Ok(Flag::And(Box::new(self.flag(left)?), Box::new(self.flag(right)?)))
            }
            (operators::LOGICAL_OR, [left, right]) => {
                Ok(Flag::Or(Box::new(self.flag(left)?), Box::new(self.flag(right)?)))
            }
            (name, [left, right]) => match comparison(name) {
                Some(comparison) => {
                    Ok(Flag::Compare(comparison, Box::new(self.int(left)?), Box::new(self.int(right)?)))
                }
                None => self.refuse(at, "a comparison, `&&`, `||` or `!` is expected here"),
            },
            _ => self.refuse(at, format!("`{}` is not a function that rules have", call.func_name)),
        }
    }

    fn int(&self, at: &IdedExpr) -> Result<Int, Error> {
        match &at.expr {
            Expr::Literal(LiteralValue::Int(value)) => Ok(Int::Constant(*value.inner())),
            Expr::Ident(name) => match self.measure(at, name)? {
                measure if measure.is_flag() => {
                    self.refuse(at, format!("`{}` is true or false; it is no number", measure.name()))
                }
                measure => Ok(Int::Measure(measure)),
            },
            Expr::Call(call) => match (call.func_name.as_str(), call.args.as_slice()) {
                (operators::NEGATE, [inner]) => {
                    Ok(Int::Arithmetic(Arithmetic::Subtract, Box::new(Int::Constant(0)), Box::new(self.int(inner)?)))
                }
                (name, [left, right]) => match arithmetic(name) {
                    Some(operation) => {
                        Ok(Int::Arithmetic(operation, Box::new(self.int(left)?), Box::new(self.int(right)?)))
                    }
                    None => self.refuse(at, "a whole number is expected here"),
                },
                _ => self.refuse(at, format!("`{}` is not a function that rules have", call.func_name)),
            },
            _ => self.refuse(at, "a whole number or a measure is expected here"),
        }
    }

    fn measure(&self, at: &IdedExpr, name: &str) -> Result<Measure, Error> {
        match Measure::find(name) {
            Some(measure) => Ok(measure),
            None if forbidden::is_demographic(name) => self.refuse(at, forbidden::reason(name)),
            None => self.refuse(at, format!("there is no measure `{name}`; the nearest is `{}`", nearest(name))),
        }
    }
}

/// Where brackets or `?` go deeper than allowed. The parser recurses before it counts, and would exhaust the stack.
fn too_deep(text: &str) -> Option<usize> {
    let mut depth = 0_u16;
    for (at, character) in text.chars().enumerate() {
        match character {
            '(' | '[' | '{' | '?' => depth += 1,
            ')' | ']' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if depth > MAX_DEPTH {
            return Some(at + 1);
        }
    }
    None
}

fn comparison(name: &str) -> Option<Comparison> {
    Some(match name {
        operators::EQUALS => Comparison::Equal,
        operators::NOT_EQUALS => Comparison::NotEqual,
        operators::LESS => Comparison::Less,
        operators::LESS_EQUALS => Comparison::LessOrEqual,
        operators::GREATER => Comparison::Greater,
        operators::GREATER_EQUALS => Comparison::GreaterOrEqual,
        _ => return None,
    })
}

fn arithmetic(name: &str) -> Option<Arithmetic> {
    Some(match name {
        operators::ADD => Arithmetic::Add,
        operators::SUBSTRACT => Arithmetic::Subtract,
        operators::MULTIPLY => Arithmetic::Multiply,
        operators::DIVIDE => Arithmetic::Divide,
        operators::MODULO => Arithmetic::Remainder,
        _ => return None,
    })
}

/// The catalogue's name with the fewest edits to the one written.
pub(crate) fn nearest(name: &str) -> &'static str {
    let names = catalogue::entries().into_iter().map(|entry| entry.name);
    names.min_by_key(|known| edits(known, name)).unwrap_or_default()
}

/// The fewest letters to put in, take out or replace to make one name of the other.
pub(crate) fn edits(left: &str, right: &str) -> usize {
    let right: Vec<char> = right.chars().take(80).collect();
    let mut row: Vec<usize> = (0..=right.len()).collect();
    for (i, a) in left.chars().enumerate() {
        let mut diagonal = row[0];
        row[0] = i + 1;
        for (j, b) in right.iter().enumerate() {
            let replace = diagonal + usize::from(a != *b);
            diagonal = row[j + 1];
            row[j + 1] = replace.min(row[j] + 1).min(diagonal + 1);
        }
    }
    row[right.len()]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::Measures;

    fn holds(text: &str) -> bool {
        let measures = Measures {
            enrolled: 10_000,
            absent: 1_000,
            streak: 3,
            unexplained_absence_today: true,
            ..Measures::default()
        };
        Condition::parse(text).unwrap().holds(&measures).unwrap()
    }

    #[test]
    fn conditions_mean_what_they_say() {
        assert!(holds("absent * 10 >= enrolled"));
        assert!(!holds("absent * 10 > enrolled"));
        assert!(holds("tier >= 2 && streak == 3"));
        assert!(holds("unexplained_absence_today"));
        assert!(holds("!(streak < 3) || false"));
        assert!(holds("streak - 1 == 2 && -streak < 0"));
    }

    #[test]
    fn a_mistake_names_the_place_and_the_nearest_measure() {
        let error = Condition::parse("tier >= 1 && steak >= 3").unwrap_err();
        assert_eq!(error.column, 14);
        assert_eq!(error.problem, "there is no measure `steak`; the nearest is `streak`");
    }

    #[test]
    fn types_are_checked_at_load() {
        for text in [
            "streak",
            "1 + true > 2",
            "'a' == 'b'",
            "streak >= 3.0",
            "size(streak) > 1",
            "[1].exists(x, x > 0)",
            "tier >=",
            "",
            "streak.x > 1",
        ] {
            assert!(Condition::parse(text).is_err(), "{text}");
        }
    }

    #[test]
    fn arithmetic_that_fails_is_an_error_of_the_rule() {
        let measures = Measures::default();
        assert_eq!(Condition::parse("1 / absent > 0").unwrap().holds(&measures), Err(Failure::DivisionByZero));
        assert_eq!(Condition::parse("9223372036854775807 + 1 > 0").unwrap().holds(&measures), Err(Failure::Overflow));
    }

    #[test]
    fn nesting_without_end_is_refused() {
        let deep = format!("{}tier{} > 1", "(".repeat(400), ")".repeat(400));
        assert!(Condition::parse(&deep).is_err());
    }
}
