//! What opens a door, and what does not.

use std::io::Write;
use std::time::Duration;

use axum::response::IntoResponse;
use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use http::StatusCode;
use jiff::{SignedDuration, Timestamp};
use proptest::prelude::*;
use secrecy::{ExposeSecret, SecretString};

use super::*;

fn grant(key: &str, district: &str, scopes: &[Scope]) -> Grant {
    Grant {
        key: key.to_owned(),
        district: DistrictId::parse(district).unwrap(),
        source: SourceId::parse("sis").unwrap(),
        scopes: scopes.to_vec(),
    }
}

fn now() -> Timestamp {
    Timestamp::from_second(1_650_000_000).unwrap()
}

fn tokens() -> Tokens {
    Tokens::new(&SecretString::from("a signing key of some length....."))
}

fn keys() -> Keys {
    Keys::of(&[
        (grant("one", "grand-bend", &[Scope::Ingest, Scope::Read]), "secret:one"),
        (grant("two", "other", &[Scope::Feed]), "secret-two"),
    ])
}

fn basic(key: &str, secret: &str) -> String {
    format!("Basic {}", BASE64_STANDARD.encode(format!("{key}:{secret}")))
}

fn check(header: &str, scope: Scope) -> Result<Grant, Denied> {
    keys().check(Some(header), &tokens(), scope, now())
}

#[test]
fn a_key_with_its_secret_gives_its_own_grant_only() {
    let given = check(&basic("one", "secret:one"), Scope::Read).unwrap();
    assert_eq!(given.district.as_str(), "grand-bend");
    assert_eq!(check(&basic("one", "secret:one"), Scope::Feed), Err(Denied::Forbidden));
    assert_eq!(check(&basic("two", "secret-two"), Scope::Feed).unwrap().district.as_str(), "other");
}

#[test]
fn a_wrong_secret_a_strange_scheme_or_nothing_is_unknown() {
    for header in [
        basic("one", "secret-two"),
        basic("three", "secret-two"),
        basic("one", ""),
        "Basic %%%".to_owned(),
        "Digest abc".to_owned(),
        "Bearer".to_owned(),
        "Bearer a.b".to_owned(),
        format!("Basic {}", "A".repeat(10_000)),
    ] {
        assert_eq!(check(&header, Scope::Read), Err(Denied::Unknown), "{header}");
    }
    assert_eq!(keys().check(None, &tokens(), Scope::Read, now()), Err(Denied::Unknown));
}

#[test]
fn a_token_is_good_for_half_an_hour() {
    let minted = grant("one", "grand-bend", &[Scope::Ingest]);
    let (token, lifetime) = tokens().mint(&minted, now());
    let header = format!("bearer {token}");
    assert_eq!(check(&header, Scope::Ingest), Ok(minted));
    assert_eq!(check(&header, Scope::Read), Err(Denied::Forbidden));
    let end = now() + SignedDuration::try_from(lifetime).unwrap();
    assert_eq!(keys().check(Some(&header), &tokens(), Scope::Ingest, end), Err(Denied::Unknown));
}

#[test]
fn a_token_ends_with_its_key_and_never_permits_more_than_it() {
    let header = |grant: &Grant| format!("Bearer {}", tokens().mint(grant, now()).0);
    assert_eq!(check(&header(&grant("gone", "grand-bend", &[Scope::Read])), Scope::Read), Err(Denied::Unknown));
    assert_eq!(check(&header(&grant("one", "other", &[Scope::Read])), Scope::Read), Err(Denied::Unknown));
    assert_eq!(check(&header(&grant("one", "grand-bend", &[Scope::Admin])), Scope::Admin), Err(Denied::Forbidden));
}

#[test]
fn a_token_signed_with_another_key_is_unknown() {
    let other = Tokens::new(&SecretString::from("another signing key"));
    let (token, _) = other.mint(&grant("one", "grand-bend", &[Scope::Read]), now());
    assert_eq!(check(&format!("Bearer {token}"), Scope::Read), Err(Denied::Unknown));
}

#[test]
fn nothing_secret_is_shown_by_debug() {
    let access = Access::new(keys(), tokens());
    let shown = format!("{access:?}");
    assert_eq!(shown, "Access { keys: Keys(2), tokens: Tokens }");
}

