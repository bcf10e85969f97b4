//! How episodes are stored: each text once, the rest as small numbers that refer to them.
//!
//! What is open is there whole; of what is over some fifteen bytes.

use std::collections::HashMap;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use super::told::{Brief, Words};
use super::{DecodeError, Episode, EpisodeScope, Episodes, Standing, Told};
use crate::alert::{BarredReferral, CitedFact, Claim, DueDuty, MeasureValue, Proof, Severity, Terms};
use crate::date::Date;
use crate::event::Origin;
use crate::id::{RecordKey, Revision, RuleId, SchoolId, SourceId};
use crate::settings::Now;

/// The first byte.
pub(super) const FORMAT: u8 = 2;

#[derive(Serialize, Deserialize)]
struct Stored<'a> {
    #[serde(borrow)]
    texts: Vec<&'a str>,
    episodes: Vec<Kept>,
}

/// The position of a text.
type Text = u32;

#[derive(Serialize, Deserialize)]
struct Kept {
    scope: EpisodeScope,
    ordinal: u32,
    number: u32,
    standing: Standing,
    school: Text,
    rule: Text,
    rule_version: u32,
    level: i64,
    told: KeptWords,
    /// In days: of a day's episode its own date is taken off, which leaves little.
    today: i32,
    /// How many days before.
    as_of: i32,
}

#[derive(Serialize, Deserialize)]
enum KeptWords {
    Whole(Box<KeptClaim>),
    Brief(Vec<i64>, u32),
    /// With what it asks for. One that asks for nothing is stored as before there was anything to ask for.
    Asking(Box<(KeptClaim, KeptTerms)>),
    /// With the steps that it had taken.
    Stepped(Vec<i64>, u32, u32),
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
    facts: Vec<KeptFact>,
    facts_left_off: u32,
    threshold_source: Text,
}

#[derive(Serialize, Deserialize)]
struct KeptFact {
    date: Date,
    school: Text,
    what: Text,
    code: Text,
    source: Text,
    key: RecordKey,
    revision: Revision,
}

pub(super) fn encode(episodes: &Episodes) -> Vec<u8> {
    let mut texts = Texts::default();
    let episodes = episodes.iter().map(|episode| Kept::of(episode, &mut texts)).collect();
    let stored = Stored { texts: texts.all, episodes };
    postcard::to_extend(&stored, vec![FORMAT]).expect("a list of plain values always encodes into memory")
}

pub(super) fn decode(body: &[u8]) -> Result<Episodes, DecodeError> {
    let stored: Stored<'_> = postcard::from_bytes(body)?;
    let mut reading = Reading { texts: stored.texts, rules: HashMap::new(), schools: HashMap::new() };
    let episodes = stored.episodes.into_iter().map(|kept| reading.episode(kept).map(Arc::new));
    Ok(Episodes(episodes.collect::<Option<_>>().ok_or(DecodeError::Damaged)?))
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

/// What `told_at.today` is counted from.
fn origin(scope: EpisodeScope) -> i32 {
    match scope {
        EpisodeScope::Day(date) => date.days(),
        EpisodeScope::Year(_) => 0,
    }
}

impl Kept {
    fn of<'a>(episode: &'a Episode, texts: &mut Texts<'a>) -> Self {
        let Told { rule, rule_version, level, words } = &episode.told;
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
            told: match words {
                Words::Whole(claim) if asks_for_nothing(claim) => {
                    KeptWords::Whole(Box::new(KeptClaim::of(claim, texts)))
                }
                Words::Whole(claim) => {
                    let of_claim = KeptClaim::of(claim, texts);
                    KeptWords::Asking(Box::new((of_claim, KeptTerms::of(&claim.terms, texts))))
                }
                Words::Brief(Brief { measures, facts, step: 0 }) => KeptWords::Brief(measures.to_vec(), *facts),
                Words::Brief(Brief { measures, facts, step }) => KeptWords::Stepped(measures.to_vec(), *facts, *step),
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
            facts: proof
                .facts
                .iter()
                .map(|fact| KeptFact {
                    date: fact.date,
                    school: put(fact.school.as_str()),
                    what: put(&fact.what),
                    code: put(&fact.code),
                    source: put(fact.origin.source.as_str()),
                    key: fact.origin.key,
                    revision: fact.origin.revision,
                })
                .collect(),
            facts_left_off: proof.facts_left_off,
            threshold_source: put(&proof.threshold_source),
        }
    }
}

