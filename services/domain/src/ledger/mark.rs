//! Marks as a stream of tokens in the order of their dates: what a school year of them takes most of a ledger's bytes for.
//!
//! A token's first byte holds the way from the mark before, in days, and the mark's kind (see `layout`), four bits each; then
//! comes by how much its revision differs. A *run* says that the same step is repeated: the next weekday, the same kind, the
//! same difference. So a student who is marked present every day takes two bytes for each week that is broken by an absence, and
//! one byte for a year that is not.

use super::bytes::{Reader, put_signed, put_size};

/// A mark's place, kind and revision.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Entry {
    /// Days since 1970-01-01.
    pub(super) date: i32,
    /// Its position in the ledger's list of kinds.
    pub(super) kind: usize,
    pub(super) revision: u64,
    /// The record key, when it does not follow from kind and date.
    pub(super) own_key: Option<[u8; 16]>,
}

/// The way to the mark before, in the high half of a token's first byte: the same date, the next weekday, or so many days.
mod way {
    pub(super) const SAME_DATE: u8 = 0;
    pub(super) const NEXT_WEEKDAY: u8 = 1;
    pub(super) const MAX_DAYS: i32 = 12;
    /// The token proper follows, and behind it a record key.
    pub(super) const OWN_KEY: u8 = 13;
    /// The low half says how often the last step is repeated.
    pub(super) const RUN: u8 = 14;
    /// The number of days follows.
    pub(super) const FAR: u8 = 15;
}

/// Few tokens take more.
pub(super) const USUAL_BYTES: usize = 8;

/// A low half that says that the number follows, less this.
const BEYOND: usize = 15;

/// The weekday after a date: what comes on a Monday to Thursday is the day after, else it is Monday.
const fn next_weekday(date: i32) -> i32 {
    // 1970-01-01 was a Thursday.
    match (date as i64 + 3).rem_euclid(7) {
        4 => date.saturating_add(3),
        5 => date.saturating_add(2),
        _ => date.saturating_add(1),
    }
}

/// Reads tokens.
#[derive(Debug, Clone)]
pub(super) struct Entries<'a> {
    reader: Reader<'a>,
    /// How often the last step is still to be repeated.
    repeat: usize,
    last: Tail,
}

/// Where a stream ends: what is needed to go on writing it.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Tail {
    pub(super) date: i32,
    kind: usize,
    revision: u64,
    difference: i64,
    /// Whether the last mark can be repeated.
    plain: bool,
    /// The last token, if it is a run: how many bytes it has, and how long the run is.
    run: Option<(usize, usize)>,
}

impl<'a> Entries<'a> {
    pub(super) fn new(tokens: &'a [u8]) -> Self {
        Self { reader: Reader::new(tokens), repeat: 0, last: Tail::default() }
    }

    /// Whether all that was read made sense.
    pub(super) const fn is_sound(&self) -> bool {
        self.reader.is_sound()
    }

    /// Where tokens go on: how many bytes are left, and what is needed to write on; none within a run.
    pub(super) fn between_tokens(&self) -> Option<(usize, Tail)> {
        (self.repeat == 0).then(|| (self.reader.left(), self.last))
    }

    /// Reads to the end, and tells where it is.
    pub(super) fn tail(mut self) -> Tail {
        while self.next().is_some() {}
        self.last
    }

    fn step(&mut self) -> Entry {
        let last = &mut self.last;
        last.date = next_weekday(last.date);
        last.revision = last.revision.wrapping_add_signed(last.difference);
        Entry { date: last.date, kind: last.kind, revision: last.revision, own_key: None }
    }
}