#[test]
fn a_new_secret_opens_the_door_through_its_hash_in_the_file() {
    let secret = new_secret().unwrap();
    assert_ne!(secret.expose_secret(), new_secret().unwrap().expose_secret());
    let line = |id: &str| {
        format!(
            "[[key]]\nid = '{id}'\ndistrict = 'd'\nsource = 's'\nscopes = ['feed', 'admin']\nsecret-sha256 = '{}'\n",
            hash_secret(secret.expose_secret())
        )
    };
    let load = |text: String| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(text.as_bytes()).unwrap();
        Keys::load(file.path()).map_err(|error| error.to_string())
    };
    let keys = load(line("k") + &line("l")).unwrap();
    let grant = keys.authenticate("l", secret.expose_secret()).unwrap();
    assert_eq!((grant.district.as_str(), grant.scopes), ("d", vec![Scope::Feed, Scope::Admin]));
    assert!(load(line("k") + &line("k")).unwrap_err().ends_with("key `k` is given twice"));
    assert!(load(line("k") + "secret = 'x'\n").unwrap_err().contains("unknown field: found `secret`"));
    assert!(load(line("a:b")).unwrap_err().contains("without `:`"));
    assert!(load(line("k").replace("admin", "root")).unwrap_err().contains("unknown word, expected one of"));
    assert!(load(line("k").replace("sha256 = '", "sha256 = 'x")).unwrap_err().contains("64 hexadecimal digits"));
}

#[test]
fn a_key_of_an_adapter_names_its_channels() {
    let load = |more: &str| {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        let hash = hash_secret("s");
        let line = format!("[[key]]\nid = 'k'\ndistrict = 'd'\nsource = 's'\nsecret-sha256 = '{hash}'\n{more}\n");
        file.write_all(line.as_bytes()).unwrap();
        Keys::load(file.path()).map_err(|error| error.to_string())
    };
    let channels = |more| {
        let access = Access::new(load(more).unwrap(), tokens());
        let grant = access.keys().authenticate("k", "s").unwrap();
        access.replace(load(more).unwrap());
        let before = access.channels(&grant);
        access.replace(Keys::default());
        assert_eq!(access.channels(&grant), Some(Vec::new()), "a key that is gone");
        before
    };
    assert_eq!(channels("scopes = ['feed']"), None);
    assert_eq!(channels("scopes = ['feed']\nchannels = ['mail']"), Some(vec!["mail".to_owned()]));
    assert!(load("scopes = ['feed']\nchannels = []").unwrap_err().contains("at least one"));
    assert!(load("scopes = ['read']\nchannels = ['mail']").unwrap_err().contains("scope `feed`"));
}

#[test]
fn a_refusal_is_a_problem_that_names_the_ways_in() {
    let response = Denied::Unknown.into_response();
    assert_eq!(response.status(), StatusCode::UNAUTHORIZED);
    assert_eq!(response.headers().get_all("www-authenticate").iter().count(), 2);
    assert_eq!(Denied::Forbidden.into_response().status(), StatusCode::FORBIDDEN);
    let access = Access::new(keys(), tokens());
    assert_eq!(access.grpc(&MetadataMap::new(), Scope::Feed).unwrap_err().code(), tonic::Code::Unauthenticated);
    let mut headers = HeaderMap::new();
    headers.insert("authorization", basic("two", "secret-two").parse().unwrap());
    assert_eq!(access.http(&headers, Scope::Read), Err(Denied::Forbidden));
    assert!(access.grpc(&MetadataMap::from_headers(headers), Scope::Feed).is_ok());
}

fn line(id: &str, scope: &str, limits: &str) -> String {
    let hash = hash_secret("secret");
    format!(
        "[[key]]\nid = '{id}'\ndistrict = 'd'\nsource = 's'\nscopes = ['{scope}']\nsecret-sha256 = '{hash}'\n{limits}\n"
    )
}

fn load(text: &str) -> Keys {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    Keys::load(file.path()).unwrap()
}

const SLOW: &str = "limits = { requests-per-second = 1, records-per-second = 100 }";

fn http(access: &Access, key: &str) -> Result<Grant, Denied> {
    let authorization = basic(key, "secret").parse().unwrap();
    access.http(&HeaderMap::from_iter([(header::AUTHORIZATION, authorization)]), Scope::Ingest)
}

#[test]
fn a_key_in_a_loop_is_stopped_and_the_others_are_not() {
    let keys = load(&(line("loop", "ingest", SLOW) + &line("token", "ingest", SLOW) + &line("calm", "ingest", "")));
    let access = Access::new(keys, tokens());
    let stopped = (0..10).find_map(|_| http(&access, "loop").err());
    assert!(matches!(stopped, Some(Denied::TooFast { wait }) if wait <= Duration::from_secs(1)), "{stopped:?}");
    assert!(http(&access, "calm").is_ok());
    // Every way in counts for the same key: by token, by gRPC, by key and secret in a body.
    let (token, _) = tokens().mint(&http(&access, "token").unwrap(), clock::now());
    let bearer: HeaderMap = HeaderMap::from_iter([(header::AUTHORIZATION, format!("Bearer {token}").parse().unwrap())]);
    assert!(access.http(&bearer, Scope::Ingest).is_ok());
    assert!(access.grpc(&MetadataMap::from_headers(bearer), Scope::Ingest).is_ok());
    assert!(matches!(access.login("token", "secret", Scope::Ingest), Err(Denied::TooFast { .. })));
    assert!(matches!(http(&access, "token"), Err(Denied::TooFast { .. })));
}

