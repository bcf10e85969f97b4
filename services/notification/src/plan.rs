//! Who is told what: pure. A change of an alert and what was said of it so far give the deliveries to plan, rewrite and cancel.
//!
//! Words. A *telling* begins with the change that opens an alert and ends with the next opening; deliveries of one telling
//! carry the opening's number. When the opening itself is missing, the first change that is known opens. A recipient's *chain* is their deliveries of one telling in order of change. A recipient
//! *was told* when a delivery was accepted or may have been (an attempt ended unknown).
//!
//! Rules. An opening goes to everybody routed. Amendments, escalations, clearings and recalls go to whoever was told, and wait
//! while it is not known (a delivery is under lease). An escalation also goes to everybody routed now who was not reached.
//! While nothing was told, a recall or clearing cancels what waits, and a correction becomes the words of what waits.
//! [`settled`] decides again when a delivery has settled. Order within a chain is held by the claim, which skips a delivery
//! while an earlier one of the same alert and recipient is unsettled.
//!
//! Late news (`late_news`) is told within the hours of a school day, and so is what corrects it, and a rise for nothing but a date that
//! has come (`duty`), of which nobody is told whose duty is done; a rise that is news does not wait behind these.
//!
//! Nobody is told for the first time before the time of day that the rule gives (`cutoff`), on the day of the decision.
//!
//! What an open case of the student holds back is told when it closes, at once whatever the hour, and late news within those hours
//! ([`let_go`]). The claim asks for cases, and planning knows of none.
//!
//! A recipient *in reserve* is told of what nobody has acknowledged in time ([`acknowledged`]). An acknowledgement is of the alert as
//! it was: when it rises, the time begins anew.

mod cutoff;
mod duty;
mod late_news;

use std::collections::BTreeMap;

use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_domain::date::Date;
use homeroom_domain::id::AlertId;
use homeroom_domain::mutant::{Mutant, planted};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

pub use duty::{DutyKey, is_done};

/// One recipient by one channel; two with the same channel and address are the same one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Recipient {
    /// The team that the address is of.
    pub team: String,
    /// Such as `mail`.
    pub channel: String,
    /// Of the channel.
    pub address: String,
    /// How long others have to acknowledge an alert before this one is told of it; zero of who is told at once.
    pub after: SignedDuration,
}

impl Recipient {
    fn same(&self, other: &Self) -> bool {
        self.channel == other.channel && self.address == other.address
    }
}

/// Where a delivery stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    /// For its time, a retry, or an earlier word.
    Waiting,
    /// An adapter has it.
    Leased,
    /// The channel took it.
    Accepted,
    /// Not to be sent, or not again.
    Cancelled,
    /// It was not sent in time.
    Expired,
    /// It could not be sent.
    Dead,
}

impl Standing {
    /// As the database and the feed say it.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Waiting => "waiting",
            Self::Leased => "leased",
            Self::Accepted => "accepted",
            Self::Cancelled => "cancelled",
            Self::Expired => "expired",
            Self::Dead => "dead",
        }
    }

    /// Parses what [`Self::as_str`] says.
    pub fn parse(text: &str) -> Option<Self> {
        [Self::Waiting, Self::Leased, Self::Accepted, Self::Cancelled, Self::Expired, Self::Dead]
            .into_iter()
            .find(|standing| standing.as_str() == text)
    }
}

/// A delivery as far as planning looks at it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivery {
    /// Its id.
    pub id: Uuid,
    /// The change that it was planned for.
    pub number: u32,
    /// The number of the opening that it belongs to.
    pub telling: u32,
    /// What it says happened.
    pub kind: ChangeKind,
    /// Whom it goes to.
    pub to: Recipient,
    /// Where it stands.
    pub standing: Standing,
    /// An attempt ended unknown.
    pub maybe_sent: bool,
    /// Of late news, and of what corrects it: since when it has been so.
    pub late_since: Option<Date>,
}

impl Delivery {
    fn told(&self) -> bool {
        self.standing == Standing::Accepted || (self.maybe_sent && !planted(Mutant::UnknownIsUnsent))
    }

    fn waits(&self) -> bool {
        self.standing == Standing::Waiting
    }
}

