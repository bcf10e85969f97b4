//! `RuleAdmin`: rules put in force, taken back, and what was in force before.

use homeroom_domain::reference::Entry;
use homeroom_domain::rule::DEFAULT_PACK;
use homeroom_proto::wire::rule as wire;
use homeroom_proto::wire::rule::rule_admin_client::RuleAdminClient;
use reqwest::{Method, StatusCode};
use tonic::transport::Channel;
use tonic::{Code, Request, Status};

use crate::world::{Role, World};

/// A version of the first rules, in which the first rule has this version and opens from this tier.
fn pack(version: u32, rule_version: u32, tier: u32) -> String {
    let pack = DEFAULT_PACK.replacen("version: 1\nrules", &format!("version: {version}\nrules"), 1);
    let pack = pack.replacen("version: 1\n    title", &format!("version: {rule_version}\n    title"), 1);
    pack.replacen("tier >= 1", &format!("tier >= {tier}"), 1)
}

impl World {
    async fn rules(&self) -> RuleAdminClient<Channel> {
        RuleAdminClient::new(Channel::from_shared(format!("http://{}", self.grpc)).unwrap().connect().await.unwrap())
    }

    async fn activate(&self, document: &str, expected_version: Option<u32>) -> Result<wire::Activation, Status> {
        let reason = "stricter, as the board wants it".to_owned();
        let request = wire::ActivateRequest { document: document.to_owned(), reason, expected_version };
        let answer = self.rules().await.activate(asked(Role::Admin, request)).await?;
        Ok(answer.into_inner().activation.unwrap())
    }

    async fn roll_back(&self, version: u32) -> Result<wire::RollbackResponse, Status> {
        let request = wire::RollbackRequest { version, reason: "too many".to_owned(), expected_version: None };
        Ok(self.rules().await.rollback(asked(Role::Admin, request)).await?.into_inner())
    }

    async fn history(&self) -> Vec<wire::Activation> {
        let answer = self.rules().await.history(asked(Role::Admin, wire::HistoryRequest::default())).await.unwrap();
        answer.into_inner().activations
    }

    async fn shown(&self, role: Role) -> wire::ShowResponse {
        self.rules().await.show(asked(role, wire::ShowRequest::default())).await.unwrap().into_inner()
    }
}

fn asked<T>(role: Role, request: T) -> Request<T> {
    let mut request = Request::new(request);
    request.metadata_mut().insert("authorization", role.authorization().parse().unwrap());
    request
}

fn versions(history: &[wire::Activation]) -> Vec<(i64, u32, &str, Option<u32>)> {
    history.iter().map(|of| (of.number, of.version, of.reason.as_str(), of.again)).collect()
}

#[tokio::test]
async fn rules_are_put_in_force_and_taken_back_and_the_history_says_why() {
    let world = World::start().await;
    assert_eq!(world.shown(Role::Admin).await.in_force, None);
    let (first, second) = (pack(1, 1, 1), pack(2, 2, 2));
    let activated = world.activate(&first, Some(0)).await.unwrap();
    assert_eq!((activated.number, activated.version, activated.activated_by.as_str()), (1, 1, "admin"));
    world.activate(&second, Some(1)).await.unwrap();
    let again = world.roll_back(1).await.unwrap();
    let third = pack(3, 3, 1);
    assert_eq!(again.document, third, "the first text with the versions that it takes now");
    let history = world.history().await;
    let stricter = "stricter, as the board wants it";
    assert_eq!(versions(&history), [(3, 3, "too many", Some(1)), (2, 2, stricter, None), (1, 1, stricter, None)]);
    let moments: Vec<_> = history.iter().map(|of| of.activated_at.unwrap().seconds).collect();
    assert!(moments.is_sorted_by(|later, earlier| later >= earlier) && moments[2] > 0, "{moments:?}");
    let shown = world.shown(Role::Admin).await;
    assert_eq!((shown.in_force.as_ref(), shown.document.as_str()), (history.first(), third.as_str()));
    let of_tier = &shown.rules[0];
    assert_eq!((of_tier.rule.as_str(), of_tier.version), ("attendance-tier", 3));
    let opens = of_tier.fields.iter().find(|field| field.name == "opens-when").unwrap();
    assert_eq!((opens.value.as_str(), opens.origin.as_str()), ("tier >= 1", "district"));
    let packs = [first, second, third].map(Entry::RulePack);
    assert_eq!(world.published(3).await, packs, "each is one word on the reference topic");
    assert_eq!(world.shown(Role::Neighbour).await.in_force, None);
}

