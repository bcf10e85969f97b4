//! Students who are merged and split, as ingestion says it in the log: in the plainest code, one district at a time.
//!
//! From a merge on, what is sent as the one stands under the key of the other; of doors that have not heard of it, it still stands
//! where it stood. A job says the last word of each record that stands wrong again where it belongs, and then its end where it
//! stood, both with the record's revision. It may be cut anywhere, and is then begun anew.

use std::collections::BTreeMap;

use homeroom_domain::event::{Change, Event};
use homeroom_domain::id::{RecordKey, StudentKey};
use homeroom_proto::event::Sent;
use jiff::Timestamp;

type Crosswalk = BTreeMap<StudentKey, StudentKey>;

/// Who is who in a district, and what of it the log does not say yet.
#[derive(Debug, Default)]
pub struct Moves {
    into: Crosswalk,
    /// As the doors know it for so many words more.
    known: Crosswalk,
    unheard: usize,
    jobs: Vec<Job>,
    /// The job whose plan is being carried out.
    at_work: Option<AtWork>,
    /// All that stands under each key, in the order of the log.
    log: BTreeMap<StudentKey, Vec<Sent>>,
    /// How many events a job has said.
    pub said: usize,
}

/// A look through what stands under a student's key.
#[derive(Debug)]
struct Job {
    student: StudentKey,
    looked_to: usize,
    looks: usize,
}

/// A plan that was made when so much stood under the key.
#[derive(Debug)]
struct AtWork {
    job: usize,
    end: usize,
    plan: Vec<Sent>,
    carried: usize,
}

fn resolve(crosswalk: &Crosswalk, student: StudentKey) -> StudentKey {
    let mut found = student;
    while let Some(into) = crosswalk.get(&found) {
        found = *into;
    }
    found
}

impl Moves {
    /// Whether students were ever merged.
    pub fn is_used(&self) -> bool {
        !self.jobs.is_empty()
    }

    /// For whom a student's records count.
    pub fn whose(&self, student: StudentKey) -> StudentKey {
        resolve(&self.into, student)
    }

    /// Two students are one, unless one of them is another already. The doors do not hear of it for so many words.
    pub fn merge(&mut self, from: StudentKey, into: StudentKey, unheard: usize) {
        if self.into.contains_key(&from) || resolve(&self.into, into) == from {
            return;
        }
        self.changes(unheard);
        self.into.insert(from, into);
        self.jobs.push(Job { student: from, looked_to: 0, looks: 0 });
    }

    /// A student who was another is no longer. What was sent as the student stands where the chain ended.
    pub fn split(&mut self, from: StudentKey, unheard: usize) {
        let stands = resolve(&self.into, from);
        if stands == from {
            return;
        }
        self.changes(unheard);
        self.into.remove(&from);
        self.jobs.push(Job { student: stands, looked_to: 0, looks: 0 });
    }

    fn changes(&mut self, unheard: usize) {
        if self.unheard == 0 {
            self.known = self.into.clone();
        }
        self.unheard = self.unheard.max(unheard);
    }

    /// What a door makes of an event: under whose key it comes.
    pub fn take(&mut self, event: Event) -> Sent {
        let heard = self.unheard == 0;
        self.unheard = self.unheard.saturating_sub(1);
        let sender = event.student;
        let student = resolve(if heard { &self.into } else { &self.known }, sender);
        Sent { event: Event { student, ..event }, sent_as: (student != sender).then_some(sender), moved_to: None }
    }

    /// An event stands in the log.
    pub fn keep(&mut self, sent: Sent) {
        self.log.entry(sent.event.student).or_default().push(sent);
    }

    /// What the job says next, at most so many events. Those of a district are done in order; `anew`, it has forgotten what it was
    /// at, and looks again.
    pub fn look(&mut self, many: usize, anew: bool, now: Timestamp) -> Vec<Sent> {
        if anew {
            self.at_work = None;
        }
        let Some(job) = self.jobs.iter().position(|job| job.looks == 0).or(self.jobs.len().checked_sub(1)) else {
            return Vec::new();
        };
        self.go_on(job, many, now)
    }

    fn go_on(&mut self, job: usize, many: usize, now: Timestamp) -> Vec<Sent> {
        let mut at_work = self.at_work.take().filter(|it| it.job == job).unwrap_or_else(|| self.plan(job, now));
        let until = at_work.carried.saturating_add(many).min(at_work.plan.len());
        let said = at_work.plan[at_work.carried..until].to_vec();
        at_work.carried = until;
        self.said += said.len();
        if until < at_work.plan.len() {
            self.at_work = Some(at_work);
        } else {
            self.jobs[job].looked_to = at_work.end;
            self.jobs[job].looks += 1;
        }
        said
    }

    /// Whoever was away is back: every job looks once more, and one that is at work after that. How many looks are to come.
    pub fn look_again(&mut self) -> usize {
        let at_work = self.at_work.as_ref().map(|it| it.job);
        for (at, job) in self.jobs.iter_mut().enumerate() {
            job.looks = job.looks.min(usize::from(at_work != Some(at)));
        }
        self.jobs.iter().map(|job| 2_usize.saturating_sub(job.looks)).sum()
    }

    /// The next of the looks that are to come, to its end.
    pub fn look_left(&mut self, now: Timestamp) -> Vec<Sent> {
        let least = (0..self.jobs.len()).min_by_key(|job| self.jobs[*job].looks);
        least.map(|job| self.go_on(job, usize::MAX, now)).unwrap_or_default()
    }

    fn plan(&self, job: usize, now: Timestamp) -> AtWork {
        let Job { student, looked_to, .. } = self.jobs[job];
        let stands = self.log.get(&student).map_or(&[][..], Vec::as_slice);
        let mut last: BTreeMap<RecordKey, usize> = BTreeMap::new();
        for (at, sent) in stands.iter().enumerate().skip(looked_to) {
            let known = last.entry(sent.event.origin.key).or_insert(at);
            if sent.event.origin.revision >= stands[*known].event.origin.revision {
                *known = at;
            }
        }
        let mut last: Vec<usize> = last.into_values().collect();
        last.sort_unstable();
        let (mut there, mut here) = (Vec::new(), Vec::new());
        for sent in last.into_iter().map(|at| &stands[at]).filter(|sent| sent.moved_to.is_none()) {
            let sender = sent.sender_student();
            let whose = self.whose(sender);
            if whose == student {
                continue;
            }
            let event = Event { received_at: now, ..sent.event.clone() };
            let gone = Event { change: Change::Withdrawn, ..event.clone() };
            let sent_as = (whose != sender).then_some(sender);
            there.push(Sent { event: Event { student: whose, ..event }, sent_as, moved_to: None });
            here.push(Sent { event: gone, sent_as: sent.sent_as, moved_to: Some(whose) });
        }
        there.extend(here);
        AtWork { job, end: stands.len(), plan: there, carried: 0 }
    }
}
