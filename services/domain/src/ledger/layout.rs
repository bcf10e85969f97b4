//! How a ledger's bytes are laid out: format, then the lengths of three parts, then the parts and the marks.
//!
//! 1. *Items*: texts and ids, each once. Others refer to them by number: a phrase's, or a position behind those.
//! 2. *Kinds* of marks: all that a mark says but its date and revision, so that thousands share one.
//! 3. *Words* that are no marks (see `word`).
//! 4. Marks (see `mark`), which refer to kinds by position.
//!
//! A record's key takes no space where it follows from what the record says: the last four bytes of a mark's key are its date,
//! when its natural key holds that date, and the twelve before are those of many marks: the *stem*. For keys of words see `derived`.

use smallvec::SmallVec;

use super::bytes::{Reader, put_signed, put_size};
use super::mark::USUAL_BYTES;
use super::phrase::{self, PHRASES};
use crate::event::{AttendanceMark, Origin, Scope, Times};

/// The first byte of a ledger.
pub(super) const FORMAT: u8 = 3;
/// The same without keys that follow from what words say.
pub(super) const SECOND_FORMAT: u8 = 2;

/// A ledger's parts.
#[derive(Debug, Clone, Copy)]
pub(super) struct Layout<'a> {
    pub(super) items: Items<'a>,
    pub(super) kinds: &'a [u8],
    pub(super) words: &'a [u8],
    pub(super) marks: &'a [u8],
    pub(super) is_sound: bool,
}

impl<'a> Layout<'a> {
    pub(super) fn read(bytes: &'a [u8]) -> Self {
        let mut reader = Reader::new(bytes.get(1..).unwrap_or_default());
        let lengths = if reader.is_done() { [0; 3] } else { [reader.size(), reader.size(), reader.size()] };
        let [items, kinds, words] = lengths.map(|length| reader.take(length));
        let (is_sound, left) = (reader.is_sound(), reader.left());
        Self { items: Items(items), kinds, words, marks: reader.take(left), is_sound }
    }

    pub(super) fn kinds(&self) -> Kinds<'a> {
        Kinds { items: self.items, reader: Reader::new(self.kinds), last: None }
    }

    /// The ledger's bytes with one kind more, and room for a mark or two of it.
    pub(super) fn with_kind(&self, kind: &Kind<'_>) -> Vec<u8> {
        let mut items = NewItems { known: self.items.0, new: SmallVec::new() };
        let mut bytes = SmallVec::<[u8; 16]>::new();
        kind.write(self.kinds().last().as_ref(), &mut items, &mut bytes);
        let more = self.marks.len() + 2 * USUAL_BYTES;
        let mut out = write([&[self.items.0, &items.new], &[self.kinds, &bytes], &[self.words]], more);
        out.extend_from_slice(self.marks);
        out
    }
}

impl Layout<'_> {
    /// The ledger's bytes with other kinds and without marks, and room for those that there were and one more.
    pub(super) fn with_kinds<'k>(&self, kinds: impl Iterator<Item = Kind<'k>>) -> Vec<u8> {
        let mut items = NewItems { known: self.items.0, new: SmallVec::new() };
        let (mut bytes, mut last) = (SmallVec::<[u8; 64]>::new(), None);
        for kind in kinds {
            kind.write(last.as_ref(), &mut items, &mut bytes);
            last = Some(kind);
        }
        write([&[self.items.0, &items.new], &[&bytes], &[self.words]], self.marks.len() + 2 * USUAL_BYTES)
    }
}

/// Puts three parts together, each of several pieces; room is kept for what is written behind them.
pub(super) fn write(parts: [&[&[u8]]; 3], room: usize) -> Vec<u8> {
    let lengths = parts.map(|pieces| pieces.iter().map(|piece| piece.len()).sum::<usize>());
    let mut head = SmallVec::<[u8; 16]>::new();
    head.push(FORMAT);
    for length in lengths {
        put_size(&mut head, length);
    }
    let mut out = Vec::with_capacity(head.len() + lengths.iter().sum::<usize>() + room);
    out.extend_from_slice(&head);
    for piece in parts.into_iter().flatten() {
        out.extend_from_slice(piece);
    }
    out
}

/// Texts and ids.
#[derive(Debug, Clone, Copy)]
pub(super) struct Items<'a>(&'a [u8]);

impl<'a> Items<'a> {
    /// The item that the reader refers to.
    pub(super) fn read(self, reader: &mut Reader<'a>) -> &'a [u8] {
        let number = reader.size();
        if let Some(phrase) = PHRASES.get(number) {
            return phrase.as_bytes();
        }
        let Some(bytes) = self.0.get(number - PHRASES.len()..) else {
            reader.spoil();
            return &[];
        };
        let mut item = Reader::new(bytes);
        let length = item.size();
        let item_bytes = item.take(length);
        if !item.is_sound() {
            reader.spoil();
        }
        item_bytes
    }

    /// An id of sixteen bytes.
    pub(super) fn id(self, reader: &mut Reader<'a>) -> [u8; 16] {
        self.read(reader).try_into().unwrap_or_else(|_| {
            reader.spoil();
            [0; 16]
        })
    }
}

/// Items being written, behind those that are there.
#[derive(Debug, Default)]
pub(super) struct NewItems<'a> {
    known: &'a [u8],
    pub(super) new: SmallVec<[u8; 96]>,
}

