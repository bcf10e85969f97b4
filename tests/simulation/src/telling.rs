//! The notification service's plans by seed: an alert changes while adapters accept, fail, hang and say so late. In the end
//! whoever has a word in hand has the last one, and nobody else heard that it is over.
//!
//! The planning is the service's own; what its store does around it (which delivery is next, what follows the end of an
//! attempt) is here in the plainest code. Each alert is told once, as the rules service has it.

use std::collections::BTreeMap;

use homeroom_domain::alert::ChangeKind::{Amended, Cleared, Escalated, Opened, Recalled};
use homeroom_domain::alert::{AlertChange, ChangeKind, Claim, Proof, Severity, Terms};
use homeroom_domain::id::{AlertId, DistrictId, RuleId, StudentKey};
use homeroom_invariant::delivery::{self, State, Word};
use homeroom_invariant::{Beginning, Change, Findings, History};
use homeroom_notification::plan::{self, Delivery, Effect, Planned, Recipient, Standing};
use jiff::{SignedDuration, Timestamp};
use uuid::Uuid;

use crate::dice::Dice;
use crate::names;

/// How much happens to an alert, at most.
const HAPPENINGS: usize = 40;
/// Who may be told. Teams only join: an alert is for those who were there when it opened or became worse.
const TEAMS: [&str; 3] = ["a@example.org", "b@example.org", "c@example.org"];
/// Later than any decision here.
const NOW: Timestamp = Timestamp::constant(86_400, 0);
/// The number of the change that opens.
const TELLING: u32 = 1;

/// What a seed came to.
#[derive(Debug)]
pub struct Outcome {
    /// Promises that do not hold.
    pub wrongs: Vec<String>,
    /// Words that arrived, copies left out.
    pub words: usize,
}

/// Tells of one alert, and judges who heard what.
pub fn run(seed: u64) -> Outcome {
    let mut dice = Dice::new(seed);
    let mut alert = Alert::default();
    for _ in 0..HAPPENINGS {
        alert.happen(&mut dice);
    }
    alert.drain();
    alert.judge()
}

/// A delivery, and what is known of its attempts.
struct Post {
    delivery: Delivery,
    /// The change whose words it has.
    content: u32,
    /// Attempts that ended unknown.
    unknown: u32,
    /// The words of an attempt whose adapter has it sent and has not said so.
    unsaid: Option<u32>,
}

#[derive(Default)]
struct Alert {
    changes: Vec<AlertChange>,
    /// How many of the teams are there.
    teams: usize,
    /// How many of them it is for.
    concerned: usize,
    posts: Vec<Post>,
    words: BTreeMap<(Uuid, u32), Word>,
}

impl Alert {
    fn happen(&mut self, dice: &mut Dice) {
        let to = dice.of(&TEAMS);
        match dice.roll(9) {
            0 | 1 => self.change(dice),
            2..=4 => drop(self.claim(to)),
            5 | 6 => self.end(to, dice),
            7 => self.say_late(to),
            _ if dice.one_in(4) => self.expire(to),
            _ => {}
        }
    }

    /// What the rules service may say next, if anything.
    fn next(&self, dice: &mut Dice) -> Option<ChangeKind> {
        match self.changes.last().map(|change| change.kind) {
            None => Some(Opened),
            Some(Opened | Amended | Escalated) => Some(dice.of(&[Amended, Amended, Escalated, Cleared, Recalled])),
            Some(Cleared) => dice.one_in(4).then_some(Recalled),
            Some(Recalled) => None,
        }
    }

    fn change(&mut self, dice: &mut Dice) {
        let Some(kind) = self.next(dice) else { return };
        self.teams = (self.teams + dice.roll(2)).clamp(1, TEAMS.len());
        if matches!(kind, Opened | Escalated) {
            self.concerned = self.teams;
        }
        let number = TELLING + u32::try_from(self.changes.len()).unwrap_or(u32::MAX);
        let change = alert_change(number, kind);
        let known: Vec<_> = self.posts.iter().map(|post| post.delivery.clone()).collect();
        let routed: Vec<_> = TEAMS[..self.teams].iter().map(|team| recipient(team)).collect();
        for effect in plan::change(&change, TELLING, &known, &routed, NOW) {
            match effect {
                Effect::Deliver(planned) => self.plan(planned, number),
                Effect::Rewrite(id) => self.posts.iter_mut().filter(|p| p.delivery.id == id).for_each(|post| {
                    post.content = number;
                }),
                Effect::Cancel(id) => self.cancel(&[id]),
            }
        }
        self.changes.push(change);
    }

