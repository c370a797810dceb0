//! The container of a task with its templates expanded.

use std::collections::HashMap;

use serde_json::Value;

use super::{ExpandError, FIELD_BUDGET, OPENING, Plain, context, text};
use crate::pb;

/// The spec of the task's container on this node.
///
/// # Errors
/// The first template that does not fit.
pub fn container(node: &pb::NodeDescription, task: &pb::Task) -> Result<pb::ContainerSpec, ExpandError> {
    let spec = task.spec.as_ref().and_then(|spec| spec.container.as_ref());
    let mut container = spec.cloned().unwrap_or_default();
    if !has_templates(&container) {
        return Ok(container);
    }
    let root = context(node, task);
    for entry in &mut container.env {
        *entry = field("env", entry, &root)?;
    }
    for mount in &mut container.mounts {
        mount.source = field("mounts", &mount.source, &root)?;
        mount.target = field("mounts", &mount.target, &root)?;
        values("mounts", &mut mount.labels, &root)?;
        values("mounts", &mut mount.driver_options, &root)?;
    }
    container.hostname = field("hostname", &container.hostname, &root)?;
    Ok(container)
}

/// The container of an imagined task of this service, on an imagined node: whether its templates can be expanded at all.
///
/// # Errors
/// The first template that cannot.
pub fn sample(spec: &pb::ServiceSpec) -> Result<pb::ContainerSpec, ExpandError> {
    let annotations = spec.annotations.clone().unwrap_or_default();
    let task = pb::Task {
        id: "taskid".to_owned(),
        service_id: "serviceid".to_owned(),
        service_name: annotations.name,
        service_labels: annotations.labels,
        node_id: "nodeid".to_owned(),
        slot: 1,
        spec: spec.task.clone(),
        ..pb::Task::default()
    };
    let node = pb::NodeDescription {
        hostname: "nodehostname".to_owned(),
        os: "os".to_owned(),
        architecture: "architecture".to_owned(),
        ..pb::NodeDescription::default()
    };
    container(&node, &task)
}

/// Whether the task must carry the labels of its service, because a template may ask for them.
#[must_use]
pub fn wants_labels(container: &pb::ContainerSpec) -> bool {
    has_templates(container) || !container.secrets.is_empty() || !container.configs.is_empty()
}

fn has_templates(container: &pb::ContainerSpec) -> bool {
    let is_template = |text: &String| text.contains(OPENING);
    is_template(&container.hostname)
        || container.env.iter().any(is_template)
        || container.mounts.iter().any(|mount| {
            is_template(&mount.source)
                || is_template(&mount.target)
                || mount.labels.values().chain(mount.driver_options.values()).any(is_template)
        })
}

fn values(place: &'static str, map: &mut HashMap<String, String>, root: &Value) -> Result<(), ExpandError> {
    for value in map.values_mut() {
        *value = field(place, value, root)?;
    }
    Ok(())
}

fn field(place: &'static str, source: &str, root: &Value) -> Result<String, ExpandError> {
    let wrong = |error| ExpandError::Field { place, text: source.to_owned(), error };
    text(source, root, &Plain, FIELD_BUDGET).map_err(wrong)
}