/// What shall be done.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Effect {
    /// A new delivery.
    Deliver(Planned),
    /// The waiting delivery takes the change's content.
    Rewrite(Uuid),
    /// The waiting delivery is not sent, or not again.
    Cancel(Uuid),
}

/// A delivery to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Planned {
    /// Derived from alert, number, channel and address.
    pub id: Uuid,
    /// What it says happened.
    pub kind: ChangeKind,
    /// The number of the opening that it belongs to.
    pub telling: u32,
    /// Whom it goes to.
    pub to: Recipient,
    /// Not before this moment.
    pub due_at: Timestamp,
    /// The first word of the telling to this recipient, when this is a later one.
    pub follows: Option<Uuid>,
    /// Of late news, and of what corrects it: since when it has been so.
    pub late_since: Option<Date>,
}

/// Names the ids of deliveries among version 5 UUIDs.
const DELIVERIES: Uuid = Uuid::from_u128(0x6f3a_91d2_58c4_4e07_9b1e_2d40_c7a5_63f8);

/// The id of the delivery of a change to a recipient: the same however often it is planned.
pub fn delivery_id(alert: AlertId, number: u32, to: &Recipient) -> Uuid {
    // The bytes and not the display, which may change its form.
    let alert = Uuid::from_bytes(*alert.as_bytes()).simple();
    let name = format!("{alert}\n{number}\n{}\n{}", to.channel, to.address);
    Uuid::new_v5(&DELIVERIES, name.as_bytes())
}

/// Whether the change opens the telling: it is the opening, or the first that is known of an alert whose opening is not.
pub fn opens(change: &AlertChange, telling: u32) -> bool {
    change.kind == ChangeKind::Opened || (change.number == telling && !takes_back(change.kind))
}

/// What a change of an alert asks for. `telling` is the number of the change that opened the telling, `known` are all
/// deliveries of the alert, `routed` is who would be told of an opening now.
pub fn change(
    change: &AlertChange,
    telling: u32,
    known: &[Delivery],
    routed: &[Recipient],
    now: Timestamp,
) -> Vec<Effect> {
    let plan = Plan { change, telling, now };
    if opens(change, telling) {
        return routed.iter().map(|to| plan.open(to)).collect();
    }
    let chains = chains(telling, known);
    let mut effects = Vec::new();
    for chain in &chains {
        if takes_back(change.kind) {
            plan.take_back(chain, &mut effects);
        } else {
            plan.follow_up(chain, &mut effects);
        }
    }
    if change.kind == ChangeKind::Escalated || (takes_back(change.kind) && planted(Mutant::RecallToAll)) {
        let reached = |to: &Recipient| chains.iter().any(|chain| chain[0].to.same(to) && reached(chain));
        effects.extend(routed.iter().filter(|to| !reached(to)).map(|to| plan.tell(to)));
    }
    effects
}

/// What a change asks for that is known only after a later one of its alert. The later one stands, and nothing is said that
/// would undo it. Only where the change ended an earlier telling are those told of the end whom no later telling concerns.
/// `telling` is the alert's telling now.
pub fn late(change: &AlertChange, telling: u32, known: &[Delivery], now: Timestamp) -> Vec<Effect> {
    let before = known.iter().map(|delivery| delivery.telling).filter(|telling| *telling < change.number).max();
    let Some(ended) = before.filter(|ended| takes_back(change.kind) && *ended < telling) else { return Vec::new() };
    let plan = Plan { change, telling: ended, now };
    let mut effects = Vec::new();
    for chain in chains(ended, known) {
        let to = &chain[0].to;
        let told_since = known.iter().any(|delivery| delivery.telling > ended && delivery.to.same(to));
        if !told_since && !chain.iter().any(|delivery| takes_back(delivery.kind)) {
            plan.take_back(&chain, &mut effects);
        }
    }
    effects
}

/// The word that a recipient must still hear of whom an acceptance says, late, that they were told after all. `last` is the
/// last change of the telling, `heard` the latest change that they have heard of or will.
pub fn catch_up(last: &AlertChange, told: &Delivery, heard: u32, now: Timestamp) -> Option<Planned> {
    let plan = Plan { change: last, telling: told.telling, now };
    (last.number > heard).then(|| plan.planned(last.kind, &told.to, Some(told)))
}

