//! The flags of `swarm init` and `swarm update` that set the swarm's specification.

use clap::Args;
use serde_json::{Value, json};

use crate::flag::{duration, external};

/// Settings of the swarm.
#[derive(Debug, Args)]
pub(super) struct Settings {
    /// How long a node that announced its absence is waited for (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    absence_grace: Option<i64>,
    /// What services may have beyond Docker's (privileged,devices,cdi,pid,ipc,cgroup-parent,security-opt); "" for nothing
    #[arg(long, value_name = "list", value_delimiter = ',')]
    allow: Option<Vec<String>>,
    /// Validity period for node certificates (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    cert_expiry: Option<i64>,
    /// Dispatcher heartbeat period (ns|us|ms|s|m|h)
    #[arg(long, value_name = "duration", value_parser = duration::parse_positive)]
    dispatcher_heartbeat: Option<i64>,
    /// Specifications of one or more certificate signing endpoints
    #[arg(long, value_name = "external-ca", value_parser = external::parse)]
    external_ca: Vec<Value>,
    /// Number of additional Raft snapshots to retain
    #[arg(long, value_name = "uint")]
    max_snapshots: Option<u64>,
    /// Number of log entries between Raft snapshots
    #[arg(long, value_name = "uint")]
    snapshot_interval: Option<u64>,
    /// Task history retention limit
    #[arg(long, value_name = "int")]
    task_history_limit: Option<i64>,
}

impl Settings {
    /// Sets in `spec` what the flags say and leaves the rest.
    pub(super) fn apply(&self, spec: &mut Value) {
        if let Some(nanos) = self.absence_grace {
            spec["Shoal"]["AbsenceGrace"] = json!(nanos);
        }
        if let Some(words) = &self.allow {
            let words: Vec<&String> = words.iter().filter(|word| !word.is_empty()).collect();
            spec["Shoal"]["Allow"] = json!(words);
        }
        if let Some(nanos) = self.cert_expiry {
            spec["CAConfig"]["NodeCertExpiry"] = json!(nanos);
        }
        if let Some(nanos) = self.dispatcher_heartbeat {
            spec["Dispatcher"]["HeartbeatPeriod"] = json!(nanos);
        }
        if !self.external_ca.is_empty() {
            // The daemon refuses it by name as long as it has no external authorities.
            spec["CAConfig"]["ExternalCAs"] = json!(self.external_ca);
        }
        if let Some(count) = self.max_snapshots {
            spec["Raft"]["KeepOldSnapshots"] = json!(count);
        }
        if let Some(count) = self.snapshot_interval {
            spec["Raft"]["SnapshotInterval"] = json!(count);
        }
        if let Some(count) = self.task_history_limit {
            spec["Orchestration"]["TaskHistoryRetentionLimit"] = json!(count);
        }
    }
}