impl NewItems<'_> {
    /// Writes the number of an item, which is added unless it is there.
    pub(super) fn put(&mut self, out: &mut impl Extend<u8>, item: &[u8]) {
        put_size(out, self.number(item));
    }

    fn number(&mut self, item: &[u8]) -> usize {
        if let Some(number) = phrase::find(item) {
            return number;
        }
        let known = self.known.len();
        let found = find(self.known, item).or_else(|| find(&self.new, item).map(|at| known + at));
        let at = found.unwrap_or_else(|| {
            let at = known + self.new.len();
            put_size(&mut self.new, item.len());
            self.new.extend_from_slice(item);
            at
        });
        PHRASES.len() + at
    }
}

fn find(items: &[u8], item: &[u8]) -> Option<usize> {
    let mut reader = Reader::new(items);
    while !reader.is_done() {
        let at = items.len() - reader.left();
        let length = reader.size();
        if reader.take(length) == item {
            return Some(at);
        }
    }
    None
}

/// All that a mark says, but its date and revision. What kinds of a student differ in most stands first, since each mark's is
/// compared with them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Kind<'a> {
    /// None of a withdrawn record.
    pub(super) said: Option<Said<'a>>,
    /// The record key without the date; none when each mark has its own key with it.
    pub(super) stem: Option<&'a [u8]>,
    pub(super) source: &'a [u8],
}

/// What a mark says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Said<'a> {
    pub(super) code: &'a [u8],
    pub(super) school: &'a [u8],
    /// None for the whole day.
    pub(super) section: Option<&'a [u8]>,
    pub(super) session: Option<&'a [u8]>,
    pub(super) share: Option<i32>,
    pub(super) times: Times,
}

mod has {
    pub(super) const STEM: u8 = 1;
    pub(super) const SAID: u8 = 2;
    pub(super) const SECTION: u8 = 4;
    pub(super) const SESSION: u8 = 8;
    pub(super) const SHARE: u8 = 16;
    /// In the flags of every kind whose marks say nothing of the clock. So none of them is zero.
    pub(super) const TIMELESS: u8 = 32;
    /// The source, and the school if any, are those of the kind before.
    pub(super) const SAME_PLACE: u8 = 64;
    /// The stem is that of the kind before.
    pub(super) const SAME_STEM: u8 = 128;
}

/// Reads kinds in their order.
#[derive(Debug, Clone)]
pub(super) struct Kinds<'a> {
    items: Items<'a>,
    reader: Reader<'a>,
    last: Option<Kind<'a>>,
}

impl<'a> Kinds<'a> {
    pub(super) const fn is_sound(&self) -> bool {
        self.reader.is_sound()
    }

    /// The next of them where it lies: who compares them with one copies none.
    pub(super) fn advance(&mut self) -> Option<&Kind<'a>> {
        let Self { items, reader, last } = self;
        if reader.is_done() {
            return None;
        }
        let flags = reader.byte();
        let has = |bit| flags & bit != 0;
        let place = last.as_ref().filter(|_| has(has::SAME_PLACE));
        let source = place.map_or_else(|| items.read(reader), |last| last.source);
        let known_stem = last.as_ref().filter(|_| has(has::SAME_STEM)).and_then(|last| last.stem);
        let stem = known_stem.or_else(|| has(has::STEM).then(|| items.read(reader)));
        let known_school = place.and_then(|last| last.said.as_ref()).map(|said| said.school);
        let said = has(has::SAID).then(|| {
            let school = known_school.unwrap_or_else(|| items.read(reader));
            let code = items.read(reader);
            let mut id = |bit| has(bit).then(|| items.read(reader));
            let (section, session) = (id(has::SECTION), id(has::SESSION));
            let share = has(has::SHARE).then(|| reader.narrow());
            let times = if has(has::TIMELESS) { Times::default() } else { times(reader) };
            Said { code, school, section, session, share, times }
        });
        *last = reader.is_sound().then_some(Kind { said, stem, source });
        last.as_ref()
    }
}

impl<'a> Iterator for Kinds<'a> {
    type Item = Kind<'a>;

    fn next(&mut self) -> Option<Kind<'a>> {
        self.advance().copied()
    }
}

