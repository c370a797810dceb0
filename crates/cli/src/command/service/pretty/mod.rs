//! `service inspect --pretty`: a service for people, line by line as Docker's client shows it. Pure.

mod container;
mod rollout;
#[cfg(test)]
mod tests;

use engine_api::swarm::{Service, ServiceMode, TaskSpec};
use time::OffsetDateTime;

use crate::format::unit;

/// Docker's text. `networks`: the names of the service's networks.
pub(super) fn pretty(service: &Service, networks: &[String], now: OffsetDateTime) -> String {
    let spec = &service.spec;
    let mut lines = vec![format!("\nID:\t\t{}", service.id), format!("Name:\t\t{}", spec.name)];
    if !spec.labels.is_empty() {
        lines.push("Labels:".to_owned());
        lines.extend(spec.labels.iter().map(|(key, value)| match value.as_str() {
            "" => format!(" {key}"),
            value => format!(" {key}={value}"),
        }));
    }
    lines.extend(mode(&spec.mode));
    lines.extend(
        service.update_status.as_ref().map(|status| rollout::status(status, now)).unwrap_or_default(),
    );
    lines.extend(placement(&spec.task_template));
    lines.extend(spec.update_config.as_ref().map(|config| rollout::config("Update", config)));
    lines.extend(spec.rollback_config.as_ref().map(|config| rollout::config("Rollback", config)));
    lines.extend(container::lines(&spec.task_template.container_spec));
    lines.extend(log_driver(&spec.task_template));
    lines.extend(resources(&spec.task_template));
    if !networks.is_empty() {
        lines.push(format!("Networks: {}", networks.join(" ")));
    }
    lines.push(format!("Endpoint Mode:\t{}", service.endpoint.spec.mode));
    if !service.endpoint.ports.is_empty() {
        lines.push("Ports:".to_owned());
        for port in &service.endpoint.ports {
            lines.push(format!(
                " PublishedPort = {}\n  Protocol = {}\n  TargetPort = {}\n  PublishMode = {}",
                port.published_port, port.protocol, port.target_port, port.publish_mode
            ));
        }
    }
    lines.extend(container::health(&spec.task_template.container_spec));
    lines.join("\n") + "\n"
}

/// Docker leaves jobs blank.
fn mode(mode: &ServiceMode) -> Vec<String> {
    let (word, counts) = match mode {
        ServiceMode { replicated: Some(mode), .. } => {
            ("Replicated", vec![format!(" Replicas:\t{}", mode.replicas.unwrap_or(1))])
        }
        ServiceMode { replicated_job: Some(job), .. } => {
            let concurrent = job.max_concurrent.unwrap_or(1);
            let total = job.total_completions.unwrap_or(concurrent);
            ("ReplicatedJob", vec![format!(" Max Concurrent:\t{concurrent}\n Total Completions:\t{total}")])
        }
        ServiceMode { global_job: Some(_), .. } => ("GlobalJob", Vec::new()),
        ServiceMode { .. } => ("Global", Vec::new()),
    };
    [vec![format!("Service Mode:\t{word}")], counts].concat()
}

fn placement(task: &TaskSpec) -> Vec<String> {
    let placement = &task.placement;
    let mut lines = vec!["Placement:".to_owned()];
    if !placement.constraints.is_empty() {
        lines.push(format!(" Constraints:\t[{}]", placement.constraints.join(" ")));
    }
    let spread = placement.preferences.iter().filter_map(|preference| preference.spread.as_ref());
    let spread: Vec<String> = spread.map(|over| format!("spread={}", over.spread_descriptor)).collect();
    if !spread.is_empty() {
        lines.push(format!(" Preferences:   [{}]", spread.join(" ")));
    }
    if placement.max_replicas > 0 {
        lines.push(format!(" Max Replicas Per Node:   {}", placement.max_replicas));
    }
    lines
}

fn log_driver(task: &TaskSpec) -> Vec<String> {
    let Some(driver) = &task.log_driver else { return Vec::new() };
    let mut lines = vec!["Log Driver:".to_owned()];
    if !driver.name.is_empty() {
        lines.push(format!(" Name:\t\t{}", driver.name));
    }
    if !driver.options.is_empty() {
        lines.push(" LogOpts:".to_owned());
        lines.extend(driver.options.iter().map(|(key, value)| format!("  {key}:       {value}")));
    }
    // As Docker's, with an empty line.
    lines.push(String::new());
    lines
}

fn resources(task: &TaskSpec) -> Vec<String> {
    let resources = &task.resources;
    let mut lines = vec!["Resources:".to_owned()];
    let amounts = |name: &str, nano_cpus: i64, bytes: i64, others: Vec<String>| {
        let mut lines = Vec::new();
        if nano_cpus > 0 {
            lines.push(format!("  CPU:\t\t{}", nano_cpus as f64 / 1e9));
        }
        if bytes > 0 {
            lines.push(format!("  Memory:\t{}", unit::memory(u64::try_from(bytes).unwrap_or(0))));
        }
        lines.extend(others);
        if lines.is_empty() { lines } else { [vec![format!(" {name}:")], lines].concat() }
    };
    if let Some(reserved) = &resources.reservations {
        // Docker does not show these.
        let generic = reserved.generic_resources.iter().filter_map(|one| one.discrete_resource_spec.as_ref());
        let generic = generic.map(|one| format!("  {}:\t\t{}", one.kind, one.value)).collect();
        lines.extend(amounts("Reservations", reserved.nano_cpus, reserved.memory_bytes, generic));
    }
    if let Some(limits) = &resources.limits {
        let pids = (limits.pids > 0).then(|| format!("  PIDs:\t\t{}", limits.pids));
        lines.extend(amounts("Limits", limits.nano_cpus, limits.memory_bytes, pids.into_iter().collect()));
    }
    if lines.len() > 1 { lines } else { Vec::new() }
}
