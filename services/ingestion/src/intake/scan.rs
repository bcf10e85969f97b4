//! Reading JSON by its brackets alone: where the elements of an array lie, and how deep a value nests.
//!
//! So one malformed element spoils only itself, and a value that nests without end costs no stack.

use std::ops::Range;

use super::Problem;

/// The deepest nesting of a record. Those of the native API need 3.
pub const MAX_NESTING: usize = 32;

/// Why a text cannot be taken apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The text ends inside the value that begins at this byte.
    #[error("the text ends inside the value that begins at byte {0}")]
    Truncated(usize),
    /// Something stands where it cannot.
    #[error("unexpected content at byte {0}")]
    Unexpected(usize),
    /// More elements than allowed.
    #[error("there are more than {0} records")]
    TooMany(usize),
}

/// The byte ranges of an array's elements, at most `max`. An element need not be JSON itself: its brackets and strings end it.
pub fn elements(text: &[u8], max: usize) -> Result<Vec<Range<usize>>, Error> {
    let mut at = skip_blanks(text, 0);
    if text.get(at) != Some(&b'[') {
        return Err(Error::Unexpected(at));
    }
    at = skip_blanks(text, at + 1);
    let mut found = Vec::new();
    if text.get(at) == Some(&b']') {
        return end(text, at + 1, found);
    }
    loop {
        if found.len() == max {
            return Err(Error::TooMany(max));
        }
        let element = element(text, at)?;
        at = element.end;
        found.push(trim(text, element));
        match text.get(at) {
            Some(b',') => at = skip_blanks(text, at + 1),
            _ => return end(text, at + 1, found),
        }
    }
}

/// The byte range of the one object that the text holds.
pub fn object(text: &[u8]) -> Result<Range<usize>, Error> {
    let begin = skip_blanks(text, 0);
    if text.get(begin) != Some(&b'{') {
        return Err(Error::Unexpected(begin));
    }
    let mut depth = 0_usize;
    let mut at = begin;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at).ok_or(Error::Truncated(begin))?,
            b'[' | b'{' => depth += 1,
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
        if depth == 0 {
            let rest = skip_blanks(text, at);
            return if rest < text.len() { Err(Error::Unexpected(rest)) } else { Ok(begin..at) };
        }
    }
    Err(Error::Truncated(begin))
}

fn end(text: &[u8], at: usize, found: Vec<Range<usize>>) -> Result<Vec<Range<usize>>, Error> {
    let rest = skip_blanks(text, at);
    if rest < text.len() { Err(Error::Unexpected(rest)) } else { Ok(found) }
}

/// The element that begins here, up to the comma or bracket after it.
fn element(text: &[u8], begin: usize) -> Result<Range<usize>, Error> {
    let mut depth = 0_usize;
    let mut at = begin;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => at = string_end(text, at).ok_or(Error::Truncated(begin))?,
            b'[' | b'{' => depth += 1,
            b',' | b']' if depth == 0 => {
                return if at == begin { Err(Error::Unexpected(at)) } else { Ok(begin..at) };
            }
            b'}' if depth == 0 => return Err(Error::Unexpected(at)),
            b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    Err(Error::Truncated(begin))
}

/// Where the string that begins here has its closing quote.
fn string_end(text: &[u8], begin: usize) -> Option<usize> {
    let mut at = begin + 1;
    loop {
        match text.get(at)? {
            b'"' => return Some(at),
            b'\\' => at += 2,
            _ => at += 1,
        }
    }
}

fn skip_blanks(text: &[u8], mut at: usize) -> usize {
    while text.get(at).is_some_and(u8::is_ascii_whitespace) {
        at += 1;
    }
    at
}

fn trim(text: &[u8], range: Range<usize>) -> Range<usize> {
    let blanks = text[range.clone()].iter().rev().take_while(|byte| byte.is_ascii_whitespace()).count();
    range.start..range.end - blanks
}

/// Refuses a value that nests deeper than [`MAX_NESTING`].
pub fn check_nesting(text: &[u8]) -> Result<(), Problem> {
    // Nearly every record has fewer brackets than it may nest; counting them is far cheaper than following them.
    // The two opening brackets are the same but for one bit.
    if text.iter().map(|byte| usize::from(byte | 0x20 == b'{')).sum::<usize>() <= MAX_NESTING {
        return Ok(());
    }
    let mut depth = 0_usize;
    let mut at = 0;
    while let Some(&byte) = text.get(at) {
        match byte {
            b'"' => match string_end(text, at) {
                Some(end) => at = end,
                // Not closed: the parser tells of it.
                None => return Ok(()),
            },
            b'[' | b'{' => {
                depth += 1;
                if depth > MAX_NESTING {
                    return Err(Problem::new("$", "a record that nests at most 32 deep", "nests deeper"));
                }
            }
            b']' | b'}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        at += 1;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn texts(text: &str) -> Result<Vec<&str>, Error> {
        let found = elements(text.as_bytes(), 10)?;
        Ok(found.into_iter().map(|range| text.get(range).unwrap()).collect())
    }

    #[test]
    fn elements_are_found_by_their_brackets() {
        assert_eq!(texts(" [ ] "), Ok(vec![]));
        assert_eq!(texts(r#"[{"a":"]},"} , 2,"x" ]"#), Ok(vec![r#"{"a":"]},"}"#, "2", r#""x""#]));
        assert_eq!(texts(r#"[{"a":"\""},[1,[2]]]"#), Ok(vec![r#"{"a":"\""}"#, "[1,[2]]"]));
        assert_eq!(texts("[{nonsense},{}]"), Ok(vec!["{nonsense}", "{}"]));
    }

    #[test]
    fn a_cut_array_says_where() {
        assert_eq!(texts(r#"[{"a":1},{"b":"#), Err(Error::Truncated(9)));
        assert_eq!(texts(r#"[{"a":1},"x"#), Err(Error::Truncated(9)));
        assert_eq!(texts("[{},"), Err(Error::Truncated(4)));
        assert_eq!(texts("["), Err(Error::Truncated(1)));
        assert_eq!(texts("[1] 2"), Err(Error::Unexpected(4)));
        assert_eq!(texts("[1,,2]"), Err(Error::Unexpected(3)));
        assert_eq!(texts(""), Err(Error::Unexpected(0)));
        assert_eq!(elements(b"[1,2,3]", 2), Err(Error::TooMany(2)));
    }

    #[test]
    fn one_object_is_found_or_what_is_wrong_told() {
        assert_eq!(object(br#" {"a":{"b":"}"}} "#), Ok(1..16));
        assert_eq!(object(br#"{"a":{"b":"}"}"#), Err(Error::Truncated(0)));
        assert_eq!(object(b"{} {}"), Err(Error::Unexpected(3)));
        assert_eq!(object(b""), Err(Error::Unexpected(0)));
    }

    #[test]
    fn nesting_is_counted_outside_strings() {
        let deep = |n: usize| format!("{}{}", "[".repeat(n), "]".repeat(n));
        assert!(check_nesting(deep(MAX_NESTING).as_bytes()).is_ok());
        assert!(check_nesting(deep(MAX_NESTING + 1).as_bytes()).is_err());
        assert!(check_nesting(format!("\"{}\"", deep(100)).as_bytes()).is_ok());
        assert!(check_nesting("[".repeat(5_000_000).as_bytes()).is_err());
    }
}
