//! The door that every connection comes in by: how many may be inside, as whom they count, and who is shown out again.
//!
//! A caller is a stranger until the handshake has told who it is, and for good when it shows no certificate. Strangers are
//! bounded by their address and in all, and may not stay; nodes are bounded each. When a node is removed, loses its role or is
//! of a root that is trusted no more, its connections are closed: refusing its next request would leave its streams open.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use rustls_pki_types::CertificateDer;
use thiserror::Error;
use tokio_util::sync::CancellationToken;
use tonic::Status;

use super::complaint::Complaints;
use super::site::site;
use crate::id::NodeId;
use crate::tls::{self, Peer, SharedIdentity};

/// Strangers of one address, or of one IPv6 link: many machines may be behind one.
pub const STRANGERS_PER_ADDRESS: usize = 128;
/// Strangers of all addresses together.
pub const STRANGERS: usize = 1024;
/// Connections of one node: it needs two or three.
pub const CONNECTIONS_PER_NODE: usize = 64;
/// How long a stranger may stay: joining takes a part of it.
pub const STRANGER_STAY: Duration = Duration::from_secs(30);

/// As whom the server counts this caller: a certificate outlives the removal of its node and the change of its role. Must
/// answer at once.
pub type Authorize = Arc<dyn Fn(&Peer) -> Result<Peer, Status> + Send + Sync>;

/// Why a connection is not let in.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// Too many strangers.
    #[error("too many connections without a certificate")]
    Strangers,
    /// Too many of one node.
    #[error("too many connections of node {0}")]
    Node(NodeId),
}

/// The door of one server. Clones are one.
#[derive(Clone)]
pub struct Door {
    authorize: Authorize,
    identity: SharedIdentity,
    /// Never held across an await.
    inside: Arc<Mutex<Inside>>,
}

#[derive(Default)]
struct Inside {
    next: u64,
    strangers: usize,
    strangers_of: HashMap<IpAddr, usize>,
    nodes: HashMap<NodeId, usize>,
    guests: HashMap<u64, Guest>,
    complaints: Complaints<IpAddr>,
}

/// A connection of a node.
struct Guest {
    peer: Peer,
    /// As whom it counted when it came in; none: nobody knew it.
    standing: Option<Peer>,
    chain: Vec<CertificateDer<'static>>,
    cut: CancellationToken,
}

/// A place inside, given back when this is dropped.
pub struct Ticket {
    inside: Arc<Mutex<Inside>>,
    place: Place,
    cut: CancellationToken,
    /// Cancelled when the place is given back.
    left: CancellationToken,
}

enum Place {
    Stranger(IpAddr),
    Node(u64, NodeId),
}

impl Door {
    /// A door that asks `authorize` who counts, and trusts what `identity` trusts.
    #[must_use]
    pub fn new(identity: SharedIdentity, authorize: Authorize) -> Self {
        Self { authorize, identity, inside: Arc::default() }
    }

    /// Who serves here.
    pub(super) fn identity(&self) -> &SharedIdentity {
        &self.identity
    }

    /// As whom this caller counts now.
    ///
    /// # Errors
    /// When it is not known any more.
    pub fn standing(&self, peer: &Peer) -> Result<Peer, Status> {
        (self.authorize)(peer)
    }

    /// Lets a stranger in, if there is room.
    ///
    /// # Errors
    /// When there is none.
    pub fn knock(&self, address: IpAddr) -> Result<Ticket, Refusal> {
        let address = site(address);
        let mut inside = lock(&self.inside);
        let of = inside.strangers_of.get(&address).copied().unwrap_or(0);
        if inside.strangers >= STRANGERS || of >= STRANGERS_PER_ADDRESS {
            return Err(Refusal::Strangers);
        }
        inside.strangers += 1;
        inside.strangers_of.insert(address, of + 1);
        let (inside, place) = (self.inside.clone(), Place::Stranger(address));
        Ok(Ticket { inside, place, cut: CancellationToken::new(), left: CancellationToken::new() })
    }

