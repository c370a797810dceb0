//! What the owner publishes, for others to read at any time.

use manager::store::Store;
use rest::{LocalState, NodeStatus, Peer};
use swarm_api::pb::control_client::ControlClient;
use tonic::transport::Channel;

use super::member::Member;
use super::owner::Owner;
use super::turn::Missed;

/// What others may read at any time.
#[derive(Clone, Default)]
pub(super) struct Published {
    pub(super) status: NodeStatus,
    pub(super) control: Option<ControlClient<Channel>>,
    /// The state of the swarm as this node's manager has it, on a manager.
    pub(super) store: Option<Store>,
    /// Why the node's part has failed for good.
    pub(super) broken: Option<String>,
}

impl Owner {
    pub(super) fn publish(&self) {
        let (status, control) = match (&self.member, &self.held) {
            (Some(member), _) => (status(member, self.missed.as_ref()), member.control()),
            (None, Some(held)) => (held.status(), None),
            (None, None) => (NodeStatus::default(), None),
        };
        let store = self.member.as_ref().and_then(Member::manager).map(|manager| manager.store().clone());
        self.published.send_modify(|published| {
            published.status = status;
            published.control = control;
            published.store = store;
        });
    }
}

fn status(member: &Member, missed: Option<&Missed>) -> NodeStatus {
    let agent = member.agent_status();
    let active = member.is_manager() || agent.node.is_some();
    let own = Peer {
        node_id: member.identity().node_id.to_string(),
        addr: member.membership().advertise.to_string(),
    };
    // A manager whose own agent is still on its way to it lacks nothing.
    let is_well = agent.connected || (member.is_manager() && agent.node.is_none());
    let told = agent.told.into_iter().map(|told| Peer { node_id: told.node_id, addr: told.addr });
    let mut managers: Vec<Peer> = told.collect();
    if managers.is_empty() && member.is_manager() {
        managers.push(own);
    }
    NodeStatus {
        state: if active { LocalState::Active } else { LocalState::Pending },
        node_id: member.identity().node_id.to_string(),
        node_addr: member.membership().advertise.ip().to_string(),
        control_available: member.is_manager(),
        error: match (is_well, missed) {
            (false, _) => agent.last_error.unwrap_or_default(),
            (true, Some(missed)) => missed.reason.clone(),
            (true, None) => String::new(),
        },
        managers,
    }
}
