//! Who counts as what at this manager's door, by its store: a certificate outlives the removal of its node and the change of
//! its role.

use std::sync::Arc;
use std::time::Duration;

use swarm_api::channel::{Authorize, Door};
use swarm_api::pb::NodeRole;
use swarm_api::role::Role;
use swarm_api::tls::{Peer, SharedIdentity};
use tonic::Status;

use crate::ca::removed;
use crate::store::{Notice, Object, Store, View};

/// So often connections are closed whose certificate has ended meanwhile.
const TRUST_PERIOD: Duration = Duration::from_secs(600);

/// Asks the store of the moment.
pub(crate) fn authorize(store: Store) -> Authorize {
    Arc::new(move |peer| standing(&store.view(), peer))
}

/// As whom this caller counts. Who is not in the store is not in the swarm; who was demoted is a worker whatever its
/// certificate says, as soon as it is no member of the managers' log any more. No record makes a worker's certificate more.
/// Who is no manager in the store may be one since: this manager may be behind, and is to be told by it; not so one that was
/// removed.
fn standing(view: &View, peer: &Peer) -> Result<Peer, Status> {
    let Peer::Node { node_id, role } = peer else { return Ok(peer.clone()) };
    let node = view.node(node_id);
    let is_manager = node.is_some_and(|node| {
        let is_meant = node.spec.as_ref().is_some_and(|spec| spec.role() == NodeRole::Manager);
        is_meant || node.manager_status.is_some()
    });
    match (role, node) {
        (Role::Manager, _) if is_manager => Ok(peer.clone()),
        (Role::Manager, node) if node.is_some() || !removed::is_removed(view, node_id) => {
            Ok(Peer::Unknown { node_id: node_id.clone(), is_worker: node.is_some() })
        }
        (Role::Worker, Some(_)) => Ok(peer.clone()),
        (Role::Manager | Role::Worker, _) => {
            Err(Status::permission_denied(format!("node {node_id} is not part of the swarm")))
        }
    }
}

/// Shows out whoever counts no more as it did, as soon as the store or this node's trust says so. Runs until the store is gone.
pub(crate) async fn watch(store: Store, identity: SharedIdentity, door: Door) {
    let mut subscription = store.subscribe();
    let mut seen = identity.get();
    loop {
        let notice = tokio::select! {
            notice = subscription.next() => notice,
            () = identity.replaced(&seen) => {
                let now = identity.get();
                if now.authority().trust_digest != seen.authority().trust_digest {
                    door.recheck_trust();
                }
                seen = now;
                continue;
            }
            () = tokio::time::sleep(TRUST_PERIOD) => {
                door.recheck_trust();
                continue;
            }
        };
        match notice {
            Notice::Changed(change) => {
                if change.events.iter().any(|event| matches!(event.object(), Object::Node(_))) {
                    door.recheck_standing();
                }
            }
            Notice::Rescan => drop(door.recheck_standing()),
            Notice::Closed => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use swarm_api::id::NodeId;
    use swarm_api::pb;

    use super::*;
    use crate::store::{State, Transaction, apply};

    fn view(node: Option<pb::Node>) -> View {
        let mut state = State::default();
        let mut transaction = Transaction::default();
        if let Some(node) = node {
            transaction.put(node);
        }
        apply(&mut state, transaction, 1, 1).expect("applies");
        state.into()
    }

    #[test]
    fn the_store_may_take_from_a_certificate_and_never_adds_to_it() {
        let peer = |role| Peer::Node { node_id: NodeId::from("a"), role };
        let node = |role: NodeRole, member: bool| pb::Node {
            id: "a".into(),
            spec: Some(pb::NodeSpec { role: role.into(), ..Default::default() }),
            manager_status: member.then(pb::ManagerStatus::default),
            ..Default::default()
        };
        for (shown, meant, member, counts) in [
            (Role::Worker, NodeRole::Worker, false, Role::Worker),
            (Role::Worker, NodeRole::Manager, true, Role::Worker),
            (Role::Manager, NodeRole::Manager, false, Role::Manager),
            (Role::Manager, NodeRole::Worker, true, Role::Manager),
        ] {
            let view = view(Some(node(meant, member)));
            assert_eq!(
                standing(&view, &peer(shown)).expect("is known"),
                peer(counts),
                "{shown} {meant:?} {member}"
            );
        }
        let gone = standing(&view(None), &peer(Role::Worker)).expect_err("not in the store");
        assert_eq!(gone.message(), "node a is not part of the swarm");
        let gone = standing(&view(None), &peer(Role::Manager)).expect("may be new");
        assert_eq!(gone, Peer::Unknown { node_id: NodeId::from("a"), is_worker: false });
        let demoted = standing(&view(Some(node(NodeRole::Worker, false))), &peer(Role::Manager));
        let worker = Peer::Unknown { node_id: NodeId::from("a"), is_worker: true };
        assert_eq!(demoted.expect("is a worker"), worker);
        assert_eq!(standing(&view(None), &Peer::Anonymous).expect("a stranger"), Peer::Anonymous);
    }

    #[test]
    fn a_manager_that_was_removed_is_none_that_is_new() {
        let removed_nodes = vec![pb::RemovedNode { node_id: "a".into(), until_ns: 9 }];
        let mut state = State::default();
        let mut transaction = Transaction::default();
        transaction.put(pb::Cluster { id: "c".into(), removed_nodes, ..Default::default() });
        apply(&mut state, transaction, 1, 1).expect("applies");
        let view = View::from(state);
        let peer = |id: &str| Peer::Node { node_id: NodeId::from(id), role: Role::Manager };
        let gone = standing(&view, &peer("a")).expect_err("was removed");
        assert_eq!(gone.message(), "node a is not part of the swarm");
        assert!(standing(&view, &peer("b")).is_ok());
    }
}
