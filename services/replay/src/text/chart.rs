//! The report as one chart, in SVG: alerts by week, and how well each rule found the outcome. Whoever cannot see it has its title,
//! a description with the figures, and a text beside each mark; what differs in color differs in shape too.

mod found;
mod weekly;

use super::rule_name;
use crate::report::Report;

/// In user units; a page scales it.
const WIDTH: f64 = 900.0;
const LEFT: f64 = 210.0;
const RIGHT: f64 = 40.0;
/// Of the first and the second of two things: dark on white, and told apart in print too.
const COLORS: [&str; 2] = ["#1b4f8f", "#b35900"];

/// A part of the chart: its marks, how high they are, and what they say.
struct Panel {
    marks: String,
    height: f64,
    told: String,
}

/// The chart as a file of its own.
pub fn chart(report: &Report) -> String {
    let panels: Vec<Panel> = [Some(weekly::panel(report)), found::panel(report)].into_iter().flatten().collect();
    let height: f64 = panels.iter().map(|panel| panel.height).sum();
    let packs: Vec<String> = report.packs.iter().map(|pack| pack.id.to_string()).collect();
    let title = format!("Replay of {}, {} to {}", packs.join(" beside "), report.from, report.to);
    let told: Vec<&str> = panels.iter().map(|panel| panel.told.as_str()).collect();
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" width=\"{WIDTH}\" height=\"{height}\" \
         role=\"img\" aria-labelledby=\"chart-title chart-told\" font-family=\"sans-serif\" font-size=\"13\">\n\
         <title id=\"chart-title\">{}</title>\n<desc id=\"chart-told\">{}</desc>\n\
         <rect width=\"{WIDTH}\" height=\"{height}\" fill=\"#ffffff\"/>\n",
        escaped(&title),
        escaped(&told.join(" "))
    );
    let mut top = 0.0;
    for panel in &panels {
        put(&mut svg, &format!("<g transform=\"translate(0 {top})\">\n{}</g>", panel.marks));
        top += panel.height;
    }
    svg.push_str("</svg>\n");
    svg
}

/// Adds a line of markup.
pub(super) fn put(markup: &mut String, line: &str) {
    markup.push_str(line);
    markup.push('\n');
}

/// Text as it may stand in SVG and HTML.
pub(super) fn escaped(text: &str) -> String {
    let mut safe = String::with_capacity(text.len());
    for letter in text.chars() {
        match letter {
            '&' => safe.push_str("&amp;"),
            '<' => safe.push_str("&lt;"),
            '>' => safe.push_str("&gt;"),
            '"' => safe.push_str("&quot;"),
            '\'' => safe.push_str("&#39;"),
            // Letters that XML has no place for.
            control if control.is_control() => safe.push(' '),
            other => safe.push(other),
        }
    }
    safe
}

fn text(svg: &mut String, (x, y): (f64, f64), anchor: &str, what: &str) {
    put(svg, &format!("<text x=\"{x:.1}\" y=\"{y:.1}\" text-anchor=\"{anchor}\">{}</text>", escaped(what)));
}

fn heading(svg: &mut String, what: &str) {
    put(svg, &format!("<text x=\"20\" y=\"28\" font-size=\"16\" font-weight=\"bold\">{}</text>", escaped(what)));
}

fn line(svg: &mut String, (from_x, from_y): (f64, f64), (to_x, to_y): (f64, f64), style: &str) {
    put(svg, &format!("<line x1=\"{from_x:.1}\" y1=\"{from_y:.1}\" x2=\"{to_x:.1}\" y2=\"{to_y:.1}\" {style}/>"));
}

/// A circle for the first of two things, a diamond for the second.
fn mark(svg: &mut String, (x, y): (f64, f64), which: usize) {
    let color = COLORS[which.min(1)];
    let shape = match which {
        0 => format!("<circle cx=\"{x:.1}\" cy=\"{y:.1}\" r=\"5\" fill=\"{color}\"/>"),
        _ => format!("<path d=\"M{x:.1} {:.1}l6 6l-6 6l-6 -6z\" fill=\"{color}\"/>", y - 6.0),
    };
    put(svg, &shape);
}

/// A name that fits beside the marks.
fn fitting(report: &Report, rule: &crate::report::RuleReport) -> String {
    const LETTERS: usize = 27;
    let name = rule_name(report, rule);
    if name.chars().count() <= LETTERS {
        return name;
    }
    name.chars().take(LETTERS - 1).chain(['…']).collect()
}
