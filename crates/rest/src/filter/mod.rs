//! What a list or a stream shows. Pure: filters are judged before anything is listed, and an unknown one is refused by name.

pub(crate) mod event;
pub(crate) mod file;
pub(crate) mod image;
pub(crate) mod label;
pub(crate) mod network;
pub(crate) mod node;
pub(crate) mod pattern;
pub(crate) mod prune;
pub(crate) mod service;
pub(crate) mod task;
pub(crate) mod volume;

use engine_api::Filters;

use crate::failure::Failure;

/// Refuses filters that a list does not know.
pub(crate) fn known(filters: &Filters, names: &[&str]) -> Result<(), Failure> {
    match filters.unknown(names) {
        None => Ok(()),
        Some(name) => Err(Failure::invalid(format!("invalid filter '{name}'"))),
    }
}

/// Reads a filter that says yes or no; absent is `None`.
pub(crate) fn flag(filters: &Filters, name: &str) -> Result<Option<bool>, Failure> {
    let wrong = |value: &str| Failure::invalid(format!("invalid filter '{name}={value}'"));
    let mut found = None;
    for value in filters.get(name) {
        let on = match value.to_ascii_lowercase().as_str() {
            "1" | "true" => true,
            "0" | "false" => false,
            _ => return Err(wrong(value)),
        };
        if found.is_some_and(|before| before != on) {
            return Err(wrong(value));
        }
        found = Some(on);
    }
    Ok(found)
}

/// Whether a filter lets something pass: no value, or one that `fits`.
pub(crate) fn passes(values: &[String], fits: impl FnMut(&String) -> bool) -> bool {
    values.is_empty() || values.iter().any(fits)
}
