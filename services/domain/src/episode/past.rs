//! Episodes that are over, in few bytes: a year has many of them, and nearly all that is asked of one is whether something may still
//! disprove it.
//!
//! They stand in one row of bytes in the order of time, some fifteen each, and so do the places of those that are kept whole. What a look
//! at all of them takes is made again for it, and laid away afterwards.

use std::sync::Arc;

use smallvec::SmallVec;

use super::told::{Brief, Words};
use super::{Episode, EpisodeScope, Standing, Told};
use crate::date::Date;
use crate::id::{RuleId, SchoolId, SchoolYear};
use crate::ledger::bytes::{Reader, put_signed, put_size, put_varint};
use crate::settings::Now;

/// The row. Two that were written in another order of names may say the same.
#[derive(Debug, Clone, Default)]
pub(super) struct Past {
    /// Each episode behind its length; nothing of one that is kept whole.
    bytes: Vec<u8>,
    names: Option<Arc<Names>>,
}

/// What many of them share.
#[derive(Debug, Clone, Default)]
struct Names {
    rules: Vec<RuleId>,
    schools: Vec<SchoolId>,
}

/// In the place of an episode that is kept whole: it has no bytes here.
const PLACE: u8 = 0;

/// Bytes that are kept free for what comes next: about one more.
const ROOM: usize = 24;

/// What is asked of all episodes.
#[derive(Debug, Clone, Copy)]
pub(super) struct Head {
    rule: usize,
    pub(super) scope: EpisodeScope,
    pub(super) ordinal: u32,
    pub(super) standing: Standing,
    pub(super) told_at: Now,
}

/// What an episode is, in its first byte.
const OF_A_DAY: u64 = 1;
const RECALLED: u64 = 2;

impl Past {
    /// Places alone, for so many that are kept whole.
    pub(super) fn keep_places(&mut self, many: usize) {
        self.bytes.clear();
        self.bytes.resize(many, PLACE);
    }

    /// A place for one more that is kept whole.
    pub(super) fn push_place(&mut self) {
        if self.bytes.len() == self.bytes.capacity() {
            // A year has many episodes, and most students few.
            self.bytes.reserve_exact(ROOM);
        }
        self.bytes.push(PLACE);
    }

    /// Lays those away that need not be whole any more; `whole` are those of its places, in order.
    pub(super) fn lay_away(&mut self, whole: &mut Vec<Arc<Episode>>) {
        if !whole.iter().any(|episode| is_brief(episode)) {
            return;
        }
        let row = std::mem::take(&mut self.bytes);
        let (mut at, mut of_places) = (0, whole.iter());
        let mut bytes = Vec::with_capacity(row.len() + ROOM);
        while let Some((length, record)) = first(&row[at..]) {
            if !record.is_empty() {
                bytes.extend_from_slice(&row[at..at + length]);
            } else if let Some(episode) = of_places.next() {
                self.write(episode, &mut bytes);
            }
            at += length;
        }
        self.bytes = bytes;
        whole.retain(|episode| !is_brief(episode));
        // A look at many that are over is rare.
        whole.shrink_to(2 * whole.len());
    }

    /// Makes those whole again that were told on a date or later and may be recalled, or all; `whole` are those of its places, in order.
    pub(super) fn take_out(&mut self, since: Option<Date>, whole: &mut Vec<Arc<Episode>>) {
        let is_asked =
            |head: Head| since.is_none_or(|since| head.standing != Standing::Recalled && head.told_on() >= since);
        if !self.heads().any(is_asked) {
            return;
        }
        let row = std::mem::take(&mut self.bytes);
        self.bytes.reserve_exact(row.len());
        let (mut at, mut of_places) = (0, std::mem::take(whole).into_iter());
        while let Some((length, record)) = first(&row[at..]) {
            match head(record) {
                Some(head) if !is_asked(head) => self.bytes.extend_from_slice(&row[at..at + length]),
                asked => {
                    let episode = if asked.is_some() { self.read(record).map(Arc::new) } else { of_places.next() };
                    self.bytes.extend(episode.iter().map(|_| PLACE));
                    whole.extend(episode);
                }
            }
            at += length;
        }
    }

    /// All of them in order, with those of its places.
    pub(super) fn all<'p>(&'p self, whole: &'p [Arc<Episode>]) -> impl Iterator<Item = Arc<Episode>> + 'p {
        let mut of_places = whole.iter();
        records(&self.bytes).filter_map(move |record| match record {
            [] => of_places.next().cloned(),
            record => self.read(record).map(Arc::new),
        })
    }

    /// The first of all; none when that one is kept whole.
    pub(super) fn first(&self) -> Option<Head> {
        records(&self.bytes).next().and_then(head)
    }

    /// Whether there are more than so many.
    pub(super) fn exceeds(&self, many: usize) -> bool {
        // Each takes a byte or more.
        self.bytes.len() > many && records(&self.bytes).count() > many
    }

    pub(super) fn heads(&self) -> impl Iterator<Item = Head> {
        records(&self.bytes).filter_map(head)
    }

    /// The highest ordinal of a rule's episodes of a scope; 0 when there is none.
    pub(super) fn last_ordinal(&self, rule: &RuleId, scope: EpisodeScope) -> u32 {
        let known = self.names.as_ref().and_then(|names| names.rules.iter().position(|of| of == rule));
        let Some(rule) = known else { return 0 };
        let of_scope = self.heads().filter(|of| of.rule == rule && of.scope == scope);
        of_scope.map(|of| of.ordinal).max().unwrap_or(0)
    }

