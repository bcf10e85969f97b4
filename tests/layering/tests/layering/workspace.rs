//! What `cargo metadata` says of the workspace.

use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;

/// One crate of the workspace.
pub(crate) struct Member {
    /// Where it lies, from the root, such as `services/bus`.
    pub(crate) path: String,
    pub(crate) name: String,
    pub(crate) dependencies: Vec<Dependency>,
}

/// One line of a crate's dependencies.
pub(crate) struct Dependency {
    pub(crate) name: String,
    /// Used by the crate's tests only.
    pub(crate) dev: bool,
}

/// The repository's root.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).ancestors().nth(2).expect("tests/layering lies two below the root").to_owned()
}

/// The workspace's crates.
pub(crate) fn members() -> Vec<Member> {
    let metadata = metadata(&["--no-deps"]);
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    packages.iter().map(member).collect()
}

fn member(package: &Value) -> Member {
    let manifest = Path::new(text(&package["manifest_path"]));
    let path = manifest.parent().and_then(|dir| dir.strip_prefix(root()).ok()).expect("a member lies in the workspace");
    let dependencies = package["dependencies"].as_array().expect("cargo lists dependencies");
    let dependency = |line: &Value| Dependency { name: text(&line["name"]).to_owned(), dev: line["kind"] == "dev" };
    Member {
        path: path.to_str().expect("our paths are ASCII").to_owned(),
        name: text(&package["name"]).to_owned(),
        dependencies: dependencies.iter().map(dependency).collect(),
    }
}

/// The names of all crates that this one is made of on this machine, near and far, without those of its tests and build.
pub(crate) fn made_of(name: &str) -> Vec<String> {
    let host = host();
    let metadata = metadata(&["--filter-platform", &host]);
    let packages = metadata["packages"].as_array().expect("cargo lists packages");
    let nodes = metadata["resolve"]["nodes"].as_array().expect("cargo resolves");
    let name_of = |id: &Value| {
        let package = packages.iter().find(|package| package["id"] == *id).expect("a node is of a package");
        text(&package["name"]).to_owned()
    };
    let root = packages.iter().find(|package| package["name"] == name).expect("the crate exists");
    let mut seen = vec![root["id"].clone()];
    let mut next = 0;
    while let Some(id) = seen.get(next).cloned() {
        next += 1;
        let node = nodes.iter().find(|node| node["id"] == id).expect("every package is resolved");
        for used in node["deps"].as_array().expect("a node lists what it uses") {
            let kinds = used["dep_kinds"].as_array().expect("each use has kinds");
            let normal = kinds.iter().any(|kind| kind["kind"].is_null());
            if normal && !seen.contains(&used["pkg"]) {
                seen.push(used["pkg"].clone());
            }
        }
    }
    seen.iter().map(name_of).collect()
}

fn host() -> String {
    let version = output(Command::new("rustc").arg("-vV"));
    let host = version.lines().find_map(|line| line.strip_prefix("host: "));
    host.expect("rustc names its host").to_owned()
}

fn metadata(arguments: &[&str]) -> Value {
    let mut cargo = Command::new(env!("CARGO"));
    cargo.current_dir(root()).args(["metadata", "--format-version", "1", "--locked"]).args(arguments);
    serde_json::from_str(&output(&mut cargo)).expect("cargo metadata writes JSON")
}

fn output(command: &mut Command) -> String {
    let output = command.output().expect("the toolchain that built this test is there");
    assert!(output.status.success(), "{command:?} failed:\n{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo writes UTF-8")
}

fn text(value: &Value) -> &str {
    value.as_str().expect("a text")
}
