//! Networks of the swarm: proto ↔ model.

use std::collections::BTreeMap;

use ::http::StatusCode;
use engine_api::Timestamp;
use engine_api::network::{Ipam, IpamConfig, Network, NetworkCreateRequest};
use network::{Driver, LOCAL_SCOPE, SWARM_SCOPE};
use swarm_api::{naming, pb};

use super::network::{IPV4_SINCE, STATUS_SINCE};
use crate::failure::Failure;
use crate::http::version::Version;

/// The driver whose networks are the swarm's.
pub(crate) const OVERLAY: &str = "overlay";
/// Networks that a manager has from the beginning.
const SWARMS_OWN: [&str; 3] = ["bridge", "host", "ingress"];
/// The name of whichever network a container gets that asks for none.
const DEFAULT: &str = "default";
/// The number of a network's packets, as Docker tells it among the options.
const VNI_OPTION: &str = "com.docker.network.driver.overlay.vxlanid_list";

/// Whether what is asked for is a network of the swarm.
pub(crate) fn is_swarms(asked: &NetworkCreateRequest) -> bool {
    asked.driver == OVERLAY || asked.scope == SWARM_SCOPE
}

/// Refuses a name that a manager knows as one of the swarm's own, or of those that every node has for itself.
pub(crate) fn refuse_taken(name: &str) -> Result<(), Failure> {
    if SWARMS_OWN.contains(&name) {
        return Err(Failure::new(StatusCode::CONFLICT, format!("network with name {name} already exists")));
    }
    Ok(())
}

/// What is asked of a new network of the swarm. Refused as dockerd does, with its status codes.
pub(crate) fn request(asked: NetworkCreateRequest) -> Result<pb::NetworkSpec, Failure> {
    refuse_predefined(&asked.name)?;
    if asked.scope == LOCAL_SCOPE {
        let words = format!("cannot downgrade network scope for {OVERLAY} networks");
        return Err(Failure::new(StatusCode::FORBIDDEN, words));
    }
    if !matches!(asked.driver.as_str(), "" | OVERLAY) {
        let driver: Driver = asked.driver.parse()?;
        return Err(Failure::missing(format!(
            "a network of the driver {driver} with the scope {SWARM_SCOPE}"
        )));
    }
    if asked.enable_ipv4 == Some(false) {
        return Err(Failure::missing("a network of the swarm without IPv4"));
    }
    // Nothing is taken in that nobody reads.
    if let Some((option, _)) = asked.options.iter().next() {
        return Err(Failure::missing(format!("the option {option} of networks of the swarm")));
    }
    let ipam = asked.ipam.unwrap_or_default();
    if let Some(option) = ipam.options.iter().flat_map(BTreeMap::keys).next() {
        return Err(Failure::missing(format!("the address option {option} of networks of the swarm")));
    }
    Ok(pb::NetworkSpec {
        annotations: Some(pb::Annotations { name: asked.name, labels: asked.labels.into_iter().collect() }),
        driver: if asked.driver.is_empty() { OVERLAY.to_owned() } else { asked.driver },
        driver_options: Default::default(),
        internal: asked.internal,
        attachable: asked.attachable,
        ingress: false,
        enable_ipv6: asked.enable_ipv6.unwrap_or(false),
        ipam_driver: ipam.driver,
        subnets: ipam.config.into_iter().map(subnet).collect::<Result<_, _>>()?,
    })
}

fn refuse_predefined(name: &str) -> Result<(), Failure> {
    if naming::is_network_of_nodes(name) || name == DEFAULT {
        let words = format!("operation is not permitted on predefined {name} network");
        return Err(Failure::new(StatusCode::FORBIDDEN, words));
    }
    Ok(())
}

fn subnet(asked: IpamConfig) -> Result<pb::Subnet, Failure> {
    if !asked.auxiliary_addresses.is_empty() {
        return Err(Failure::missing("an auxiliary address of networks of the swarm"));
    }
    Ok(pb::Subnet { subnet: asked.subnet, range: asked.ip_range, gateway: asked.gateway })
}

