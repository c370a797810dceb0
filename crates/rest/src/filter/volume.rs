//! Which volumes a list shows, and which a prune takes.

use engine::volume::{ANONYMOUS_LABEL, Volume};
use engine_api::Filters;

use super::{flag, known, label, passes};
use crate::failure::Failure;
use crate::http::version::Version;

const LISTED: [&str; 4] = ["dangling", "driver", "label", "name"];
const PRUNED: [&str; 3] = ["all", "label", "label!"];
/// The only driver there is.
const LOCAL: &str = "local";
/// Since this version a prune takes only volumes that nobody named, unless it is told otherwise.
const ANONYMOUS_SINCE: u16 = 42;

/// Filters of the list.
#[derive(Debug)]
pub(crate) struct Listed {
    filters: Filters,
    dangling: Option<bool>,
}

impl Listed {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &LISTED)?;
        Ok(Self { dangling: flag(&filters, "dangling")?, filters })
    }

    /// Whether the list shows a volume; `is_used` is asked only if it matters.
    pub(crate) fn shows(&self, volume: &Volume, is_used: impl FnOnce() -> bool) -> bool {
        passes(self.filters.get("driver"), |wish| wish == LOCAL)
            && passes(self.filters.get("name"), |wish| volume.name.contains(wish.as_str()))
            && label::fits(self.filters.get("label"), &volume.labels)
            && self.dangling.is_none_or(|dangling| dangling != is_used())
    }
}

/// Filters of a prune.
#[derive(Debug)]
pub(crate) struct Pruned {
    filters: Filters,
    all: bool,
}

impl Pruned {
    pub(crate) fn new(filters: Filters, version: Version) -> Result<Self, Failure> {
        known(&filters, &PRUNED)?;
        let all = flag(&filters, "all")?.unwrap_or(!version.since(ANONYMOUS_SINCE));
        Ok(Self { all, filters })
    }

    /// Whether a volume that nobody uses goes.
    pub(crate) fn takes(&self, volume: &Volume) -> bool {
        let unwanted = self.filters.get("label!");
        (self.all || volume.labels.contains_key(ANONYMOUS_LABEL))
            && label::fits(self.filters.get("label"), &volume.labels)
            && (unwanted.is_empty() || !label::fits(unwanted, &volume.labels))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn volume(name: &str, labels: &[(&str, &str)]) -> Volume {
        let labels = labels.iter().map(|(key, value)| ((*key).into(), (*value).into())).collect();
        Volume { name: name.into(), labels, ..Volume::default() }
    }

    fn filters(pairs: &[(&str, &str)]) -> Filters {
        let mut filters = Filters::default();
        pairs.iter().for_each(|(name, value)| filters.add(*name, *value));
        filters
    }

    #[test]
    fn lists() {
        let data = volume("my-data", &[("a", "1")]);
        let shows = |pairs: &[(&str, &str)], used| Listed::new(filters(pairs)).unwrap().shows(&data, || used);
        assert!(shows(&[], true) && shows(&[("name", "data"), ("label", "a=1")], true));
        assert!(!shows(&[("name", "x")], true) && !shows(&[("driver", "nfs")], true));
        assert!(shows(&[("dangling", "true")], false) && !shows(&[("dangling", "true")], true));
        assert!(shows(&[("dangling", "0")], true) && !shows(&[("dangling", "0")], false));
        assert!(Listed::new(filters(&[("size", "1")])).is_err());
    }

    #[test]
    fn a_prune_spares_what_somebody_named() {
        let (named, own) = (volume("data", &[("a", "1")]), volume("0", &[(ANONYMOUS_LABEL, "")]));
        let takes = |pairs: &[(&str, &str)], volume: &Volume| {
            Pruned::new(filters(pairs), Version::NEWEST).unwrap().takes(volume)
        };
        assert!(takes(&[], &own) && !takes(&[], &named));
        assert!(takes(&[("all", "1")], &named) && !takes(&[("all", "true"), ("label!", "a")], &named));
    }
}
