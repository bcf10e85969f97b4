//! A running Homeroom with two districts and a key for every purpose.

use std::path::Path;

use anyhow::{Context as _, Result};
use homeroom_chassis::access::{Scope, Tokens, hash_secret};
use homeroom_chassis::config::SecretFile;
use homeroom_harness::homeroom::{EdFi, Homeroom, Options};
use reqwest::{Client, Method, RequestBuilder};

use crate::caller::{SCOPES, all_but, only};
use crate::{Caller, Grpc};

/// The machine's own district.
pub const DISTRICT: &str = "grand-bend";
/// Another one.
pub const NEIGHBOUR: &str = "elm-creek";
/// The source of both districts' records.
pub const SOURCE: &str = "sis";
/// Another source of the machine's own district.
pub const OTHER_SOURCE: &str = "lms";

/// The key of the machine's own district that may ask once a second.
pub const HASTY: &str = "hasty";
/// A key of the machine's own district that tests take away.
pub const LEAVER: &str = "leaver";

/// A running Homeroom and what one needs to call it.
pub struct World {
    /// Its HTTP API's client, without any key.
    pub http: Client,
    /// Its gRPC API's client, without any key.
    pub grpc: Grpc,
    /// Mints tokens with Homeroom's own signing key.
    pub tokens: Tokens,
    /// The processes; the last, since they wait for connections to end.
    pub homeroom: Homeroom,
}

impl World {
    /// Starts it with all keys, and the neighbour's settings in force.
    pub async fn start(mut options: Options) -> Result<Self> {
        options.files.push(("more-keys.toml".to_owned(), key_file()));
        options.files.push((format!("pseudonym-keys/{NEIGHBOUR}.key"), Self::secret_of("pseudonyms")));
        let homeroom = tokio::task::spawn_blocking(move || Homeroom::start(options)).await??;
        homeroom_chassis::tls::install_provider();
        let http = Client::builder().no_proxy().build()?;
        let grpc = Grpc::connect(homeroom.grpc()).await?;
        let token_key = SecretFile::new(homeroom.data().join("token.key")).read()?;
        let world = Self { homeroom, http, grpc, tokens: Tokens::new(&token_key) };
        world.share_settings().await?;
        Ok(world)
    }

    /// The secret part of one of the keys that the tests add.
    pub fn secret_of(key: &str) -> String {
        format!("homeroom_zqsecret-{key}-0123456789")
    }

    /// A request of a caller, to a path of the HTTP API.
    pub fn request(&self, caller: Caller, method: Method, path: &str) -> RequestBuilder {
        let request = self.http.request(method, format!("{}{path}", self.homeroom.url()));
        match caller.authorization(self) {
            Some(authorization) => request.header("authorization", authorization),
            None => request,
        }
    }

    /// The Ed-Fi client of the neighbour.
    pub async fn neighbours_edfi(&self) -> Result<EdFi> {
        self.homeroom.edfi_as(SOURCE, "neighbour", &Self::secret_of("neighbour")).await
    }

    /// Both districts count alike and have the same time.
    async fn share_settings(&self) -> Result<()> {
        for path in ["/v1/settings", "/v1/rule-pack"] {
            let ours = self.request(Caller::Owner, Method::GET, path).send().await?.error_for_status()?.text().await?;
            let theirs = self.request(Caller::Neighbour, Method::PUT, path).body(ours);
            theirs.send().await?.error_for_status().with_context(|| format!("PUT {path} of the neighbour"))?;
        }
        Ok(())
    }
}

/// A team of a district for all its schools, and the channels on which it is told, as the file of teams has it.
pub fn team(district: &str, channels: &[(&str, &str)]) -> String {
    let channels: Vec<String> = channels.iter().map(|(name, address)| format!("{{{name}: \"{address}\"}}")).collect();
    let channels = channels.join(", ");
    format!("  - name: Team {district}\n    district: {district}\n    schools: [\"*\"]\n    channels: [{channels}]\n")
}

/// The file of these teams.
pub fn teams(teams: &[String]) -> String {
    format!("teams:\n{}", teams.concat())
}

fn key_file() -> String {
    let mut keys = vec![
        ("neighbour".to_owned(), NEIGHBOUR, SOURCE, SCOPES.to_vec()),
        ("other-source".to_owned(), DISTRICT, OTHER_SOURCE, SCOPES.to_vec()),
        (HASTY.to_owned(), DISTRICT, SOURCE, SCOPES.to_vec()),
        (LEAVER.to_owned(), DISTRICT, SOURCE, SCOPES.to_vec()),
    ];
    for scope in SCOPES {
        keys.push((only(scope), DISTRICT, SOURCE, vec![scope]));
        keys.push((all_but(scope), DISTRICT, SOURCE, SCOPES.into_iter().filter(|s| *s != scope).collect()));
    }
    let line = |(id, district, source, scopes): &(String, &str, &str, Vec<Scope>)| {
        let scopes: Vec<String> = scopes.iter().map(|scope| format!("\"{scope:?}\"").to_lowercase()).collect();
        let limits = if id == HASTY { "limits = { requests-per-second = 1 }\n" } else { "" };
        format!(
            "[[key]]\nid = \"{id}\"\ndistrict = \"{district}\"\nsource = \"{source}\"\nscopes = [{}]\nsecret-sha256 = \"{}\"\n{limits}",
            scopes.join(", "),
            hash_secret(&World::secret_of(id))
        )
    };
    keys.iter().map(line).collect()
}

/// What a small file in the data directory says, without the line's end.
pub fn read(data: &Path, name: &str) -> Result<String> {
    let text = std::fs::read_to_string(data.join(name)).with_context(|| format!("`{name}`"))?;
    Ok(text.trim_end().to_owned())
}
