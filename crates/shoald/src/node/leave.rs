//! Out of a swarm: the managers are told, the part ends, and what it ran goes.

use std::time::Duration;

use rest::NodeError;
use worker::{Executor, Farewell};

use super::owner::{Owner, internal};
use super::quorum;

/// How long the others may take to let a manager go that leaves.
const STEP_DOWN_TIMEOUT: Duration = Duration::from_secs(5);

impl Owner {
    pub(super) async fn leave(&mut self, force: bool) -> Result<(), NodeError> {
        self.check_leave(force)?;
        if let Some(member) = &self.member {
            if member.is_manager() && !force {
                return Err(NodeError::LastManager(quorum::warning(member).await));
            }
            match tokio::time::timeout(STEP_DOWN_TIMEOUT, member.step_down()).await {
                Ok(Ok(())) => {}
                Ok(Err(error)) => tracing::warn!(%error, "leaves without the other managers' consent"),
                Err(_) => tracing::warn!("leaves without waiting for the other managers any longer"),
            }
        }
        self.stop(Farewell::Leaves).await;
        // Whatever stays of it, the tasks go.
        let forgotten = self.dir.forget();
        self.remove_tasks().await;
        // No task is left that a port could lead to.
        if let Err(error) = self.executor.set_ingress(Vec::new()).await {
            tracing::warn!(%error, "ports of services stay published");
        }
        forgotten.map_err(internal)
    }

    /// Removes the containers of all tasks.
    pub(super) async fn remove_tasks(&self) {
        let tasks = self.executor.list().await.unwrap_or_default();
        for task in tasks {
            if let Err(error) = self.executor.remove(&task).await {
                tracing::warn!(%task, %error, "container of a task stays");
            }
        }
    }

    pub(super) async fn stop(&mut self, farewell: Farewell) {
        if let Some(held) = self.held.take() {
            held.stop().await;
        }
        if let Some(member) = self.member.take() {
            member.stop(farewell).await;
        }
    }

    pub(super) fn undo(&self) {
        if let Err(error) = self.dir.forget() {
            tracing::warn!(%error, "state of the failed swarm stays");
        }
    }
}
