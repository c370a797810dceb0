//! The parts that list filters have in common: an empty list lets all pass, else any match is enough.

use std::collections::{BTreeSet, HashMap};

/// Ids and names match by their beginning, as Docker's filters do.
pub(super) fn begins(value: &str, beginnings: &[String]) -> bool {
    beginnings.is_empty() || beginnings.iter().any(|beginning| value.starts_with(beginning.as_str()))
}

/// `key` asks that the label is there, `key=value` also what it is. All labels must match, as with Docker.
pub(super) fn labels(labels: &HashMap<String, String>, wanted: &[String]) -> bool {
    wanted.iter().all(|wanted| match wanted.split_once('=') {
        None => labels.contains_key(wanted),
        Some((key, value)) => labels.get(key).is_some_and(|label| label == value),
    })
}

/// One of the ids that references were resolved to; `None` when there was no filter.
pub(super) fn among(value: &str, ids: Option<&BTreeSet<String>>) -> bool {
    ids.is_none_or(|ids| ids.contains(value))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn empty_filters_let_all_pass() {
        assert!(begins("x", &[]) && labels(&HashMap::new(), &[]) && among("x", None));
        assert!(!among("x", Some(&BTreeSet::new())));
    }

    #[test]
    fn labels_by_key_and_by_value() {
        let have = HashMap::from([("a".to_owned(), "1".to_owned())]);
        let wanted = |text: &[&str]| text.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        assert!(labels(&have, &wanted(&["a"])) && labels(&have, &wanted(&["a=1"])));
        assert!(!labels(&have, &wanted(&["a=2"])) && !labels(&have, &wanted(&["a", "b"])));
    }
}
