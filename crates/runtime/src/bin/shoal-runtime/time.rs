//! Moments as RFC 3339 writes them, in UTC. Pure.

use std::time::{SystemTime, UNIX_EPOCH};

const SECONDS_PER_DAY: u64 = 86_400;
/// From the first of March of year 0 to the epoch.
const DAYS_TO_EPOCH: u64 = 719_468;
/// Every 400 years the calendar repeats itself.
const DAYS_PER_ERA: u64 = 146_097;

/// `2026-01-02T03:04:05.000000006Z`. Before the epoch: the epoch.
pub(crate) fn rfc3339(moment: SystemTime) -> String {
    let since = moment.duration_since(UNIX_EPOCH).unwrap_or_default();
    let (days, second) = (since.as_secs() / SECONDS_PER_DAY, since.as_secs() % SECONDS_PER_DAY);
    let (year, month, day) = date(days);
    let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
    let nanos = since.subsec_nanos();
    format!("{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}.{nanos:09}Z")
}

/// Year, month and day of the day with this number since the epoch. Years begin in March here, so that the leap day is
/// their last.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + DAYS_TO_EPOCH;
    let (era, day) = (days / DAYS_PER_ERA, days % DAYS_PER_ERA);
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let day = day - (153 * month + 2) / 5 + 1;
    let (month, next) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    (era * 400 + year + next, month, day)
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn leap_days_and_turns_of_years() {
        let at = |seconds| rfc3339(UNIX_EPOCH + Duration::new(seconds, 6));
        assert_eq!(at(0), "1970-01-01T00:00:00.000000006Z");
        assert_eq!(at(951_782_400), "2000-02-29T00:00:00.000000006Z");
        assert_eq!(at(1_767_225_599), "2025-12-31T23:59:59.000000006Z");
        assert_eq!(at(1_767_225_600), "2026-01-01T00:00:00.000000006Z");
    }
}
