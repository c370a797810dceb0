//! Comparing the kernel with what should be there.

use std::time::Instant;

use netlink_packet_route::RouteNetlinkMessage;

use super::{Owner, RECONCILE_INTERVAL};
use crate::kernel::Request;
use crate::link::{Bridge, enable_forwarding, enslave};
use crate::nft::Contents;
use crate::{Error, Result};

impl Owner {
    /// Makes again what is missing: forwarding, the bridge and its ports, the table, the held ports.
    pub(super) fn reconcile(&mut self) -> Result<()> {
        self.next_reconcile = Instant::now() + RECONCILE_INTERVAL;
        self.reconcile_bridge()?;
        if let Some(firewall) = &mut self.firewall
            && !self.sweep.is_under_way()
        {
            self.table_is_stale |= !firewall.exists().map_err(Error::kernel("look up the table"))?;
        }
        self.restore_table()?;
        if !self.keeper.check().map_err(Error::Keeper)? {
            tracing::warn!("shoal-net had ended, its ports are held again");
        }
        self.visit_deaf();
        Ok(())
    }

    fn reconcile_bridge(&mut self) -> Result<()> {
        let Some(network) = &mut self.network else { return Ok(()) };
        if self.config.ip_forward {
            enable_forwarding()?;
        }
        let address = network.bridge.address;
        let bridge = Bridge::ensure(&mut self.route, &self.config.bridge, address, self.firewall.is_some())?;
        if bridge.index == network.bridge.index {
            return Ok(());
        }
        tracing::warn!(bridge = %bridge.name, "bridge had gone and is made again");
        let ports: Vec<Request> = self
            .endpoints
            .values()
            .map(|endpoint| {
                let link = enslave(&endpoint.host_interface, bridge.index);
                Request::change(
                    RouteNetlinkMessage::NewLink(link),
                    format!("enslave {}", endpoint.host_interface),
                )
            })
            .collect();
        network.bridge = bridge;
        // An endpoint that is not wired yet has no interface; it will find the new bridge by itself.
        if let Err(error) = self.route.apply(ports) {
            tracing::debug!(%error, "not every container is on the new bridge");
        }
        Ok(())
    }

    /// Makes the table anew if it is not what it should be, unless the sweeper is about to change it.
    pub(super) fn restore_table(&mut self) -> Result<()> {
        if !self.table_is_stale || self.sweep.is_under_way() {
            return Ok(());
        }
        let Some(firewall) = &mut self.firewall else { return Ok(()) };
        let bridge = self.network.as_ref().map(|network| &network.bridge);
        let contents = Contents {
            bridge: bridge.map(|bridge| (bridge.name.as_str(), bridge.subnet())),
            ports: self.published.values().copied().collect(),
            ingress: self.ingress.clone(),
        };
        firewall.replace(&contents).map_err(Error::kernel("replace the nftables table"))?;
        self.table_is_stale = false;
        // What was to be deleted or changed is so now.
        self.sweep.pending.ports.clear();
        self.sweep.pending.ingress = None;
        Ok(())
    }
}
