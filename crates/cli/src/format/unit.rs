//! Sizes and spans of time as people read them, in Docker's wording.

use time::OffsetDateTime;

/// `size` bytes with four significant digits, in steps of 1000: `1.234MB`.
pub(crate) fn size(bytes: u64) -> String {
    scaled(bytes as f64, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"], 4)
}

/// `size` bytes with three significant digits, in steps of 1000: `1.23MB`.
pub(crate) fn size_short(bytes: u64) -> String {
    scaled(bytes as f64, 1000.0, &["B", "kB", "MB", "GB", "TB", "PB", "EB"], 3)
}

/// Memory, in steps of 1024: `15.62GiB`.
pub(crate) fn memory(bytes: u64) -> String {
    scaled(bytes as f64, 1024.0, &["B", "KiB", "MiB", "GiB", "TiB", "PiB", "EiB"], 4)
}

fn scaled(mut value: f64, step: f64, units: &[&str], digits: usize) -> String {
    let mut unit = 0;
    // Rounding may reach the next step: 999.96 kB with four digits is 1 MB.
    while unit + 1 < units.len()
        && (value >= step || template::significant(value, digits).parse::<f64>().is_ok_and(|v| v >= step))
    {
        value /= step;
        unit += 1;
    }
    format!("{}{}", template::significant(value, digits), units[unit])
}

/// A span as words: `About a minute`, `3 hours`. Negative spans count as none.
pub(crate) fn duration(seconds: i64) -> String {
    let hours = (seconds + 1800).div_euclid(3600);
    match seconds {
        ..1 => "Less than a second".to_owned(),
        1 => "1 second".to_owned(),
        2..60 => format!("{seconds} seconds"),
        60..120 => "About a minute".to_owned(),
        120..3600 => format!("{} minutes", seconds / 60),
        _ if hours == 1 => "About an hour".to_owned(),
        _ if hours < 48 => format!("{hours} hours"),
        _ if hours < 24 * 7 * 2 => format!("{} days", hours / 24),
        _ if hours < 24 * 30 * 2 => format!("{} weeks", hours / 24 / 7),
        _ if hours < 24 * 365 * 2 => format!("{} months", hours / 24 / 30),
        _ => format!("{} years", seconds / 3600 / 24 / 365),
    }
}

/// `3 hours ago`.
pub(crate) fn ago(then: OffsetDateTime, now: OffsetDateTime) -> String {
    format!("{} ago", duration((now - then).whole_seconds()))
}

/// A moment as the columns `CREATED AT` show it.
pub(crate) fn date(moment: OffsetDateTime) -> String {
    let (year, month, day) = moment.to_calendar_date();
    let (hour, minute, second) = moment.to_hms();
    format!("{year:04}-{:02}-{day:02} {hour:02}:{minute:02}:{second:02} +0000 UTC", u8::from(month))
}

/// The same to the nanosecond, as Docker's client shows when something was made: without trailing zeros, and all in lower case.
pub(crate) fn moment(at: OffsetDateTime) -> String {
    let text = date(at).to_lowercase();
    let fraction = format!("{:09}", at.nanosecond());
    match fraction.trim_end_matches('0') {
        "" => text,
        digits => text.replacen(" +", &format!(".{digits} +"), 1),
    }
}

/// A span in nanoseconds as Go prints durations: `1m30s`, `10s`, `1.5ms`.
pub(crate) fn go_duration(nanos: i64) -> String {
    let sign = if nanos < 0 { "-" } else { "" };
    let n = nanos.unsigned_abs();
    let fraction = |value: u64, unit: u64| (value as f64 / unit as f64).to_string();
    let text = match n {
        0 => "0s".to_owned(),
        1..1_000 => format!("{n}ns"),
        1_000..1_000_000 => format!("{}µs", fraction(n, 1_000)),
        1_000_000..1_000_000_000 => format!("{}ms", fraction(n, 1_000_000)),
        _ => {
            let (minutes, rest) = (n / 60_000_000_000, n % 60_000_000_000);
            let seconds = fraction(rest, 1_000_000_000);
            match (minutes / 60, minutes % 60) {
                (0, 0) => format!("{seconds}s"),
                (0, minutes) => format!("{minutes}m{seconds}s"),
                (hours, minutes) => format!("{hours}h{minutes}m{seconds}s"),
            }
        }
    };
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_read_like_dockers() {
        let table = [
            (0, "0B"),
            (999, "999B"),
            (1000, "1kB"),
            (1_234_567, "1.235MB"),
            (999_999, "1MB"),
            (4_260_000, "4.26MB"),
        ];
        for (bytes, want) in table {
            assert_eq!(size(bytes), want);
        }
        assert_eq!(size_short(187_654_321), "188MB");
        assert_eq!(memory(16_777_216_000), "15.62GiB");
        assert_eq!(memory(512 << 20), "512MiB");
    }

    #[test]
    fn spans_read_like_dockers() {
        let table = [
            (-5, "Less than a second"),
            (0, "Less than a second"),
            (1, "1 second"),
            (45, "45 seconds"),
            (90, "About a minute"),
            (150, "2 minutes"),
            (3600, "About an hour"),
            (2 * 3600, "2 hours"),
            (3 * 86_400, "3 days"),
            (20 * 86_400, "2 weeks"),
            (100 * 86_400, "3 months"),
            (1000 * 86_400, "2 years"),
        ];
        for (seconds, want) in table {
            assert_eq!(duration(seconds), want, "{seconds}");
        }
    }

    #[test]
    fn go_durations() {
        let table = [
            (0, "0s"),
            (10_000_000_000, "10s"),
            (90_000_000_000, "1m30s"),
            (1_500_000, "1.5ms"),
            (7_776_000_000_000_000, "2160h0m0s"),
        ];
        for (nanos, want) in table {
            assert_eq!(go_duration(nanos), want);
        }
    }

    #[test]
    fn dates() {
        let at = OffsetDateTime::from_unix_timestamp(1_767_323_045).unwrap();
        assert_eq!(date(at), "2026-01-02 03:04:05 +0000 UTC");
        assert_eq!(moment(at), "2026-01-02 03:04:05 +0000 utc");
        let later = at + time::Duration::nanoseconds(120_000_000);
        assert_eq!(moment(later), "2026-01-02 03:04:05.12 +0000 utc");
    }
}
