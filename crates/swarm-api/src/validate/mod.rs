//! Whether a spec makes sense by itself. Pure; in the words of Docker and swarmkit where they have some.
//!
//! What needs the other objects (unique names, ports taken by another service) is checked by `control` and by `apply`.

mod cluster;
mod container;
mod endpoint;
mod extras;
mod file;
mod mode;
mod name;
mod network;
mod placement;
mod process;
mod resolver;
mod resource;

pub use mode::MAX_TASKS;
use prost::Message;
use thiserror::Error;

use crate::{default, expand, pb};
pub use file::{CONFIG_LIMIT, SECRET_LIMIT};

/// A service's spec is no longer than so many bytes. The store takes a change of 1 MiB, and a service that is updated holds two
/// specs, its own and the one before.
pub const SERVICE_LIMIT: usize = 256 * 1024;

/// A spec is wrong: one sentence that names what.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{0}")]
pub struct Invalid(String);

impl Invalid {
    fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}

type Verdict = Result<(), Invalid>;

/// Checks a service spec.
///
/// # Errors
/// What is wrong with it.
pub fn service(spec: &pb::ServiceSpec) -> Verdict {
    let bytes = spec.encoded_len();
    if bytes > SERVICE_LIMIT {
        let text =
            format!("the service's specification is too long: {bytes} bytes, of {SERVICE_LIMIT} at most");
        return Err(Invalid::new(text));
    }
    name::check(spec.annotations.as_ref())?;
    let task = spec.task.as_ref().ok_or_else(|| Invalid::new("TaskSpec: missing runtime"))?;
    // Judged as a task would see it. Whether a template can be expanded is part of that.
    let container = expand::sample(spec).map_err(|error| Invalid::new(error.to_string()))?;
    self::task(task, &container)?;
    mode::check(spec)?;
    if default::is_job(spec) && spec.update.is_some() {
        return Err(Invalid::new("Jobs may not have an update config"));
    }
    for update in spec.update.iter().chain(&spec.rollback) {
        self::update(update)?;
    }
    if spec.drain_time_ns.is_some_and(|drain_ns| drain_ns < 0) {
        return Err(Invalid::new("drain time cannot be negative"));
    }
    match &spec.endpoint {
        Some(endpoint) => endpoint::check(endpoint),
        None => Ok(()),
    }
}

/// Checks a node spec. A node may be without a name.
///
/// # Errors
/// What is wrong with it.
pub fn node(spec: &pb::NodeSpec) -> Verdict {
    match &spec.annotations {
        Some(annotations) if !annotations.name.is_empty() => name::check(Some(annotations)),
        _ => Ok(()),
    }
}

/// Checks a secret that is to be made.
///
/// # Errors
/// What is wrong with it.
pub fn secret(spec: &pb::FileSpec) -> Verdict {
    file::check("secret", SECRET_LIMIT, spec)
}

/// Checks a config that is to be made.
///
/// # Errors
/// What is wrong with it.
pub fn config(spec: &pb::FileSpec) -> Verdict {
    file::check("config", CONFIG_LIMIT, spec)
}

/// Checks a network of the swarm. Its subnets are read by who allocates.
///
/// # Errors
/// What is wrong with it.
pub fn network(spec: &pb::NetworkSpec) -> Verdict {
    network::check(spec)
}

/// Checks the swarm's settings.
///
/// # Errors
/// What is wrong with them.
pub fn cluster(spec: &pb::ClusterSpec) -> Verdict {
    cluster::check(spec)
}

fn task(spec: &pb::TaskSpec, expanded: &pb::ContainerSpec) -> Verdict {
    if spec.container.is_none() {
        return Err(Invalid::new("TaskSpec: missing runtime"));
    }
    container::check(expanded)?;
    if let Some(resources) = &spec.resources {
        resource::check(resources)?;
    }
    if let Some(placement) = &spec.placement {
        placement::check(placement)?;
    }
    if let Some(driver) = &spec.log_driver {
        log_driver(driver)?;
    }
    let Some(restart) = &spec.restart else { return Ok(()) };
    if restart.delay_ns.is_some_and(|delay| delay < 0) {
        return Err(Invalid::new("TaskSpec: restart-delay cannot be negative"));
    }
    if restart.window_ns < 0 {
        return Err(Invalid::new("TaskSpec: restart-window cannot be negative"));
    }
    Ok(())
}

fn log_driver(driver: &pb::LogDriver) -> Verdict {
    if driver.name.is_empty() && !driver.options.is_empty() {
        return Err(Invalid::new("invalid LogDriver: options need the Name of a driver"));
    }
    Ok(())
}

fn update(update: &pb::UpdateConfig) -> Verdict {
    if update.delay_ns < 0 {
        return Err(Invalid::new("TaskSpec: update-delay cannot be negative"));
    }
    if update.monitor_ns < 0 {
        return Err(Invalid::new("TaskSpec: update-monitor cannot be negative"));
    }
    if !(0.0..=1.0).contains(&update.max_failure_ratio) {
        return Err(Invalid::new("TaskSpec: update-maxfailureratio cannot be less than 0 or bigger than 1"));
    }
    Ok(())
}

#[cfg(test)]
mod tests;
