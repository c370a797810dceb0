//! The swarm as a whole: proto ↔ model, and this node's place in it.

use engine_api::Timestamp;
use engine_api::swarm as api;
use swarm_api::{default, pb};

use crate::failure::Failure;
use crate::{Api, LocalState};

/// What the log's settings are told as; they are fixed, and the numbers are those every client has seen so far.
const RAFT: api::RaftConfig = api::RaftConfig {
    snapshot_interval: 10_000,
    keep_old_snapshots: Some(0),
    log_entries_for_slow_followers: 500,
    election_tick: 10,
    heartbeat_tick: 1,
};
/// The version of an object.
pub(crate) fn version(meta: &pb::Meta) -> api::ObjectVersion {
    api::ObjectVersion { index: meta.version }
}

/// The swarm, as its managers tell it.
pub(crate) fn swarm(cluster: pb::Cluster) -> api::Swarm {
    let tokens = cluster.join_tokens.clone().unwrap_or_default();
    let join_tokens = api::JoinTokens { worker: tokens.worker, manager: tokens.manager };
    api::Swarm { info: cluster_info(cluster), join_tokens }
}

fn cluster_info(cluster: pb::Cluster) -> api::ClusterInfo {
    let meta = cluster.meta.unwrap_or_default();
    let overlay = cluster.spec.as_ref().and_then(|spec| spec.overlay.as_ref());
    let (data_path_port, default_addr_pool, subnet_size) = super::overlay::told(overlay);
    api::ClusterInfo {
        tls_info: tls_info(cluster.root_ca.as_ref()),
        id: cluster.id,
        version: version(&meta),
        created_at: Timestamp::from_ns_or_never(meta.created_at_ns),
        updated_at: Timestamp::from_ns_or_never(meta.updated_at_ns),
        root_rotation_in_progress: cluster.root_ca.is_some_and(|root| root.rotation.is_some()),
        data_path_port,
        default_addr_pool,
        subnet_size,
        spec: told_spec(cluster.spec.unwrap_or_default()),
    }
}

/// The swarm's authority: the root that is trusted, and who signs, which is another while the root is rotated.
fn tls_info(root: Option<&pb::RootCa>) -> api::TlsInfo {
    let Some(root) = root else { return api::TlsInfo::default() };
    let signing = root.rotation.as_ref().map_or(&root.certificate_pem, |rotation| &rotation.certificate_pem);
    let parts = super::certificate::subject_and_key(signing).unwrap_or_default();
    let trust_root = String::from_utf8_lossy(&root.certificate_pem).into_owned();
    api::TlsInfo { trust_root, cert_issuer_subject: parts.subject, cert_issuer_public_key: parts.public_key }
}

fn told_spec(spec: pb::ClusterSpec) -> api::SwarmSpec {
    let annotations = spec.annotations.unwrap_or_default();
    let signed = |number: u64| i64::try_from(number).unwrap_or(i64::MAX);
    api::SwarmSpec {
        name: annotations.name,
        labels: annotations.labels.into_iter().collect(),
        orchestration: api::OrchestrationConfig {
            task_history_retention_limit: Some(signed(spec.task_history_limit)),
        },
        raft: RAFT,
        dispatcher: api::DispatcherConfig { heartbeat_period: signed(spec.heartbeat_period_ns) },
        ca_config: api::CaConfig {
            node_cert_expiry: signed(spec.node_cert_expiry_ns),
            force_rotate: spec.force_rotate,
            ..api::CaConfig::default()
        },
        ..api::SwarmSpec::default()
    }
}

