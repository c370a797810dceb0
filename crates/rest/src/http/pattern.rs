//! Paths of routes: fixed words and one name, which may span slashes (`/images/registry:5000/a/b/json`).

/// A path of the API as its definition writes it: `/images/{name}/json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern(pub(crate) &'static str);

impl Pattern {
    /// The words before the name and those behind it; without a name all stand before.
    fn halves(self) -> (&'static str, Option<(&'static str, bool)>) {
        match (self.0.find('{'), self.0.find('}')) {
            (Some(open), Some(close)) => {
                // Only names of images and plugins hold slashes, as in Docker.
                let greedy = self.0.starts_with("/images/")
                    || self.0.starts_with("/plugins/")
                    || self.0.starts_with("/distribution/");
                (&self.0[..open], Some((&self.0[close + 1..], greedy)))
            }
            _ => (self.0, None),
        }
    }

    /// The name, empty where the pattern has none, if the path matches.
    pub(crate) fn matches(self, path: &str) -> Option<&str> {
        let (before, behind) = self.halves();
        let tail = path.strip_prefix(before)?;
        let Some((behind, greedy)) = behind else { return tail.is_empty().then_some("") };
        let name = tail.strip_suffix(behind)?;
        (!name.is_empty() && (greedy || !name.contains('/'))).then_some(name)
    }

    /// Fixed words win over names: `/images/json` over `/images/{name}`, `/images/{name}/json` over `/images/{name}`.
    pub(crate) fn weight(self) -> (bool, usize) {
        (self.halves().1.is_none(), self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fixed_words() {
        assert_eq!(Pattern("/info").matches("/info"), Some(""));
        assert_eq!(Pattern("/info").matches("/info/"), None);
        assert_eq!(Pattern("/containers/{id}/json").matches("/containers/web/json"), Some("web"));
        assert_eq!(Pattern("/containers/{id}/json").matches("/containers/a/b/json"), None);
        assert_eq!(Pattern("/containers/{id}").matches("/containers/"), None);
        assert_eq!(Pattern("/images/{name}/json").matches("/images/r:5000/a/b:1/json"), Some("r:5000/a/b:1"));
        assert!(Pattern("/images/json").weight() > Pattern("/images/{name}/json").weight());
        assert!(Pattern("/images/{name}/json").weight() > Pattern("/images/{name}").weight());
    }
}
