//! Reading a ledger: what evaluation walks over, and live facts with their origins for those who show them.

use std::cmp::Reverse;

use smallvec::SmallVec;

use super::further::{Further, Taken};
use super::layout::{self, Layout};
use super::mark::{Entries, Entry, Places};
use super::word::{Graded, Said, Word, Words};
use super::{Ledger, Live};
use crate::date::Date;
use crate::event::{AttendanceMark, Enrollment, Fact, Grade, Origin, Scope, Times};
use crate::id::{RecordKey, Revision, SchoolId, SectionId, SessionId, SourceId};

/// A ledger's live facts, borrowed.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Facts<'a>(Layout<'a>);

/// All that a mark says but its date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct MarkKind<'a> {
    pub(crate) school: &'a [u8],
    pub(crate) scope: Scope,
    pub(crate) session: Option<SessionId>,
    pub(crate) code: &'a [u8],
    pub(crate) share: Option<i32>,
    pub(crate) times: Times,
}

/// A live grade and where it comes from.
#[derive(Debug, Clone, Copy)]
pub(crate) struct GradeWord<'a> {
    source: &'a str,
    key: [u8; 16],
    revision: u64,
    pub(crate) grade: Graded<'a>,
}

impl GradeWord<'_> {
    pub(crate) fn origin(&self) -> Origin {
        let source = SourceId::parse(self.source).expect("a ledger is checked when it is read");
        Origin { source, key: RecordKey::new(self.key), revision: Revision(self.revision) }
    }
}

/// A live mark's place in a ledger.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MarkAt {
    pub(crate) date: Date,
    /// The position of its kind, of which all marks of a kind say the same but for their dates.
    pub(crate) kind: usize,
    pub(crate) key: [u8; 16],
    pub(crate) revision: u64,
}

/// What a kind of live marks says, and who.
#[derive(Debug, Clone, Copy)]
pub(crate) struct MarkSource<'a> {
    pub(crate) source: &'a str,
    pub(crate) kind: MarkKind<'a>,
}

/// A mark as others know it; none of a withdrawn one.
fn live_mark(mark: &MarkAt, kind: &layout::Kind<'_>) -> Option<Live<AttendanceMark>> {
    let said = mark_kind(kind.said.as_ref()?);
    let fact = AttendanceMark {
        school: SchoolId::parse(text(said.school)).ok()?,
        date: mark.date,
        scope: said.scope,
        session: said.session,
        code: text(said.code).to_owned(),
        share: said.share,
        times: said.times,
    };
    let source = SourceId::parse(text(kind.source)).ok()?;
    Some(Live { source, key: RecordKey::new(mark.key), revision: Revision(mark.revision), fact })
}

impl<'a> Facts<'a> {
    /// What live words say, other than marks, in the order of source and key.
    pub(crate) fn words(self) -> impl Iterator<Item = Said<'a>> {
        self.sourced().map(|(_, said)| said)
    }

    /// The same, each with its source.
    pub(crate) fn sourced(self) -> impl Iterator<Item = (&'a [u8], Said<'a>)> {
        Words::new(self.0.items, self.0.words).live()
    }

    /// Live grades with their origins, in the order of source and key.
    pub(crate) fn grades(self) -> impl Iterator<Item = GradeWord<'a>> {
        Words::new(self.0.items, self.0.words).filter_map(|word| match word.said? {
            Said::Grade(grade) => {
                Some(GradeWord { source: text(word.source), key: word.key, revision: word.revision, grade })
            }
            _ => None,
        })
    }

    /// Live courses of the transcript with their sources, in the order of source and key.
    pub(crate) fn transcript(self) -> impl Iterator<Item = (&'a str, Taken<'a>)> {
        Words::new(self.0.items, self.0.words).filter_map(|word| match word.said? {
            Said::Further(Further::Transcript(taken)) => Some((text(word.source), taken)),
            _ => None,
        })
    }

    /// Kinds of marks by position; none of withdrawn ones. Some mark is of each.
    pub(crate) fn kinds(self) -> impl Iterator<Item = Option<MarkKind<'a>>> {
        let mut kinds = self.0.kinds();
        std::iter::from_fn(move || Some(kinds.advance()?.said.as_ref().map(mark_kind)))
    }

    /// Dates of marks in order, and positions of their kinds.
    pub(crate) fn marks(self) -> impl Iterator<Item = (Date, usize)> {
        Places::new(self.0.marks).filter_map(|(date, kind)| Some((Date::from_days(date).ok()?, kind)))
    }
}

