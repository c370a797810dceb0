//! The table in the kernel: replaced as a whole, or changed by what was added and removed.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use nix::libc;
use nix::sys::socket::SockProtocol;

use super::batch::{self, Batch};
use super::network::{self, NetworkRules};
use super::port::{Balanced, Published};
use super::ruleset::{self, Contents};
use crate::kernel::Socket;

/// Counts the transactions of this daemon, from whatever thread: each makes the kernel count one generation of rules
/// further, and what is beyond is somebody else's doing.
pub(crate) type Commits = Arc<AtomicU32>;

/// This daemon's table, over a connection bound to the network namespace of the thread that opened it.
pub(crate) struct Firewall {
    pub(super) table: String,
    pub(super) socket: Socket,
    pub(super) commits: Commits,
}

impl Firewall {
    /// Connects; the table itself is made by [`Firewall::replace`].
    pub(crate) fn open(table: &str, commits: Commits) -> io::Result<Firewall> {
        let socket = Socket::open(SockProtocol::NetlinkNetFilter)?;
        Ok(Firewall { table: table.to_owned(), socket, commits })
    }

    /// Makes the table hold exactly `contents`, in one step. Flows that exist keep their translations.
    pub(crate) fn replace(&mut self, contents: &Contents) -> io::Result<()> {
        self.transact(|batch| ruleset::replace(batch, contents))
    }

    /// Removes the table.
    pub(crate) fn remove(&mut self) -> io::Result<()> {
        self.transact(|batch| {
            batch.add_table();
            batch.delete_table();
        })
    }

    /// Adds a network. Fast: nothing is deleted.
    pub(crate) fn add_network(&mut self, network: &NetworkRules) -> io::Result<()> {
        self.transact(|batch| network::add_network(batch, network))
    }

    /// Publishes ports. Fast: nothing is deleted.
    pub(crate) fn add_ports(&mut self, ports: &[Published]) -> io::Result<()> {
        self.transact(|batch| ruleset::add_ports(batch, ports))
    }

    /// Takes ports back, and gives others: one step, and one grace period of the kernel.
    pub(crate) fn change_ports(&mut self, old: &[Published], new: &[Published]) -> io::Result<()> {
        self.transact(|batch| {
            ruleset::delete_ports(batch, old);
            ruleset::add_ports(batch, new);
        })
    }

    /// Takes ports and networks back, in one grace period of the kernel.
    pub(crate) fn delete(&mut self, ports: &[Published], networks: &[NetworkRules]) -> io::Result<()> {
        self.transact(|batch| {
            ruleset::delete_ports(batch, ports);
            for network in networks {
                network::delete_network(batch, network);
            }
        })
    }

    /// Makes the balanced ports, which now are `old`, exactly `new`.
    pub(crate) fn change_ingress(&mut self, old: &[Balanced], new: &[Balanced]) -> io::Result<()> {
        let same_port = |a: &Balanced, b: &Balanced| (a.protocol, a.port) == (b.protocol, b.port);
        self.transact(|batch| {
            for port in old.iter().filter(|port| !new.iter().any(|other| same_port(port, other))) {
                ruleset::delete_balanced(batch, port);
            }
            for port in new {
                match old.iter().find(|other| same_port(port, other)) {
                    None => ruleset::add_balanced(batch, port),
                    Some(before) if before != port => ruleset::change_balanced(batch, port),
                    Some(_) => {}
                }
            }
        })
    }

    /// Whether the table is there: somebody may have flushed all rules.
    pub(crate) fn exists(&mut self) -> io::Result<bool> {
        batch::table_exists(&mut self.socket, libc::NFPROTO_INET, &self.table)
    }

    fn transact(&mut self, fill: impl FnOnce(&mut Batch<'_>)) -> io::Result<()> {
        let table = self.table.clone();
        let mut batch = Batch::new(libc::NFPROTO_INET, &table);
        fill(&mut batch);
        self.commit(batch)
    }

    pub(super) fn commit(&mut self, batch: Batch<'_>) -> io::Result<()> {
        batch.commit(&mut self.socket)?;
        self.commits.fetch_add(1, Ordering::Relaxed);
        Ok(())
    }
}
