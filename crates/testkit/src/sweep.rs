//! What the tests of a process left that was killed: found by names that carry the process id, and removed.
//!
//! Each process that runs tests looks once, before its first daemon or namespace. What lives on is never touched: a
//! number that was given to another process since keeps its leftovers until a later run.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Once;

use crate::program::run;
use crate::trace;

/// What the directories of daemons begin with, before the process id.
const DIRECTORY: &str = "shoal-test.";
/// The same of namespaces.
const NAMESPACE: &str = "sh";
/// What the cgroups of the runtime's own tests begin with, before a letter or a word and the process id.
const CGROUP: &str = "shoal-test-";

/// With what a directory of this process begins.
pub(crate) fn prefix() -> String {
    format!("{DIRECTORY}{}.", std::process::id())
}

/// Removes what dead processes left, when this process does so for the first time.
pub(crate) fn once() {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| {
        for dir in left(&std::env::temp_dir(), directory_owner) {
            trace::kill_processes(&dir);
            trace::remove(&dir);
            fs::remove_dir_all(&dir).ok();
        }
        for namespace in left(Path::new("/run/netns"), namespace_owner) {
            run(Command::new("ip").args(["netns", "del"]).args(namespace.file_name()));
        }
        // With version 1 every controller has them; one of them tells of all.
        for hierarchy in ["/sys/fs/cgroup", "/sys/fs/cgroup/pids"] {
            for cgroup in left(Path::new(hierarchy), cgroup_owner) {
                trace::remove_cgroups(&cgroup.file_name().unwrap_or_default().to_string_lossy());
            }
        }
    });
}

/// The entries of `dir` whose owner is dead.
fn left(dir: &Path, owner: fn(&str) -> Option<u32>) -> Vec<PathBuf> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    let owned = entries.filter_map(|entry| Some((owner(entry.file_name().to_str()?)?, entry.path())));
    let dead = owned.filter(|(pid, _)| !Path::new("/proc").join(pid.to_string()).exists());
    dead.map(|(_, path)| path).collect()
}

/// `shoal-test.PID.RANDOM`.
fn directory_owner(name: &str) -> Option<u32> {
    let (pid, _) = name.strip_prefix(DIRECTORY)?.split_once('.')?;
    pid.parse().ok()
}

/// `shPID-NUMBER`.
fn namespace_owner(name: &str) -> Option<u32> {
    let (pid, _) = name.strip_prefix(NAMESPACE)?.split_once('-')?;
    pid.parse().ok()
}

/// `shoal-test-tPID-NUMBER`, `shoal-test-WORD-tPID-NUMBER`, or `shoal-test-PID`.
fn cgroup_owner(name: &str) -> Option<u32> {
    let mut words = name.strip_prefix(CGROUP)?.split('-');
    words.find_map(|word| word.trim_start_matches(|letter: char| letter.is_ascii_lowercase()).parse().ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_tell_their_owner() {
        assert_eq!(directory_owner("shoal-test.12.aB3"), Some(12));
        assert_eq!(directory_owner("shoal-test.aB3"), None);
        assert_eq!(namespace_owner("sh12-0"), Some(12));
        assert_eq!(namespace_owner("shop-1"), None);
        assert_eq!(cgroup_owner("shoal-test-t12-3"), Some(12));
        assert_eq!(cgroup_owner("shoal-test-podman-t12-3"), Some(12));
        assert_eq!(cgroup_owner("shoal-test-12"), Some(12));
        assert_eq!(cgroup_owner("shoal-tests"), None);
    }

    #[test]
    fn only_what_the_dead_left_goes() {
        let dir = tempfile::tempdir().unwrap();
        let mut child = Command::new("true").spawn().unwrap();
        let dead = format!("{DIRECTORY}{}.x", child.id());
        child.wait().unwrap();
        for name in [&dead, &format!("{}x", prefix()), "other"] {
            fs::create_dir(dir.path().join(name)).unwrap();
        }
        assert_eq!(left(dir.path(), directory_owner), [dir.path().join(dead)]);
    }
}
