//! The swarm as a whole: proto ↔ model, and a node's place in it.

use engine_api::Timestamp;
use engine_api::swarm as api;
use swarm_api::{default, pb};

use super::service::{log_driver, told_log_driver};
use crate::failure::Failure;
use crate::{LocalState, NodeStatus};

/// Settings of the log that are fixed, as clients are told them.
const LOG_ENTRIES_FOR_SLOW_FOLLOWERS: u64 = 500;
const ELECTION_TICK: i64 = 10;
const HEARTBEAT_TICK: i64 = 1;

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

/// The swarm without its tokens.
pub(crate) fn cluster_info(cluster: pb::Cluster) -> api::ClusterInfo {
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
        raft: api::RaftConfig {
            snapshot_interval: match spec.snapshot_interval {
                0 => default::SNAPSHOT_INTERVAL,
                set => set,
            },
            keep_old_snapshots: Some(spec.keep_old_snapshots),
            log_entries_for_slow_followers: LOG_ENTRIES_FOR_SLOW_FOLLOWERS,
            election_tick: ELECTION_TICK,
            heartbeat_tick: HEARTBEAT_TICK,
        },
        encryption_config: api::EncryptionConfig { auto_lock_managers: spec.auto_lock_managers },
        dispatcher: api::DispatcherConfig { heartbeat_period: signed(spec.heartbeat_period_ns) },
        ca_config: api::CaConfig {
            node_cert_expiry: signed(spec.node_cert_expiry_ns),
            force_rotate: spec.force_rotate,
            ..api::CaConfig::default()
        },
        task_defaults: api::TaskDefaults { log_driver: spec.log_driver.map(told_log_driver) },
        shoal: api::ClusterShoal {
            absence_grace: signed(spec.absence_grace_ns),
            allow: spec.allow.map(|allowed| allowed.words),
        },
    }
}

/// The wishes for the swarm, as the managers take them. What is zero or absent gets its default.
pub(crate) fn spec(spec: &api::SwarmSpec) -> Result<pb::ClusterSpec, Failure> {
    if !matches!(spec.name.as_str(), "" | default::CLUSTER_NAME) {
        return Err(Failure::invalid("swarm name must be named \"default\""));
    }
    check_raft(&spec.raft)?;
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
        snapshot_interval: match spec.raft.snapshot_interval {
            0 => standard.snapshot_interval,
            set => set,
        },
        keep_old_snapshots: spec.raft.keep_old_snapshots.unwrap_or_default(),
        auto_lock_managers: spec.encryption_config.auto_lock_managers,
        log_driver: spec.task_defaults.log_driver.clone().map(log_driver),
        allow: spec.shoal.allow.clone().map(|words| pb::Allowed { words }),
        absence_grace_ns: count("Shoal.AbsenceGrace", spec.shoal.absence_grace, 0)?,
        ..Default::default()
    })
}

/// What is fixed may be left out, or repeated as it was told.
fn check_raft(raft: &api::RaftConfig) -> Result<(), Failure> {
    let same = |field: &str, asked: i128, told: i128| match asked == 0 || asked == told {
        true => Ok(()),
        false => Err(Failure::missing(format!("changing Raft.{field} of the swarm's spec"))),
    };
    let slow = (raft.log_entries_for_slow_followers, LOG_ENTRIES_FOR_SLOW_FOLLOWERS);
    same("LogEntriesForSlowFollowers", slow.0.into(), slow.1.into())?;
    same("ElectionTick", raft.election_tick.into(), ELECTION_TICK.into())?;
    same("HeartbeatTick", raft.heartbeat_tick.into(), HEARTBEAT_TICK.into())
}

/// This node's place in the swarm, as far as this node knows it.
pub(crate) fn place(status: NodeStatus) -> api::SwarmInfo {
    let peers: Vec<_> = status
        .managers
        .into_iter()
        .map(|peer| api::PeerNode { node_id: peer.node_id, addr: peer.addr })
        .collect();
    api::SwarmInfo {
        node_id: status.node_id,
        node_addr: status.node_addr,
        local_node_state: match status.state {
            LocalState::Inactive => api::LocalNodeState::Inactive,
            LocalState::Pending => api::LocalNodeState::Pending,
            LocalState::Active => api::LocalNodeState::Active,
            LocalState::Error => api::LocalNodeState::Error,
            LocalState::Locked => api::LocalNodeState::Locked,
        },
        control_available: status.control_available,
        error: status.error,
        remote_managers: (!peers.is_empty()).then_some(peers),
        ..api::SwarmInfo::default()
    }
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
    fn snapshots_and_the_lock_are_as_asked_for() {
        let raft = api::RaftConfig {
            snapshot_interval: 5,
            keep_old_snapshots: Some(3),
            ..api::RaftConfig::default()
        };
        let encryption_config = api::EncryptionConfig { auto_lock_managers: true };
        let asked = api::SwarmSpec { raft, encryption_config, ..Default::default() };
        let spec = spec(&asked).expect("is honoured");
        assert_eq!((spec.snapshot_interval, spec.keep_old_snapshots, spec.auto_lock_managers), (5, 3, true));
        let told = told_spec(spec);
        assert_eq!((told.raft.snapshot_interval, told.raft.keep_old_snapshots), (5, Some(3)));
        assert_eq!(told.encryption_config, asked.encryption_config);
    }

    #[test]
    fn what_is_not_honoured_is_refused_by_name() {
        let raft = api::RaftConfig { election_tick: 5, ..api::RaftConfig::default() };
        let failure = spec(&api::SwarmSpec { raft, ..Default::default() }).expect_err("raft");
        assert!(failure.message.contains("Raft.ElectionTick"), "{}", failure.message);
        assert!(spec(&api::SwarmSpec { name: "mine".into(), ..Default::default() }).is_err());
    }
}
