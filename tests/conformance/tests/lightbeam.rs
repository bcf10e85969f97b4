//! `lightbeam`, unmodified: it sends the Grand Bend files, counts them, fetches them back, and deletes them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, ensure};
use homeroom_conformance::python;
use homeroom_harness::homeroom::{Homeroom, Options};
use serde_json::Value;

const VERSION: &str = "0.1.12";
/// What a server adds to each document.
const ADDED: [&str; 4] = ["id", "_etag", "_lastModifiedDate", "link"];

/// A configured lightbeam.
struct Lightbeam<'a> {
    program: PathBuf,
    homeroom: &'a Homeroom,
    folder: &'a Path,
}

impl Lightbeam<'_> {
    /// Runs a command on the files in a folder; its words.
    fn run(&self, command: &[&str], data: &str) -> Result<String> {
        let config = self.folder.join(format!("{data}.yaml"));
        let text = format!(
            "data_dir: {}\nforce_delete: true\nedfi_api:\n  base_url: {}\n  version: 3\n  mode: shared_instance\n  client_id: ${{KEY}}\n  \
             client_secret: ${{SECRET}}\nconnection:\n  pool_size: 8\n  timeout: 60\n  num_retries: 10\n  backoff_factor: 1.5\n  \
             retry_statuses: [429, 500, 501, 503, 504]\n  verify_ssl: false\n",
            self.folder.join(data).display(),
            self.homeroom.edfi_url()
        );
        fs::write(&config, text)?;
        let mut program = Command::new(&self.program);
        program.args(command).arg("-c").arg(&config).current_dir(self.folder);
        program.env("KEY", self.homeroom.key()).env("SECRET", self.homeroom.secret());
        python::run(&mut program)
    }

    /// How many documents each resource has, of those that have any.
    fn count(&self) -> Result<BTreeMap<String, usize>> {
        let results = self.folder.join("counts/counts.tsv");
        self.run(&["count", "--results-file", &results.display().to_string()], "sent")?;
        let text = fs::read_to_string(&results).context("lightbeam's counts")?;
        let mut counts = BTreeMap::new();
        for line in text.lines().skip(1) {
            let (count, resource) = line.split_once('\t').context("a line of lightbeam's counts")?;
            let count: usize = count.parse().with_context(|| format!("{resource}: {count}"))?;
            if count > 0 {
                counts.insert(resource.to_owned(), count);
            }
        }
        Ok(counts)
    }
}

#[test]
fn lightbeam_sends_counts_fetches_and_deletes_the_grand_bend_files() -> Result<()> {
    let program = python::programs("lightbeam", VERSION)?.join("lightbeam");
    let homeroom = Homeroom::start(Options::default())?;
    let folder = tempfile::tempdir()?;
    let sent = gather(folder.path())?;
    let lightbeam = Lightbeam { program, homeroom: &homeroom, folder: folder.path() };

    let words = lightbeam.run(&["send"], "sent")?;
    ensure!(statuses(&words).all(|status| status < 300), "lightbeam was refused something:\n{words}");
    let expected: BTreeMap<String, usize> =
        sent.iter().map(|(resource, documents)| (resource.clone(), documents.len())).collect();
    assert_eq!(lightbeam.count()?, expected);

    fs::create_dir(folder.path().join("fetched"))?;
    lightbeam.run(&["fetch"], "fetched")?;
    for (resource, documents) in &sent {
        let mut fetched = read(&folder.path().join(format!("fetched/{resource}.jsonl")))?;
        fetched.iter_mut().for_each(take_off_what_servers_add);
        assert_eq!(sorted(&fetched), sorted(documents), "{resource}");
    }

    lightbeam.run(&["delete"], "sent")?;
    assert_eq!(lightbeam.count()?, BTreeMap::new(), "everything is deleted");
    homeroom.run(&["verify"]).map(drop)
}

/// The sample's files, both folders of it, one file per resource as lightbeam wants them; and what is in them.
fn gather(folder: &Path) -> Result<BTreeMap<String, Vec<Value>>> {
    let sample = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/sample/grand-bend");
    let mut all: BTreeMap<String, Vec<Value>> = BTreeMap::new();
    for part in ["published", "made"] {
        for entry in fs::read_dir(sample.join(part))? {
            let path = entry?.path();
            let resource = path.file_stem().and_then(|stem| stem.to_str()).context("a resource's name")?.to_owned();
            all.entry(resource).or_default().extend(read(&path)?);
        }
    }
    let target = folder.join("sent");
    fs::create_dir(&target)?;
    for (resource, documents) in &all {
        let lines: Vec<String> = documents.iter().map(Value::to_string).collect();
        fs::write(target.join(format!("{resource}.jsonl")), lines.join("\n") + "\n")?;
    }
    // One course offering is published twice, word for word: it is sent twice, and kept once.
    for documents in all.values_mut() {
        let mut seen = BTreeSet::new();
        documents.retain(|document| seen.insert(canonical(document)));
    }
    Ok(all)
}

/// The statuses that lightbeam counts, as in `final status counts: {201: 168, 200: 1}`.
fn statuses(words: &str) -> impl Iterator<Item = u16> {
    let counts = words.lines().filter_map(|line| line.split_once("final status counts: {"));
    counts.flat_map(|(_, counts)| counts.split(", ")).filter_map(|count| count.split(':').next()?.trim().parse().ok())
}

fn read(path: &Path) -> Result<Vec<Value>> {
    let text = fs::read_to_string(path).with_context(|| format!("`{}`", path.display()))?;
    text.lines().filter(|line| !line.trim().is_empty()).map(|line| Ok(serde_json::from_str(line)?)).collect()
}

fn take_off_what_servers_add(value: &mut Value) {
    match value {
        Value::Object(fields) => {
            fields.retain(|name, _| !ADDED.contains(&name.as_str()));
            fields.values_mut().for_each(take_off_what_servers_add);
        }
        Value::Array(items) => items.iter_mut().for_each(take_off_what_servers_add),
        _ => {}
    }
}

/// As text in an order of its own, fields too, so that only content is compared.
fn sorted(documents: &[Value]) -> Vec<String> {
    let mut texts: Vec<String> = documents.iter().map(canonical).collect();
    texts.sort();
    texts
}

fn canonical(value: &Value) -> String {
    match value {
        Value::Object(fields) => {
            let fields: BTreeMap<&String, String> =
                fields.iter().map(|(name, value)| (name, canonical(value))).collect();
            format!("{fields:?}")
        }
        Value::Array(items) => format!("{:?}", items.iter().map(canonical).collect::<Vec<_>>()),
        other => other.to_string(),
    }
}
