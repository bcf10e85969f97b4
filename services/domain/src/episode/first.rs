//! The first format of stored episodes: each with all that was told of it. It is read, and no longer written.

use std::sync::Arc;

use serde::Deserialize;

use super::{DecodeError, Episode, EpisodeScope, Episodes, Standing, Told};
use crate::alert::Claim;
use crate::id::SchoolId;
use crate::settings::Now;

/// The first byte of such episodes.
pub(super) const FORMAT: u8 = 1;

#[derive(Deserialize)]
struct First {
    scope: EpisodeScope,
    ordinal: u32,
    number: u32,
    standing: Standing,
    school: SchoolId,
    told: Claim,
    told_at: Now,
}

pub(super) fn decode(body: &[u8]) -> Result<Episodes, DecodeError> {
    let episodes: Vec<First> = postcard::from_bytes(body)?;
    let episodes = episodes.into_iter().map(|first| {
        let First { scope, ordinal, number, standing, school, mut told, told_at } = first;
        told.terms.message_key = told.rule.to_string();
        let mut told = Told::new(&told);
        if standing == Standing::Recalled {
            told.forget();
        }
        Arc::new(Episode { scope, ordinal, number, standing, school, told, told_at })
    });
    Ok(Episodes::of_all(episodes.collect()))
}

#[cfg(test)]
mod tests {
    use crate::alert::{Proof, Severity, Terms};
    use crate::date::Date;
    use crate::id::{RuleId, SchoolYear};

    use super::*;

    #[test]
    fn episodes_of_the_first_format_are_read() {
        let date = Date::parse("2021-09-06").unwrap();
        let told = Claim {
            rule: RuleId::parse("absence-streak").unwrap(),
            rule_version: 3,
            severity: Severity::Warning,
            level: 2,
            audience: "team".into(),
            title: "Three days".into(),
            settle_seconds: 0,
            proof: Proof {
                as_of: date,
                explanation: "e".into(),
                clears_when: "c".into(),
                measures: Vec::new(),
                facts: Vec::new(),
                facts_left_off: 7,
                threshold_source: "t".into(),
            },
            terms: Terms { message_key: "absence-streak".to_owned(), ..Terms::default() },
        };
        // As the version before wrote it: one episode, of a year (variant 0, 2022 zigzag), the first, with two changes, open.
        let mut stored = vec![FORMAT, 1, 0, 0xcc, 0x1f, 1, 2, 0];
        stored.extend_from_slice(b"\x019");
        stored.extend_from_slice(&postcard::to_stdvec(&told).unwrap());
        // The dates in force: 18876 days after 1970, zigzag, twice.
        stored.extend_from_slice(&[0xf8, 0xa6, 0x02, 0xf8, 0xa6, 0x02]);
        let episodes = Episodes::decode(&stored).unwrap();
        let all: Vec<_> = episodes.iter().collect();
        assert_eq!((all.len(), all[0].scope, all[0].number), (1, EpisodeScope::Year(SchoolYear(2022)), 2));
        assert_eq!((all[0].told.claim(), all[0].told_at), (Some(told), Now { today: date, as_of: date }));
        assert_eq!(Episodes::decode(&episodes.encode()).unwrap(), episodes);
    }
}
