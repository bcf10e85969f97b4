//! What the process takes of its machine, as the kernel counts it: what will run out, before it does. Where there is no `/proc`, nothing
//! is shown.

use std::fs;

/// Resident memory.
const RESIDENT_BYTES: &str = "homeroom_process_resident_bytes";
/// Processor time, seconds since the start.
const CPU_SECONDS: &str = "homeroom_process_cpu_seconds_total";
/// Open files and connections.
const OPEN_FILES: &str = "homeroom_process_open_files";
/// How many there may be.
const MOST_FILES: &str = "homeroom_process_open_files_most";

/// The kernel's clock of processor times, ticks a second, on every Linux there is (`getconf CLK_TCK`).
const TICKS: u64 = 100;

/// Sets the gauges to what holds now.
pub(super) fn show() {
    let read = |name: &str| fs::read_to_string(format!("/proc/self/{name}")).unwrap_or_default();
    if let Some(bytes) = resident_bytes(&read("status")) {
        gauge(RESIDENT_BYTES, bytes);
    }
    if let Some(seconds) = cpu_seconds(&read("stat")) {
        metrics::counter!(CPU_SECONDS).absolute(seconds);
    }
    if let Ok(files) = fs::read_dir("/proc/self/fd") {
        gauge(OPEN_FILES, files.count() as u64);
    }
    if let Some(most) = most_files(&read("limits")) {
        gauge(MOST_FILES, most);
    }
}

fn gauge(name: &'static str, value: u64) {
    #[expect(clippy::cast_precision_loss, reason = "a gauge shows a few digits")]
    metrics::gauge!(name).set(value as f64);
}

/// Of `VmRSS:  1234 kB`.
fn resident_bytes(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib * 1024)
}

/// Of the 14th and 15th field; the second one is the command's name in parentheses, which may hold anything.
fn cpu_seconds(stat: &str) -> Option<u64> {
    let fields: Vec<&str> = stat.rsplit(')').next()?.split_whitespace().collect();
    let ticks = |field: usize| fields.get(field).and_then(|text| text.parse::<u64>().ok());
    Some((ticks(11)? + ticks(12)?) / TICKS)
}

/// Of `Max open files   1024   4096   files`: the first is in force.
fn most_files(limits: &str) -> Option<u64> {
    let line = limits.lines().find_map(|line| line.strip_prefix("Max open files"))?;
    line.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_the_kernel_says_is_understood() {
        assert_eq!(resident_bytes("Name:\thomeroom\nVmRSS:\t   2048 kB\n"), Some(2 * 1024 * 1024));
        let stat = "7 (a ) name) S 1 7 7 0 -1 4194304 100 0 0 0 250 150 0 0 20 0";
        assert_eq!(cpu_seconds(stat), Some(4));
        assert_eq!(
            most_files(
                "Limit  Soft  Hard\nMax open files            1024                 4096                 files\n"
            ),
            Some(1024)
        );
        assert_eq!((resident_bytes(""), cpu_seconds(""), most_files("")), (None, None, None));
    }

    #[test]
    fn the_running_process_is_shown() {
        crate::telemetry::install_metrics();
        show();
        let text = crate::telemetry::metrics_text();
        assert!(text.contains(RESIDENT_BYTES) && text.contains(OPEN_FILES) && text.contains(MOST_FILES), "{text}");
    }
}
