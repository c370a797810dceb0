//! Filters by label: `name` or `name=value`; all of them must fit.

use std::collections::BTreeMap;

/// Whether the labels fit every wish.
pub(crate) fn fits(wishes: &[String], labels: &BTreeMap<String, String>) -> bool {
    wishes.iter().all(|wish| fits_one(wish, |name| labels.get(name).map(String::as_str)))
}

/// Whether labels, looked up by name, fit one wish.
pub(crate) fn fits_one<'l>(wish: &str, label: impl Fn(&str) -> Option<&'l str>) -> bool {
    match wish.split_once('=') {
        Some((name, value)) => label(name) == Some(value),
        None => label(wish).is_some(),
    }
}
