//! Groups of students from the operator's own file. Each id is asked of the service that takes the district's records in, which made
//! its key, as for `--local-id`; who replays is told keys and numbers, and the groups' names stay here. No id is printed, only the
//! line that it stands on.

use std::collections::{BTreeMap, HashSet};
use std::path::Path;

use anyhow::{Context as _, Result};
use futures_util::{StreamExt as _, TryStreamExt as _, stream};
use homeroom_domain::id::StudentKey;
use homeroom_proto::wire::risk::ReplayGroup;
use homeroom_replay::{MOST_GROUPS, MOST_MEMBERS};

use crate::client::{Connection, admin};
use crate::failure::BadConfig;
use crate::progress::Progress;

/// Lists of students looked up at once.
const AT_ONCE: usize = 4;
/// Lines that are named whose ids are no student's.
const NAMED_LINES: usize = 10;

/// Students of a file, with the position of their group in each column; none where a cell is empty.
#[derive(Debug)]
pub(super) struct Rows {
    /// Column and value of each group.
    groups: Vec<(String, String)>,
    /// Number of the column of each group.
    columns: Vec<u32>,
    /// Line, the district's own id, positions of groups.
    students: Vec<(usize, String, Vec<usize>)>,
}

/// Groups whose students are known by key.
#[derive(Debug, Default)]
pub(super) struct Groups {
    names: Vec<(String, String)>,
    columns: Vec<u32>,
    students: Vec<Vec<u8>>,
}

/// Reads a file.
pub(super) fn read(file: &Path) -> Result<Rows> {
    let text = std::fs::read_to_string(file).with_context(|| format!("`{}` cannot be read", file.display()))?;
    Ok(parse(&text).map_err(|why| BadConfig(format!("`{}`: {why}", file.display())))?)
}

fn parse(text: &str) -> Result<Rows, String> {
    let mut lines = records(text)?.into_iter();
    let (_, heading) = lines.next().ok_or("it is empty")?;
    let Some((_, columns)) = heading.split_first().filter(|(_, columns)| !columns.is_empty()) else {
        return Err("the heading needs a column for the student's id, and one for each way to group".to_owned());
    };
    let mut known: BTreeMap<(usize, String), usize> = BTreeMap::new();
    let mut rows = Rows { groups: Vec::new(), columns: Vec::new(), students: Vec::new() };
    let (mut seen, mut cells) = (HashSet::new(), 0);
    for (line, record) in lines {
        let Some((id, values)) = record.split_first().filter(|_| record.len() == heading.len()) else {
            return Err(format!("line {line} has {} cells, the heading {}", record.len(), heading.len()));
        };
        if !seen.insert(id.clone()) {
            return Err(format!("the student of line {line} is there twice"));
        }
        let mut of = Vec::new();
        for (column, value) in values.iter().enumerate().filter(|(_, value)| !value.is_empty()) {
            let next = rows.groups.len();
            let at = *known.entry((column, value.clone())).or_insert(next);
            if at == next {
                rows.groups.push((columns[column].clone(), value.clone()));
                rows.columns.push(u32::try_from(column).unwrap_or(u32::MAX));
            }
            of.push(at);
        }
        cells += of.len();
        if rows.groups.len() > MOST_GROUPS || cells > MOST_MEMBERS {
            return Err(format!(
                "more than {MOST_GROUPS} groups, or {MOST_MEMBERS} cells that say a group, are more than one replay takes; \
                 columns can be replayed one by one"
            ));
        }
        rows.students.push((line, id.clone(), of));
    }
    Ok(rows)
}

/// The records of a file with the line that each begins on (RFC 4180, spaces around cells left out), empty ones left out.
fn records(text: &str) -> Result<Vec<(usize, Vec<String>)>, String> {
    let (mut records, mut record, mut cell) = (Vec::new(), Vec::new(), String::new());
    let (mut line, mut begun, mut quoted) = (1, 1, false);
    let mut letters = text.trim_start_matches('\u{feff}').chars().peekable();
    while let Some(letter) = letters.next() {
        match letter {
            '"' if quoted && letters.peek() == Some(&'"') => cell.extend(letters.next()),
            '"' if quoted || cell.trim().is_empty() => quoted = !quoted,
            ',' if !quoted => record.push(std::mem::take(&mut cell).trim().to_owned()),
            '\n' => {
                line += 1;
                if quoted {
                    cell.push(letter);
                } else {
                    record.push(std::mem::take(&mut cell).trim().to_owned());
                    records.push((std::mem::replace(&mut begun, line), std::mem::take(&mut record)));
                }
            }
            other => cell.push(other),
        }
    }
    if quoted {
        return Err(format!("the quotation that begins in line {begun} has no end"));
    }
    record.push(cell.trim().to_owned());
    records.push((begun, record));
    records.retain(|(_, record)| record.iter().any(|cell| !cell.is_empty()));
    Ok(records)
}

