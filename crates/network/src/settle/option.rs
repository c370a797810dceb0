//! The drivers' options.
//!
//! Options of Docker's that are not known here are refused by name, lest a typing error pass for an option; names of
//! other people's are kept and mean nothing, as in Docker.

use std::collections::BTreeMap;
use std::net::Ipv4Addr;

use super::name::interface_name;
use crate::{Driver, Error, Result};

/// What all of Docker's options begin with.
const DOCKER: &str = "com.docker.network.";
const NAME: &str = "com.docker.network.bridge.name";
const ICC: &str = "com.docker.network.bridge.enable_icc";
const MASQUERADE: &str = "com.docker.network.bridge.enable_ip_masquerade";
const HOST_BINDING: &str = "com.docker.network.bridge.host_binding_ipv4";
const INHIBIT_IPV4: &str = "com.docker.network.bridge.inhibit_ipv4";
const MODE_V4: &str = "com.docker.network.bridge.gateway_mode_ipv4";
const MODE_V6: &str = "com.docker.network.bridge.gateway_mode_ipv6";
const DEFAULT_BRIDGE: &str = "com.docker.network.bridge.default_bridge";
const MTU: &str = "com.docker.network.driver.mtu";
const PREFIX: &str = "com.docker.network.container_iface_prefix";
const PARENT: &str = "parent";
const MACVLAN_MODE: &str = "macvlan_mode";
const IPVLAN_MODE: &str = "ipvlan_mode";
const IPVLAN_FLAG: &str = "ipvlan_flag";
const ENDPOINT_INTERFACE: &str = "com.docker.network.endpoint.ifname";

/// A prefix leaves room for a number of two digits.
const PREFIX_LIMIT: usize = 13;
/// The kernel's bounds of a packet's size on a bridge, in bytes.
const MTU_RANGE: std::ops::RangeInclusive<u32> = 68..=65535;

/// How a bridge network's containers are reached from outside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum GatewayMode {
    /// By published ports, which are translated; the rest is closed.
    #[default]
    Nat,
    /// By published ports, and by all ports at their own addresses.
    NatUnprotected,
    /// By published ports at their own addresses, untranslated.
    Routed,
    /// Not at all, not even from this machine.
    Isolated,
}

/// Options of the bridge.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct BridgeOptions {
    /// The bridge's name.
    pub(crate) name: Option<String>,
    /// Whether its containers may talk to each other.
    pub(crate) icc: bool,
    /// Whether outgoing packets get this machine's address.
    pub(crate) masquerade: bool,
    /// Where ports are published whose address is not told.
    pub(crate) host_binding: Option<Ipv4Addr>,
    /// The bridge gets no IPv4 address.
    pub(crate) inhibit_ipv4: bool,
    pub(crate) mode_v4: GatewayMode,
    pub(crate) mode_v6: GatewayMode,
    /// The largest packet, in bytes.
    pub(crate) mtu: Option<u32>,
    /// What interfaces in containers are called, without their number.
    pub(crate) prefix: Option<String>,
}

/// Options of the drivers that build on an interface of the host.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ParentOptions {
    /// The host's interface.
    pub(crate) parent: String,
    /// The driver's mode, by the kernel's name.
    pub(crate) mode: String,
    /// ipvlan's flag, by the kernel's name.
    pub(crate) flag: String,
    /// The largest packet, in bytes; the parent's if not told.
    pub(crate) mtu: Option<u32>,
    /// What interfaces in containers are called, without their number.
    pub(crate) prefix: Option<String>,
}

impl Default for BridgeOptions {
    fn default() -> BridgeOptions {
        BridgeOptions {
            name: None,
            icc: true,
            masquerade: true,
            host_binding: None,
            inhibit_ipv4: false,
            mode_v4: GatewayMode::Nat,
            mode_v6: GatewayMode::Nat,
            mtu: None,
            prefix: None,
        }
    }
}

impl BridgeOptions {
    /// Reads the options of a bridge network.
    pub(crate) fn read(options: &BTreeMap<String, String>) -> Result<BridgeOptions> {
        let mut read = BridgeOptions::default();
        for (key, value) in options {
            match key.as_str() {
                NAME => read.name = (!value.is_empty()).then(|| value.clone()),
                ICC => read.icc = boolean(key, value)?,
                MASQUERADE => read.masquerade = boolean(key, value)?,
                INHIBIT_IPV4 => read.inhibit_ipv4 = boolean(key, value)?,
                HOST_BINDING => read.host_binding = Some(address(key, value)?),
                MODE_V4 => read.mode_v4 = mode(key, value)?,
                MODE_V6 => read.mode_v6 = mode(key, value)?,
                MTU => read.mtu = mtu(value)?,
                PREFIX => read.prefix = Some(prefix(value)?),
                // Only the daemon's own bridge is it.
                DEFAULT_BRIDGE => drop(boolean(key, value)?),
                _ => refuse_unknown(key, Driver::Bridge)?,
            }
        }
        Ok(read)
    }

