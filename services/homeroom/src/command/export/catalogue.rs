//! The catalogue of measures as a table.

use homeroom_domain::measure::catalogue::{self, Entry};

use super::quoted;

/// A row for each measure and family.
pub(super) fn csv() -> String {
    let row = |entry: Entry| {
        let family = if entry.family { "family" } else { "" };
        let kept = if entry.kept { "kept" } else { "" };
        let cells = [entry.name, family, entry.unit.name(), kept, entry.meaning, entry.source].map(quoted);
        cells.join(",")
    };
    let rows = catalogue::entries().into_iter().map(row);
    let lines: Vec<_> = std::iter::once("name,family,unit,kept,meaning,source".to_owned()).chain(rows).collect();
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_a_row_of_six_cells_for_each_measure() {
        let text = csv();
        assert!(text.lines().count() > 35 && text.contains("absent_rate,family,hundredths of a percent"), "{text}");
        assert!(text.contains("truancy_ca_occasions,,days,,"), "{text}");
    }
}
