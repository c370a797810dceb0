//! Who is called what, network by network.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::net::IpAddr;

use super::model::{Joined, Named, NamedKey};

/// What is known of a name.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Known {
    /// It has these addresses of the family asked for.
    Addresses(Vec<IpAddr>),
    /// It exists, without an address of this family.
    Empty,
    /// It does not exist in the asker's networks.
    Nothing,
}

/// The names of all networks.
#[derive(Debug, Default)]
pub(super) struct Zone {
    networks: HashMap<String, Network>,
    /// Which of several addresses comes first is another one each time.
    turn: usize,
}

#[derive(Debug, Default)]
struct Network {
    /// In lower case.
    name: String,
    /// By container.
    members: BTreeMap<String, Named>,
    /// The containers of each name, which is in lower case.
    names: HashMap<String, BTreeSet<String>>,
    /// The container of each address.
    addresses: HashMap<IpAddr, String>,
}

impl Zone {
    /// Gives a container these names in a network, instead of those it had there.
    pub(super) fn set(&mut self, named: Named) {
        self.remove(&named.key());
        let network = self.networks.entry(named.network_id.clone()).or_default();
        network.name = named.network_name.to_ascii_lowercase();
        for name in &named.names {
            let containers = network.names.entry(plain(name)).or_default();
            containers.insert(named.container_id.clone());
        }
        for address in &named.addresses {
            network.addresses.insert(*address, named.container_id.clone());
        }
        network.members.insert(named.container_id.clone(), named);
    }

    /// Takes a container's names in a network away.
    pub(super) fn remove(&mut self, key: &NamedKey) {
        let Some(network) = self.networks.get_mut(&key.network_id) else { return };
        let Some(named) = network.members.remove(&key.container_id) else { return };
        for name in &named.names {
            let name = plain(name);
            if let Some(containers) = network.names.get_mut(&name) {
                containers.remove(&key.container_id);
                if containers.is_empty() {
                    network.names.remove(&name);
                }
            }
        }
        // An address may have gone on to another container already.
        network.addresses.retain(|_, container| *container != key.container_id);
        if network.members.is_empty() {
            self.networks.remove(&key.network_id);
        }
    }

    /// Everything there is.
    pub(super) fn list(&self) -> impl Iterator<Item = &Named> {
        self.networks.values().flat_map(|network| network.members.values())
    }

    /// Looks a name up in these networks: as it is, then as one qualified by a network's name. The first network that
    /// has an address answers. The asker's own links, in lower case, come before what others are called.
    pub(super) fn find(&mut self, networks: &[Joined], name: &str, is_wanted: fn(&IpAddr) -> bool) -> Known {
        let mut is_known = false;
        for is_qualified in [false, true] {
            for joined in networks {
                let Some(network) = self.networks.get(&joined.network_id) else { continue };
                let Some(name) = (if is_qualified { network.unqualified(name) } else { Some(name) }) else {
                    continue;
                };
                let linked = joined.links.get(name).filter(|_| !is_qualified);
                let named = network.names.get(name);
                if linked.is_none() && named.is_none() {
                    continue;
                }
                is_known = true;
                let others = named.filter(|_| linked.is_none()).into_iter().flatten();
                let mut addresses: Vec<IpAddr> = linked
                    .into_iter()
                    .chain(others)
                    .filter_map(|container| network.members.get(container))
                    .flat_map(|named| &named.addresses)
                    .copied()
                    .filter(is_wanted)
                    .collect();
                if !addresses.is_empty() {
                    self.turn = self.turn.wrapping_add(1);
                    let first = self.turn % addresses.len();
                    addresses.rotate_left(first);
                    return Known::Addresses(addresses);
                }
            }
        }
        if is_known { Known::Empty } else { Known::Nothing }
    }

    /// What an address of these networks is called: the container's own name, qualified.
    pub(super) fn name_of(&self, networks: &[Joined], address: IpAddr) -> Option<String> {
        networks.iter().filter_map(|joined| self.networks.get(&joined.network_id)).find_map(|network| {
            let named = network.members.get(network.addresses.get(&address)?)?;
            Some(format!("{}.{}", named.names.first()?, named.network_name))
        })
    }
}

impl Network {
    /// The name without the network's behind it.
    fn unqualified<'a>(&self, name: &'a str) -> Option<&'a str> {
        name.strip_suffix(&self.name)?.strip_suffix('.').filter(|name| !name.is_empty())
    }
}

