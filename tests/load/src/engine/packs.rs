//! The shipped packs: how long it takes to load and check all of them, and all of them together over a year of exceptions.

use std::hint::black_box;
use std::time::Duration;

use homeroom_domain::episode::Change as Told;
use homeroom_domain::rule::{DEFAULT_PACK, Pack, shipped};

use super::cases::{Order, in_order};
use super::district::{self, District, Word};
use super::student::Engine;
use super::{CHUNK, index, timed};

/// The shipped packs.
pub(super) struct Packs {
    pub(super) rules: usize,
    /// To read, check and compile each of them, once.
    pub(super) loading: Duration,
    pub(super) events: usize,
    pub(super) changes: u64,
    /// All of them together over the events.
    pub(super) together: Duration,
}

/// How often packs are loaded; the mean counts.
const TIMES: u32 = 20;

impl Packs {
    pub(super) fn measure(students: u64) -> Self {
        let loading = timed(|| {
            for _ in 0..TIMES {
                for (_, yaml) in shipped() {
                    black_box(Pack::parse(black_box(yaml)).expect("a shipped pack is sound"));
                }
            }
        });
        let document = together();
        let rules = Pack::parse(&document).expect("shipped packs go together").rules.len();
        let (district, many) = (District::new(students), index(students));
        let mut engine = Engine::with(&district, many, &document);
        for number in 0..many {
            engine.begin(number, district.first_words_of_spells(number));
        }
        let told = in_order(students, Order::Arrival);
        let mut together = Duration::ZERO;
        for chunk in told.chunks(index(CHUNK)) {
            let words: Vec<Word> = chunk
                .iter()
                .map(|(mark, today)| Word { today: district::date(*today), ..district.word(*mark) })
                .collect();
            together += timed(|| engine.take_all::<Told>(&words));
        }
        black_box(engine.checksum);
        Self { rules, loading: loading / TIMES, events: told.len(), changes: engine.changes, together }
    }
}

/// A district's document that uses every shipped pack but the first rules, which are parts of others.
fn together() -> String {
    let first = Pack::parse(DEFAULT_PACK).expect("the first rules are sound").id;
    let ids: Vec<&str> = shipped().map(|(id, _)| id).filter(|id| *id != first.as_str()).collect();
    format!("id: all-of-them\nversion: 1\nuses: [{}]\nrules: []\n", ids.join(", "))
}
