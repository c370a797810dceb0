//! Service specs for tests.

use swarm_api::pb;

/// A service of this name and image with so many replicas, restarted at once when a task ends.
pub fn service(name: &str, image: &str, replicas: u64) -> pb::ServiceSpec {
    pb::ServiceSpec {
        annotations: Some(pb::Annotations { name: name.to_owned(), ..Default::default() }),
        task: Some(pb::TaskSpec {
            container: Some(pb::ContainerSpec {
                image: image.to_owned(),
                stop_grace_period_ns: Some(1_000_000_000),
                ..Default::default()
            }),
            restart: Some(pb::RestartPolicy { delay_ns: Some(0), ..Default::default() }),
            ..Default::default()
        }),
        mode: swarm_api::default::replicated(replicas),
        update: Some(pb::UpdateConfig { parallelism: 1, monitor_ns: 50_000_000, ..Default::default() }),
        ..Default::default()
    }
}

/// Changes the image.
pub fn set_image(spec: &mut pb::ServiceSpec, image: &str) {
    let container = spec.task.get_or_insert_default().container.get_or_insert_default();
    image.clone_into(&mut container.image);
}
