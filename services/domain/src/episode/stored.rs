//! How episodes are stored: each text once, the rest as small numbers that refer to them.
//!
//! Of what is open the words are there, without the facts, which are in the ledger; of what is over some fifteen bytes.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::past::origin;
use super::told::{Brief, Words};
use super::{DecodeError, Episode, EpisodeScope, Episodes, Standing, Told};
use crate::alert::{BarredReferral, Claim, DueDuty, MeasureValue, Proof, Severity, Terms};
use crate::date::Date;
use crate::id::{RuleId, SchoolId};
use crate::rule::claim::Fingerprint;
use crate::settings::Now;

/// The first byte.
pub(super) const FORMAT: u8 = 3;

#[derive(Serialize, Deserialize)]
#[serde(bound(deserialize = "W: Deserialize<'de>"))]
struct Stored<'a, W> {
    #[serde(borrow)]
    texts: Vec<&'a str>,
    episodes: Vec<Kept<W>>,
}

/// The position of a text.
pub(super) type Text = u32;

/// An episode with what was told of it in the words of a format.
#[derive(Serialize, Deserialize)]
struct Kept<W> {
    scope: EpisodeScope,
    ordinal: u32,
    number: u32,
    standing: Standing,
    school: Text,
    rule: Text,
    rule_version: u32,
    level: i64,
    told: W,
    /// In days: of a day's episode its own date is taken off, which leaves little.
    today: i32,
    /// How many days before.
    as_of: i32,
}

#[derive(Serialize, Deserialize)]
enum KeptWords {
    Whole(Box<KeptClaim>, Fingerprint),
    Brief(Vec<i64>, u32),
    /// With what it asks for. Most ask for nothing.
    Asking(Box<(KeptClaim, KeptTerms)>, Fingerprint),
    /// With the steps that it had taken.
    Stepped(Vec<i64>, u32, u32),
    /// With what it asks for, and the minute of the day before which nobody is told.
    FromMinute(Box<(KeptClaim, KeptTerms, u16)>, Fingerprint),
}

#[derive(Serialize, Deserialize)]
struct KeptTerms {
    message_key: Text,
    good_news: bool,
    quiet_while_case_open: bool,
    step: u32,
    since: Option<Date>,
    /// What, by when, who wants it, and what shows it.
    duties: Vec<(Text, Option<Date>, Text, Text)>,
    /// What, and who bars it.
    barred: Vec<(Text, Text)>,
}

/// A claim without its facts.
#[derive(Serialize, Deserialize)]
struct KeptClaim {
    severity: Severity,
    audience: Text,
    title: Text,
    settle_seconds: u32,
    as_of: Date,
    explanation: Text,
    clears_when: Text,
    measures: Vec<(Text, i64, Text)>,
    facts: u32,
    threshold_source: Text,
}

/// What was told, as a format has it.
pub(super) trait ReadWords {
    /// None when it refers to what is not there.
    fn read(self, rule: (RuleId, u32), level: i64, reading: &mut Reading<'_>) -> Option<Told>;
}

pub(super) fn encode(episodes: &Episodes) -> Vec<u8> {
    let episodes: Vec<Arc<Episode>> = episodes.iter().collect();
    let words: Vec<_> = episodes.iter().map(|episode| Some((episode.told.claim()?, episode.told.facts()?))).collect();
    let mut texts = Texts::default();
    let kept = episodes.iter().zip(&words).map(|(episode, words)| Kept::of(episode, words.as_ref(), &mut texts));
    let episodes = kept.collect();
    let stored = Stored { texts: texts.all, episodes };
    postcard::to_extend(&stored, vec![FORMAT]).expect("a list of plain values always encodes into memory")
}

pub(super) fn decode(body: &[u8]) -> Result<Episodes, DecodeError> {
    decode_with::<KeptWords>(body)
}

/// Reads a format that differs from the last in the words alone.
pub(super) fn decode_with<'a, W: ReadWords + Deserialize<'a>>(body: &'a [u8]) -> Result<Episodes, DecodeError> {
    let stored: Stored<'_, W> = postcard::from_bytes(body)?;
    let mut reading = Reading { texts: stored.texts, rules: HashMap::new(), schools: HashMap::new() };
    let episodes = stored.episodes.into_iter().map(|kept| reading.episode(kept).map(Arc::new));
    Ok(Episodes::of_all(episodes.collect::<Option<_>>().ok_or(DecodeError::Damaged)?))
}

/// Texts being written, each once.
#[derive(Default)]
struct Texts<'a> {
    all: Vec<&'a str>,
    known: HashMap<&'a str, Text>,
}

