//! A node's record of its member: which number it has in the group, and where it is reached. What follows from it is the
//! role loop's.

use swarm_api::id::NodeId;
use swarm_api::pb::{self, NodeRole};
use thiserror::Error;
use tonic::Status;

use super::consensus::{ReadError, Reader};
use crate::forward;
use crate::node;
use crate::store::{ProposeError, Proposer, Store, Transaction, View};

/// Records members. Only the leader can.
#[derive(Clone)]
pub(crate) struct Joining {
    pub(super) reader: Reader,
    pub(super) store: Store,
    pub(super) proposer: Proposer,
}

/// Why a member is not recorded.
#[derive(Debug, Error)]
enum JoinError {
    #[error("the address {0:?} is not host:port")]
    Addr(String),
    #[error("a member needs a number")]
    Number,
    #[error("node {0} is not part of the swarm")]
    Unknown(NodeId),
    #[error("node {0} is not to be a manager")]
    Role(NodeId),
    #[error("another manager has this number")]
    Taken,
    #[error(transparent)]
    Read(#[from] ReadError),
    #[error(transparent)]
    Propose(#[from] ProposeError),
}

impl From<JoinError> for Status {
    fn from(error: JoinError) -> Self {
        let text = error.to_string();
        match error {
            JoinError::Addr(_) | JoinError::Number => Self::invalid_argument(text),
            JoinError::Unknown(_) | JoinError::Role(_) => Self::permission_denied(text),
            JoinError::Taken => Self::already_exists(text),
            JoinError::Read(_) | JoinError::Propose(ProposeError::NotLeader) => forward::not_leader(text),
            JoinError::Propose(_) => Self::unavailable(text),
        }
    }
}

impl Joining {
    pub(super) async fn join(&self, node_id: &NodeId, request: pb::JoinRaftRequest) -> Result<(), Status> {
        self.record(node_id, &request).await.map_err(Status::from)
    }

    async fn record(&self, node_id: &NodeId, request: &pb::JoinRaftRequest) -> Result<(), JoinError> {
        self.reader.view().await?;
        let decide = |view: &View| {
            let mut transaction = Transaction::default();
            if let Some(node) = recorded(view, node_id, request)? {
                transaction.put(node);
            }
            Ok::<_, JoinError>(transaction)
        };
        if self.proposer.update(&self.store, decide).await?.is_some() {
            tracing::info!(%node_id, addr = %request.addr, "a manager says where it is");
        }
        Ok(())
    }
}

/// The node with its member; none, if that is known already. Pure.
fn recorded(
    view: &View,
    node_id: &NodeId,
    request: &pb::JoinRaftRequest,
) -> Result<Option<pb::Node>, JoinError> {
    if !node::is_addr(&request.addr) {
        return Err(JoinError::Addr(request.addr.chars().take(node::MAX_ADDR).collect()));
    }
    if request.raft_id == 0 {
        return Err(JoinError::Number);
    }
    let node = view.node(node_id).ok_or_else(|| JoinError::Unknown(node_id.clone()))?;
    if node.spec.as_ref().is_none_or(|spec| spec.role() != NodeRole::Manager) {
        return Err(JoinError::Role(node_id.clone()));
    }
    let is_taken = view.nodes().any(|other| {
        other.id != node.id
            && other.manager_status.as_ref().is_some_and(|status| status.raft_id == request.raft_id)
    });
    if is_taken {
        return Err(JoinError::Taken);
    }
    let status = pb::ManagerStatus {
        raft_id: request.raft_id,
        addr: request.addr.clone(),
        ..node.manager_status.clone().unwrap_or_default()
    };
    let changed = node.manager_status.as_ref() != Some(&status);
    Ok(changed.then(|| pb::Node { manager_status: Some(status), ..(**node).clone() }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{State, apply};

    fn view(nodes: Vec<pb::Node>) -> View {
        let mut state = State::default();
        let mut transaction = Transaction::default();
        for node in nodes {
            transaction.put(node);
        }
        apply(&mut state, transaction, 1, 1).expect("applies");
        View::from(state)
    }

    fn node(id: &str, role: NodeRole, raft_id: u64) -> pb::Node {
        let manager_status = (raft_id > 0).then(|| pb::ManagerStatus { raft_id, ..Default::default() });
        let spec = Some(pb::NodeSpec { role: role.into(), ..Default::default() });
        pb::Node { id: id.into(), spec, manager_status, ..Default::default() }
    }

    fn ask(raft_id: u64, addr: &str) -> pb::JoinRaftRequest {
        pb::JoinRaftRequest { raft_id, addr: addr.into() }
    }

    #[test]
    fn a_manager_is_recorded_once_and_may_move() {
        let id = NodeId::from("m");
        let fresh = view(vec![node("m", NodeRole::Manager, 0)]);
        let known = recorded(&fresh, &id, &ask(7, "10.0.0.1:2377")).expect("may").expect("is new");
        let status = known.manager_status.clone().expect("is there");
        assert_eq!((status.raft_id, status.addr.as_str()), (7, "10.0.0.1:2377"));
        let there = view(vec![pb::Node { meta: None, ..known }]);
        assert_eq!(recorded(&there, &id, &ask(7, "10.0.0.1:2377")).expect("may"), None);
        let moved = recorded(&there, &id, &ask(7, "[::1]:99")).expect("may").expect("has moved");
        assert_eq!(moved.manager_status.expect("is there").addr, "[::1]:99");
    }

    #[test]
    fn who_may_not_is_told_why() {
        let id = NodeId::from("m");
        let of = |role, request: pb::JoinRaftRequest| {
            let view = view(vec![node("m", role, 0), node("other", NodeRole::Manager, 9)]);
            recorded(&view, &id, &request).expect_err("refused").to_string()
        };
        assert_eq!(of(NodeRole::Worker, ask(7, "a:1")), "node m is not to be a manager");
        assert_eq!(of(NodeRole::Manager, ask(9, "a:1")), "another manager has this number");
        assert_eq!(of(NodeRole::Manager, ask(0, "a:1")), "a member needs a number");
        for addr in ["nowhere", ":1", "a:0", "a b:1", "a\n:1"] {
            let said = format!("the address {addr:?} is not host:port");
            assert_eq!(of(NodeRole::Manager, ask(7, addr)), said);
        }
        let unknown = recorded(&view(Vec::new()), &id, &ask(7, "a:1")).expect_err("refused");
        assert_eq!(unknown.to_string(), "node m is not part of the swarm");
    }
}
