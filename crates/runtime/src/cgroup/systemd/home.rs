//! Where a process was before systemd moved it, and the way back.

use std::fs;
use std::path::{Path, PathBuf};

use crate::cgroup::put;
use crate::{Error, Result};

/// The files by which the calling process gets back.
#[derive(Debug)]
pub(super) struct Home(Vec<PathBuf>);

impl Home {
    /// Where the calling process is.
    pub(super) fn of_caller() -> Result<Home> {
        const FILE: &str = "/proc/self/cgroup";
        let text = fs::read_to_string(FILE).map_err(Error::path("read", FILE))?;
        Ok(Home(files(&text, |path| path.exists())))
    }

    /// Goes back. A hierarchy that cannot be left that way is no reason to fail: this process ends soon.
    pub(super) fn go(&self) {
        for file in &self.0 {
            let _ = put(file, "0");
        }
    }
}

/// Pure but for what it asks: from the text of proc_pid_cgroup(5).
fn files(text: &str, exists: impl Fn(&Path) -> bool) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for line in text.lines() {
        let mut fields = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (fields.next(), fields.next()) else {
            continue;
        };
        let mounts: &[&str] = match controllers.strip_prefix("name=").unwrap_or(controllers) {
            "" => &["", "unified"],
            name => &[name],
        };
        let dirs = mounts.iter().map(|mount| Path::new("/sys/fs/cgroup").join(mount));
        let mut procs = dirs.map(|dir| dir.join(path.trim_start_matches('/')).join("cgroup.procs"));
        files.extend(procs.find(|file| exists(file)));
    }
    files
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_hierarchy_has_a_way_back() {
        let text = "2:cpu,cpuacct:/a\n1:name=systemd:/b/c\n0::/d\n";
        let found = files(text, |path| path != Path::new("/sys/fs/cgroup/d/cgroup.procs"));
        let expected = [
            "/sys/fs/cgroup/cpu,cpuacct/a/cgroup.procs",
            "/sys/fs/cgroup/systemd/b/c/cgroup.procs",
            "/sys/fs/cgroup/unified/d/cgroup.procs",
        ];
        assert_eq!(found, expected.map(PathBuf::from));
    }
}