impl<'a> Texts<'a> {
    fn put(&mut self, text: &'a str) -> Text {
        let next = u32::try_from(self.all.len()).unwrap_or(u32::MAX);
        let at = *self.known.entry(text).or_insert(next);
        if at == next {
            self.all.push(text);
        }
        at
    }
}

impl Kept<KeptWords> {
    /// With its words and facts, if there are any.
    fn of<'a>(episode: &'a Episode, words: Option<&'a (Claim, Fingerprint)>, texts: &mut Texts<'a>) -> Self {
        let Told { rule, rule_version, level, .. } = &episode.told;
        let Now { today, as_of } = episode.told_at;
        Self {
            scope: episode.scope,
            ordinal: episode.ordinal,
            number: episode.number,
            standing: episode.standing,
            school: texts.put(episode.school.as_str()),
            rule: texts.put(rule.as_str()),
            rule_version: *rule_version,
            level: *level,
            told: match (words, episode.told.brief()) {
                (Some((claim, facts)), _) if asks_for_nothing(claim) => {
                    KeptWords::Whole(Box::new(KeptClaim::of(claim, texts)), *facts)
                }
                (Some((claim, facts)), _) => {
                    let (of_claim, terms) = (KeptClaim::of(claim, texts), KeptTerms::of(&claim.terms, texts));
                    match claim.terms.cutoff_minute {
                        None => KeptWords::Asking(Box::new((of_claim, terms)), *facts),
                        Some(minute) => KeptWords::FromMinute(Box::new((of_claim, terms, minute)), *facts),
                    }
                }
                (None, Brief { measures, facts, step: 0 }) => KeptWords::Brief(measures.into_vec(), facts),
                (None, Brief { measures, facts, step }) => KeptWords::Stepped(measures.into_vec(), facts, step),
            },
            today: today.days() - origin(episode.scope),
            as_of: today.days() - as_of.days(),
        }
    }
}

/// Whether all that is asked is what a rule says that asks for nothing.
fn asks_for_nothing(claim: &Claim) -> bool {
    let key = claim.terms.message_key.as_str();
    let rest = Terms { message_key: String::new(), ..claim.terms.clone() };
    key == claim.rule.as_str() && rest == Terms::default()
}

impl KeptTerms {
    fn of<'a>(terms: &'a Terms, texts: &mut Texts<'a>) -> Self {
        let mut put = |text: &'a str| texts.put(text);
        Self {
            message_key: put(&terms.message_key),
            good_news: terms.good_news,
            quiet_while_case_open: terms.quiet_while_case_open,
            step: terms.step,
            since: terms.since,
            duties: terms
                .duties
                .iter()
                .map(|duty| (put(&duty.what), duty.due_on, put(&duty.source), put(&duty.evidence)))
                .collect(),
            barred: terms.barred.iter().map(|bar| (put(&bar.what), put(&bar.source))).collect(),
        }
    }
}

impl KeptClaim {
    fn of<'a>(claim: &'a Claim, texts: &mut Texts<'a>) -> Self {
        let proof = &claim.proof;
        let mut put = |text: &'a str| texts.put(text);
        Self {
            severity: claim.severity,
            audience: put(&claim.audience),
            title: put(&claim.title),
            settle_seconds: claim.settle_seconds,
            as_of: proof.as_of,
            explanation: put(&proof.explanation),
            clears_when: put(&proof.clears_when),
            measures: proof.measures.iter().map(|of| (put(&of.name), of.value, put(&of.unit))).collect(),
            facts: proof.facts_left_off,
            threshold_source: put(&proof.threshold_source),
        }
    }
}

/// Texts being read; what refers to one id shares it.
pub(super) struct Reading<'a> {
    texts: Vec<&'a str>,
    rules: HashMap<Text, RuleId>,
    schools: HashMap<Text, SchoolId>,
}

