//! `commit`: a container's files and settings become an image.

use super::made;
use crate::archive::{blocking, write_layer};
use crate::container::Containers;
use crate::driver::Layer;
use crate::error::{Error, Result};
use crate::health;
use crate::record::{Record, Status};
use crate::shared::containers_dir;
use crate::spec::Config;
use image::Image;
use std::fs;
use std::path::Path;
use std::sync::Arc;

/// In the directory of a container's run while it is paused for a commit: a daemon that dies meanwhile lets it go on when
/// it starts again.
pub(crate) const PAUSED_FILE: &str = "paused-for-commit";

/// How to commit.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CommitOptions {
    /// `name[:tag]`, or none.
    pub reference: Option<String>,
    /// Who made it.
    pub author: String,
    /// A free comment.
    pub message: String,
    /// Instructions of a Dockerfile: `CMD ["sh"]`.
    pub changes: Vec<String>,
    /// Whether a running container's processes stand still meanwhile.
    pub pause: bool,
    /// What is to be different from the container's own settings; what is empty in it is not.
    pub config: Config,
}

impl Containers {
    /// Makes an image of a container.
    ///
    /// # Errors
    /// If there is no such container, a change or the name is wrong, or its image is gone.
    pub async fn commit(&self, reference: &str, options: CommitOptions) -> Result<Arc<Image>> {
        // On a task of its own: a client that goes away must not leave a container paused.
        let (containers, reference) = (self.clone(), reference.to_owned());
        let making = tokio::spawn(async move { containers.commit_whole(&reference, options).await });
        making.await.map_err(|_| Error::ShuttingDown)?
    }

    async fn commit_whole(&self, reference: &str, options: CommitOptions) -> Result<Arc<Image>> {
        let record = self.inspect(reference)?;
        let request = image::CommitOptions {
            parent: record.image_id.clone(),
            config: config(&record.spec.config, &options.config),
            changes: options.changes,
            reference: options.reference,
            author: options.author,
            message: options.message,
            created_by: record.command_line(),
        };
        request.check()?;
        let paused = options.pause && record.state.status == Status::Running;
        if paused {
            self.pause_for_commit(&record).await?;
        }
        let made = self.make_image(&record, request).await;
        if paused {
            self.unpause_after_commit(&record).await;
        }
        let image = made?;
        // The familiar form of the name that was just given.
        let name = image.repo_tags.first().map_or("", String::as_str);
        let details = [("comment", image.comment.as_str()), ("imageID", &image.id), ("imageRef", name)];
        self.shared.publish(&record, "commit", &details);
        Ok(image)
    }

    async fn make_image(&self, record: &Record, request: image::CommitOptions) -> Result<Arc<Image>> {
        let files = self.shared.files(&record.id).await?;
        let place = containers_dir(&self.shared.config);
        let look = move || {
            let layer = Layer::of(&files, place)?;
            layer.with(made::made).map(|made| (layer, made))
        };
        let (layer, made) = blocking(&self.shared, look).await?;
        let write = move |output: &mut dyn std::io::Write| write_layer(layer.upper(), &made, output);
        Ok(self.shared.images.commit(request, write).await?)
    }

    async fn pause_for_commit(&self, record: &Record) -> Result<()> {
        let mark = self.shared.exec_dir(&record.id).join(PAUSED_FILE);
        fault::point("commit: mark pause");
        tokio::fs::write(&mark, "").await.map_err(Error::io("write", &mark))?;
        match self.pause(&record.id).await {
            // It ended, or somebody else paused it: then it stays so.
            Err(Error::NotRunning(_) | Error::AlreadyPaused(_) | Error::RestartingNow(_)) => remove(&mark),
            Err(error) => {
                remove(&mark)?;
                Err(error)
            }
            Ok(()) => Ok(()),
        }
    }

    async fn unpause_after_commit(&self, record: &Record) {
        let mark = self.shared.exec_dir(&record.id).join(PAUSED_FILE);
        if !mark.exists() {
            return;
        }
        let woken = self.unpause(&record.id).await;
        match woken.and_then(|()| remove(&mark)) {
            Ok(()) | Err(Error::NotPaused(_) | Error::NoSuchContainer(_)) => {}
            Err(error) => {
                tracing::error!(container = record.short_id(), %error, "container stays paused after a commit");
            }
        }
    }
}

fn remove(mark: &Path) -> Result<()> {
    fault::point("commit: remove mark");
    match fs::remove_file(mark) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(Error::io("remove", mark)(error)),
        _ => Ok(()),
    }
}

/// What the image tells its containers: the container's settings, overridden by those that are wanted.
fn config(own: &Config, wanted: &Config) -> image::Config {
    let text = |own: &String, wanted: &String| if wanted.is_empty() { own } else { wanted }.clone();
    let mut env = own.env.clone();
    for entry in &wanted.env {
        let name = |entry: &str| entry.split_once('=').map_or(entry, |(name, _)| name).to_owned();
        env.retain(|old| name(old) != name(entry));
        env.push(entry.clone());
    }
    let mut labels = own.labels.clone();
    labels.extend(wanted.labels.clone());
    image::Config {
        user: text(&own.user, &wanted.user),
        exposed_ports: own.exposed_ports.union(&wanted.exposed_ports).map(ToString::to_string).collect(),
        env,
        entrypoint: wanted.entrypoint.clone().or_else(|| own.entrypoint.clone()),
        cmd: wanted.cmd.clone().or_else(|| own.cmd.clone()),
        volumes: own.volumes.union(&wanted.volumes).cloned().collect(),
        working_dir: text(&own.working_dir, &wanted.working_dir),
        labels,
        stop_signal: wanted.stop_signal.clone().or_else(|| own.stop_signal.clone()),
        shell: wanted.shell.clone().or_else(|| own.shell.clone()),
        on_build: wanted.on_build.clone().or_else(|| own.on_build.clone()).unwrap_or_default(),
        healthcheck: healthcheck(own, wanted),
        stop_timeout: wanted.stop_timeout.or(own.stop_timeout),
        ..image::Config::default()
    }
}

/// What is wanted, filled up from the container's own; neither leaves none.
fn healthcheck(own: &Config, wanted: &Config) -> Option<image::Healthcheck> {
    let mut check = wanted.healthcheck.clone();
    health::merge(&mut check, own.healthcheck.as_ref());
    check
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_wanted_overrides_what_is() {
        let mut own = Config {
            user: "me".into(),
            env: vec!["A=1".into(), "B=2".into()],
            cmd: Some(vec!["sh".into()]),
            labels: [("x".into(), "y".into())].into(),
            ..Config::default()
        };
        let check = |interval, test: &[&str]| image::Healthcheck {
            test: test.iter().map(ToString::to_string).collect(),
            interval,
            ..image::Healthcheck::default()
        };
        own.healthcheck = Some(check(5, &["CMD", "true"]));
        let wanted = Config {
            env: vec!["A=3".into()],
            working_dir: "/w".into(),
            healthcheck: Some(check(7, &[])),
            ..Config::default()
        };
        let made = config(&own, &wanted);
        assert_eq!((made.user.as_str(), made.working_dir.as_str()), ("me", "/w"));
        assert_eq!(made.env, ["B=2", "A=3"]);
        assert_eq!(made.healthcheck, Some(check(7, &["CMD", "true"])));
        assert_eq!(config(&own, &Config::default()).healthcheck, own.healthcheck);
        assert_eq!((made.cmd, made.labels.len()), (Some(vec!["sh".to_owned()]), 1));
    }
}
