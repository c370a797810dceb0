//! The swarm's part of `info`: what this node knows, and what its managers add.

use engine_api::swarm::SwarmInfo;
use swarm_api::pb;

use super::{control, timed};
use crate::failure::Failure;
use crate::{Api, convert};

/// This node's place in the swarm. Managers that do not answer leave out what only they know.
pub(in crate::route) async fn info(api: &Api) -> SwarmInfo {
    let mut info = convert::swarm::place(api.node.status());
    if info.control_available
        && let Err(failure) = ask(api, &mut info).await
    {
        info.error = failure.message;
    }
    info
}

async fn ask(api: &Api, info: &mut SwarmInfo) -> Result<(), Failure> {
    let mut control = control(api).await?;
    let cluster = control.get_cluster(timed(pb::Empty {})).await?.into_inner();
    let nodes = control.list_nodes(timed(pb::ListNodesRequest::default())).await?.into_inner().nodes;
    let managers = nodes.iter().filter(|node| node.manager_status.is_some()).count();
    info.cluster = Some(convert::swarm::cluster_info(cluster));
    info.nodes = i64::try_from(nodes.len()).ok();
    info.managers = i64::try_from(managers).ok();
    Ok(())
}