impl Iterator for Entries<'_> {
    type Item = Entry;

    #[inline]
    fn next(&mut self) -> Option<Entry> {
        if self.repeat > 0 {
            self.repeat -= 1;
            return Some(self.step());
        }
        if self.reader.is_done() {
            return None;
        }
        let before = self.reader.left();
        let first = self.reader.byte();
        if first >> 4 == way::RUN {
            let length = low(first, &mut self.reader);
            if length == 0 || !self.last.plain {
                self.reader.spoil();
                return None;
            }
            self.repeat = length - 1;
            self.last.run = Some((before - self.reader.left(), length));
            return Some(self.step());
        }
        let plain = first >> 4 != way::OWN_KEY;
        let first = if plain { first } else { self.reader.byte() };
        let last = &mut self.last;
        (last.date, last.kind) = place(first, last.date, &mut self.reader);
        last.difference = self.reader.signed();
        last.revision = last.revision.wrapping_add_signed(last.difference);
        (last.plain, last.run) = (plain, None);
        let entry = Entry { date: last.date, kind: last.kind, revision: last.revision, own_key: None };
        let entry = if plain { entry } else { Entry { own_key: Some(self.reader.sixteen()), ..entry } };
        self.reader.is_sound().then_some(entry)
    }
}

/// Reads where marks stand, without what each of them takes besides: whoever counts days asks for no more.
#[derive(Debug, Clone)]
pub(super) struct Places<'a> {
    reader: Reader<'a>,
    repeat: usize,
    date: i32,
    kind: usize,
}

impl<'a> Places<'a> {
    pub(super) const fn new(tokens: &'a [u8]) -> Self {
        Self { reader: Reader::new(tokens), repeat: 0, date: 0, kind: 0 }
    }
}

impl Iterator for Places<'_> {
    type Item = (i32, usize);

    #[inline]
    fn next(&mut self) -> Option<(i32, usize)> {
        if self.repeat == 0 {
            let first = (!self.reader.is_done()).then(|| self.reader.byte())?;
            if first >> 4 != way::RUN {
                let plain = first >> 4 != way::OWN_KEY;
                let first = if plain { first } else { self.reader.byte() };
                (self.date, self.kind) = place(first, self.date, &mut self.reader);
                self.reader.varint();
                if !plain {
                    self.reader.sixteen();
                }
                return self.reader.is_sound().then_some((self.date, self.kind));
            }
            self.repeat = low(first, &mut self.reader);
        }
        self.repeat = self.repeat.checked_sub(1)?;
        self.date = next_weekday(self.date);
        Some((self.date, self.kind))
    }
}

/// The date and kind of a mark, of its first byte and the date before.
#[inline]
fn place(first: u8, before: i32, reader: &mut Reader<'_>) -> (i32, usize) {
    let date = match first >> 4 {
        way::NEXT_WEEKDAY => next_weekday(before),
        way::FAR => before.saturating_add(reader.narrow()),
        days => before.saturating_add(i32::from(days)),
    };
    (date, low(first, reader))
}

#[inline]
fn low(first: u8, reader: &mut Reader<'_>) -> usize {
    let low = usize::from(first & 0x0f);
    if low < BEYOND { low } else { BEYOND.saturating_add(reader.size()) }
}

impl Tail {
    /// The last mark's date, in days since 1970.
    pub(crate) const fn date(&self) -> i32 {
        self.date
    }

    /// Writes the next mark behind the last; its date is that of the last, or later.
    pub(super) fn push(&mut self, out: &mut Vec<u8>, entry: &Entry) {
        let difference = entry.revision.wrapping_sub(self.revision).cast_signed();
        let next_weekday = entry.date == next_weekday(self.date);
        let plain = entry.own_key.is_none();
        if self.plain && plain && next_weekday && entry.kind == self.kind && difference == self.difference {
            let (bytes, length) = self.run.unwrap_or_default();
            out.truncate(out.len() - bytes);
            let start = out.len();
            put_first(out, way::RUN, length + 1);
            self.run = Some((out.len() - start, length + 1));
        } else {
            if !plain {
                out.push(way::OWN_KEY << 4);
            }
            let days = entry.date - self.date;
            let near = u8::try_from(days).ok().filter(|_| (2..=way::MAX_DAYS).contains(&days));
            let way = match near {
                _ if days == 0 => way::SAME_DATE,
                _ if next_weekday => way::NEXT_WEEKDAY,
                Some(days) => days,
                None => way::FAR,
            };
            put_first_of_mark(out, way, days, entry.kind);
            put_signed(out, difference);
            out.extend_from_slice(entry.own_key.as_ref().map_or(&[][..], |key| key));
            self.run = None;
        }
        *self = Self { date: entry.date, kind: entry.kind, revision: entry.revision, difference, plain, run: self.run };
    }
}

