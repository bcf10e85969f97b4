//! Explanations by the running service: facts, arithmetic and rules, and what changed since an earlier moment.

use homeroom_chassis::clock;
use homeroom_domain::event::{Change, Event};
use homeroom_proto::wire::risk as wire;
use homeroom_proto::wire::risk::risk_explanation_client::RiskExplanationClient;
use jiff::SignedDuration;
use tonic::{Code, Status};

use crate::district::{District, day, mark, student};
use crate::world::{Service, World, until};

type Explained = Result<wire::ExplainStudentResponse, Status>;

async fn explain(service: &Service, request: wire::ExplainStudentRequest) -> Explained {
    let mut client = RiskExplanationClient::new(service.channel());
    client.explain_student(service.request(request)).await.map(tonic::Response::into_inner)
}

fn of(name: &str) -> wire::ExplainStudentRequest {
    let student = student(name).as_bytes().to_vec().into();
    wire::ExplainStudentRequest { student, ..wire::ExplainStudentRequest::default() }
}

fn since(name: &str, since: &str) -> wire::ExplainStudentRequest {
    wire::ExplainStudentRequest { since: since.to_owned(), ..of(name) }
}

fn working<'r>(told: &'r wire::ExplainStudentResponse, name: &str) -> &'r wire::Working {
    told.workings.iter().find(|working| working.name == name).unwrap()
}

#[tokio::test]
async fn a_student_is_explained_by_facts_arithmetic_and_rules() {
    let (world, service) = World::start().await;
    let ada = student("ada");
    world.home.attends(ada, "1").await;
    world.home.absent(ada, day(3)).await;
    world.home.mark(ada, "1", day(5), "Tardy").await;
    world.home.mark(ada, "9", day(4), "Tardy").await;
    world.settled(&service).await;
    let told = explain(&service, of("ada")).await.unwrap();
    assert_eq!((told.as_of, told.school_year), (day(11).days(), 2022));
    assert_eq!(told.measures, service.student(ada).await.unwrap().measures);
    let kinds: Vec<_> = told.facts.iter().map(|fact| fact.kind.as_str()).collect();
    assert_eq!(kinds.len(), 2, "marks are told with their dates: {kinds:?}");
    assert_eq!((told.schools[0].dates, told.schools[0].silent), (11, 9));
    let dates: Vec<_> = told.dates.iter().map(|date| (date.date, date.came_to(), date.absent)).collect();
    let expected = [
        (day(3).days(), wire::CameTo::Counted, 100),
        (day(4).days(), wire::CameTo::NoDate, 0),
        (day(5).days(), wire::CameTo::Counted, 0),
    ];
    assert_eq!(dates, expected);
    assert_eq!(working(&told, "absent").arithmetic, "1 x 1 = 1 day");
    assert_eq!(
        working(&told, "tier").arithmetic,
        "absent 1 of 11 days; 5% is 0.55, 10% is 1.1, 20% is 2.2; so at or above 5%, tier 1"
    );
    let holding: Vec<_> = told.rules.iter().filter(|rule| rule.holds).map(|rule| rule.rule.as_str()).collect();
    assert_eq!(holding, ["attendance-tier"]);
    assert_eq!(told.changes, None);

    let earlier = wire::ExplainStudentRequest { as_of: Some(day(3).days()), ..of("ada") };
    let told = explain(&service, earlier).await.unwrap();
    assert_eq!(working(&told, "absent").value, 100);
    assert_eq!(working(&told, "enrolled").value, 300);
    let chosen = wire::ExplainStudentRequest { measures: vec!["absent_mondays".to_owned()], ..of("ada") };
    assert_eq!(explain(&service, chosen).await.unwrap().workings.len(), 1);
}

#[tokio::test]
async fn questions_that_cannot_be_answered_are_refused() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    let code = async |request| explain(&service, request).await.unwrap_err().code();
    assert_eq!(code(of("nobody")).await, Code::NotFound);
    assert_eq!(code(wire::ExplainStudentRequest::default()).await, Code::InvalidArgument);
    assert_eq!(code(since("ada", "yesterday")).await, Code::InvalidArgument);
    assert_eq!(code(since("ada", "2021-09-01")).await, Code::FailedPrecondition, "the clock began later");
    let unknown = wire::ExplainStudentRequest { measures: vec!["luck".to_owned()], ..of("ada") };
    assert_eq!(code(unknown).await, Code::InvalidArgument);
    let neighbour = service.asked_by("other");
    assert!(explain(&neighbour, of("ada")).await.is_err(), "another district's student");
}

/// A word that is accepted an hour from now, and so after every moment that a question can name.
fn later(home: &District, record: &str, change: Change<homeroom_domain::event::Fact>) -> Event {
    let word = home.word(student("ada"), record, change);
    Event { received_at: clock::now() + SignedDuration::from_hours(1), ..word }
}

