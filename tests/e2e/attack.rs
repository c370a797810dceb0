//! Attacks on the daemon and its programs that need nothing but what any container, image or local user may do.
//!
//! Each test tries the attack. Those on mounts and masked paths are beside the runtime, those on copying beside `archive`.

use std::collections::BTreeSet;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::os::unix::process::CommandExt;
use std::process::Command;

use testkit::program::{programs, run};
use testkit::{Daemon, eventually};

/// A user and group without rights.
const NOBODY: u32 = 65534;

/// CVE-2024-25621: what containers write, and the sockets of their shims, are root's alone.
#[test]
fn a_local_user_sees_nothing() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon.docker(&["run", "-d", "--name", "one", "-v", "/data", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["exec", "one", "true"]).ok();
    // The test's own directory does not protect it.
    fs::set_permissions(daemon.path(""), fs::Permissions::from_mode(0o755)).unwrap();
    for root in ["data", "exec"] {
        let mut find = Command::new("find");
        find.arg(daemon.path(root)).args(["-mindepth", "1"]).uid(NOBODY).gid(NOBODY);
        let seen = run(&mut find).out;
        // A name may be seen where a way must lead through; what has it may not be opened.
        let open = seen.lines().filter(|path| {
            let mut cat = Command::new("head");
            run(cat.args(["-c", "1", path]).uid(NOBODY).gid(NOBODY)).code == 0
        });
        assert_eq!(open.collect::<Vec<_>>(), Vec::<&str>::new(), "of {seen}");
    }
    let mut talk = daemon.command(&["ps"]);
    assert_ne!(run(talk.uid(NOBODY).gid(NOBODY)).code, 0, "the API is not for everybody");
}

/// CVE-2020-15257: sockets without a path are everybody's who shares the network namespace.
#[test]
fn no_socket_is_in_the_abstract_namespace() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon.docker(&["run", "-d", "--net", "host", "-p", "80", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["run", "-d", "-p", "80", "shoal/hello-http"]).ok();
    let listed = fs::read_to_string("/proc/net/unix").unwrap();
    let nameless: BTreeSet<&str> = listed
        .lines()
        .filter(|line| line.split_whitespace().nth(7).is_some_and(|path| path.starts_with('@')))
        .filter_map(|line| line.split_whitespace().nth(6))
        .collect();
    for pid in daemon.processes() {
        for entry in fs::read_dir(format!("/proc/{pid}/fd")).into_iter().flatten().flatten() {
            let target = fs::read_link(entry.path()).unwrap_or_default().display().to_string();
            let inode = target.strip_prefix("socket:[").and_then(|rest| rest.strip_suffix(']'));
            assert!(
                !inode.is_some_and(|inode| nameless.contains(inode)),
                "process {pid} has an abstract socket"
            );
        }
    }
}

/// CVE-2019-5736: root in a container writes to the program that put it there.
#[test]
fn no_program_of_ours_can_be_written_from_inside() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    let shim = programs().join("shoal-shim");
    let before = (fs::read(&shim).unwrap(), fs::metadata(&shim).unwrap().ino());
    let overwrite = "while :; do for exe in /proc/[0-9]*/exe; do \
         case $(readlink $exe) in */busybox|'') ;; *) echo evil 2>/dev/null > $exe && echo done;; esac; done; done";
    daemon.docker(&["run", "-d", "--name", "evil", "busybox", "sh", "-c", overwrite]).ok();
    for _ in 0..20 {
        daemon.docker(&["exec", "evil", "true"]).ok();
        // The program that is asked for is the one that asks.
        daemon.docker(&["exec", "evil", "/proc/self/exe"]);
    }
    daemon.docker(&["run", "--rm", "--entrypoint", "/proc/self/exe", "busybox", "--help"]);
    assert_eq!(daemon.docker(&["logs", "evil"]).ok(), "", "something was written");
    assert!(before == (fs::read(&shim).unwrap(), fs::metadata(&shim).unwrap().ino()), "the shim is another");
}

/// CVE-2024-21626: a working directory that is a descriptor somebody forgot to close.
#[test]
fn a_working_directory_leads_nowhere_outside() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    let canary = daemon.path("canary");
    fs::write(&canary, "the host's").unwrap();
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    // From any directory of the host's, up and down again.
    let read = format!("cat ../../../../../../../..{}", canary.display());
    for number in 3..16 {
        let dir = format!("/proc/self/fd/{number}");
        for said in [
            daemon.docker(&["run", "--rm", "-w", &dir, "busybox", "sh", "-c", &read]),
            daemon.docker(&["exec", "-w", &dir, "one", "sh", "-c", &read]),
        ] {
            assert_ne!(said.code, 0, "{dir}");
            assert!(!said.out.contains("the host's"), "{dir}");
        }
    }
}

/// CVE-2024-40635: a number that is too large is not root's.
#[test]
fn a_user_beyond_the_numbers_is_an_error() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    for user in [
        "4294967296",
        "4294967295",
        "2147483648",
        "18446744073709551616",
        "-1",
        "0x0",
        "1:4294967296",
        "1:-1",
    ] {
        let run = daemon.docker(&["run", "--rm", "-u", user, "busybox", "id"]);
        assert!(run.code != 0 && run.out.is_empty(), "{user}: {}", run.out);
        let exec = daemon.docker(&["exec", "-u", user, "one", "id"]);
        assert!(exec.code != 0 && !exec.out.contains("uid="), "{user}: {}", exec.out);
    }
}

/// An exec that comes while the container goes finds it or does not, and leaves nothing either way.
#[test]
fn exec_races_the_end() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    let before = daemon.traces();
    for _ in 0..15 {
        daemon.docker(&["run", "-d", "--rm", "--name", "brief", "busybox", "sleep", "0.1"]).ok();
        let results: Vec<_> = std::thread::scope(|scope| {
            let execs: Vec<_> =
                (0..3).map(|_| scope.spawn(|| daemon.docker(&["exec", "brief", "sleep", "5"]))).collect();
            execs.into_iter().map(|exec| exec.join().unwrap()).collect()
        });
        for said in results {
            let words =
                ["is not running", "No such container", "No such exec", "received 409", "received 404"];
            // What is wrong is told before the streams begin, or, as Docker does, in their place.
            let told = format!("{}{}", said.out, said.err);
            let ended = said.code == 137 || words.iter().any(|word| told.contains(word));
            assert!(ended, "exit code {}: {told}", said.code);
        }
        eventually("the container is gone", || {
            let listed = daemon.docker(&["ps", "-aq"]).ok();
            if listed.is_empty() { Ok(()) } else { Err(listed) }
        });
    }
    eventually("nothing is left", || {
        let left: Vec<_> = daemon.traces().difference(&before).cloned().collect();
        // The first container brings the bridge and its rules, which stay while the daemon does.
        let left: Vec<_> = left.into_iter().filter(|trace| !trace.starts_with("rule")).collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:#?}")) }
    });
}
