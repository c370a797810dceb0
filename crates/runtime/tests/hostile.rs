//! Images that try to reach the host while their container is being made. Needs root and busybox-static.

mod bundle;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;

use bundle::Bundle;
use runtime::oci::Mount;

/// A directory of the host that nothing may be made in.
fn bait(bundle: &Bundle) -> std::path::PathBuf {
    let bait = bundle.dir.path().join("bait");
    fs::create_dir(&bait).unwrap();
    bait
}

fn is_empty(dir: &Path) -> bool {
    fs::read_dir(dir).unwrap().next().is_none()
}

#[test]
fn links_in_place_of_the_kernels_directories_are_refused_and_touch_nothing() {
    for place in ["dev", "proc", "sys"] {
        let bundle = Bundle::new(&["true"]);
        let bait = bait(&bundle);
        symlink(&bait, bundle.rootfs().join(place)).unwrap();
        let output = bundle.run();
        assert!(!output.status.success(), "/{place} as a link: {output:?}");
        assert!(is_empty(&bait), "/{place} led to the host");
        assert!(!bundle.rootfs().join(bait.strip_prefix("/").unwrap()).exists());
        assert!(!bundle.cgroup().exists());
    }
}

#[test]
fn a_link_as_mount_point_stays_in_the_root() {
    let mut bundle = Bundle::new(&["ls", "/volume/"]);
    let bait = bait(&bundle);
    symlink(&bait, bundle.rootfs().join("volume")).unwrap();
    let source = bundle.dir.path().join("source");
    fs::create_dir_all(source.join("seen")).unwrap();
    let mut mount = Mount::default();
    mount
        .set_destination("/volume/deep".into())
        .set_source(Some(source))
        .set_options(Some(vec!["rbind".into(), "ro".into()]));
    bundle.spec.mounts_mut().as_mut().unwrap().push(mount);
    let output = bundle.run();
    assert!(is_empty(&bait), "the link led to the host: {output:?}");
}

#[test]
fn a_false_null_device_is_not_used_for_masking() {
    // Without a tmpfs on /dev the image's own files would be used.
    let mut bundle = Bundle::new(&["cat", "/proc/kcore"]);
    bundle.spec.mounts_mut().as_mut().unwrap().retain(|mount| !mount.destination().starts_with("/dev"));
    let dev = bundle.rootfs().join("dev");
    fs::create_dir(&dev).unwrap();
    symlink("/etc/passwd", dev.join("null")).unwrap();
    let output = bundle.run();
    assert!(!output.status.success(), "{output:?}");
    assert!(output.stdout.is_empty(), "{output:?}");
}

#[test]
fn a_plain_file_as_null_device_is_refused_too() {
    let mut bundle = Bundle::new(&["cat", "/proc/kcore"]);
    bundle.spec.mounts_mut().as_mut().unwrap().retain(|mount| !mount.destination().starts_with("/dev"));
    let dev = bundle.rootfs().join("dev");
    fs::create_dir(&dev).unwrap();
    fs::write(dev.join("null"), "secret").unwrap();
    assert!(!bundle.run().status.success());
    assert_eq!(fs::read(dev.join("null")).unwrap(), b"secret");
}

#[test]
fn user_databases_that_are_no_files_do_not_hang() {
    let mut bundle = Bundle::new(&["true"]);
    bundle.process().user_mut().set_uid(7);
    fs::remove_file(bundle.rootfs().join("etc/passwd")).unwrap();
    nix::unistd::mkfifo(&bundle.rootfs().join("etc/passwd"), nix::sys::stat::Mode::S_IRWXU).unwrap();
    symlink("/dev/zero", bundle.rootfs().join("etc/group")).unwrap();
    bundle.succeed();
}

#[test]
fn the_mount_table_of_the_host_never_changes() {
    let ours = |dir: &Path| {
        let table = fs::read_to_string("/proc/self/mountinfo").unwrap();
        table.lines().filter(|line| line.contains(dir.to_str().unwrap())).count()
    };
    let bundle = Bundle::new(&["sleep", "60"]);
    assert!(bundle.command("create").status().unwrap().success());
    assert_eq!(ours(bundle.dir.path()), 0);
    assert!(bundle.command("start").status().unwrap().success());
    assert_eq!(ours(bundle.dir.path()), 0);
    assert!(bundle.command("delete").arg("--force").status().unwrap().success());
    assert_eq!(ours(bundle.dir.path()), 0);
}