    /// The options of the default bridge, as they are told.
    pub(crate) fn tell_default(&self) -> BTreeMap<String, String> {
        let host = self.host_binding.unwrap_or(Ipv4Addr::UNSPECIFIED);
        [
            (DEFAULT_BRIDGE, "true".to_owned()),
            (ICC, self.icc.to_string()),
            (MASQUERADE, self.masquerade.to_string()),
            (HOST_BINDING, host.to_string()),
            (NAME, self.name.clone().unwrap_or_default()),
            (MTU, self.mtu.unwrap_or_default().to_string()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into()
    }
}

impl ParentOptions {
    /// Reads the options of a macvlan or ipvlan network.
    pub(crate) fn read(driver: Driver, options: &BTreeMap<String, String>) -> Result<ParentOptions> {
        let (mode_key, default, modes): (_, _, &[&str]) = match driver {
            Driver::Macvlan => (MACVLAN_MODE, "bridge", &["bridge", "private", "vepa", "passthru"]),
            _ => (IPVLAN_MODE, "l2", &["l2", "l3", "l3s"]),
        };
        let mut read = ParentOptions {
            parent: String::new(),
            mode: default.to_owned(),
            flag: "bridge".to_owned(),
            mtu: None,
            prefix: None,
        };
        for (key, value) in options {
            match key.as_str() {
                PARENT => read.parent = interface_name(value)?.to_owned(),
                MTU => read.mtu = mtu(value)?,
                PREFIX => read.prefix = Some(prefix(value)?),
                key if key == mode_key => read.mode = one_of(driver, "mode", value, modes)?,
                IPVLAN_FLAG if driver == Driver::Ipvlan => {
                    read.flag = one_of(driver, "flag", value, &["bridge", "private", "vepa"])?;
                }
                _ => refuse_unknown(key, driver)?,
            }
        }
        if read.parent.is_empty() {
            return Err(Error::InvalidRequest(format!(
                "a {driver} network needs an interface of this machine: -o {PARENT}=NAME"
            )));
        }
        Ok(read)
    }
}

/// The name of the interface inside, if the endpoint's options tell it.
pub(crate) fn endpoint_interface(options: &BTreeMap<String, String>) -> Result<Option<&str>> {
    options.get(ENDPOINT_INTERFACE).map(|name| interface_name(name)).transpose()
}

fn refuse_unknown(key: &str, driver: Driver) -> Result<()> {
    if key.starts_with(DOCKER) {
        return Err(Error::InvalidRequest(format!("unknown option {key} for a {driver} network")));
    }
    Ok(())
}

fn cannot_parse(key: &str, value: &str, reason: &str) -> Error {
    Error::InvalidRequest(format!("failed to parse {key} value: {value} ({reason})"))
}

fn boolean(key: &str, value: &str) -> Result<bool> {
    match value {
        "1" | "t" | "T" | "true" | "TRUE" | "True" => Ok(true),
        "0" | "f" | "F" | "false" | "FALSE" | "False" => Ok(false),
        _ => Err(cannot_parse(key, value, &format!("strconv.ParseBool: parsing {value:?}: invalid syntax"))),
    }
}

fn address(key: &str, value: &str) -> Result<Ipv4Addr> {
    value.parse().map_err(|_| cannot_parse(key, value, "nil ip"))
}

fn mode(key: &str, value: &str) -> Result<GatewayMode> {
    match value {
        "" | "nat" => Ok(GatewayMode::Nat),
        "nat-unprotected" => Ok(GatewayMode::NatUnprotected),
        "routed" => Ok(GatewayMode::Routed),
        "isolated" => Ok(GatewayMode::Isolated),
        _ => Err(cannot_parse(key, value, "unknown gateway mode")),
    }
}

fn mtu(value: &str) -> Result<Option<u32>> {
    match value.parse::<u32>() {
        Ok(0) => Ok(None),
        Ok(mtu) if MTU_RANGE.contains(&mtu) => Ok(Some(mtu)),
        _ => Err(Error::InvalidRequest(format!("invalid MTU number: {value}"))),
    }
}

fn prefix(value: &str) -> Result<String> {
    if value.len() > PREFIX_LIMIT {
        return Err(Error::InvalidRequest(format!(
            "invalid interface name prefix {value:?}: at most {PREFIX_LIMIT} characters"
        )));
    }
    interface_name(value).map(str::to_owned)
}

fn one_of(driver: Driver, what: &str, value: &str, known: &[&str]) -> Result<String> {
    if value.is_empty() {
        return Ok(known[0].to_owned());
    }
    if known.contains(&value) {
        return Ok(value.to_owned());
    }
    let default = known[0];
    Err(Error::InvalidRequest(format!(
        "requested {driver} {what} '{value}' is not valid, '{default}' is the {driver} driver default"
    )))
}
