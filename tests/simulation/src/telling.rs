//! The notification service's plans by seed: an alert changes while adapters accept, fail, hang and say so late. In the end
//! whoever has a word in hand has the last one, unless a case holds it back, and nobody else heard that it is over. Meanwhile time
//! passes, a case is opened and closed, and nothing is told before its time (`early`).
//!
//! The planning is the service's own; what its store does around it (which delivery is next, what a case holds back, what follows the
//! end of an attempt) is here in the plainest code. Each alert is told once, as the rules service has it.

mod early;
mod made;

use std::collections::BTreeMap;

use homeroom_domain::alert::ChangeKind::{Amended, Cleared, Escalated, Opened, Recalled};
use homeroom_domain::alert::{AlertChange, ChangeKind};
use homeroom_invariant::delivery::{self, State, Word};
use homeroom_invariant::{Beginning, Change, Findings, History};
use homeroom_notification::plan::{self, Delivery, Effect, Planned, Standing};
use jiff::Timestamp;
use uuid::Uuid;

use crate::dice::Dice;
use early::{Leaving, STEP};
use made::{ALERT, Rule, recipient};

/// How much happens to an alert, at most.
const HAPPENINGS: usize = 60;
/// Who may be told. Teams only join: an alert is for those who were there when it opened or became worse.
const TEAMS: [&str; 3] = ["a@example.org", "b@example.org", "c@example.org"];
/// A Monday, at six in the morning.
const BEGINNING: Timestamp = Timestamp::constant(4 * 86_400 + 6 * 3_600, 0);
/// How many steps of time pass at once; a day has 144.
const STEPS: [i32; 5] = [1, 1, 6, 18, 100];
/// As many as bring the next school day, whatever day it is.
const LONGEST_WAIT: i32 = 4 * 144;
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
    let mut alert = Alert::of(Rule::of(&mut dice));
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
    due_at: Timestamp,
    /// Somebody has begun to send it.
    attempted: bool,
    /// Attempts that ended unknown.
    unknown: u32,
    /// The words of an attempt whose adapter has it sent and has not said so.
    unsaid: Option<u32>,
}

struct Alert {
    rule: Rule,
    now: Timestamp,
    /// Whether a case is open for the student; none before the first one.
    case_is_open: Option<bool>,
    changes: Vec<AlertChange>,
    /// How many of the teams are there.
    teams: usize,
    /// How many of them it is for.
    concerned: usize,
    posts: Vec<Post>,
    words: BTreeMap<(Uuid, u32), Word>,
    /// Words that left too early.
    wrongs: Vec<String>,
}

impl Alert {
    const fn of(rule: Rule) -> Self {
        Self {
            rule,
            now: BEGINNING,
            case_is_open: None,
            changes: Vec::new(),
            teams: 0,
            concerned: 0,
            posts: Vec::new(),
            words: BTreeMap::new(),
            wrongs: Vec::new(),
        }
    }

    fn happen(&mut self, dice: &mut Dice) {
        let to = dice.of(&TEAMS);
        match dice.roll(13) {
            0 | 1 => self.change(dice),
            2..=4 => drop(self.claim(to)),
            5 | 6 => self.end(to, dice),
            7 => self.say_late(to),
            8 if dice.one_in(4) => self.expire(to),
            9..=11 => self.pass(dice.of(&STEPS)),
            12 => self.case_is_open = Some(self.case_is_open != Some(true)),
            _ => {}
        }
    }

    fn pass(&mut self, steps: i32) {
        self.now += STEP * steps;
    }

    /// Whether a case holds back what a delivery says.
    fn is_held(&self, post: &Post) -> bool {
        self.may_be_held(post) && self.case_is_open == Some(true)
    }

    fn may_be_held(&self, post: &Post) -> bool {
        early::may_wait_for_a_case(self.rule, self.find_change(post.content).kind)
    }

    fn find_change(&self, number: u32) -> &AlertChange {
        self.changes.iter().find(|change| change.number == number).expect("words are of a change")
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
        let of_its_date = kind == Escalated && dice.one_in(2);
        let change = self.rule.change(number, kind, self.now, of_its_date);
        let known: Vec<_> = self.posts.iter().map(|post| post.delivery.clone()).collect();
        let routed: Vec<_> = TEAMS[..self.teams].iter().map(|team| recipient(team)).collect();
        for effect in plan::change(&change, TELLING, &known, &routed, self.now) {
            match effect {
                Effect::Deliver(planned) => self.plan(planned, number),
                Effect::Rewrite(id) => self.rewrite(id, &change),
                Effect::Cancel(id) => self.cancel(&[id]),
            }
        }
        self.changes.push(change);
    }

