//! What a daemon may leave in the kernel when a test fails, and its removal.

use std::fs;
use std::path::Path;
use std::process::Command;

use crate::program::run;

/// Removes what names the daemon of the directory `dir`: mounts below it, its cgroups, its bridge and its
/// rule table. Does nothing that another daemon could notice.
pub fn remove(dir: &Path) {
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
    run(Command::new("ip").args(["link", "del", &name]));
    run(Command::new("nft").args(["delete", "table", "ip", &name]));
    run(Command::new("nft").args(["delete", "table", "inet", &name]));
}

/// The daemon's name on the machine, from its id file.
fn name(dir: &Path) -> Option<String> {
    const DIGITS: usize = 6;
    let id = fs::read_to_string(dir.join("data/id")).ok()?;
    Some(format!("shoal{}", id.get(..DIGITS)?))
}
