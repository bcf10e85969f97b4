//! Every HTTP route with what it needs. A route without a row here fails `doors`, wherever it was added.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use homeroom_chassis::access::Scope;
use homeroom_security::caller::Standing;
use homeroom_security::world::SOURCE;

/// What a route needs.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Need {
    /// Nothing, for this reason.
    Public(&'static str),
    /// A key of any source with the scope.
    Scope(Scope),
    /// A key to ingest, of the connection's own source.
    Connection,
    /// A key for what is minted: OAuth knows only one refusal, 401.
    Mint,
}

/// One method of one route.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Route {
    /// As the source writes it.
    pub(crate) literal: &'static str,
    /// In upper case.
    pub(crate) method: &'static str,
    /// What is asked for.
    pub(crate) path: &'static str,
    /// Who may.
    pub(crate) need: Need,
    /// The body that is sent.
    pub(crate) body: &'static str,
    /// What the district's own key with every scope is answered.
    pub(crate) allowed: u16,
}

const fn route(method: &'static str, literal: &'static str, need: Need, allowed: u16) -> Route {
    Route { literal, method, path: literal, need, body: "0", allowed }
}

/// A route of an Ed-Fi connection: as nested, and as asked for.
const fn edfi(method: &'static str, literal: &'static str, path: &'static str, need: Need, allowed: u16) -> Route {
    Route { literal, method, path, need, body: "0", allowed }
}

const PROBED: Need =
    Need::Public("an orchestrator asks before it has any secret; it tells only whether services are ready");
const SCRAPED: Need =
    Need::Public("a scraper of the private network; it holds no person's word, which `canaries` checks");
const DESCRIBED: Need = Need::Public("a description of the API, the same for everybody, and published with the source");
const DISCOVERED: Need = Need::Public("an Ed-Fi client finds the token's address here before it can have a token");

const GRANT: &str = "grant_type=client_credentials";

/// All of them.
pub(crate) const ROUTES: &[Route] = &[
    route("GET", "/healthz", PROBED, 200),
    route("GET", "/readyz", PROBED, 200),
    route("GET", "/metrics", SCRAPED, 200),
    route("GET", "/openapi.json", DESCRIBED, 200),
    Route { body: "[]", ..route("POST", "/v1/events", Need::Scope(Scope::Ingest), 200) },
    Route { path: "/v1/students/1", ..route("GET", "/v1/students/{local_id}", Need::Scope(Scope::Read), 200) },
    route("POST", "/v1/student-keys", Need::Scope(Scope::Read), 400),
    route("POST", "/v1/students/merges", Need::Scope(Scope::Admin), 400),
    route("GET", "/v1/students/merges", Need::Scope(Scope::Admin), 200),
    Route {
        path: "/v1/students/merges/1",
        ..route("DELETE", "/v1/students/merges/{local_id}", Need::Scope(Scope::Admin), 404)
    },
    route("GET", "/v1/settings", Need::Scope(Scope::Admin), 200),
    route("PUT", "/v1/settings", Need::Scope(Scope::Admin), 400),
    route("POST", "/v1/clock", Need::Scope(Scope::Admin), 400),
    route("GET", "/v1/rule-pack", Need::Scope(Scope::Admin), 200),
    route("PUT", "/v1/rule-pack", Need::Scope(Scope::Admin), 400),
    route("GET", "/v1/calculators", Need::Scope(Scope::Admin), 200),
    route("PUT", "/v1/calculators", Need::Scope(Scope::Admin), 400),
    route("GET", "/v1/calculators/schema", DESCRIBED, 200),
    route("GET", "/v1/rule-pack/schema", DESCRIBED, 200),
    route("GET", "/v1/dead-letters", Need::Scope(Scope::Admin), 200),
    edfi("GET", "/edfi/{connection}/", "/edfi/sis/", DISCOVERED, 200),
    edfi("GET", "/", "/edfi/sis", DISCOVERED, 200),
    Route { body: GRANT, ..edfi("POST", "/oauth/token", "/edfi/sis/oauth/token", Need::Mint, 200) },
    Route { body: GRANT, ..edfi("POST", "/oauth/token/", "/edfi/sis/oauth/token/", Need::Mint, 200) },
    Route { body: "", ..edfi("POST", "/oauth/token_info", "/edfi/sis/oauth/token_info", Need::Connection, 200) },
    Route { body: "", ..edfi("POST", "/oauth/token_info/", "/edfi/sis/oauth/token_info/", Need::Connection, 200) },
    edfi("GET", "/metadata", "/edfi/sis/metadata", DESCRIBED, 200),
    edfi("GET", "/metadata/", "/edfi/sis/metadata/", DESCRIBED, 200),
    edfi(
        "GET",
        "/metadata/data/v3/resources/swagger.json",
        "/edfi/sis/metadata/data/v3/resources/swagger.json",
        DESCRIBED,
        200,
    ),
    edfi(
        "GET",
        "/metadata/data/v3/descriptors/swagger.json",
        "/edfi/sis/metadata/data/v3/descriptors/swagger.json",
        DESCRIBED,
        200,
    ),
    edfi("GET", "/metadata/data/v3/dependencies", "/edfi/sis/metadata/data/v3/dependencies", DESCRIBED, 200),
    edfi("GET", "/metadata/data/v3/dependencies/", "/edfi/sis/metadata/data/v3/dependencies/", DESCRIBED, 200),
    edfi("GET", CHANGES, "/edfi/sis/changeQueries/v1/availableChangeVersions", Need::Connection, 200),
    edfi(
        "GET",
        "/changeQueries/v1/availableChangeVersions/",
        "/edfi/sis/changeQueries/v1/availableChangeVersions/",
        Need::Connection,
        200,
    ),
    edfi("GET", DATA, STUDENTS, Need::Connection, 200),
    edfi("HEAD", DATA, STUDENTS, Need::Connection, 200),
    edfi("POST", DATA, STUDENTS, Need::Connection, 400),
    edfi("PUT", DATA, STUDENTS, Need::Connection, 405),
    edfi("PATCH", DATA, STUDENTS, Need::Connection, 405),
    edfi("DELETE", DATA, STUDENTS, Need::Connection, 405),
    edfi("OPTIONS", DATA, STUDENTS, Need::Connection, 405),
    edfi("GET", DATA, "/edfi/sis/data/v3/ed-fi/students/deletes", Need::Connection, 200),
    edfi("GET", DATA, "/edfi/sis/data/v3/2022/ed-fi/students?totalCount=true", Need::Connection, 200),
    edfi("GET", DATA, "/edfi/sis/data/no-such-address", Need::Connection, 404),
    edfi("GET", DATA, ITEM, Need::Connection, 404),
    edfi("HEAD", DATA, ITEM, Need::Connection, 404),
    edfi("PUT", DATA, ITEM, Need::Connection, 400),
    edfi("POST", DATA, ITEM, Need::Connection, 405),
    edfi("PATCH", DATA, ITEM, Need::Connection, 405),
    edfi("DELETE", DATA, ITEM, Need::Connection, 404),
    edfi("OPTIONS", DATA, ITEM, Need::Connection, 405),
];

