//! From what was written of a rule to the rule: each field checked, then what fields say together.

use std::collections::BTreeMap;

use super::field::{EVIDENCE, Field, Kind, ON_CHANGE, SCOPES, SEVERITIES, find};
use super::layer::Written;
use super::mistake::Mistake;
use super::read::{Reader, get, short};
use super::rule::{Bar, Definition, Duty, EscalationStep, Evidence, OnChange, Rule, RuleScope, Schools, Within};
use super::tree::Node;
use crate::alert::Severity;
use crate::measure::Kept;
use crate::rule::condition::{Condition, Number};
use crate::rule::pack::DEFAULT_LATE_AFTER_DAYS;
use crate::rule::template::Template;

/// Steps, duties or bars of one rule.
const MOST_PARTS: usize = 20;
/// The longest text of a rule, bytes.
pub(super) const MAX_TEXT: usize = 4_000;

/// Compiles a rule; none when something is wrong with it.
pub(super) fn compile(reader: &mut Reader<'_>, written: &Written, schools: Schools) -> Option<Rule> {
    let mut fields = Fields { reader, written };
    // All of them are read, so that each mistake is told, before the first that is wrong ends it.
    let texts = ["title", "meaning", "audience", "source"].map(|name| fields.text(name));
    let scope = fields.one_of("scope", SCOPES, &[RuleScope::SchoolYear, RuleScope::Day]);
    let evidence = fields.one_of("evidence", EVIDENCE, &ALL_EVIDENCE);
    let opens_when = fields.condition("opens-when");
    let clears_when = fields.optional("clears-when", Fields::condition);
    let level = fields.level();
    let severity = fields.severities();
    let sentences = ["explanation", "clears"].map(|name| fields.sentence(name));
    let numbers = ["settle-seconds", "minimum-days", "cooldown-days"].map(|name| fields.number(name, 0));
    let late_after_days = fields.number("late-after-days", DEFAULT_LATE_AFTER_DAYS);
    let expires_after_days = fields.optional("expires-after-days", |fields, name| fields.number(name, 0));
    let cutoff_minute = fields.optional("cutoff", Fields::time);
    let flags = ["quiet-while-case-open", "good-news"].map(|name| fields.flag(name));
    let on_change = fields.optional("on-change", |fields, name| {
        fields.one_of(name, ON_CHANGE, &[OnChange::Amend, OnChange::Recall, OnChange::Keep])
    });
    let message_key = fields.optional("message-key", Fields::text);
    let escalation = fields.optional("escalation", Fields::escalation);
    let duties = fields.optional("duties", Fields::duties);
    let barred = fields.optional("barred", Fields::barred);
    let sources = fields.optional("sources", Fields::sources);
    let [title, meaning, audience, source] = texts;
    let [explanation, clears] = sentences;
    let [settle_seconds, minimum_days, cooldown_days] = numbers;
    let [quiet_while_case_open, good_news] = flags;
    let mut rule = Rule::from(Definition {
        id: written.id.clone(),
        version: written.version(),
        title: title?.into(),
        meaning: meaning?,
        scope: scope?,
        opens_when: opens_when?,
        clears_when: clears_when?,
        minimum_days: minimum_days?,
        level: level?,
        severity: severity?,
        escalation: escalation?.unwrap_or_default(),
        settle_seconds: settle_seconds?,
        cooldown_days: cooldown_days?,
        expires_after_days: expires_after_days?,
        quiet_while_case_open: quiet_while_case_open?,
        cutoff_minute: cutoff_minute?,
        audience: audience?.into(),
        evidence: evidence?,
        explanation: explanation?,
        clears: clears?,
        source: source?.into(),
        sources: sources?.unwrap_or_default(),
        message_key: message_key?.unwrap_or_else(|| written.id.to_string()),
        on_change: on_change?.unwrap_or(OnChange::Amend),
        duties: duties?.unwrap_or_default(),
        barred: barred?.unwrap_or_default(),
        good_news: good_news?,
        late_after_days: late_after_days?,
        schools,
        others: Vec::new(),
        spoken: Vec::new(),
        asks: Kept::default(),
        claims: Kept::default(),
        dated: false,
    });
    rule.others = rule.named();
    rule.spoken = rule.to_say();
    rule.asks = rule.asked();
    rule.dated = rule.has_dates();
    rule.claims = rule.claimed();
    agree(reader, written, &rule)?;
    Some(rule)
}

const ALL_EVIDENCE: [Evidence; 11] = [
    Evidence::Absences,
    Evidence::Streak,
    Evidence::Today,
    Evidence::FailingCore,
    Evidence::Conduct,
    Evidence::MissingWork,
    Evidence::Connections,
    Evidence::Unexcused,
    Evidence::Classes,
    Evidence::Failing,
    Evidence::Abc,
];
const ALL_SEVERITIES: [Severity; 3] = [Severity::Notice, Severity::Warning, Severity::Urgent];

