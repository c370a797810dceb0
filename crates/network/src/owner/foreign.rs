//! Chains of other programs that drop what is forwarded: our one rule in each of them, and telling about them.

use std::net::SocketAddr;

use super::Owner;
use super::publish::published;
use crate::nft::Foreign;
use crate::{Error, FirewallReport, ForeignChain, ForeignFirewall, ReportedPort, Result};

/// The tables of the old iptables, by name, where its modules are loaded.
const LEGACY_TABLES: [&str; 2] = ["/proc/net/ip_tables_names", "/proc/net/ip6_tables_names"];

impl Owner {
    /// Looks at all chains of other programs, and has our rule in those that drop, and only there.
    pub(super) fn watch_foreign(&mut self) -> Result<()> {
        let Some(firewall) = &mut self.firewall else { return Ok(()) };
        let wanted = self.config.foreign_firewall == ForeignFirewall::Accept;
        let chains = firewall.foreign().map_err(Error::kernel("list other programs' chains"))?;
        let marks = wanted && chains.iter().any(|chain| chain.drops);
        if marks != self.marks {
            self.marks = marks;
            self.table_is_stale = true;
        }
        for chain in &chains {
            match firewall.settle_foreign(chain, wanted && chain.drops) {
                Ok(true) if wanted && chain.drops => tracing::info!(
                    table = chain.table,
                    chain = chain.chain,
                    "another program's chain drops what is forwarded, our containers' own traffic is let through"
                ),
                Ok(_) => {}
                // It may have gone, or changed, in the meantime: the next look finds that.
                Err(error) => tracing::warn!(
                    table = chain.table,
                    chain = chain.chain,
                    %error,
                    "another program's chain drops what is forwarded, and cannot be changed"
                ),
            }
        }
        Ok(())
    }

    /// Takes our rules out of other programs' chains.
    pub(super) fn leave_foreign(&mut self) -> Result<()> {
        let Some(firewall) = &mut self.firewall else { return Ok(()) };
        let failed = || Error::kernel("leave other programs' chains");
        for chain in &firewall.foreign().map_err(failed())? {
            firewall.settle_foreign(chain, false).map_err(failed())?;
        }
        Ok(())
    }

    /// What stands in the way of what.
    pub(super) fn firewall_report(&mut self) -> Result<FirewallReport> {
        let chains = match &mut self.firewall {
            Some(firewall) => firewall.foreign().map_err(Error::kernel("list other programs' chains"))?,
            None => Vec::new(),
        };
        let endpoints = self
            .containers
            .values()
            .flat_map(|container| container.endpoints.iter().map(move |endpoint| (container, endpoint)));
        let ports = endpoints.flat_map(|(container, endpoint)| {
            let of_port = |port: &crate::BoundPort| {
                let alone = crate::Endpoint { ports: vec![port.clone()], ..endpoint.clone() };
                let published = published(&alone).pop()?;
                Some(ReportedPort {
                    container: container.name.clone(),
                    port: port.clone(),
                    target: SocketAddr::from(published.target),
                    protocol: published.protocol,
                })
            };
            endpoint.ports.iter().filter_map(of_port).collect::<Vec<_>>()
        });
        Ok(FirewallReport {
            has_rules: self.firewall.is_some(),
            mode: self.config.foreign_firewall,
            has_legacy_tables: LEGACY_TABLES
                .iter()
                .any(|path| std::fs::read_to_string(path).is_ok_and(|names| !names.trim().is_empty())),
            ports: ports.collect(),
            chains: chains.iter().map(told).collect(),
        })
    }
}

fn told(chain: &Foreign) -> ForeignChain {
    let family = match i32::from(chain.family) {
        nix::libc::NFPROTO_IPV4 => "ip",
        nix::libc::NFPROTO_IPV6 => "ip6",
        _ => "inet",
    };
    ForeignChain {
        family: family.to_owned(),
        table: chain.table.clone(),
        chain: chain.chain.clone(),
        priority: chain.priority,
        drops: chain.drops,
        lets_ours_through: chain.ours.is_some(),
    }
}
