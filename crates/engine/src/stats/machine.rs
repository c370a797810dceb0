//! The machine's own counters, against which a container's are seen.

/// The kernel tells times in hundredths of a second, on every architecture (`USER_HZ`).
const TICK_NS: u64 = 10_000_000;
/// user, nice, system, idle, iowait, irq, softirq: what Docker adds up.
const COUNTED: usize = 7;

/// Nanoseconds that all processors have spent, also idly, and how many there are.
pub(super) fn cpu() -> (u64, u32) {
    parse_stat(&std::fs::read_to_string("/proc/stat").unwrap_or_default())
}

/// Bytes of memory.
pub(crate) fn memory_bytes() -> u64 {
    parse_meminfo(&std::fs::read_to_string("/proc/meminfo").unwrap_or_default())
}

/// Pure: from the text of proc_stat(5).
fn parse_stat(text: &str) -> (u64, u32) {
    let mut total = 0_u64;
    let mut processors = 0;
    for line in text.lines() {
        let Some(rest) = line.strip_prefix("cpu") else { continue };
        if rest.starts_with(|c: char| c.is_ascii_digit()) {
            processors += 1;
        } else {
            total = rest
                .split_whitespace()
                .take(COUNTED)
                .map(|n| n.parse().unwrap_or(0))
                .fold(0, u64::saturating_add);
        }
    }
    (total.saturating_mul(TICK_NS), processors)
}

/// Pure: from the text of proc_meminfo(5).
fn parse_meminfo(text: &str) -> u64 {
    let total = text.lines().find_map(|line| line.strip_prefix("MemTotal:"));
    let kib = total.and_then(|line| line.split_whitespace().next()).and_then(|n| n.parse::<u64>().ok());
    kib.unwrap_or(0).saturating_mul(1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn idle_time_counts_and_stolen_time_does_not() {
        let text = "cpu  1 2 3 4 5 6 7 100 100 100\ncpu0 1 2 3 4\ncpu1 1 2 3 4\nintr 5\n";
        assert_eq!(parse_stat(text), (28 * TICK_NS, 2));
        assert_eq!(parse_meminfo("MemTotal:       2048 kB\nMemFree: 1 kB\n"), 2 << 20);
        assert_eq!((parse_stat(""), parse_meminfo("")), ((0, 0), 0));
    }
}
