//! What is known of a container's mounts only when they are made: where its images' layers lie, which other container has a
//! volume in memory, the address of a server.

use super::memory::{self, Found as InMemory};
use super::{Error, SUBPATH_OPTION};
use crate::error::Result;
use crate::record::{MountPoint, Record};
use crate::shared::Shared;
use std::collections::HashMap;
use std::net::IpAddr;
use std::path::PathBuf;
use tokio::sync::OwnedMutexGuard;

/// Begins the option that names the server of a network's file system.
const ADDRESS: &str = "addr=";
/// Options for the runtime.
const LOWER_OPTION: &str = "x-shoal.lower=";
const GUEST_OPTION: &str = "x-shoal.guest";

/// What was found, by the mount's place in the container.
#[derive(Debug, Default)]
pub(crate) struct Sources {
    found: HashMap<String, Source>,
    /// Of whoever may be the first to have a volume in memory: the others look for it only when it is there.
    turn: Option<OwnedMutexGuard<()>>,
}

/// What stands behind one mount.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Source {
    /// Topmost first.
    Layers(Vec<PathBuf>),
    /// In another container: its root, and the place in it.
    Guest(PathBuf, PathBuf),
    Address(IpAddr),
}

impl Sources {
    /// Finds them for a container that is to start. Until this is dropped no other container with a volume in memory starts.
    ///
    /// # Errors
    /// If a layer, a part of a volume or a server cannot be found.
    pub(crate) async fn of(shared: &Shared, record: &Record) -> Result<Sources> {
        let mut sources = Sources::default();
        if record.mounts.iter().any(MountPoint::is_memory_volume) {
            sources.turn = Some(shared.volumes.memory.clone().lock_owned().await);
        }
        for point in &record.mounts {
            if let Some(source) = find(shared, record, point).await? {
                sources.found.insert(point.destination.clone(), source);
            }
        }
        Ok(sources)
    }

    /// Finds those of one mount, for whoever looks at its files.
    pub(super) async fn of_point(shared: &Shared, record: &Record, point: &MountPoint) -> Result<Sources> {
        let mut sources = Sources::default();
        if let Some(source) = find(shared, record, point).await? {
            sources.found.insert(point.destination.clone(), source);
        }
        Ok(sources)
    }

    /// For whoever looks at the files of a container that does not run: without what is only in memory then.
    ///
    /// # Errors
    /// As [`Sources::of`].
    pub(crate) async fn at_rest(shared: &Shared, record: &Record) -> Result<Sources> {
        let mut sources = Sources::default();
        for point in record.mounts.iter().filter(|point| !point.is_memory()) {
            if let Some(source) = find(shared, record, point).await? {
                sources.found.insert(point.destination.clone(), source);
            }
        }
        Ok(sources)
    }

    /// The mounts can be found by others now.
    pub(crate) fn settle(&mut self) {
        self.turn = None;
    }

    /// The root of a container that has a volume in memory, and where.
    pub(super) fn guest(&self) -> Option<(&PathBuf, &PathBuf)> {
        self.found.values().find_map(|source| match source {
            Source::Guest(root, inside) => Some((root, inside)),
            _ => None,
        })
    }

    /// A mount as the runtime's configuration has it.
    pub(crate) fn mount(&self, point: &MountPoint) -> runtime::oci::Mount {
        let mut mount = runtime::oci::Mount::default();
        let mut options = point.options.clone();
        let (mut kind, mut source) = if point.kind == "tmpfs" {
            ("tmpfs", PathBuf::from("tmpfs"))
        } else if point.file_system.is_empty() {
            ("bind", PathBuf::from(&point.source))
        } else {
            (point.file_system.as_str(), PathBuf::from(&point.device))
        };
        match self.found.get(&point.destination) {
            Some(Source::Layers(layers)) => {
                options.extend(layers.iter().map(|layer| format!("{LOWER_OPTION}{}", layer.display())));
            }
            Some(Source::Guest(root, inside)) => {
                (kind, source) = ("bind", root.join(inside));
                // The file system is there: what was said of it as a whole was said by the first.
                options
                    .retain(|option| !option.contains('=') && option != COPY_UP_OPTION && option != "noswap");
                options.extend(["bind", "rprivate", GUEST_OPTION].map(String::from));
                if !point.subpath.is_empty() {
                    options.push(format!("{SUBPATH_OPTION}{}", point.subpath));
                }
            }
            Some(Source::Address(address)) => {
                for option in options.iter_mut().filter(|option| option.starts_with(ADDRESS)) {
                    *option = format!("{ADDRESS}{address}");
                }
            }
            None => {}
        }
        mount
            .set_destination(point.destination.clone().into())
            .set_typ(Some(kind.to_owned()))
            .set_source(Some(source))
            .set_options(Some(options));
        mount
    }
}

