//! Where the files of a container lie.

use std::path::{Path, PathBuf};

/// The files of one container that its processes or clients get to see.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paths {
    /// The directory of the others, `<data-root>/containers/<id>`.
    pub dir: PathBuf,
    /// The current log file.
    pub log: PathBuf,
    /// `/etc/hosts`
    pub hosts: PathBuf,
    /// `/etc/hostname`
    pub hostname: PathBuf,
    /// `/etc/resolv.conf`
    pub resolv_conf: PathBuf,
}

impl Paths {
    /// The files of container `id` beneath `containers`.
    pub(crate) fn new(containers: &Path, id: &str) -> Paths {
        let dir = containers.join(id);
        Paths {
            log: dir.join(format!("{id}-json.log")),
            hosts: dir.join("hosts"),
            hostname: dir.join("hostname"),
            resolv_conf: dir.join("resolv.conf"),
            dir,
        }
    }
}