/// The wishes for the swarm, as the managers take them. What is zero or absent gets its default.
pub(crate) fn spec(spec: &api::SwarmSpec) -> Result<pb::ClusterSpec, Failure> {
    if !matches!(spec.name.as_str(), "" | default::CLUSTER_NAME) {
        return Err(Failure::invalid("swarm name must be named \"default\""));
    }
    if spec.raft != api::RaftConfig::default() && !is_told_raft(&spec.raft) {
        return Err(Failure::missing("changing Raft of the swarm's spec"));
    }
    if spec.encryption_config.auto_lock_managers {
        return Err(Failure::missing("EncryptionConfig.AutoLockManagers"));
    }
    let standard = default::cluster_spec();
    let count = |field: &str, number: i64, standard: u64| match u64::try_from(number) {
        Ok(0) => Ok(standard),
        Ok(number) => Ok(number),
        Err(_) => Err(Failure::invalid(format!("invalid {field}: {number} is negative"))),
    };
    let limit = match spec.orchestration.task_history_retention_limit {
        None => standard.task_history_limit,
        // Negative keeps every task.
        Some(limit) => u64::try_from(limit).unwrap_or(u64::MAX),
    };
    Ok(pb::ClusterSpec {
        annotations: Some(pb::Annotations {
            name: default::CLUSTER_NAME.to_owned(),
            labels: spec.labels.clone().into_iter().collect(),
        }),
        task_history_limit: limit,
        heartbeat_period_ns: count(
            "HeartbeatPeriod",
            spec.dispatcher.heartbeat_period,
            standard.heartbeat_period_ns,
        )?,
        node_cert_expiry_ns: count(
            "NodeCertExpiry",
            spec.ca_config.node_cert_expiry,
            standard.node_cert_expiry_ns,
        )?,
        force_rotate: spec.ca_config.force_rotate,
        ..Default::default()
    })
}

/// Whether a request only repeats what it was told; numbers it leaves out are zero.
fn is_told_raft(raft: &api::RaftConfig) -> bool {
    let same = |asked: u64, told: u64| asked == 0 || asked == told;
    let same_signed = |asked: i64, told: i64| asked == 0 || asked == told;
    same(raft.snapshot_interval, RAFT.snapshot_interval)
        && raft.keep_old_snapshots.is_none_or(|kept| kept == 0)
        && same(raft.log_entries_for_slow_followers, RAFT.log_entries_for_slow_followers)
        && same_signed(raft.election_tick, RAFT.election_tick)
        && same_signed(raft.heartbeat_tick, RAFT.heartbeat_tick)
}

/// This node's place in the swarm, for `info`. Managers that do not answer leave out what only they know.
pub(crate) async fn info(api: &Api) -> api::SwarmInfo {
    let status = api.node.status();
    let peers: Vec<_> = status
        .managers
        .iter()
        .map(|peer| api::PeerNode { node_id: peer.node_id.clone(), addr: peer.addr.clone() })
        .collect();
    let mut info = api::SwarmInfo {
        node_id: status.node_id,
        node_addr: status.node_addr,
        local_node_state: match status.state {
            LocalState::Inactive => api::LocalNodeState::Inactive,
            LocalState::Pending => api::LocalNodeState::Pending,
            LocalState::Active => api::LocalNodeState::Active,
            LocalState::Error => api::LocalNodeState::Error,
        },
        control_available: status.control_available,
        error: status.error,
        remote_managers: (!peers.is_empty()).then_some(peers),
        ..api::SwarmInfo::default()
    };
    if status.control_available
        && let Err(failure) = of_managers(api, &mut info).await
    {
        info.error = failure.message;
    }
    info
}

async fn of_managers(api: &Api, info: &mut api::SwarmInfo) -> Result<(), Failure> {
    let mut control = api.node.control().await?;
    let cluster = control.get_cluster(pb::Empty {}).await?.into_inner();
    let nodes = control.list_nodes(pb::ListNodesRequest::default()).await?.into_inner().nodes;
    let managers = nodes.iter().filter(|node| node.manager_status.is_some()).count();
    info.cluster = Some(cluster_info(cluster));
    info.nodes = i64::try_from(nodes.len()).ok();
    info.managers = i64::try_from(managers).ok();
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_told_can_be_asked_for() {
        let standard = default::cluster_spec();
        let told = told_spec(standard.clone());
        let json = serde_json::to_vec(&told).expect("json");
        let asked = engine_api::decode::from_json(&json).expect("decoded");
        assert_eq!(spec(&asked).expect("spec"), standard);
        assert_eq!(spec(&api::SwarmSpec::default()).expect("empty"), standard);
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        let raft = api::RaftConfig { snapshot_interval: 5, ..api::RaftConfig::default() };
        assert!(
            spec(&api::SwarmSpec { raft, ..Default::default() }).expect_err("raft").message.contains("Raft")
        );
        let encryption_config = api::EncryptionConfig { auto_lock_managers: true };
        let failure = spec(&api::SwarmSpec { encryption_config, ..Default::default() }).expect_err("lock");
        assert!(failure.message.contains("AutoLockManagers"));
        assert!(spec(&api::SwarmSpec { name: "mine".into(), ..Default::default() }).is_err());
    }
}
