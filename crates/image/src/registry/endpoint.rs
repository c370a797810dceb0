//! Which hosts to ask for an image, in which order, and how. Pure.

use std::net::IpAddr;

use crate::{ImagesConfig, reference::Reference};

/// Where docker.io's registry is.
const DOCKER_HUB: &str = "https://registry-1.docker.io";

/// A registry as it is spoken to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Endpoint {
    /// `scheme://host[:port][/prefix]`, without a slash at its end.
    pub(crate) base: String,
    /// False if neither TLS nor a valid certificate is demanded.
    pub(crate) is_verified: bool,
    /// True for the registry of the image's name, false for a mirror, which gets no credentials.
    pub(crate) is_origin: bool,
}

/// The endpoints of an image, to be tried in order.
pub(crate) fn endpoints(reference: &Reference, config: &ImagesConfig) -> Vec<Endpoint> {
    let origin = |base: String, is_verified| Endpoint { base, is_verified, is_origin: true };
    if reference.is_docker_hub() {
        let mirrors = config.registry_mirrors.iter().map(|mirror| {
            let base = mirror.trim_end_matches('/').to_owned();
            let host = base.split_once("://").map_or(base.as_str(), |(_, rest)| rest);
            let host = host.split('/').next().unwrap_or_default();
            let is_verified = !is_insecure(host, &config.insecure_registries);
            Endpoint { is_verified, base, is_origin: false }
        });
        return mirrors.chain([origin(DOCKER_HUB.to_owned(), true)]).collect();
    }
    let domain = &reference.domain;
    let (plain, tls) = (format!("http://{domain}"), format!("https://{domain}"));
    if is_loopback(domain) {
        return vec![origin(plain, false), origin(tls, false)];
    }
    if is_insecure(domain, &config.insecure_registries) {
        return vec![origin(tls, false), origin(plain, false)];
    }
    vec![origin(tls, true)]
}

/// Loopback addresses never leave the machine.
fn is_loopback(domain: &str) -> bool {
    let host = host_of(domain);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// By name, by name and port, or by a network that holds the address. Names are not looked up.
fn is_insecure(domain: &str, insecure: &[String]) -> bool {
    let host = host_of(domain);
    let address: Option<IpAddr> = host.parse().ok();
    is_loopback(domain)
        || insecure.iter().any(|entry| {
            let entry =
                entry.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
            entry == domain || entry == host || address.is_some_and(|address| network_holds(entry, address))
        })
}

fn host_of(domain: &str) -> &str {
    match domain.strip_prefix('[') {
        Some(rest) => rest.split(']').next().unwrap_or_default(),
        None => domain.split(':').next().unwrap_or_default(),
    }
}

fn network_holds(network: &str, address: IpAddr) -> bool {
    let Some((base, length)) = network.split_once('/') else { return false };
    let (Ok(base), Ok(length)) = (base.parse::<IpAddr>(), length.parse::<u32>()) else { return false };
    match (base, address) {
        (IpAddr::V4(base), IpAddr::V4(address)) if length <= 32 => {
            let mask = u32::MAX.checked_shl(32 - length).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        (IpAddr::V6(base), IpAddr::V6(address)) if length <= 128 => {
            let mask = u128::MAX.checked_shl(128 - length).unwrap_or(0);
            base.to_bits() & mask == address.to_bits() & mask
        }
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn bases(name: &str, insecure: &[&str], mirrors: &[&str]) -> Vec<(String, bool)> {
        let owned = |list: &[&str]| list.iter().map(|s| (*s).to_owned()).collect();
        let config = ImagesConfig {
            insecure_registries: owned(insecure),
            registry_mirrors: owned(mirrors),
            ..ImagesConfig::default()
        };
        let found = endpoints(&Reference::parse(name).unwrap(), &config);
        found.into_iter().map(|endpoint| (endpoint.base, endpoint.is_verified)).collect()
    }

    fn pair(base: &str, is_verified: bool) -> (String, bool) {
        (base.to_owned(), is_verified)
    }

    #[test]
    fn loopback_is_plain() {
        for host in ["localhost:5000", "127.0.0.1:5000", "127.9.9.9", "[::1]:5000"] {
            let found = bases(&format!("{host}/a"), &[], &[]);
            assert_eq!(found[0], pair(&format!("http://{host}"), false));
        }
        assert_eq!(bases("128.0.0.1/a", &[], &[]), [pair("https://128.0.0.1", true)]);
    }

    #[test]
    fn only_configured_registries_are_insecure() {
        let insecure = ["reg.example:5000", "10.0.0.0/8"];
        assert_eq!(bases("reg.example:5000/a", &insecure, &[]).len(), 2);
        assert_eq!(bases("10.1.2.3:80/a", &insecure, &[])[1], pair("http://10.1.2.3:80", false));
        assert_eq!(bases("reg.example/a", &insecure, &[]), [pair("https://reg.example", true)]);
        assert_eq!(bases("11.1.2.3/a", &insecure, &[]).len(), 1);
    }

    #[test]
    fn mirrors_are_for_docker_hub_alone() {
        let mirrors = ["https://mirror.example/", "http://127.0.0.1:5000"];
        let found = bases("busybox", &[], &mirrors);
        assert_eq!(
            found,
            [
                pair("https://mirror.example", true),
                pair("http://127.0.0.1:5000", false),
                pair(DOCKER_HUB, true)
            ]
        );
        assert_eq!(bases("reg.example/a", &[], &mirrors).len(), 1);
    }
}
