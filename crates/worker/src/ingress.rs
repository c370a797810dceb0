//! The node's ingress backends: the managers' assignment, less the tasks this node knows not to run, so
//! that a task leaves the balancing before it is stopped and at once when it has died.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Duration;

use swarm_api::pb;

use crate::executor::Executor;

/// Bound of one call on the executor.
const APPLY: Duration = Duration::from_secs(2);

/// What was last handed to the executor.
pub(crate) struct Ingress {
    executor: Arc<dyn Executor>,
    applied: Option<Vec<pb::IngressPort>>,
}

impl Ingress {
    pub(crate) fn new(executor: Arc<dyn Executor>) -> Self {
        Ingress { executor, applied: None }
    }

    /// Makes the executor's ingress ports `wanted`. Returns whether they are; after a `false`, call again.
    pub(crate) async fn apply(&mut self, wanted: Vec<pb::IngressPort>) -> bool {
        if self.applied.as_ref() == Some(&wanted) {
            return true;
        }
        let outcome = tokio::time::timeout(APPLY, self.executor.set_ingress(wanted.clone())).await;
        match outcome {
            Ok(Ok(())) => self.applied = Some(wanted),
            Ok(Err(error)) => {
                tracing::warn!(%error, "ingress ports are not applied");
                self.applied = None;
            }
            Err(_) => {
                tracing::warn!("ingress ports are not applied in time");
                self.applied = None;
            }
        }
        self.applied.is_some()
    }
}

/// The assigned ports with only those backends that run here.
pub(crate) fn backends<'a>(
    assigned: impl Iterator<Item = &'a pb::IngressPort>,
    running: &BTreeSet<String>,
) -> Vec<pb::IngressPort> {
    assigned
        .map(|port| {
            let mut port = port.clone();
            port.task_ids.retain(|id| running.contains(id));
            port
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_tasks_that_run_here_are_backends() {
        let port = pb::IngressPort { task_ids: vec!["a".into(), "b".into()], ..Default::default() };
        let running = BTreeSet::from(["b".to_owned(), "c".to_owned()]);
        let wanted = backends([port].iter(), &running);
        assert_eq!(wanted[0].task_ids, ["b"]);
    }
}