#[tokio::test]
async fn what_changed_is_told_with_the_correction_that_did_it() {
    let (world, service) = World::start().await;
    let (ada, home) = (student("ada"), &world.home);
    home.attends(ada, "1").await;
    home.say(ada, "mark of 2", mark("1", day(2), "Unexcused Absence")).await;
    home.say(ada, "mark of 3", mark("1", day(3), "Unexcused Absence")).await;
    // Somebody else's words in the same log.
    home.attends(student("bea"), "1").await;
    home.absent(student("bea"), day(2)).await;
    let excused = Change::Recorded(mark("1", day(2), "Excused Absence"));
    home.append(&later(home, "mark of 2", excused)).await;
    home.append(&later(home, "mark of 3", Change::Withdrawn)).await;
    home.append(&later(home, "mark of 5", Change::Recorded(mark("1", day(5), "Unexcused Absence")))).await;
    home.append(&later(home, "mark of 12", Change::Recorded(mark("1", day(12), "Unexcused Absence")))).await;
    home.calendar_date_at(clock::now() + SignedDuration::from_hours(1), "1", day(9), "Holiday").await;
    world.settled(&service).await;

    let told = explain(&service, since("ada", "2099-01-01")).await.unwrap().changes.unwrap();
    assert!(!told.incomplete);
    assert_eq!((told.earlier, told.new_records), (day(11).days(), 1));
    let moved: Vec<_> =
        told.moved.iter().map(|it| (it.name.as_str(), it.then.as_str(), it.corrected.as_str())).collect();
    for expected in [("enrolled", "11", "10"), ("unexcused", "2", "1")] {
        assert!(moved.contains(&expected), "{moved:?}");
    }
    assert!(!moved.iter().any(|(name, ..)| *name == "absent"), "two before, two now: {moved:?}");
    let records: Vec<_> =
        told.records.iter().map(|it| (it.kind.as_str(), shift(it, "absent"), shift(it, "unexcused"))).collect();
    assert_eq!(
        records,
        [
            ("corrected", None, Some(("2", "1"))),
            ("withdrawn", Some(("3", "2")), Some(("2", "1"))),
            ("arrived late", Some(("1", "2")), Some(("0", "1")))
        ]
    );
    let first = &told.records[0];
    let says = |fact: &Option<wire::Fact>| fact.as_ref().unwrap().what.clone();
    assert_eq!(says(&first.before), "unexcused absence, whole day");
    assert_eq!(says(&first.after), "excused absence, whole day");
    let reference: Vec<_> =
        told.reference.iter().map(|it| (it.kind.as_str(), it.before.as_str(), it.after.as_str())).collect();
    let (before, after) = (format!("{} is Instructional day", day(9)), format!("{} is Holiday", day(9)));
    assert_eq!(reference, [("corrected", before.as_str(), after.as_str())]);
    assert!(
        told.by_reference
            .iter()
            .any(|it| (it.name.as_str(), it.without.as_str(), it.with.as_str()) == ("enrolled", "11", "10"))
    );
}

fn shift<'r>(record: &'r wire::RecordChange, name: &str) -> Option<(&'r str, &'r str)> {
    let shift = record.shifts.iter().find(|shift| shift.name == name)?;
    Some((shift.without.as_str(), shift.with.as_str()))
}

#[tokio::test]
async fn one_reads_the_log_at_a_time() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    let ask = || explain(&service, since("ada", "2099-01-01"));
    let answers = futures_util::future::join_all((0..8).map(|_| ask())).await;
    let refused = answers.iter().filter_map(|answer| answer.as_ref().err());
    assert!(refused.clone().all(|status| status.code() == Code::ResourceExhausted), "{answers:?}");
    assert!(answers.iter().any(Result::is_ok));
    assert!(ask().await.is_ok(), "whoever was refused may ask again");
}

#[tokio::test]
async fn a_read_ends_with_its_caller() {
    let (world, service) = World::start().await;
    world.home.attends(student("ada"), "1").await;
    world.settled(&service).await;
    // The reference topic gives nothing more, so that whoever reads it waits; the other key's calls end after a second.
    world.log.reference_end.send_replace(0);
    let hasty = service.asked_by("hasty");
    let other_is_told = async || explain(&hasty, since("ada", "2099-01-01")).await.unwrap_err().code();
    let held = async {
        loop {
            let answer = explain(&service, since("ada", "2099-01-01")).await;
            let busy = answer.as_ref().is_err_and(|status| status.code() == Code::ResourceExhausted);
            assert!(busy, "nothing can be answered: {answer:?}");
        }
    };
    tokio::select! {
        () = held => {}
        () = until("the log is being read", async || other_is_told().await == Code::ResourceExhausted) => {}
    }
    // Whoever was reading has left here, long before the silence would have ended the read.
    let free = async { while other_is_told().await != Code::DeadlineExceeded {} };
    tokio::time::timeout(std::time::Duration::from_secs(20), free).await.expect("there is room for the next");
}
