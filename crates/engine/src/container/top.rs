//! The processes of a container. Reads beside the container's task and never waits for it.

use super::Containers;
use crate::cgroup::cgroup_path;
use crate::error::{Error, Result};
use crate::record::Status;
use crate::top::{Top, Wish};

impl Containers {
    /// Its processes as the table that these arguments of `ps` ask for.
    ///
    /// # Errors
    /// [`Error::NotRunning`], [`Error::RestartingNow`], or [`crate::spec::Invalid::PsArguments`].
    pub async fn top(&self, reference: &str, arguments: &str) -> Result<Top> {
        let wish = Wish::parse(arguments)?;
        let (shared, record) = (self.shared.clone(), self.inspect(reference)?);
        match record.state.status {
            Status::Running | Status::Paused => {}
            Status::Restarting => return Err(Error::RestartingNow(record.id.clone())),
            _ => return Err(Error::NotRunning(record.id.clone())),
        }
        let path = cgroup_path(&shared.config, &record);
        let failed = |error: runtime::Error| Error::Cgroup { path: path.clone(), reason: error.to_string() };
        let cgroup = shared.cgroups.cgroup(&path).map_err(failed)?;
        let table = tokio::task::spawn_blocking(move || Ok(wish.table(&cgroup.processes()?)));
        let table = table.await.map_err(|_| Error::ShuttingDown)?.map_err(failed)?;
        shared.publish(&record, "top", &[]);
        Ok(table)
    }
}
