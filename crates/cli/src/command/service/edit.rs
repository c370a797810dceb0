//! How `service update` changes the lists and maps of a specification: what is removed goes, what is added replaces its like.

use serde_json::{Value, json};

use super::spec::{at, set};

/// Changes an object of texts.
pub(super) fn map(spec: &mut Value, path: &[&str], add: &[(String, String)], remove: &[String]) {
    if add.is_empty() && remove.is_empty() {
        return;
    }
    let place = at(spec, path);
    for (key, value) in add {
        set(place, &[key], Some(value));
    }
    if let Some(entries) = place.as_object_mut() {
        // As in Docker, adding wins over removing.
        entries.retain(|key, _| !remove.contains(key) || add.iter().any(|(added, _)| added == key));
    }
}

/// Changes a list whose items are told apart by `key`.
pub(super) fn list(
    spec: &mut Value,
    path: &[&str],
    add: Vec<Value>,
    remove: &[Value],
    key: &dyn Fn(&Value) -> Value,
) {
    if add.is_empty() && remove.is_empty() {
        return;
    }
    let place = at(spec, path);
    let mut items = place.as_array().cloned().unwrap_or_default();
    items.retain(|item| !remove.contains(&key(item)));
    for item in add {
        match items.iter_mut().find(|known| key(known) == key(&item)) {
            Some(known) => *known = item,
            None => items.push(item),
        }
    }
    *place = json!(items);
}

/// Changes a list of texts that are told apart as they are.
pub(super) fn texts(spec: &mut Value, path: &[&str], add: &[String], remove: &[String]) {
    let values = |items: &[String]| items.iter().map(|item| json!(item)).collect::<Vec<_>>();
    list(spec, path, values(add), &values(remove), &Value::clone);
}