/// Texts being read; what refers to one id shares it.
struct Reading<'a> {
    texts: Vec<&'a str>,
    rules: HashMap<Text, RuleId>,
    schools: HashMap<Text, SchoolId>,
}

impl Reading<'_> {
    fn text(&self, at: Text) -> Option<&str> {
        self.texts.get(usize::try_from(at).ok()?).copied()
    }

    fn owned(&self, at: Text) -> Option<String> {
        self.text(at).map(str::to_owned)
    }

    fn rule(&mut self, at: Text) -> Option<RuleId> {
        if !self.rules.contains_key(&at) {
            let rule = RuleId::parse(self.text(at)?).ok()?;
            self.rules.insert(at, rule);
        }
        self.rules.get(&at).cloned()
    }

    fn school(&mut self, at: Text) -> Option<SchoolId> {
        if !self.schools.contains_key(&at) {
            let school = SchoolId::parse(self.text(at)?).ok()?;
            self.schools.insert(at, school);
        }
        self.schools.get(&at).cloned()
    }

    fn episode(&mut self, kept: Kept) -> Option<Episode> {
        let rule = self.rule(kept.rule)?;
        let today = kept.today.checked_add(origin(kept.scope))?;
        let told_at =
            Now { today: Date::from_days(today).ok()?, as_of: Date::from_days(today.checked_sub(kept.as_of)?).ok()? };
        let (version, level) = (kept.rule_version, kept.level);
        let brief = |rule, measures: Vec<i64>, facts, step| Told {
            rule,
            rule_version: version,
            level,
            words: Words::Brief(Brief { measures: measures.into(), facts, step }),
        };
        let told = match kept.told {
            KeptWords::Whole(claim) => {
                let terms = Terms { message_key: rule.to_string(), ..Terms::default() };
                Told::new(self.claim(*claim, (rule, version, level), terms)?)
            }
            KeptWords::Asking(asking) => {
                let (claim, terms) = *asking;
                let terms = self.terms(terms)?;
                Told::new(self.claim(claim, (rule, version, level), terms)?)
            }
            // Whoever reads of an open episode relies on its claim.
            KeptWords::Brief(..) | KeptWords::Stepped(..) if kept.standing == Standing::Open => return None,
            KeptWords::Brief(measures, facts) => brief(rule, measures, facts, 0),
            KeptWords::Stepped(measures, facts, step) => brief(rule, measures, facts, step),
        };
        let Kept { scope, ordinal, number, standing, .. } = kept;
        Some(Episode { scope, ordinal, number, standing, school: self.school(kept.school)?, told, told_at })
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
            message_key: self.owned(kept.message_key)?,
            good_news: kept.good_news,
            quiet_while_case_open: kept.quiet_while_case_open,
            step: kept.step,
            since: kept.since,
            duties,
            barred,
        })
    }

    fn claim(
        &mut self,
        kept: KeptClaim,
        (rule, rule_version, level): (RuleId, u32, i64),
        terms: Terms,
    ) -> Option<Claim> {
        let mut measures = Vec::with_capacity(kept.measures.len());
        for (name, value, unit) in kept.measures {
            measures.push(MeasureValue { name: self.owned(name)?, value, unit: self.owned(unit)? });
        }
        let mut facts = Vec::with_capacity(kept.facts.len());
        for fact in kept.facts {
            facts.push(CitedFact {
                date: fact.date,
                school: self.school(fact.school)?,
                what: self.owned(fact.what)?,
                code: self.owned(fact.code)?,
                origin: Origin {
                    source: SourceId::parse(self.text(fact.source)?).ok()?,
                    key: fact.key,
                    revision: fact.revision,
                },
            });
        }
        Some(Claim {
            rule,
            rule_version,
            severity: kept.severity,
            level,
            audience: self.owned(kept.audience)?,
            title: self.owned(kept.title)?,
            settle_seconds: kept.settle_seconds,
            proof: Proof {
                as_of: kept.as_of,
                explanation: self.owned(kept.explanation)?,
                clears_when: self.owned(kept.clears_when)?,
                measures,
                facts,
                facts_left_off: kept.facts_left_off,
                threshold_source: self.owned(kept.threshold_source)?,
            },
            terms,
        })
    }
}
