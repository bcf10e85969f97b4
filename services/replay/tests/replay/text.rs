//! What the texts hold, and what they must not.

use homeroom_replay::text::{self, Names};
use homeroom_replay::{Came, Outcome};
use homeroom_replay::{Plan, Report, Tally};

use crate::district::{DAYS, day, pack, seen};

fn report(outcome: Option<Outcome>) -> (Report, Names) {
    let packs = vec![pack("lenient", &[("often", "absent >= 400")]), pack("strict", &[("often", "absent >= 300")])];
    let plan = Plan::new(packs, (day(1), day(DAYS)), outcome, Some(2), Vec::new()).unwrap();
    let mut tally = Tally::new(&plan);
    for n in 1..=DAYS {
        let came = if n % 3 == 0 { Came::Settled(day(DAYS)) } else { Came::No };
        tally.add(&plan, &seen("1", came, &[(n % 2 == 0).then_some(n), Some(n)]), &[]);
    }
    let mut names = Names::default();
    names.schools.insert("1".to_owned(), "Cedar & <Hill> \"High\"".to_owned());
    (Report::new(&plan, &tally), names)
}

/// Whether every tag is closed in its order.
fn is_well_formed(markup: &str) -> bool {
    const EMPTY: [&str; 2] = ["meta", "!doctype"];
    let mut open: Vec<&str> = Vec::new();
    for tag in markup.split('<').skip(1) {
        let Some((inside, _)) = tag.split_once('>') else { return false };
        let name = inside.split([' ', '\n', '/']).find(|part| !part.is_empty()).unwrap_or_default();
        if inside.starts_with('/') {
            if open.pop() != Some(name) {
                return false;
            }
        } else if !inside.ends_with('/') && !EMPTY.contains(&name) {
            open.push(name);
        }
    }
    open.is_empty()
}

#[test]
fn the_page_stands_alone_and_names_are_only_text_on_it() {
    let (report, names) = report(Some(Outcome::Chronic));
    let page = text::page::page(&report, &names);
    assert!(is_well_formed(&page));
    for never in ["<script", "http://", "https://", "src=", "<Hill>", "@import", "url("] {
        let known = never == "http://" && page.matches(never).count() == 1;
        assert!(known || !page.contains(never), "{never}");
    }
    assert!(page.contains("Cedar &amp; &lt;Hill&gt; &quot;High&quot;"));
    for has in ["<html lang=\"en\">", "<caption>", "scope=\"col\"", "scope=\"row\"", "@media print", "in hindsight"] {
        assert!(page.contains(has), "{has}");
    }
}

#[test]
fn the_chart_says_in_words_what_it_shows() {
    let (report, _) = report(Some(Outcome::Chronic));
    let svg = text::chart::chart(&report);
    assert!(is_well_formed(&svg));
    for has in [
        "role=\"img\" aria-labelledby=\"chart-title chart-told\"",
        "<title id=\"chart-title\">Replay of lenient beside strict, 2021-09-06 to 2021-10-29</title>",
        "strict opens 40 alerts in 8 weeks, at most 5 in the week of 2021-09-06.",
        "budget of all schools: 2",
        "positive predictive value",
        "week of 2021-09-13, strict: 5 alerts",
    ] {
        assert!(svg.contains(has), "{has}\n{svg}");
    }
}

#[test]
fn without_an_outcome_nothing_is_said_of_one() {
    let (report, names) = report(None);
    let all = [text::table::table(&report, &names), text::page::page(&report, &names), text::chart::chart(&report)];
    assert!(all.iter().all(|text| !text.contains("sensitivity") && !text.contains("Sensitivity")));
    assert!(text::json::json(&report, &names)["rules"][0]["against_outcome"].is_null());
}

#[test]
fn a_spreadsheet_has_a_cell_for_each_column() {
    let (report, names) = report(Some(Outcome::Chronic));
    let csv = text::csv::csv(&report, &names);
    let cells: Vec<usize> = csv.lines().map(|line| line.split(',').count()).collect();
    assert_eq!(cells.len(), 3);
    assert!(cells.iter().all(|many| *many == cells[0]), "{cells:?}");
}

#[test]
fn the_table_has_both_packs() {
    let (report, names) = report(Some(Outcome::Chronic));
    let table = text::table::table(&report, &names);
    for has in ["often (lenient 1)", "often (strict 1)", "Cedar & <Hill>", "weeks of schools over 2", "50 % (35-65)"] {
        assert!(table.contains(has), "{has}\n{table}");
    }
}
