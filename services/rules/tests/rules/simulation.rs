//! Random histories of a small district, with workers that stop and die at random, against one pass over the log.

use homeroom_domain::event::Change;
use homeroom_domain::rule::DEFAULT_PACK;
use proptest::prelude::*;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};

use crate::district::{day, mark, student};
use crate::world::World;

#[derive(Debug, Clone)]
enum Happening {
    Register(u8, bool),
    Enroll {
        who: u8,
        school: u8,
        from: i32,
        days: Option<i32>,
    },
    Mark {
        who: u8,
        school: u8,
        on: i32,
        code: usize,
        withdrawn: bool,
    },
    /// A word that another has outdated before it came.
    Late {
        who: u8,
        on: i32,
    },
    Calendar {
        school: u8,
        on: i32,
        holiday: bool,
    },
    School(u8),
    /// The streak that the rules ask for.
    Rules(u8),
    NextDay,
    Restart {
        crash: bool,
    },
}

const CODES: [&str; 5] = ["Unexcused Absence", "Excused Absence", "Tardy", "Present", "Nonsense"];

fn happening() -> impl Strategy<Value = Happening> {
    let who = || 0..4_u8;
    let school = || 1..3_u8;
    prop_oneof![
        2 => (who(), any::<bool>()).prop_map(|(who, gone)| Happening::Register(who, gone)),
        3 => (who(), school(), 1..10, prop::option::of(1..20))
            .prop_map(|(who, school, from, days)| Happening::Enroll { who, school, from, days }),
        16 => (who(), school(), 1..18, 0..CODES.len(), prop::bool::weighted(0.3))
            .prop_map(|(who, school, on, code, withdrawn)| Happening::Mark { who, school, on, code, withdrawn }),
        2 => (who(), 1..18).prop_map(|(who, on)| Happening::Late { who, on }),
        3 => (school(), 1..18, any::<bool>())
            .prop_map(|(school, on, holiday)| Happening::Calendar { school, on, holiday }),
        1 => school().prop_map(Happening::School),
        1 => (2..5_u8).prop_map(Happening::Rules),
        1 => Just(Happening::NextDay),
        1 => any::<bool>().prop_map(|crash| Happening::Restart { crash }),
    ]
}

async fn live(happenings: Vec<Happening>, behind_events: usize) {
    let mut world = World::new().await;
    world.config.limits.sweep_students = 1;
    world.config.limits.cached_students = 2;
    world.config.limits.batch_events = 3;
    world.config.limits.behind_events = behind_events;
    world.config.limits.unwritten_students = 2;
    world.config.limits.unwritten_seconds = 3_600;
    world.home.calendar("2", 60).await;
    let who = |n: u8| student(&format!("student {n}"));
    for n in 0..3 {
        world.home.attends(who(n), "1").await;
    }
    let mut service = world.service().await;
    let mut today = 12;
    for happening in happenings {
        let home = &world.home;
        match happening {
            Happening::Register(n, false) => home.register(who(n)).await,
            Happening::Register(n, true) => home.withdraw(who(n), "registration").await,
            Happening::Enroll { who: n, school, from, days } => {
                home.enroll(who(n), &school.to_string(), day(from), days.map(|days| day(from + days))).await;
            }
            Happening::Mark { who: n, on, code, withdrawn: true, .. } => {
                home.unmark(who(n), day(on), CODES[code]).await;
            }
            Happening::Mark { who: n, school, on, code, .. } => {
                home.mark(who(n), &school.to_string(), day(on), CODES[code]).await;
            }
            Happening::Late { who: n, on } => {
                let record = format!("mark/{}/{}", day(on), CODES[0]);
                let older = home.word(who(n), &record, Change::Recorded(mark("1", day(on), CODES[0])));
                let newer = home.word(who(n), &record, Change::Withdrawn);
                home.append(&newer).await;
                home.append(&older).await;
            }
            Happening::Calendar { school, on, holiday } => {
                let event = if holiday { "Holiday" } else { "Instructional day" };
                home.calendar_date(&school.to_string(), day(on), event).await;
            }
            Happening::School(n) => home.school(&n.to_string()).await,
            Happening::Rules(streak) => {
                home.rules(&DEFAULT_PACK.replace("streak >= 3", &format!("streak >= {streak}"))).await;
            }
            Happening::NextDay => {
                today += 1;
                home.clock(today, "10:00").await;
            }
            Happening::Restart { crash } => {
                if crash {
                    service.crash().await;
                } else {
                    service.stop().await;
                }
                service = world.service().await;
            }
        }
    }
    world.exact(&service).await;
    // Checks that the numbers of each alert have no gap, and that a repeat says the same.
    world.alerts().await;
    let open = "select (select sum(open) from rules.rule_tallies) = (select sum(open_alerts) from rules.students)";
    let agree: Option<bool> = sqlx::query_scalar(open).fetch_one(&mut world.database.admin().await).await.unwrap();
    assert_ne!(agree, Some(false), "the tally of open alerts is not their sum");
    service.stop().await;
}

/// Seeded, so that a failure comes again.
#[test]
fn any_history_ends_as_one_pass_over_the_log_does() {
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let config = Config { cases: 12, max_shrink_iters: 20, failure_persistence: None, ..Config::default() };
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, b"one pass over the log, 32 bytes.");
    let mut runner = TestRunner::new_with_rng(config, rng);
    let behind_events = prop::sample::select(vec![1, 2, 1_000]);
    let outcome = runner.run(&(prop::collection::vec(happening(), 20..60), behind_events), |(happenings, behind)| {
        runtime.block_on(live(happenings, behind));
        Ok(())
    });
    if let Err(failure) = outcome {
        panic!("{failure}");
    }
}