fn mark_kind<'a>(said: &layout::Said<'a>) -> MarkKind<'a> {
    let id = |bytes: Option<&[u8]>| bytes.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
    MarkKind {
        school: said.school,
        scope: id(said.section).map_or(Scope::Day, |section| Scope::Section(SectionId::new(section))),
        session: id(said.session).map(SessionId::new),
        code: said.code,
        share: said.share,
        times: said.times,
    }
}

/// Ledgers are written from texts and checked when they are read, so this is always one.
pub(crate) fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or_default()
}

impl Ledger {
    /// What evaluation walks over.
    pub(crate) fn borrowed(&self) -> Facts<'_> {
        Facts(Layout::read(&self.bytes))
    }

    /// Whether the district knows the student.
    pub fn registered(&self) -> bool {
        self.borrowed().words().any(|said| said == Said::Registration)
    }

    /// Whether anything was said that was not withdrawn.
    pub fn says_anything(&self) -> bool {
        self.borrowed().words().next().is_some() || self.count_marks() > 0
    }

    /// Live facts: those that are no marks in the order of source and key, then marks in the order of their dates.
    pub fn facts(&self) -> impl Iterator<Item = Live<Fact>> {
        let layout = Layout::read(&self.bytes);
        let words = Words::new(layout.items, layout.words).filter_map(|word| live(&word));
        words.chain(self.marks().map(|live| live.map(Fact::AttendanceMark)))
    }

    /// How many live marks there are.
    pub fn count_marks(&self) -> usize {
        let kinds: Vec<bool> = self.borrowed().kinds().map(|kind| kind.is_some()).collect();
        self.borrowed().marks().filter(|(_, kind)| kinds.get(*kind).copied().unwrap_or_default()).count()
    }

    /// Live marks of days at schools, which are given newest first: the newest first, those of one date in the order of source and
    /// key, however they came.
    pub(crate) fn marks_on(&self, days: &[(&SchoolId, Date)]) -> SmallVec<[MarkAt; 8]> {
        let layout = Layout::read(&self.bytes);
        let kinds: SmallVec<[layout::Kind<'_>; 4]> = layout.kinds().collect();
        let mut days = days.iter().rev().peekable();
        let mut found = SmallVec::<[MarkAt; 8]>::new();
        for Entry { date, kind: at, revision, own_key } in Entries::new(layout.marks) {
            while days.next_if(|(_, day)| day.days() < date).is_some() {}
            let Some((school, day)) = days.peek() else { break };
            if day.days() == date
                && let Some(kind) = kinds.get(at)
                && kind.said.is_some_and(|said| said.school == school.as_str().as_bytes())
            {
                found.push(MarkAt { date: *day, kind: at, key: kind.key(date, own_key), revision });
            }
        }
        // Then they are in order already, but where a date has several.
        found.reverse();
        found.sort_unstable_by_key(|mark| (Reverse(mark.date), kinds[mark.kind].source, mark.key));
        found
    }

    /// By the position of a kind: what its marks say, and who; none of withdrawn ones.
    pub(crate) fn sources(&self) -> impl Iterator<Item = Option<MarkSource<'_>>> {
        Layout::read(&self.bytes)
            .kinds()
            .map(move |kind| Some(MarkSource { source: text(kind.source), kind: mark_kind(kind.said.as_ref()?) }))
    }

    /// Live marks of a date at a school, as others know them.
    pub(crate) fn live_on(&self, school: &SchoolId, date: Date) -> impl Iterator<Item = Live<AttendanceMark>> {
        let kinds: SmallVec<[layout::Kind<'_>; 4]> = Layout::read(&self.bytes).kinds().collect();
        self.marks_on(&[(school, date)]).into_iter().filter_map(move |mark| live_mark(&mark, kinds.get(mark.kind)?))
    }

    /// Live attendance marks, in the order of their dates.
    pub fn marks(&self) -> impl Iterator<Item = Live<AttendanceMark>> {
        let layout = Layout::read(&self.bytes);
        let kinds: Vec<_> = layout.kinds().collect();
        Entries::new(layout.marks).filter_map(move |entry| {
            let kind = *kinds.get(entry.kind)?;
            let date = Date::from_days(entry.date).ok()?;
            let key = kind.key(entry.date, entry.own_key);
            live_mark(&MarkAt { date, kind: entry.kind, key, revision: entry.revision }, &kind)
        })
    }

    /// Whether the stored bytes make sense, all of them: what reads them later relies on it.
    pub(super) fn is_sound(&self) -> bool {
        let layout = Layout::read(&self.bytes);
        let (mut kinds, mut words) = (layout.kinds(), Words::new(layout.items, layout.words));
        let mut entries = Entries::new(layout.marks);
        let known: Vec<_> = kinds.by_ref().collect();
        let ids = |bytes: Option<&[u8]>| bytes.is_none_or(|bytes| bytes.len() == 16);
        let sound_kind = |kind: &layout::Kind<'_>| {
            is_source(kind.source)
                && kind.stem.is_none_or(|stem| stem.len() == 12)
                && kind.said.is_none_or(|said| {
                    is_school(said.school) && is_text(said.code) && ids(said.section) && ids(said.session)
                })
        };
        let sound_entry = |entry: super::mark::Entry| {
            let kind = known.get(entry.kind);
            Date::from_days(entry.date).is_ok()
                && kind.is_some_and(|kind| kind.stem.is_none() == entry.own_key.is_some())
        };
        layout.is_sound
            && known.iter().all(sound_kind)
            && kinds.is_sound()
            && words.by_ref().all(|word| sound_word(&word))
            && words.is_sound()
            && entries.by_ref().all(sound_entry)
            && entries.is_sound()
    }
}

