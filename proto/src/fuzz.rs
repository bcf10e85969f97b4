//! What must hold of any bytes on a topic. The fuzz target of `tests/fuzz` calls this with inputs that it makes up, and the tests
//! with every seed, so that what was found once stays mended.

use std::fmt::Debug;

use crate::{DecodeError, alert, dead_letter, directory, event, reference};

/// Stands for a name in seeds. Whatever we say of bytes that cannot be read, we must not say it.
const CANARY: &str = "zqcanary";

/// The longest text about one message that operators are told, bytes.
const MAX_WORDS: usize = 1_000;

/// A message. The first line names its topic. What can be read is written the same again.
pub fn envelope(input: &[u8]) {
    let at = input.iter().position(|&byte| byte == b'\n').unwrap_or(input.len());
    let (topic, message) = (&input[..at], input.get(at + 1..).unwrap_or_default());
    match topic {
        b"event" => check(message, event::decode, |value| event::encode(value).to_vec()),
        b"reference" => check(message, reference::decode, |value| reference::encode(value).to_vec()),
        b"directory" => check(message, directory::decode, |value| directory::encode(value).to_vec()),
        b"alert" => check(message, alert::decode, |value| alert::encode(value).to_vec()),
        b"alert-with-basis" => check(message, alert::decode_with_basis, |(change, basis)| match basis {
            Some((basis, events_offset)) => alert::encode_with_basis(change, basis, *events_offset).to_vec(),
            None => alert::encode(change).to_vec(),
        }),
        b"dead-letter" => check(message, dead_letter::decode, |value| dead_letter::encode(value).to_vec()),
        _ => {}
    }
}

fn check<T: Debug + PartialEq>(
    message: &[u8],
    decode: impl Fn(&[u8]) -> Result<T, DecodeError>,
    encode: impl Fn(&T) -> Vec<u8>,
) {
    match decode(message) {
        Ok(value) => {
            let written = encode(&value);
            let again = decode(&written).expect("what we write can be read");
            assert_eq!(again, value);
            assert_eq!(encode(&again), written);
            // Numbers grow to their own size, texts stay.
            assert!(written.len() <= 64 * message.len() + 1024, "{} bytes became {}", message.len(), written.len());
        }
        Err(error) => {
            let words = format!("{error} {error:?}");
            assert!(words.len() <= MAX_WORDS, "{} bytes of words", words.len());
            assert!(!words.to_lowercase().contains(CANARY), "{words}");
        }
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn every_seed_of_envelopes_holds() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fuzz/seeds/envelope");
        let seeds: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|seed| seed.unwrap().path()).collect();
        assert!(seeds.len() >= 3, "{} has no seeds", folder.display());
        for seed in seeds {
            println!("{}", seed.display());
            envelope(&std::fs::read(&seed).unwrap());
        }
    }
}
