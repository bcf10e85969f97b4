//! The machine that measures: what it is busy with, and what a process of it has used.

use std::fs;
use std::path::Path;

/// The kernel counts CPU time in hundredths of a second.
const TICKS_PER_SECOND: f64 = 100.0;
/// Of a page, as the kernel counts memory.
const PAGE_BYTES: f64 = 4_096.0;
const MEGABYTE: f64 = 1_000_000.0;

/// Processes that can run or wait for a disk, averaged over the last minute; zero where the system does not tell.
pub(crate) fn load_average() -> f64 {
    let text = fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').next().and_then(|first| first.parse().ok()).unwrap_or_default()
}

/// How many threads can run at once.
pub(crate) fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, std::num::NonZero::get)
}

/// What a process and its children have used so far.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Usage {
    /// Seconds of CPU, in user and kernel.
    pub(crate) cpu_seconds: f64,
    /// Resident memory in megabytes; memory that processes share is counted once for each.
    pub(crate) resident_megabytes: f64,
}

impl Usage {
    /// What was used since: CPU from then on, memory as it is now.
    #[must_use]
    pub(crate) fn minus(self, before: Self) -> Self {
        Self { cpu_seconds: self.cpu_seconds - before.cpu_seconds, ..self }
    }

    /// Both together.
    #[must_use]
    pub(crate) fn plus(self, other: Self) -> Self {
        Self {
            cpu_seconds: self.cpu_seconds + other.cpu_seconds,
            resident_megabytes: self.resident_megabytes + other.resident_megabytes,
        }
    }
}

/// Of a process and its direct children, those that have ended included.
pub(crate) fn usage(process: u32) -> Usage {
    let mut total = Usage::default();
    let Ok(entries) = fs::read_dir("/proc") else { return total };
    for entry in entries.flatten() {
        if let Some(stat) = Stat::read(&entry.path())
            && (stat.process == process || stat.parent == process)
        {
            total.cpu_seconds += if stat.process == process { stat.ticks + stat.ticks_of_ended } else { stat.ticks };
            total.resident_megabytes += stat.resident_pages * PAGE_BYTES / MEGABYTE;
        }
    }
    total.cpu_seconds /= TICKS_PER_SECOND;
    total
}

/// Of the direct children of a process in whose title a word stands, those that have ended left out.
pub(crate) fn usage_of_children(process: u32, word: &str) -> Usage {
    let mut total = Usage::default();
    let Ok(entries) = fs::read_dir("/proc") else { return total };
    for entry in entries.flatten() {
        let title = || fs::read_to_string(entry.path().join("cmdline")).unwrap_or_default();
        if let Some(stat) = Stat::read(&entry.path())
            && stat.parent == process
            && title().contains(word)
        {
            total = total.plus(stat.usage());
        }
    }
    total
}

/// Of this process alone, whose children are what is measured.
pub(crate) fn usage_of_this() -> Usage {
    let stat = Stat::read(Path::new(&format!("/proc/{}", std::process::id())));
    stat.map_or_else(Usage::default, |stat| stat.usage())
}

struct Stat {
    process: u32,
    parent: u32,
    ticks: f64,
    ticks_of_ended: f64,
    resident_pages: f64,
}

impl Stat {
    fn usage(&self) -> Usage {
        Usage {
            cpu_seconds: self.ticks / TICKS_PER_SECOND,
            resident_megabytes: self.resident_pages * PAGE_BYTES / MEGABYTE,
        }
    }

    /// `pid (name) S ppid …`: numbers are counted from the name's end, which may hold anything.
    fn read(folder: &Path) -> Option<Self> {
        let process = folder.file_name()?.to_str()?.parse().ok()?;
        let text = fs::read_to_string(folder.join("stat")).ok()?;
        let (_, rest) = text.rsplit_once(") ")?;
        let fields: Vec<&str> = rest.split(' ').collect();
        let number = |at: usize| fields.get(at).and_then(|field| field.parse::<f64>().ok());
        Some(Self {
            process,
            parent: fields.get(1)?.parse().ok()?,
            ticks: number(11)? + number(12)?,
            ticks_of_ended: number(13)? + number(14)?,
            resident_pages: number(21)?,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn this_process_has_used_something() {
        for usage in [usage(std::process::id()), usage_of_this()] {
            assert!(usage.resident_megabytes > 0.5, "{usage:?}");
        }
        assert!(cores() > 0);
    }
}
