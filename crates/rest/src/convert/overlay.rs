//! What overlay networks are made of, as it is asked for when a swarm is made, and told afterwards.

use std::net::IpAddr;
use std::ops::RangeInclusive;

use engine_api::swarm::SwarmInitRequest;
use swarm_api::default::{ADDRESS_POOL, SUBNET_SIZE};
use swarm_api::pb;

use crate::failure::Failure;

/// Port of overlay networks' traffic, unless another is asked for,
const DATA_PATH_PORT: u32 = 4789;
/// which is one of these.
const DATA_PATH_PORTS: RangeInclusive<u32> = 1024..=49151;
/// Longest one.
const MAX_SUBNET_SIZE: u32 = 32;

/// A block of addresses.
struct Pool<'a> {
    text: &'a str,
    bits: u128,
    width: u32,
    len: u32,
}

impl<'a> Pool<'a> {
    fn read(text: &'a str) -> Option<Self> {
        let (address, len) = text.split_once('/')?;
        let (bits, width) = match address.parse().ok()? {
            IpAddr::V4(address) => (u128::from(u32::from(address)), 32),
            IpAddr::V6(address) => (u128::from(address), 128),
        };
        let len: u32 = len.parse().ok()?;
        (len <= width).then_some(Self { text, bits, width, len })
    }

    /// Whether they have an address in common: the shorter prefix is one of both.
    fn overlaps(&self, other: &Self) -> bool {
        let free = self.width - self.len.min(other.len);
        let first = |bits: u128| bits.checked_shr(free).unwrap_or(0);
        self.width == other.width && first(self.bits) == first(other.bits)
    }
}

/// Reads what is asked for.
pub(crate) fn settings(request: &SwarmInitRequest) -> Result<pb::OverlaySettings, Failure> {
    let port = request.data_path_port;
    if port != 0 && !DATA_PATH_PORTS.contains(&port) {
        return Err(Failure::invalid(format!(
            "Datapath port number is not in valid range ({}-{}) : {port}",
            DATA_PATH_PORTS.start(),
            DATA_PATH_PORTS.end()
        )));
    }
    let size = request.subnet_size;
    if size > MAX_SUBNET_SIZE {
        return Err(Failure::invalid(format!("subnet size is out of range: {size}")));
    }
    let size = if size == 0 { SUBNET_SIZE } else { size };
    let mut pools: Vec<Pool<'_>> = Vec::new();
    for text in &request.default_addr_pool {
        let pool = Pool::read(text).ok_or_else(|| {
            Failure::invalid(format!("invalid base pool {text}: invalid CIDR address: {text}"))
        })?;
        if size < pool.len {
            return Err(Failure::invalid(format!(
                "invalid CIDR: {text:?}. Subnet size is too small for pool: {size}"
            )));
        }
        if let Some(other) = pools.iter().find(|other| other.overlaps(&pool)) {
            return Err(Failure::invalid(format!("address pools {} and {text} overlap", other.text)));
        }
        pools.push(pool);
    }
    Ok(pb::OverlaySettings {
        data_path_port: port,
        address_pools: request.default_addr_pool.clone(),
        subnet_size: request.subnet_size,
    })
}

/// Port, pools and mask's length as they are told.
pub(super) fn told(settings: Option<&pb::OverlaySettings>) -> (u32, Vec<String>, u32) {
    let settings = settings.cloned().unwrap_or_default();
    let or = |number: u32, default: u32| if number == 0 { default } else { number };
    let pools = match settings.address_pools.is_empty() {
        true => vec![ADDRESS_POOL.to_owned()],
        false => settings.address_pools,
    };
    (or(settings.data_path_port, DATA_PATH_PORT), pools, or(settings.subnet_size, SUBNET_SIZE))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(port: u32, pools: &[&str], size: u32) -> Result<(u32, Vec<String>, u32), String> {
        let request = SwarmInitRequest {
            data_path_port: port,
            default_addr_pool: pools.iter().map(|pool| (*pool).to_owned()).collect(),
            subnet_size: size,
            ..Default::default()
        };
        settings(&request).map(|settings| told(Some(&settings))).map_err(|failure| failure.message)
    }

    #[test]
    fn what_is_asked_for_is_told() {
        assert_eq!(asked(0, &[], 0), Ok((4789, vec!["10.0.0.0/8".to_owned()], 24)));
        let pools = ["10.1.0.0/16", "10.2.0.0/16", "fd00::/8"];
        assert_eq!(asked(5000, &pools, 26), Ok((5000, pools.map(str::to_owned).to_vec(), 26)));
        assert_eq!(told(None), (4789, vec!["10.0.0.0/8".to_owned()], 24));
    }

    #[test]
    fn what_cannot_be_is_refused() {
        for (port, pools, size, reason) in [
            (1023, &[][..], 0, "1024-49151"),
            (49152, &[], 0, "1024-49151"),
            (0, &["10.0.0.0"], 0, "invalid CIDR address"),
            (0, &["10.0.0.0/33"], 0, "invalid CIDR address"),
            (0, &["10.0.0.0/25"], 24, "too small for pool"),
            (0, &["10.0.0.0/8"], 33, "out of range"),
            (0, &["10.0.0.0/8", "10.3.0.0/16"], 24, "overlap"),
        ] {
            let refused = asked(port, pools, size).expect_err(reason);
            assert!(refused.contains(reason), "{refused}");
        }
    }
}