/// What any method that has no row is answered.
pub(crate) const METHODS: [&str; 7] = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"];

const CHANGES: &str = "/changeQueries/v1/availableChangeVersions";
const DATA: &str = "/data/{*path}";
const STUDENTS: &str = "/edfi/sis/data/v3/ed-fi/students";
const ITEM: &str = "/edfi/sis/data/v3/ed-fi/students/00000000000000000000000000000007";

/// Where routers are put under a path of their own, and need no row for it.
const NESTS: [&str; 1] = ["/edfi/{connection}"];

/// Where routes are added from a table that OpenAPI is made of too, so that the running service tells them.
const FROM_A_TABLE: [&str; 1] = ["services/ingestion/src/native/route.rs"];

impl Need {
    /// The status of a refusal; none when the caller may enter.
    pub(crate) fn refusal(self, standing: &Standing) -> Option<u16> {
        let (source, scopes) = match (self, standing) {
            (Self::Public(_), _) => return None,
            (_, Standing::Unknown) => return Some(401),
            (_, Standing::Known { source, scopes, .. }) => (source, scopes),
        };
        let ingests = scopes.contains(&Scope::Ingest) && *source == SOURCE;
        match self {
            Self::Scope(scope) => (!scopes.contains(&scope)).then_some(403),
            Self::Connection => (!ingests).then_some(403),
            Self::Mint => (!ingests).then_some(401),
            Self::Public(_) => None,
        }
    }
}

/// The paths that the sources of the services give to routers.
fn literals() -> BTreeSet<String> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let mut found = BTreeSet::new();
    let mut waiting = vec![root.join("services")];
    while let Some(folder) = waiting.pop() {
        for entry in fs::read_dir(&folder).expect("a folder of ours").flatten() {
            let path = entry.path();
            if path.is_dir() && path.file_name().is_none_or(|name| name != "tests") {
                waiting.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") && !path.ends_with("tests.rs") {
                found.extend(literals_of(&root, &path));
            }
        }
    }
    found
}

fn literals_of(root: &Path, path: &PathBuf) -> Vec<String> {
    let text = fs::read_to_string(path).expect("a source of ours");
    let product = text.split("#[cfg(test)]").next().unwrap_or_default();
    let name = path.strip_prefix(root).unwrap_or(path).display().to_string();
    let mut found = Vec::new();
    for call in [".route(", ".route_service(", ".nest(", ".nest_service("] {
        for rest in product.split(call).skip(1) {
            match rest.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()) {
                Some(literal) => found.push(literal.to_owned()),
                None => assert!(
                    FROM_A_TABLE.contains(&&*name),
                    "`{name}` adds a route that this test cannot read: write its path there"
                ),
            }
        }
    }
    found
}

/// The path as a row of the table has it.
fn has_row(literal: &str) -> bool {
    NESTS.contains(&literal) || ROUTES.iter().any(|route| route.literal == literal)
}

#[test]
fn every_route_in_the_sources_has_a_row() {
    let found = literals();
    assert!(found.len() > 15, "only {} routes were found", found.len());
    let missing: Vec<_> = found.iter().filter(|literal| !has_row(literal)).collect();
    assert!(missing.is_empty(), "say in `ROUTES` who may use {missing:?}");
}
