//! Which hierarchies are mounted, told at run time.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Component, Path, PathBuf};

use super::{Cgroup, Member};
use crate::{Error, Result};

const MOUNT_POINT: &str = "/sys/fs/cgroup";

/// Which cgroup interface rules this machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Version {
    /// Version 1, also when an empty version 2 tree is mounted beside it ("hybrid").
    V1,
    /// Version 2 alone.
    V2,
}

/// The cgroup hierarchies of this machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Layout {
    version: Version,
    hierarchies: Vec<Hierarchy>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Hierarchy {
    /// Version 2: empty.
    controllers: Vec<String>,
    root: PathBuf,
}

/// Looks at what is mounted.
///
/// # Errors
/// If no hierarchy is mounted.
pub fn detect() -> Result<Layout> {
    let mounts =
        fs::read_to_string("/proc/self/mountinfo").map_err(Error::path("read", "/proc/self/mountinfo"))?;
    parse(&mounts).ok_or(Error::NoCgroup)
}

/// Pure: from the text of `mountinfo`, proc_pid_mountinfo(5).
fn parse(mountinfo: &str) -> Option<Layout> {
    let mut v1: Vec<Hierarchy> = Vec::new();
    let mut v2 = None;
    for line in mountinfo.lines() {
        let Some((mount, file_system)) = line.split_once(" - ") else {
            continue;
        };
        let Some(root) = mount.split(' ').nth(4).map(PathBuf::from) else {
            continue;
        };
        let mut fields = file_system.split(' ');
        match fields.next() {
            Some("cgroup2") if root == Path::new(MOUNT_POINT) => v2 = Some(root),
            Some("cgroup") => {
                let options = fields.nth(1).unwrap_or_default();
                let controllers: Vec<String> = options
                    .split(',')
                    .filter(|o| !matches!(*o, "rw" | "ro") && !o.contains('='))
                    .filter(|o| !matches!(*o, "xattr" | "noprefix" | "clone_children"))
                    .map(String::from)
                    .collect();
                // Without controllers it is somebody's bookkeeping (name=systemd). The first mount of several counts.
                let seen = v1.iter().any(|h| h.controllers == controllers);
                if !controllers.is_empty() && !seen {
                    v1.push(Hierarchy { controllers, root });
                }
            }
            _ => {}
        }
    }
    match (v1.is_empty(), v2) {
        (_, Some(root)) => Some(Layout::v2(root)),
        (false, None) => Some(Layout { version: Version::V1, hierarchies: v1 }),
        (true, None) => None,
    }
}

impl Layout {
    fn v2(root: PathBuf) -> Layout {
        Layout { version: Version::V2, hierarchies: vec![Hierarchy { controllers: Vec::new(), root }] }
    }

    /// Which interface it is.
    pub fn version(&self) -> Version {
        self.version
    }

    /// Where the hierarchies are mounted.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        self.hierarchies.iter().map(|hierarchy| hierarchy.root.as_path())
    }

    /// Whether a hierarchy of version 1 has this controller.
    pub fn has_controller(&self, name: &str) -> bool {
        self.hierarchies.iter().any(|hierarchy| hierarchy.controllers.iter().any(|known| known == name))
    }

    /// The cgroup at `path` (absolute beneath the hierarchies, as `linux.cgroupsPath`); nothing is created.
    ///
    /// # Errors
    /// If `path` is the hierarchy's root or leaves it.
    pub fn cgroup(&self, path: &Path) -> Result<Cgroup> {
        let relative = relative(path)?;
        Ok(Cgroup {
            version: self.version,
            members: self
                .hierarchies
                .iter()
                .map(|hierarchy| Member {
                    controllers: hierarchy.controllers.clone(),
                    root: hierarchy.root.clone(),
                    dir: hierarchy.root.join(&relative),
                })
                .collect(),
        })
    }

    /// Names of the cgroups directly below `parent`, in any hierarchy, for recovery.
    ///
    /// # Errors
    /// If a hierarchy cannot be read.
    pub fn children(&self, parent: &Path) -> Result<Vec<String>> {
        let relative = relative(parent)?;
        let mut names = BTreeSet::new();
        for hierarchy in &self.hierarchies {
            let dir = hierarchy.root.join(&relative);
            let entries = match fs::read_dir(&dir) {
                Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
                other => other.map_err(Error::path("list", &dir))?,
            };
            for entry in entries.flatten() {
                if entry.file_type().is_ok_and(|t| t.is_dir()) {
                    names.extend(entry.file_name().into_string());
                }
            }
        }
        Ok(names.into_iter().collect())
    }
}

fn relative(path: &Path) -> Result<PathBuf> {
    let relative = path.strip_prefix("/").unwrap_or(path);
    let plain = relative.components().all(|component| matches!(component, Component::Normal(_)));
    if relative.as_os_str().is_empty() || !plain {
        return Err(Error::Invalid(format!("{} is not a path of a cgroup", path.display())));
    }
    Ok(relative.to_owned())
}

#[cfg(test)]
impl Layout {
    /// A version 2 tree wherever it is mounted, to try it beside version 1.
    pub(super) fn v2_at(root: &Path) -> Layout {
        Layout::v2(root.to_owned())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const HYBRID: &str = "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw,relatime - cgroup cgroup rw,cpu,cpuacct
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime shared:9 - cgroup cgroup rw,memory
40 31 0:37 / /sys/fs/cgroup/systemd rw,relatime - cgroup cgroup rw,xattr,name=systemd
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw
";
    const UNIFIED: &str =
        "31 23 0:28 / /sys/fs/cgroup rw,relatime shared:4 - cgroup2 cgroup2 rw,nsdelegate\n";

    #[test]
    fn hybrid_is_version_1() {
        let layout = parse(HYBRID).unwrap();
        assert_eq!(layout.version(), Version::V1);
        let cgroup = layout.cgroup(Path::new("/shoal/x")).unwrap();
        let dirs: Vec<_> = cgroup.dirs().collect();
        assert_eq!(
            dirs,
            [Path::new("/sys/fs/cgroup/cpu,cpuacct/shoal/x"), Path::new("/sys/fs/cgroup/memory/shoal/x")]
        );
    }

    #[test]
    fn version_2_alone_is_version_2() {
        let layout = parse(UNIFIED).unwrap();
        assert_eq!(layout.version(), Version::V2);
        assert_eq!(parse(""), None);
    }

    #[test]
    fn paths_stay_in_the_hierarchy() {
        let layout = parse(UNIFIED).unwrap();
        for path in ["/", "", "/a/../..", "../x"] {
            assert!(layout.cgroup(Path::new(path)).is_err(), "{path}");
        }
    }
}
