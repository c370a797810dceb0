//! criu's command lines. Pure.

use std::ffi::OsString;
use std::os::fd::RawFd;
use std::path::Path;

use super::{Descriptors, External};

/// The name of the network namespace in criu's files.
const NETWORK: &str = "shoal-network";
/// Seconds in which all processes have to be stopped.
const STOP_LIMIT: &str = "10";

/// What is frozen, and how.
pub(super) struct Dumping<'a> {
    pub(super) pid: i32,
    /// Where to.
    pub(super) images: &'a Path,
    pub(super) log: &'a str,
    /// The container's own network namespace, by its inode; the engine makes it anew.
    pub(super) network: Option<u64>,
    pub(super) external: &'a [External],
    pub(super) leave_running: bool,
}

/// What is brought back, and how.
pub(super) struct Bringing<'a> {
    pub(super) images: &'a Path,
    /// The container's directory: for criu's log and the number of the first process.
    pub(super) work: &'a Path,
    pub(super) log: &'a str,
    pub(super) pid_file: &'a str,
    pub(super) root: &'a Path,
    /// The network namespace, open.
    pub(super) network: Option<RawFd>,
    /// What to put in place of the streams that the processes had.
    pub(super) streams: [RawFd; 3],
    pub(super) descriptors: &'a Descriptors,
    pub(super) external: &'a [External],
    /// The container has the address that it had: its connections may go on.
    pub(super) same_address: bool,
}

/// `criu dump …`.
pub(super) fn dump(dumping: &Dumping<'_>) -> Vec<OsString> {
    let mut arguments = common("dump");
    arguments.extend([
        "--tree".into(),
        dumping.pid.to_string().into(),
        "--timeout".into(),
        STOP_LIMIT.into(),
    ]);
    arguments.extend(["--images-dir".into(), dumping.images.into(), "--log-file".into(), dumping.log.into()]);
    if let Some(inode) = dumping.network {
        // Connections are held still while they are read, by a rule in the container's own network namespace.
        arguments.extend(["--tcp-established".into(), "--network-lock".into(), "nftables".into()]);
        arguments.extend(["--external".into(), format!("net[{inode}]:{NETWORK}").into()]);
    }
    for mount in dumping.external {
        arguments.extend(["--external".into(), pair(&mount.at, &mount.destination)]);
    }
    if dumping.leave_running {
        arguments.push("--leave-running".into());
    }
    arguments
}

/// `criu restore …`.
pub(super) fn restore(bringing: &Bringing<'_>) -> Vec<OsString> {
    let mut arguments = common("restore");
    arguments.extend([
        "--images-dir".into(),
        bringing.images.into(),
        "--work-dir".into(),
        bringing.work.into(),
    ]);
    arguments.extend([
        "--log-file".into(),
        bringing.log.into(),
        "--pidfile".into(),
        bringing.pid_file.into(),
    ]);
    // A child of ours and not of criu's: the kernel ends it with its parent.
    arguments.extend(["--restore-detached".into(), "--restore-sibling".into()]);
    arguments.extend(["--root".into(), bringing.root.into()]);
    let connections = if bringing.same_address { "--tcp-established" } else { "--tcp-close" };
    arguments.push(connections.into());
    if let Some(fd) = bringing.network {
        arguments.extend(["--inherit-fd".into(), format!("fd[{fd}]:{NETWORK}").into()]);
    }
    let had = &bringing.descriptors;
    for (pipe, fd) in [had.stdin, had.stdout, had.stderr].iter().zip(bringing.streams) {
        if let Some(inode) = pipe {
            arguments.extend(["--inherit-fd".into(), format!("fd[{fd}]:pipe:[{inode}]").into()]);
        }
    }
    for mount in bringing.external {
        arguments.extend(["--external".into(), pair(&mount.destination, &mount.at)]);
    }
    arguments
}

/// What both have to know in the same way.
fn common(verb: &str) -> Vec<OsString> {
    // The cgroup is ours to make, and the processes are put into it by us.
    [verb, "--no-default-config", "--manage-cgroups=ignore", "--file-locks"].map(OsString::from).to_vec()
}

fn pair(first: &Path, second: &Path) -> OsString {
    let mut text = OsString::from("mnt[");
    text.push(first);
    text.push("]:");
    text.push(second);
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    fn external(destination: &str, at: &str) -> External {
        External { destination: destination.into(), at: at.into() }
    }

    fn joined(arguments: &[OsString]) -> String {
        arguments.iter().map(|argument| argument.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn a_dump_names_what_comes_from_outside() {
        let external = [external("/var/run/x", "/run/x")];
        let mut dumping = Dumping {
            pid: 7,
            images: Path::new("/c/images"),
            log: "dump.log",
            network: Some(9),
            external: &external,
            leave_running: false,
        };
        let common = "dump --no-default-config --manage-cgroups=ignore --file-locks --tree 7 --timeout 10 \
                      --images-dir /c/images --log-file dump.log";
        let mount = "--external mnt[/run/x]:/var/run/x";
        assert_eq!(
            joined(&dump(&dumping)),
            format!(
                "{common} --tcp-established --network-lock nftables --external net[9]:shoal-network {mount}"
            )
        );
        // The machine's own network is neither stopped nor made again.
        dumping.network = None;
        dumping.leave_running = true;
        assert_eq!(joined(&dump(&dumping)), format!("{common} {mount} --leave-running"));
    }

    #[test]
    fn a_restore_puts_our_own_in_its_place() {
        let external = [external("/data", "/srv/data")];
        let descriptors = Descriptors { stdin: None, stdout: Some(41), stderr: Some(42) };
        let mut bringing = Bringing {
            images: Path::new("/c/images"),
            work: Path::new("/run/c"),
            log: "restore.log",
            pid_file: "restored.pid",
            root: Path::new("/run/c/rootfs"),
            network: Some(5),
            streams: [6, 7, 8],
            descriptors: &descriptors,
            external: &external,
            same_address: true,
        };
        let said = joined(&restore(&bringing));
        assert_eq!(
            said,
            "restore --no-default-config --manage-cgroups=ignore --file-locks --images-dir /c/images \
             --work-dir /run/c --log-file restore.log --pidfile restored.pid --restore-detached --restore-sibling \
             --root /run/c/rootfs --tcp-established --inherit-fd fd[5]:shoal-network \
             --inherit-fd fd[7]:pipe:[41] --inherit-fd fd[8]:pipe:[42] --external mnt[/data]:/srv/data"
        );
        bringing.network = None;
        bringing.same_address = false;
        let said = joined(&restore(&bringing));
        assert!(said.contains("--tcp-close") && !said.contains("shoal-network"), "{said}");
    }
}
