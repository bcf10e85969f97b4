//! Loads a sample as any sender would: in the order that the API asks for, a bounded number of requests at once.
//!
//! Every document is an upsert, so a load that was interrupted is simply run again.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use anyhow::Result;
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use homeroom_domain::date::Date;

use super::files::Document;
use crate::client::edfi::{EdFi, Posted};
use crate::progress::Progress;

/// Requests in flight at once: enough to fill the server's shared commits, few enough for any server.
pub(crate) const CONCURRENCY: usize = 16;
/// How many refusals are kept to be shown.
const MAX_SHOWN: usize = 5;

/// What became of a load.
#[derive(Debug, Clone, Default)]
pub(crate) struct Loaded {
    /// Documents that the API took, of them new ones.
    pub(crate) taken: u64,
    /// New ones among them.
    pub(crate) created: u64,
    /// Documents that it did not take.
    pub(crate) refused: u64,
    /// The first refusals, in words.
    pub(crate) refusals: Vec<String>,
    /// How long it took.
    pub(crate) elapsed: Duration,
}

/// The documents that a district has at its date: marks only up to the day before it, since today's are still to come.
pub(crate) fn until(documents: Vec<Document>, today: Date) -> Vec<Document> {
    documents.into_iter().filter(|d| d.marked_on.is_none_or(|on| on < today)).collect()
}

/// Sends the documents, resource by resource.
pub(crate) async fn load(edfi: &EdFi, documents: Vec<Document>) -> Result<Loaded> {
    let began = Instant::now();
    let order = edfi.order().await?;
    let mut steps: BTreeMap<(bool, u32, String), Vec<Document>> = BTreeMap::new();
    let total = documents.len();
    for document in documents {
        // A resource that the API does not list is sent last: it says itself why it does not take it.
        let place = order.get(&document.resource).copied().unwrap_or(u32::MAX);
        // Marks go last of all, as they do in a school year.
        let step = (document.marked_on.is_some(), place, document.resource.clone());
        steps.entry(step).or_default().push(document);
    }
    let progress = Progress::new(total);
    let mut loaded = Loaded::default();
    for ((_, _, resource), documents) in steps {
        progress.step(&resource, documents.len());
        send(edfi, documents, &progress, &mut loaded).await?;
    }
    progress.finish();
    loaded.elapsed = began.elapsed();
    Ok(loaded)
}

/// Sends documents that do not depend on each other.
async fn send(edfi: &EdFi, documents: Vec<Document>, progress: &Progress, loaded: &mut Loaded) -> Result<()> {
    let posts = documents.into_iter().map(|d| async move {
        let posted = edfi.post(&d.resource, &d.body).await?;
        anyhow::Ok((d.resource, posted))
    });
    let mut answers = stream::iter(posts).buffer_unordered(CONCURRENCY);
    while let Some((resource, posted)) = answers.try_next().await? {
        progress.one();
        loaded.count(&resource, posted);
    }
    Ok(())
}

/// Sends documents whose parents are there already, such as the marks of one day.
pub(crate) async fn send_marks(edfi: &EdFi, marks: Vec<Document>) -> Result<Loaded> {
    let mut loaded = Loaded::default();
    send(edfi, marks, &Progress::hidden(), &mut loaded).await?;
    Ok(loaded)
}

impl Loaded {
    /// Counts what became of a document.
    pub(crate) fn count(&mut self, resource: &str, posted: Posted) {
        match posted {
            Posted::Created => {
                self.taken += 1;
                self.created += 1;
            }
            Posted::Updated => self.taken += 1,
            Posted::Refused(status, reason) => {
                self.refused += 1;
                if self.refusals.len() < MAX_SHOWN {
                    self.refusals.push(format!("{resource}: {status} {reason}"));
                }
            }
        }
    }

    /// What became of it, for people.
    pub(crate) fn print(&self) {
        println!("{} documents sent in {:.1} s, {} of them new", self.taken, self.elapsed.as_secs_f64(), self.created);
        if self.refused > 0 {
            println!("{} documents were not taken; the first:", self.refused);
            for refusal in &self.refusals {
                println!("  {refusal}");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn marks_of_today_and_later_are_still_to_come() {
        let document = |on: Option<&str>| Document {
            resource: "r".to_owned(),
            body: String::new(),
            marked_on: on.map(|on| Date::parse(on).expect("a date")),
        };
        let all = vec![
            document(None),
            document(Some("2022-04-12")),
            document(Some("2022-04-13")),
            document(Some("2022-05-01")),
        ];
        let kept = until(all.clone(), Date::parse("2022-04-13").expect("a date"));
        assert_eq!(kept, all[..2]);
    }
}
