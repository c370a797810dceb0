//! Mounts with every kind of option, and clocks of a container's own. Needs root and busybox-static.

mod bundle;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown, symlink};
use std::path::PathBuf;

use bundle::Bundle;
use runtime::oci::{LinuxIdMapping, LinuxIdMappingBuilder, LinuxNamespaceType, LinuxTimeOffset, Mount};

fn shell(script: &str) -> Bundle {
    Bundle::new(&["sh", "-c", script])
}

fn mount(typ: &str, source: &str, destination: &str, options: &[&str]) -> Mount {
    let mut mount = Mount::default();
    mount
        .set_typ(Some(typ.to_owned()))
        .set_source(Some(source.into()))
        .set_destination(destination.into())
        .set_options(Some(options.iter().map(|option| (*option).to_owned()).collect()));
    mount
}

fn add(bundle: &mut Bundle, mount: Mount) {
    bundle.spec.mounts_mut().as_mut().unwrap().push(mount);
}

/// A directory in the bundle with one file of user 5.
fn source(bundle: &Bundle, name: &str) -> PathBuf {
    let dir = bundle.dir.path().join(name);
    fs::create_dir(&dir).unwrap();
    fs::write(dir.join("file"), "content").unwrap();
    chown(dir.join("file"), Some(5), Some(6)).unwrap();
    dir
}

fn map(inside: u32, outside: u32) -> Option<Vec<LinuxIdMapping>> {
    let map = LinuxIdMappingBuilder::default().container_id(inside).host_id(outside).size(100_u32);
    Some(vec![map.build().unwrap()])
}

#[test]
fn owners_of_a_mount_are_shifted_by_its_own_maps() {
    let mut bundle = shell("stat -c '%u:%g' /data/file /plain/file; touch /data/new");
    let dir = source(&bundle, "data");
    let mut data = mount("bind", dir.to_str().unwrap(), "/data", &["bind", "idmap"]);
    data.set_uid_mappings(map(0, 1000)).set_gid_mappings(map(0, 2000));
    add(&mut bundle, data);
    add(&mut bundle, mount("bind", dir.to_str().unwrap(), "/plain", &["rbind", "ro"]));
    bundle.process().user_mut().set_uid(1000).set_gid(2000);
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o777)).unwrap();
    assert_eq!(bundle.succeed(), "1005:2006\n5:6\n");
    assert_eq!(fs::metadata(dir.join("new")).unwrap().uid(), 0, "what is made there is shifted back");
}

#[test]
fn an_idmapped_mount_needs_a_map_from_somewhere() {
    let mut bundle = shell("true");
    let dir = source(&bundle, "data");
    add(&mut bundle, mount("bind", dir.to_str().unwrap(), "/data", &["bind", "ridmap"]));
    let output = bundle.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("needs maps"), "{output:?}");
    bundle.linux().set_uid_mappings(map(0, 100_000)).set_gid_mappings(map(0, 100_000));
    bundle.own(LinuxNamespaceType::User, None);
    bundle.process().set_args(Some(vec!["stat".into(), "-c".into(), "%u".into(), "/data/file".into()]));
    bundle.own_root(100_000);
    assert_eq!(bundle.succeed(), "5\n");
}

#[test]
fn a_tmpfs_begins_with_what_it_covers() {
    let script = "cat /var/a/file; stat -c '%a %u' /var/a /var/a/file; ls -l /var/link | grep -o '/etc.*'; \
                  echo changed > /var/a/file";
    let mut bundle = shell(script);
    let var = bundle.rootfs().join("var");
    fs::create_dir_all(var.join("a")).unwrap();
    fs::write(var.join("a/file"), "content\n").unwrap();
    fs::set_permissions(var.join("a"), fs::Permissions::from_mode(0o1750)).unwrap();
    chown(var.join("a/file"), Some(33), None).unwrap();
    symlink("/etc/shadow", var.join("link")).unwrap();
    add(&mut bundle, mount("tmpfs", "tmpfs", "/var", &["tmpcopyup", "size=1m"]));
    assert_eq!(bundle.succeed(), "content\n1750 0\n644 33\n/etc/shadow\n");
    assert_eq!(fs::read_to_string(var.join("a/file")).unwrap(), "content\n");
}

#[test]
fn a_tmpfs_over_nothing_is_open_to_all_and_one_over_a_directory_looks_like_it() {
    let mut bundle = shell("stat -c %a /none/deep /private; touch /private/file");
    fs::create_dir(bundle.rootfs().join("private")).unwrap();
    fs::set_permissions(bundle.rootfs().join("private"), fs::Permissions::from_mode(0o700)).unwrap();
    add(&mut bundle, mount("tmpfs", "tmpfs", "/none/deep", &[]));
    add(&mut bundle, mount("tmpfs", "tmpfs", "/private", &[]));
    for start in ["first", "second"] {
        assert_eq!(bundle.succeed(), "1777\n700\n", "{start} start");
    }
    assert!(!bundle.rootfs().join("private/file").exists());
}

