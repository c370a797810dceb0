//! How many tasks a service has, and whether they run to their end: the flags, and what tables show. Pure.

use clap::Args;
use engine_api::swarm::{Service, ServiceMode};
use serde_json::{Value, json};

use super::spec::{at, set};
use crate::error::Error;
use crate::flag::{FlagError, choice};

/// Flags of `service create` and `service update`.
#[derive(Debug, Args)]
pub(super) struct Counts {
    /// Number of job tasks to run concurrently (default equal to --replicas)
    #[arg(long, value_name = "uint")]
    max_concurrent: Option<u64>,
    /// Number of tasks
    #[arg(long, value_name = "uint")]
    replicas: Option<u64>,
    /// Maximum number of tasks per node (0 = unlimited)
    #[arg(long, value_name = "uint")]
    replicas_max_per_node: Option<u64>,
}

/// The value of `--mode`.
pub(super) fn parse(input: &str) -> Result<String, FlagError> {
    choice::parse(
        input,
        &["replicated", "global", "replicated-job", "global-job"],
        "replicated, global, replicated-job or global-job",
    )
}

impl Counts {
    /// Gives a new specification its mode.
    pub(super) fn create(&self, mode: &str, spec: &mut Value) -> Result<(), Error> {
        let wrong = |text: &str| Err(Error::Usage(text.to_owned()));
        if self.max_concurrent.is_some() && mode != "replicated-job" {
            return wrong("max-concurrent can only be used with replicated-job mode");
        }
        if matches!(mode, "global" | "global-job") {
            if self.replicas.is_some() {
                return wrong("replicas can only be used with replicated or replicated-job mode");
            }
            if self.replicas_max_per_node.is_some_and(|count| count > 0) {
                return wrong(
                    "replicas-max-per-node can only be used with replicated or replicated-job mode",
                );
            }
        }
        spec["Mode"] = match mode {
            "replicated" => json!({"Replicated": {}}),
            "global" => json!({"Global": {}}),
            "replicated-job" => json!({"ReplicatedJob": {}}),
            _ => json!({"GlobalJob": {}}),
        };
        match mode {
            "replicated" => set(spec, &["Mode", "Replicated", "Replicas"], self.replicas),
            "replicated-job" => {
                set(spec, &["Mode", "ReplicatedJob", "MaxConcurrent"], self.max_concurrent.or(self.replicas));
                set(spec, &["Mode", "ReplicatedJob", "TotalCompletions"], self.replicas);
            }
            _ => {}
        }
        self.per_node(spec);
        Ok(())
    }

    /// Changes a specification's mode, as far as flags are given.
    pub(super) fn update(&self, spec: &mut Value) -> Result<(), Error> {
        let mode = &spec["Mode"];
        if self.max_concurrent.is_some() && !mode["ReplicatedJob"].is_object() {
            return Err(Error::Usage("max-concurrent can only be used with replicated-job mode".to_owned()));
        }
        if self.replicas.is_some()
            && ["Global", "ReplicatedJob", "GlobalJob"].iter().any(|name| mode[*name].is_object())
        {
            return Err(Error::Usage("replicas can only be used with replicated mode".to_owned()));
        }
        set(spec, &["Mode", "ReplicatedJob", "MaxConcurrent"], self.max_concurrent);
        set(spec, &["Mode", "Replicated", "Replicas"], self.replicas);
        self.per_node(spec);
        Ok(())
    }

    fn per_node(&self, spec: &mut Value) {
        set(spec, &["TaskTemplate", "Placement", "MaxReplicas"], self.replicas_max_per_node);
    }
}

/// Sets how many tasks a service has, or how often a job is to complete.
pub(super) fn scale(spec: &mut Value, count: u64) -> Result<(), Error> {
    let mode = at(spec, &["Mode"]);
    if mode["Replicated"].is_object() {
        set(mode, &["Replicated", "Replicas"], Some(count));
    } else if mode["ReplicatedJob"].is_object() {
        set(mode, &["ReplicatedJob", "TotalCompletions"], Some(count));
    } else {
        return Err(Error::Usage("scale can only be used with replicated or replicated-job mode".to_owned()));
    }
    Ok(())
}

/// The mode, in a table's word.
pub(super) fn word(mode: &ServiceMode) -> &'static str {
    match mode {
        ServiceMode { global: Some(_), .. } => "global",
        ServiceMode { replicated_job: Some(_), .. } => "replicated job",
        ServiceMode { global_job: Some(_), .. } => "global job",
        ServiceMode { .. } => "replicated",
    }
}

