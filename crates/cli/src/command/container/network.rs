//! `--network` and the flags about the container's place on it.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

use super::options::Options;
use crate::error::Error;
use crate::flag::pair;

/// The network of a container for which none is asked.
const DEFAULT: &str = "default";

/// The network the container starts on.
pub(super) fn first(options: &Options) -> Result<String, Error> {
    parse_network(networks(options)[0]).map(|(name, _)| name)
}

fn networks(options: &Options) -> Vec<&str> {
    if options.network.is_empty() {
        vec![DEFAULT]
    } else {
        options.network.iter().map(String::as_str).collect()
    }
}

/// `NAME`, or `name=NAME,alias=A,ip=…`.
fn parse_network(input: &str) -> Result<(String, BTreeMap<String, Vec<String>>), Error> {
    if !input.contains('=') {
        return Ok((input.to_owned(), BTreeMap::new()));
    }
    let mut settings: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for part in input.split(',') {
        let (key, value) = pair::strict(part)?;
        if !matches!(
            key.as_str(),
            "name" | "alias" | "ip" | "ip6" | "mac-address" | "link-local-ip" | "driver-opt" | "gw-priority"
        ) {
            return Err(Error::Usage(format!(
                "invalid field '{key}' in --network '{input}': name, alias, ip, ip6, mac-address, link-local-ip, driver-opt and gw-priority are known"
            )));
        }
        settings.entry(key).or_default().push(value);
    }
    let name = settings.remove("name").and_then(|mut names| names.pop());
    name.map(|name| (name, settings))
        .ok_or_else(|| Error::Usage(format!("network name missing in --network '{input}'")))
}

/// The container's places on its networks, where the user said anything about them.
pub(super) fn networking(options: &Options) -> Result<Option<Value>, Error> {
    let mut endpoints = Map::new();
    for (number, input) in networks(options).into_iter().enumerate() {
        let (name, mut settings) = parse_network(input)?;
        if number == 0 {
            settings.entry("alias".to_owned()).or_default().extend(options.network_alias.iter().cloned());
            let single =
                [("ip", options.ip.map(|ip| ip.to_string())), ("ip6", options.ip6.map(|ip| ip.to_string()))];
            for (key, value) in single {
                settings.entry(key.to_owned()).or_default().extend(value);
            }
            let local = options.link_local_ip.iter().map(ToString::to_string);
            settings.entry("link-local-ip".to_owned()).or_default().extend(local);
            settings
                .entry("mac-address".to_owned())
                .or_default()
                .extend((!options.mac_address.is_empty()).then(|| options.mac_address.clone()));
        }
        settings.retain(|_, values| !values.is_empty());
        let predefined =
            matches!(name.as_str(), "default" | "bridge" | "host" | "none") || name.starts_with("container:");
        if predefined && settings.contains_key("alias") {
            return Err(Error::Usage(
                "network-scoped aliases are only supported for user-defined networks".to_owned(),
            ));
        }
        if settings.is_empty() && (predefined || options.network.len() <= 1) {
            continue;
        }
        endpoints.insert(name, endpoint(&settings));
    }
    Ok((!endpoints.is_empty()).then(|| json!({"EndpointsConfig": endpoints})))
}

fn endpoint(settings: &BTreeMap<String, Vec<String>>) -> Value {
    let last = |key: &str| settings.get(key).and_then(|values| values.last());
    let mut out = json!({});
    if let Some(aliases) = settings.get("alias") {
        out["Aliases"] = json!(aliases);
    }
    if let Some(mac) = last("mac-address") {
        out["MacAddress"] = json!(mac);
    }
    if let Some(priority) = last("gw-priority").and_then(|text| text.parse::<i64>().ok()) {
        out["GwPriority"] = json!(priority);
    }
    if let Some(pairs) = settings.get("driver-opt") {
        let pairs = pairs.iter().map(|pair| pair.split_once('=').unwrap_or((pair, "")));
        out["DriverOpts"] = json!(pairs.collect::<BTreeMap<_, _>>());
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
    out
}
