//! Filters of what is pruned: by age and by labels. Pure.

use std::collections::BTreeMap;

use engine_api::Filters;

use super::{known, label};
use crate::convert::time;
use crate::failure::Failure;

const NAMES: [&str; 3] = ["label", "label!", "until"];

/// What may be pruned.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    /// Only what is older, in nanoseconds since the epoch.
    until_ns: Option<i64>,
    labels: Vec<String>,
    without: Vec<String>,
}

impl Filter {
    /// Reads the filters; durations are counted back from `now_ns`.
    pub(crate) fn new(filters: &Filters, now_ns: i64) -> Result<Self, Failure> {
        known(filters, &NAMES)?;
        let until_ns = match filters.get("until") {
            [] => None,
            [one] => Some(time::before(one, now_ns)?),
            _ => return Err(Failure::invalid("more than one until filter specified")),
        };
        let all = |name: &str| filters.get(name).to_vec();
        Ok(Self { until_ns, labels: all("label"), without: all("label!") })
    }

    /// Whether something made at a time, with these labels, may go.
    pub(crate) fn fits(&self, created_ns: i64, labels: &BTreeMap<String, String>) -> bool {
        let has = |wish: &String| label::fits(std::slice::from_ref(wish), labels);
        self.until_ns.is_none_or(|until| created_ns < until)
            && self.labels.iter().all(has)
            && !self.without.iter().any(has)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_age_and_labels() {
        let labels = BTreeMap::from([("keep".to_owned(), "yes".to_owned())]);
        let fits = |filters: &str, created_ns| {
            let filters = Filters::parse(filters).expect("json");
            Filter::new(&filters, 100_000_000_000).expect("filter").fits(created_ns, &labels)
        };
        assert!(fits("{}", 5));
        assert!(
            fits(r#"{"until":["10s"]}"#, 89_000_000_000) && !fits(r#"{"until":["10s"]}"#, 91_000_000_000)
        );
        assert!(fits(r#"{"until":["50"]}"#, 49_000_000_000) && !fits(r#"{"until":["50"]}"#, 51_000_000_000));
        assert!(fits(r#"{"label":["keep"]}"#, 1) && !fits(r#"{"label":["keep=no"]}"#, 1));
        assert!(fits(r#"{"label!":["keep=no"]}"#, 1) && !fits(r#"{"label!":["keep"]}"#, 1));
    }

    #[test]
    fn what_is_not_known_is_refused() {
        let new = |filters: &str| Filter::new(&Filters::parse(filters).expect("json"), 1);
        assert_eq!(new(r#"{"foo":["a"]}"#).expect_err("unknown").message, "invalid filter 'foo'");
        assert!(new(r#"{"until":["soon"]}"#).is_err());
        assert!(new(r#"{"until":["1h","2h"]}"#).is_err());
    }
}
