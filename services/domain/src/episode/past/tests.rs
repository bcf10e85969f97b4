//! What is laid away says what it said.

use super::*;
use crate::episode::Episodes;
use crate::id::SchoolYear;

fn episode(n: u8) -> Episode {
    let date = date(18_876 + i64::from(n));
    let standing = if n.is_multiple_of(3) { Standing::Recalled } else { Standing::Cleared };
    let measures = if standing == Standing::Recalled { Vec::new() } else { vec![i64::from(n) * 100, -1, i64::MAX] };
    let brief = Brief { measures: measures.into(), facts: 300 * u32::from(n), step: u32::from(n % 2) };
    let rule = RuleId::parse(["tier", "streak", "today"][usize::from(n % 3)]).unwrap();
    Episode {
        scope: if n < 4 { EpisodeScope::Day(date) } else { EpisodeScope::Year(SchoolYear(2022)) },
        ordinal: 200 + u32::from(n),
        number: 2,
        standing,
        school: SchoolId::parse(if n == 5 { "s2" } else { "s1" }).unwrap(),
        told: Told { rule, rule_version: 1, level: -i64::from(n), words: Words::Brief(brief) },
        told_at: Now { today: date, as_of: date.previous() },
    }
}

#[test]
fn what_is_laid_away_is_taken_out_as_it_was_and_where_it_was() {
    let open = |n: u8| Episode { standing: Standing::Open, ..episode(n) };
    let all: Vec<Arc<Episode>> = (0..9).map(|n| if n % 4 == 2 { open(n) } else { episode(n) }).map(Arc::new).collect();
    for since in [None, Some(0), Some(4), Some(20)] {
        let mut episodes = Episodes::of_all(all.clone());
        assert_eq!((episodes.whole.len(), episodes.past.bytes.len() < 9 * 30), (2, true));
        assert_eq!(episodes.iter().collect::<Vec<_>>(), all);
        episodes.make_whole(since.map(|n| date(18_876 + n)));
        assert_eq!(
            episodes.whole.len(),
            match since {
                None => 9,
                // Nothing becomes of what was recalled.
                Some(0) => 7,
                Some(4) => 6,
                _ => 2,
            }
        );
        assert_eq!(episodes.iter().collect::<Vec<_>>(), all);
        episodes.past.lay_away(&mut episodes.whole);
        assert_eq!(episodes.whole.len(), 2);
        assert_eq!(episodes.iter().collect::<Vec<_>>(), all);
    }
}

#[test]
fn the_last_ordinal_is_of_the_rule_and_the_scope() {
    let episodes = Episodes::of_all((0..9).map(|n| Arc::new(episode(n))).collect());
    let last = |rule: &str, scope| episodes.past.last_ordinal(&RuleId::parse(rule).unwrap(), scope);
    let year = EpisodeScope::Year(SchoolYear(2022));
    assert_eq!([last("tier", year), last("streak", year), last("other", year)], [206, 207, 0]);
    assert_eq!((last("today", EpisodeScope::Day(date(18_878))), last("today", EpisodeScope::Day(date(1)))), (202, 0));
}
