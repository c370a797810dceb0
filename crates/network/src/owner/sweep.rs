//! What can wait: deletions in the kernel, which wait for its grace periods, are gathered and done by another thread.
//!
//! At most one set of chores is under way. What it deletes must not be added again before it is done; what is
//! still pending can be taken back.

use std::io;
use std::mem;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{Event, Owner, Reply};
use crate::hold::HoldKey;
use crate::kernel::{Route, StaleFlows, flush_flows};
use crate::link::{delete_link, has_alias, ignore_absence};
use crate::nft::{Balanced, Commits, Firewall, NetworkRules, Published};
use crate::{Error, NetworkRecord, Result};

/// How long deletions are gathered.
const GATHER: Duration = Duration::from_millis(50);
/// How long a container's network namespace has to die, and its interfaces with it, before they are removed by us.
const LINK_PATIENCE: Duration = Duration::from_secs(3);
/// The sweeper keeps nothing large on its stack.
const STACK_SIZE: usize = 128 * 1024;

/// Deletions to be done in one go.
#[derive(Default)]
pub(super) struct Chores {
    /// Elements of the port maps.
    pub(super) ports: Vec<Published>,
    /// Networks' own chains.
    pub(super) networks: Vec<NetworkRules>,
    /// Bridges to remove if they are still there and bear this mark.
    bridges: Vec<(String, String)>,
    /// Networks that are no more, and who is told when the kernel has forgotten them.
    pub(super) removed: Vec<(NetworkRecord, Reply<NetworkRecord>)>,
    /// The balanced ports as they are and as they should be, and who waits for it.
    pub(super) ingress: Option<(Vec<Balanced>, Vec<Balanced>)>,
    /// Who is told when these chores are done.
    pub(super) replies: Vec<(Result<()>, Reply<()>)>,
    /// Tracked flows to forget.
    pub(super) flows: StaleFlows,
    /// Interfaces to remove if they are still there.
    links: Vec<String>,
}

/// Chores that are done.
pub(crate) struct Swept {
    rules: io::Result<()>,
    removed: Vec<(NetworkRecord, Reply<NetworkRecord>)>,
    replies: Vec<(Result<()>, Reply<()>)>,
}

/// The chores that are pending, and those that are under way.
pub(super) struct Sweep {
    pub(super) pending: Chores,
    due: Option<Instant>,
    links: Vec<(Instant, String)>,
    under_way: Option<Vec<HoldKey>>,
    chores: Sender<Chores>,
}

impl Sweep {
    /// Starts the sweeper. It ends when this is dropped.
    pub(super) fn start(table: Option<(String, Commits)>, events: Sender<Event>) -> io::Result<Sweep> {
        let (chores, received) = channel();
        let sweeper = move || sweep(table.as_ref(), &received, &events);
        thread::Builder::new().name("network-sweep".to_owned()).stack_size(STACK_SIZE).spawn(sweeper)?;
        Ok(Sweep { pending: Chores::default(), due: None, links: Vec::new(), under_way: None, chores })
    }

    /// When [`Sweep::dispatch`] has something to do.
    pub(super) fn deadline(&self) -> Option<Instant> {
        if self.is_under_way() {
            return None;
        }
        self.due.into_iter().chain(self.links.first().map(|(due, _)| *due)).min()
    }

    /// Has the pending chores done soon.
    pub(super) fn soon(&mut self) {
        self.due.get_or_insert_with(|| Instant::now() + GATHER);
    }

    /// Has the pending chores done as soon as the sweeper is free.
    pub(super) fn now(&mut self) {
        self.due = Some(Instant::now());
        self.dispatch(Instant::now());
    }

    /// Removes an interface, should it outlive the container.
    pub(super) fn link(&mut self, name: String) {
        self.links.push((Instant::now() + LINK_PATIENCE, name));
    }

    /// Removes a bridge that bears this mark.
    pub(super) fn bridge(&mut self, name: &str, alias: &str) {
        self.pending.bridges.push((name.to_owned(), alias.to_owned()));
    }

    /// Whether the table may be about to change.
    pub(super) fn is_under_way(&self) -> bool {
        self.under_way.is_some()
    }

    /// Whether the element of this port is being deleted.
    pub(super) fn is_deleting(&self, key: &HoldKey) -> bool {
        self.under_way.as_ref().is_some_and(|keys| keys.contains(key))
    }