/// As names are compared.
fn plain(name: &str) -> String {
    name.strip_suffix('.').unwrap_or(name).to_ascii_lowercase()
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;

    pub(in crate::dns) fn named(network: &str, container: &str, names: &[&str], addresses: &[&str]) -> Named {
        Named {
            network_id: format!("{network}-id"),
            network_name: network.to_owned(),
            container_id: container.to_owned(),
            names: names.iter().map(|name| (*name).to_owned()).collect(),
            addresses: addresses.iter().map(|address| address.parse().unwrap()).collect(),
        }
    }

    pub(in crate::dns) fn joined(network: &str) -> Joined {
        Joined { network_id: format!("{network}-id"), links: BTreeMap::new() }
    }

    fn ids(networks: &[&str]) -> Vec<Joined> {
        networks.iter().map(|network| joined(network)).collect()
    }

    #[test]
    fn links_are_their_containers_own_and_come_first() {
        let mut zone = Zone::default();
        zone.set(named("net", "c1", &["db"], &["10.0.0.1"]));
        zone.set(named("net", "c2", &["other"], &["10.0.0.2"]));
        let mut asker = joined("net");
        asker.links.insert("db".to_owned(), "c2".to_owned());
        asker.links.insert("gone".to_owned(), "c9".to_owned());
        let asker = [asker];
        assert_eq!(addresses(zone.find(&asker, "db", IpAddr::is_ipv4)), ["10.0.0.2"]);
        assert_eq!(addresses(zone.find(&asker, "db.net", IpAddr::is_ipv4)), ["10.0.0.1"]);
        assert_eq!(addresses(zone.find(&ids(&["net"]), "db", IpAddr::is_ipv4)), ["10.0.0.1"]);
        assert_eq!(zone.find(&asker, "gone", IpAddr::is_ipv4), Known::Empty);
    }

    fn addresses(known: Known) -> Vec<String> {
        match known {
            Known::Addresses(addresses) => addresses.iter().map(IpAddr::to_string).collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn names_are_those_of_the_askers_networks() {
        let mut zone = Zone::default();
        zone.set(named("net1", "c1", &["Web", "alias"], &["10.0.0.2", "fd00::2"]));
        zone.set(named("net2", "c2", &["web", "db.prod"], &["10.1.0.2"]));
        let (one, both) = (ids(&["net1"]), ids(&["net2", "net1"]));
        assert_eq!(addresses(zone.find(&one, "web", IpAddr::is_ipv4)), ["10.0.0.2"]);
        assert_eq!(
            addresses(zone.find(&both, "web", IpAddr::is_ipv4)),
            ["10.1.0.2"],
            "the first network wins"
        );
        assert_eq!(addresses(zone.find(&both, "web.net1", IpAddr::is_ipv4)), ["10.0.0.2"]);
        assert_eq!(addresses(zone.find(&both, "db.prod.net2", IpAddr::is_ipv4)), ["10.1.0.2"]);
        assert_eq!(
            addresses(zone.find(&both, "web", IpAddr::is_ipv6)),
            ["fd00::2"],
            "the first that has one"
        );
        assert_eq!(zone.find(&both, "db.prod", IpAddr::is_ipv6), Known::Empty);
        for name in ["db.prod", "db.prod.net2", "web.net2", "net1", ".net1", "eb.net1x", "webnet1"] {
            assert_eq!(zone.find(&one, name, IpAddr::is_ipv4), Known::Nothing, "{name}");
        }
        assert_eq!(zone.name_of(&one, "10.0.0.2".parse().unwrap()).unwrap(), "Web.net1");
        assert_eq!(zone.name_of(&one, "10.1.0.2".parse().unwrap()), None);
    }

    #[test]
    fn a_shared_name_has_all_addresses_in_turn() {
        let mut zone = Zone::default();
        for (container, address) in [("c1", "10.0.0.1"), ("c2", "10.0.0.2"), ("c3", "10.0.0.3")] {
            zone.set(named("net", container, &[container, "all"], &[address]));
        }
        let mut firsts = BTreeSet::new();
        for _ in 0..3 {
            let found = addresses(zone.find(&ids(&["net"]), "all", IpAddr::is_ipv4));
            assert_eq!(found.len(), 3);
            firsts.insert(found[0].clone());
        }
        assert_eq!(firsts.len(), 3);
    }

    #[test]
    fn names_go_with_their_container_and_nothing_is_left() {
        let mut zone = Zone::default();
        zone.set(named("net", "c1", &["one", "all"], &["10.0.0.1"]));
        zone.set(named("net", "c2", &["two", "all"], &["10.0.0.2"]));
        zone.set(named("net", "c1", &["uno", "all"], &["10.0.0.9"]));
        let net = ids(&["net"]);
        assert_eq!(zone.find(&net, "one", IpAddr::is_ipv4), Known::Nothing);
        assert_eq!(addresses(zone.find(&net, "uno", IpAddr::is_ipv4)), ["10.0.0.9"]);
        zone.remove(&named("net", "c1", &[], &[]).key());
        assert_eq!(addresses(zone.find(&net, "all", IpAddr::is_ipv4)), ["10.0.0.2"]);
        assert_eq!(zone.list().count(), 1);
        // The address of one that is gone is another's now.
        zone.set(named("net", "c3", &["three"], &["10.0.0.2"]));
        zone.remove(&named("net", "c2", &[], &[]).key());
        assert_eq!(zone.name_of(&net, "10.0.0.2".parse().unwrap()).unwrap(), "three.net");
        zone.remove(&named("net", "c3", &[], &[]).key());
        zone.remove(&named("net", "c3", &[], &[]).key());
        assert!(zone.networks.is_empty());
    }
}
