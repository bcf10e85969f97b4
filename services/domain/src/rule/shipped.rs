//! The packs that are shipped, by their names: a district's document `uses` them.
//!
//! A shipped rule that changes takes a higher version, as a district's own does: districts cite it by its version.

/// Each shipped pack's id and text.
const SHIPPED: &[(&str, &str)] = &[("first-rules", include_str!("packs/first.yaml"))];

/// The packs that are shipped, by id.
pub fn shipped() -> impl Iterator<Item = (&'static str, &'static str)> {
    SHIPPED.iter().copied()
}

/// The text of a shipped pack.
pub fn find_shipped(id: &str) -> Option<&'static str> {
    shipped().find(|(known, _)| *known == id).map(|(_, yaml)| yaml)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::rule::Pack;

    #[test]
    fn each_shipped_pack_is_sound_and_bears_its_name() {
        for (id, yaml) in shipped() {
            let pack = Pack::parse(yaml).unwrap_or_else(|error| panic!("{id}: {error}"));
            assert_eq!(pack.id.as_str(), id);
            assert!(!pack.rules.is_empty(), "{id}");
            assert_eq!(shipped().filter(|(known, _)| *known == id).count(), 1, "{id}");
        }
    }
}
