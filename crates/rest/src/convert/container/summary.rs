//! One container's record → its entry in a list.

use std::collections::HashMap;
use std::sync::Arc;

use engine::Record;
use engine_api::container::{ContainerSummary, HostConfigSummary, NetworkSummary};
use image::Image;

use super::{health, host, inspect, network};
use crate::http::version::Version;

const SECOND_NS: i64 = 1_000_000_000;
/// Since this version a list tells health.
const HEALTH_SINCE: u16 = 52;

/// Which image each name means now.
#[derive(Debug, Default)]
pub(crate) struct ImageNames(HashMap<String, String>);

impl ImageNames {
    pub(crate) fn new(images: &[Arc<Image>]) -> Self {
        let names = |image: &Arc<Image>| {
            let id = image.id.clone();
            let names: Vec<_> = image.repo_tags.iter().chain(&image.repo_digests).cloned().collect();
            names.into_iter().map(move |name| (name, id.clone()))
        };
        Self(images.iter().flat_map(names).collect())
    }

    /// The name a container was made from, or the image's id once that name is gone or means another image.
    fn shown(&self, record: &Record) -> String {
        let asked = record.spec.image.as_str();
        let name =
            ["docker.io/library/", "docker.io/"].iter().find_map(|p| asked.strip_prefix(p)).unwrap_or(asked);
        let means = |name: &str| self.0.get(name) == Some(&record.image_id);
        let digits = asked.strip_prefix("sha256:").unwrap_or(asked);
        let is_id = record.image_id.strip_prefix("sha256:").unwrap_or_default().starts_with(digits);
        if means(name) || means(&format!("{name}:latest")) || is_id {
            asked.to_owned()
        } else {
            record.image_id.clone()
        }
    }
}

/// The entry of a container; `now_ns` tells how long it has been up.
pub(crate) fn summary(
    record: &Record,
    names: &ImageNames,
    version: Version,
    now_ns: i64,
) -> ContainerSummary {
    let health = health::summary(record.state.health.as_ref());
    ContainerSummary {
        id: record.id.clone(),
        names: vec![format!("/{}", record.name)],
        image: names.shown(record),
        image_id: record.image_id.clone(),
        command: record.command_line(),
        created: record.created_ns.div_euclid(SECOND_NS),
        ports: network::port_summaries(record),
        labels: record.spec.config.labels.clone(),
        state: record.state.status.to_string(),
        status: record.state.describe(now_ns),
        host_config: HostConfigSummary {
            network_mode: host::network_mode(&record.spec.host.network_mode),
            ..HostConfigSummary::default()
        },
        network_settings: NetworkSummary { networks: network::endpoints(record, version) },
        mounts: inspect::mounts(record),
        health: version.since(HEALTH_SINCE).then_some(health),
        ..ContainerSummary::default()
    }
}
