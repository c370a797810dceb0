//! Hearing of a container's health from its shim, for as long as the container runs.

use crate::container::Command;
use crate::link::Link;
use crate::shared::Shared;
use shim::{HealthReport, Request, Response};
use std::sync::Arc;

/// What has been heard.
#[derive(Debug)]
pub(crate) struct News {
    /// The run it is about, by when it began.
    pub(crate) started_ns: i64,
    pub(crate) report: HealthReport,
}

/// Tells the container's task of every result from now on; what is known already comes first. Ends with the shim.
pub(crate) fn watch(shared: &Arc<Shared>, id: &str, started_ns: i64) {
    let (shared, id) = (shared.clone(), id.to_owned());
    tokio::spawn(async move {
        let Ok(mut link) = Link::connect(&id, &shared.exec_dir(&id)).await else { return };
        let mut after = None;
        loop {
            if link.send(&id, &Request::Health { after }).await.is_err() {
                return;
            }
            let Some(Response::Health(report)) = link.hear().await else { return };
            after = Some(report.sequence);
            let Ok(commands) = shared.index().find(&id).map(|entry| entry.commands.clone()) else { return };
            if commands.send(Command::Health(News { started_ns, report })).await.is_err() {
                return;
            }
        }
    });
}
