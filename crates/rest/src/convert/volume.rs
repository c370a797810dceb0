//! Volumes → what is told of them.

use engine::volume::Volume;
use engine_api::Timestamp;
use engine_api::volume as api;

/// The only driver there is, and how far its volumes reach.
const LOCAL: &str = "local";

/// One volume.
pub(crate) fn volume(volume: &Volume) -> api::Volume {
    let given = |map: &std::collections::BTreeMap<String, String>| (!map.is_empty()).then(|| map.clone());
    api::Volume {
        created_at: Timestamp::from_ns(volume.created_ns),
        driver: LOCAL.to_owned(),
        labels: given(&volume.labels),
        mountpoint: volume.mountpoint.display().to_string(),
        name: volume.name.clone(),
        options: given(&volume.options),
        scope: LOCAL.to_owned(),
        usage_data: None,
    }
}