#[test]
fn recursive_options_reach_what_is_mounted_below() {
    let script = "touch /data/below/x /flat/below/x 2>&1; mount | grep -c '/data.*noexec'; echo done";
    let mut bundle = shell(script);
    let dir = source(&bundle, "data");
    fs::create_dir(dir.join("below")).unwrap();
    // Mounted below in the container's own namespace only, as a bind of a bind.
    add(&mut bundle, mount("bind", dir.to_str().unwrap(), "/data", &["rbind"]));
    add(&mut bundle, mount("tmpfs", "tmpfs", "/data/below", &[]));
    add(&mut bundle, mount("none", "none", "/data", &["remount", "rro", "rnoexec"]));
    add(&mut bundle, mount("bind", dir.to_str().unwrap(), "/flat", &["rbind"]));
    let output = bundle.run();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("/data/below/x: Read-only file system"), "{output:?}");
    assert!(!text.contains("/flat") && text.contains("\n2\ndone"), "{output:?}");
}

#[test]
fn a_relative_source_begins_at_the_bundle_and_a_relative_destination_at_the_root() {
    let mut bundle = shell("cat /data/file");
    source(&bundle, "data");
    add(&mut bundle, mount("bind", "data", "data", &["bind"]));
    assert_eq!(bundle.succeed(), "content");
}

#[test]
fn propagation_is_as_asked_for() {
    let script = "cat /proc/self/mountinfo";
    let mut bundle = shell(script);
    let dir = source(&bundle, "data");
    for (place, option) in [
        ("/private", "rprivate"),
        ("/slave", "rslave"),
        ("/shared", "rshared"),
        ("/unbindable", "unbindable"),
    ] {
        add(&mut bundle, mount("bind", dir.to_str().unwrap(), place, &["rbind", option]));
    }
    let output = bundle.succeed();
    let line = |place: &str| output.lines().find(|line| line.contains(&format!(" {place} "))).unwrap();
    assert!(line("/shared").contains("shared:"), "{output}");
    assert!(line("/unbindable").contains("unbindable"), "{output}");
    assert!(!line("/private").contains("shared:") && !line("/private").contains("master:"), "{output}");
}

#[test]
fn the_root_propagates_as_asked_for() {
    for (propagation, expected) in
        [("shared", "shared:"), ("unbindable", "unbindable"), ("rprivate", " - "), ("slave", " - ")]
    {
        let mut bundle = shell("grep ' / / \\| /[^ ]*rootfs / ' /proc/self/mountinfo");
        bundle.linux().set_rootfs_propagation(Some(propagation.to_owned()));
        let output = bundle.succeed();
        assert!(output.contains(expected), "{propagation}: {output}");
    }
}

#[test]
fn clocks_have_the_offsets_that_were_asked_for() {
    let mut bundle = shell("cat /proc/self/timens_offsets; cut -d. -f1 /proc/uptime");
    bundle.own(LinuxNamespaceType::Time, None);
    let mut offset = LinuxTimeOffset::default();
    offset.set_secs(Some(7_000_000)).set_nanosecs(Some(5));
    let offsets = ["monotonic", "boottime"].map(|clock| (clock.to_owned(), offset.clone()));
    bundle.linux().set_time_offsets(Some(offsets.into_iter().collect()));
    let output = bundle.succeed();
    assert!(output.contains("boottime      7000000         5"), "{output}");
    let uptime: u64 = output.lines().last().unwrap().parse().unwrap();
    assert!(uptime >= 7_000_000, "{output}");
    bundle.share(LinuxNamespaceType::Time);
    let output = bundle.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("timeOffsets"), "{output:?}");
}

#[test]
fn clocks_of_another_container_are_joined() {
    let mut owner = Bundle::new(&["sleep", "60"]);
    owner.own(LinuxNamespaceType::Time, None);
    let mut offset = LinuxTimeOffset::default();
    offset.set_secs(Some(9_000_000));
    owner.linux().set_time_offsets(Some([("boottime".to_owned(), offset)].into_iter().collect()));
    assert!(owner.command("create").status().unwrap().success());
    let mut guest = shell("cut -d. -f1 /proc/uptime");
    guest.own(LinuxNamespaceType::Time, Some(format!("/proc/{}/ns/time", owner.pid()).as_ref()));
    let uptime: u64 = guest.succeed().trim().parse().unwrap();
    assert!(uptime >= 9_000_000);
}
