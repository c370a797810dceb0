//! Comparing the kernel with what should be there, and making again what is missing.

use std::time::Instant;

use super::{Owner, RECONCILE_INTERVAL};
use crate::link::{enable_forwarding, enable_forwarding_v6};
use crate::nft::Contents;
use crate::{Error, Result};

impl Owner {
    /// Makes again what is missing: forwarding, bridges and interfaces, the table, the held ports.
    pub(super) fn reconcile(&mut self) -> Result<()> {
        self.next_reconcile = Instant::now() + RECONCILE_INTERVAL;
        self.ensure_forwarding()?;
        // Everything is looked at: what has been told is old.
        drop(self.link_watch.drain());
        let links = self.reconcile_links();
        if let Some(firewall) = &mut self.firewall
            && !self.sweep.is_under_way()
        {
            self.table_is_stale |= !firewall.exists().map_err(Error::kernel("look up the table"))?;
        }
        let rules = self.restore_table().and_then(|()| self.watch_rules());
        links.and(rules).and(self.check_keeper())
    }

    /// Turns on what no packet leaves a bridge without.
    pub(super) fn ensure_forwarding(&mut self) -> Result<()> {
        if !self.config.ip_forward || self.nets.values().all(|net| net.bridge_options().is_none()) {
            return Ok(());
        }
        enable_forwarding()?;
        if self.nets.values().any(|net| net.record.enable_ipv6 && net.bridge_options().is_some()) {
            enable_forwarding_v6()?;
        }
        Ok(())
    }

    pub(super) fn check_keeper(&mut self) -> Result<()> {
        if !self.keeper.check().map_err(Error::Keeper)? {
            tracing::warn!("shoal-net had ended, its ports are held again");
        }
        self.visit_deaf();
        Ok(())
    }

    /// Makes the table anew if it is not what it should be, unless the sweeper is about to change it.
    pub(super) fn restore_table(&mut self) -> Result<()> {
        if !self.table_is_stale || self.sweep.is_under_way() {
            return Ok(());
        }
        let Some(firewall) = &mut self.firewall else { return Ok(()) };
        let contents = Contents {
            networks: self.nets.values().filter_map(|net| net.rules()).collect(),
            ports: self.published.values().copied().collect(),
            ingress: self.ingress.clone(),
            marks: self.marks,
        };
        firewall.replace(&contents).map_err(Error::kernel("replace the nftables table"))?;
        self.table_is_stale = false;
        self.census_is_due();
        // What was to be deleted or changed is so now.
        self.sweep.pending.ports.clear();
        self.sweep.pending.networks.clear();
        self.sweep.pending.ingress = None;
        Ok(())
    }
}
