//! The labels that tell a task's container, with the names that tools around Docker's swarm look for.

use std::collections::BTreeMap;

use engine::Record;
use swarm_api::{naming, pb};

const TASK: &str = "com.docker.swarm.task";
const TASK_ID: &str = "com.docker.swarm.task.id";
const TASK_NAME: &str = "com.docker.swarm.task.name";
const NODE_ID: &str = "com.docker.swarm.node.id";
const SERVICE_ID: &str = "com.docker.swarm.service.id";
const SERVICE_NAME: &str = "com.docker.swarm.service.name";

/// The task a container belongs to, if any.
pub(super) fn task_id(record: &Record) -> Option<&str> {
    record.spec.config.labels.get(TASK_ID).map(String::as_str)
}

/// The user's labels, and ours over them: a user cannot make a container look like another task's.
pub(super) fn labels(task: &pb::Task, container: &pb::ContainerSpec) -> BTreeMap<String, String> {
    let mut labels: BTreeMap<String, String> =
        container.labels.iter().map(|(key, value)| (key.clone(), value.clone())).collect();
    for (key, value) in [
        (TASK, String::new()),
        (TASK_ID, task.id.clone()),
        (TASK_NAME, naming::task(task)),
        (NODE_ID, task.node_id.clone()),
        (SERVICE_ID, task.service_id.clone()),
        (SERVICE_NAME, task.service_name.clone()),
    ] {
        labels.insert(key.to_owned(), value);
    }
    labels
}
