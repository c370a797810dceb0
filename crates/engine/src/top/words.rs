//! Times, terminals and users as `ps` writes them. Pure.

use std::collections::HashMap;
use time::{Month, OffsetDateTime};

const SECOND: u64 = 1;
const MINUTE: u64 = 60 * SECOND;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;
/// Device majors of pseudo-terminals, from first to last, and of virtual consoles; devices.txt of the kernel.
const PSEUDO: std::ops::RangeInclusive<i64> = 136..=143;
const CONSOLE: i64 = 4;
/// Minors of consoles; what is above are serial lines.
const CONSOLES: i64 = 64;
const MINORS: i64 = 256;

/// `[DD-]HH:MM:SS`
pub(super) fn long_time(seconds: u64) -> String {
    let (days, rest) = (seconds / DAY, seconds % DAY);
    let clock = format!("{:02}:{:02}:{:02}", rest / HOUR, rest % HOUR / MINUTE, rest % MINUTE);
    if days == 0 { clock } else { format!("{days}-{clock}") }
}

/// `M:SS`
pub(super) fn short_time(seconds: u64) -> String {
    format!("{}:{:02}", seconds / MINUTE, seconds % MINUTE)
}

/// `[[DD-]HH:]MM:SS`
pub(super) fn elapsed(seconds: u64) -> String {
    if seconds < HOUR {
        return format!("{:02}:{:02}", seconds / MINUTE, seconds % MINUTE);
    }
    let whole = long_time(seconds);
    if (DAY..DAY * 10).contains(&seconds) { format!("0{whole}") } else { whole }
}

/// `HH:MM` within a day, then `MonDD`, then the year; UTC.
pub(super) fn start(then: i64, now: i64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(then) else { return "?".to_owned() };
    let age = u64::try_from(now - then).unwrap_or(0);
    if age < DAY {
        format!("{:02}:{:02}", time.hour(), time.minute())
    } else if OffsetDateTime::from_unix_timestamp(now).is_ok_and(|now| now.year() == time.year()) {
        format!("{}{:02}", month(time.month()), time.day())
    } else {
        time.year().to_string()
    }
}

/// `Sat Nov 21 12:00:00 2026`; UTC.
pub(super) fn long_start(then: i64) -> String {
    let Ok(time) = OffsetDateTime::from_unix_timestamp(then) else { return "?".to_owned() };
    let day = &time.weekday().to_string()[..3];
    let (hour, minute, second) = (time.hour(), time.minute(), time.second());
    let (month, year) = (month(time.month()), time.year());
    format!("{day} {month} {:2} {hour:02}:{minute:02}:{second:02} {year}", time.day())
}

fn month(month: Month) -> String {
    month.to_string()[..3].to_owned()
}

/// `pts/0`, `tty1`, or `?`.
pub(super) fn terminal(device: i64) -> String {
    // The minor's upper bits are above the major.
    let (major, minor) = ((device >> 8) & 0xfff, (device & 0xff) | ((device >> 12) & 0xfff00));
    if PSEUDO.contains(&major) {
        format!("pts/{}", (major - PSEUDO.start()) * MINORS + minor)
    } else if major == CONSOLE && minor < CONSOLES {
        format!("tty{minor}")
    } else {
        "?".to_owned()
    }
}

/// Names by number, from a text like `/etc/passwd` or `/etc/group`.
pub(super) fn names(text: &str) -> HashMap<u32, String> {
    let line = |line: &str| {
        let mut fields = line.split(':');
        let name = fields.next()?;
        Some((fields.nth(1)?.parse().ok()?, name.to_owned()))
    };
    // The first name of a number counts.
    text.lines().rev().filter_map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_as_ps_writes_them() {
        assert_eq!(long_time(59), "00:00:59");
        assert_eq!(long_time(DAY * 2 + HOUR + 5), "2-01:00:05");
        assert_eq!(short_time(601), "10:01");
        assert_eq!(
            (elapsed(61), elapsed(3700), elapsed(DAY)),
            ("01:01".into(), "01:01:40".into(), "01-00:00:00".into())
        );
        let then = 1_795_262_400; // 2026-11-21 12:00:00
        assert_eq!(start(then, then + 60), "12:00");
        assert_eq!(start(then, then + 86_400 * 2), "Nov21");
        assert_eq!(start(then, then + 86_400 * 60), "2026");
        assert_eq!(long_start(then), "Sat Nov 21 12:00:00 2026");
    }

    #[test]
    fn terminals_and_users() {
        assert_eq!(
            (terminal(0), terminal(136 << 8), terminal((4 << 8) + 1)),
            ("?".into(), "pts/0".into(), "tty1".into())
        );
        assert_eq!(terminal((137 << 8) + 4), "pts/260");
        let names = names("root:x:0:0:root:/root:/bin/sh\ntoor:x:0:0::/:\nbroken\n");
        assert_eq!(names, HashMap::from([(0, "root".to_owned())]));
    }
}