impl Reading<'_> {
    pub(super) fn text(&self, at: Text) -> Option<&str> {
        self.texts.get(usize::try_from(at).ok()?).copied()
    }

    pub(super) fn shared(&self, at: Text) -> Option<Arc<str>> {
        self.text(at).map(Arc::from)
    }

    fn rule(&mut self, at: Text) -> Option<RuleId> {
        if !self.rules.contains_key(&at) {
            let rule = RuleId::parse(self.text(at)?).ok()?;
            self.rules.insert(at, rule);
        }
        self.rules.get(&at).cloned()
    }

    pub(super) fn school(&mut self, at: Text) -> Option<SchoolId> {
        if !self.schools.contains_key(&at) {
            let school = SchoolId::parse(self.text(at)?).ok()?;
            self.schools.insert(at, school);
        }
        self.schools.get(&at).cloned()
    }

    fn episode<W: ReadWords>(&mut self, kept: Kept<W>) -> Option<Episode> {
        let rule = self.rule(kept.rule)?;
        let today = kept.today.checked_add(origin(kept.scope))?;
        let told_at =
            Now { today: Date::from_days(today).ok()?, as_of: Date::from_days(today.checked_sub(kept.as_of)?).ok()? };
        let told = kept.told.read((rule, kept.rule_version), kept.level, self)?;
        // Whoever reads of an open episode relies on its claim.
        if kept.standing == Standing::Open && told.claim().is_none() {
            return None;
        }
        let Kept { scope, ordinal, number, standing, .. } = kept;
        Some(Episode { scope, ordinal, number, standing, school: self.school(kept.school)?, told, told_at })
    }

    pub(super) fn measures(&self, kept: Vec<(Text, i64, Text)>) -> Option<Vec<MeasureValue>> {
        let measure = |(name, value, unit)| {
            Some(MeasureValue {
                name: self.text(name)?.to_owned().into(),
                value,
                unit: self.text(unit)?.to_owned().into(),
            })
        };
        kept.into_iter().map(measure).collect()
    }

    fn terms(&self, kept: KeptTerms) -> Option<Terms> {
        let mut duties = Vec::with_capacity(kept.duties.len());
        for (what, due_on, source, evidence) in kept.duties {
            let (what, source, evidence) = (self.owned(what)?, self.owned(source)?, self.owned(evidence)?);
            duties.push(DueDuty { what, due_on, source, evidence });
        }
        let mut barred = Vec::with_capacity(kept.barred.len());
        for (what, source) in kept.barred {
            barred.push(BarredReferral { what: self.owned(what)?, source: self.owned(source)? });
        }
        Some(Terms {
            message_key: self.text(kept.message_key)?.to_owned(),
            good_news: kept.good_news,
            quiet_while_case_open: kept.quiet_while_case_open,
            cutoff_minute: None,
            step: kept.step,
            since: kept.since,
            duties,
            barred,
        })
    }

    fn owned(&self, at: Text) -> Option<String> {
        self.text(at).map(str::to_owned)
    }

    fn claim(&self, kept: KeptClaim, (rule, rule_version): (RuleId, u32), level: i64, terms: Terms) -> Option<Claim> {
        Some(Claim {
            rule,
            rule_version,
            severity: kept.severity,
            level,
            audience: self.shared(kept.audience)?,
            title: self.shared(kept.title)?,
            settle_seconds: kept.settle_seconds,
            proof: Proof {
                as_of: kept.as_of,
                explanation: self.shared(kept.explanation)?,
                clears_when: self.shared(kept.clears_when)?,
                measures: self.measures(kept.measures)?,
                facts: Vec::new(),
                facts_left_off: kept.facts,
                threshold_source: self.shared(kept.threshold_source)?,
            },
            terms,
        })
    }
}

impl ReadWords for KeptWords {
    fn read(self, rule: (RuleId, u32), level: i64, reading: &mut Reading<'_>) -> Option<Told> {
        Some(match self {
            Self::Whole(claim, facts) => {
                let terms = asking_nothing(&rule.0);
                Told::of(&reading.claim(*claim, rule, level, terms)?, facts)
            }
            Self::Asking(asking, facts) => {
                let (claim, terms) = *asking;
                let terms = reading.terms(terms)?;
                Told::of(&reading.claim(claim, rule, level, terms)?, facts)
            }
            Self::FromMinute(asking, facts) => {
                let (claim, terms, minute) = *asking;
                let terms = Terms { cutoff_minute: Some(minute), ..reading.terms(terms)? };
                Told::of(&reading.claim(claim, rule, level, terms)?, facts)
            }
            Self::Brief(measures, facts) => brief(rule, level, (measures, facts, 0)),
            Self::Stepped(measures, facts, step) => brief(rule, level, (measures, facts, step)),
        })
    }
}

/// Of a rule that asks for nothing.
pub(super) fn asking_nothing(rule: &RuleId) -> Terms {
    Terms { message_key: rule.to_string(), ..Terms::default() }
}

/// Of what is over: the values of measures, how many facts there were, and the steps taken.
pub(super) fn brief(
    (rule, rule_version): (RuleId, u32),
    level: i64,
    (measures, facts, step): (Vec<i64>, u32, u32),
) -> Told {
    Told { rule, rule_version, level, words: Words::Brief(Brief { measures: measures.into(), facts, step }) }
}
