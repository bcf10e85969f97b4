//! The report as a page of its own that prints: tables and the chart, no script, nothing fetched.

use super::chart::{chart, escaped, put};
use super::table::{Table, notes, tables};
use super::{Names, preamble};
use crate::report::Report;

const STYLE: &str = "
body { font: 15px/1.45 system-ui, sans-serif; color: #1a1a1a; background: #fff; max-width: 72rem; margin: 1.5rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin: 0 0 .5rem }
svg { width: 100%; height: auto }
div.table { overflow-x: auto }
table { border-collapse: collapse; margin: 0 0 1.2rem; font-variant-numeric: tabular-nums }
caption { text-align: left; font-weight: bold; padding: .4rem 0 }
th, td { padding: .2rem .6rem; border-bottom: 1px solid #ccc; text-align: right; vertical-align: top }
th:first-child, td:first-child { text-align: left }
thead th { border-bottom: 2px solid #555 }
tbody th { font-weight: normal }
tbody th, td { white-space: nowrap }
footer { border-top: 1px solid #999; font-size: .87rem }
@page { size: A4 landscape; margin: 12mm }
@media print {
  body { font-size: 9.5px; max-width: none; margin: 0; padding: 0 }
  th, td { padding: .1rem .35rem }
  table, svg { break-inside: avoid }
  div.table { overflow: visible }
}
";

/// The page.
pub fn page(report: &Report, names: &Names) -> String {
    let packs: Vec<String> = report.packs.iter().map(|pack| pack.id.to_string()).collect();
    let title = escaped(&format!("Replay of {}", packs.join(" beside ")));
    let mut html = format!(
        "<!doctype html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n<title>{title}</title>\n\
         <style>{STYLE}</style>\n</head>\n<body>\n<main>\n<h1>{title}</h1>\n"
    );
    for sentence in preamble(report) {
        put(&mut html, &format!("<p>{}</p>", escaped(&sentence)));
    }
    html.push_str(&chart(report));
    for table in tables(report, names) {
        html.push_str(&of_table(&table));
    }
    html.push_str("</main>\n<footer>\n");
    for note in notes(report) {
        put(&mut html, &format!("<p>{}</p>", escaped(note)));
    }
    html.push_str("</footer>\n</body>\n</html>\n");
    html
}

fn of_table(table: &Table) -> String {
    let mut html = format!("<div class=\"table\"><table>\n<caption>{}</caption>\n", escaped(&table.title));
    if let Some((heading, rows)) = table.rows.split_first() {
        html.push_str("<thead><tr>");
        for cell in heading {
            let cell = format!("<th scope=\"col\">{}</th>", escaped(cell));
            html.push_str(&cell);
        }
        html.push_str("</tr></thead>\n<tbody>\n");
        for row in rows {
            html.push_str("<tr>");
            for (at, cell) in row.iter().enumerate() {
                let cell = escaped(cell);
                let cell = if at == 0 { format!("<th scope=\"row\">{cell}</th>") } else { format!("<td>{cell}</td>") };
                html.push_str(&cell);
            }
            html.push_str("</tr>\n");
        }
        html.push_str("</tbody>\n");
    }
    html.push_str("</table></div>\n");
    html
}