#[tokio::test]
async fn what_cannot_follow_is_refused_and_changes_nothing() {
    let world = World::start().await;
    world.activate(&pack(2, 1, 1), None).await.unwrap();
    let code = async |document: &str, expected| world.activate(document, expected).await.unwrap_err().code();
    assert_eq!(code("id: x", None).await, Code::InvalidArgument);
    assert_eq!(code(&pack(2, 2, 2), None).await, Code::FailedPrecondition, "its version does not grow");
    assert_eq!(code(&pack(3, 1, 2), None).await, Code::FailedPrecondition, "nor does that of its rule");
    assert_eq!(code(&pack(3, 2, 2), Some(1)).await, Code::Aborted, "somebody else was faster");
    assert_eq!(world.roll_back(7).await.unwrap_err().code(), Code::NotFound);
    let unsaid = wire::ActivateRequest { document: pack(3, 2, 2), reason: " ".to_owned(), expected_version: None };
    let refused = world.rules().await.activate(asked(Role::Admin, unsaid)).await.unwrap_err();
    assert_eq!((refused.code(), refused.message().contains("reason")), (Code::InvalidArgument, true));
    assert_eq!(world.history().await.len(), 1);
    assert_eq!(world.published(1).await.len(), 1);
}

#[tokio::test]
async fn of_two_at_once_the_second_hears_that_the_version_is_taken() {
    let world = World::start().await;
    world.activate(&pack(1, 1, 1), None).await.unwrap();
    let (stricter, softer) = (pack(2, 2, 2), pack(2, 2, 3));
    let (one, other) = tokio::join!(world.activate(&stricter, Some(1)), world.activate(&softer, Some(1)));
    let refused = [&one, &other].into_iter().filter_map(|put| put.as_ref().err()).collect::<Vec<_>>();
    assert_eq!(refused.len(), 1, "{one:?} {other:?}");
    assert_eq!(refused[0].code(), Code::Aborted);
    assert_eq!(world.history().await.len(), 2);
}

#[tokio::test]
async fn a_document_is_checked_and_compared_before_anything_changes() {
    let world = World::start().await;
    let mut rules = world.rules().await;
    let mut check = async |document: String| {
        rules.check(asked(Role::Admin, wire::CheckRequest { document })).await.unwrap().into_inner()
    };
    let wrong = check(DEFAULT_PACK.replacen("tier >= 1", "teir >= 1", 1)).await;
    assert!(wrong.mistakes[0].contains("`teir`") && wrong.mistakes[0].contains("^^^^"), "{wrong:?}");
    world.activate(&pack(1, 1, 1), None).await.unwrap();
    assert_eq!(
        check(pack(2, 2, 2)).await,
        wire::CheckResponse { id: "first-rules".to_owned(), version: 2, rules: 4, ..wire::CheckResponse::default() }
    );
    let behind = check(pack(1, 1, 1)).await;
    assert!(behind.mistakes.is_empty() && behind.obstacles[0].contains("above 1"), "{behind:?}");
    let request = asked(Role::Admin, wire::DiffRequest { document: pack(2, 2, 2) });
    let differences = world.rules().await.diff(request).await.unwrap().into_inner();
    let [of_tier] = &differences.rules[..] else { panic!("one rule is another: {differences:?}") };
    assert_eq!(
        (of_tier.rule.as_str(), of_tier.version_before, of_tier.version_after),
        ("attendance-tier", Some(1), Some(2))
    );
    let field = &of_tier.fields[0];
    assert_eq!(
        (field.name.as_str(), field.before.as_str(), field.after.as_str()),
        ("opens-when", "tier >= 1", "tier >= 2")
    );
    assert_eq!(of_tier.fields.len(), 1);
    assert_eq!(world.history().await.len(), 1);
}