    fn rewrite(&mut self, id: Uuid, change: &AlertChange) {
        let now = self.now;
        for post in self.posts.iter_mut().filter(|post| post.delivery.id == id) {
            post.content = change.number;
            let due_by = plan::hastened(change, &post.delivery.to, now);
            post.due_at = due_by.map_or(post.due_at, |by| post.due_at.min(by));
        }
    }

    /// A delivery that is there already was cancelled, and waits again.
    fn plan(&mut self, planned: Planned, number: u32) {
        let Planned { id, kind, telling, to, late_since, due_at, .. } = planned;
        self.posts.retain(|post| post.delivery.id != id);
        let (standing, maybe_sent) = (Standing::Waiting, false);
        let delivery = Delivery { id, number, telling, kind, to, standing, maybe_sent, late_since };
        self.posts.push(Post { delivery, content: number, due_at, attempted: false, unknown: 0, unsaid: None });
    }

    fn cancel(&mut self, ids: &[Uuid]) {
        for post in self.posts.iter_mut().filter(|post| ids.contains(&post.delivery.id)) {
            post.delivery.standing = Standing::Cancelled;
        }
    }

    /// The first of the recipient's deliveries that is not settled, unless somebody has it, it is not due, or a case holds it back.
    fn claim(&mut self, to: &str) -> Option<Uuid> {
        let open = |post: &&Post| matches!(post.delivery.standing, Standing::Waiting | Standing::Leased);
        let posts = self.posts.iter().filter(|post| post.delivery.to.address == to);
        let first = posts.filter(open).min_by_key(|post| post.delivery.number)?;
        let id = first.delivery.id;
        if first.delivery.standing == Standing::Leased || !self.is_due(first) {
            return None;
        }
        let early = early::why(&self.leaving(first));
        self.wrongs.extend(early);
        self.posts.iter_mut().filter(|post| post.delivery.id == id).for_each(|post| {
            post.delivery.standing = Standing::Leased;
            post.attempted = true;
        });
        Some(id)
    }

    fn is_due(&self, post: &Post) -> bool {
        post.due_at <= self.now && !self.is_held(post)
    }

    fn leaving(&self, post: &Post) -> Leaving<'_> {
        let before = |other: &&Post| other.delivery.to == post.delivery.to && other.attempted;
        Leaving {
            rule: self.rule,
            planned_for: self.find_change(post.delivery.number),
            content: self.find_change(post.content),
            is_first: !self.posts.iter().any(|other| before(&other)),
            case_is_open: self.case_is_open == Some(true),
            now: self.now,
        }
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
        let runs_out = |post: &Post| post.delivery.standing == Standing::Waiting && self.is_due(post);
        let Some(at) = self.find(to, runs_out) else { return };
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
        if let Some(planned) = plan::catch_up(last, &own, heard, self.now) {
            self.plan(planned, number);
        }
    }

    /// Lets every attempt succeed until nothing is left to send, but for what a case holds back.
    fn drain(&mut self) {
        self.pass(LONGEST_WAIT);
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
        let deliveries: Vec<_> = self.posts.iter().map(|post| self.recorded(post)).collect();
        let outcome = delivery::Outcome { history: &history, words: &words, deliveries: &deliveries };
        let routed = |_: &Change| TEAMS[..self.concerned].iter().map(|&team| team.to_owned()).collect();
        delivery::check(&outcome, routed, &mut findings);
        let mut wrongs = self.wrongs.clone();
        wrongs.extend(findings.iter().map(ToString::to_string));
        Outcome { wrongs, words: words.len() }
    }

    fn recorded(&self, post: &Post) -> delivery::Delivery {
        let delivery = &post.delivery;
        delivery::Delivery {
            key: delivery.id,
            alert: ALERT,
            number: post.content,
            to: delivery.to.address.clone(),
            state: match delivery.standing {
                Standing::Waiting if self.case_is_open == Some(true) && self.may_be_held(post) => State::Held,
                Standing::Waiting | Standing::Leased => State::Pending,
                Standing::Accepted => State::Accepted,
                Standing::Cancelled => State::Cancelled,
                Standing::Expired | Standing::Dead => State::GivenUp,
            },
            unknown: post.unknown,
        }
    }
}
