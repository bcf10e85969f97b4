//! What a rule's author writes is checked at load: no text panics or exhausts the stack, and sentences keep their promise.

use homeroom_domain::date::Date;
use homeroom_domain::measure::{Measures, decimals};
use homeroom_domain::rule::condition::{Condition, Number};
use homeroom_domain::rule::template::Template;
use homeroom_domain::rule::{DEFAULT_PACK, Error, Pack};
use proptest::prelude::*;
use proptest::test_runner::Config;

use crate::world::day;

/// What fails is printed whole and becomes a case in words, so no seeds are kept.
fn cases(cases: u32) -> Config {
    Config { cases, failure_persistence: None, ..Config::default() }
}

const WORDS: [&str; 26] = [
    "tier",
    "absent",
    "streak",
    "unexplained_absence_today",
    "1",
    "-1",
    "9223372036854775807",
    "0",
    "true",
    "false",
    ">=",
    "==",
    "&&",
    "||",
    "!",
    "+",
    "*",
    "/",
    "%",
    "-",
    "(",
    ")",
    "?",
    ":",
    "[",
    "'x'",
];

#[test]
fn long_chains_are_taken_or_refused_but_never_exhaust_the_stack() {
    for (prefix, link, end) in [
        ("", "!", "unexplained_absence_today"),
        ("", "-", "1 > 0"),
        ("", "1+", "1 > 0"),
        ("", "tier > 0 &&", "true"),
        ("", "tier > 0 ||", "true"),
        ("", "true ?", "true"),
        ("", "(", "true"),
        ("", "[", "1"),
        ("tier", ".x", ""),
        ("", "1 - (", "1"),
    ] {
        for count in [2, 20, 100, 900] {
            let text = format!("{prefix}{}{end}", link.repeat(count.min(990 / link.len())));
            if let Ok(condition) = Condition::parse(&text) {
                let measures = Measures::default();
                assert_eq!(condition.holds(&measures), condition.holds(&measures));
            }
        }
    }
}

#[test]
fn a_pack_that_is_too_large_or_twice_the_same_is_refused() {
    let large = format!("{DEFAULT_PACK}\n# {}", "x".repeat(300_000));
    assert!(matches!(Pack::parse(&large), Err(Error::TooLarge(_))));
    let refused = |yaml: &str| Pack::parse(yaml).unwrap_err().to_string();
    let twice = refused(&DEFAULT_PACK.replace("id: absence-streak", "id: attendance-tier"));
    assert!(twice.contains("rule `attendance-tier` is there twice"), "{twice}");
    let none = refused(&DEFAULT_PACK.replace("severity: {1: notice, 2: warning, 3: urgent}", "severity: {}"));
    assert!(none.contains("the rule has no severity"), "{none}");
    for wrong in ["", "[]", "id: x", "\u{0}", "id: x\nversion: 1\nrules: 7"] {
        assert!(Pack::parse(wrong).is_err(), "{wrong:?}");
    }
}

proptest! {
    #![proptest_config(cases(1_000))]

    #[test]
    fn no_condition_panics(words in prop::collection::vec(prop::sample::select(&WORDS[..]), 0..24)) {
        let text = words.join(" ");
        let measures = Measures { enrolled: 1_000, absent: 900, streak: 3, ..Measures::default() };
        if let Ok(condition) = Condition::parse(&text) {
            prop_assert_eq!(condition.holds(&measures), condition.holds(&measures));
        }
        if let Ok(number) = Number::parse(&text) {
            prop_assert_eq!(number.value(&measures), number.value(&measures));
        }
    }

    #[test]
    fn no_text_panics(text in "\\PC{0,40}") {
        prop_assert!(Condition::parse(&text).is_err(), "it is true or false only by accident");
        if let Ok(template) = Template::parse(&text) {
            prop_assert_eq!(&*template.fill(&Measures::default(), day(1)), &*text, "there was no placeholder to fill");
        }
    }

    #[test]
    fn so_many_days_present_suffice_and_one_less_does_not(
        enrolled_days in 0..200_i64,
        absent_share in 0..=100_i64,
        percent in 1..=100_i64,
    ) {
        let (enrolled, absent) = (enrolled_days * 100, enrolled_days * absent_share);
        let template = Template::parse(&format!("{{days_until_below_{percent}}}")).unwrap();
        let days: i64 = template.fill(&Measures { enrolled, absent, ..Measures::default() }, day(1)).parse().unwrap();
        let below = |days: i64| absent * 100 < percent * (enrolled + days * 100);
        prop_assert!(below(days) || enrolled == 0);
        prop_assert!(days == 0 || !below(days - 1));
    }

    #[test]
    fn hundredths_read_back(hundredths in -1_000_000..1_000_000_i64) {
        let text = decimals(hundredths);
        let (whole, rest) = text.split_once('.').unwrap_or((&text, ""));
        prop_assert!(!rest.ends_with('0') && rest.len() <= 2, "{}", text);
        prop_assert_eq!(format!("{whole}{rest:0<2}").parse::<i64>(), Ok(hundredths), "{}", text);
    }

    #[test]
    fn a_date_reads_back_as_text_civil_date_and_days(days in -25_567..=84_371_i32) {
        let date = Date::from_days(days).unwrap();
        prop_assert_eq!(Date::parse(&date.to_string()), Some(date));
        prop_assert_eq!(Date::from_civil(date.to_civil()), Ok(date));
        prop_assert_eq!(date.next().previous(), date);
        prop_assert!(Date::from_days(days - 25_567 - 84_372).is_err());
    }
}

/// Names of measures and fields may not say who a student is; words of a sentence may be what they like.
#[test]
fn words_that_name_demographics_are_refused_as_names_and_not_in_sentences() {
    let said = DEFAULT_PACK.replacen("    title: ", "    title: At White Oak, in this day and age, ", 1);
    assert_ne!(said, DEFAULT_PACK);
    assert!(Pack::parse(&said).is_ok());
    for (from, to) in [("opens-when: ", "opens-when: age >= 1 && "), ("    title: ", "    white: no\n    title: ")] {
        let refused = Pack::parse(&DEFAULT_PACK.replacen(from, to, 1)).unwrap_err();
        let chain = std::iter::successors(Some(&refused as &dyn std::error::Error), |error| error.source());
        let words: Vec<String> = chain.map(ToString::to_string).collect();
        assert!(words.concat().contains("says who a student is"), "{words:?}");
    }
}