impl<'a> Kind<'a> {
    /// Whether all that it refers to another kind refers to as well, and its code is a phrase, so that nothing is left behind
    /// without it.
    pub(super) fn leaves_nothing(&self, others: &[Self]) -> bool {
        let places = |said: Said<'a>| (said.school, said.section, said.session);
        let is_near = |other: &Self| {
            let same_place = other.said.is_some_and(|of| self.said.is_none_or(|said| places(said) == places(of)));
            same_place && (other.source, other.stem) == (self.source, self.stem)
        };
        self.said.is_none_or(|said| phrase::find(said.code).is_some())
            && others.iter().any(|other| other != self && is_near(other))
    }
}

impl Kind<'_> {
    /// The record key of a mark of this kind.
    pub(super) fn key(&self, date: i32, own_key: Option<[u8; 16]>) -> [u8; 16] {
        match (own_key, self.stem) {
            (None, Some(stem)) => keyed(stem, date),
            (key, _) => key.unwrap_or_default(),
        }
    }

    /// Writes it behind another; what both have in common is not written again.
    pub(super) fn write(&self, last: Option<&Kind<'_>>, items: &mut NewItems<'_>, out: &mut impl Extend<u8>) {
        let said = self.said.as_ref();
        let school_of =
            |kind: &Kind<'_>| kind.said.is_some_and(|last| said.is_none_or(|said| said.school == last.school));
        let same_place = last.is_some_and(|last| last.source == self.source && school_of(last));
        let same_stem = self.stem.is_some() && last.is_some_and(|last| last.stem == self.stem);
        let bit = |bit, is_there| if is_there { bit } else { 0 };
        out.extend([self.flags() | bit(has::SAME_PLACE, same_place) | bit(has::SAME_STEM, same_stem)]);
        let source = (!same_place).then_some(self.source);
        let stem = self.stem.filter(|_| !same_stem);
        let school = said.map(|said| said.school).filter(|_| !same_place);
        let rest = said.into_iter().flat_map(|said| [Some(said.code), said.section, said.session]);
        for item in [source, stem, school].into_iter().chain(rest).flatten() {
            items.put(out, item);
        }
        let Some(said) = said else { return };
        if let Some(share) = said.share {
            put_signed(out, i64::from(share));
        }
        if !said.times.is_empty() {
            put_times(said.times, out);
        }
    }

    fn flags(&self) -> u8 {
        let bit = |bit, is_there| if is_there { bit } else { 0 };
        let of = |has: fn(&Said<'_>) -> bool| self.said.as_ref().is_some_and(has);
        bit(has::TIMELESS, !of(|said| !said.times.is_empty()))
            | bit(has::STEM, self.stem.is_some())
            | bit(has::SAID, self.said.is_some())
            | bit(has::SECTION, of(|said| said.section.is_some()))
            | bit(has::SESSION, of(|said| said.session.is_some()))
            | bit(has::SHARE, of(|said| said.share.is_some()))
    }
}

/// Which of them there are, and what they say.
fn times(reader: &mut Reader<'_>) -> Times {
    let which = reader.byte();
    let mut one = |bit: u8| (which & bit != 0).then(|| reader.narrow());
    Times { minutes: one(1), came_at: one(2), left_at: one(4) }
}

fn put_times(times: Times, out: &mut impl Extend<u8>) {
    let all = [times.minutes, times.came_at, times.left_at];
    let which: u8 = (0..).zip(all).map(|(at, one)| u8::from(one.is_some()) << at).sum();
    out.extend([which]);
    for one in all.into_iter().flatten() {
        put_signed(out, i64::from(one));
    }
}

/// A record key of a stem and a date.
fn keyed(stem: &[u8], date: i32) -> [u8; 16] {
    let mut key = [0; 16];
    for (to, from) in key.iter_mut().zip(stem.iter().chain(&date.to_be_bytes())) {
        *to = *from;
    }
    key
}

/// A record key's stem, when the rest is this date.
pub(super) fn stem(key: &[u8; 16], date: i32) -> Option<&[u8]> {
    let (stem, rest) = key.split_at(12);
    (*rest == date.to_be_bytes()).then_some(stem)
}

/// The date that ends a record key, if that is what it is.
pub(super) fn date(key: &[u8; 16]) -> (&[u8], i32) {
    let (stem, rest) = key.split_at(12);
    (stem, i32::from_be_bytes(rest.try_into().unwrap_or_default()))
}

/// The kind of a mark.
pub(super) fn kind<'a>(origin: &'a Origin, mark: &'a AttendanceMark) -> Kind<'a> {
    let section = match &mark.scope {
        Scope::Day => None,
        Scope::Section(section) => Some(section.as_bytes().as_slice()),
    };
    Kind {
        source: origin.source.as_str().as_bytes(),
        stem: stem(origin.key.as_bytes(), mark.date.days()),
        said: Some(Said {
            school: mark.school.as_str().as_bytes(),
            code: mark.code.as_bytes(),
            section,
            session: mark.session.as_ref().map(|session| session.as_bytes().as_slice()),
            share: mark.share,
            times: mark.times,
        }),
    }
}
