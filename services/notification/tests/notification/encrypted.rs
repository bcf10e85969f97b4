//! The adapters with TLS, against real servers that some believe and some do not.

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::time::Duration;

use homeroom_chassis::tls::TlsFiles;
use homeroom_domain::alert::ChangeKind::Opened;
use homeroom_harness::authority::HERE;
use homeroom_harness::{Authority, Smtp, WebhookSink};
use homeroom_notification::channel::mail::Security;
use homeroom_notification::channel::{FeedConfig, Link, mail, webhook};

use crate::world::{SOON, TEAM, World, secret_file};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Tells one alert by mail, through a server with a certificate for this name, which an adapter with these authorities checks.
/// Gives what came, and why not if nothing did.
async fn mailed(security: Security, name: &str, trusted: impl Fn(&Authority) -> Option<PathBuf>) -> (usize, String) {
    let authority = Authority::new().unwrap();
    let pair = authority.give("mail", name).unwrap();
    let smtp = match security {
        Security::Tls => Smtp::start_tls(&pair.cert, &pair.key).await.unwrap(),
        Security::Starttls => Smtp::start_starttls(&pair.cert, &pair.key).await.unwrap(),
        Security::Plain => Smtp::start().await.unwrap(),
    };
    let world = World::start().await;
    // A server without TLS is asked for STARTTLS too.
    let asked = if security == Security::Plain { Security::Starttls } else { security };
    let config = mail_config(&world, smtp.port, asked, trusted(&authority));
    world.tasks.spawn("mail", mail::run(config, world.tasks.clone(), Link::default()));
    world.publish(&world.change(1, 1, Opened)).await;
    let why = until_tried(&world, || smtp.messages().len()).await;
    // Else its adapter would find the authority's file gone, and count that as a change that was refused.
    world.tasks.cut();
    world.tasks.drained().await;
    (smtp.messages().len(), why)
}

fn mail_config(world: &World, port: u16, security: Security, ca_file: Option<PathBuf>) -> mail::Config {
    mail::Config {
        feed: FeedConfig::at(world.endpoint.clone(), world.key_file()),
        host: HERE.to_owned(),
        port: Some(port),
        security,
        ca_file,
        user: None,
        password_file: None,
        from: "Homeroom <homeroom@district.example.org>".to_owned(),
        timeout_s: 10,
    }
}

