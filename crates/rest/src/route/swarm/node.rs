//! Nodes: list, inspect, update, remove.

use ::http::StatusCode;
use engine_api::swarm::{NodeListQuery, NodeRemoveQuery, NodeSpec, NodeUpdateQuery};
use swarm_api::pb;

use super::{control, stated, timed};
use crate::convert;
use crate::filter::node::Filter;
use crate::http::answer::{Answer, Outcome};
use crate::http::body::Json;
use crate::http::call::Call;

/// The name by which a client means the node it talks to.
const SELF: &str = "self";

pub(super) async fn list(call: Call<NodeListQuery>) -> Outcome {
    let filter = Filter::new(call.query.filters)?;
    let mut control = control(&call.api).await?;
    let nodes = control.list_nodes(timed(pb::ListNodesRequest::default())).await?.into_inner().nodes;
    let shown = nodes.into_iter().filter(|node| filter.shows(node));
    Answer::json(&shown.map(convert::node::node).collect::<Vec<_>>())
}

pub(super) async fn inspect(call: Call) -> Outcome {
    let reference = if call.name == SELF { call.api.node.status().node_id } else { call.name };
    let mut control = control(&call.api).await?;
    let node = control.get_node(timed(pb::GetRequest { reference })).await?.into_inner();
    Answer::json(&convert::node::node(node))
}

pub(super) async fn update(call: Call<NodeUpdateQuery, Json<NodeSpec>>) -> Outcome {
    let request = pb::UpdateNodeRequest {
        reference: call.name,
        version: stated("node", call.query.version)?,
        spec: Some(convert::node::spec(call.body.0)?),
    };
    control(&call.api).await?.update_node(timed(request)).await?;
    Answer::empty(StatusCode::OK)
}

pub(super) async fn remove(call: Call<NodeRemoveQuery>) -> Outcome {
    let request = pb::RemoveNodeRequest { reference: call.name, force: call.query.force };
    control(&call.api).await?.remove_node(timed(request)).await?;
    Answer::empty(StatusCode::OK)
}
