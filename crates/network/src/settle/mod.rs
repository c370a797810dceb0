//! From what is asked of a network to what it is to be. Pure: a request and what there is go in, a record or the
//! reason in Docker's words comes out. Nothing here touches the kernel or reads a clock.

mod default;
mod name;
mod option;
mod subnet;

use ipam::{Cidr, Pool};

pub(crate) use default::{check_config, default_bridge};
pub(crate) use name::{check_name, interface_name};
pub(crate) use option::{BridgeOptions, GatewayMode, ParentOptions, endpoint_interface};

use crate::{Driver, Error, NetworkRecord, NetworkRequest, Result};
use name::bridge_name;
use subnet::settle_subnets;

/// Who gives addresses unless the request names another.
const IPAM_DEFAULT: &str = "default";
/// IPv6 does not work with smaller packets.
const IPV6_MIN_MTU: u32 = 1280;

/// What there is when a network is asked for.
pub(crate) struct Ground<'a> {
    /// The new network's id.
    pub(crate) id: String,
    /// Nanoseconds since the epoch.
    pub(crate) now_ns: i64,
    /// The daemon's part of the names of its bridges.
    pub(crate) bridge_prefix: String,
    /// All networks.
    pub(crate) records: Vec<&'a NetworkRecord>,
    /// Where subnets come from.
    pub(crate) pools: &'a [Pool],
    /// What this machine's interfaces and routes lead to.
    pub(crate) taken: &'a [Cidr],
    /// The largest packet unless an option says otherwise, in bytes.
    pub(crate) mtu: u32,
}

/// Settles everything about a network, or says what is wrong with the request.
pub(crate) fn settle(request: NetworkRequest, ground: Ground<'_>) -> Result<NetworkRecord> {
    check_name(&request.name)?;
    if let Some(record) = ground.records.iter().find(|record| record.name == request.name) {
        return Err(if record.predefined {
            Error::Forbidden(format!("operation is not permitted on predefined {} network", request.name))
        } else {
            Error::NameInUse(request.name)
        });
    }
    let driver: Driver = request.driver.parse()?;
    if !driver.has_addresses() {
        return Err(Error::OnlyOne(driver));
    }
    if !matches!(request.ipam_driver.as_str(), "" | IPAM_DEFAULT) {
        return Err(Error::NoSuchDriver(request.ipam_driver));
    }
    let families = (request.enable_ipv4.unwrap_or(true), request.enable_ipv6.unwrap_or(false));
    if families == (false, false) {
        return Err(Error::InvalidRequest("IPv4 or IPv6 must be enabled".to_owned()));
    }
    let (interface, mtu) = match driver {
        Driver::Bridge | Driver::Overlay => settle_bridge(&request, &ground)?,
        _ => {
            let options = ParentOptions::read(driver, &request.options)?;
            (options.parent, options.mtu.unwrap_or(0))
        }
    };
    if families.1 && mtu != 0 && mtu < IPV6_MIN_MTU {
        return Err(Error::InvalidRequest(format!(
            "invalid MTU: {mtu} is too small for IPv6, which needs {IPV6_MIN_MTU}"
        )));
    }
    let subnets = settle_subnets(&request, driver, families, &ground)?;
    Ok(NetworkRecord {
        id: ground.id,
        name: request.name,
        driver,
        created_ns: ground.now_ns,
        enable_ipv4: families.0,
        enable_ipv6: families.1,
        internal: request.internal,
        attachable: request.attachable,
        predefined: false,
        ipam_driver: IPAM_DEFAULT.to_owned(),
        ipam_options: request.ipam_options,
        user_subnets: request.subnets.iter().any(|wish| !wish.subnet.is_empty()),
        subnets,
        options: request.options,
        labels: request.labels,
        interface,
        mtu,
    })
}

/// The bridge's name and its largest packet.
fn settle_bridge(request: &NetworkRequest, ground: &Ground<'_>) -> Result<(String, u32)> {
    let options = BridgeOptions::read(&request.options)?;
    for mode in [options.mode_v4, options.mode_v6] {
        if mode == GatewayMode::Isolated && !request.internal {
            return Err(Error::InvalidRequest(
                "gateway mode 'isolated' can only be used for an internal network".to_owned(),
            ));
        }
    }
    let name = bridge_name(options.name.as_deref(), &ground.bridge_prefix, &ground.id)?;
    if let Some(other) = ground.records.iter().find(|record| record.interface == name) {
        return Err(Error::Forbidden(format!(
            "cannot create network {} ({name}): conflicts with network {} ({name}): networks have same bridge name",
            ground.id, other.id
        )));
    }
    Ok((name, options.mtu.unwrap_or(ground.mtu)))
}

#[cfg(test)]
mod tests;
