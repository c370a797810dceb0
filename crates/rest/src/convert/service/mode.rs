//! How many tasks a service has, and whether they run to their end: proto ↔ model.

use engine_api::swarm as api;
use swarm_api::pb;
use swarm_api::pb::service_spec::Mode;

use crate::failure::Failure;

/// The model's → the proto. Without a mode a service has one replica.
pub(super) fn spec(mode: api::ServiceMode) -> Result<Mode, Failure> {
    let api::ServiceMode { replicated, global, replicated_job, global_job } = mode;
    let said = [
        replicated
            .map(|mode| Mode::Replicated(pb::ReplicatedService { replicas: mode.replicas.unwrap_or(1) })),
        global.map(|_| Mode::Global(pb::GlobalService {})),
        replicated_job.map(job),
        global_job.map(|_| Mode::GlobalJob(pb::GlobalJob {})),
    ];
    let mut said = said.into_iter().flatten();
    match (said.next(), said.next()) {
        (None, _) => Ok(Mode::Replicated(pb::ReplicatedService { replicas: 1 })),
        (Some(mode), None) => Ok(mode),
        (Some(_), Some(_)) => Err(Failure::invalid("must specify only one service mode")),
    }
}

fn job(job: api::ReplicatedJob) -> Mode {
    let max_concurrent = job.max_concurrent.unwrap_or(1);
    let total_completions = job.total_completions.unwrap_or(max_concurrent);
    Mode::ReplicatedJob(pb::ReplicatedJob { max_concurrent, total_completions })
}

/// The proto → the model's.
pub(super) fn told(mode: Mode) -> api::ServiceMode {
    let none = api::ServiceMode::default();
    match mode {
        Mode::Replicated(mode) => api::ServiceMode {
            replicated: Some(api::ReplicatedService { replicas: Some(mode.replicas) }),
            ..none
        },
        Mode::Global(_) => api::ServiceMode { global: Some(api::EveryNode {}), ..none },
        Mode::ReplicatedJob(job) => api::ServiceMode {
            replicated_job: Some(api::ReplicatedJob {
                max_concurrent: Some(job.max_concurrent),
                total_completions: Some(job.total_completions),
            }),
            ..none
        },
        Mode::GlobalJob(_) => api::ServiceMode { global_job: Some(api::EveryNode {}), ..none },
    }
}

/// The word that lists filter by.
pub(crate) fn word(mode: Mode) -> &'static str {
    match mode {
        Mode::Replicated(_) => "replicated",
        Mode::Global(_) => "global",
        Mode::ReplicatedJob(_) => "replicated-job",
        Mode::GlobalJob(_) => "global-job",
    }
}