#[tokio::test]
async fn what_was_put_by_http_is_in_the_history_and_minds_what_its_sender_knew() {
    let world = World::start().await;
    assert_eq!(world.put_rules(&pack(1, 1, 1)).await.status, StatusCode::NO_CONTENT);
    // As a program that puts its text at each start.
    assert_eq!(world.put_rules(&pack(1, 1, 1)).await.status, StatusCode::NO_CONTENT);
    assert_eq!(versions(&world.history().await), [(1, 1, "", None)]);
    let got = world.request(Method::GET, "/v1/rule-pack").header("authorization", Role::Admin.authorization());
    assert_eq!(got.send().await.unwrap().headers()["etag"], "\"1\"");
    let put = async |tag: &str, document: String| {
        let request = world.request(Method::PUT, "/v1/rule-pack").header("authorization", Role::Admin.authorization());
        request.header("if-match", tag).body(document).send().await.unwrap().status()
    };
    let second = || pack(2, 2, 2);
    assert_eq!(put("\"7\"", second()).await, StatusCode::PRECONDITION_FAILED);
    assert_eq!(put("seven", second()).await, StatusCode::BAD_REQUEST);
    assert_eq!(put("\"1\"", pack(1, 2, 2)).await, StatusCode::CONFLICT, "its version would not tell it from the first");
    assert_eq!(put("\"1\"", second()).await, StatusCode::NO_CONTENT);
    assert_eq!(put("\"1\"", pack(3, 3, 3)).await, StatusCode::PRECONDITION_FAILED, "who knew the first alone");
    assert_eq!(world.history().await.len(), 2);
}

#[tokio::test]
async fn a_text_of_before_there_was_a_history_can_be_rolled_back_to() {
    let world = World::start().await;
    assert_eq!(world.put_rules(&pack(4, 1, 1)).await.status, StatusCode::NO_CONTENT);
    let mut admin = world.database.admin().await;
    sqlx::query("delete from ingestion.rule_activations").execute(&mut admin).await.unwrap();
    assert!(world.history().await.is_empty());
    assert_eq!(world.shown(Role::Admin).await.in_force.unwrap().version, 4);
    world.activate(&pack(5, 2, 2), Some(4)).await.unwrap();
    let history = world.history().await;
    assert_eq!(
        history.iter().map(|of| (of.version, of.activated_by.as_str())).collect::<Vec<_>>(),
        [(5, "admin"), (4, "")]
    );
    assert!(history[1].activated_at.unwrap().seconds > 1_700_000_000, "when it was put in force: {history:?}");
    assert_eq!(world.roll_back(4).await.unwrap().activation.unwrap().version, 6);
}

#[tokio::test]
async fn a_text_from_a_process_that_keeps_no_history_is_in_it_too() {
    let world = World::start().await;
    world.activate(&pack(1, 1, 1), None).await.unwrap();
    let mut admin = world.database.admin().await;
    let other = sqlx::query("update ingestion.settings set body = to_jsonb($1::text) where kind = 'rule-pack'");
    let changed = other.bind(pack(2, 2, 2)).execute(&mut admin).await.unwrap();
    assert_eq!(changed.rows_affected(), 1);
    assert_eq!(world.shown(Role::Admin).await.in_force.unwrap().version, 2);
    world.activate(&pack(3, 3, 3), Some(2)).await.unwrap();
    let history = world.history().await;
    let stricter = "stricter, as the board wants it";
    assert_eq!(versions(&history), [(3, 3, stricter, None), (2, 2, "", None), (1, 1, stricter, None)]);
    let again = world.roll_back(2).await.unwrap();
    assert_eq!(again.document, pack(4, 4, 2), "its text can be taken back");
    assert_eq!(world.history().await.len(), 4, "what is there is not noted again");
}
