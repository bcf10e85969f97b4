//! Who a student is, no rule may ask. Rules look at what happens to a student and at what the student does; demographics are read
//! by the fairness report alone, over results.

/// Words that say who a student is, as measures and fields would be named by them.
const WORDS: [&str; 63] = [
    "race",
    "races",
    "racial",
    "ethnicity",
    "ethnic",
    "hispanic",
    "latino",
    "latina",
    "latinx",
    "black",
    "white",
    "asian",
    "indigenous",
    "tribe",
    "tribal",
    "gender",
    "sex",
    "male",
    "female",
    "boy",
    "girl",
    "transgender",
    "nonbinary",
    "lgbtq",
    "pregnant",
    "disability",
    "disabled",
    "disabilities",
    "iep",
    "504",
    "section504",
    "sped",
    "language",
    "languages",
    "ell",
    "esl",
    "lep",
    "english_learner",
    "lunch",
    "frl",
    "frpl",
    "meal",
    "meals",
    "economic",
    "economically",
    "disadvantaged",
    "income",
    "poverty",
    "migrant",
    "homeless",
    "foster",
    "refugee",
    "immigrant",
    "immigration",
    "citizenship",
    "nationality",
    "birthplace",
    "religion",
    "religious",
    "military",
    "zip",
    "neighborhood",
    "age",
];

/// Whether a name asks who a student is: whole, or in one of its words.
pub(crate) fn is_demographic(name: &str) -> bool {
    let name = name.to_lowercase();
    let mut words = name.split(|c: char| !c.is_alphanumeric());
    name.contains("english_learner") || words.any(|word| WORDS.contains(&word))
}

/// Why it is refused.
pub(crate) fn reason(name: &str) -> String {
    let name: String = name.chars().take(40).collect();
    format!(
        "`{name}` says who a student is, and no rule may ask that: rules look at what happens to students; demographics are read by the fairness report alone, over results"
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::measure::catalogue;

    #[test]
    fn what_says_who_a_student_is_is_told_from_measures() {
        for name in ["race", "Race", "is_homeless", "free_lunch", "english_learner", "home-language", "sex", "504"] {
            assert!(is_demographic(name), "{name}");
        }
        for entry in catalogue::entries() {
            assert!(!is_demographic(entry.name), "{}", entry.name);
        }
        for name in ["races_won_x9", "trace", "absent", "average"] {
            assert_eq!(is_demographic(name), name.starts_with("races"), "{name}");
        }
    }
}
