//! The second format of stored episodes: of what is open it has the facts too. It is read, and no longer written.

use serde::Deserialize;

use super::stored::{self, ReadWords, Reading, Text};
use super::{DecodeError, Episodes, Told};
use crate::alert::{CitedFact, Claim, Proof, Severity};
use crate::date::Date;
use crate::event::Origin;
use crate::id::{RecordKey, Revision, RuleId, SourceId};

/// The first byte of such episodes.
pub(super) const FORMAT: u8 = 2;

#[derive(Deserialize)]
enum Words {
    Whole(Box<Whole>),
    Brief(Vec<i64>, u32),
}

#[derive(Deserialize)]
struct Whole {
    severity: Severity,
    audience: Text,
    title: Text,
    settle_seconds: u32,
    as_of: Date,
    explanation: Text,
    clears_when: Text,
    measures: Vec<(Text, i64, Text)>,
    facts: Vec<Fact>,
    facts_left_off: u32,
    threshold_source: Text,
}

#[derive(Deserialize)]
struct Fact {
    date: Date,
    school: Text,
    what: Text,
    code: Text,
    source: Text,
    key: RecordKey,
    revision: Revision,
}

pub(super) fn decode(body: &[u8]) -> Result<Episodes, DecodeError> {
    stored::decode_with::<Words>(body)
}

impl ReadWords for Words {
    fn read(self, rule: (RuleId, u32), level: i64, reading: &mut Reading<'_>) -> Option<Told> {
        Some(match self {
            Self::Whole(claim) => Told::new(&claim.read(rule, level, reading)?),
            Self::Brief(measures, facts) => stored::brief(rule, level, (measures, facts, 0)),
        })
    }
}

impl Whole {
    fn read(self, (rule, rule_version): (RuleId, u32), level: i64, reading: &mut Reading<'_>) -> Option<Claim> {
        let terms = stored::asking_nothing(&rule);
        Some(Claim {
            rule,
            rule_version,
            severity: self.severity,
            level,
            audience: reading.shared(self.audience)?,
            title: reading.shared(self.title)?,
            settle_seconds: self.settle_seconds,
            proof: Proof {
                as_of: self.as_of,
                explanation: reading.shared(self.explanation)?,
                clears_when: reading.shared(self.clears_when)?,
                measures: reading.measures(self.measures)?,
                facts: self.facts.into_iter().map(|fact| fact.read(reading)).collect::<Option<_>>()?,
                facts_left_off: self.facts_left_off,
                threshold_source: reading.shared(self.threshold_source)?,
            },
            terms,
        })
    }
}

impl Fact {
    fn read(self, reading: &mut Reading<'_>) -> Option<CitedFact> {
        let source = SourceId::parse(reading.text(self.source)?).ok()?;
        Some(CitedFact {
            date: self.date,
            school: reading.school(self.school)?,
            what: reading.shared(self.what)?,
            code: reading.shared(self.code)?,
            origin: Origin { source, key: self.key, revision: self.revision },
        })
    }
}

#[cfg(test)]
mod tests {
    use crate::episode::{EpisodeScope, Standing};
    use crate::id::SchoolYear;
    use crate::settings::Now;

    use super::*;

    #[test]
    fn episodes_of_the_second_format_are_read_and_keep_which_facts_were_told() {
        let date = Date::parse("2021-09-06").unwrap();
        let texts = [
            "s1",
            "absence-streak",
            "team",
            "Three days",
            "because",
            "a day present",
            "streak",
            "days",
            "unexcused absence, whole day",
            "U",
            "sis",
            "where from",
        ];
        // As the version before wrote it: structures and pairs look the same in what is stored.
        let fact = (date, 0_u32, 8_u32, 9_u32, 10_u32, RecordKey::new([7; 16]), Revision(4));
        let claim = (
            Severity::Warning,
            2_u32,
            3_u32,
            0_u32,
            date,
            4_u32,
            5_u32,
            vec![(6_u32, 3_i64, 7_u32)],
            vec![fact],
            2_u32,
            11_u32,
        );
        let open = (EpisodeScope::Year(SchoolYear(2022)), 1_u32, 2_u32, Standing::Open, 0_u32, 1_u32, 3_u32, 2_i64);
        let episode = (open, (0_u8, claim), date.days(), 0_i32);
        let mut stored = vec![FORMAT];
        stored.extend_from_slice(&postcard::to_stdvec(&(texts.as_slice(), vec![episode])).unwrap());
        let episodes = Episodes::decode(&stored).unwrap();
        let told = &episodes.iter().next().unwrap().told;
        assert_eq!(told.claim().unwrap().proof.facts_left_off, 3);
        assert_eq!(&*told.claim().unwrap().proof.explanation, "because");
        assert!(told.facts().is_some());
        assert_eq!(episodes.iter().next().unwrap().told_at, Now { today: date, as_of: date });
        assert_eq!(Episodes::decode(&episodes.encode()).unwrap(), episodes);
    }
}
