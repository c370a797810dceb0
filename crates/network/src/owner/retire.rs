//! The orderly end of a daemon that has nothing left to connect.

use super::Owner;
use crate::link::delete_link;
use crate::{Error, Result};

impl Owner {
    /// Removes the table and the bridge if nobody uses them; else they stay, and the next daemon takes them over.
    /// `shoal-net` ends by itself when it has nothing to hold.
    pub(super) fn retire(&mut self) -> Result<()> {
        if !self.endpoints.is_empty() || !self.ingress.is_empty() {
            return Ok(());
        }
        let table = match &mut self.firewall {
            Some(firewall) => firewall.remove().map_err(Error::kernel("remove the table")),
            None => Ok(()),
        };
        // A bridge that the administrator named may be the administrator's.
        let bridge = match self.network.take() {
            Some(network) if self.config.bridge.own => {
                self.route.apply(vec![delete_link(&network.bridge.name)])
            }
            _ => Ok(()),
        };
        table.and(bridge)
    }
}
