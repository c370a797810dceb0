//! From a container to this machine.

use std::path::Path;

use super::bridge::incoming;
use super::place::{self, Place, Rename};
use super::progress::Progress;
use super::unpack::unpack;
use super::{Copy, STAT, Stat};
use crate::client::{Answer, Request};
use crate::command::output;
use crate::error::Error;

/// How many links a destination may lead through.
const MAX_LINKS: usize = 10;

/// Copies.
pub(super) async fn run(copy: Copy<'_>) -> Result<(), Error> {
    let to_stdout = copy.destination == "-";
    let destination = if to_stdout { None } else { Some(local(copy.destination)?) };
    if let Some(destination) = &destination {
        output::check(destination)?;
    }
    let (source, rebase) = followed(&copy).await;
    let answer = copy.client.send(Request::get(&copy.path()).query("path", &source)).await?;
    let Some(destination) = destination else {
        return output::copy(answer, &mut tokio::io::stdout()).await;
    };
    let stat = Stat::parse(answer.header(STAT))?;
    let led = rebase.clone().map(|to| Rename { from: place::split(&source).1, to });
    let from = Place { path: source, exists: true, directory: stat.is_directory(), rebase };
    let (folder, rename) = place::plan(&from, &target(&destination)?)?;
    let renames: Vec<Rename> = led.into_iter().chain(rename).collect();
    let progress = Progress::new("Copying from container", copy.quiet);
    receive(answer, folder, renames, &progress).await?;
    progress.done(&destination);
    Ok(())
}

/// The source, or with `-L` what a link there leads to and the name it shall have.
async fn followed(copy: &Copy<'_>) -> (String, Option<String>) {
    let plain = || (copy.source.to_owned(), None);
    if !copy.follow {
        return plain();
    }
    match copy.stat(copy.source).await {
        Ok(stat) if stat.is_link() => {
            place::resolved(copy.source, &place::follow(copy.source, &stat.link_target))
        }
        // What is wrong with the path, the copy itself will say.
        _ => plain(),
    }
}

/// Unpacks on a thread while the bytes come in.
async fn receive(
    mut answer: Answer,
    folder: String,
    renames: Vec<Rename>,
    progress: &Progress,
) -> Result<(), Error> {
    let (sender, reader) = incoming();
    let work = tokio::task::spawn_blocking(move || unpack(reader, Path::new(&folder), &renames));
    let mut broken = None;
    loop {
        match answer.chunk().await {
            Ok(Some(piece)) => {
                progress.add(piece.len());
                if sender.send(piece).await.is_err() {
                    break;
                }
            }
            Ok(None) => break,
            Err(error) => {
                broken = Some(error);
                break;
            }
        }
    }
    drop(sender);
    let unpacked = work.await.map_err(std::io::Error::other)?;
    match broken {
        Some(error) => Err(error),
        None => unpacked,
    }
}

/// A local path made absolute, with what it ended in.
pub(super) fn local(path: &str) -> Result<String, Error> {
    let folder = std::env::current_dir()?;
    let absolute =
        if path.starts_with('/') { path.to_owned() } else { format!("{}/{path}", folder.display()) };
    let mut cleaned = place::clean(&absolute);
    if place::is_content(path) {
        cleaned.push_str("/.");
    } else if path.ends_with('/') && !cleaned.ends_with('/') {
        cleaned.push('/');
    }
    Ok(cleaned)
}

/// What stands at the destination; links are followed as far as they lead, since the user put them there.
fn target(path: &str) -> Result<Place, Error> {
    let failed = |path: &str, source| Error::File { path: path.to_owned(), source };
    let mut at = path.to_owned();
    for _ in 0..MAX_LINKS {
        match std::fs::symlink_metadata(&at) {
            Ok(found) if found.is_symlink() => {
                let target = std::fs::read_link(&at).map_err(|source| failed(&at, source))?;
                at = place::follow(&at, &target.to_string_lossy());
            }
            Ok(found) => {
                return Ok(Place { path: at, exists: true, directory: found.is_dir(), rebase: None });
            }
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                let parent = place::split(&at).0;
                let found = std::fs::metadata(&parent).map_err(|source| failed(&parent, source))?;
                if !found.is_dir() {
                    return Err(Error::Usage("not a directory".to_owned()));
                }
                return Ok(Place { path: at, ..Place::default() });
            }
            Err(error) => return Err(failed(&at, error)),
        }
    }
    Err(Error::Usage(format!("too many symlinks in {path}")))
}
