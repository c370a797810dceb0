//! Paths of routes: fixed words and names. One name may span slashes (`/images/registry:5000/a/b/json`), where it is the
//! only one.

/// A path of the API as its definition writes it: `/images/{name}/json`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Pattern(pub(crate) &'static str);

/// The names in a path, in their order.
pub(crate) type Names<'p> = Vec<&'p str>;

impl Pattern {
    /// Fixed text up to the first name, that name's rest of the pattern behind it; without a name all is fixed.
    fn split(self) -> (&'static str, Option<Pattern>) {
        match (self.0.find('{'), self.0.find('}')) {
            (Some(open), Some(close)) => (&self.0[..open], Some(Pattern(&self.0[close + 1..]))),
            _ => (self.0, None),
        }
    }

    /// Only names of images and plugins hold slashes, as in Docker.
    fn is_greedy(self) -> bool {
        ["/images/", "/plugins/", "/distribution/"].iter().any(|start| self.0.starts_with(start))
    }

    /// The names, if the path matches: as many as the pattern has.
    pub(crate) fn matches(self, path: &str) -> Option<Names<'_>> {
        let (before, behind) = self.split();
        let tail = path.strip_prefix(before)?;
        let Some(behind) = behind else { return tail.is_empty().then(Vec::new) };
        if self.is_greedy() {
            let name = tail.strip_suffix(behind.0)?;
            return (!name.is_empty()).then(|| vec![name]);
        }
        let (name, rest) = tail.split_at(tail.find('/').unwrap_or(tail.len()));
        if name.is_empty() {
            return None;
        }
        let mut names = vec![name];
        names.extend(behind.matches(rest)?);
        Some(names)
    }

    /// Fixed words win over names: `/images/json` over `/images/{name}`, `/images/{name}/json` over `/images/{name}`.
    pub(crate) fn weight(self) -> (bool, usize) {
        (self.split().1.is_none(), self.0.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_fixed_words() {
        assert_eq!(Pattern("/info").matches("/info"), Some(vec![]));
        assert_eq!(Pattern("/info").matches("/info/"), None);
        assert_eq!(Pattern("/containers/{id}/json").matches("/containers/web/json"), Some(vec!["web"]));
        assert_eq!(Pattern("/containers/{id}/json").matches("/containers/a/b/json"), None);
        assert_eq!(Pattern("/containers/{id}").matches("/containers/"), None);
        assert_eq!(
            Pattern("/images/{name}/json").matches("/images/r:5000/a/b:1/json"),
            Some(vec!["r:5000/a/b:1"])
        );
        assert!(Pattern("/images/json").weight() > Pattern("/images/{name}/json").weight());
        assert!(Pattern("/images/{name}/json").weight() > Pattern("/images/{name}").weight());
    }

    #[test]
    fn a_path_may_have_two_names() {
        let pattern = Pattern("/containers/{id}/checkpoints/{checkpoint}");
        assert_eq!(pattern.matches("/containers/web/checkpoints/one"), Some(vec!["web", "one"]));
        for other in [
            "/containers/web/checkpoints",
            "/containers/web/checkpoints/",
            "/containers//checkpoints/one",
            "/containers/web/checkpoints/one/more",
        ] {
            assert_eq!(pattern.matches(other), None, "{other}");
        }
    }
}
