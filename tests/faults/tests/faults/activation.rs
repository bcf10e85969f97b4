//! Rules put in force and taken back under load, while two rules processes are killed in the middle of it.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use homeroom_faults::feed::authorized;
use homeroom_faults::world::rule_pack;
use homeroom_faults::{Log, PATIENCE, Role, Scene, Setup};
use homeroom_proto::wire::alert::Kind;
use homeroom_proto::wire::rule::rule_admin_client::RuleAdminClient;
use homeroom_proto::wire::rule::{ActivateRequest, Activation, HistoryRequest, RollbackRequest};
use tokio::time::{Instant, sleep};
use tonic::transport::{Channel, Endpoint};

/// The rule that comes and goes.
const COMES_AND_GOES: &str = "second-look";
/// The longest time between an activation and a kill: within its sweep.
const LONGEST_CALM_MS: u64 = 400;

/// The rules of the world with one more, in a version.
fn pack(version: u32) -> String {
    let pack = rule_pack().replacen("version: 1\nrules", &format!("version: {version}\nrules"), 1);
    format!(
        "{}

  - id: {COMES_AND_GOES}
    version: 1
    title: A second look
    meaning: The student is absent today, and somebody else looks too.
    scope: day
    opens-when: unexplained_absence_today
    level: \"1\"
    severity: {{1: notice}}
    settle-seconds: 0
    audience: success-team
    evidence: today
    explanation: \"Marked absent on {{date}}.\"
    clears: \"A mark that the student came.\"
    source: \"A test\"
",
        pack.trim_end()
    )
}

/// The district's rules, asked for with its key.
struct Rules(RuleAdminClient<Channel>);

impl Rules {
    fn of(scene: &Scene) -> Result<Self> {
        let endpoint = Endpoint::from_shared(scene.world.grpc(Role::Ingestion)?)?;
        Ok(Self(RuleAdminClient::new(endpoint.connect_lazy())))
    }

    async fn activate(&mut self, version: u32) -> Result<()> {
        let (document, expected_version) = (pack(version), Some(version - 1));
        let message = ActivateRequest { document, reason: format!("round {version}"), expected_version };
        self.0.activate(authorized(message)?).await.map(drop).context("activation")
    }

    async fn roll_back(&mut self, to: u32) -> Result<Activation> {
        let message = RollbackRequest { version: to, reason: "back".to_owned(), expected_version: None };
        let answer = self.0.rollback(authorized(message)?).await.context("rollback")?;
        answer.into_inner().activation.context("no activation")
    }

    async fn versions(&mut self) -> Result<Vec<u32>> {
        let answer = self.0.history(authorized(HistoryRequest::default())?).await.context("history")?;
        Ok(answer.into_inner().activations.iter().map(|of| of.version).collect())
    }
}

/// Kills both rules processes, one after the other, each at a moment of chance within the sweep; waits until marks are alerts again.
async fn both_die(scene: &mut Scene, what: &str) -> Result<()> {
    let since = Instant::now();
    for role in [Role::Rules, Role::SecondRules] {
        // When the fault happens, and not what anything waits for.
        sleep(Duration::from_millis(scene.dice.below(LONGEST_CALM_MS))).await;
        scene.world.crash(role)?;
    }
    scene.recovers(what, since).await.map(drop)
}

/// Waits until the rule has told of somebody.
async fn comes(scene: &Scene) -> Result<()> {
    let told = || scene.feed.changes().iter().any(|change| change.rule == COMES_AND_GOES);
    scene.feed.wait_until(PATIENCE, told).await.context("a rule that is in force tells nothing")
}

/// Waits until nothing that the rule told is open.
async fn goes(scene: &Scene) -> Result<()> {
    let all_over = || {
        let mut last = BTreeMap::new();
        for change in scene.feed.changes().into_iter().filter(|change| change.rule == COMES_AND_GOES) {
            last.insert(change.alert_id.clone(), change.kind());
        }
        !last.is_empty() && last.values().all(|kind| matches!(kind, Kind::Cleared | Kind::Recalled))
    };
    scene.feed.wait_until(PATIENCE, all_over).await.context("alerts of a rule that is gone stay open")
}

#[tokio::test(flavor = "multi_thread")]
async fn rules_are_activated_under_load_while_two_processes_die() -> Result<()> {
    let mut scene = Scene::open("activation", Setup::on(Log::on_kafka())).await?;
    scene.allowed.rule = Some(COMES_AND_GOES);
    scene.world.place(Role::SecondRules)?;
    scene.world.start_role(Role::SecondRules)?;
    scene.world.wait_ready(Role::SecondRules).await?;
    let mut rules = Rules::of(&scene)?;
    scene.some_while().await?;
    rules.activate(2).await?;
    both_die(&mut scene, "a rule comes and both processes are killed").await?;
    comes(&scene).await?;
    scene.some_while().await?;
    let again = rules.roll_back(1).await?;
    ensure!((again.version, again.again) == (3, Some(1)), "{again:?}");
    both_die(&mut scene, "the rule is taken back and both processes are killed").await?;
    goes(&scene).await?;
    ensure!(rules.versions().await? == [3, 2, 1], "the history has all of them, in order");
    scene.check().await.map(drop)
}
