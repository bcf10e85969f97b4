//! Arrows point down only: services -> bus, pg, chassis -> proto -> domain; and few crates may meet a library.

use crate::workspace::{Member, made_of, members};

/// Where a crate stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Place {
    Domain,
    /// What is promised, checked: it sees what was decided and decides nothing.
    Invariant,
    Proto,
    /// What rules would have told: pure, for the service that reads students and the command that writes reports.
    Replay,
    Chassis,
    Pg,
    Bus,
    Service,
    /// What makes districts that do not exist.
    Simulate,
    Binary,
    Test,
}

impl Place {
    fn of(path: &str) -> Self {
        match path {
            "services/domain" => Self::Domain,
            "services/invariant" => Self::Invariant,
            "proto" => Self::Proto,
            "services/replay" => Self::Replay,
            "services/chassis" => Self::Chassis,
            "services/pg" => Self::Pg,
            "services/bus" => Self::Bus,
            "services/simulate" => Self::Simulate,
            "services/homeroom" => Self::Binary,
            _ if path.starts_with("services/") => Self::Service,
            _ if path.starts_with("tests/") => Self::Test,
            _ => panic!("`{path}` is a crate outside `proto`, `services` and `tests`: move it into one of them"),
        }
    }

    /// What it may be built on.
    fn below(self) -> &'static [Self] {
        match self {
            Self::Domain | Self::Simulate => &[],
            Self::Invariant | Self::Proto | Self::Chassis => &[Self::Domain],
            Self::Replay => &[Self::Domain, Self::Proto],
            Self::Pg => &[Self::Domain, Self::Chassis],
            Self::Bus => &[Self::Domain, Self::Proto, Self::Chassis, Self::Pg],
            Self::Service => {
                &[Self::Domain, Self::Invariant, Self::Proto, Self::Replay, Self::Chassis, Self::Pg, Self::Bus]
            }
            Self::Binary => &[
                Self::Domain,
                Self::Proto,
                Self::Replay,
                Self::Chassis,
                Self::Pg,
                Self::Bus,
                Self::Service,
                Self::Simulate,
            ],
            Self::Test => &[
                Self::Domain,
                Self::Invariant,
                Self::Proto,
                Self::Replay,
                Self::Chassis,
                Self::Pg,
                Self::Bus,
                Self::Simulate,
                Self::Test,
            ],
        }
    }
}

/// The test crate that runs the services' own workers and plans, over a store and a log of its own.
const SIMULATION: &str = "tests/simulation";
/// The test crate that compares what the Ed-Fi door's mapping and the engine come to with a computation in SQL.
const EXACTNESS: &str = "tests/exactness";

/// A library and the crates that alone may ship with it.
struct Guarded {
    library: &'static str,
    only: &'static [&'static str],
    /// Whether tests of other crates may use it all the same.
    in_tests: bool,
    remedy: &'static str,
}

const GUARDED: &[Guarded] = &[
    Guarded {
        library: "rdkafka",
        only: &[
            "services/bus",
            // It asks the brokers that it starts whether they are in sync.
            "tests/harness",
            // It measures a bare producer beside ours, and loads a topic in one transaction.
            "tests/load",
        ],
        in_tests: false,
        remedy: "go through homeroom_bus, so that each log can stand in for another",
    },
    Guarded {
        library: "sqlx",
        only: &[
            "services/pg",
            "services/bus",
            "services/ingestion",
            "services/rules",
            "services/notification",
            "services/console",
            "tests/harness",
            // It asks the database itself what each role may see.
            "tests/security",
            // It asks the database itself what was recorded of each attempt, and takes all its connections.
            "tests/faults",
            // It measures bare upserts beside ours, and looks when everything is committed.
            "tests/load",
            // It computes every figure a second time, in SQL of its own.
            "tests/exactness",
        ],
        in_tests: false,
        remedy: "SQL belongs to the store of the service that owns the tables",
    },
    Guarded {
        library: "lettre",
        only: &["services/notification"],
        in_tests: false,
        remedy: "mail leaves through notification's channel adapter",
    },
    Guarded {
        library: "standardwebhooks",
        only: &["services/notification"],
        in_tests: true,
        remedy: "webhooks leave through notification's channel adapter",
    },
    Guarded {
        library: "reqwest",
        only: &["services/notification", "services/homeroom"],
        in_tests: true,
        remedy: "services answer HTTP and ask each other by gRPC; only channel adapters and the operator's commands call out",
    },
];

#[test]
fn arrows_point_down_only() {
    let members = members();
    let mut wrong = Vec::new();
    let mut arrows = 0;
    for member in &members {
        let place = Place::of(&member.path);
        for used in ours(member, &members) {
            arrows += 1;
            let target = Place::of(&used.0.path);
            // What starts Kafka and PostgreSQL for tests is open to the tests of every crate that meets them.
            let harness = used.1 && used.0.path == "tests/harness" && place != Place::Domain && place != Place::Proto;
            let simulated = [SIMULATION, EXACTNESS].contains(&member.path.as_str()) && target == Place::Service;
            if !harness && !simulated && !place.below().contains(&target) {
                wrong.push(format!("`{}` uses `{}`", member.path, used.0.path));
            }
        }
    }
    assert!(arrows > members.len(), "only {arrows} arrows were seen: the metadata is read wrongly");
    assert!(
        wrong.is_empty(),
        "{}: arrows go services -> bus, pg, chassis -> proto -> domain, and only `services/homeroom` uses services. Move what \
         both need into a lower crate, or meet by topic or gRPC",
        wrong.join(", ")
    );
}

/// The workspace's crates that this one uses, and whether only for its tests.
fn ours<'a>(member: &'a Member, members: &'a [Member]) -> impl Iterator<Item = (&'a Member, bool)> {
    member.dependencies.iter().filter_map(|used| {
        let target = members.iter().find(|other| other.name == used.name)?;
        Some((target, used.dev))
    })
}

#[test]
fn a_guarded_library_is_met_only_by_its_keepers() {
    for member in members() {
        let of_tests = member.path.starts_with("tests/");
        for used in &member.dependencies {
            let Some(guarded) = GUARDED.iter().find(|guarded| guarded.library == used.name) else { continue };
            let kept = guarded.only.contains(&member.path.as_str());
            let excused = guarded.in_tests && (of_tests || used.dev);
            assert!(
                kept || excused,
                "`{}` depends on `{}`, which is for {:?} only: {}",
                member.path,
                guarded.library,
                guarded.only,
                guarded.remedy
            );
        }
    }
}

#[test]
fn the_domain_and_the_simulated_district_are_pure() {
    const IMPURE: [&str; 10] =
        ["tokio", "async-std", "mio", "hyper", "reqwest", "sqlx", "rdkafka", "tonic", "rand", "tracing"];
    for name in ["homeroom-domain", "homeroom-invariant", "homeroom-simulate"] {
        let used = made_of(name);
        let impure: Vec<_> = used.iter().filter(|name| IMPURE.contains(&name.as_str())).collect();
        assert!(
            impure.is_empty(),
            "`{name}` is made of {impure:?}: it decides and does nothing else, so leave IO, async and chance to a shell, or \
             switch off the feature that brings it"
        );
    }
}