/// What fields must say together.
fn agree(reader: &mut Reader<'_>, written: &Written, rule: &Rule) -> Option<()> {
    if rule.scope == RuleScope::Day {
        for name in ["clears-when", "cooldown-days", "expires-after-days", "escalation", "duties"] {
            if let Some(node) = written.get(name) {
                let what = format!("a rule about single days has no `{name}`: each day is an alert of its own");
                reader.refuse::<()>(node.place, what);
            }
        }
    }
    if !rule.is_dated() {
        for name in ["expires-after-days", "escalation", "duties"] {
            if let Some(node) = written.get(name) {
                let what = format!(
                    "a rule that goes by grades, transcripts or gradebooks has no `{name}`: they do not tell since when they have \
                     said what they say"
                );
                reader.refuse::<()>(node.place, what);
            }
        }
    }
    let urgent = rule.severity.values().copied().chain(rule.escalation.iter().filter_map(|step| step.severity));
    if rule.good_news && urgent.max() == Some(Severity::Urgent) {
        let place = written.get("severity").map_or(written.place, |node| node.place);
        reader.refuse::<()>(place, "good news is never urgent");
    }
    let steps = rule.escalation.iter().map(|step| step.after_school_days);
    if !steps.is_sorted_by(|a, b| a < b) {
        let place = written.get("escalation").map_or(written.place, |node| node.place);
        reader.refuse::<()>(place, "the steps of an escalation come after more and more days");
    }
    reader.is_sound().then_some(())
}

/// The fields of a rule, each read as what it holds.
struct Fields<'r, 'y, 'w> {
    reader: &'r mut Reader<'y>,
    written: &'w Written,
}