/// Which waiting deliveries of one recipient's chain are to be cancelled now that one of it has settled.
pub fn settled(chain: &[Delivery]) -> Vec<Uuid> {
    let told = chain.iter().any(Delivery::told);
    let known = told || !chain.iter().any(|delivery| delivery.standing == Standing::Leased);
    let waiting = || chain.iter().filter(|delivery| delivery.waits());
    if let Some(back) = chain.iter().filter(|delivery| takes_back(delivery.kind)).max_by_key(|delivery| delivery.number)
    {
        // Stale news is not sent, whatever became of the taking back; that itself only when there is something to take back.
        return waiting().filter(|d| d.number < back.number || (known && !told)).map(|d| d.id).collect();
    }
    if told || !known {
        return Vec::new();
    }
    // The opening was not told: its amendments have nothing to amend. An escalation stands as a first word.
    let mut waiting: Vec<_> = waiting().collect();
    waiting.sort_by_key(|delivery| delivery.number);
    waiting.into_iter().take_while(|delivery| delivery.kind == ChangeKind::Amended).map(|d| d.id).collect()
}

/// Which deliveries of the telling are of no use once somebody has acknowledged the alert: those to recipients who are told only when
/// nobody does, and were not yet. One that is under way may still arrive, and is not tried again.
pub fn acknowledged(telling: u32, known: &[Delivery]) -> Vec<Uuid> {
    let chains = chains(telling, known);
    let in_reserve = chains.iter().filter(|chain| waits_for_others(chain.iter().copied()));
    let unsettled = |delivery: &&&Delivery| matches!(delivery.standing, Standing::Waiting | Standing::Leased);
    in_reserve.flatten().filter(unsettled).map(|delivery| delivery.id).collect()
}

/// Whether a chain is of a recipient who is told only when nobody acts, and was not told yet.
pub fn waits_for_others<'a>(chain: impl IntoIterator<Item = &'a Delivery>) -> bool {
    chain.into_iter().all(|delivery| !delivery.to.after.is_zero() && !delivery.told())
}

/// When the delivery is due at the latest whose words a change becomes; none when that stays as it is. What has risen today does not
/// wait for the hours of a school day that it waited for; who waits for others to act does.
pub fn hastened(change: &AlertChange, to: &Recipient, now: Timestamp) -> Option<Timestamp> {
    let rises = rises_now(change) && to.after.is_zero();
    rises.then(|| change.changed_at.min(now).saturating_add(cutoff::settled(change)).unwrap_or(now))
}

/// When a word that tells the change is due at the earliest once a case holds it back no more.
pub fn let_go(change: &AlertChange, late_since: Option<Date>, now: Timestamp) -> Timestamp {
    late_news::due_at(change, late_since.is_some(), SignedDuration::ZERO, now)
}

/// Whether the change is a rise that waits for no hours.
fn rises_now(change: &AlertChange) -> bool {
    change.kind == ChangeKind::Escalated && change.late_since.is_none() && !duty::waits_for_hours(change)
}

/// Since when what the words of a waiting delivery tell has been so, where that is late news, once the change becomes its words. A
/// correction does not say, and leaves it as it was.
pub fn rewritten_late_since(change: &AlertChange, waiting: &Delivery) -> Option<Date> {
    if change.kind == ChangeKind::Amended { waiting.late_since } else { change.late_since }
}

/// Whether the change ends the alert.
pub const fn takes_back(kind: ChangeKind) -> bool {
    matches!(kind, ChangeKind::Cleared | ChangeKind::Recalled)
}

struct Plan<'a> {
    change: &'a AlertChange,
    telling: u32,
    now: Timestamp,
}

