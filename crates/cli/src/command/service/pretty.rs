//! `service inspect --pretty`: a service for people. Pure.

use engine_api::swarm::{Service, UpdateConfig};

use crate::format::unit;

/// Docker's text.
pub(super) fn pretty(service: &Service) -> String {
    let spec = &service.spec;
    let mut lines = vec![format!("\nID:\t\t{}", service.id), format!("Name:\t\t{}", spec.name)];
    if !spec.labels.is_empty() {
        lines.push("Labels:".to_owned());
        lines.extend(spec.labels.iter().map(|(key, value)| format!(" {key}={value}")));
    }
    match spec.mode.replicated {
        Some(mode) => {
            lines.push("Service Mode:\tReplicated".to_owned());
            lines.push(format!(" Replicas:\t{}", mode.replicas.unwrap_or(1)));
        }
        None => lines.push("Service Mode:\tGlobal".to_owned()),
    }
    if let Some(status) = service.update_status.as_ref().filter(|status| !status.state.is_empty()) {
        lines.push("UpdateStatus:".to_owned());
        lines.push(format!(" State:\t\t{}", status.state));
        lines.push(format!(" Message:\t{}", status.message));
    }
    let task = &spec.task_template;
    lines.push("Placement:".to_owned());
    if !task.placement.constraints.is_empty() {
        lines.push(format!(" Constraints:\t[{}]", task.placement.constraints.join(" ")));
    }
    if task.placement.max_replicas > 0 {
        lines.push(format!(" Max Replicas Per Node:\t{}", task.placement.max_replicas));
    }
    lines.extend(spec.update_config.as_ref().map(update));
    lines.extend(container(service));
    lines.extend(resources(service));
    if !service.endpoint.ports.is_empty() {
        lines.push("Ports:".to_owned());
        for port in &service.endpoint.ports {
            lines.push(format!(
                " PublishedPort = {}\n  Protocol = {}\n  TargetPort = {}\n  PublishMode = {}",
                port.published_port, port.protocol, port.target_port, port.publish_mode
            ));
        }
    }
    lines.join("\n") + "\n"
}

fn update(config: &UpdateConfig) -> String {
    let mut text = format!("UpdateConfig:\n Parallelism:\t{}", config.parallelism);
    if config.delay > 0 {
        text.push_str(&format!("\n Delay:\t\t{}", unit::go_duration(config.delay)));
    }
    for (name, value) in [("On failure:\t", &config.failure_action), ("Update order:      ", &config.order)] {
        if !value.is_empty() {
            text.push_str(&format!("\n {name}{value}"));
        }
    }
    if config.monitor > 0 {
        text.push_str(&format!("\n Monitoring Period: {}", unit::go_duration(config.monitor)));
    }
    text.push_str(&format!("\n Max failure ratio: {}", config.max_failure_ratio));
    text
}

fn container(service: &Service) -> Vec<String> {
    let container = &service.spec.task_template.container_spec;
    let mut lines = vec!["ContainerSpec:".to_owned(), format!(" Image:\t\t{}", container.image)];
    let lists = [("Command", &container.command), ("Args", &container.args), ("Env", &container.env)];
    for (name, words) in lists.into_iter().filter(|(_, words)| !words.is_empty()) {
        lines.push(format!(" {name}:\t\t{}", words.join(" ")));
    }
    for (name, value) in [("Dir", &container.dir), ("User", &container.user)] {
        if !value.is_empty() {
            lines.push(format!(" {name}:\t\t{value}"));
        }
    }
    if let Some(init) = container.init {
        lines.push(format!(" Init:\t\t{init}"));
    }
    if !container.mounts.is_empty() {
        lines.push("Mounts:".to_owned());
        for mount in &container.mounts {
            lines.push(format!(
                " Target:\t{}\n  Source:\t{}\n  ReadOnly:\t{}\n  Type:\t\t{}",
                mount.target, mount.source, mount.read_only, mount.kind
            ));
        }
    }
    lines
}

fn resources(service: &Service) -> Vec<String> {
    let resources = &service.spec.task_template.resources;
    let mut lines = vec!["Resources:".to_owned()];
    let amounts = |name: &str, nano_cpus: i64, bytes: i64| {
        let mut lines = vec![format!(" {name}:")];
        if nano_cpus > 0 {
            lines.push(format!("  CPU:\t\t{}", nano_cpus as f64 / 1e9));
        }
        if bytes > 0 {
            lines.push(format!("  Memory:\t{}", unit::memory(u64::try_from(bytes).unwrap_or(0))));
        }
        lines
    };
    if let Some(reserved) = &resources.reservations {
        lines.extend(amounts("Reservations", reserved.nano_cpus, reserved.memory_bytes));
    }
    if let Some(limits) = &resources.limits {
        lines.extend(amounts("Limits", limits.nano_cpus, limits.memory_bytes));
        if limits.pids > 0 {
            lines.push(format!("  PIDs:\t\t{}", limits.pids));
        }
    }
    if lines.len() > 1 { lines } else { Vec::new() }
}