/// Waits until something came, or until it is known why not, which is given.
async fn until_tried(world: &World, came: impl Fn() -> usize) -> String {
    let tried = async {
        loop {
            let deliveries = world.deliveries().await;
            let why = deliveries.into_iter().map(|delivery| delivery.last_reason).next().unwrap_or_default();
            if came() > 0 || !why.is_empty() {
                return why;
            }
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(SOON, tried).await.expect("it is tried")
}

#[tokio::test]
async fn mail_goes_to_a_server_that_can_be_believed_and_to_no_other() {
    let own = |authority: &Authority| Some(authority.ca());
    for security in [Security::Tls, Security::Starttls] {
        let (came, _) = mailed(security, HERE, own).await;
        assert_eq!(came, 1, "{security:?}");
        let (came, why) = mailed(security, "elsewhere.example.org", own).await;
        assert!(came == 0 && why.starts_with("no mail server"), "{security:?} by another name: {came} {why}");
        let (came, why) = mailed(security, HERE, |_| None).await;
        assert!(came == 0 && why.starts_with("no mail server"), "{security:?} of a stranger: {came} {why}");
    }
    let (came, why) = mailed(Security::Plain, HERE, own).await;
    assert!(came == 0 && why.starts_with("no mail server"), "a server without TLS: {came} {why}");
}

/// Changes of this adapter's authorities that were refused; no other test has it follow a file that changes while it runs.
fn refused(certificate: &str) -> u64 {
    let name = format!("homeroom_certificate_changes_total{{certificate=\"{certificate}\",outcome=\"refused\"}}");
    let text = homeroom_chassis::telemetry::metrics_text();
    text.lines().find_map(|line| line.strip_prefix(&name)?.trim().parse().ok()).unwrap_or_default()
}

async fn until(world: &World, what: &str, reached: impl Fn() -> bool) {
    let looked = async {
        while !reached() {
            // What failed is tried again a second later, by the clock that this moves.
            world.pass(2).await;
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    };
    tokio::time::timeout(2 * SOON, looked).await.unwrap_or_else(|_| panic!("it never came to be: {what}"));
}

#[tokio::test]
async fn a_renewed_authority_of_a_mail_server_takes_no_restart_and_one_that_is_none_changes_nothing() {
    homeroom_chassis::telemetry::install_metrics();
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let pair = authority.give("mail", HERE).unwrap();
    for (n, security) in [Security::Tls, Security::Starttls].into_iter().enumerate() {
        let smtp = match security {
            Security::Tls => Smtp::start_tls(&pair.cert, &pair.key).await.unwrap(),
            _ => Smtp::start_starttls(&pair.cert, &pair.key).await.unwrap(),
        };
        let world = World::start_with(TEAM, |config| {
            config.retry.waits_s = vec![1];
            config.retry.attempts_limit = 1_000;
        })
        .await;
        let mounted = format!("mail-{n}.pem");
        let ca_file = authority.write(&mounted, &stranger.pem(), 0o644).unwrap();
        let config = mail_config(&world, smtp.port, security, Some(ca_file));
        world.tasks.spawn("mail", mail::run(config, world.tasks.clone(), Link::default()));
        world.publish(&world.change(1, 1, Opened)).await;
        let why = until_tried(&world, || smtp.messages().len()).await;
        assert!(why.starts_with("no mail server") && smtp.messages().is_empty(), "a stranger was believed");
        authority.write(&mounted, &authority.pem(), 0o644).unwrap();
        until(&world, "the server is believed once its authority is mounted", || !smtp.messages().is_empty()).await;
        let before = refused("mail-server");
        authority.write(&mounted, "there is no certificate here", 0o644).unwrap();
        until(&world, "the file is refused", || refused("mail-server") > before).await;
        let had = smtp.messages().len();
        world.publish(&world.change(2, 1, Opened)).await;
        until(&world, "the authority of before stays in force", || smtp.messages().len() > had).await;
    }
}

#[tokio::test]
async fn a_renewed_authority_of_an_endpoint_takes_no_restart_and_one_that_is_none_changes_nothing() {
    homeroom_chassis::telemetry::install_metrics();
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let pair = authority.give("hook", HERE).unwrap();
    let sink = WebhookSink::start_tls(&TlsFiles { cert: pair.cert, key: pair.key, client_ca: None }).await.unwrap();
    let routing = TEAM.replace("mail: team@example.org", &format!("webhook: {}", sink.url));
    let world = World::start_with(&routing, |config| {
        config.retry.waits_s = vec![1];
        config.retry.attempts_limit = 1_000;
    })
    .await;
    let ca_file = authority.write("mounted.pem", &stranger.pem(), 0o644).unwrap();
    let config = webhook::Config {
        feed: FeedConfig::at(world.endpoint.clone(), world.key_file()),
        secret_files: vec![secret_file(&world.folder, "secret", SECRET)],
        endpoint_secret_files: BTreeMap::new(),
        allow_networks: vec![webhook::Network::try_from("127.0.0.0/8".to_owned()).unwrap()],
        ca_file: Some(ca_file.clone()),
        timeout_s: 5,
    };
    world.tasks.spawn("webhook", webhook::run(config, world.tasks.clone(), Link::default()));
    world.publish(&world.change(1, 1, Opened)).await;
    let why = until_tried(&world, || sink.requests().len()).await;
    assert!(!why.is_empty() && sink.requests().is_empty(), "a stranger was believed");
    authority.write("mounted.pem", &authority.pem(), 0o644).unwrap();
    let came = || sink.requests().len();
    until(&world, "the endpoint is believed once its authority is mounted", || came() > 0).await;
    let before = refused("endpoints");
    authority.write("mounted.pem", "there is no certificate here", 0o644).unwrap();
    until(&world, "the file is refused", || refused("endpoints") > before).await;
    let had = came();
    world.publish(&world.change(2, 1, Opened)).await;
    until(&world, "the authority of before stays in force", || came() > had).await;
}

#[tokio::test]
async fn a_webhook_goes_to_an_endpoint_that_can_be_believed_and_to_no_other() {
    let (authority, stranger) = (Authority::new().unwrap(), Authority::new().unwrap());
    let pair = authority.give("hook", HERE).unwrap();
    let sink = WebhookSink::start_tls(&TlsFiles { cert: pair.cert, key: pair.key, client_ca: None }).await.unwrap();
    for (ca_file, believed) in [(None, false), (Some(stranger.ca()), false), (Some(authority.ca()), true)] {
        let routing = TEAM.replace("mail: team@example.org", &format!("webhook: {}", sink.url));
        let world = World::start_with(&routing, |_| {}).await;
        let config = webhook::Config {
            feed: FeedConfig::at(world.endpoint.clone(), world.key_file()),
            secret_files: vec![secret_file(&world.folder, "secret", SECRET)],
            endpoint_secret_files: BTreeMap::new(),
            allow_networks: vec![webhook::Network::try_from("127.0.0.0/8".to_owned()).unwrap()],
            ca_file,
            timeout_s: 5,
        };
        world.tasks.spawn("webhook", webhook::run(config, world.tasks.clone(), Link::default()));
        world.publish(&world.change(1, 1, Opened)).await;
        let why = until_tried(&world, || sink.requests().len()).await;
        assert_eq!((sink.requests().len(), why.is_empty()), (usize::from(believed), believed), "{why}");
    }
}