/// New memory begins with what the image has in its place.
pub(super) const COPY_UP_OPTION: &str = "tmpcopyup";

async fn find(shared: &Shared, record: &Record, point: &MountPoint) -> Result<Option<Source>> {
    if !point.pin.is_empty() {
        return Ok(Some(Source::Layers(shared.images.rootfs(&point.pin).await?.lowers)));
    }
    if point.is_memory_volume() {
        return in_memory(shared, record, point);
    }
    let server = match point.file_system.as_str() {
        "nfs" | "nfs4" | "cifs" | "smb3" => {
            point.options.iter().find_map(|option| option.strip_prefix(ADDRESS))
        }
        _ => None,
    };
    match server {
        Some(server) => Ok(Some(Source::Address(address(&point.name, server).await?))),
        None => Ok(None),
    }
}

fn in_memory(shared: &Shared, record: &Record, point: &MountPoint) -> Result<Option<Source>> {
    let records = shared.index().snapshots();
    let uses = |other: &&std::sync::Arc<Record>| {
        other.id != record.id
            && other.mounts.iter().any(|mount| mount.kind == "volume" && mount.name == point.name)
    };
    match memory::find(&point.name, records.iter().filter(uses).map(AsRef::as_ref)) {
        InMemory::Whole(root, inside) => Ok(Some(Source::Guest(root, inside))),
        InMemory::Part => Err(Error::PartInMemory(point.name.clone()).into()),
        InMemory::Nowhere if point.subpath.is_empty() => Ok(None),
        InMemory::Nowhere => {
            Err(Error::NoSubpath { volume: point.name.clone(), path: point.subpath.clone() }.into())
        }
    }
}

/// The kernel does not know names.
async fn address(volume: &str, server: &str) -> Result<IpAddr> {
    if let Ok(address) = server.parse() {
        return Ok(address);
    }
    let failed = |reason: String| Error::Server { volume: volume.to_owned(), reason };
    let mut found =
        tokio::net::lookup_host((server, 0)).await.map_err(|error| failed(format!("{server}: {error}")))?;
    let first = found.next().ok_or_else(|| failed(format!("{server}: no address")))?;
    Ok(first.ip())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_found_takes_the_place_of_what_was_written() {
        let mut sources = Sources::default();
        let point = MountPoint {
            kind: "volume".into(),
            name: "v".into(),
            destination: "/d".into(),
            file_system: "nfs".into(),
            device: ":/x".into(),
            options: vec!["addr=host".into(), "rw".into(), "x-shoal.host".into()],
            ..MountPoint::default()
        };
        let options = |sources: &Sources, point: &MountPoint| {
            let mount = sources.mount(point);
            (mount.typ().clone().unwrap(), mount.options().clone().unwrap().join(","))
        };
        sources.found.insert("/d".into(), Source::Address("1.2.3.4".parse().unwrap()));
        assert_eq!(options(&sources, &point), ("nfs".into(), "addr=1.2.3.4,rw,x-shoal.host".into()));

        let memory = MountPoint {
            file_system: "tmpfs".into(),
            options: vec!["size=1m".into(), "noexec".into(), "ro".into(), COPY_UP_OPTION.into()],
            subpath: "a".into(),
            ..point
        };
        sources.found.insert("/d".into(), Source::Guest("/proc/1/root".into(), "d".into()));
        let (kind, words) = options(&sources, &memory);
        assert_eq!(
            (kind.as_str(), words.as_str()),
            ("bind", "noexec,ro,bind,rprivate,x-shoal.guest,x-shoal.subpath=a")
        );
    }
}
