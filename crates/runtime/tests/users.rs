//! Containers with users of their own. Needs root and busybox-static.

mod bundle;

use std::fs::{self, File};
use std::os::fd::OwnedFd;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::path::Path;

use bundle::Bundle;
use nix::sys::wait::{WaitStatus, waitpid};
use nix::unistd::{ForkResult, fork};
use runtime::oci::{LinuxIdMapping, LinuxIdMappingBuilder, LinuxNamespaceType};
use runtime::{CreateOptions, Gate, Rootfs, Stdio};

const FIRST: u32 = 100_000;
const COUNT: u32 = 65_536;

fn mapping(inside: u32, outside: u32, count: u32) -> LinuxIdMapping {
    LinuxIdMappingBuilder::default().container_id(inside).host_id(outside).size(count).build().unwrap()
}

fn remapped(args: &[&str]) -> Bundle {
    let mut bundle = Bundle::new(args);
    let mapping = mapping(0, FIRST, COUNT);
    bundle.linux().set_uid_mappings(Some(vec![mapping])).set_gid_mappings(Some(vec![mapping]));
    bundle.own(LinuxNamespaceType::User, None);
    // A plain root has to belong to the container's users already.
    bundle.own_root(FIRST);
    bundle
}

/// The layers of an image in an overlay, as the engine has them: owned by the machine's root, behind a door.
fn layers(bundle: &Bundle) -> Rootfs {
    let dir = bundle.dir.path();
    bundle.own_root(0);
    fs::set_permissions(dir, fs::Permissions::from_mode(0o700)).unwrap();
    for name in ["c/upper", "c/work", "top", "place"] {
        fs::create_dir_all(dir.join(name)).unwrap();
    }
    fs::write(dir.join("top/of-www"), "x").unwrap();
    chown(dir.join("top/of-www"), Some(33), Some(34)).unwrap();
    Rootfs::Overlay {
        lowers: vec![dir.join("top"), bundle.rootfs()],
        upper: dir.join("c/upper"),
        work: dir.join("c/work"),
    }
}

/// Runs the bundle on `rootfs` in a process of one thread; its output.
fn run(bundle: &Bundle, rootfs: &Rootfs) -> String {
    let out = bundle.dir.path().join("out");
    let file = || File::create(&out).map(OwnedFd::from).unwrap();
    let life = || {
        let created = runtime::create(
            &bundle.spec,
            CreateOptions {
                id: &bundle.id,
                bundle: &bundle.dir.path().join("place"),
                rootfs,
                user: None,
                stdio: Stdio::Fds { stdin: file(), stdout: file(), stderr: file() },
                init: false,
                die_with_parent: true,
                gate: Gate::Handle,
                extra: runtime::Extra::default(),
                memory: None,
            },
        )?;
        let cgroup = created.cgroup().clone();
        let pid = created.start()?;
        let _ = waitpid(nix::unistd::Pid::from_raw(pid), None);
        cgroup.remove()
    };
    // SAFETY: the child makes a container, says why if it cannot, and ends; it takes no lock that another thread of the
    // test could hold but that of the allocator, which survives a fork.
    match unsafe { fork() }.unwrap() {
        ForkResult::Child => {
            let code = match life() {
                Ok(()) => 0,
                Err(error) => {
                    fs::write(&out, error.to_string()).unwrap();
                    1
                }
            };
            // SAFETY: ends this process without running what the test process has registered.
            unsafe { nix::libc::_exit(code) }
        }
        ForkResult::Parent { child } => {
            let status = waitpid(child, None).unwrap();
            let text = fs::read_to_string(&out).unwrap();
            assert_eq!(status, WaitStatus::Exited(child, 0), "{text}");
            text
        }
    }
}

#[test]
fn what_cannot_be_run_is_said_as_everywhere() {
    for (program, code, words) in
        [("nosuch", 127, "executable file not found in $PATH"), ("/etc", 126, "is a directory")]
    {
        let output = remapped(&[program]).run();
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(output.status.code() == Some(code) && said.contains(words), "{program}: {output:?}");
    }
}

#[test]
fn root_inside_is_nobody_outside() {
    let script = "id -u; cat /proc/self/uid_map; grep CapEff /proc/self/status; hostname; ip -o addr show lo; \
                  echo x > /dev/null && ls -ln /dev/null; mount | grep ' /sys '; ls /proc/1/status";
    let output = remapped(&["sh", "-c", script]).succeed();
    assert!(output.starts_with("0\n"), "{output}");
    assert!(output.contains("100000      65536"), "{output}");
    assert!(output.contains("00000000a80425fb"), "{output}");
    assert!(output.contains("\ninside\n") && output.contains("127.0.0.1/8"), "{output}");
    assert!(output.contains("crw-rw-rw-    1 0        0") && output.contains("sysfs"), "{output}");
}

