//! The marks that say of a student's days that the student was absent, as proofs cite them.

use std::cell::OnceCell;
use std::sync::Arc;

use smallvec::SmallVec;

use super::fingerprint::Taking;
use super::{Cited, Fingerprint, described};
use crate::alert::{CitedFact, MAX_CITED_FACTS};
use crate::calculator::treated;
use crate::code;
use crate::date::Date;
use crate::event::Origin;
use crate::id::{RecordKey, Revision, SchoolId, SourceId};
use crate::ledger::{Ledger, MarkOn, text};
use crate::settings::{Category, Settings};

/// What all absences of a kind say.
struct Absence<'a> {
    school: &'a str,
    source: &'a str,
    code: &'a str,
    what: String,
    said: u64,
    /// What the facts share, once one is asked for.
    shared: OnceCell<Option<Shared>>,
}

/// The marks that say of these days, which are given newest first, that the student was absent: the newest of them in words, where
/// they are to be listed.
pub(crate) fn cite_absences(ledger: &Ledger, settings: &Settings, days: &[(&SchoolId, Date)], listed: bool) -> Cited {
    cite_marks(ledger, settings, (days, is_absence), listed)
}

/// The same of marks of other categories.
pub(super) fn cite_marks(
    ledger: &Ledger,
    settings: &Settings,
    marks: (&[(&SchoolId, Date)], impl Fn(Category) -> bool),
    listed: bool,
) -> Cited {
    let mut facts = Vec::new();
    let mut left_off = 0;
    let fingerprint = marks_on(ledger, settings, marks, |mark, absence| {
        if let Some(mark) = mark.filter(|_| listed) {
            facts.extend(absence.fact(mark));
        } else {
            left_off += 1;
        }
    });
    debug_assert!(
        !listed || fingerprint == Fingerprint::of(&facts, left_off),
        "what is read of a ledger is what was told"
    );
    Cited { facts, left_off, fingerprint }
}

/// Goes over the marks, the newest first, with what each says; those beyond the most that a proof lists are only counted. Tells the
/// fingerprint of all.
fn marks_on(
    ledger: &Ledger,
    settings: &Settings,
    (days, is_such): (&[(&SchoolId, Date)], impl Fn(Category) -> bool),
    mut act: impl FnMut(Option<&MarkOn<'_>>, &Absence<'_>),
) -> Fingerprint {
    let (mut taking, mut listed, mut left_off) = (Taking::default(), 0, 0_u32);
    let mut kinds = SmallVec::<[(usize, Option<Absence<'_>>); 4]>::new();
    for mark in ledger.marks_on(days) {
        let at = kinds.iter().position(|(at, _)| *at == mark.at).unwrap_or_else(|| {
            kinds.push((mark.at, Absence::of(&mark, settings, &is_such)));
            kinds.len() - 1
        });
        let Some(absence) = &kinds[at].1 else { continue };
        if listed == MAX_CITED_FACTS {
            left_off = left_off.saturating_add(1);
            act(None, absence);
        } else {
            taking.take(mark.date, &mark.key, absence.said);
            listed += 1;
            act(Some(&mark), absence);
        }
    }
    taking.end(left_off)
}

impl<'a> Absence<'a> {
    /// None where the kind says none such.
    fn of(mark: &MarkOn<'a>, settings: &Settings, is_such: &impl Fn(Category) -> bool) -> Option<Self> {
        let kind = mark.kind()?;
        let category = code::attendance_of(kind.code, &settings.codes);
        if !category.is_some_and(is_such) {
            return None;
        }
        let (school, source, code) = (text(kind.school), mark.source(), text(kind.code));
        let what = described(kind.scope, kind.share, category);
        let said = Fingerprint::said(school, source, &what);
        Some(Self { school, source, code, what, said, shared: OnceCell::new() })
    }

    /// A mark of the kind, in words.
    fn fact(&self, mark: &MarkOn<'_>) -> Option<CitedFact> {
        let shared = self.shared.get_or_init(|| {
            let (school, source) = (SchoolId::parse(self.school).ok()?, SourceId::parse(self.source).ok()?);
            Some(Shared { school, source, code: self.code.into(), what: self.what.as_str().into() })
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
