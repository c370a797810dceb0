//! Attacks that need more than an image: races, look-alikes, and processes that look at the runtime from inside. Each
//! tries the attack. Needs root and busybox-static.

mod bundle;

use std::fs;
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};

use bundle::Bundle;
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};
use runtime::oci::{Capability, Mount};

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

fn exchange(one: &Path, other: &Path) {
    renameat2(AT_FDCWD, one, AT_FDCWD, other, RenameFlags::RENAME_EXCHANGE).unwrap();
}

#[test]
fn a_mount_point_that_is_swapped_for_a_link_never_leads_to_the_host() {
    const ROUNDS: usize = 25;
    let mut bundle = Bundle::new(&["true"]);
    let bait = bundle.dir.path().join("bait");
    fs::create_dir(&bait).unwrap();
    let (place, trap) = (bundle.rootfs().join("place"), bundle.rootfs().join("trap"));
    fs::create_dir(&place).unwrap();
    // Upwards out of the root, and by the host's own path.
    symlink(format!("../../../../../../../..{}", bait.display()), &trap).unwrap();
    let source = bundle.dir.path().join("source");
    fs::create_dir(&source).unwrap();
    for (typ, destination) in [("bind", "/place/bind/deep"), ("tmpfs", "/place/tmpfs/deep")] {
        let mut mount = Mount::default();
        mount
            .set_destination(destination.into())
            .set_typ(Some(typ.to_owned()))
            .set_source(Some(source.clone()))
            .set_options(Some(vec!["rw".to_owned()]));
        bundle.spec.mounts_mut().as_mut().unwrap().push(mount);
    }
    let stop = AtomicBool::new(false);
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !stop.load(Ordering::Relaxed) {
                exchange(&place, &trap);
            }
        });
        for _ in 0..ROUNDS {
            // Either way: it is made inside, or refused.
            bundle.run();
            if !is_empty(&bait) {
                break;
            }
        }
        stop.store(true, Ordering::Relaxed);
    });
    assert!(is_empty(&bait), "a mount point was made on the host");
    assert!(is_empty(&source));
}

#[test]
fn a_console_that_is_a_link_is_refused() {
    for target in ["bait", "../../bait"] {
        let mut bundle = Bundle::new(&["true"]);
        bundle.process().set_terminal(Some(true));
        let mounts = bundle.spec.mounts_mut().as_mut().unwrap();
        mounts.retain(|mount| mount.destination() != Path::new("/dev"));
        let bait = bundle.dir.path().join("bait");
        fs::write(&bait, "untouched").unwrap();
        let dev = bundle.rootfs().join("dev");
        fs::create_dir(&dev).unwrap();
        let link = if target == "bait" { bait.clone() } else { target.into() };
        symlink(link, dev.join("console")).unwrap();
        let path = bundle.dir.path().join("console.sock");
        let _listener = UnixListener::bind(&path).unwrap();
        let output = bundle.command("create").arg("--console-socket").arg(&path).output().unwrap();
        assert!(!output.status.success(), "{output:?}");
        assert_eq!(fs::read_to_string(&bait).unwrap(), "untouched");
        assert!(!bundle.cgroup().exists());
    }
}

#[test]
fn kernel_parameters_are_written_to_the_kernel_and_not_to_a_look_alike() {
    let mut bundle = Bundle::new(&["true"]);
    let fake = bundle.rootfs().join("proc/sys/net/ipv4");
    fs::create_dir_all(&fake).unwrap();
    let name = "ip_unprivileged_port_start";
    fs::write(fake.join(name), "fake").unwrap();
    bundle.spec.mounts_mut().as_mut().unwrap().retain(|mount| mount.destination() != Path::new("/proc"));
    bundle.linux().set_masked_paths(None).set_readonly_paths(None);
    let sysctl = [(format!("net.ipv4.{name}"), "77".to_owned())];
    bundle.linux().set_sysctl(Some(sysctl.into_iter().collect()));
    bundle.succeed();
    assert_eq!(fs::read_to_string(fake.join(name)).unwrap(), "fake");
    // With the kernel's own over it, it is seen there.
    let mut bundle = Bundle::new(&["cat", &format!("/proc/sys/net/ipv4/{name}")]);
    let sysctl = [(format!("net.ipv4.{name}"), "77".to_owned())];
    bundle.linux().set_sysctl(Some(sysctl.into_iter().collect()));
    assert_eq!(bundle.succeed(), "77\n");
}

#[test]
fn working_directories_that_are_open_descriptors_lead_nowhere() {
    for number in (3..10).map(|fd| format!("/proc/self/fd/{fd}")).chain(["/proc/1/root/../..".to_owned()]) {
        let mut bundle = Bundle::new(&["cat", "etc/hostname", "../../../../etc/machine-id"]);
        bundle.process().set_cwd(number.clone().into());
        let output = bundle.run();
        assert!(!output.status.success() && output.stdout.is_empty(), "{number}: {output:?}");
    }
}

#[test]
fn the_runtimes_own_binary_cannot_be_written_from_inside() {
    const ROUNDS: usize = 10;
    // Opens the binary of every process that comes in from outside, keeps it, and writes when the process is gone.
    let script = "while [ ! -e /tmp/stop ]; do for p in /proc/[0-9]*; do case $(readlink $p/exe) in \
                  */busybox|'') continue;; esac; echo seen >> /tmp/seen; ( exec 9<>$p/exe && echo open >> /tmp/won ) 2>/dev/null; \
                  ( exec 9<$p/exe; while [ -e $p ]; do :; done; echo x > /proc/self/fd/9 && echo wrote >> /tmp/won ) 2>/dev/null & \
                  done; done";
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    // As much as a container can have: with the capability to trace, nothing of another process is out of sight.
    bundle.linux().set_seccomp(None).set_masked_paths(None).set_readonly_paths(None);
    let mut capabilities = runtime::default::capabilities();
    capabilities.extend([Capability::SysPtrace, Capability::SysAdmin, Capability::DacReadSearch]);
    bundle.process().set_capabilities(Some(runtime::default::capability_sets(&capabilities)));
    let binary = Path::new(env!("CARGO_BIN_EXE_shoal-runtime"));
    let before = fs::read(binary).unwrap();
    assert!(bundle.command("create").status().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    for _ in 0..ROUNDS {
        let mut exec = bundle.command("exec");
        assert!(exec.args(["sh", "-c", "true"]).status().unwrap().success());
    }
    bundle::eventually("the attacker has seen the runtime", || bundle.rootfs().join("tmp/seen").exists());
    fs::write(bundle.rootfs().join("tmp/stop"), "").unwrap();
    assert!(bundle.command("delete").arg("--force").status().unwrap().success());
    assert!(
        !bundle.rootfs().join("tmp/won").exists(),
        "the container has opened the runtime's binary for writing"
    );
    assert!(fs::read(binary).unwrap() == before, "the runtime's binary has changed");
}

#[test]
fn nothing_listens_in_the_abstract_namespace() {
    let bundle = Bundle::new(&["sleep", "60"]);
    assert!(bundle.command("create").status().unwrap().success());
    let sockets = fs::read_to_string(format!("/proc/{}/net/unix", std::process::id())).unwrap();
    let directory = bundle.dir.path().to_str().unwrap();
    let ours: Vec<&str> =
        sockets.lines().filter(|line| line.contains(&bundle.id) || line.contains(directory)).collect();
    assert!(ours.iter().all(|line| !line.contains(" @")), "{ours:?}");
    let inside = fs::read_to_string(format!("/proc/{}/net/unix", bundle.pid())).unwrap();
    assert!(!inside.contains(" @"), "{inside}");
}
