//! Alerts by week: bars, of two packs side by side, with a line at what all teams together can take on.

use super::{COLORS, LEFT, Panel, RIGHT, WIDTH, escaped, heading, line, put, text};
use crate::report::Report;

const TOP: f64 = 70.0;
const TALL: f64 = 180.0;
const HEIGHT: f64 = 310.0;

pub(super) fn panel(report: &Report) -> Panel {
    let mut svg = String::new();
    heading(&mut svg, "Alerts a week, all schools");
    legend(&mut svg, report);
    let line_at = budget(report);
    let most = report.packs.iter().flat_map(|pack| pack.load.weekly.iter().copied()).chain(line_at).max().unwrap_or(0);
    let step = step(most);
    let bound = f64::from(most.div_ceil(step).max(1) * step);
    let y = |alerts: f64| TOP + TALL - TALL * alerts / bound;
    for tick in (0..=most.div_ceil(step).max(1)).map(|n| n * step) {
        let at = y(f64::from(tick));
        line(&mut svg, (LEFT, at), (WIDTH - RIGHT, at), "stroke=\"#d0d0d0\"");
        text(&mut svg, (LEFT - 8.0, at + 4.0), "end", &tick.to_string());
    }
    bars(&mut svg, report, &y);
    if let Some(of_all) = line_at {
        let at = y(f64::from(of_all));
        line(
            &mut svg,
            (LEFT, at),
            (WIDTH - RIGHT, at),
            "stroke=\"#222222\" stroke-width=\"2\" stroke-dasharray=\"7 4\"",
        );
        // Above the bars, which a word on the line would hide behind.
        let told = format!("dashed: budget of all schools: {of_all}");
        text(&mut svg, (WIDTH - RIGHT, 28.0), "end", &told);
    }
    Panel { marks: svg, height: HEIGHT, told: told(report) }
}

/// What all schools' teams can take on in a week together.
fn budget(report: &Report) -> Option<u32> {
    let schools = u32::try_from(report.schools().count()).unwrap_or(u32::MAX);
    report.budget.map(|budget| budget.saturating_mul(schools))
}

/// A round step of four or five to the most.
fn step(most: u32) -> u32 {
    let mut ten = 1;
    while most / ten >= 50 && ten < 100_000_000 {
        ten *= 10;
    }
    let fitting = [1, 2, 5, 10].into_iter().map(|of| of * ten).find(|step| most / step < 6);
    fitting.unwrap_or(ten * 10)
}

fn legend(svg: &mut String, report: &Report) {
    for (at, (pack, color)) in report.packs.iter().zip(COLORS).enumerate() {
        let x = LEFT + 330.0 * f64::from(u8::try_from(at).unwrap_or(1));
        put(svg, &format!("<rect x=\"{x:.1}\" y=\"41\" width=\"13\" height=\"13\" fill=\"{color}\"/>"));
        let told = format!("{} version {}: {} alerts", pack.id, pack.version, pack.load.alerts);
        text(svg, (x + 19.0, 52.0), "start", &told);
    }
}

fn bars(svg: &mut String, report: &Report, y: &dyn Fn(f64) -> f64) {
    let count = |many: usize| f64::from(u32::try_from(many).unwrap_or(u32::MAX).max(1));
    let slot = (WIDTH - LEFT - RIGHT) / count(report.weeks.len());
    let wide = slot * 0.8 / count(report.packs.len());
    let every = report.weeks.len().div_ceil(10).max(1);
    for (at, week) in report.weeks.iter().enumerate() {
        let x = LEFT + slot * f64::from(u32::try_from(at).unwrap_or(u32::MAX));
        for (of, (pack, color)) in report.packs.iter().zip(COLORS).enumerate() {
            let alerts = pack.load.weekly.get(at).copied().unwrap_or(0);
            let top = y(f64::from(alerts));
            let left = x + slot * 0.1 + wide * f64::from(u8::try_from(of).unwrap_or(1));
            put(
                svg,
                &format!(
                    "<rect x=\"{left:.1}\" y=\"{top:.1}\" width=\"{wide:.1}\" height=\"{:.1}\" fill=\"{color}\"><title>{}</title></rect>",
                    TOP + TALL - top,
                    escaped(&format!("week of {week}, {}: {alerts} alerts", pack.id))
                ),
            );
        }
        if at % every == 0 {
            let day: String = week.to_string().chars().skip("2021-".len()).collect();
            text(svg, (x + slot / 2.0, TOP + TALL + 18.0), "middle", &day);
        }
    }
    text(svg, ((LEFT + WIDTH - RIGHT) / 2.0, TOP + TALL + 38.0), "middle", "week, by the month and day of its Monday");
}

fn told(report: &Report) -> String {
    let of_pack = |pack: &crate::report::PackReport| {
        let most = pack.load.weekly.iter().copied().enumerate().max_by_key(|(at, alerts)| (*alerts, usize::MAX - at));
        let most = most.and_then(|(at, alerts)| Some((report.weeks.get(at)?, alerts)));
        let peak = most.map(|(week, alerts)| format!(", at most {alerts} in the week of {week}")).unwrap_or_default();
        format!("{} opens {} alerts in {} weeks{peak}.", pack.id, pack.load.alerts, report.weeks.len())
    };
    report.packs.iter().map(of_pack).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_axis_has_few_round_steps() {
        assert_eq!([0, 3, 6, 12, 40, 73, 1_000, 9_999].map(step), [1, 1, 2, 5, 10, 20, 200, 2_000]);
    }
}