fn put_first(out: &mut Vec<u8>, way: u8, value: usize) {
    match u8::try_from(value) {
        Ok(low) if value < BEYOND => out.push(way << 4 | low),
        _ => {
            out.push(way << 4 | 0x0f);
            put_size(out, value - BEYOND);
        }
    }
}

/// The days that a far way takes stand between the two halves of what the first byte says.
fn put_first_of_mark(out: &mut Vec<u8>, way: u8, days: i32, kind: usize) {
    if way != way::FAR {
        return put_first(out, way, kind);
    }
    let low = u8::try_from(kind.min(BEYOND)).unwrap_or(0x0f);
    out.push(way << 4 | low);
    put_signed(out, i64::from(days));
    if kind >= BEYOND {
        put_size(out, kind - BEYOND);
    }
}

/// Writes marks that are in order.
pub(super) fn write(out: &mut Vec<u8>, entries: &[Entry]) {
    let mut tail = Tail::default();
    for entry in entries {
        tail.push(out, entry);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plain(date: i32, kind: usize, revision: u64) -> Entry {
        Entry { date, kind, revision, own_key: None }
    }

    #[test]
    fn a_stream_reads_back_and_can_be_written_on() {
        // 20_325 is a Monday; the rest of its week and the next, then odd steps, other kinds and keys of their own.
        let mut entries: Vec<Entry> =
            (0..8).map(|day| plain(20_325 + day / 5 * 7 + day % 5, 1, 7 + u64::from(day.unsigned_abs()))).collect();
        entries.extend([
            plain(20_335, 14, 3),
            plain(20_340, 15, u64::MAX),
            plain(20_340, 300, 0),
            Entry { own_key: Some([9; 16]), ..plain(20_340, 2, 1) },
            plain(20_341, 2, 1),
            plain(20_500, 2, 1),
            plain(20_503, 2, 1),
        ]);
        let mut bytes = Vec::new();
        for (at, entry) in entries.iter().enumerate() {
            let mut tail = Entries::new(&bytes).tail();
            tail.push(&mut bytes, entry);
            let read = Entries::new(&bytes);
            assert_eq!(read.collect::<Vec<_>>(), entries[..=at]);
            assert!(Places::new(&bytes).eq(entries[..=at].iter().map(|entry| (entry.date, entry.kind))));
        }
        let mut at_once = Vec::new();
        write(&mut at_once, &entries);
        assert_eq!(at_once, bytes);
    }

    #[test]
    fn a_year_of_one_kind_takes_a_few_bytes() {
        let entries: Vec<_> = (0..180).map(|day| plain(20_325 + day / 5 * 7 + day % 5, 0, 1)).collect();
        let mut bytes = Vec::new();
        write(&mut bytes, &entries);
        assert!(bytes.len() <= 12, "{bytes:?}");
    }

    #[test]
    fn nonsense_ends_the_stream() {
        for wrong in [&[0xe3][..], &[0xe0], &[0xf0, 0x80], &[0xd0], &[0xd0, 0x10, 0x02, 1, 2]] {
            let mut entries = Entries::new(wrong);
            assert_eq!(entries.by_ref().count(), 0, "{wrong:?}");
            assert!(!entries.is_sound(), "{wrong:?}");
        }
    }
}