    /// An episode behind its length; the place of one that is kept whole.
    fn write(&mut self, episode: &Episode, row: &mut Vec<u8>) {
        let begin = row.len();
        row.push(PLACE);
        let Words::Brief(Brief { measures, facts, step }) = &episode.told.words else { return };
        if episode.standing == Standing::Open {
            return;
        }
        let names = Arc::make_mut(self.names.get_or_insert_default());
        let (kind, scope) = match episode.scope {
            EpisodeScope::Year(SchoolYear(year)) => (0, year.into()),
            EpisodeScope::Day(date) => (OF_A_DAY, date.days().into()),
        };
        put_varint(row, kind | if episode.standing == Standing::Recalled { RECALLED } else { 0 });
        put_size(row, place(&mut names.rules, &episode.told.rule));
        put_signed(row, scope);
        put_varint(row, episode.ordinal.into());
        // Of a day's episode its own date is taken off, which leaves little.
        let Now { today, as_of } = episode.told_at;
        put_signed(row, i64::from(today.days()) - i64::from(origin(episode.scope)));
        put_signed(row, i64::from(today.days()) - i64::from(as_of.days()));
        put_size(row, place(&mut names.schools, &episode.school));
        put_signed(row, episode.told.level);
        for number in [episode.number, episode.told.rule_version, *facts, *step] {
            put_varint(row, number.into());
        }
        measures.iter().for_each(|value| put_signed(row, *value));
        let mut length = SmallVec::<[u8; 4]>::new();
        put_size(&mut length, row.len() - begin - 1);
        row.splice(begin..=begin, length);
    }

    fn read(&self, record: &[u8]) -> Option<Episode> {
        let mut reader = Reader::new(record);
        let Head { rule, scope, ordinal, standing, told_at } = Head::read(&mut reader);
        let (school, level) = (reader.size(), reader.signed());
        let [number, rule_version, facts, step] = std::array::from_fn(|_| number(&mut reader));
        let mut measures = SmallVec::new();
        while !reader.is_done() {
            measures.push(reader.signed());
        }
        let names = self.names.as_ref()?;
        let (rule, school) = (names.rules.get(rule)?.clone(), names.schools.get(school)?.clone());
        let told = Told { rule, rule_version, level, words: Words::Brief(Brief { measures, facts, step }) };
        Some(Episode { scope, ordinal, number, standing, school, told, told_at })
    }
}

impl Head {
    fn read(reader: &mut Reader<'_>) -> Self {
        let (kind, rule) = (reader.varint(), reader.size());
        let scope = if kind & OF_A_DAY == 0 {
            EpisodeScope::Year(SchoolYear(reader.narrow()))
        } else {
            EpisodeScope::Day(reader.date())
        };
        let ordinal = number(reader);
        let today = i64::from(origin(scope)) + reader.signed();
        let told_at = Now { today: date(today), as_of: date(today - reader.signed()) };
        let standing = if kind & RECALLED == 0 { Standing::Cleared } else { Standing::Recalled };
        Self { rule, scope, ordinal, standing, told_at }
    }

    /// The later of the dates in force when it was told.
    pub(super) fn told_on(&self) -> Date {
        let Now { today, as_of } = self.told_at;
        today.max(as_of)
    }
}

/// What dates are counted from, so that what is told of a day takes little.
pub(super) fn origin(scope: EpisodeScope) -> i32 {
    match scope {
        EpisodeScope::Day(date) => date.days(),
        EpisodeScope::Year(_) => 0,
    }
}

/// One that was written as a date.
fn date(days: i64) -> Date {
    i32::try_from(days).ok().and_then(|days| Date::from_days(days).ok()).unwrap_or(Date::EPOCH)
}

fn number(reader: &mut Reader<'_>) -> u32 {
    u32::try_from(reader.varint()).unwrap_or_default()
}

/// Whether a few values say all of it.
fn is_brief(episode: &Episode) -> bool {
    episode.standing != Standing::Open && matches!(episode.told.words, Words::Brief(_))
}

/// Each in order; nothing in the place of one that is kept whole.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = &[u8]> {
    std::iter::from_fn(move || {
        let (length, record) = first(bytes)?;
        bytes = &bytes[length..];
        Some(record)
    })
}

/// The first record of a row, and how many bytes it takes with its length.
fn first(row: &[u8]) -> Option<(usize, &[u8])> {
    let mut reader = Reader::new(row);
    let length = reader.size();
    let record = reader.take(length);
    (!row.is_empty() && reader.is_sound()).then(|| (row.len() - reader.left(), record))
}

/// None of the place of one that is kept whole.
fn head(record: &[u8]) -> Option<Head> {
    (!record.is_empty()).then(|| Head::read(&mut Reader::new(record)))
}

/// Where a name is among others; a new one is put behind them.
fn place<T: Clone + PartialEq>(names: &mut Vec<T>, name: &T) -> usize {
    names.iter().position(|of| of == name).unwrap_or_else(|| {
        names.reserve_exact(1);
        names.push(name.clone());
        names.len() - 1
    })
}

#[cfg(test)]
mod tests;
