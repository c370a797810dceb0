//! Logs of services and tasks: who is meant is settled here, the rest is the broker's.

use std::sync::Arc;

use swarm_api::pb;

use super::{Control, ControlError, reference};

impl Control {
    pub(super) async fn open_logs(
        &self,
        request: pb::OpenLogsRequest,
    ) -> Result<pb::OpenLogsResponse, ControlError> {
        let view = self.reader.view().await?;
        let services = request.services.iter().map(|one| reference::service(&view, one));
        let services: Vec<_> = services.collect::<Result<_, _>>()?;
        let tasks: Vec<_> =
            request.tasks.iter().map(|one| reference::task(&view, one)).collect::<Result<_, _>>()?;
        if services.is_empty() && tasks.is_empty() {
            return Err(ControlError::NoLogs);
        }
        let tty = tty(&services, &tasks)?;
        let services = services.into_iter().map(|service| service.id.clone()).collect();
        let tasks = tasks.into_iter().map(|task| task.id.clone()).collect();
        let id = self.logs.open(&view, (services, tasks), request.options.unwrap_or_default())?;
        Ok(pb::OpenLogsResponse { id, tty })
    }

    pub(super) async fn next_logs(&self, id: &str) -> Result<pb::NextLogsResponse, ControlError> {
        Ok(self.logs.next(id, &self.store).await?)
    }
}

/// Whether all of them have terminals, or none.
fn tty(services: &[&Arc<pb::Service>], tasks: &[&Arc<pb::Task>]) -> Result<bool, ControlError> {
    let has = |task: Option<&pb::TaskSpec>| {
        task.and_then(|task| task.container.as_ref()).is_some_and(|container| container.tty)
    };
    let of_services =
        services.iter().map(|service| has(service.spec.as_ref().and_then(|spec| spec.task.as_ref())));
    let mut all = of_services.chain(tasks.iter().map(|task| has(task.spec.as_ref())));
    let first = all.next().unwrap_or_default();
    if all.all(|tty| tty == first) { Ok(first) } else { Err(ControlError::MixedLogs) }
}
