//! What follows from a container's health.

use super::request::StopOptions;
use super::task::{Phase, Running, Task, Then};
use crate::health::{self, News};
use shim::HealthStatus;
use tokio::sync::oneshot;

impl Task {
    /// The shim has told of a probe. Only the change of the status is told further, as Docker does.
    pub(super) async fn health(&mut self, news: News) {
        let Phase::Running(Running { stopping, .. }) = &self.phase else { return };
        if self.record.state.started_ns != news.started_ns {
            return;
        }
        let stopping = stopping.is_some();
        let status = news.report.status;
        let before = self.record.state.health.replace(news.report).map(|report| report.status);
        self.publish();
        if before != Some(status) && status != HealthStatus::Starting {
            self.shared.publish(&self.record, &format!("health_status: {}", health::word(status)), &[]);
        }
        // Whatever was known before: a daemon that died knew it too, and did not come to this.
        if status == HealthStatus::Unhealthy && self.record.spec.host.shoal.restart_on_unhealthy && !stopping
        {
            tracing::info!(container = self.record.short_id(), "restarts because it is unhealthy");
            // Nobody waits for the answer: how the restart went is in the record.
            let (reply, _) = oneshot::channel();
            self.stop(&StopOptions::default(), Then::Start(reply)).await;
        }
    }
}
