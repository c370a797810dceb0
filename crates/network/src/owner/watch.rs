//! Looking now and then whether somebody has torn down what is ours. While nobody has, it costs a question and an
//! answer, and whatever the kernel has told of its own accord.

use super::Owner;
use crate::kernel::LinkEvent;
use crate::nft::Census;
use crate::{Error, Result};

/// What is known of the kernel's rules as they were left by us.
#[derive(Default)]
pub(super) struct RuleWatch {
    /// The generation of the rules, and how many transactions we had made by then.
    seen: Option<(u32, u32)>,
    /// What our table held; `None` after every change of ours, until it is counted again.
    census: Option<Census>,
}

impl Owner {
    /// Makes again what the kernel says has gone.
    pub(super) fn watch(&mut self) -> Result<()> {
        let links = if self.has_lost_links() { self.reconcile_links() } else { Ok(()) };
        let rules = self.watch_rules();
        let holds = if self.keeper.is_lost() { self.check_keeper() } else { Ok(()) };
        links.and(rules).and(holds)
    }

    /// After a change of ours the table is to be counted anew.
    pub(super) fn census_is_due(&mut self) {
        self.rule_watch.census = None;
    }

    fn has_lost_links(&mut self) -> bool {
        let events = match self.link_watch.drain() {
            Ok(events) => events,
            // More than the kernel keeps for us.
            Err(_) => return true,
        };
        events.iter().any(|event| match event {
            LinkEvent::Removed { index, name } => {
                self.nets.values().any(|net| net.index == *index) || self.has_wired(name)
            }
            LinkEvent::Changed { index, name, is_up, controller } => {
                let is_down_bridge = !is_up && self.nets.values().any(|net| net.index == *index);
                is_down_bridge || ((!is_up || controller.is_none()) && self.has_wired(name))
            }
            LinkEvent::AddressRemoved { index } => self.nets.values().any(|net| net.index == *index),
        })
    }

    /// Whether a container that is wired has this interface on the host's side.
    fn has_wired(&self, host_interface: &str) -> bool {
        self.containers.values().any(|container| {
            let mut endpoints = container.endpoints.iter();
            endpoints.any(|endpoint| {
                endpoint.host_interface == host_interface && container.wired.contains(&endpoint.network_id)
            })
        })
    }

    /// Compares the table with what it was, if somebody else has changed rules since.
    pub(super) fn watch_rules(&mut self) -> Result<()> {
        // The sweeper's transactions count when they are done.
        if self.sweep.is_under_way() {
            return Ok(());
        }
        let Some(firewall) = &mut self.firewall else { return Ok(()) };
        let (generation, commits) = firewall.generation().map_err(Error::kernel("look at the rules"))?;
        let is_ours = self
            .rule_watch
            .seen
            .is_none_or(|(seen, before)| seen.wrapping_add(commits.wrapping_sub(before)) == generation);
        self.rule_watch.seen = Some((generation, commits));
        if is_ours && self.rule_watch.census.is_some() {
            return self.restore_table();
        }
        let census = firewall.census().map_err(Error::kernel("count the rules"))?;
        if !is_ours {
            if self.rule_watch.census.as_ref() != Some(&census) {
                tracing::warn!("rules have been changed by somebody else, the table is made anew");
                self.table_is_stale = true;
            }
            self.watch_foreign()?;
        }
        self.rule_watch.census = Some(census);
        self.restore_table()
    }
}