impl Rows {
    /// Asks for the students' keys. What is no student's id is left out, and its lines are told.
    pub(super) async fn resolve(self, connection: &Connection) -> Result<Groups> {
        let bar = Progress::new(self.students.len());
        let mut groups =
            Groups { students: vec![Vec::new(); self.groups.len()], names: self.groups, columns: self.columns };
        let lookups = self.students.chunks(admin::MOST_STUDENTS).map(|students| async move {
            let ids: Vec<&str> = students.iter().map(|(_, id, _)| id.as_str()).collect();
            anyhow::Ok((students, admin::find_students(connection, &ids).await?))
        });
        let mut found = stream::iter(lookups).buffered(AT_ONCE);
        let (mut unknown, mut seen) = (Vec::new(), HashSet::new());
        while let Some((students, keys)) = found.try_next().await? {
            bar.many(students.len() as u64);
            for ((line, _, of), key) in students.iter().zip(keys) {
                match key {
                    Some(key) => groups.add(key, of, *line, &mut seen)?,
                    None => unknown.push(*line),
                }
            }
        }
        bar.finish();
        if !unknown.is_empty() {
            let lines: Vec<String> = unknown.iter().take(NAMED_LINES).map(ToString::to_string).collect();
            let more = if unknown.len() > NAMED_LINES { ", and more" } else { "" };
            eprintln!("{} ids of the file are no student's: lines {}{more}", unknown.len(), lines.join(", "));
        }
        Ok(groups)
    }
}

impl Groups {
    /// Two ids of one student, who was merged, would be counted twice.
    fn add(&mut self, key: StudentKey, of: &[usize], line: usize, seen: &mut HashSet<StudentKey>) -> Result<()> {
        if !seen.insert(key) {
            return Err(BadConfig(format!("the student of line {line} is there before under another id")).into());
        }
        for at in of {
            self.students[*at].extend_from_slice(key.as_bytes());
        }
        Ok(())
    }

    /// Column and value of each.
    pub(super) fn names(&self) -> Vec<(String, String)> {
        self.names.clone()
    }

    /// Keys and numbers alone.
    pub(super) fn on_the_wire(&self) -> Vec<ReplayGroup> {
        let group =
            |(column, students): (&u32, &Vec<u8>)| ReplayGroup { column: *column, students: students.clone().into() };
        self.columns.iter().zip(&self.students).map(group).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_value_of_a_column_is_a_group() {
        let rows = parse(
            "\u{feff}id, language ,program\r\n1,\"Spanish, Mixtec\",yes\r\n2,English,\r\n\r\n3, English ,yes\r\n",
        )
        .unwrap();
        let pair = |column: &str, value: &str| (column.to_owned(), value.to_owned());
        assert_eq!(
            rows.groups,
            [pair("language", "Spanish, Mixtec"), pair("program", "yes"), pair("language", "English")]
        );
        assert_eq!(rows.columns, [0, 1, 0]);
        let students: Vec<_> = rows.students.iter().map(|(line, id, of)| (*line, id.as_str(), of.as_slice())).collect();
        assert_eq!(students, [(2, "1", &[0, 1][..]), (3, "2", &[2]), (5, "3", &[2, 1])]);
    }

    #[test]
    fn what_cannot_be_read_is_told_by_line_and_without_the_id() {
        let why = |text: &str| parse(text).unwrap_err();
        assert!(why("").contains("empty") && why("id\n7").contains("heading"));
        assert!(why("id,group\n7,a\n8").contains("line 3"));
        assert!(why("id,group\n7,a\n7,b").contains("line 3") && !why("id,group\n777,a\n777,b").contains("777"));
        assert!(why("id,group\n7,\"a").contains("line 2"));
    }
}