    /// Takes back the pending deletions of these ports.
    pub(super) fn take_back(&mut self, keys: &[HoldKey]) -> Vec<Published> {
        let (taken, rest) =
            mem::take(&mut self.pending.ports).into_iter().partition(|port| keys.contains(&port.key()));
        self.pending.ports = rest;
        taken
    }

    /// Hands the pending chores to the sweeper if it is time and it is free.
    pub(super) fn dispatch(&mut self, now: Instant) {
        if self.deadline().is_none_or(|due| due > now) {
            return;
        }
        let mut chores = mem::take(&mut self.pending);
        self.due = None;
        let due_links = self.links.iter().take_while(|(due, _)| *due <= now).count();
        chores.links = self.links.drain(..due_links).map(|(_, name)| name).collect();
        self.under_way = Some(chores.ports.iter().map(Published::key).collect());
        if self.chores.send(chores).is_err() {
            // Nobody will say that it is done. Whoever waited hears that we are closed.
            self.under_way = None;
            tracing::error!(
                "network sweeper has ended, stale rules and interfaces stay until the next start"
            );
        }
    }
}

impl Owner {
    /// Answers who waited, and goes on with what had to.
    pub(super) fn swept(&mut self, swept: Swept) {
        self.sweep.under_way = None;
        self.census_is_due();
        if let Err(error) = swept.rules {
            tracing::warn!(%error, "stale rules cannot be removed one by one, the table is made anew");
            self.table_is_stale = true;
        }
        let restored = self.restore_table().map_err(|error| error.to_string());
        if let Err(error) = &restored {
            tracing::warn!(%error, "rules cannot be restored, trying again later");
        }
        for (result, reply) in swept.replies {
            let failed = |error: &String| Error::kernel("change the rules")(io::Error::other(error.clone()));
            let _ = reply.send(restored.as_ref().map_err(failed).and(result));
        }
        for (record, reply) in swept.removed {
            let _ = reply.send(Ok(record));
        }
        for publication in mem::take(&mut self.waiting) {
            self.add_ports(publication);
        }
        self.sweep.dispatch(Instant::now());
    }
}

/// The sweeper's life.
fn sweep(table: Option<&(String, Commits)>, chores: &Receiver<Chores>, events: &Sender<Event>) {
    for chores in chores {
        let rules = table.map_or(Ok(()), |table| sweep_rules(table, &chores));
        if !chores.flows.is_empty() {
            match flush_flows(&chores.flows) {
                Ok(0) => {}
                Ok(count) => tracing::debug!(count, "stale flows forgotten"),
                Err(error) => tracing::warn!(%error, "stale flows cannot be forgotten"),
            }
        }
        if let Err(error) = sweep_links(&chores.links, &chores.bridges) {
            tracing::warn!(%error, "interfaces of ended containers and networks cannot be removed");
        }
        if events
            .send(Event::Swept(Swept { rules, removed: chores.removed, replies: chores.replies }))
            .is_err()
        {
            return;
        }
    }
}

fn sweep_rules((table, commits): &(String, Commits), chores: &Chores) -> io::Result<()> {
    if chores.ports.is_empty() && chores.networks.is_empty() && chores.ingress.is_none() {
        return Ok(());
    }
    let mut firewall = Firewall::open(table, commits.clone())?;
    if !chores.ports.is_empty() || !chores.networks.is_empty() {
        firewall.delete(&chores.ports, &chores.networks)?;
    }
    match &chores.ingress {
        Some((old, new)) => firewall.change_ingress(old, new),
        None => Ok(()),
    }
}

fn sweep_links(names: &[String], bridges: &[(String, String)]) -> Result<()> {
    if names.is_empty() && bridges.is_empty() {
        return Ok(());
    }
    let mut route = Route::open()?;
    let mut requests = Vec::new();
    for name in names {
        if route.link(name)?.is_some() {
            requests.push(delete_link(name));
        }
    }
    for (name, alias) in bridges {
        if route.link(name)?.is_some_and(|link| has_alias(&link, alias)) {
            requests.push(delete_link(name));
        }
    }
    // A namespace may have died between the question and this.
    ignore_absence(route.apply(requests))
}