/// A network of the swarm, as it is told in lists.
pub(crate) fn told(network: pb::Network, version: Version) -> Network {
    let spec = network.spec.unwrap_or_default();
    let annotations = spec.annotations.unwrap_or_default();
    let meta = network.meta.unwrap_or_default();
    let config = network.subnets.into_iter().map(|subnet| IpamConfig {
        subnet: subnet.subnet,
        ip_range: subnet.range,
        gateway: subnet.gateway,
        auxiliary_addresses: BTreeMap::new(),
    });
    let mut options: BTreeMap<String, String> = spec.driver_options.into_iter().collect();
    if network.vni != 0 {
        options.insert(VNI_OPTION.to_owned(), network.vni.to_string());
    }
    Network {
        name: annotations.name,
        id: network.id,
        created: Timestamp::from_ns_or_never(meta.created_at_ns),
        scope: SWARM_SCOPE.to_owned(),
        driver: spec.driver,
        enable_ipv4: version.since(IPV4_SINCE).then_some(true),
        enable_ipv6: spec.enable_ipv6,
        internal: spec.internal,
        attachable: spec.attachable,
        ipam: Ipam { driver: "default".to_owned(), options: None, config: config.collect() },
        containers: (!version.since(STATUS_SINCE)).then(BTreeMap::new),
        options,
        labels: annotations.labels.into_iter().collect(),
        ..Network::default()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_nobody_would_read_is_refused() {
        let asked = || NetworkCreateRequest { driver: OVERLAY.into(), ..NetworkCreateRequest::default() };
        assert!(is_swarms(&asked()) && request(asked()).is_ok());
        let options = BTreeMap::from([("encrypted".to_owned(), String::new())]);
        let refused = request(NetworkCreateRequest { options, ..asked() }).unwrap_err();
        assert_eq!(refused.status.as_u16(), 501);
        assert!(refused.message.contains("encrypted"), "{}", refused.message);
    }

    #[test]
    fn refusals_have_dockers_status_codes() {
        let asked = |name: &str, driver: &str, scope: &str| NetworkCreateRequest {
            name: name.into(),
            driver: driver.into(),
            scope: scope.into(),
            ..NetworkCreateRequest::default()
        };
        let code = |asked: NetworkCreateRequest| {
            refuse_taken(&asked.name)
                .and_then(|()| request(asked))
                .map_or_else(|f| f.status.as_u16(), |_| 201)
        };
        for (name, driver, scope, expected) in [
            ("web", "overlay", "", 201),
            ("web", "", "swarm", 201),
            ("web", "overlay", "local", 403),
            ("web", "weave", "swarm", 404),
            ("web", "bridge", "swarm", 501),
            ("none", "overlay", "", 403),
            ("default", "overlay", "", 403),
            ("host", "overlay", "", 409),
            ("ingress", "overlay", "", 409),
        ] {
            assert_eq!(code(asked(name, driver, scope)), expected, "{name} {driver} {scope}");
        }
        let elsewhere = request(asked("host", "overlay", "")).expect_err("a worker has such a network too");
        assert_eq!(elsewhere.status.as_u16(), 403);
    }

    #[test]
    fn a_network_is_told_with_what_it_was_given() {
        let spec = request(NetworkCreateRequest {
            name: "web".into(),
            driver: OVERLAY.into(),
            internal: true,
            labels: BTreeMap::from([("a".to_owned(), "b".to_owned())]),
            ..NetworkCreateRequest::default()
        });
        let subnet =
            pb::Subnet { subnet: "10.0.1.0/24".into(), gateway: "10.0.1.1".into(), ..Default::default() };
        let network = pb::Network {
            id: "n".into(),
            spec: Some(spec.unwrap()),
            subnets: vec![subnet],
            vni: 4097,
            ..Default::default()
        };
        let told = told(network, Version::NEWEST);
        assert_eq!((told.name.as_str(), told.scope.as_str(), told.internal), ("web", "swarm", true));
        assert_eq!(told.ipam.config[0].subnet, "10.0.1.0/24");
        assert_eq!((told.options[VNI_OPTION].as_str(), told.labels["a"].as_str()), ("4097", "b"));
    }
}
