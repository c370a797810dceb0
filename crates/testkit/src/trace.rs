//! What a daemon makes on disk and in the kernel: listed, to be compared, and removed when a test failed.

use std::collections::BTreeSet;
use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::{Duration, Instant};

use nix::fcntl::{Flock, FlockArg};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::program::run;

/// How long killed processes may stay in their cgroup.
const DYING: Duration = Duration::from_secs(2);
/// The links that a machine of a [`crate::Lan`] has before any daemon runs on it.
pub(crate) const OWN_LINKS: [&str; 2] = ["lo", "eth0"];
/// What the mount of a daemon's own disk names as its device. No daemon made it, and it outlives the loss of the machine.
pub(crate) const DISK: &str = "shoal-test-disk";
/// Time between two attempts to remove it.
const POLL: Duration = Duration::from_millis(10);

/// Removes what names the daemon of the directory `dir`: mounts below it, its cgroups, its bridge and its
/// rule table. Does nothing that another daemon could notice.
pub(crate) fn remove(dir: &Path) {
    remove_but_disk(dir);
    unmount(dir, |_| true);
}

/// The same, but its disk stays.
pub(crate) fn remove_but_disk(dir: &Path) {
    unmount(dir, |device| device != DISK);
    let Some(name) = name(dir) else { return };
    remove_cgroups(&name);
    run(Command::new("ip").args(["link", "del", &name]));
    run(Command::new("nft").args(["delete", "table", "ip", &name]));
    run(Command::new("nft").args(["delete", "table", "inet", &name]));
}

/// Unmounts what is mounted below `dir` from such devices, the last first.
fn unmount(dir: &Path, from: impl Fn(&str) -> bool) {
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounts = mounts.lines().filter_map(|line| {
        let mut words = line.split(' ');
        words.next().zip(words.next())
    });
    let below: Vec<&str> = mounts
        .filter(|(device, path)| from(device) && Path::new(path).starts_with(dir))
        .map(|(_, path)| path)
        .collect();
    for path in below.iter().rev() {
        run(Command::new("umount").args(["-l", path]));
    }
}

/// Removes what is in the namespace of a machine that has lost its memory: all rules, and all links but its own.
pub(crate) fn strip(namespace: &str) {
    crate::namespace::inside(namespace, || {
        run(Command::new("nft").args(["flush", "ruleset"]));
        let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
        let links = devices.lines().filter_map(|line| line.split_once(':')).map(|(link, _)| link.trim());
        for link in links.filter(|link| !OWN_LINKS.contains(link)) {
            run(Command::new("ip").args(["link", "del", link]));
        }
    });
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
    let mounts = mounts.lines().filter(|line| !line.starts_with(DISK));
    let below = mounts.filter(|line| line.contains(&dir.display().to_string()));
    all.extend(below.map(|line| format!("mount {line}")));
    all.extend(processes(dir).into_iter().map(|(_, line)| format!("process {line}")));
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
    match namespace {
        // Everything in it is the daemon's.
        Some(namespace) => crate::namespace::inside(namespace, || {
            let devices = fs::read_to_string("/proc/thread-self/net/dev").unwrap_or_default();
            let links = devices.lines().filter_map(|line| line.split_once(':'));
            all.extend(links.map(|(link, _)| format!("link {}", link.trim())));
            rules(&["list", "ruleset"], &mut all);
        }),
        None => {
            let ports = fs::read_dir(Path::new("/sys/class/net").join(&name).join("brif"));
            let ports = ports.into_iter().flatten().flatten();
            all.extend(ports.map(|port| format!("link {}", port.file_name().display())));
            let tables = run(Command::new("nft").args(["list", "tables"])).out;
            for table in tables.lines().filter(|line| line.ends_with(&format!(" {name}"))) {
                let words: Vec<&str> = table.split_whitespace().collect();
                rules(&[&["list"], words.as_slice()].concat(), &mut all);
            }
        }
    }
    all
}

/// Adds the lines that `nft` gives for these words.
fn rules(words: &[&str], all: &mut BTreeSet<String>) {
    let listed = run(Command::new("nft").args(words)).out;
    all.extend(listed.lines().map(|line| format!("rule {}", line.trim())));
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

/// The processes that name the directory on their command line, and the line.
pub(crate) fn processes(dir: &Path) -> Vec<(i32, String)> {
    let name = dir.display().to_string();
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    let numbered =
        entries.filter_map(|entry| Some((entry.file_name().to_str()?.parse().ok()?, entry.path())));
    let lines = numbered.filter_map(|(pid, path)| {
        let line = fs::read(path.join("cmdline")).ok()?;
        Some((pid, String::from_utf8_lossy(&line).replace('\0', " ")))
    });
    lines.filter(|(_, line)| line.contains(&name)).collect()
}

/// Kills those of them that there are now.
pub(crate) fn kill_processes(dir: &Path) {
    for (pid, _) in processes(dir) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
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

/// Removes the cgroup of this name in every hierarchy, and kills what is in it.
pub(crate) fn remove_cgroups(name: &str) {
    // One directory per controller of version 1; with version 2 alone, the root itself.
    let controllers =
        fs::read_dir("/sys/fs/cgroup").into_iter().flatten().flatten().map(|entry| entry.path());
    let roots = controllers.chain([PathBuf::from("/sys/fs/cgroup")]).map(|root| root.join(name));
    let began = Instant::now();
    for root in roots {
        while root.exists() && !remove_cgroup(&root) && began.elapsed() < DYING {
            std::thread::sleep(POLL);
        }
    }
}

/// Kills what is in a cgroup and those below it, and removes them as far as they are empty; whether it is gone.
fn remove_cgroup(dir: &Path) -> bool {
    // With version 1, who is frozen does not die. Not every hierarchy has the file.
    fs::write(dir.join("freezer.state"), "THAWED").ok();
    let inside = fs::read_to_string(dir.join("cgroup.procs")).unwrap_or_default();
    for pid in inside.lines().filter_map(|line| line.parse().ok()) {
        kill(Pid::from_raw(pid), Signal::SIGKILL).ok();
    }
    let below = fs::read_dir(dir).into_iter().flatten().flatten();
    for entry in below.filter(|entry| entry.file_type().is_ok_and(|kind| kind.is_dir())) {
        remove_cgroup(&entry.path());
    }
    fs::remove_dir(dir).is_ok() || !dir.exists()
}

/// The daemon's name on the machine, from its id file.
pub(crate) fn name(dir: &Path) -> Option<String> {
    const DIGITS: usize = 6;
    let id = fs::read_to_string(dir.join("data/id")).ok()?;
    Some(format!("shoal{}", id.get(..DIGITS)?))
}
