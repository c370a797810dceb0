//! Which hosts to ask for an image, in which order, and how. Of the disk it reads only whether `certs.d` has a host.

use std::{net::IpAddr, path::PathBuf, time::Duration};

use super::certificate;
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
    /// Directories with certificates for it.
    pub(crate) certificates: Vec<PathBuf>,
    /// How long it may be silent within an answer.
    pub(crate) max_silence: Duration,
    /// Attempts at one thing.
    pub(crate) attempts: u32,
}

/// The endpoints of an image, to be tried in order.
///
/// Docker's order and trust, but for one thing: a registry on loopback that has certificates in `certs.d` is one over TLS
/// whose certificate counts. Whoever put them there wants it so.
pub(crate) fn endpoints(reference: &Reference, config: &ImagesConfig) -> Vec<Endpoint> {
    let endpoint = |base: String, is_verified, is_origin| Endpoint {
        certificates: certificate::directories(&config.certificates, host_and_port(&base)),
        max_silence: config.max_silence,
        attempts: config.max_download_attempts.max(1),
        base,
        is_verified,
        is_origin,
    };
    if reference.is_docker_hub() {
        let mirrors = config.registry_mirrors.iter().map(|mirror| {
            let base = mirror.trim_end_matches('/').to_owned();
            let is_verified = !is_insecure(host_and_port(&base), &config.insecure_registries);
            endpoint(base, is_verified, false)
        });
        return mirrors.chain([endpoint(DOCKER_HUB.to_owned(), true, true)]).collect();
    }
    let domain = &reference.domain;
    let (plain, tls) = (format!("http://{domain}"), format!("https://{domain}"));
    if is_listed(domain, &config.insecure_registries) {
        return vec![endpoint(tls, false, true), endpoint(plain, false, true)];
    }
    let tls = endpoint(tls, true, true);
    match is_loopback(domain) {
        true if tls.certificates.is_empty() => {
            vec![endpoint(plain, false, true), Endpoint { is_verified: false, ..tls }]
        }
        _ => vec![tls],
    }
}

/// `host[:port]` of a base URL.
fn host_and_port(base: &str) -> &str {
    let rest = base.split_once("://").map_or(base, |(_, rest)| rest);
    rest.split('/').next().unwrap_or_default()
}

/// Loopback addresses never leave the machine.
fn is_loopback(domain: &str) -> bool {
    let host = host_of(domain);
    host == "localhost" || host.parse::<IpAddr>().is_ok_and(|address| address.is_loopback())
}

/// By name, by name and port, or by a network that holds the address. Names are not looked up.
fn is_listed(domain: &str, insecure: &[String]) -> bool {
    let host = host_of(domain);
    let address: Option<IpAddr> = host.parse().ok();
    insecure.iter().any(|entry| {
        let entry = entry.trim_start_matches("http://").trim_start_matches("https://").trim_end_matches('/');
        entry == domain || entry == host || address.is_some_and(|address| network_holds(entry, address))
    })
}

fn is_insecure(domain: &str, insecure: &[String]) -> bool {
    is_loopback(domain) || is_listed(domain, insecure)
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
    fn certificates_make_loopback_a_registry_like_any() {
        let all = tempfile::tempdir().unwrap();
        std::fs::create_dir(all.path().join("127.0.0.1:5000")).unwrap();
        let mut config =
            ImagesConfig { certificates: vec![all.path().to_owned()], ..ImagesConfig::default() };
        let reference = Reference::parse("127.0.0.1:5000/a").unwrap();
        let found = endpoints(&reference, &config);
        assert_eq!((found.len(), found[0].is_verified, found[0].certificates.len()), (1, true, 1));
        config.insecure_registries = vec!["127.0.0.0/8".to_owned()];
        let found = endpoints(&reference, &config);
        assert!(found.len() == 2 && found.iter().all(|endpoint| !endpoint.is_verified));
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