    /// A delivery that is there already was cancelled, and waits again.
    fn plan(&mut self, planned: Planned, number: u32) {
        let Planned { id, kind, telling, to, late_since, .. } = planned;
        self.posts.retain(|post| post.delivery.id != id);
        let (standing, maybe_sent) = (Standing::Waiting, false);
        let delivery = Delivery { id, number, telling, kind, to, standing, maybe_sent, late_since };
        self.posts.push(Post { delivery, content: number, unknown: 0, unsaid: None });
    }

    fn cancel(&mut self, ids: &[Uuid]) {
        for post in self.posts.iter_mut().filter(|post| ids.contains(&post.delivery.id)) {
            post.delivery.standing = Standing::Cancelled;
        }
    }

    /// The first of the recipient's deliveries that is not settled, unless somebody has it.
    fn claim(&mut self, to: &str) -> Option<Uuid> {
        let open = |post: &&mut Post| matches!(post.delivery.standing, Standing::Waiting | Standing::Leased);
        let posts = self.posts.iter_mut().filter(|post| post.delivery.to.address == to);
        let first = posts.filter(open).min_by_key(|post| post.delivery.number)?;
        let free = first.delivery.standing == Standing::Waiting;
        first.delivery.standing = Standing::Leased;
        free.then_some(first.delivery.id)
    }

    fn find(&self, to: &str, is: impl Fn(&Post) -> bool) -> Option<usize> {
        self.posts.iter().position(|post| post.delivery.to.address == to && is(post))
    }

    /// Ends the attempt that is under way, somehow.
    fn end(&mut self, to: &str, dice: &mut Dice) {
        let Some(at) = self.find(to, |post| post.delivery.standing == Standing::Leased) else { return };
        match dice.roll(6) {
            0 | 1 => return self.accept(at),
            2 => self.posts[at].delivery.standing = Standing::Waiting,
            3 => self.posts[at].delivery.standing = Standing::Dead,
            how => {
                let silent = how == 5;
                if silent || dice.one_in(2) {
                    self.arrive(at);
                }
                let post = &mut self.posts[at];
                post.unknown += 1;
                post.unsaid = silent.then_some(post.content);
                post.delivery.maybe_sent = true;
                // Some channels are never sent to again after an unknown.
                post.delivery.standing = if dice.one_in(4) { Standing::Dead } else { Standing::Waiting };
            }
        }
        self.tidy(at);
    }

    fn accept(&mut self, at: usize) {
        self.arrive(at);
        self.posts[at].delivery.standing = Standing::Accepted;
    }

    /// It is in the recipient's hands.
    fn arrive(&mut self, at: usize) {
        let Post { delivery: Delivery { id, kind, to, .. }, content, .. } = &self.posts[at];
        let word = Word { alert: ALERT, number: *content, kind: *kind, to: to.address.clone(), key: *id, copies: 0 };
        self.words.entry((*id, *content)).or_insert(word).copies += 1;
    }

    /// Cancels what is of no use, now that this one has settled.
    fn tidy(&mut self, at: usize) {
        let to = &self.posts[at].delivery.to.address;
        let chain = self.posts.iter().map(|post| &post.delivery).filter(|delivery| delivery.to.address == *to);
        let useless = plan::settled(&chain.cloned().collect::<Vec<_>>());
        self.cancel(&useless);
    }

    fn expire(&mut self, to: &str) {
        let Some(at) = self.find(to, |post| post.delivery.standing == Standing::Waiting) else { return };
        self.posts[at].delivery.standing = Standing::Expired;
        self.tidy(at);
    }

