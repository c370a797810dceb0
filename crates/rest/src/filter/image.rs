//! Which images a list shows.

use engine_api::Filters;
use image::Image;

use super::pattern::glob;
use super::{flag, known, label, passes};
use crate::convert;
use crate::failure::Failure;

const NAMES: [&str; 6] = ["before", "dangling", "label", "reference", "since", "until"];

/// Filters of the list of images. Times of other images have been looked up by the caller.
#[derive(Debug, Default)]
pub(crate) struct Filter {
    filters: Filters,
    dangling: Option<bool>,
    /// Only images made before this time, nanoseconds.
    pub(crate) before_ns: Option<i64>,
    /// Only images made after this time, nanoseconds.
    pub(crate) since_ns: Option<i64>,
}

impl Filter {
    pub(crate) fn new(filters: Filters) -> Result<Self, Failure> {
        known(&filters, &NAMES)?;
        let mut before_ns = None;
        for text in filters.get("until") {
            before_ns = convert::time::moment("until", text)?;
        }
        Ok(Self { dangling: flag(&filters, "dangling")?, filters, before_ns, since_ns: None })
    }

    /// The values of a filter that names other images.
    pub(crate) fn references(&self, name: &str) -> &[String] {
        self.filters.get(name)
    }

    /// Whether the list shows an image; `created_ns` is when it was made. One that others were built from (`is_between`) and
    /// that has no name is shown only with `all`, and is never dangling.
    pub(crate) fn shows(&self, image: &Image, created_ns: i64, is_between: bool, all: bool) -> bool {
        let names = || image.repo_tags.iter().chain(&image.repo_digests);
        let is_hidden = is_between && names().next().is_none();
        (all || !is_hidden)
            && match self.dangling {
                None => true,
                Some(true) => image.repo_tags.is_empty() && !is_hidden,
                Some(false) => names().next().is_some(),
            }
            && label::fits(self.filters.get("label"), image.labels())
            && self.before_ns.is_none_or(|time| created_ns < time)
            && self.since_ns.is_none_or(|time| created_ns > time)
            && passes(self.filters.get("reference"), |wish| names().any(|name| fits_reference(wish, name)))
    }

    /// Of an image that is shown, the names that are: all, or those that a filter by reference asks for.
    pub(crate) fn names<'n>(&self, names: &'n [String]) -> impl Iterator<Item = &'n String> {
        let wishes = self.filters.get("reference").to_vec();
        names.iter().filter(move |name| passes(&wishes, |wish| fits_reference(wish, name)))
    }
}

/// A wish is a glob of the name, with or without tag or digest.
fn fits_reference(wish: &str, name: &str) -> bool {
    let bare =
        name.split_once('@').map(|(bare, _)| bare).or_else(|| name.rsplit_once(':').map(|(bare, _)| bare));
    glob(wish, name) || bare.is_some_and(|bare| glob(wish, bare))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn references_fit_with_and_without_tag() {
        assert!(
            fits_reference("busybox", "busybox:latest") && fits_reference("busy*:lat*", "busybox:latest")
        );
        assert!(fits_reference("a/*", "a/b@sha256:00") && !fits_reference("busybox:1", "busybox:latest"));
    }

    #[test]
    fn unknown_filters_are_refused() {
        assert!(Filter::new(Filters::parse(r#"{"color":["red"]}"#).expect("json")).is_err());
        assert!(Filter::new(Filters::parse(r#"{"dangling":["maybe"]}"#).expect("json")).is_err());
    }
}
