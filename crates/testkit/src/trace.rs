//! What a daemon may leave in the kernel when a test fails, and its removal.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::run;

/// Removes what names the daemon of the directory `dir`: mounts below it, its cgroups, its bridge and its
/// rule table. Does nothing that another daemon could notice.
pub(crate) fn remove(dir: &Path) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below: Vec<&str> = mounts
        .lines()
        .filter_map(|line| line.split(' ').nth(1))
        .filter(|path| Path::new(path).starts_with(dir))
        .collect();
    for path in below.iter().rev() {
        run(Command::new("umount").args(["-l", path]));
    }
    let Some(name) = name(dir) else { return };
    // One directory per controller of version 1; with version 2 alone, the root itself.
    let controllers =
        fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    for root in controllers.chain([Path::new("/sys/fs/cgroup").to_path_buf()]) {
        remove_cgroups(&root.join(&name));
    }
    run(Command::new("ip").args(["link", "del", &name]));
    run(Command::new("nft").args(["delete", "table", "ip", &name]));
    run(Command::new("nft").args(["delete", "table", "inet", &name]));
}

/// Removes a cgroup and those below it, as far as they are empty.
fn remove_cgroups(dir: &Path) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        if entry.path().is_dir() {
            remove_cgroups(&entry.path());
        }
    }
    // What does not exist, or is in use, stays as it is.
    fs::remove_dir(dir).ok();
}

/// The daemon's name on the machine, from its id file.
fn name(dir: &Path) -> Option<String> {
    const DIGITS: usize = 6;
    let id = fs::read_to_string(dir.join("data/id")).ok()?;
    Some(format!("shoal{}", id.get(..DIGITS)?))
}
