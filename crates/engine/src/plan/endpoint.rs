//! The container's places on its networks. Pure: whether a network exists is not asked here.

use super::link::{self, Link};
use crate::spec::{ContainerSpec, EndpointSpec, Invalid, NetworkMode};
use network::{Mac, is_built_in};
use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};
use std::str::FromStr;

/// What is wanted of one network, in types.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct EndpointPlan {
    /// Its name, or its id.
    pub(crate) network: String,
    pub(crate) ipv4: Option<Ipv4Addr>,
    pub(crate) ipv6: Option<Ipv6Addr>,
    pub(crate) mac: Option<Mac>,
    pub(crate) aliases: Vec<String>,
    pub(crate) links: Vec<Link>,
    pub(crate) driver_opts: BTreeMap<String, String>,
    pub(crate) gw_priority: i64,
}

/// All of them, the one of the mode first, as its interface is.
pub(super) fn plan(spec: &ContainerSpec) -> Result<Vec<EndpointPlan>, Invalid> {
    let mode = &spec.host.network_mode;
    if spec.config.network_disabled || matches!(mode, NetworkMode::Container(_)) {
        return Ok(Vec::new());
    }
    let mut plans = spec
        .networks
        .iter()
        .map(|(name, wanted)| Ok((is_of_mode(mode, name, wanted), plan_one(name, wanted)?)))
        .collect::<Result<Vec<_>, Invalid>>()?;
    if plans.is_empty()
        && let Some(name) = mode.network()
    {
        plans.push((true, plan_one(name, &EndpointSpec::default())?));
    }
    plans.sort_by_key(|(first, _)| !first);
    let given = &spec.config.mac_address;
    for (first, plan) in &mut plans {
        if !*first {
            continue;
        }
        // The container's own is that of its first network, as it was before there were several.
        if plan.mac.is_none() && !given.is_empty() {
            plan.mac = Some(parse("MAC address", given, &plan.network)?);
        }
        if plan.links.is_empty() && !is_built_in(&plan.network) {
            plan.links = link::plan(&spec.host.links)?;
        }
    }
    Ok(plans.into_iter().map(|(_, plan)| plan).collect())
}

/// Whether it is this network that the mode names.
fn is_of_mode(mode: &NetworkMode, name: &str, wanted: &EndpointSpec) -> bool {
    let Some(of_mode) = mode.network() else { return false };
    name == of_mode || (!of_mode.is_empty() && wanted.network_id.starts_with(of_mode))
}

/// One of them.
pub(crate) fn plan_one(network: &str, wanted: &EndpointSpec) -> Result<EndpointPlan, Invalid> {
    let plan = EndpointPlan {
        network: network.to_owned(),
        ipv4: given("IPv4 address", &wanted.ipv4_address, network)?,
        ipv6: given("IPv6 address", &wanted.ipv6_address, network)?,
        mac: given("MAC address", &wanted.mac_address, network)?,
        aliases: wanted.aliases.clone(),
        links: link::plan(&wanted.links)?,
        driver_opts: wanted.driver_opts.clone(),
        gw_priority: wanted.gw_priority,
    };
    // Addresses and aliases are only for networks that somebody made.
    if is_built_in(network) {
        if plan.ipv4.is_some() || plan.ipv6.is_some() {
            return Err(wrong(
                network,
                "user specified IP address is supported on user defined networks only",
            ));
        }
        if !plan.aliases.is_empty() {
            return Err(wrong(
                network,
                "network-scoped alias is supported only for containers in user defined networks",
            ));
        }
    }
    Ok(plan)
}

fn given<T: FromStr>(what: &str, text: &str, network: &str) -> Result<Option<T>, Invalid> {
    if text.is_empty() { Ok(None) } else { parse(what, text, network).map(Some) }
}

fn parse<T: FromStr>(what: &str, text: &str, network: &str) -> Result<T, Invalid> {
    text.parse().map_err(|_| wrong(network, &format!("invalid {what}: {text}")))
}

fn wrong(network: &str, reason: &str) -> Invalid {
    Invalid::Endpoint { network: network.to_owned(), reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn spec(mode: &str, networks: &[(&str, EndpointSpec)]) -> ContainerSpec {
        let mut spec = ContainerSpec::default();
        spec.host.network_mode = mode.parse().unwrap();
        spec.networks = networks.iter().map(|(name, wanted)| ((*name).to_owned(), wanted.clone())).collect();
        spec
    }

    fn names(spec: &ContainerSpec) -> Vec<String> {
        plan(spec).unwrap().into_iter().map(|plan| plan.network).collect()
    }

    #[test]
    fn the_network_of_the_mode_comes_first() {
        let wanted = EndpointSpec { network_id: "abcdef".into(), ..EndpointSpec::default() };
        let networks = [("a", EndpointSpec::default()), ("m", wanted), ("z", EndpointSpec::default())];
        assert_eq!(names(&spec("z", &networks)), ["z", "a", "m"]);
        assert_eq!(names(&spec("abc", &networks)), ["m", "a", "z"]);
        assert_eq!(names(&spec("bridge", &networks)), ["a", "m", "z"]);
        assert_eq!(names(&spec("default", &[])), ["bridge"]);
        assert_eq!(names(&spec("none", &[])), ["none"]);
        assert_eq!(names(&spec("container:x", &[])), [""; 0]);
    }

    #[test]
    fn addresses_and_names_belong_to_networks_of_the_users_own() {
        let said =
            |name: &str, wanted: EndpointSpec| plan(&spec(name, &[(name, wanted)])).unwrap_err().to_string();
        let address = |text: &str| EndpointSpec { ipv4_address: text.into(), ..EndpointSpec::default() };
        assert_eq!(
            said("bridge", address("1.2.3.4")),
            "invalid config for network bridge: invalid endpoint settings:\n\
             user specified IP address is supported on user defined networks only"
        );
        assert!(said("mine", address("1.2")).ends_with("invalid IPv4 address: 1.2"));
        let aliased = EndpointSpec { aliases: vec!["x".into()], ..EndpointSpec::default() };
        assert!(said("host", aliased).contains("network-scoped alias is supported only"));
        assert!(plan(&spec("mine", &[("mine", address("1.2.3.4"))])).is_ok());
    }

    #[test]
    fn the_containers_own_hardware_address_and_links_are_its_first_networks() {
        let mut spec = spec("z", &[("a", EndpointSpec::default()), ("z", EndpointSpec::default())]);
        spec.config.mac_address = "02:00:00:00:00:01".into();
        spec.host.links = vec!["db:store".into()];
        let plans = plan(&spec).unwrap();
        assert_eq!((plans[0].mac.is_some(), plans[1].mac.is_some()), (true, false));
        assert_eq!((plans[0].links.len(), plans[1].links.len()), (1, 0));
    }
}
