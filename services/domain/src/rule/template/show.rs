//! A sentence as its author wrote it.

use std::fmt;

use super::{Part, Template};

impl fmt::Display for Template {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for part in &self.0 {
            match part {
                Part::Text(text) => f.write_str(text)?,
                Part::Measure(measure) => write!(f, "{{{}}}", measure.name())?,
                Part::Percent => f.write_str("{percent}")?,
                Part::Date => f.write_str("{date}")?,
                Part::DaysUntilBelow(percent) => write!(f, "{{days_until_below_{percent}}}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_sentence_is_shown_as_it_was_written() {
        let text = "Absent {absent} of {enrolled}, {percent}; {date}: {days_until_below_5} days {as said";
        assert_eq!(Template::parse(text).unwrap().to_string(), text);
    }
}