impl<'w> Fields<'_, '_, 'w> {
    fn node(&self, name: &str) -> Option<&'w Node> {
        self.written.get(name)
    }

    /// None inside when the rule does not say it.
    #[expect(clippy::option_option, reason = "not said, and said wrongly, are two things")]
    fn optional<T>(
        &mut self,
        name: &'static str,
        read: impl FnOnce(&mut Self, &'static str) -> Option<T>,
    ) -> Option<Option<T>> {
        if self.node(name).is_some() { read(self, name).map(Some) } else { Some(None) }
    }

    /// The same of a part of a field.
    #[expect(clippy::option_option, reason = "not said, and said wrongly, are two things")]
    fn part<T>(
        &mut self,
        of: &Node,
        name: &str,
        read: impl FnOnce(&mut Self, &Node, &str) -> Option<T>,
    ) -> Option<Option<T>> {
        get(of, name).map_or(Some(None), |node| read(self, node, name).map(Some))
    }

    fn text(&mut self, name: &'static str) -> Option<String> {
        let node = self.node(name)?;
        self.text_of(node, name)
    }

    fn text_of(&mut self, node: &Node, name: &str) -> Option<String> {
        let text = self.reader.text(node, &format!("`{name}`"))?;
        if text.len() > MAX_TEXT {
            return self.reader.refuse(
                node.place.narrow(),
                format!("`{name}` has {} bytes, at most {MAX_TEXT} are allowed", text.len()),
            );
        }
        Some(text.to_owned())
    }

    fn number(&mut self, name: &'static str, absent: u32) -> Option<u32> {
        let Some(node) = self.node(name) else { return Some(absent) };
        let allowed = match find(name) {
            Some(Field { kind: Kind::Number(least, most), .. }) => *least..=*most,
            _ => 0..=u32::MAX,
        };
        self.reader.number(node, &format!("`{name}`"), &allowed)
    }

    fn time(&mut self, name: &'static str) -> Option<u16> {
        let node = self.node(name)?;
        let minute = minute_of_day(self.reader.text(node, &format!("`{name}`"))?);
        if minute.is_none() {
            let what = format!("`{name}` is a time of the day from 00:00 to 23:59, such as 09:30");
            self.reader.refuse::<()>(node.place, what);
        }
        minute
    }

    fn flag(&mut self, name: &'static str) -> Option<bool> {
        self.node(name).map_or(Some(false), |node| self.reader.flag(node, &format!("`{name}`")))
    }

    fn one_of<T: Copy>(&mut self, name: &'static str, words: &[&str], meanings: &[T]) -> Option<T> {
        let node = self.node(name)?;
        let at = self.reader.one_of(node, &format!("`{name}`"), words)?;
        meanings.get(at).copied()
    }

    fn condition(&mut self, name: &'static str) -> Option<Condition> {
        let node = self.node(name)?;
        self.condition_of(node, name)
    }

    fn condition_of(&mut self, node: &Node, name: &str) -> Option<Condition> {
        let text = self.reader.text(node, &format!("`{name}`"))?;
        Condition::parse(text).map_err(|error| self.reader.refuse_within::<()>(node, &error)).ok()
    }

    fn level(&mut self) -> Option<Number> {
        let node = self.node("level")?;
        let text = self.reader.text(node, "`level`")?;
        Number::parse(text).map_err(|error| self.reader.refuse_within::<()>(node, &error)).ok()
    }

    fn sentence(&mut self, name: &'static str) -> Option<Template> {
        let node = self.node(name)?;
        let text = self.reader.text(node, &format!("`{name}`"))?;
        match Template::parse(text) {
            Ok(template) => Some(template),
            Err(error) => {
                let place = self.reader.find_within(node, error.placeholder()).unwrap_or(node.place);
                self.reader.refuse(place, error.to_string())
            }
        }
    }

    fn severity_of(&mut self, node: &Node) -> Option<Severity> {
        let at = self.reader.one_of(node, "a severity", SEVERITIES)?;
        ALL_SEVERITIES.get(at).copied()
    }

    fn severities(&mut self) -> Option<BTreeMap<i64, Severity>> {
        let node = self.node("severity")?;
        let parts = self.reader.map(node, "`severity`")?;
        if parts.is_empty() {
            return self
                .reader
                .refuse(node.place, "the rule has no severity: without one there is no telling how much it presses");
        }
        let mut severities = BTreeMap::new();
        for (key, part) in parts {
            let Ok(level) = key.name.parse::<i64>() else {
                self.reader.refuse::<()>(key.place, "a level is a whole number");
                continue;
            };
            if let Some(severity) = self.severity_of(part) {
                severities.insert(level, severity);
            }
        }
        Some(severities)
    }

    fn escalation(&mut self, name: &'static str) -> Option<Vec<EscalationStep>> {
        let node = self.node(name)?;
        let mut steps = Vec::new();
        for part in self.reader.list(node, "the steps of an escalation", MOST_PARTS)? {
            self.reader.names(part, "a step", &["after-school-days"], &["severity", "audience"])?;
            steps.push(EscalationStep {
                after_school_days: self.days(part, "after-school-days")?,
                severity: self.part(part, "severity", |fields, node, _| fields.severity_of(node))?,
                audience: self.part(part, "audience", Self::text_of)?.map(Into::into),
            });
        }
        Some(steps)
    }

    fn days(&mut self, part: &Node, name: &str) -> Option<u32> {
        self.reader.number(get(part, name)?, &format!("`{name}`"), &(1..=MOST_DAYS))
    }

    fn duties(&mut self, name: &'static str) -> Option<Vec<Duty>> {
        let node = self.node(name)?;
        let mut duties = Vec::new();
        for part in self.reader.list(node, "duties", MOST_PARTS)? {
            self.reader.names(
                part,
                "a duty",
                &["what", "source"],
                &["within-days", "within-school-days", "evidence"],
            )?;
            let within = match (get(part, "within-days").is_some(), get(part, "within-school-days").is_some()) {
                (true, false) => Within::Days(self.days(part, "within-days")?),
                (false, true) => Within::SchoolDays(self.days(part, "within-school-days")?),
                _ => {
                    let what = "a duty is due `within-days` or `within-school-days`, one of them";
                    return self.reader.refuse(part.place.narrow(), what);
                }
            };
            duties.push(Duty {
                what: self.text_of(get(part, "what")?, "what")?,
                within,
                source: self.text_of(get(part, "source")?, "source")?,
                evidence: self.part(part, "evidence", Self::text_of)?.unwrap_or_default(),
            });
        }
        Some(duties)
    }

    fn barred(&mut self, name: &'static str) -> Option<Vec<Bar>> {
        let node = self.node(name)?;
        let mut barred = Vec::new();
        for part in self.reader.list(node, "what is barred", MOST_PARTS)? {
            self.reader.names(part, "what is barred", &["what", "unless", "source"], &[])?;
            barred.push(Bar {
                what: self.text_of(get(part, "what")?, "what")?,
                unless: self.condition_of(get(part, "unless")?, "unless")?,
                source: self.text_of(get(part, "source")?, "source")?,
            });
        }
        Some(barred)
    }

    fn sources(&mut self, name: &'static str) -> Option<BTreeMap<String, String>> {
        let node = self.node(name)?;
        let mut sources = BTreeMap::new();
        for (key, part) in self.reader.map(node, "`sources`")? {
            if key.name.parse::<i64>().is_err() {
                let mistake = Mistake::new(key.place, format!("`{}` is no whole number", short(&key.name)));
                self.reader.fail::<()>(mistake.help("`sources` says of each number where it comes from"));
            }
            sources.insert(key.name.clone(), self.text_of(part, "sources")?);
        }
        Some(sources)
    }
}

/// Two digits each of hours and minutes.
fn minute_of_day(text: &str) -> Option<u16> {
    let (hours, minutes) = text.split_once(':')?;
    let number = |digits: &str, below: u16| {
        let is_two_digits = digits.len() == 2 && digits.bytes().all(|digit| digit.is_ascii_digit());
        digits.parse::<u16>().ok().filter(|number| is_two_digits && *number < below)
    };
    Some(number(hours, 24)? * 60 + number(minutes, 60)?)
}

/// Longer than what any law gives, days.
const MOST_DAYS: u32 = 366;