/// How many tasks run, of how many; of a job also how many have completed.
pub(super) fn replicas(service: &Service) -> String {
    let mode = &service.spec.mode;
    let status = service.service_status.unwrap_or_default();
    let (running, desired, completed) = (status.running_tasks, status.desired_tasks, status.completed_tasks);
    if let Some(job) = mode.replicated_job {
        let total = job.total_completions.or(job.max_concurrent).unwrap_or(1);
        return format!("{running}/{desired} ({completed}/{total} completed)");
    }
    if mode.global_job.is_some() {
        // What has completed is no longer desired.
        return format!("{running}/{desired} ({completed}/{} completed)", desired.saturating_add(completed));
    }
    match service.spec.task_template.placement.max_replicas {
        0 => format!("{running}/{desired}"),
        per_node => format!("{running}/{desired} (max {per_node} per node)"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::command::service::tests::parsed;

    fn created(mode: &str, flags: &[&str]) -> Result<Value, String> {
        let mut spec = json!({});
        parsed::<Counts>(flags).create(mode, &mut spec).map_err(|error| error.to_string())?;
        Ok(spec["Mode"].take())
    }

    fn updated(mut mode: Value, flags: &[&str]) -> Result<Value, String> {
        let mut spec = json!({"Mode": mode.take()});
        parsed::<Counts>(flags).update(&mut spec).map_err(|error| error.to_string())?;
        Ok(spec["Mode"].take())
    }

    #[test]
    fn new_services_of_each_mode() {
        assert_eq!(created("replicated", &[]), Ok(json!({"Replicated": {}})));
        assert_eq!(created("replicated", &["--replicas", "3"]), Ok(json!({"Replicated": {"Replicas": 3}})));
        assert_eq!(created("global", &[]), Ok(json!({"Global": {}})));
        assert_eq!(created("global-job", &[]), Ok(json!({"GlobalJob": {}})));
        let job = json!({"ReplicatedJob": {"MaxConcurrent": 4, "TotalCompletions": 4}});
        assert_eq!(created("replicated-job", &["--replicas", "4"]), Ok(job));
        let job = json!({"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 6}});
        assert_eq!(created("replicated-job", &["--replicas", "6", "--max-concurrent", "2"]), Ok(job));
    }

    #[test]
    fn what_does_not_go_with_a_mode_is_refused() {
        let refused = |mode: &str, flag: &str| created(mode, &[flag, "2"]).unwrap_err();
        for mode in ["replicated", "global", "global-job"] {
            assert_eq!(
                refused(mode, "--max-concurrent"),
                "max-concurrent can only be used with replicated-job mode"
            );
        }
        for mode in ["global", "global-job"] {
            let only = "can only be used with replicated or replicated-job mode";
            assert_eq!(refused(mode, "--replicas"), format!("replicas {only}"));
            assert_eq!(refused(mode, "--replicas-max-per-node"), format!("replicas-max-per-node {only}"));
        }
    }

    #[test]
    fn an_update_changes_what_is_there() {
        let job = json!({"ReplicatedJob": {"MaxConcurrent": 1, "TotalCompletions": 4}});
        let want = json!({"ReplicatedJob": {"MaxConcurrent": 3, "TotalCompletions": 4}});
        assert_eq!(updated(job.clone(), &["--max-concurrent", "3"]), Ok(want));
        let refused = "replicas can only be used with replicated mode".to_owned();
        assert_eq!(updated(job, &["--replicas", "3"]), Err(refused.clone()));
        assert_eq!(updated(json!({"Global": {}}), &["--replicas", "3"]), Err(refused));
        let replicated = json!({"Replicated": {"Replicas": 1}});
        assert_eq!(updated(replicated, &["--replicas", "3"]), Ok(json!({"Replicated": {"Replicas": 3}})));
    }

    #[test]
    fn the_tables_cells_are_dockers() {
        let cells = |mode: Value, max_per_node: u64| {
            let service = serde_json::from_value(json!({
                "Spec": {"Mode": mode, "TaskTemplate": {"Placement": {"MaxReplicas": max_per_node}}},
                "ServiceStatus": {"RunningTasks": 1, "DesiredTasks": 2, "CompletedTasks": 3},
            }));
            let service: Service = service.unwrap();
            (word(&service.spec.mode), replicas(&service))
        };
        let job = json!({"ReplicatedJob": {"MaxConcurrent": 2, "TotalCompletions": 9}});
        assert_eq!(cells(json!({"Replicated": {"Replicas": 2}}), 0), ("replicated", "1/2".into()));
        assert_eq!(cells(json!({"Replicated": {"Replicas": 2}}), 5).1, "1/2 (max 5 per node)");
        assert_eq!(cells(json!({"Global": {}}), 0), ("global", "1/2".into()));
        assert_eq!(cells(job, 0), ("replicated job", "1/2 (3/9 completed)".into()));
        assert_eq!(cells(json!({"GlobalJob": {}}), 0), ("global job", "1/2 (3/5 completed)".into()));
    }
}
