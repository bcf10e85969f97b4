//! Words that must not be found, in every form in which a program may write them down.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD_NO_PAD;

/// One word.
#[derive(Debug, Clone)]
pub struct Needle {
    /// What it is, for the failure.
    pub what: String,
    forms: Vec<String>,
}

impl Needle {
    /// A word of at least eight characters, so that chance does not write it.
    pub fn new(what: &str, word: &str) -> Self {
        assert!(word.len() >= 8, "`{word}` may be found by chance");
        let mut forms = vec![word.to_lowercase(), hex::encode(word), hex::encode(word.to_lowercase())];
        forms.extend((0..3).map(|before| base64_within(word, before)));
        Self { what: what.to_owned(), forms }
    }

    fn is_in(&self, lower: &str) -> bool {
        self.forms.iter().any(|form| lower.contains(form))
    }
}

/// What base64 writes for a word that stands so many bytes after a multiple of three, without the characters that depend on
/// its neighbours; in lower case, as what is searched.
fn base64_within(word: &str, before: usize) -> String {
    let padded = format!("{}{word}", "x".repeat(before));
    let whole = BASE64_STANDARD_NO_PAD.encode(&padded);
    let from = if before == 0 { 0 } else { before + 1 };
    let to = padded.len() / 3 * 4;
    whole.get(from..to).unwrap_or_default().to_lowercase()
}

/// What was found where it must not be.
#[derive(Debug, Default)]
pub struct Search {
    found: Vec<String>,
    places: usize,
    bytes: usize,
}

impl Search {
    /// Looks for these in a text or bytes.
    pub fn look(&mut self, place: &str, hay: impl AsRef<[u8]>, needles: &[Needle]) {
        let hay = hay.as_ref();
        self.places += 1;
        self.bytes += hay.len();
        let lower = String::from_utf8_lossy(hay).to_lowercase();
        for needle in needles.iter().filter(|needle| needle.is_in(&lower)) {
            let form = needle.forms.iter().find(|form| lower.contains(*form)).map_or("", String::as_str);
            self.found.push(format!("{} in {place}: ...{}...", needle.what, around(&lower, form)));
        }
    }

    /// Fails when anything was found, with where it was.
    pub fn assert_nothing(&self, places: usize, bytes: usize) {
        assert!(
            self.found.is_empty(),
            "{} words are where they must not be:\n{}",
            self.found.len(),
            self.found.join("\n")
        );
        assert!(
            self.places >= places && self.bytes >= bytes,
            "only {} places with {} bytes were searched",
            self.places,
            self.bytes
        );
    }
}

/// The words around the first place.
fn around(text: &str, word: &str) -> String {
    let at = text.find(word).unwrap_or(0);
    let before: Vec<char> = text.get(..at).unwrap_or_default().chars().rev().take(120).collect();
    let after: String = text.get(at..).unwrap_or_default().chars().take(200).collect();
    before.into_iter().rev().collect::<String>() + &after
}

#[cfg(test)]
mod tests {
    use base64::prelude::BASE64_STANDARD;

    use super::*;

    #[test]
    fn a_word_is_found_in_each_form() {
        let needle = Needle::new("name", "Zqkestrel");
        for before in ["", "a", "ab", "abc"] {
            let text = format!("{before}ZqKestrel and more");
            let plain = text.replace("ZqKestrel", "Zqkestrel");
            for hay in [text.clone(), hex::encode(&plain), BASE64_STANDARD.encode(&plain)] {
                let mut search = Search::default();
                search.look("here", &hay, std::slice::from_ref(&needle));
                assert_eq!(search.found.len(), 1, "{hay}");
            }
        }
        let mut search = Search::default();
        search.look("here", "nothing of the kind", &[needle]);
        search.assert_nothing(1, 10);
    }
}
