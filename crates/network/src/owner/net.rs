//! One network as the owner has it: its record, its addresses, its place in the kernel.

use std::collections::BTreeMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use ipam::{Addresses, Cidr};

use crate::link::Bridge;
use crate::nft::{FamilyRules, NetworkRules};
use crate::settle::{BridgeOptions, GatewayMode, ParentOptions};
use crate::{AttachRequest, Driver, Endpoint, Error, NetworkRecord, Place, Result, Subnet};

/// How many digits of a network's id its chains are called by.
const TAG_DIGITS: usize = 12;
/// What interfaces in containers are called unless an option says otherwise.
const INTERFACE_PREFIX: &str = "eth";

/// The bridge's address that is good on its own wire.
const LINK_LOCAL: Ipv6Addr = Ipv6Addr::new(0xfe80, 0, 0, 0, 0, 0, 0, 1);
const LINK_LOCAL_LEN: u8 = 64;

/// A place in each family that a network has.
type Places = (Option<Place<Ipv4Addr>>, Option<Place<Ipv6Addr>>);

/// One network.
pub(super) struct Net {
    pub(super) record: NetworkRecord,
    pub(super) kind: Kind,
    /// The number of the bridge or of the parent; 0 while it could not be had.
    pub(super) index: u32,
    /// One for each subnet of the record, in its order.
    addresses: Vec<Addresses>,
}

/// What the driver's options say.
pub(super) enum Kind {
    Bridge(BridgeOptions),
    Parent(ParentOptions),
    /// Host and null: nothing of ours.
    Plain,
}

impl Net {
    /// Reads a record: gateway and reserved addresses are taken, nothing else is.
    pub(super) fn new(record: NetworkRecord) -> Result<Net> {
        let kind = match record.driver {
            Driver::Bridge | Driver::Overlay => Kind::Bridge(BridgeOptions::read(&record.options)?),
            Driver::Macvlan | Driver::Ipvlan => {
                Kind::Parent(ParentOptions::read(record.driver, &record.options)?)
            }
            Driver::Host | Driver::Null => Kind::Plain,
        };
        let mut addresses = Vec::new();
        for subnet in &record.subnets {
            let mut pool = match subnet.ip_range {
                Some(range) => Addresses::with_range(subnet.subnet, range)?,
                None => Addresses::new(subnet.subnet),
            };
            for reserved in subnet.gateway.iter().chain(subnet.aux_addresses.values()) {
                pool.allocate_at(*reserved)?;
            }
            addresses.push(pool);
        }
        Ok(Net { record, kind, index: 0, addresses })
    }

    /// The options of a bridge.
    pub(super) fn bridge_options(&self) -> Option<&BridgeOptions> {
        match &self.kind {
            Kind::Bridge(options) => Some(options),
            Kind::Parent(_) | Kind::Plain => None,
        }
    }

    /// How containers of a bridge are reached from outside; `None` where nothing of ours publishes.
    pub(super) fn mode(&self, ipv4: bool) -> Option<GatewayMode> {
        let options = self.bridge_options()?;
        let mode = if ipv4 { options.mode_v4 } else { options.mode_v6 };
        let enabled = if ipv4 { self.record.enable_ipv4 } else { self.record.enable_ipv6 };
        (enabled && !self.record.internal).then_some(mode)
    }

    /// Whether containers have a way out through whoever is there, without a gateway.
    pub(super) fn has_open_way(&self) -> bool {
        let by_route = match &self.kind {
            Kind::Parent(options) => self.record.driver == Driver::Ipvlan && options.mode != "l2",
            Kind::Bridge(_) | Kind::Plain => false,
        };
        by_route && !self.record.internal
    }

    /// What its bridge is to be.
    pub(super) fn bridge(&self, alias: String, localnet: bool) -> Option<Bridge> {
        let options = self.bridge_options()?;
        let own = |subnet: &Subnet| {
            let ipv4 = subnet.subnet.is_ipv4();
            let mode = if ipv4 { options.mode_v4 } else { options.mode_v6 };
            let wanted = mode != GatewayMode::Isolated && !(ipv4 && options.inhibit_ipv4);
            let gateway = subnet.gateway.filter(|_| wanted)?;
            Cidr::new(gateway, subnet.subnet.prefix_len()).ok()
        };
        let mut addresses: Vec<Cidr> = self.record.subnets.iter().filter_map(own).collect();
        if addresses.iter().any(|address| address.is_ipv6()) {
            // Without an address on the wire the kernel asks nobody for theirs.
            addresses.push(Cidr::new(LINK_LOCAL, LINK_LOCAL_LEN).ok()?);
        }
        Some(Bridge {
            name: self.record.interface.clone(),
            alias,
            addresses,
            is_default: self.record.predefined,
            mtu: self.record.mtu,
            localnet: localnet && self.record.enable_ipv4 && !self.record.internal,
        })
    }

