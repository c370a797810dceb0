//! The containers that run when the engine opens, as the crate `network` wants them told.

use crate::config::EngineConfig;
use crate::file::{self, Dns};
use crate::plan;
use crate::record::Record;
use crate::spec::HostConfig;
use network::Live;

/// `None` for one that has no place on any network.
pub(crate) fn live(config: &EngineConfig, record: &Record) -> Option<Live> {
    if record.endpoints.is_empty() {
        return None;
    }
    Some(Live {
        container_id: record.id.clone(),
        container_name: record.name.clone(),
        pid: record.state.pid,
        endpoints: record.endpoints.clone(),
        // They were judged before the container was made.
        ports: plan::ports(&record.spec).unwrap_or_default(),
        // Only networks that somebody made know names.
        dns: record
            .endpoints
            .iter()
            .any(|endpoint| !endpoint.dns_names.is_empty())
            .then(|| dns(config, &record.spec.host).resolver()),
    })
}

/// Whom a container asks for names.
pub(crate) fn dns(config: &EngineConfig, host: &HostConfig) -> Dns {
    let text = file::read_host_resolv_conf(&config.host_resolv_conf);
    Dns::of(&text, host, [config.dns.as_slice(), &config.dns_search, &config.dns_options])
}