#[test]
fn more_records_than_a_key_may_send_are_waited_for_by_its_next_request() {
    let access = Access::new(load(&line("bulk", "ingest", SLOW)), tokens());
    let grant = http(&access, "bulk").unwrap();
    access.charge(&grant, 150);
    assert!(http(&access, "bulk").is_ok(), "a burst of two seconds is given");
    access.charge(&grant, 150);
    assert!(matches!(http(&access, "bulk"), Err(Denied::TooFast { wait }) if wait <= Duration::from_secs(1)));
}

#[tokio::test]
async fn a_stream_waits_until_its_records_are_paid_back() {
    let limits = "limits = { records-per-second = 1000 }";
    let access = Access::new(load(&line("stream", "ingest", limits)), tokens());
    let grant = http(&access, "stream").unwrap();
    let began = std::time::Instant::now();
    for _ in 0..3 {
        access.pace(&grant, 1050).await;
    }
    assert!(began.elapsed() >= Duration::from_millis(90), "{:?}", began.elapsed());
}

#[test]
fn limits_that_are_none_are_refused() {
    for limits in ["limits = { requests-per-second = 0 }", "limits = { requests = 1 }", "limits = 7"] {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(line("k", "ingest", limits).as_bytes()).unwrap();
        assert!(Keys::load(file.path()).is_err(), "{limits}");
    }
}

#[test]
fn other_keys_do_not_give_a_loop_a_fresh_start() {
    let access = Access::new(load(&line("loop", "ingest", SLOW)), tokens());
    while http(&access, "loop").is_ok() {}
    access.replace(load(&(line("loop", "ingest", SLOW) + &line("new", "ingest", ""))));
    assert!(matches!(http(&access, "loop"), Err(Denied::TooFast { .. })));
    assert!(http(&access, "new").is_ok());
    access.replace(load(&line("loop", "ingest", "")));
    assert!(http(&access, "loop").is_ok(), "other limits count anew");
}

#[tokio::test]
async fn a_stream_ends_when_its_key_is_revoked_and_not_when_another_is() {
    let access = Access::new(load(&(line("one", "ingest", "") + &line("two", "ingest", ""))), tokens());
    let (send, receive) = tokio::sync::mpsc::channel(8);
    let answers = tokio_stream::wrappers::ReceiverStream::new(receive);
    let mut answers = Box::pin(access.while_permitted(http(&access, "one").unwrap(), Scope::Ingest, answers));
    access.replace(load(&line("one", "ingest", "")));
    send.send(Ok::<_, Status>(1)).await.unwrap();
    assert_eq!(answers.next().await.unwrap().unwrap(), 1);
    access.replace(load(&line("one", "read", "")));
    assert_eq!(answers.next().await.unwrap().unwrap_err().code(), tonic::Code::PermissionDenied);
    assert!(answers.next().await.is_none());
    drop(answers);
    assert!(send.is_closed(), "who makes the answers hears of it");
}

#[tokio::test]
async fn a_key_that_leaves_the_file_stops_working_and_a_broken_file_changes_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("keys.toml");
    let write = |text: &str| std::fs::write(&file, text).unwrap();
    write(&(line("one", "ingest", "") + &line("two", "ingest", "")));
    let access = Access::new(Keys::load(&file).unwrap(), tokens());
    let tasks = crate::TaskGroup::default();
    tasks.spawn("keys", access.clone().follow(file.clone(), tasks.stopping()));
    let revoked = async {
        while http(&access, "two") != Err(Denied::Unknown) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    write(&line("one", "ingest", ""));
    tokio::time::timeout(Duration::from_secs(20), revoked).await.unwrap();
    assert!(http(&access, "one").is_ok());
    tasks.stop();
    tasks.drained().await;
    write("[[key]]\nid = 'one'\n");
    access.renew(&file);
    assert!(http(&access, "one").is_ok());
}

proptest! {
    #[test]
    fn a_token_changed_anywhere_is_refused(at in any::<prop::sample::Index>(), with in "[A-Za-z0-9_.-]") {
        let (token, _) = tokens().mint(&grant("one", "grand-bend", &[Scope::Read]), now());
        let mut changed: Vec<char> = token.chars().collect();
        let at = at.index(changed.len());
        changed[at] = with.chars().next().unwrap();
        let changed: String = changed.into_iter().collect();
        prop_assert_eq!(tokens().verify(&changed, now()).is_some(), changed == token);
    }

    #[test]
    fn no_header_whatever_opens_the_door_or_panics(header in ".{0,200}") {
        prop_assert!(check(&header, Scope::Read).is_err());
    }
}
