//! From this machine into a container.

use std::io::Write;
use std::path::Path;
use std::sync::Arc;

use super::bridge::outgoing;
use super::pack::pack;
use super::place::{self, Place};
use super::progress::Progress;
use super::{Copy, out};
use crate::client::{Request, StreamBody};
use crate::command::image::load;
use crate::error::Error;

/// Copies.
pub(super) async fn run(copy: Copy<'_>) -> Result<(), Error> {
    let source = if copy.source == "-" { None } else { Some(out::local(copy.source)?) };
    let destination = destination(&copy).await?;
    let Some(source) = source else {
        if !destination.directory {
            return Err(Error::Usage(format!(
                "destination \"{}:{}\" must be a directory",
                copy.container, copy.destination
            )));
        }
        return send(&copy, &destination.path, load::stream(tokio::io::stdin())).await;
    };
    let source = local_source(&source, copy.follow)?;
    let (folder, rename) = place::plan(&source, &destination)?;
    let progress = Arc::new(Progress::new("Copying to container", copy.quiet));
    let (mut writer, body) = outgoing(Arc::clone(&progress));
    let work = tokio::task::spawn_blocking(move || {
        let packed = pack(&source, rename.as_ref(), &mut writer).and_then(|()| writer.flush());
        match packed {
            Ok(()) => Ok(()),
            Err(error) => {
                writer.fail(&error);
                Err(error)
            }
        }
    });
    let sent = send(&copy, &folder, body).await;
    let packed = work.await.map_err(std::io::Error::other)?;
    match (sent, packed) {
        // A daemon that refuses reads no further; its word is the reason.
        (Err(error @ Error::Daemon { .. }), _) => Err(error),
        (_, Err(error)) => Err(error.into()),
        (sent, Ok(())) => {
            sent?;
            progress.done(&format!("{}:{}", copy.container, destination.path));
            Ok(())
        }
    }
}

async fn send(copy: &Copy<'_>, folder: &str, body: StreamBody) -> Result<(), Error> {
    let request = Request::put(&copy.path())
        .query("path", folder)
        .query("noOverwriteDirNonDir", true)
        .query_some("copyUIDGID", copy.keep_owner.then_some(true));
    copy.client.done(request.stream(body)).await
}

/// What stands at the destination in the container, one link followed.
async fn destination(copy: &Copy<'_>) -> Result<Place, Error> {
    let mut path = copy.destination.to_owned();
    let mut found = copy.stat(&path).await;
    if let Ok(stat) = &found
        && stat.is_link()
    {
        path = place::follow(&path, &stat.link_target);
        found = copy.stat(&path).await;
    }
    match found {
        Ok(stat) if stat.is_special() => Err(Error::Usage(format!(
            "destination \"{}:{}\" must be a directory or a regular file: got a device",
            copy.container, copy.destination
        ))),
        Ok(stat) => Ok(Place { path, exists: true, directory: stat.is_directory(), rebase: None }),
        // It may yet come to be, if its parent is there; else the copy says what is wrong.
        Err(Error::Daemon { .. }) => Ok(Place { path, ..Place::default() }),
        Err(error) => Err(error),
    }
}

/// What is to be copied: with `-L` what a link leads to under the link's name; without, the link, but its parents are
/// followed in any case.
fn local_source(path: &str, follow: bool) -> Result<Place, Error> {
    let failed = |source: std::io::Error| {
        Error::Usage(format!("lstat {}: {}", path.trim_end_matches('/'), crate::flag::file::reason(&source)))
    };
    // A trailing slash, or a dot, says that what the link leads to is meant.
    let through = follow || path.ends_with('/') || place::is_content(path);
    let real = |path: &Path| std::fs::canonicalize(path).map_err(failed);
    let (path, rebase) = if through {
        let (resolved, rebase) = place::resolved(path, &real(Path::new(path))?.to_string_lossy());
        (resolved, rebase.filter(|_| !place::is_content(path)))
    } else {
        let (folder, name) = place::split(path);
        let folder = real(Path::new(&folder))?;
        (folder.join(name).to_string_lossy().into_owned(), None)
    };
    let found = std::fs::symlink_metadata(path.trim_end_matches("/.")).map_err(failed)?;
    if path.ends_with('/') && path != "/" && !found.is_dir() {
        return Err(failed(std::io::ErrorKind::NotADirectory.into()));
    }
    Ok(Place { path, exists: true, directory: found.is_dir(), rebase })
}
