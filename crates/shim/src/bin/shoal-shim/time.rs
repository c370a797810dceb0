//! The time of day, and how the log writes it. Pure but for [`now_ns`].

use std::time::{SystemTime, UNIX_EPOCH};

const NS_PER_SECOND: i64 = 1_000_000_000;
const SECONDS_PER_DAY: i64 = 86_400;

/// Nanoseconds since the epoch.
pub(crate) fn now_ns() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos() as i64)
}

/// RFC 3339 in UTC with nanoseconds: `2026-11-21T09:08:07.000000001Z`. The time is not before the epoch.
pub(crate) fn rfc3339(ns: i64) -> String {
    let seconds = ns.div_euclid(NS_PER_SECOND);
    let (day, second) = (seconds.div_euclid(SECONDS_PER_DAY), seconds.rem_euclid(SECONDS_PER_DAY));
    let (year, month, day) = civil(day);
    format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:09}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        ns.rem_euclid(NS_PER_SECOND)
    )
}

/// Day since the epoch to year, month, day in the Gregorian calendar, by counting from the first of March, so
/// that a leap day is the last day of its year.
fn civil(day: i64) -> (i64, i64, i64) {
    const DAYS_TO_EPOCH: i64 = 719_468;
    const DAYS_PER_400_YEARS: i64 = 146_097;
    let day = day + DAYS_TO_EPOCH;
    let era = day.div_euclid(DAYS_PER_400_YEARS);
    let day_of_era = day.rem_euclid(DAYS_PER_400_YEARS);
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted_month = (5 * day_of_year + 2) / 153;
    let day_of_month = day_of_year - (153 * shifted_month + 2) / 5 + 1;
    let month = if shifted_month < 10 { shifted_month + 3 } else { shifted_month - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    (year, month, day_of_month)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn known_days() {
        assert_eq!(rfc3339(0), "1970-01-01T00:00:00.000000000Z");
        assert_eq!(rfc3339(951_782_400 * NS_PER_SECOND + 5), "2000-02-29T00:00:00.000000005Z");
        assert_eq!(rfc3339(1_795_252_087 * NS_PER_SECOND), "2026-11-21T09:08:07.000000000Z");
    }

    #[test]
    fn every_day_follows_the_one_before() {
        let mut last = civil(0);
        for day in 1..200_000 {
            let this = civil(day);
            assert!(this > last, "{this:?} after {last:?}");
            assert!((1..=12).contains(&this.1) && (1..=31).contains(&this.2));
            last = this;
        }
    }
}