impl Plan<'_> {
    fn open(&self, to: &Recipient) -> Effect {
        let wait = cutoff::settled(self.change).saturating_add(to.after);
        let due_at = self.due_at(self.change.late_since, wait);
        Effect::Deliver(Planned { due_at, ..self.planned(ChangeKind::Opened, to, None) })
    }

    fn due_at(&self, late_since: Option<Date>, wait: SignedDuration) -> Timestamp {
        late_news::due_at(self.change, late_since.is_some() || duty::waits_for_hours(self.change), wait, self.now)
    }

    /// A first word of a change that is no opening. Whoever waits for others to act waits from then on.
    fn tell(&self, to: &Recipient) -> Effect {
        let planned = self.planned(self.change.kind, to, None);
        let wait = cutoff::until(self.change).saturating_add(to.after);
        Effect::Deliver(Planned { due_at: self.due_at(planned.late_since, wait), ..planned })
    }

    /// `first` is the first word that the recipient had or may have, `last` the one before this.
    fn deliver(&self, to: &Recipient, first: &Delivery, last: Option<&Delivery>) -> Effect {
        let planned = self.planned(self.change.kind, to, last);
        Effect::Deliver(Planned { follows: Some(first.id), ..planned })
    }

    fn planned(&self, kind: ChangeKind, to: &Recipient, last: Option<&Delivery>) -> Planned {
        let late_since = match kind {
            ChangeKind::Amended => last.and_then(|last| last.late_since),
            _ => self.change.late_since,
        };
        Planned {
            id: delivery_id(self.change.alert_id, self.change.number, to),
            kind,
            telling: self.telling,
            to: to.clone(),
            due_at: self.due_at(late_since, SignedDuration::ZERO),
            follows: last.map(|last| last.id),
            late_since,
        }
    }

    fn take_back(&self, chain: &[&Delivery], effects: &mut Vec<Effect>) {
        effects.extend(chain.iter().filter(|delivery| delivery.waits()).map(|delivery| Effect::Cancel(delivery.id)));
        if !planted(Mutant::RecallToNobody) {
            self.follow(chain, effects);
        }
    }

    fn follow_up(&self, chain: &[&Delivery], effects: &mut Vec<Effect>) {
        if self.follow(chain, effects) {
            return;
        }
        let Some(last) = chain.iter().rev().find(|delivery| delivery.waits()) else { return };
        // An escalation is no amendment, and not told as one; where nothing else waits than the opening, that says it all.
        let rises = self.change.kind == ChangeKind::Escalated && last.kind == ChangeKind::Amended;
        if rises {
            self.overtake(chain, chain[0], effects);
            effects.push(self.deliver(&last.to, chain[0], Some(last)));
        } else {
            effects.push(Effect::Rewrite(last.id));
        }
    }

    /// Each word waits for those before it, and late ones and earlier rises may for the morning. A rise that is news does not, and says
    /// all that they would. Without them, where nobody was told, nothing is left for an amendment to amend.
    fn overtake(&self, chain: &[&Delivery], first: &Delivery, effects: &mut Vec<Effect>) {
        if rises_now(self.change) {
            let untold = !reached(&[first]);
            let said = |d: &&&Delivery| untold || d.late_since.is_some() || d.kind == ChangeKind::Escalated;
            let said = |d: &&&Delivery| d.waits() && d.id != first.id && said(d);
            effects.extend(chain.iter().filter(said).map(|delivery| Effect::Cancel(delivery.id)));
        }
    }

    /// Plans a later word when there is, or may be, a first one.
    fn follow(&self, chain: &[&Delivery], effects: &mut Vec<Effect>) -> bool {
        let first = chain.iter().find(|delivery| delivery.told() || delivery.standing == Standing::Leased);
        let Some(&first) = first else { return false };
        self.overtake(chain, first, effects);
        let last = chain.iter().rev().find(|delivery| delivery.standing != Standing::Cancelled);
        effects.push(self.deliver(&first.to, first, last.copied()));
        true
    }
}

/// Told, or about to be.
fn reached(chain: &[&Delivery]) -> bool {
    chain.iter().any(|d| d.told() || matches!(d.standing, Standing::Leased | Standing::Waiting))
}

/// The deliveries of a telling by recipient, each in order of change, never empty.
fn chains(telling: u32, known: &[Delivery]) -> Vec<Vec<&Delivery>> {
    let mut chains: BTreeMap<(&str, &str), Vec<&Delivery>> = BTreeMap::new();
    for delivery in known.iter().filter(|delivery| delivery.telling == telling) {
        chains.entry((&delivery.to.channel, &delivery.to.address)).or_default().push(delivery);
    }
    let mut chains: Vec<_> = chains.into_values().collect();
    for chain in &mut chains {
        chain.sort_by_key(|delivery| delivery.number);
    }
    chains
}

#[cfg(test)]
mod tests;
