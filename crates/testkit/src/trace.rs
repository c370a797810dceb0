//! What a daemon makes on disk and in the kernel: listed, to be compared, and removed when a test failed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;

use nix::fcntl::{Flock, FlockArg};

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

/// Everything that belongs to the daemon of the directory `dir`, a line for each thing. The link and rule tables are
/// those of the network namespace that it runs in. Contents of files, counters and process ids are left out.
pub(crate) fn all(dir: &Path, namespace: Option<&str>) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for root in ["data", "exec"] {
        files(&dir.join(root), &mut |path| {
            all.insert(format!("file {}", path.display()));
        });
    }
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let below = mounts.lines().filter(|line| line.contains(&dir.display().to_string()));
    all.extend(below.map(|line| format!("mount {line}")));
    all.extend(processes(dir));
    let Some(name) = name(dir) else { return all };
    for controller in fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten() {
        // With version 2 alone, the daemon's directory is among those listed.
        let root = if controller.file_name() == name.as_str() {
            controller.path()
        } else {
            controller.path().join(&name)
        };
        files(&root, &mut |path| {
            if path.is_dir() {
                all.insert(format!("cgroup {}", path.display()));
            }
        });
    }
    let inside = |words: &[&str]| {
        let mut command = match namespace {
            None => Command::new(words[0]),
            Some(namespace) => {
                let mut command = Command::new("nsenter");
                command.arg(format!("--net=/run/netns/{namespace}")).arg("--").arg(words[0]);
                command
            }
        };
        run(command.args(&words[1..])).out
    };
    let links = inside(&["ip", "-o", "link", "show", "master", &name]);
    all.extend(
        links.lines().filter_map(|line| line.split_whitespace().nth(1)).map(|link| format!("link {link}")),
    );
    let rules = inside(&["nft", "list", "tables"]);
    for table in rules.lines().filter(|line| line.ends_with(&format!(" {name}"))) {
        let words: Vec<&str> = table.split_whitespace().collect();
        let listed = inside(&[&["nft", "list"], words.as_slice()].concat());
        all.extend(listed.lines().map(|line| format!("rule {}", line.trim())));
    }
    all
}

/// Reads the count of crash points and ends it: whoever has the file open already counts no more.
pub(crate) fn take_count(path: &Path) -> String {
    let Ok(file) = fs::File::options().read(true).write(true).open(path) else { return String::new() };
    let Ok(mut file) = Flock::lock(file, FlockArg::LockExclusive) else { return String::new() };
    let mut said = String::new();
    file.read_to_string(&mut said).expect("the count of crash points");
    file.set_len(0).expect("the count of crash points");
    fs::remove_file(path).ok();
    said
}

/// The command lines that name the directory.
fn processes(dir: &Path) -> BTreeSet<String> {
    let name = dir.display().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let lines = entries.filter_map(|entry| fs::read(entry.path().join("cmdline")).ok());
    let words = lines.map(|line| String::from_utf8_lossy(&line).replace('\0', " "));
    words.filter(|line| line.contains(&name)).map(|line| format!("process {line}")).collect()
}

/// Shows `each` everything below `dir`, but not the way into the layers, which the digest in their name stands for.
fn files(dir: &Path, each: &mut dyn FnMut(PathBuf)) {
    for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
        each(entry.path());
        let is_dir = entry.file_type().is_ok_and(|kind| kind.is_dir());
        if is_dir && !entry.path().ends_with("diff") {
            files(&entry.path(), each);
        }
    }
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
