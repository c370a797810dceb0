//! `--network` and the flags about the container's place on the first of its networks.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::options::Options;
use crate::error::Error;
use crate::flag::{fields, pair};

/// The network of a container for which none is asked.
const DEFAULT: &str = "default";
/// The keys of the long form.
const KEYS: [&str; 8] =
    ["name", "alias", "ip", "ip6", "mac-address", "link-local-ip", "driver-opt", "gw-priority"];

/// One `--network`: its name, and what else was said, by key.
#[derive(Debug, Clone, PartialEq)]
struct Network {
    name: String,
    settings: BTreeMap<String, Vec<String>>,
}

/// The network the container starts on.
pub(super) fn first(options: &Options) -> Result<String, Error> {
    match options.network.first() {
        None => Ok(DEFAULT.to_owned()),
        Some(text) => parse(text).map(|network| network.name),
    }
}

/// `NAME`, or `name=NAME,alias=A,ip=…`.
fn parse(input: &str) -> Result<Network, Error> {
    if !input.contains('=') {
        return Ok(Network { name: input.to_owned(), settings: BTreeMap::new() });
    }
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in fields::split(input)? {
        let (key, value) = pair::strict(part.trim())?;
        let (key, value) = (key.trim().to_ascii_lowercase(), value.trim().to_owned());
        if !KEYS.contains(&key.as_str()) {
            return Err(Error::Usage(format!(
                "invalid field '{key}' in --network '{input}': {} are known",
                KEYS.join(", ")
            )));
        }
        settings.entry(key).or_default().push(value);
    }
    let name = settings.remove("name").and_then(|mut names| names.pop()).filter(|name| !name.is_empty());
    let name = name.ok_or_else(|| Error::Usage(format!("network name missing in --network '{input}'")))?;
    Ok(Network { name, settings })
}

/// Whether somebody made the network, as far as its name tells.
fn is_own(name: &str) -> bool {
    !matches!(name, "default" | "bridge" | "host" | "none") && !name.starts_with("container:")
}

/// All networks, the first one with what the flags beside `--network` say.
fn all(options: &Options) -> Result<Vec<Network>, Error> {
    let mut networks = options.network.iter().map(|text| parse(text)).collect::<Result<Vec<_>, _>>()?;
    let usage = |text: &str| Err(Error::Usage(text.to_owned()));
    if networks.len() > 1 {
        let own = networks.iter().filter(|network| is_own(&network.name)).count();
        if own != 0 && own != networks.len() {
            return usage(
                "conflicting options: cannot attach both user-defined and non-user-defined network-modes",
            );
        }
        for (number, network) in networks.iter().enumerate() {
            if networks[..number].iter().any(|other| other.name == network.name) {
                return usage(&format!("network \"{}\" is specified multiple times", network.name));
            }
        }
    }
    if networks.is_empty() {
        networks.push(Network { name: DEFAULT.to_owned(), settings: BTreeMap::new() });
    }
    let first = &mut networks[0];
    let texts = |texts: &[String]| texts.to_vec();
    let flags = [
        ("alias", "--network-alias and per-network alias", texts(&options.network_alias)),
        ("ip", "--ip and per-network IPv4 address", options.ip.iter().map(ToString::to_string).collect()),
        ("ip6", "--ip6 and per-network IPv6 address", options.ip6.iter().map(ToString::to_string).collect()),
        (
            "link-local-ip",
            "--link-local-ip and per-network link-local IP addresses",
            options.link_local_ip.iter().map(ToString::to_string).collect(),
        ),
        (
            "mac-address",
            "--mac-address and per-network MAC address",
            Some(options.mac_address.clone()).into_iter().filter(|mac| !mac.is_empty()).collect(),
        ),
        ("link", "", if is_own(&first.name) { texts(&options.link) } else { Vec::new() }),
    ];
    for (key, both, values) in flags {
        if values.is_empty() {
            continue;
        }
        if first.settings.contains_key(key) {
            return usage(&format!("conflicting options: cannot specify both {both}"));
        }
        first.settings.insert(key.to_owned(), values);
    }
    Ok(networks)
}

/// The container's places on its networks, where the user said anything about them.
pub(super) fn networking(options: &Options) -> Result<Option<Value>, Error> {
    let networks = all(options)?;
    let several = networks.len() > 1;
    let mut endpoints = Map::new();
    for network in networks {
        let own = is_own(&network.name);
        if !own && network.settings.contains_key("alias") {
            return Err(Error::Usage(
                "network-scoped aliases are only supported for user-defined networks".to_owned(),
            ));
        }
        if !several && network.settings.is_empty() {
            continue;
        }
        endpoints.insert(network.name, endpoint(&network.settings)?);
    }
    Ok((!endpoints.is_empty()).then(|| json!({"EndpointsConfig": endpoints})))
}

fn endpoint(settings: &BTreeMap<String, Vec<String>>) -> Result<Value, Error> {
    let last = |key: &str| settings.get(key).and_then(|values| values.last());
    let mut out = json!({});
    for (key, name) in [("alias", "Aliases"), ("link", "Links")] {
        if let Some(values) = settings.get(key) {
            out[name] = json!(values);
        }
    }
    if let Some(mac) = last("mac-address") {
        out["MacAddress"] = json!(mac);
    }
    if let Some(text) = last("gw-priority") {
        let priority: i64 = text.parse().map_err(|_| {
            Error::Usage(format!("invalid gw-priority ({text}): a whole number is expected, such as 10"))
        })?;
        out["GwPriority"] = json!(priority);
    }
    if let Some(pairs) = settings.get("driver-opt") {
        let pairs = pairs.iter().map(|text| pair::strict(text)).collect::<Result<BTreeMap<_, _>, _>>()?;
        out["DriverOpts"] = json!(pairs);
    }
    let addresses = [("IPv4Address", last("ip")), ("IPv6Address", last("ip6"))];
    let mut addresses: Map<String, Value> =
        addresses.into_iter().filter_map(|(key, value)| Some((key.to_owned(), json!(value?)))).collect();
    if let Some(local) = settings.get("link-local-ip") {
        addresses.insert("LinkLocalIPs".to_owned(), json!(local));
    }
    if !addresses.is_empty() {
        out["IPAMConfig"] = Value::Object(addresses);
    }
    Ok(out)
}
