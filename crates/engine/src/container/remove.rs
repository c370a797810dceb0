//! Removal and renaming.

use super::checkpoint::sweep;
use super::command::Reply;
use super::launch::remove_dir;
use super::request::RemoveOptions;
use super::task::{Phase, Task, Then};
use crate::error::{Error, Result};
use crate::record::Status;
use crate::volume;
use std::fs;
use std::path::Path;
use tokio::task::spawn_blocking;

/// What is appended to the name of a directory that is being removed.
const GONE: &str = "gone";

impl Task {
    /// A user's removal: of a running container only by force.
    pub(super) async fn remove_by_user(&mut self, options: RemoveOptions, reply: Reply) {
        match (&self.phase, options.force) {
            (Phase::Running(_) | Phase::Waiting { .. }, false) => {
                let (name, status) = (self.record.name.clone(), self.record.state.status);
                let error = match status {
                    Status::Paused => Error::RemovePaused(name),
                    status => Error::RemoveRunning { name, status },
                };
                drop(reply.send(Err(error)));
            }
            (Phase::Running(_), true) => self.kill_then(Then::Remove(reply, options.volumes)).await,
            (Phase::Idle | Phase::Waiting { .. } | Phase::Removed, _) => {
                drop(reply.send(self.remove(options.volumes).await))
            }
        }
    }

    /// Removes, with the container's own volumes, and logs a failure, where nobody waits for the answer.
    pub(super) async fn remove_and_log(&mut self) {
        if let Err(error) = self.remove(true).await {
            tracing::error!(container = self.record.short_id(), %error, "container cannot be removed");
        }
    }

    /// Takes away everything a container is.
    ///
    /// Its directory loses its name first: from then on it counts as removed, also for an engine that dies here and
    /// recovers. What cannot be removed after that, or not in time, is removed when the daemon starts.
    ///
    /// Volumes that nobody named are told that they stay before the container goes, or go after it.
    pub(super) async fn remove(&mut self, volumes: bool) -> Result<()> {
        let own_volumes = volume::anonymous(&self.record);
        if !volumes && !own_volumes.is_empty() {
            self.shared.volumes.keep(own_volumes).await?;
        }
        self.phase = Phase::Idle;
        self.record.state.status = Status::Removing;
        self.publish();
        if let Some(mut ending) = self.ending.take() {
            ending.gone().await;
        }
        let id = self.record.id.clone();
        let (lasting, run) = (self.shared.paths(&id).dir, self.shared.exec_dir(&id));
        let gone = lasting.with_extension(GONE);
        if let Err(error) = self.take_name(&gone).await {
            self.record.state.status = Status::Dead;
            self.record.state.error = error.to_string();
            drop(self.save());
            return Err(error);
        }
        let container = self.record.short_id();
        if let Err(error) = self.shared.images.release(&id).await {
            tracing::warn!(container, %error, "writable layer stays until the next start of the daemon");
        }
        volume::release_images(&self.shared, &self.record).await;
        drop(self.shared.store.remove_soon(&id)?);
        // A log may be large, and a directory that a dying namespace had mounted goes slowly: nobody waits for that.
        drop(spawn_blocking(move || {
            for dir in [gone, run] {
                if let Err(error) = remove_dir(&dir) {
                    tracing::warn!(%error, "directory of a removed container stays until the next start of the daemon");
                }
            }
        }));
        self.shared.index_mut().remove(&id);
        self.shared.execs.forget_container(&id);
        if volumes {
            volume::remove_anonymous(&self.shared, &self.record).await;
        }
        self.shared.publish(&self.record, "destroy", &[]);
        self.phase = Phase::Removed;
        Ok(())
    }

    /// Takes the name from its directory; what checkpoints have left elsewhere can only be found by it, and goes before.
    async fn take_name(&self, gone: &Path) -> Result<()> {
        let (paths, gone) = (self.shared.paths(&self.record.id), gone.to_owned());
        let container = self.record.short_id().to_owned();
        let renamed = spawn_blocking(move || {
            if let Err(error) = sweep(&paths) {
                tracing::warn!(container, %error, "draft of a checkpoint stays");
            }
            fault::point("remove: rename directory");
            match fs::rename(&paths.dir, &gone) {
                // An earlier attempt got further than this.
                Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
                renamed => renamed.map_err(Error::io("remove", &paths.dir)),
            }
        });
        renamed.await.map_err(|_| Error::ShuttingDown)?
    }

    pub(super) async fn rename(&mut self, name: String) -> Result<()> {
        if name == self.record.name {
            return Err(crate::spec::Invalid::SameName.into());
        }
        let reserved = self.shared.index_mut().reserve(&name, &self.record.id);
        reserved.map_err(|error| Error::Rename(Box::new(error)))?;
        let old = std::mem::replace(&mut self.record.name, name.clone());
        self.record.spec.name = Some(name.clone());
        let written = self.save_now().await;
        if written.is_err() {
            self.record.name.clone_from(&old);
            self.record.spec.name = Some(old);
            self.publish();
            self.shared.index_mut().release(&name, &self.record.id);
            return written;
        }
        self.shared.index_mut().release(&old, &self.record.id);
        if !self.record.endpoints.is_empty() {
            self.rename_places().await;
        }
        self.shared.publish(&self.record, "rename", &[("oldName", &format!("/{old}"))]);
        Ok(())
    }
}