    /// Takes up who a stranger turned out to be. Without a certificate, or with one of a node that is not known, it stays one.
    ///
    /// # Errors
    /// When too many connections of that node are inside.
    pub fn enter(
        &self,
        ticket: Ticket,
        peer: &Peer,
        chain: &[CertificateDer<'_>],
    ) -> Result<Ticket, Refusal> {
        let (Peer::Node { node_id, .. }, Ok(standing)) = (peer, self.standing(peer)) else {
            return Ok(ticket);
        };
        let mut inside = lock(&self.inside);
        let of = inside.nodes.get(node_id).copied().unwrap_or(0);
        if of >= CONNECTIONS_PER_NODE {
            return Err(Refusal::Node(node_id.clone()));
        }
        inside.nodes.insert(node_id.clone(), of + 1);
        let (id, cut) = (inside.next, CancellationToken::new());
        inside.next += 1;
        let chain = chain.iter().map(|certificate| certificate.clone().into_owned()).collect();
        let guest = Guest { peer: peer.clone(), standing: Some(standing), chain, cut: cut.clone() };
        inside.guests.insert(id, guest);
        // The stranger's place is given back when its ticket goes, which needs the lock.
        drop(inside);
        drop(ticket);
        let (inside, place) = (self.inside.clone(), Place::Node(id, node_id.clone()));
        Ok(Ticket { inside, place, cut, left: CancellationToken::new() })
    }

    /// Shows out every node that is not known any more, or counts as another than it came in as. How many.
    pub fn recheck_standing(&self) -> usize {
        self.show_out(|guest| (self.authorize)(&guest.peer).ok() != guest.standing)
    }

    /// Shows out every node whose certificate is not good any more: it has ended, or its root has gone. How many.
    pub fn recheck_trust(&self) -> usize {
        self.show_out(|guest| !tls::is_trusted(&self.identity, &guest.chain))
    }

    fn show_out(&self, unwanted: impl Fn(&Guest) -> bool) -> usize {
        let inside = lock(&self.inside);
        let out: Vec<&Guest> =
            inside.guests.values().filter(|guest| !guest.cut.is_cancelled() && unwanted(guest)).collect();
        for guest in &out {
            tracing::info!(peer = ?guest.peer, "closes a connection whose caller counts no more as it did");
            guest.cut.cancel();
        }
        out.len()
    }

    /// Says once in a while that this address was refused, however often it was.
    pub(super) fn complain(&self, address: IpAddr, reason: &dyn std::fmt::Display) {
        let unsaid = lock(&self.inside).complaints.note(site(address), Instant::now());
        match unsaid {
            None => {}
            Some(0) => tracing::info!(%address, %reason, "refused a connection"),
            Some(unsaid) => {
                tracing::info!(%address, %reason, unsaid, "refused a connection, as others before")
            }
        }
    }
}

impl Ticket {
    /// Cancelled when the connection is to be closed.
    pub(super) fn cut(&self) -> &CancellationToken {
        &self.cut
    }

