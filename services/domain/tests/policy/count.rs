//! The running count against the full look: what it says is what a full look says, and it says it most of the time.

use homeroom_domain::count::Count;
use homeroom_domain::date::Date;
use homeroom_domain::evaluation::Evaluation;
use homeroom_domain::event::{Change, Fact, Origin};
use homeroom_domain::id::{RecordKey, Revision, SourceId};
use homeroom_domain::settings::Now;
use proptest::prelude::*;

use crate::world::{Plus as _, Said as _, World, absent, day, excused, grade, mark};

/// A student in a district whose reference data stay as they are.
struct Counted {
    world: World,
    count: Count,
    revision: u64,
    shortcuts: usize,
}

impl Counted {
    fn new() -> Self {
        let mut world = World::of_school_days(40);
        world.session("fall", 1, 40).section("algebra", "Mathematics", "fall");
        world.period("first", 1, 10).period("second", 11, 40);
        world.closes(day(1));
        Self { world, count: Count::default(), revision: 10, shortcuts: 0 }
    }

    /// As keys that senders make: the last bytes are the date.
    fn mark(&mut self, date: Date, stem: u8, change: &Change<Fact>) {
        let mut key = [stem; 16];
        key[12..].copy_from_slice(&date.days().to_be_bytes());
        self.tell(RecordKey::new(key), change);
    }

    fn tell(&mut self, key: RecordKey, change: &Change<Fact>) {
        self.revision += 1;
        let origin = Origin { source: SourceId::parse("sis").unwrap(), key, revision: Revision(self.revision) };
        self.count.apply(&mut self.world.ledger, &origin, change);
    }

    /// Looks both ways.
    fn look(&mut self) {
        let now = self.world.now;
        let view = self.world.records.view();
        let measures = self.count.look(&self.world.ledger, (&view, &self.world.settings), &self.world.pack, 1, now);
        let before = self.world.episodes.clone();
        let step = self.world.step();
        let evaluation = Evaluation::new(&self.world.ledger, &view, &self.world.settings, now);
        match measures {
            Some(measures) => {
                assert_eq!(measures, evaluation.district(now.as_of, now.today));
                assert!(step.changes.is_empty() && step.failures.is_empty(), "{step:?}");
                assert_eq!(self.world.episodes, before);
                self.shortcuts += 1;
            }
            None => self.count.go_on(&evaluation, &self.world.episodes, 1),
        }
    }
}

/// One thing that happens: what, on which of the days around now, with which code.
fn happen(student: &mut Counted, (what, near, code): (u8, i32, u8)) {
    let today = student.world.now.today;
    let fact = |date: Date| match code {
        0..=5 => mark("Tardy", date),
        6..=8 => absent(date),
        _ => excused(date),
    };
    let earlier = today.plus(-near);
    let recorded = |date: Date| Change::Recorded(fact(date).fact());
    match what {
        0..=5 => {
            let next = today.next();
            student.world.now =
                if code % 3 == 0 { Now { today: next, as_of: today } } else { Now { today: next, as_of: next } };
            student.mark(next, 1, &recorded(next));
        }
        6 => student.mark(earlier, 1, &recorded(earlier)),
        7 => student.mark(earlier, 1, &Change::Withdrawn),
        8 => student.mark(earlier, 2, &recorded(earlier)),
        9 => student.world.now = Now { today: today.plus(near), as_of: today },
        10 => student.world.now.as_of = today,
        11 => {
            let ahead = today.plus(near);
            student.mark(ahead, 1, &recorded(ahead));
        }
        _ => {
            let period = if code % 2 == 0 { "first" } else { "second" };
            student.tell(
                RecordKey::new([u8::try_from(near).unwrap(); 16]),
                &Change::Recorded(grade("algebra", period, "Final", 55 + i64::from(code)).fact()),
            );
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 600, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_count_says_what_a_full_look_says(story in prop::collection::vec((0_u8..13, 0_i32..6, 0_u8..10), 0..60)) {
        let mut student = Counted::new();
        student.look();
        for event in story {
            happen(&mut student, event);
            student.look();
        }
    }
}

#[test]
fn a_student_who_comes_every_day_is_looked_at_once() {
    let mut student = Counted::new();
    student.look();
    for n in 1..=40 {
        student.world.closes(day(n));
        student.mark(day(n), 1, &Change::Recorded(mark("Tardy", day(n)).fact()));
        student.look();
    }
    assert_eq!(student.shortcuts, 40);
}