fn is_text(bytes: &[u8]) -> bool {
    std::str::from_utf8(bytes).is_ok()
}

fn is_source(bytes: &[u8]) -> bool {
    is_text(bytes) && SourceId::parse(text(bytes)).is_ok()
}

fn is_school(bytes: &[u8]) -> bool {
    is_text(bytes) && SchoolId::parse(text(bytes)).is_ok()
}

fn sound_word(word: &Word<'_>) -> bool {
    is_source(word.source)
        && match &word.said {
            None | Some(Said::Registration | Said::Membership(_)) => true,
            Some(Said::Enrollment(spell)) => {
                is_school(spell.school) && is_text(spell.grade_level) && is_text(spell.exit_type)
            }
            Some(Said::Grade(grade)) => is_text(grade.grade_type) && grade.letter.is_none_or(is_text),
            Some(Said::Further(further)) => further.texts().into_iter().all(is_text) && further.fact().is_some(),
        }
}

impl<T> Live<T> {
    fn map<U>(self, to: impl FnOnce(T) -> U) -> Live<U> {
        Live { source: self.source, key: self.key, revision: self.revision, fact: to(self.fact) }
    }
}

fn live(word: &Word<'_>) -> Option<Live<Fact>> {
    let fact = match word.said? {
        Said::Registration => Fact::Registration,
        Said::Membership(membership) => Fact::SectionMembership(membership),
        Said::Enrollment(spell) => Fact::Enrollment(Enrollment {
            school: SchoolId::parse(text(spell.school)).ok()?,
            entry_on: spell.entry_on,
            exit_on: spell.exit_on,
            calendar: spell.calendar,
            primary_school: spell.primary_school,
            grade_level: text(spell.grade_level).to_owned(),
            exit_type: text(spell.exit_type).to_owned(),
        }),
        Said::Grade(grade) => Fact::Grade(owned(&grade)),
        Said::Further(further) => further.fact()?,
    };
    let source = SourceId::parse(text(word.source)).ok()?;
    Some(Live { source, key: RecordKey::new(word.key), revision: Revision(word.revision), fact })
}

fn owned(grade: &Graded<'_>) -> Grade {
    Grade {
        section: grade.section,
        grading_period: grade.grading_period,
        grade_type: text(grade.grade_type).to_owned(),
        numeric: grade.numeric,
        letter: grade.letter.map(|letter| text(letter).to_owned()),
    }
}
