//! The files of a sample: one Ed-Fi document per line, the file's name is the resource's.

use std::path::{Path, PathBuf};

use homeroom_domain::date::Date;
use serde::Deserialize;

use crate::failure::BadConfig;

/// A sample is held in memory while it is loaded; anything larger is not a sample, and a real sender's work.
const MAX_FILE_BYTES: u64 = 64 * 1024 * 1024;

/// One document of a sample.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Document {
    /// Such as `students`.
    pub(crate) resource: String,
    /// The JSON text.
    pub(crate) body: String,
    /// The date of an attendance mark; none for other documents.
    pub(crate) marked_on: Option<Date>,
}

/// The resources whose documents are marks of a day.
const MARKS: [&str; 2] = ["studentSchoolAttendanceEvents", "studentSectionAttendanceEvents"];

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Mark {
    event_date: String,
}

/// Reads every `.jsonl` file in a folder and the folders in it, in order of name.
pub(crate) fn read(folder: &Path) -> Result<Vec<Document>, BadConfig> {
    let mut files = Vec::new();
    list(folder, 2, &mut files)?;
    files.sort();
    if files.is_empty() {
        return Err(BadConfig(format!("`{}` holds no .jsonl file", folder.display())));
    }
    let mut documents = Vec::new();
    for file in files {
        documents.extend(read_file(&file)?);
    }
    Ok(documents)
}

fn list(folder: &Path, depth: u8, found: &mut Vec<PathBuf>) -> Result<(), BadConfig> {
    let unreadable = |error: std::io::Error| BadConfig(format!("`{}`: {error}", folder.display()));
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        if path.is_dir() && depth > 1 {
            list(&path, depth - 1, found)?;
        } else if path.extension().is_some_and(|extension| extension == "jsonl") {
            found.push(path);
        }
    }
    Ok(())
}

fn read_file(file: &Path) -> Result<Vec<Document>, BadConfig> {
    let wrong = |problem: &dyn std::fmt::Display| BadConfig(format!("`{}`: {problem}", file.display()));
    let bytes = std::fs::metadata(file).map_err(|e| wrong(&e))?.len();
    if bytes > MAX_FILE_BYTES {
        return Err(wrong(&format!("{bytes} bytes are more than the {MAX_FILE_BYTES} of a sample file")));
    }
    let resource = file.file_stem().and_then(|stem| stem.to_str()).ok_or_else(|| wrong(&"not a resource's name"))?;
    let text = std::fs::read_to_string(file).map_err(|e| wrong(&e))?;
    let lines = text.trim_start_matches('\u{feff}').lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    lines
        .map(|(number, line)| document(resource, line).map_err(|e| wrong(&format!("line {}: {e}", number + 1))))
        .collect()
}

fn document(resource: &str, line: &str) -> Result<Document, String> {
    let marked_on = if MARKS.contains(&resource) {
        let mark: Mark = serde_json::from_str(line).map_err(|e| e.to_string())?;
        Some(Date::parse(&mark.event_date).ok_or_else(|| format!("eventDate `{}` is not a date", mark.event_date))?)
    } else {
        None
    };
    Ok(Document { resource: resource.to_owned(), body: line.to_owned(), marked_on })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../deploy/local/sample/grand-bend")
    }

    #[test]
    fn the_shipped_sample_holds_the_district_that_its_readme_tells_of() {
        let documents = read(&sample()).expect("readable");
        let count = |resource: &str| documents.iter().filter(|d| d.resource == resource).count();
        assert_eq!(
            (
                count("schools"),
                count("students"),
                count("studentSchoolAssociations"),
                count("studentSchoolAttendanceEvents")
            ),
            (3, 960, 960, 1451)
        );
        let today = Date::parse("2022-04-13").expect("a date");
        assert_eq!(documents.iter().filter(|d| d.marked_on.is_some_and(|on| on == today)).count(), 8);
    }

    #[test]
    fn a_line_that_is_no_mark_is_named() {
        let folder = tempfile::tempdir().expect("a folder");
        std::fs::write(folder.path().join("studentSchoolAttendanceEvents.jsonl"), "{\"eventDate\":\"2022-02-30\"}\n")
            .expect("written");
        let refusal = read(folder.path()).expect_err("no such date");
        assert!(refusal.to_string().contains("line 1: eventDate `2022-02-30` is not a date"), "{refusal}");
    }

    #[test]
    fn a_folder_without_documents_is_refused() {
        let folder = tempfile::tempdir().expect("a folder");
        assert!(read(folder.path()).is_err());
    }
}