    /// Of a stranger's connection: what closes it, and what tells that it was closed.
    pub(super) fn stranger(&self) -> Option<(CancellationToken, CancellationToken)> {
        matches!(self.place, Place::Stranger(_)).then(|| (self.cut.clone(), self.left.clone()))
    }
}

impl Drop for Ticket {
    fn drop(&mut self) {
        self.left.cancel();
        let mut inside = lock(&self.inside);
        match &self.place {
            Place::Stranger(address) => {
                inside.strangers -= 1;
                leave(&mut inside.strangers_of, address);
            }
            Place::Node(id, node_id) => {
                inside.guests.remove(id);
                leave(&mut inside.nodes, node_id);
            }
        }
    }
}

fn leave<K: std::hash::Hash + Eq>(counts: &mut HashMap<K, usize>, key: &K) {
    if let Some(count) = counts.get_mut(key) {
        *count -= 1;
        if *count == 0 {
            counts.remove(key);
        }
    }
}

fn lock(inside: &Mutex<Inside>) -> MutexGuard<'_, Inside> {
    inside.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests {
    use std::net::Ipv4Addr;
    use std::sync::atomic::{AtomicBool, Ordering};

    use super::*;
    use crate::role::Role;
    use crate::tls::tests::identity;

    fn address(number: u32) -> IpAddr {
        Ipv4Addr::from(number).into()
    }

    fn node(role: Role) -> Peer {
        Peer::Node { node_id: NodeId::from("a"), role }
    }

    fn open() -> Door {
        Door::new(SharedIdentity::new(identity()), Arc::new(|peer: &Peer| Ok(peer.clone())))
    }

    #[test]
    fn strangers_are_bounded_by_address_and_in_all() {
        let door = open();
        let mut tickets: Vec<Ticket> =
            (0..STRANGERS_PER_ADDRESS).map(|_| door.knock(address(1)).expect("room")).collect();
        assert_eq!(door.knock(address(1)).err(), Some(Refusal::Strangers));
        tickets.pop();
        tickets.push(door.knock(address(1)).expect("a place was given back"));
        for number in 0.. {
            match door.knock(address(100 + number)) {
                Ok(ticket) => tickets.push(ticket),
                Err(refusal) => {
                    assert_eq!((refusal, tickets.len()), (Refusal::Strangers, STRANGERS));
                    break;
                }
            }
        }
        drop(tickets);
        assert!(lock(&door.inside).strangers_of.is_empty() && door.knock(address(1)).is_ok());
    }

    #[test]
    fn the_addresses_of_one_link_leave_room_for_others() {
        let door = open();
        let of_link = |number: usize| IpAddr::from([0x2001, 0xdb8, 0, 0, 0, 0, 0, number as u16]);
        let tickets: Vec<Ticket> =
            (0..STRANGERS).map_while(|number| door.knock(of_link(number)).ok()).collect();
        assert_eq!(tickets.len(), STRANGERS_PER_ADDRESS);
        assert!(door.knock(address(1)).is_ok());
        drop(tickets);
        assert!(lock(&door.inside).strangers_of.is_empty());
    }

    #[test]
    fn a_node_is_no_stranger_and_bounded_by_itself() {
        let door = open();
        let enter = || {
            let ticket = door.knock(address(1)).expect("room");
            door.enter(ticket, &node(Role::Worker), &[])
        };
        let tickets: Vec<Ticket> = (0..CONNECTIONS_PER_NODE).map(|_| enter().expect("room")).collect();
        assert_eq!(lock(&door.inside).strangers, 0);
        assert_eq!(enter().err(), Some(Refusal::Node("a".into())));
        assert_eq!(lock(&door.inside).strangers, 0, "who is refused leaves no trace");
        drop(tickets);
        assert!(lock(&door.inside).nodes.is_empty() && enter().is_ok());
    }

    #[test]
    fn who_counts_as_another_is_shown_out() {
        let demoted = Arc::new(AtomicBool::new(false));
        let known = demoted.clone();
        let authorize = move |peer: &Peer| match known.load(Ordering::Relaxed) {
            false => Ok(peer.clone()),
            true => Ok(node(Role::Worker)),
        };
        let door = Door::new(SharedIdentity::new(identity()), Arc::new(authorize));
        let enter = |role| {
            let ticket = door.knock(address(1)).expect("room");
            door.enter(ticket, &node(role), &[]).expect("room")
        };
        let (manager, worker) = (enter(Role::Manager), enter(Role::Worker));
        assert_eq!(door.recheck_standing(), 0);
        demoted.store(true, Ordering::Relaxed);
        assert_eq!(door.recheck_standing(), 1);
        assert!(manager.cut().is_cancelled() && !worker.cut().is_cancelled());
        assert_eq!(door.recheck_standing(), 0, "once is enough");
        assert_eq!(door.recheck_trust(), 1, "no chain is none of our root");
        assert!(worker.cut().is_cancelled());
    }
}
