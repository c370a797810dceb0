//! Settings of networks, and their checks.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr};

use ipam::{Cidr, Pool};
use serde::Deserialize;

use super::Config;
use super::error::ConfigError;

/// Settings of networks beside those that the daemon has always had.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", default)]
pub(crate) struct Networks {
    pub(crate) ipv6: bool,
    pub(crate) fixed_cidr_v6: Option<String>,
    pub(crate) icc: bool,
    pub(crate) ip_masq: bool,
    /// Where ports are published whose address is not told.
    pub(crate) ip: String,
    /// By driver.
    pub(crate) default_network_opts: BTreeMap<String, BTreeMap<String, String>>,
    ip6tables: Option<bool>,
    bip6: String,
    default_gateway: String,
    default_gateway_v6: String,
    allow_direct_routing: bool,
}

impl Default for Networks {
    fn default() -> Self {
        Self {
            ipv6: false,
            fixed_cidr_v6: None,
            icc: true,
            ip_masq: true,
            ip: String::new(),
            default_network_opts: BTreeMap::new(),
            ip6tables: None,
            bip6: String::new(),
            default_gateway: String::new(),
            default_gateway_v6: String::new(),
            allow_direct_routing: false,
        }
    }
}

impl Networks {
    /// Where ports are published whose address is not told; every address if this does not say.
    pub(crate) fn host_ip(&self) -> Option<Ipv4Addr> {
        self.ip.parse().ok().filter(|address: &Ipv4Addr| !address.is_unspecified())
    }
}

/// Checks the values that a type alone does not.
pub(super) fn check(config: &Config) -> Result<(), ConfigError> {
    let own = &config.networks;
    let wrong =
        |key, value: &str, expected| Err(ConfigError::Value { key, value: format!("{value:?}"), expected });
    for (key, value) in [("bip", &config.bip), ("fixed-cidr", &config.fixed_cidr)] {
        if let Some(value) = value
            && !block(value).is_some_and(Cidr::is_ipv4)
        {
            return wrong(key, value, "an IPv4 address with a prefix length, such as 172.17.0.1/16");
        }
    }
    if let Some(value) = &own.fixed_cidr_v6
        && !block(value).is_some_and(Cidr::is_ipv6)
    {
        return wrong("fixed-cidr-v6", value, "an IPv6 address with a prefix length, such as 2001:db8::/64");
    }
    for pool in &config.default_address_pools {
        if block(&pool.base).is_none_or(|base| Pool::new(base, pool.size).is_err()) {
            let text = format!("base={},size={}", pool.base, pool.size);
            return wrong(
                "default-address-pools",
                &text,
                "a base such as 10.10.0.0/16 or fd00:10::/56 and a size from its prefix length to 29, or 125 for IPv6",
            );
        }
    }
    if !own.ip.is_empty() && !matches!(own.ip.parse(), Ok(IpAddr::V4(_))) {
        return wrong("ip", &own.ip, "an IPv4 address of this machine");
    }
    if own.ip6tables.is_some_and(|on| on != config.iptables) {
        return wrong(
            "ip6tables",
            if config.iptables { "false" } else { "true" },
            "the same as iptables: one table has the rules of both",
        );
    }
    let refused = [
        ("bip6", &own.bip6, "nothing: the address of the default bridge is the first of fixed-cidr-v6"),
        ("default-gateway", &own.default_gateway, "nothing: the way out of the default bridge is the bridge"),
        (
            "default-gateway-v6",
            &own.default_gateway_v6,
            "nothing: the way out of the default bridge is the bridge",
        ),
    ];
    for (key, value, expected) in refused {
        if !value.is_empty() {
            return wrong(key, value, expected);
        }
    }
    if own.allow_direct_routing {
        return wrong(
            "allow-direct-routing",
            "true",
            "false: the gateway mode of a network (routed) says who is reached directly",
        );
    }
    Ok(())
}

fn block(text: &str) -> Option<Cidr> {
    text.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn said(settings: serde_json::Value) -> Result<Config, String> {
        let config: Config = serde_json::from_value(settings).map_err(|error| error.to_string())?;
        check(&config).map_err(|error| error.to_string())?;
        Ok(config)
    }

    #[test]
    fn what_is_honoured() {
        let config = said(json!({
            "ipv6": true, "fixed-cidr-v6": "fd00:1::/64", "icc": false, "ip-masq": false, "ip": "127.0.0.1", "ip6tables": true,
            "default-address-pools": [{"base": "fd00:2::/56", "size": 64}],
            "default-network-opts": {"bridge": {"a": "b"}},
        }))
        .unwrap();
        assert!(config.networks.ipv6 && !config.networks.icc && !config.networks.ip_masq);
        assert_eq!(config.networks.host_ip(), Some(Ipv4Addr::LOCALHOST));
        assert_eq!(config.networks.default_network_opts["bridge"]["a"], "b");
        assert!(said(json!({"ip": "0.0.0.0"})).unwrap().networks.host_ip().is_none());
    }

    #[test]
    fn what_is_wrong_or_not_here_is_named() {
        for (key, value) in [
            ("bip", json!("fd00::1/64")),
            ("fixed-cidr-v6", json!("10.0.0.0/8")),
            ("ip", json!("::1")),
            ("ip6tables", json!(false)),
            ("bip6", json!("fd00::1/64")),
            ("default-gateway", json!("10.0.0.1")),
            ("default-gateway-v6", json!("fd00::1")),
            ("allow-direct-routing", json!(true)),
            ("default-address-pools", json!([{"base": "10.0.0.0/16", "size": 8}])),
        ] {
            let said = said(json!({key: value})).unwrap_err();
            assert!(said.starts_with("invalid value") && said.contains(key), "{key}: {said}");
        }
    }
}
