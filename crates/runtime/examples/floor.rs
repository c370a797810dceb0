//! The floor under every container start: what the kernel alone takes for the same sandbox.
//!
//! `floor ROOTFS REPETITIONS` runs `/bin/true` in new pid, mount, network, ipc, uts and cgroup namespaces, in a cgroup
//! of its own under each controller, behind a seccomp filter, with nothing read, checked or written that the kernel does
//! not ask for, and prints the median in microseconds.
#![allow(clippy::print_stdout, reason = "a program whose output is its answer")]

use std::ffi::CString;
use std::fs;
use std::path::{Path, PathBuf};
use std::time::Instant;

use nix::mount::{MntFlags, MsFlags, mount, umount2};
use nix::sched::{CloneFlags, unshare};
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, Pid, chdir, execve, pipe, pivot_root, read, write};

/// Allows everything, in one instruction: the cost of attaching a filter at all.
const ALLOW: libc::sock_filter = libc::sock_filter { code: 0x06, jt: 0, jf: 0, k: libc::SECCOMP_RET_ALLOW };

fn main() {
    let mut args = std::env::args().skip(1);
    let root = PathBuf::from(args.next().expect("usage: floor ROOTFS REPETITIONS"));
    let count: usize =
        args.next().and_then(|count| count.parse().ok()).expect("usage: floor ROOTFS REPETITIONS");
    let groups = groups();
    let mut times: Vec<u128> = (0..count.max(1))
        .map(|_| {
            let began = Instant::now();
            one(&root, &groups);
            began.elapsed().as_micros()
        })
        .collect();
    times.sort_unstable();
    println!("{}", times[times.len() / 2]);
}

/// The directories to make: one per controller of version 1, or one in the hierarchy of version 2.
fn groups() -> Vec<PathBuf> {
    let name = format!("floor-{}", std::process::id());
    let base = Path::new("/sys/fs/cgroup");
    if base.join("cgroup.controllers").exists() {
        return vec![base.join(name)];
    }
    let controllers = fs::read_dir(base).expect("cgroups").flatten().map(|entry| entry.path());
    // Links name controllers that are mounted together a second time.
    let real = controllers.filter(|path| path.is_dir() && !path.is_symlink());
    // A cpuset wants its processors and memory written before anything may enter.
    real.filter(|path| !path.ends_with("cpuset") && !path.ends_with("unified"))
        .map(|path| path.join(&name))
        .collect()
}

fn one(root: &Path, groups: &[PathBuf]) {
    for group in groups {
        fs::create_dir(group).expect("a cgroup");
    }
    let (gate_read, gate_write) = pipe().expect("a pipe");
    let flags =
        libc::CLONE_NEWPID | libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWIPC | libc::CLONE_NEWUTS;
    match clone(flags) {
        ForkResult::Child => {
            let _ = read(&gate_read, &mut [0]);
            child(root);
        }
        ForkResult::Parent { child } => {
            for group in groups {
                fs::write(group.join("cgroup.procs"), child.to_string()).expect("enter the cgroup");
            }
            write(&gate_write, b".").expect("open the gate");
            assert!(matches!(waitpid(child, None), Ok(WaitStatus::Exited(_, 0))), "the container failed");
        }
    }
    for group in groups {
        fs::remove_dir(group).expect("remove the cgroup");
    }
}

/// As fork(2), into new namespaces.
fn clone(flags: i32) -> ForkResult {
    // SAFETY: all zero is a valid clone_args; what is not set below means nothing.
    let mut arguments: libc::clone_args = unsafe { std::mem::zeroed() };
    arguments.flags = u64::from(flags.cast_unsigned());
    arguments.exit_signal = u64::from(libc::SIGCHLD.cast_unsigned());
    // SAFETY: without CLONE_VM the child is a copy of this single-threaded process, as after fork.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut arguments, size_of::<libc::clone_args>()) };
    match pid {
        0 => ForkResult::Child,
        1.. => ForkResult::Parent { child: Pid::from_raw(i32::try_from(pid).expect("a pid")) },
        _ => panic!("clone3: {}", std::io::Error::last_os_error()),
    }
}

fn child(root: &Path) -> ! {
    unshare(CloneFlags::CLONE_NEWCGROUP).expect("a cgroup namespace");
    let none: Option<&str> = None;
    mount(none, "/", none, MsFlags::MS_REC | MsFlags::MS_SLAVE, none).expect("/ is a slave");
    mount(Some(root), root, none, MsFlags::MS_BIND, none).expect("the root is a mount");
    chdir(root).expect("enter the root");
    pivot_root(".", ".").expect("change the root");
    umount2(".", MntFlags::MNT_DETACH).expect("let go of the host");
    filter();
    let program = CString::new("/bin/true").expect("a path");
    let environment: [CString; 0] = [];
    let error = execve(&program, &[&program], &environment).expect_err("exec returned");
    panic!("/bin/true: {error}");
}

fn filter() {
    let mut rules = [ALLOW];
    let program = libc::sock_fprog { len: 1, filter: rules.as_mut_ptr() };
    // SAFETY: prctl reads the program, which outlives the call; no_new_privs makes the filter permitted.
    let done = unsafe {
        libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0
            && libc::prctl(libc::PR_SET_SECCOMP, libc::SECCOMP_MODE_FILTER, &raw const program) == 0
    };
    assert!(done, "seccomp: {}", std::io::Error::last_os_error());
}
