//! The networks of a container that starts: found, asked for places, told to its files.

use super::checkpoint::Origin;
use crate::error::{Error, Result};
use crate::file::{self, ResolvConf};
use crate::plan::{EndpointPlan, HostAddress, Link, Plan};
use crate::record::{Record, short};
use crate::shared::Shared;
use crate::spec::{EndpointSpec, NetworkMode};
use network::{AttachRequest, Driver, Endpoint, NetworkRecord};
use std::collections::BTreeMap;
use std::net::IpAddr;

/// The network whose bridge is the host's face to all containers.
const BRIDGE: &str = "bridge";

/// One network of the container, and what is wanted of it.
#[derive(Debug, Clone)]
pub(super) struct Found {
    pub(super) network: NetworkRecord,
    pub(super) plan: EndpointPlan,
}

/// Finds all of them, in order.
///
/// # Errors
/// For the first one that is gone.
pub(super) async fn find(shared: &Shared, plan: &Plan) -> Result<Vec<Found>> {
    let mut all = Vec::with_capacity(plan.endpoints.len());
    for plan in &plan.endpoints {
        match shared.network.find(&plan.network).await {
            Ok(network) => {
                may_choose(&network, plan)?;
                all.push(Found { network, plan: plan.clone() });
            }
            // A daemon without a default bridge: whoever asks for no network in particular has none.
            Err(network::Error::NoSuchNetwork(_)) if plan.network == BRIDGE => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(all)
}

/// Addresses are chosen only where somebody chose the subnet: another one may be there tomorrow.
pub(super) fn may_choose(network: &NetworkRecord, plan: &EndpointPlan) -> Result<()> {
    if network.user_subnets || (plan.ipv4.is_none() && plan.ipv6.is_none()) {
        return Ok(());
    }
    Err(conflict(
        "user specified IP address is supported only when connecting to networks with user configured subnets",
    ))
}

/// The same networks as the record has them: by their names, with their ids.
pub(super) fn settled(record: &Record, found: &[Found]) -> BTreeMap<String, EndpointSpec> {
    let wanted = |found: &Found| {
        let mut wanted = record.spec.networks.get(&found.plan.network).cloned().unwrap_or_default();
        wanted.network_id.clone_from(&found.network.id);
        (found.network.name.clone(), wanted)
    };
    found.iter().map(wanted).collect()
}

/// Whether the container's names are looked up by the embedded server.
pub(super) fn is_own(network: &NetworkRecord) -> bool {
    !network.predefined && network.driver.has_addresses()
}

/// What the container's resolv.conf holds.
pub(super) fn resolv_conf(record: &Record, found: &[Found]) -> ResolvConf {
    match record.spec.host.network_mode {
        NetworkMode::Host => ResolvConf::Host,
        _ if found.iter().any(|found| is_own(&found.network)) => ResolvConf::Embedded,
        _ => ResolvConf::Own,
    }
}

/// What is asked of the networks that give addresses.
pub(super) fn request(
    shared: &Shared,
    record: &Record,
    ports: &[network::PortBinding],
    found: &Found,
) -> AttachRequest {
    let Found { network, plan } = found;
    AttachRequest {
        container_id: record.id.clone(),
        container_name: record.name.clone(),
        network: network.id.clone(),
        ports: ports.to_vec(),
        mac: plan.mac,
        ipv4: plan.ipv4,
        ipv6: plan.ipv6,
        aliases: plan.aliases.clone(),
        dns_names: if is_own(network) { dns_names(record, &plan.aliases) } else { Vec::new() },
        links: links(shared, &plan.links),
        driver_opts: plan.driver_opts.clone(),
        gw_priority: plan.gw_priority,
    }
}

/// The names by which others on a network find the container.
pub(super) fn dns_names(record: &Record, aliases: &[String]) -> Vec<String> {
    let hostname = &record.spec.config.hostname;
    let own = [record.name.as_str()].into_iter().chain(aliases.iter().map(String::as_str));
    let mut names: Vec<String> = Vec::new();
    for name in own.chain([short(&record.id), hostname]) {
        if !name.is_empty() && !names.iter().any(|known| known == name) {
            names.push(name.to_owned());
        }
    }
    names
}

/// Names that only this container has, and whom they mean. Whom nobody knows yet nobody finds.
fn links(shared: &Shared, links: &[Link]) -> BTreeMap<String, String> {
    let index = shared.index();
    let meant = |link: &Link| {
        let target = index.find(&link.target).ok()?.snapshots.borrow().id.clone();
        Some((link.alias.clone(), target))
    };
    links.iter().filter_map(meant).collect()
}

/// Asks for all places at once.
pub(super) async fn allocate(
    shared: &Shared,
    record: &Record,
    plan: &Plan,
    found: &[Found],
    origin: Option<&Origin>,
) -> Result<Vec<Endpoint>> {
    let addressed = found.iter().filter(|found| found.network.driver.has_addresses());
    let mut requests: Vec<_> = addressed.map(|found| request(shared, record, &plan.ports, found)).collect();
    let Some(first) = requests.first_mut() else { return Ok(Vec::new()) };
    if let (None, Some(address)) = (first.ipv4, origin.and_then(|origin| origin.address)) {
        // With the address that they belong to connections can go on. Another may have it by now.
        first.ipv4 = Some(address);
        if let Ok(endpoints) = shared.network.allocate(requests.clone()).await {
            return Ok(endpoints);
        }
        requests[0].ipv4 = None;
    }
    Ok(shared.network.allocate(requests).await?)
}

/// What `host-gateway` means for the container: the host's address on the default bridge, else on a network of its own.
pub(super) async fn gateway(shared: &Shared, plan: &Plan, endpoints: &[Endpoint]) -> Option<IpAddr> {
    let asked = plan.extra_hosts.iter().any(|host| host.address == HostAddress::Gateway);
    if !asked {
        return None;
    }
    let of_bridge = |bridge: NetworkRecord| bridge.subnets.iter().find_map(|subnet| subnet.gateway);
    let of_bridge = shared.network.find(BRIDGE).await.ok().and_then(of_bridge);
    let own = || {
        let v4 = |endpoint: &Endpoint| endpoint.ipv4.and_then(|place| place.gateway).map(IpAddr::from);
        let v6 = |endpoint: &Endpoint| endpoint.ipv6.and_then(|place| place.gateway).map(IpAddr::from);
        endpoints.iter().find_map(v4).or_else(|| endpoints.iter().find_map(v6))
    };
    of_bridge.or_else(own)
}

/// All addresses of the container, network by network.
pub(super) fn addresses(endpoints: &[Endpoint]) -> Vec<IpAddr> {
    endpoints.iter().flat_map(Endpoint::addresses).collect()
}

/// Tells that the container has come to its networks, or has left them; those without addresses too.
pub(super) fn tell(shared: &Shared, record: &Record, action: &str) {
    for endpoint in &record.endpoints {
        shared.publish_network(record, &endpoint.network_id, &endpoint.network_name, endpoint.driver, action);
    }
    for (name, driver) in [("host", Driver::Host), ("none", Driver::Null)] {
        if let Some(place) = record.spec.networks.get(name) {
            shared.publish_network(record, &place.network_id, name, driver, action);
        }
    }
}

/// Writes the hosts file of a container that starts, with what is known by now.
pub(super) fn write_hosts(
    shared: &Shared,
    record: &Record,
    extra: &[crate::plan::ExtraHost],
    gateway: Option<IpAddr>,
    endpoints: &[Endpoint],
    hostname: &str,
) -> Result<()> {
    let names = file::own_names(hostname, &record.spec.config.domainname);
    let text = file::hosts(extra, gateway, &addresses(endpoints), &names);
    file::write(&shared.paths(&record.id).hosts, &text)
}

/// A request that makes no sense for how the container has its network.
pub(super) fn conflict(what: &'static str) -> Error {
    crate::spec::Invalid::Networks(what).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_name_is_told_once() {
        let mut record = Record { id: "0123456789abcdef".into(), name: "web".into(), ..Record::default() };
        record.spec.config.hostname = "0123456789ab".into();
        let aliases = ["www".to_owned(), "web".to_owned()];
        assert_eq!(dns_names(&record, &aliases), ["web", "www", "0123456789ab"]);
        record.spec.config.hostname = "box".into();
        assert_eq!(dns_names(&record, &[]), ["web", "0123456789ab", "box"]);
    }
}
