//! The orderly end of a daemon that has nothing left to connect.

use super::Owner;
use crate::link::{delete_link, has_alias, ignore_absence};
use crate::{Error, Result};

impl Owner {
    /// Removes the table and the bridges if nobody uses them; else they stay, and the next daemon takes them over.
    /// `shoal-net` ends by itself when it has nothing to hold.
    pub(super) fn retire(&mut self) -> Result<()> {
        if self.containers.values().any(|container| !container.endpoints.is_empty())
            || !self.ingress.is_empty()
        {
            return Ok(());
        }
        let foreign = self.leave_foreign();
        let table = match &mut self.firewall {
            Some(firewall) => firewall.remove().map_err(Error::kernel("remove the table")),
            None => Ok(()),
        };
        let mut bridges = Ok(());
        for net in std::mem::take(&mut self.nets).into_values() {
            if net.bridge_options().is_none() {
                continue;
            }
            // A bridge that the administrator named may be the administrator's; so may one that bears no mark.
            let is_ours = if net.record.predefined {
                Ok(self.config.bridge.own)
            } else {
                let alias = self.config.alias(&net.record.id);
                self.route
                    .link(&net.record.interface)
                    .map(|link| link.is_some_and(|link| has_alias(&link, &alias)))
            };
            let removed = match is_ours {
                Ok(true) => ignore_absence(self.route.apply(vec![delete_link(&net.record.interface)])),
                Ok(false) => Ok(()),
                Err(error) => Err(error),
            };
            bridges = bridges.and(removed);
        }
        foreign.and(table).and(bridges)
    }
}