    /// What the rules know of it.
    pub(super) fn rules(&self) -> Option<NetworkRules> {
        let options = self.bridge_options()?;
        let family = |subnet: &Subnet| FamilyRules {
            subnet: subnet.subnet,
            mode: if subnet.subnet.is_ipv4() { options.mode_v4 } else { options.mode_v6 },
            masquerade: options.masquerade,
        };
        Some(NetworkRules {
            tag: self.record.id[..TAG_DIGITS].to_owned(),
            bridge: self.record.interface.clone(),
            families: self.record.subnets.iter().map(family).collect(),
            icc: options.icc,
            internal: self.record.internal,
        })
    }

    /// What its interfaces in containers are called, without their number.
    pub(super) fn interface_prefix(&self) -> &str {
        let prefix = match &self.kind {
            Kind::Bridge(options) => options.prefix.as_deref(),
            Kind::Parent(options) => options.prefix.as_deref(),
            Kind::Plain => None,
        };
        prefix.unwrap_or(INTERFACE_PREFIX)
    }

    /// Takes the addresses a request wants, or the next ones. On failure nothing is taken.
    pub(super) fn place(&mut self, request: &AttachRequest) -> Result<Places> {
        let v4 = self.take(true, request.ipv4.map(IpAddr::V4))?;
        let v6 = self.take(false, request.ipv6.map(IpAddr::V6)).inspect_err(|_| {
            if let Some(place) = v4 {
                self.release(place.address);
            }
        })?;
        let v4 = v4.and_then(|place| match (place.address, place.gateway) {
            (IpAddr::V4(address), gateway) => {
                Some(Place { address, prefix_len: place.prefix_len, gateway: gateway.and_then(v4_of) })
            }
            _ => None,
        });
        let v6 = v6.and_then(|place| match (place.address, place.gateway) {
            (IpAddr::V6(address), gateway) => {
                Some(Place { address, prefix_len: place.prefix_len, gateway: gateway.and_then(v6_of) })
            }
            _ => None,
        });
        Ok((v4, v6))
    }

    fn take(&mut self, ipv4: bool, wish: Option<IpAddr>) -> Result<Option<Place<IpAddr>>> {
        let enabled = if ipv4 { self.record.enable_ipv4 } else { self.record.enable_ipv6 };
        let mut failure = None;
        for (subnet, addresses) in self.record.subnets.iter().zip(&mut self.addresses) {
            if subnet.subnet.is_ipv4() != ipv4 || wish.is_some_and(|wish| !subnet.subnet.contains(wish)) {
                continue;
            }
            let taken = match wish {
                Some(wish) => addresses.allocate_at(wish).map(|()| wish),
                None => addresses.allocate(),
            };
            match taken {
                Ok(address) => {
                    let gateway = subnet.gateway.filter(|_| !self.record.internal);
                    return Ok(Some(Place { address, prefix_len: subnet.subnet.prefix_len(), gateway }));
                }
                Err(error) => failure = Some(error),
            }
        }
        match (failure, wish) {
            (Some(error), _) => Err(error.into()),
            (None, Some(wish)) => {
                Err(Error::InvalidRequest(format!("no configured subnet contains IP address {wish}")))
            }
            (None, None) if enabled && self.record.driver.has_addresses() => {
                Err(Error::InvalidRequest(format!("network {} has no subnet", self.record.name)))
            }
            (None, None) => Ok(None),
        }
    }

    /// Takes what a living container has. One that does not fit any more is told.
    pub(super) fn adopt(&mut self, endpoint: &Endpoint) {
        for address in endpoint.addresses() {
            let addresses = self.addresses.iter_mut().find(|pool| pool.subnet().contains(address));
            let taken = addresses.map(|pool| pool.allocate_at(address));
            if !matches!(taken, Some(Ok(()))) {
                tracing::warn!(
                    container = endpoint.container_id,
                    network = self.record.name,
                    %address,
                    "address of a live container does not fit its network"
                );
            }
        }
    }

    /// Gives back an address.
    pub(super) fn release(&mut self, address: impl Into<IpAddr>) {
        let address = address.into();
        for addresses in &mut self.addresses {
            addresses.release(address);
        }
    }
}

fn v4_of(address: IpAddr) -> Option<Ipv4Addr> {
    match address {
        IpAddr::V4(address) => Some(address),
        IpAddr::V6(_) => None,
    }
}

fn v6_of(address: IpAddr) -> Option<Ipv6Addr> {
    match address {
        IpAddr::V6(address) => Some(address),
        IpAddr::V4(_) => None,
    }
}

/// All networks, by id.
pub(super) type Nets = BTreeMap<String, Net>;
