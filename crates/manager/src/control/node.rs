//! Nodes: read, update, remove. They come into being by joining.

use std::sync::Arc;

use swarm_api::pb::NodeRole;
use swarm_api::{pb, validate};

use super::{Control, ControlError, filter, quorum, reference, version};
use crate::ca::removed;
use crate::node;
use crate::raft::Group;
use crate::store::{Kind, Transaction, View};

impl Control {
    pub(super) async fn get_node(&self, reference: &str) -> Result<pb::Node, ControlError> {
        let view = self.reader.view().await?;
        let group = self.roster.group();
        reference::node(&view, reference).map(|node| shown(node, &group))
    }

    pub(super) async fn list_nodes(
        &self,
        request: &pb::ListNodesRequest,
    ) -> Result<pb::ListNodesResponse, ControlError> {
        let view = self.reader.view().await?;
        let wanted = |node: &&Arc<pb::Node>| {
            let spec = node.spec.as_ref();
            let labels =
                spec.and_then(|spec| spec.annotations.as_ref()).map(|annotations| &annotations.labels);
            filter::begins(&node.id, &request.ids)
                && filter::begins(reference::hostname(node), &request.names)
                && (request.roles.is_empty() || spec.is_some_and(|spec| request.roles.contains(&spec.role)))
                && (request.labels.is_empty()
                    || labels.is_some_and(|have| filter::labels(have, &request.labels)))
        };
        let group = self.roster.group();
        let nodes = view.nodes().filter(wanted).map(|node| shown(node, &group)).collect();
        Ok(pb::ListNodesResponse { nodes })
    }

    pub(super) async fn update_node(&self, request: pb::UpdateNodeRequest) -> Result<pb::Node, ControlError> {
        let spec = request.spec.ok_or(ControlError::NoSpec)?;
        validate::node(&spec)?;
        let view = self.reader.view().await?;
        let id = reference::node(&view, &request.reference)?.id.clone();
        // Decided again when a status was written in between; a change of the spec in between is refused.
        let decide = |view: &View| {
            let mut node = (**reference::node(view, &id)?).clone();
            version::check(node.meta.as_ref(), request.version)?;
            if is_manager(&node) && spec.role() == NodeRole::Worker {
                may_demote(view, &self.roster.group(), &node)?;
            }
            node.spec = Some(spec.clone());
            let mut transaction = Transaction::default();
            transaction.put(node);
            Ok::<_, ControlError>(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        let gone = || ControlError::NotFound { kind: Kind::Node, reference: id.clone() };
        let group = self.roster.group();
        self.store.view().node(&id).map(|node| shown(node, &group)).ok_or_else(gone)
    }

    pub(super) async fn remove_node(&self, request: &pb::RemoveNodeRequest) -> Result<(), ControlError> {
        self.reader.view().await?;
        let now_ns = self.proposer.now_ns();
        let decide = |view: &View| {
            let node = reference::node(view, &request.reference)?;
            // Whoever is there and to manage may become a member at any moment.
            let is_there = node::state(node) == pb::NodeState::Ready;
            if node.manager_status.is_some() || is_manager(node) && is_there && !request.force {
                return Err(ControlError::NodeIsManager(node.id.clone()));
            }
            if is_there && !request.force {
                return Err(ControlError::NodeNotDown(node.id.clone()));
            }
            let mut transaction = Transaction::default();
            transaction.delete(node.clone());
            if let Some(cluster) = view.cluster() {
                let mut cluster = pb::Cluster::clone(cluster);
                removed::remember(&mut cluster, node, now_ns);
                transaction.put(cluster);
            }
            Ok(transaction)
        };
        self.proposer.update(&self.store, decide).await?;
        Ok(())
    }
}

fn is_manager(node: &pb::Node) -> bool {
    node.spec.as_ref().is_some_and(|spec| spec.role() == NodeRole::Manager)
}

/// Whether the swarm goes on without this manager.
fn may_demote(view: &View, group: &Group, node: &pb::Node) -> Result<(), ControlError> {
    if view.nodes().filter(|node| is_manager(node)).count() <= 1 {
        return Err(ControlError::LastManager);
    }
    quorum::check(view, group, node)?;
    Ok(())
}

/// The node with what is not stored: whoever answers leads, and knows who answers it.
fn shown(node: &pb::Node, group: &Group) -> pb::Node {
    let mut node = node.clone();
    if let Some(status) = &mut node.manager_status {
        status.leader = status.raft_id == group.raft_id;
        status.reachable = group.is_reachable(status.raft_id);
    }
    node
}
