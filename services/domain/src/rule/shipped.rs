//! The packs that are shipped, by their names: a district's document `uses` them.
//!
//! A shipped rule that changes takes a higher version, as a district's own does: districts cite it by its version.

/// Each shipped pack's id and text.
const SHIPPED: &[(&str, &str)] = &[
    ("first-rules", include_str!("packs/first.yaml")),
    ("attendance-tiers", include_str!("packs/attendance-tiers.yaml")),
    ("month-pace", include_str!("packs/month-pace.yaml")),
    ("first-20-days", include_str!("packs/first-20-days.yaml")),
    ("same-day-absence", include_str!("packs/same-day-absence.yaml")),
    ("streaks", include_str!("packs/streaks.yaml")),
    ("class-skip", include_str!("packs/class-skip.yaml")),
    ("rolling-45", include_str!("packs/rolling-45.yaml")),
    ("recent-acute", include_str!("packs/recent-acute.yaml")),
    ("early-acute", include_str!("packs/early-acute.yaml")),
    ("weekday-pattern", include_str!("packs/weekday-pattern.yaml")),
    ("abc-grade-6", include_str!("packs/abc-grade-6.yaml")),
    ("abc-high-school", include_str!("packs/abc-high-school.yaml")),
    ("freshman-on-track", include_str!("packs/freshman-on-track.yaml")),
    ("course-failure", include_str!("packs/course-failure.yaml")),
    ("missing-work", include_str!("packs/missing-work.yaml")),
    ("behavior-rate", include_str!("packs/behavior-rate.yaml")),
    ("connections", include_str!("packs/connections.yaml")),
    ("recovery", include_str!("packs/recovery.yaml")),
    ("truancy-california", include_str!("packs/truancy-california.yaml")),
    ("truancy-texas", include_str!("packs/truancy-texas.yaml")),
    ("truancy-ohio", include_str!("packs/truancy-ohio.yaml")),
    ("truancy-florida", include_str!("packs/truancy-florida.yaml")),
    ("truancy-new-mexico", include_str!("packs/truancy-new-mexico.yaml")),
];

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
