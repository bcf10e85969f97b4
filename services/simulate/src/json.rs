//! Writes JSON text, member by member, into one string: hundreds of millions of documents pass here.

use std::fmt::{Display, Write as _};

/// The members of an object that is being written.
pub(crate) struct Json<'a> {
    out: &'a mut String,
    empty: bool,
}

impl<'a> Json<'a> {
    /// Writes an object.
    pub(crate) fn write(out: &'a mut String, members: impl FnOnce(&mut Json<'_>)) {
        out.push('{');
        members(&mut Json { out: &mut *out, empty: true });
        out.push('}');
    }

    fn name(&mut self, name: &str) {
        if !self.empty {
            self.out.push(',');
        }
        self.empty = false;
        self.out.push('"');
        self.out.push_str(name);
        self.out.push_str("\":");
    }

    /// A text. All our texts are of our own word lists, so that none needs more than its quotes escaped.
    pub(crate) fn text(&mut self, name: &str, value: &str) -> &mut Self {
        self.name(name);
        self.out.push('"');
        for part in value.split_inclusive(['"', '\\']) {
            match part.strip_suffix(['"', '\\']) {
                Some(before) => {
                    self.out.push_str(before);
                    self.out.push('\\');
                    self.out.push_str(part.get(before.len()..).unwrap_or_default());
                }
                None => self.out.push_str(part),
            }
        }
        self.out.push('"');
        self
    }

    /// A text made of something that needs no escaping, such as an id.
    pub(crate) fn shown(&mut self, name: &str, value: impl Display) -> &mut Self {
        self.name(name);
        // Writing to a string cannot fail.
        let _written = write!(self.out, "\"{value}\"");
        self
    }

    /// A code of the Ed-Fi namespace, such as `GradeLevelDescriptor` and `Ninth grade`.
    pub(crate) fn code(&mut self, name: &str, list: &str, code: &str) -> &mut Self {
        self.name(name);
        for part in ["\"uri://ed-fi.org/", list, "#", code, "\""] {
            self.out.push_str(part);
        }
        self
    }

    /// An integer.
    pub(crate) fn number(&mut self, name: &str, value: impl Into<i64>) -> &mut Self {
        self.name(name);
        let _written = write!(self.out, "{}", value.into());
        self
    }

    /// Hundredths of a unit, as a decimal number.
    pub(crate) fn hundredths(&mut self, name: &str, value: u32) -> &mut Self {
        self.name(name);
        let _written = match (value / 100, value % 100) {
            (whole, 0) => write!(self.out, "{whole}"),
            (whole, part) if part % 10 == 0 => write!(self.out, "{whole}.{}", part / 10),
            (whole, part) => write!(self.out, "{whole}.{part:02}"),
        };
        self
    }

    /// True or false.
    pub(crate) fn truth(&mut self, name: &str, value: bool) -> &mut Self {
        self.name(name);
        self.out.push_str(if value { "true" } else { "false" });
        self
    }

    /// An object.
    pub(crate) fn object(&mut self, name: &str, members: impl FnOnce(&mut Json<'_>)) -> &mut Self {
        self.name(name);
        Json::write(self.out, members);
        self
    }

    /// A list of objects.
    pub(crate) fn list<T>(
        &mut self,
        name: &str,
        items: impl IntoIterator<Item = T>,
        mut members: impl FnMut(&mut Json<'_>, T),
    ) -> &mut Self {
        self.name(name);
        self.out.push('[');
        for (number, item) in items.into_iter().enumerate() {
            if number > 0 {
                self.out.push(',');
            }
            Json::write(self.out, |json| members(json, item));
        }
        self.out.push(']');
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_reads_back() {
        let mut text = String::new();
        Json::write(&mut text, |json| {
            json.text("quoted", r#"a "b" \ c"#)
                .number("n", -3)
                .hundredths("half", 50)
                .hundredths("quarter", 25)
                .hundredths("nought", 105)
                .hundredths("one", 100)
                .truth("yes", true)
                .list("list", [1, 2], |json, n| {
                    json.shown("id", n);
                })
                .list("none", [0; 0], |_, _| {});
        });
        let read: serde_json::Value = serde_json::from_str(&text).unwrap();
        let wanted = serde_json::json!({
            "quoted": r#"a "b" \ c"#, "n": -3, "half": 0.5, "quarter": 0.25, "nought": 1.05, "one": 1, "yes": true,
            "list": [{ "id": "1" }, { "id": "2" }], "none": []
        });
        assert_eq!(read, wanted, "{text}");
    }
}
