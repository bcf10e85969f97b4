//! What must hold of any rule pack and any condition. The fuzz targets of `tests/fuzz` call these functions with inputs that they
//! make up, and the tests with every seed, so that what was found once stays mended.

use cel::{Context, Program, Value};

use crate::date::Date;
use crate::id::SchoolId;
use crate::measure::{Measure, Measures, Values as _};
use crate::rule;
use crate::rule::condition::{Condition, Number};
use crate::rule::pack::Pack;
use crate::rule::succession::Retired;

/// The longest text about one input that its author is told, bytes.
const MAX_WORDS: usize = 96 * 1024;

/// A rule pack: a good one can be evaluated, whatever the measures; a bad one is told in bounded words.
pub fn pack(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let pack = match Pack::parse(text) {
        Ok(pack) => pack,
        Err(error) => return assert!(words(&error) <= MAX_WORDS, "{} bytes of words", words(&error)),
    };
    let date = Date::from_days(19_000).expect("a date");
    for rule in &pack.rules {
        assert!(pack.rule(&rule.id).is_some() && !pack.origins(rule).is_empty());
        for measures in samples() {
            // Failing is a rule's own matter; panicking is not.
            _ = rule.opens_when.holds(&measures);
            if let Ok(level) = rule.level.value(&measures) {
                rule.severity(level);
            }
            for sentence in [&rule.explanation, &rule.clears] {
                assert!(sentence.fill(&measures, date).len() <= 32 * text.len(), "a sentence grows without bound");
            }
        }
    }
}

/// The line that parts two documents.
const NEXT: &str = "\n---\n";

/// Two layered documents, one after the other: each school has one rule of a name, a document says nothing else than itself, and the
/// first may be in force again after the second under versions that nothing had.
pub fn layers(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let (first, second) = text.split_once(NEXT).unwrap_or((text, ""));
    let Ok(before) = Pack::parse(first) else { return };
    for school in [None, SchoolId::parse("1").ok(), SchoolId::parse("2").ok()] {
        let mut names: Vec<_> = before.rules_at(school.as_ref()).map(|rule| &rule.id).collect();
        names.sort_unstable();
        assert!(names.windows(2).all(|two| two[0] != two[1]), "two rules of one name at {school:?}: {names:?}");
    }
    assert!(before.differences(&before).is_empty(), "it differs from itself");
    let Ok(after) = Pack::parse(second) else { return };
    _ = after.differences(&before);
    let Ok(retired) = after.follow(Some(&before), Retired::default()) else { return };
    let version = before.version.max(after.version).saturating_add(1);
    // A text may be written so that its versions cannot be raised in it.
    if let Ok((_, again)) = rule::again::again(first, version, Some(&after), &retired) {
        assert_eq!((again.version, again.rules.len()), (version, before.rules.len()));
        assert!(again.follow(Some(&after), retired).is_ok(), "it could not follow after all");
    }
}

/// A condition or number: a good one has the value that the interpreter of the language gives it.
pub fn condition(input: &[u8]) {
    let Ok(text) = std::str::from_utf8(input) else { return };
    let compare = |ours: &dyn Fn(&Measures) -> Option<Value>| {
        for measures in samples() {
            if let Some(value) = ours(&measures) {
                assert_eq!(interpreted(text, &measures), value, "`{text}` with {measures:?}");
            }
        }
    };
    match Condition::parse(text) {
        Ok(condition) => compare(&|measures| condition.holds(measures).ok().map(Value::Bool)),
        Err(error) => assert!(words(&error) <= MAX_WORDS),
    }
    if let Ok(number) = Number::parse(text) {
        compare(&|measures| number.value(measures).ok().map(Value::Int));
    }
}

fn interpreted(text: &str, measures: &Measures) -> Value {
    let program = Program::compile(text).expect("we took it");
    let mut context = Context::default();
    for measure in Measure::KEPT {
        let value = measures.value(measure).expect("it is kept");
        let value = if measure.is_flag() { Value::Bool(value != 0) } else { Value::Int(value) };
        context.add_variable_from_value(measure.name().into_owned(), value);
    }
    program.execute(&context).expect("it has a value for us")
}

/// A student of some months, and measures that no student has.
fn samples() -> [Measures; 5] {
    let none = Measures::default();
    let days = Measures { enrolled: 10_000, absent: 1_000, unexcused: 500, streak: 3, unexcused_streak: 2, ..none };
    let some = Measures { tardy: 3, unexplained_absence_today: true, failing: 2, failing_core: 1, ..days };
    let of = |enrolled, absent, streak| Measures { enrolled, absent, streak, ..some };
    [none, some, of(1, i64::MAX, i64::MIN), of(i64::MAX, i64::MIN, i64::MAX), of(i64::MIN, i64::MAX, -1)]
}

fn words(error: &dyn std::error::Error) -> usize {
    error.to_string().len() + error.source().map_or(0, words)
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    /// Runs every seed of a target.
    fn run(target: &str, check: fn(&[u8])) {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/fuzz/seeds").join(target);
        let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
        assert!(seeds.len() >= 3, "{} has no seeds", folder.display());
        for seed in seeds {
            println!("{}", seed.display());
            check(&std::fs::read(&seed).unwrap());
        }
    }

    #[test]
    fn every_seed_of_packs_holds() {
        run("pack", pack);
    }

    #[test]
    fn every_seed_of_layers_holds() {
        run("layers", layers);
    }

    #[test]
    fn every_seed_of_conditions_holds() {
        run("condition", condition);
    }
}
