//! The marks that say of a student's days that the student was absent, as proofs cite them.

use std::cell::OnceCell;
use std::sync::Arc;

use smallvec::SmallVec;

use super::fingerprint::Taking;
use super::{Cited, Fingerprint, InWords};
use crate::alert::{CitedFact, MAX_CITED_FACTS};
use crate::calculator::treated;
use crate::code;
use crate::date::Date;
use crate::event::Origin;
use crate::id::{RecordKey, Revision, SchoolId, SourceId};
use crate::ledger::{Ledger, MarkAt, MarkSource, text};
use crate::settings::{Category, Settings};

/// Marks of some days that proofs may cite, the newest first, with what those of each kind say.
pub(crate) struct Citable<'a> {
    marks: SmallVec<[MarkAt; 8]>,
    /// By the position of a ledger's kinds; none of a kind that says none such.
    kinds: SmallVec<[Option<Absence<'a>>; 4]>,
}

/// Some of them.
#[derive(Clone, Copy)]
pub(crate) struct Part<'c> {
    marks: &'c [MarkAt],
    kinds: &'c [Option<Absence<'c>>],
}

/// What all absences of a kind say.
struct Absence<'a> {
    school: &'a str,
    source: &'a str,
    code: &'a str,
    what: InWords,
    said: u64,
    /// What the facts share, once one is asked for.
    shared: OnceCell<Option<Shared>>,
}

/// The marks that say of these days, which are given newest first, that the student was absent: the newest of them in words, where
/// they are to be listed.
pub(crate) fn cite_absences(ledger: &Ledger, settings: &Settings, days: &[(&SchoolId, Date)], listed: bool) -> Cited {
    Citable::absences(ledger, settings, days).all().cite(listed)
}

impl<'a> Citable<'a> {
    /// Of days that are given newest first: the marks that say that the student was absent.
    pub(crate) fn absences(ledger: &'a Ledger, settings: &Settings, days: &[(&SchoolId, Date)]) -> Self {
        Self::of(ledger, settings, days, is_absence)
    }

    /// Likewise: the marks of what was missed without excuse, or for a reason that nobody knows. Days, parts of them, classes, and late
    /// arrivals, which the laws of some states count too. An excused tardy is none.
    pub(crate) fn not_excused(ledger: &'a Ledger, settings: &Settings, days: &[(&SchoolId, Date)]) -> Self {
        let is_such = |category| {
            matches!(
                category,
                Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse | Category::Partial | Category::Tardy
            )
        };
        Self::of(ledger, settings, days, is_such)
    }

    fn of(
        ledger: &'a Ledger,
        settings: &Settings,
        days: &[(&SchoolId, Date)],
        is_such: impl Fn(Category) -> bool,
    ) -> Self {
        if days.is_empty() {
            return Self { marks: SmallVec::new(), kinds: SmallVec::new() };
        }
        let kinds: SmallVec<[Option<Absence<'a>>; 4]> =
            ledger.sources().map(|kind| Absence::of(&kind?, settings, &is_such)).collect();
        let mut marks = ledger.marks_on(days);
        marks.retain(|mark| kinds.get(mark.kind).is_some_and(Option::is_some));
        Self { marks, kinds }
    }

    fn all(&self) -> Part<'_> {
        Part { marks: &self.marks, kinds: &self.kinds }
    }

    /// Those of dates from one to another.
    pub(crate) fn between(&self, first: Date, last: Date) -> Part<'_> {
        let from = self.marks.partition_point(|mark| mark.date > last);
        let to = self.marks.partition_point(|mark| mark.date >= first);
        Part { marks: self.marks.get(from..to).unwrap_or_default(), kinds: &self.kinds }
    }
}

impl Part<'_> {
    /// The newest of them in words, as many as a proof lists, where they are to be listed; the others are counted.
    pub(crate) fn cite(self, listed: bool) -> Cited {
        let fingerprint = self.fingerprint();
        if !listed {
            let left_off = u32::try_from(self.marks.len()).unwrap_or(u32::MAX);
            return Cited { facts: Vec::new(), left_off, fingerprint };
        }
        let (newest, left_off) = self.newest();
        let mut facts = Vec::with_capacity(newest.len());
        facts.extend(newest.iter().filter_map(|mark| self.absence(mark)?.fact(mark)));
        debug_assert_eq!(fingerprint, Fingerprint::of(&facts, left_off), "what is read of a ledger is what was told");
        Cited { facts, left_off, fingerprint }
    }

    /// The fingerprint of what is cited.
    fn fingerprint(self) -> Fingerprint {
        let (newest, left_off) = self.newest();
        let mut taking = Taking::default();
        for mark in newest {
            taking.take(mark.date, &mark.key, self.absence(mark).map_or(0, |absence| absence.said));
        }
        taking.end(left_off)
    }

    fn newest(&self) -> (&[MarkAt], u32) {
        let (newest, others) = self.marks.split_at(self.marks.len().min(MAX_CITED_FACTS));
        (newest, u32::try_from(others.len()).unwrap_or(u32::MAX))
    }

    fn absence(&self, mark: &MarkAt) -> Option<&Absence<'_>> {
        self.kinds.get(mark.kind).and_then(Option::as_ref)
    }
}

impl<'a> Absence<'a> {
    /// None where the kind says none such.
    fn of(of: &MarkSource<'a>, settings: &Settings, is_such: &impl Fn(Category) -> bool) -> Option<Self> {
        let MarkSource { source, kind } = *of;
        let category = code::attendance_of(kind.code, &settings.codes);
        if !category.is_some_and(is_such) {
            return None;
        }
        let (school, code) = (text(kind.school), text(kind.code));
        let what = InWords { scope: kind.scope, share: kind.share, category };
        let said = Fingerprint::said(school, source, what);
        Some(Self { school, source, code, what, said, shared: OnceCell::new() })
    }

    /// A mark of the kind, in words.
    fn fact(&self, mark: &MarkAt) -> Option<CitedFact> {
        let shared = self.shared.get_or_init(|| {
            let (school, source) = (SchoolId::parse(self.school).ok()?, SourceId::parse(self.source).ok()?);
            Some(Shared { school, source, code: self.code.into(), what: self.what.to_string().into() })
        });
        let Shared { school, source, code, what } = shared.as_ref()?;
        Some(CitedFact {
            date: mark.date,
            school: school.clone(),
            what: what.clone(),
            code: code.clone(),
            origin: Origin { source: source.clone(), key: RecordKey::new(mark.key), revision: Revision(mark.revision) },
        })
    }
}

struct Shared {
    school: SchoolId,
    source: SourceId,
    code: Arc<str>,
    what: Arc<str>,
}

fn is_absence(category: Category) -> bool {
    matches!(
        treated(category),
        Category::ExcusedAbsence | Category::UnexcusedAbsence | Category::AbsenceUnknownExcuse | Category::Partial
    )
}
