//! What opens a door, and what does not.

use std::io::Write;

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
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
    assert!(load(line("k").replace("admin", "root")).unwrap_err().contains("root"));
    assert!(load(line("k").replace("sha256 = '", "sha256 = 'x")).unwrap_err().contains("64 hexadecimal digits"));
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
