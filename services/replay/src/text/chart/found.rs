//! How well each rule found the outcome: sensitivity and positive predictive value, each with its interval.

use super::super::percent;
use super::{COLORS, LEFT, Panel, RIGHT, WIDTH, fitting, heading, line, mark, text};
use crate::report::Report;
use crate::share::Share;

const TOP: f64 = 66.0;
const ROW: f64 = 38.0;

/// None without an outcome.
pub(super) fn panel(report: &Report) -> Option<Panel> {
    let outcome = report.outcome?;
    let mut svg = String::new();
    heading(&mut svg, &format!("How rules found the outcome ({})", outcome.name()));
    for (at, what) in ["sensitivity", "positive predictive value"].into_iter().enumerate() {
        let x = LEFT + 180.0 * f64::from(u8::try_from(at).unwrap_or(1));
        mark(&mut svg, (x, 48.0), at);
        text(&mut svg, (x + 12.0, 52.0), "start", what);
    }
    let rows = f64::from(u32::try_from(report.rules.len()).unwrap_or(0));
    let bottom = TOP + ROW * rows;
    for percent in [0_u8, 25, 50, 75, 100] {
        let at = x(f64::from(percent) / 100.0);
        line(&mut svg, (at, TOP), (at, bottom), "stroke=\"#d0d0d0\"");
        text(&mut svg, (at, bottom + 18.0), "middle", &format!("{percent} %"));
    }
    let mut told = vec!["Sensitivity and positive predictive value of each rule, with 95 % intervals.".to_owned()];
    let mut top = TOP;
    for rule in &report.rules {
        text(&mut svg, (LEFT - 12.0, top + ROW / 2.0 + 5.0), "end", &fitting(report, rule));
        let shares = [rule.cells.sensitivity(), rule.cells.ppv()];
        for (at, share) in shares.into_iter().enumerate() {
            interval(&mut svg, share, top + if at == 0 { 12.0 } else { 27.0 }, at);
        }
        told.push(format!("{}: {}, {}.", rule.id, percent(shares[0]), percent(shares[1])));
        top += ROW;
    }
    Some(Panel { marks: svg, height: bottom + 40.0, told: told.join(" ") })
}

fn x(share: f64) -> f64 {
    LEFT + (WIDTH - LEFT - RIGHT - 60.0) * share
}

fn interval(svg: &mut String, share: Share, y: f64, which: usize) {
    let (Some(rate), Some(interval)) = (share.rate(), share.interval()) else { return };
    let style = format!("stroke=\"{}\" stroke-width=\"2\"", COLORS[which.min(1)]);
    line(svg, (x(interval.low), y), (x(interval.high), y), &style);
    mark(svg, (x(rate), y), which);
    text(svg, (WIDTH - 12.0, y + 4.0), "end", &format!("{:.0} %", rate * 100.0));
}
