//! Who tries a door: without a key, with wrong ones, and with good ones that are for something else.

use base64::Engine as _;
use base64::prelude::{BASE64_STANDARD, BASE64_URL_SAFE_NO_PAD};
use homeroom_chassis::access::{Grant, Scope, Tokens};
use homeroom_chassis::clock;
use jiff::{Timestamp, ToSpan as _};

use crate::world::{DISTRICT, HASTY, LEAVER, NEIGHBOUR, OTHER_SOURCE, SOURCE, World};

/// Every scope.
pub const SCOPES: [Scope; 4] = [Scope::Ingest, Scope::Read, Scope::Feed, Scope::Admin];

/// One sender of requests.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Caller {
    /// Sends no key.
    Nobody,
    /// A key that does not exist.
    UnknownKey,
    /// A good key with another secret.
    WrongSecret,
    /// A good key and nothing as its secret.
    EmptySecret,
    /// The digest of the secret, as the file of keys holds it.
    Digest,
    /// A scheme that we do not have.
    OtherScheme,
    /// A bearer token that is none.
    GarbageToken,
    /// The API secret as a bearer token.
    SecretAsToken,
    /// A token of ours whose time is over.
    ExpiredToken,
    /// A token of ours with other claims and the old signature.
    TamperedToken,
    /// A token without a signature.
    UnsignedToken,
    /// A token signed with another key.
    ForeignToken,
    /// A token, signed by us, of a key for a district that the key is not for.
    StrayToken,
    /// A token, signed by us, of a key that does not exist.
    OrphanToken,
    /// A key of the district with one scope only.
    Only(Scope),
    /// A key of the district with every scope but this.
    AllBut(Scope),
    /// A token that claims every scope, of a key with one scope only.
    Swollen(Scope),
    /// A key of another district, for a source of the same name, with every scope.
    Neighbour,
    /// A key of the district for another source, with every scope.
    OtherSource,
    /// A key of the district, with every scope, that may ask once a second.
    Hasty,
    /// A key of the district, with every scope, that is taken away.
    Leaver,
    /// The district's own key, with every scope.
    Owner,
    /// A token of that key.
    OwnersToken,
}

/// What a caller is, once it is known.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Standing {
    /// Nobody who may enter.
    Unknown,
    /// A good key or token.
    Known {
        /// Its district.
        district: &'static str,
        /// Its source.
        source: &'static str,
        /// What it permits.
        scopes: Vec<Scope>,
    },
}

impl Caller {
    /// Every one of them whose key stays and that may ask as often as it likes.
    pub fn all() -> Vec<Self> {
        let mut all = vec![
            Self::Nobody,
            Self::UnknownKey,
            Self::WrongSecret,
            Self::EmptySecret,
            Self::Digest,
            Self::OtherScheme,
            Self::GarbageToken,
            Self::SecretAsToken,
            Self::ExpiredToken,
            Self::TamperedToken,
            Self::UnsignedToken,
            Self::ForeignToken,
            Self::StrayToken,
            Self::OrphanToken,
        ];
        for scope in SCOPES {
            all.extend([Self::Only(scope), Self::AllBut(scope), Self::Swollen(scope)]);
        }
        all.extend([Self::Neighbour, Self::OtherSource, Self::Owner, Self::OwnersToken]);
        all
    }

    /// What it is.
    pub fn standing(self) -> Standing {
        let known = |district, source, scopes: &[Scope]| Standing::Known { district, source, scopes: scopes.to_vec() };
        match self {
            Self::Only(scope) | Self::Swollen(scope) => known(DISTRICT, SOURCE, &[scope]),
            Self::AllBut(scope) => {
                known(DISTRICT, SOURCE, &SCOPES.map(|s| s).into_iter().filter(|s| *s != scope).collect::<Vec<_>>())
            }
            Self::Neighbour => known(NEIGHBOUR, SOURCE, &SCOPES),
            Self::OtherSource => known(DISTRICT, OTHER_SOURCE, &SCOPES),
            Self::Owner | Self::OwnersToken | Self::Hasty | Self::Leaver => known(DISTRICT, SOURCE, &SCOPES),
            _ => Standing::Unknown,
        }
    }

    /// Its `authorization` header.
    pub fn authorization(self, world: &World) -> Option<String> {
        let owner = || (world.homeroom.key().to_owned(), world.homeroom.secret().to_owned());
        let given = |key: &str| (key.to_owned(), World::secret_of(key));
        let (key, secret) = match self {
            Self::Nobody => return None,
            Self::UnknownKey => ("nobody".to_owned(), owner().1),
            Self::WrongSecret => (owner().0, World::secret_of("nobody")),
            Self::EmptySecret => (owner().0, String::new()),
            Self::Digest => (owner().0, homeroom_chassis::access::hash_secret(&owner().1)),
            Self::Only(scope) => given(&only(scope)),
            Self::AllBut(scope) => given(&all_but(scope)),
            Self::Hasty => given(HASTY),
            Self::Leaver => given(LEAVER),
            Self::Neighbour => given("neighbour"),
            Self::OtherSource => given("other-source"),
            Self::Owner => owner(),
            Self::OtherScheme => return Some(format!("Negotiate {}", basic(&owner().0, &owner().1))),
            _ => return Some(format!("Bearer {}", self.token(world))),
        };
        Some(format!("Basic {}", basic(&key, &secret)))
    }

    fn token(self, world: &World) -> String {
        let (key, now) = (world.homeroom.key(), clock::now());
        let mint = |grant: &Grant, at: Timestamp| world.tokens.mint(grant, at).0;
        let whole = mint(&grant(key, DISTRICT), now);
        let (claims, signature) = whole.split_once('.').expect("a token has two parts");
        match self {
            Self::SecretAsToken => world.homeroom.secret().to_owned(),
            Self::ExpiredToken => mint(&grant(key, DISTRICT), now - 31.minutes()),
            Self::TamperedToken => {
                let claims = BASE64_URL_SAFE_NO_PAD.decode(claims).expect("claims are base64");
                let claims = String::from_utf8(claims).expect("claims are JSON").replace(DISTRICT, NEIGHBOUR);
                format!("{}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(claims))
            }
            Self::UnsignedToken => format!("{claims}."),
            Self::ForeignToken => {
                Tokens::new(&"another signing key of some length".into()).mint(&grant(key, DISTRICT), now).0
            }
            Self::StrayToken => mint(&grant(key, NEIGHBOUR), now),
            Self::OrphanToken => mint(&grant("nobody", DISTRICT), now),
            Self::Swollen(scope) => mint(&grant(&only(scope), DISTRICT), now),
            Self::OwnersToken => whole,
            _ => "garbage.garbage".to_owned(),
        }
    }
}

/// The id of the key with one scope.
pub fn only(scope: Scope) -> String {
    format!("only-{scope:?}").to_lowercase()
}

/// The id of the key with every scope but one.
pub fn all_but(scope: Scope) -> String {
    format!("all-but-{scope:?}").to_lowercase()
}

fn grant(key: &str, district: &str) -> Grant {
    Grant {
        key: key.to_owned(),
        district: district.parse().expect("a district's id"),
        source: SOURCE.parse().expect("a source's id"),
        scopes: SCOPES.to_vec(),
    }
}

fn basic(key: &str, secret: &str) -> String {
    BASE64_STANDARD.encode(format!("{key}:{secret}"))
}