    /// An adapter says of an attempt that has ended without its word that it was accepted.
    fn say_late(&mut self, to: &str) {
        let settled = |post: &Post| matches!(post.delivery.standing, Standing::Leased | Standing::Accepted);
        let Some(at) = self.find(to, |post| post.unsaid.is_some() && !settled(post)) else { return };
        let attempted = self.posts[at].unsaid.take().unwrap_or_default();
        self.posts[at].delivery.standing = Standing::Accepted;
        self.tidy(at);
        let own = self.posts[at].delivery.clone();
        let counts = |post: &&Post| {
            let Delivery { id, to, standing, maybe_sent, .. } = &post.delivery;
            *to == own.to && *id != own.id && (*standing != Standing::Cancelled || *maybe_sent)
        };
        let others = self.posts.iter().filter(counts).map(|post| post.content).max().unwrap_or_default();
        let Some(last) = self.changes.last() else { return };
        let (number, heard) = (last.number, others.max(attempted).max(own.number));
        if let Some(planned) = plan::catch_up(last, &own, heard, NOW) {
            self.plan(planned, number);
        }
    }

    /// Lets every attempt succeed until nothing is left to send.
    fn drain(&mut self) {
        for to in TEAMS {
            loop {
                if let Some(at) = self.find(to, |post| post.delivery.standing == Standing::Leased) {
                    self.accept(at);
                } else if self.claim(to).is_none() {
                    break;
                }
            }
        }
    }

    fn judge(&self) -> Outcome {
        let mut findings = Findings::default();
        let history = History::of_topic(self.changes.iter().map(Change::from), Beginning::Whole, &mut findings);
        let words: Vec<Word> = self.words.values().cloned().collect();
        let deliveries: Vec<_> = self.posts.iter().map(Post::recorded).collect();
        let outcome = delivery::Outcome { history: &history, words: &words, deliveries: &deliveries };
        let routed = |_: &Change| TEAMS[..self.concerned].iter().map(|&team| team.to_owned()).collect();
        delivery::check(&outcome, routed, &mut findings);
        Outcome { wrongs: findings.iter().map(ToString::to_string).collect(), words: words.len() }
    }
}

impl Post {
    fn recorded(&self) -> delivery::Delivery {
        delivery::Delivery {
            key: self.delivery.id,
            alert: ALERT,
            number: self.content,
            to: self.delivery.to.address.clone(),
            state: match self.delivery.standing {
                Standing::Waiting | Standing::Leased => State::Pending,
                Standing::Accepted => State::Accepted,
                Standing::Cancelled => State::Cancelled,
                Standing::Expired | Standing::Dead => State::GivenUp,
            },
            unknown: self.unknown,
        }
    }
}

const ALERT: AlertId = AlertId::new([1; 16]);

fn recipient(address: &str) -> Recipient {
    Recipient {
        team: address.to_owned(),
        channel: "mail".to_owned(),
        address: address.to_owned(),
        after: SignedDuration::ZERO,
    }
}

/// A change of the alert, decided at second `number` of 1970.
fn alert_change(number: u32, kind: ChangeKind) -> AlertChange {
    let proof = Proof {
        as_of: names::date(0),
        explanation: "".into(),
        clears_when: "".into(),
        measures: Vec::new(),
        facts: Vec::new(),
        facts_left_off: 0,
        threshold_source: "".into(),
    };
    AlertChange {
        alert_id: ALERT,
        number,
        kind,
        district: DistrictId::parse("north").expect("it is an id"),
        student: StudentKey::new([7; 16]),
        school: names::school("s1"),
        claim: Claim {
            rule: RuleId::parse("absent").expect("it is an id"),
            rule_version: 1,
            severity: Severity::Urgent,
            level: 1,
            audience: "attendance".into(),
            title: "Absent".into(),
            settle_seconds: 0,
            proof,
            terms: Terms::default(),
        },
        reason: String::new(),
        changed_at: Timestamp::constant(number.into(), 0),
        caused_at: None,
        district_time: names::date(0).to_civil().at(9, 5, 0, 0),
        late_since: None,
        fallen_due: Vec::new(),
    }
}
