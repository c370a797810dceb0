//! What an absent field of a spec means. Stored specs stay as the user wrote them; whoever acts on one asks here.

use std::time::Duration;

use crate::pb;
use crate::pb::service_spec::Mode;

/// Seconds between the stop signal and the kill.
pub const STOP_GRACE_PERIOD: Duration = Duration::from_secs(10);
/// Pause before a task is restarted.
pub const RESTART_DELAY: Duration = Duration::from_secs(5);
/// How long a task still runs that was balanced to and no longer is.
pub const DRAIN_TIME: Duration = Duration::from_secs(2);
/// How long after its start a task that an update made may still fail it.
pub const MONITOR: Duration = Duration::from_secs(5);
/// Finished tasks kept per slot.
pub const TASK_HISTORY_LIMIT: u64 = 5;
/// How often a node must be heard of: short, so that a lost one is noticed within six seconds.
pub const HEARTBEAT_PERIOD: Duration = Duration::from_secs(2);
/// How long a node that announced its absence is waited for, so that an upgrade moves nothing.
pub const ABSENCE_GRACE: Duration = Duration::from_secs(60);
/// How long a node's certificate is valid: 90 days.
pub const NODE_CERT_EXPIRY: Duration = Duration::from_secs(90 * 24 * 3600);
/// A certificate is valid from so much before it was made, for nodes whose clock is behind.
pub const CLOCK_SKEW: Duration = Duration::from_secs(3600);
/// Log entries between snapshots.
pub const SNAPSHOT_INTERVAL: u64 = 10_000;
/// Where the subnets of overlay networks come from.
pub const ADDRESS_POOL: &str = "10.0.0.0/8";
/// The length of the prefix of such a subnet.
pub const SUBNET_SIZE: u32 = 24;
/// The name of the one cluster object, as swarmkit has it.
pub const CLUSTER_NAME: &str = "default";
/// The port of everything between nodes.
pub const PORT: u16 = 2377;

/// How long the container may take to stop.
#[must_use]
pub fn stop_grace_period(spec: &pb::ContainerSpec) -> Duration {
    spec.stop_grace_period_ns.map_or(STOP_GRACE_PERIOD, duration)
}

/// When, how soon and how often the task is restarted.
#[must_use]
pub fn restart(spec: &pb::TaskSpec) -> pb::RestartPolicy {
    let mut policy = spec.restart.unwrap_or_default();
    policy.delay_ns.get_or_insert_with(|| nanos(RESTART_DELAY));
    policy
}

/// How a changed service is rolled out: one at a time, the old one stopped first, paused on failure.
#[must_use]
pub fn update(spec: &pb::ServiceSpec) -> pb::UpdateConfig {
    rollout(spec.update)
}

/// How the spec before is brought back: as an update, where nothing is said.
#[must_use]
pub fn rollback(spec: &pb::ServiceSpec) -> pb::UpdateConfig {
    rollout(spec.rollback)
}

/// A time to monitor that is zero is one that was not said: the API leaves both out.
fn rollout(said: Option<pb::UpdateConfig>) -> pb::UpdateConfig {
    let mut config = said.unwrap_or(pb::UpdateConfig { parallelism: 1, ..Default::default() });
    if config.monitor_ns == 0 {
        config.monitor_ns = nanos(MONITOR);
    }
    config
}

/// How many replicas are wanted; a service without a mode has one, and one of another mode has none.
#[must_use]
pub fn replicas(spec: &pb::ServiceSpec) -> u64 {
    match mode(spec) {
        Mode::Replicated(replicated) => replicated.replicas,
        Mode::Global(_) | Mode::ReplicatedJob(_) | Mode::GlobalJob(_) => 0,
    }
}

/// How many tasks the service is to have, and what becomes of them: one replica where nothing is said.
#[must_use]
pub fn mode(spec: &pb::ServiceSpec) -> Mode {
    spec.mode.unwrap_or(Mode::Replicated(pb::ReplicatedService { replicas: 1 }))
}

/// Whether the service's tasks run to their end, and then are done.
#[must_use]
pub fn is_job(spec: &pb::ServiceSpec) -> bool {
    match mode(spec) {
        Mode::Replicated(_) | Mode::Global(_) => false,
        Mode::ReplicatedJob(_) | Mode::GlobalJob(_) => true,
    }
}

/// The mode of so many replicas.
#[must_use]
pub fn replicated(replicas: u64) -> Option<Mode> {
    Some(Mode::Replicated(pb::ReplicatedService { replicas }))
}

/// A new cluster's spec.
#[must_use]
pub fn cluster_spec() -> pb::ClusterSpec {
    let unsigned = |duration: Duration| u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX);
    pb::ClusterSpec {
        annotations: Some(pb::Annotations { name: CLUSTER_NAME.to_owned(), ..Default::default() }),
        task_history_limit: TASK_HISTORY_LIMIT,
        heartbeat_period_ns: unsigned(HEARTBEAT_PERIOD),
        node_cert_expiry_ns: unsigned(NODE_CERT_EXPIRY),
        snapshot_interval: SNAPSHOT_INTERVAL,
        ..pb::ClusterSpec::default()
    }
}

/// A duration as specs and times count it, in nanoseconds; what is longer than they can say is the longest.
#[must_use]
pub fn nanos(duration: Duration) -> i64 {
    i64::try_from(duration.as_nanos()).unwrap_or(i64::MAX)
}

/// A signed count of nanoseconds as a duration; what is negative counts as none.
#[must_use]
pub fn duration(nanos: i64) -> Duration {
    Duration::from_nanos(u64::try_from(nanos).unwrap_or(0))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn absent_is_not_zero() {
        let mut container = pb::ContainerSpec::default();
        assert_eq!(stop_grace_period(&container), Duration::from_secs(10));
        container.stop_grace_period_ns = Some(0);
        assert_eq!(stop_grace_period(&container), Duration::ZERO);
        assert_eq!(restart(&pb::TaskSpec::default()).delay_ns, Some(5_000_000_000));
        assert_eq!(replicas(&pb::ServiceSpec::default()), 1);
    }

    #[test]
    fn a_rollout_is_monitored_unless_it_says_how_long() {
        let said = |monitor_ns| Some(pb::UpdateConfig { parallelism: 3, monitor_ns, ..Default::default() });
        let spec = pb::ServiceSpec { rollback: said(0), update: said(7), ..Default::default() };
        assert_eq!((rollback(&spec).parallelism, rollback(&spec).monitor_ns), (3, 5_000_000_000));
        assert_eq!(update(&spec).monitor_ns, 7);
        assert_eq!(update(&pb::ServiceSpec::default()).monitor_ns, 5_000_000_000);
    }
}
