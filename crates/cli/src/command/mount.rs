//! `--mount` → the API's object. Pure.

use serde_json::{Map, Value, json};

use crate::flag::mount::Mount;

/// The mount as the API has it; what is not set is left out.
pub(super) fn to_json(mount: &Mount) -> Value {
    let object = |fields: Vec<(&str, Option<Value>)>| {
        let set = fields.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?)));
        Value::Object(set.collect::<Map<_, _>>())
    };
    let pairs = |pairs: &[(String, String)]| {
        let map: std::collections::BTreeMap<_, _> = pairs.iter().cloned().collect();
        (!map.is_empty()).then(|| json!(map))
    };
    let text = |text: &str| (!text.is_empty()).then(|| json!(text));
    let yes = |set: bool| set.then_some(json!(true));
    let recursive = |mode: &str| yes(mount.recursive.as_deref() == Some(mode));
    let options = |fields: Vec<(&str, Option<Value>)>| {
        Some(object(fields)).filter(|o| o.as_object().is_some_and(|o| !o.is_empty()))
    };
    let subpath = mount.subpath.as_ref().map(|path| json!(path));
    let driver = options(vec![
        ("Name", mount.driver.as_ref().map(|name| json!(name))),
        ("Options", pairs(&mount.driver_options)),
    ]);
    let bind = options(vec![
        ("Propagation", mount.propagation.as_ref().map(|mode| json!(mode))),
        ("NonRecursive", recursive("disabled")),
        ("CreateMountpoint", yes(mount.create_source)),
        ("ReadOnlyNonRecursive", recursive("writable")),
        ("ReadOnlyForceRecursive", recursive("readonly")),
    ]);
    let volume = options(vec![
        ("NoCopy", yes(mount.no_copy)),
        ("Labels", pairs(&mount.labels)),
        ("DriverConfig", driver),
        ("Subpath", subpath.clone().filter(|_| mount.kind != "image")),
    ]);
    let tmpfs = options(vec![
        ("SizeBytes", mount.tmpfs_size.map(|size| json!(size))),
        ("Mode", mount.tmpfs_mode.map(|mode| json!(mode))),
        ("Options", (!mount.tmpfs_options.is_empty()).then(|| json!(tmpfs_options(&mount.tmpfs_options)))),
    ]);
    object(vec![
        ("Type", text(&mount.kind)),
        ("Source", text(&mount.source)),
        ("Target", text(&mount.target)),
        ("ReadOnly", yes(mount.read_only)),
        ("Consistency", text(&mount.consistency)),
        ("BindOptions", bind),
        ("VolumeOptions", volume),
        ("ImageOptions", options(vec![("Subpath", subpath.filter(|_| mount.kind == "image"))])),
        ("TmpfsOptions", tmpfs),
    ])
}

/// The API has each option as one word, or as a key and its value.
fn tmpfs_options(options: &[String]) -> Vec<Vec<&str>> {
    options.iter().map(|option| option.splitn(2, '=').collect()).collect()
}
