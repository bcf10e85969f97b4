//! Rules that fail when they are evaluated: each alone, counted, while all others go on.

use anyhow::{Result, ensure};
use homeroom_faults::world::rule_pack;
use homeroom_faults::{Log, Role, Scene, Setup};
use tokio::time::Instant;

/// Divides by the number of tardy days, which is zero.
const DIVIDES: &str = "absent / tardy > 1000000";
/// Is sound, and its level is beyond 64 bits as soon as a day is counted.
const OVERFLOWS: &str = "enrolled * 9223372036854775807 > 0";

/// The first rules and two broken ones.
fn broken_pack() -> String {
    let rule = |id: &str, condition: &str| {
        format!(
            "
  - id: {id}
    version: 1
    title: A broken rule
    meaning: Nothing.
    scope: school-year
    opens-when: {condition}
    level: \"1\"
    severity: {{1: notice}}
    settle-seconds: 0
    audience: success-team
    evidence: absences
    explanation: \"Nothing.\"
    clears: \"Nothing.\"
    source: \"A test\"
"
        )
    };
    let pack = rule_pack().replacen("version: 1", "version: 2", 1);
    format!("{}{}{}", pack.trim_end(), rule("divides-by-zero", DIVIDES), rule("overflows", OVERFLOWS))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rule_that_fails_is_counted_and_the_others_go_on() -> Result<()> {
    let mut scene = Scene::open("broken rules", Setup::on(Log::on_kafka())).await?;
    scene.some_while().await?;
    let since = Instant::now();
    scene.world.put("rule-pack", "application/yaml", broken_pack()).await?;
    scene.recovers("beside two broken rules", since).await?;
    scene.some_while().await?;
    let counted = scene.world.metrics(Role::Rules).await?;
    for rule in ["divides-by-zero", "overflows"] {
        let line = format!("homeroom_rules_failures_total{{rule=\"{rule}\"}}");
        ensure!(counted.contains(&line), "`{line}` is not counted:\n{counted}");
    }
    ensure!(!counted.contains("homeroom_rules_failures_total{rule=\"unexplained-absence\"}"), "a sound rule failed");
    let sound = rule_pack().replacen("version: 1", "version: 3", 1);
    scene.world.put("rule-pack", "application/yaml", sound).await?;
    scene.recovers("after they are gone", Instant::now()).await?;
    scene.check().await.map(drop)
}