#[test]
fn the_layers_on_disk_keep_their_owners() {
    let script = "stat -c '%u:%g %n' /bin/busybox /of-www; echo new > /new; echo more >> /of-www; mkdir -p /a/b; \
                  echo x > /tmp/y";
    let bundle = remapped(&["sh", "-c", script]);
    let rootfs = layers(&bundle);
    let output = run(&bundle, &rootfs);
    assert_eq!(output, "0:0 /bin/busybox\n33:34 /of-www\n");
    let upper = bundle.dir.path().join("c/upper");
    for (path, owner) in [("new", 0), ("a/b", 0), ("of-www", 33), ("tmp/y", 0)] {
        assert_eq!(fs::metadata(upper.join(path)).unwrap().uid(), owner, "{path}");
    }
    let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
    assert!(!table.contains(bundle.dir.path().to_str().unwrap()), "{table}");
}

#[test]
fn the_machine_sees_the_shifted_user() {
    let mut bundle = remapped(&["sleep", "60"]);
    bundle.process().user_mut().set_uid(33).set_gid(34);
    assert!(bundle.command("create").status().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    let pid = bundle.pid();
    bundle::eventually("the program runs as its user", || {
        fs::metadata(format!("/proc/{pid}")).unwrap().uid() == FIRST + 33
    });
    let joined = |typ: &str| fs::read_link(format!("/proc/{pid}/ns/{typ}")).unwrap();
    let mut guest = Bundle::new(&["sh", "-c", "ls -l /proc/self/ns; id -u; cat /proc/self/uid_map"]);
    guest.own_root(FIRST);
    for (typ, name) in [
        (LinuxNamespaceType::User, "user"),
        (LinuxNamespaceType::Network, "net"),
        (LinuxNamespaceType::Ipc, "ipc"),
        (LinuxNamespaceType::Pid, "pid"),
    ] {
        guest.own(typ, Some(Path::new(&format!("/proc/{pid}/ns/{name}"))));
    }
    let output = guest.succeed();
    for typ in ["user", "net", "ipc", "pid"] {
        assert!(output.contains(joined(typ).to_str().unwrap()), "{typ}: {output}");
    }
    assert!(output.contains("\n0\n") && output.contains("100000"), "{output}");
}

#[test]
fn the_hosts_network_is_seen_through_the_hosts_sysfs() {
    let mut bundle = remapped(&["sh", "-c", "ls /sys/class/net | wc -l; touch /sys/x 2>&1"]);
    bundle.share(LinuxNamespaceType::Network);
    // Not its own to mount: the host's is bound.
    let output = bundle.run();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("Read-only file system"), "{output:?}");
}

#[test]
fn limits_are_set_from_outside_and_streams_can_be_opened_again() {
    let mut bundle = remapped(&["sh", "-c", "ulimit -Hn; echo again > /proc/self/fd/1"]);
    let limit = runtime::oci::PosixRlimitBuilder::default()
        .typ(runtime::oci::PosixRlimitType::RlimitNofile)
        .soft(500_u64)
        .hard(600_u64)
        .build()
        .unwrap();
    bundle.process().set_rlimits(Some(vec![limit]));
    bundle.process().user_mut().set_uid(33).set_gid(34);
    assert_eq!(bundle.succeed(), "600\nagain\n");
}

#[test]
fn an_additional_process_has_the_same_users_and_its_streams() {
    let bundle = remapped(&["sleep", "60"]);
    assert!(bundle.command("create").status().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    for (user, expected) in [("0:0", "0"), ("33:34", "33")] {
        let mut exec = std::process::Command::new(bundle::program());
        exec.arg("--root").arg(bundle.dir.path().join("state")).args(["exec", "--user", user, &bundle.id]);
        let script = "id -u; cat /proc/self/uid_map; echo again > /proc/self/fd/1";
        let output = exec.args(["sh", "-c", script]).output().unwrap();
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(text.starts_with(&format!("{expected}\n")) && text.contains("100000"), "{output:?}");
        assert!(text.ends_with("again\n"), "{output:?}");
    }
}

#[test]
fn a_container_dies_with_the_one_that_made_it() {
    let bundle = remapped(&["sleep", "1000"]);
    let mut child = bundle.command("run").stdout(std::process::Stdio::null()).spawn().unwrap();
    bundle::eventually("it runs", || bundle.cgroup().processes().is_ok_and(|pids| pids.len() == 1));
    bundle::eventually("it runs its program", || {
        let pid = bundle.cgroup().processes().unwrap()[0];
        fs::read_to_string(format!("/proc/{pid}/comm")).is_ok_and(|name| name == "sleep\n")
    });
    child.kill().unwrap();
    child.wait().unwrap();
    bundle::eventually("it is gone", || bundle.cgroup().processes().is_ok_and(|pids| pids.is_empty()));
}

#[test]
fn a_user_namespace_without_maps_or_root_is_refused() {
    let mut bundle = Bundle::new(&["true"]);
    bundle.own(LinuxNamespaceType::User, None);
    let output = bundle.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("uidMappings"), "{output:?}");
    let mut rootless = remapped(&["true"]);
    rootless.linux().set_uid_mappings(Some(vec![mapping(5, FIRST, 1)]));
    let output = rootless.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("is 0 mapped"), "{output:?}");
    assert!(!rootless.cgroup().exists());
}
