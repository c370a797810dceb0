//! Images as they are kept: lists, history, removal by Docker's rules, prunes, what takes how much of the disk, the garbage
//! collector, the check of a stopped daemon, and a disk that is full.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use serde_json::Value;
use testkit::program::{need_root, programs, run};
use testkit::{Daemon, eventually};

/// An archive with one file of so many bytes, which are told apart by `seed`.
fn archive(dir: &Path, name: &str, seed: u8, bytes: usize) -> String {
    let root = dir.join(format!("{name}-root"));
    fs::create_dir_all(&root).unwrap();
    let contents: Vec<u8> = (0..bytes).map(|i| seed.wrapping_add((i / 4096) as u8)).collect();
    fs::write(root.join(name), contents).unwrap();
    let path = dir.join(format!("{name}.tar"));
    run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&path).arg(".")).ok();
    path.display().to_string()
}

fn refused(daemon: &Daemon, args: &[&str], words: &str) {
    let said = daemon.docker(args);
    assert_eq!(said.code, 1, "{args:?}: {}", said.out);
    assert!(said.err.contains(words), "{args:?}: {}", said.err);
}

fn id(daemon: &Daemon, name: &str) -> String {
    daemon.docker(&["images", "-q", "--no-trunc", name]).ok()
}

#[test]
fn removal_follows_dockers_rules() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    let base = id(&daemon, "busybox");
    let short = &base[7..19];
    daemon.docker(&["tag", "busybox", "other:1"]).ok();
    let words = format!(
        "conflict: unable to delete {short} (must be forced) - image is referenced in multiple repositories"
    );
    refused(&daemon, &["rmi", short], &words);
    assert_eq!(daemon.docker(&["rmi", "other:1"]).ok(), "Untagged: other:1");
    refused(&daemon, &["rmi", "other:1"], "No such image: other:1");
    assert_eq!(daemon.docker(&["rmi", "-f", "other:1"]).code, 0);

    daemon.docker(&["run", "-d", "--name", "runs", "busybox", "sleep", "1000"]).ok();
    let words = "conflict: unable to remove repository reference \"busybox\" (must force) - container ";
    refused(&daemon, &["rmi", "busybox"], words);
    refused(&daemon, &["rmi", "-f", short], "(cannot be forced) - image is being used by running container");
    daemon.docker(&["stop", "-t", "0", "runs"]).ok();
    refused(&daemon, &["rmi", short], "(must be forced) - image is being used by stopped container");

    daemon.docker(&["commit", "runs", "child:1"]).ok();
    let child = id(&daemon, "child:1");
    daemon.docker(&["rm", "runs"]).ok();
    assert_eq!(daemon.docker(&["rmi", "busybox"]).ok(), "Untagged: busybox:latest");
    refused(&daemon, &["rmi", short], "(cannot be forced) - image has dependent child images");
    // An image between others is hidden, and goes with the last that was built from it.
    assert_eq!(daemon.docker(&["images", "-q", "--no-trunc"]).ok(), child);
    assert_eq!(daemon.docker(&["images", "-aq", "--no-trunc"]).ok().lines().count(), 2);
    let platform = "%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22s390x%22%7D";
    let (status, said) = daemon.request("DELETE", &format!("/images/child:1?platforms={platform}"));
    assert!(
        status == 404 && said.contains("does not provide the specified platform (linux/s390x)"),
        "{said}"
    );
    let said = daemon.docker(&["rmi", "child:1"]).ok();
    assert!(said.starts_with("Untagged: child:1\n"), "{said}");
    assert!(
        said.contains(&format!("Deleted: {child}")) && said.contains(&format!("Deleted: {base}")),
        "{said}"
    );
    assert_eq!(daemon.docker(&["images", "-aq"]).ok(), "");
}

#[test]
fn lists_inspect_and_history_tell_all() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon.docker(&["run", "--name", "one", "busybox", "sh", "-c", "head -c 5000 /dev/zero > /file"]).ok();
    daemon.docker(&["commit", "-c", "LABEL tier=db", "-m", "words", "one", "team/child:2"]).ok();
    let list = |args: &[&str]| {
        daemon.docker(&[&["images", "--format", "{{.Repository}}:{{.Tag}}"], args].concat()).ok()
    };
    assert_eq!(list(&["-f", "reference=team/*"]), "team/child:2");
    assert_eq!(list(&["-f", "reference=*/ch?ld:[0-9]"]), "team/child:2");
    assert_eq!(list(&["-f", "label=tier=db"]), "team/child:2");
    assert_eq!(list(&["-f", "before=team/child:2"]), "busybox:latest");
    assert_eq!(list(&["-f", "since=busybox"]), "team/child:2");
    assert_eq!(list(&["-f", "until=978307200"]), "");
    assert_eq!(list(&["-f", "dangling=true"]), "");
    refused(&daemon, &["images", "-f", "color=red"], "invalid filter 'color'");

    let images = daemon.get("/v1.48/images/json?shared-size=1&manifests=1");
    let of =
        |name: &str| images.as_array().unwrap().iter().find(|i| i["RepoTags"][0] == name).unwrap().clone();
    let (base, child) = (of("busybox:latest"), of("team/child:2"));
    assert_eq!(child["SharedSize"], base["Size"], "{images}");
    assert_eq!((&child["Containers"], &base["Containers"]), (&0.into(), &1.into()));
    let manifest = &base["Manifests"][0];
    assert_eq!(manifest["ImageData"]["Containers"].as_array().map(Vec::len), Some(1), "{manifest}");
    assert_eq!(manifest["ID"], base["Descriptor"]["digest"]);
    let size = |name: &str| manifest["Size"][name].as_i64().unwrap();
    assert_eq!(size("Total"), size("Content") + manifest["ImageData"]["Size"]["Unpacked"].as_i64().unwrap());

    let steps = daemon
        .docker(&["history", "--no-trunc", "--format", "{{.ID}} {{.Size}} {{.Comment}}", "team/child:2"])
        .ok();
    let steps: Vec<&str> = steps.lines().collect();
    assert!(
        steps[0].starts_with(child["Id"].as_str().unwrap()) && steps[0].ends_with("5kB words"),
        "{steps:?}"
    );
    assert!(steps[1].starts_with(base["Id"].as_str().unwrap()), "the parent is here: {steps:?}");
    assert_eq!(daemon.shoal(&["history", "-q", "team/child:2"]).ok().lines().count(), 2);
    daemon.docker(&["rm", "one"]).ok();

    let data = daemon.docker(&["image", "inspect", "-f", "{{json .GraphDriver.Data}}", "team/child:2"]).ok();
    let data: Value = serde_json::from_str(&data).unwrap();
    assert!(Path::new(data["UpperDir"].as_str().unwrap()).join("file").exists(), "{data}");
    assert!(Path::new(data["LowerDir"].as_str().unwrap()).join("bin/busybox").exists(), "{data}");
    let (status, said) = daemon.request("GET", "/images/busybox/json?manifests=1&platform=%7B%7D");
    assert!(status == 400 && said.contains("cannot both be set"), "{said}");
}

#[test]
fn a_prune_takes_what_nobody_uses() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon.docker(&["create", "--name", "uses", "busybox"]).ok();
    daemon.docker(&["tag", "busybox", "again:1"]).ok();
    let dir = tempfile::tempdir().unwrap();
    daemon.shoal(&["import", &archive(dir.path(), "nameless", 1, 1 << 20)]).ok();
    daemon
        .shoal(&[
            "import",
            "--change",
            "LABEL keep=yes",
            &archive(dir.path(), "named", 2, 1 << 20),
            "named:1",
        ])
        .ok();
    let said = daemon.docker(&["image", "prune", "-f"]).ok();
    assert!(said.contains("deleted: sha256:") && !said.contains("untagged:"), "{said}");
    assert!(said.contains("Total reclaimed space: 2."), "blob and layer of 1 MiB: {said}");
    assert_eq!(daemon.docker(&["image", "prune", "-f"]).ok(), "Total reclaimed space: 0B");
    for filter in ["label!=keep", "until=1h", "label=tier"] {
        daemon.docker(&["image", "prune", "-af", "--filter", filter]).ok();
        assert_ne!(id(&daemon, "named:1"), "", "{filter}");
    }
    refused(&daemon, &["image", "prune", "-f", "--filter", "color=red"], "invalid filter 'color'");
    let said = daemon.shoal(&["image", "prune", "-af"]).ok();
    assert!(said.contains("untagged: named:1"), "{said}");
    // All names of an image in use stay.
    assert_eq!(daemon.docker(&["images", "-q"]).ok().lines().count(), 2);
    let events = daemon
        .docker(&["events", "--since", "0", &testkit::program::until_now(), "--filter", "type=image"])
        .ok();
    assert!(events.contains("image prune") && events.contains("reclaimed="), "{events}");
}

fn total(usage: &Value) -> u64 {
    ["ImageUsage", "ContainerUsage", "VolumeUsage", "BuildCacheUsage"]
        .iter()
        .map(|kind| usage[kind]["TotalSize"].as_u64().unwrap())
        .sum()
}

fn du(path: &Path) -> u64 {
    let said = run(Command::new("du").args(["-s", "-B1"]).arg(path)).ok();
    said.split_whitespace().next().and_then(|bytes| bytes.parse().ok()).expect("du counts")
}

#[test]
fn disk_usage_is_what_du_says_and_nothing_is_left_in_the_end() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    let dir = tempfile::tempdir().unwrap();
    daemon.shoal(&["import", &archive(dir.path(), "large", 3, 64 << 20), "large:1"]).ok();
    let write = "head -c 9000000 /dev/zero > /own; head -c 4000000 /dev/zero > /data/file; seq 200000";
    daemon
        .docker(&[
            "run",
            "-v",
            "data:/data",
            "-v",
            "/nameless",
            "--name",
            "one",
            "busybox",
            "sh",
            "-c",
            write,
        ])
        .ok();
    daemon.docker(&["run", "-d", "--name", "two", "busybox", "sleep", "1000"]).ok();
    let data = daemon.path("data");
    eventually("df agrees with du within one per cent", || {
        let (told, lies) = (total(&daemon.get("/system/df")), du(&data));
        if told.abs_diff(lies) * 100 <= lies { Ok(()) } else { Err(format!("df {told}, du {lies}")) }
    });
    let usage = daemon.get("/system/df?verbose=1");
    let containers = usage["ContainerUsage"]["Items"].as_array().unwrap();
    let one = containers.iter().find(|item| item["Names"][0] == "/one").unwrap();
    assert!(one["SizeRw"].as_i64().unwrap() > 10_000_000, "the layer and the log: {one}");
    assert_eq!(usage["ContainerUsage"]["ActiveCount"], 1);
    assert_eq!(usage["VolumeUsage"]["TotalCount"], 2);
    assert!(usage["ImageUsage"]["Reclaimable"].as_i64().unwrap() > 2 * (64 << 20), "{usage}");
    let said = daemon.docker(&["system", "df"]).ok();
    let lines: Vec<Vec<&str>> = said.lines().map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(lines[1][..3], ["Images", "2", "1"], "{said}");
    assert_eq!(lines[2][..3], ["Containers", "2", "1"], "{said}");
    assert!(daemon.shoal(&["system", "df"]).ok().contains("Local Volumes   2         2"));
    for said in [daemon.docker(&["system", "df", "-v"]).ok(), daemon.shoal(&["system", "df", "-v"]).ok()] {
        assert!(
            said.contains("Images space usage:") && said.contains("large") && said.contains("data"),
            "{said}"
        );
    }
    let (status, said) = daemon.request("GET", "/system/df?type=sockets");
    assert!(status == 400 && said.contains("unknown object type: sockets"), "{said}");
    let only = daemon.get("/v1.51/system/df?type=volume");
    assert!(only["Volumes"].is_array() && only["Images"].is_null(), "{only}");

    daemon.docker(&["rm", "-f", "two"]).ok();
    let said = daemon.docker(&["system", "prune", "-af", "--volumes"]).ok();
    assert!(said.contains("Deleted Containers:") && said.contains("Deleted Images:"), "{said}");
    daemon.docker(&["volume", "prune", "-af"]).ok();
    eventually("the store is empty, to the blob", || {
        let image = data.join("image");
        let full = ["blobs/sha256", "layers", "l", "containers", "tmp"].map(|name| image.join(name));
        let left: Vec<PathBuf> = full
            .iter()
            .flat_map(|dir| fs::read_dir(dir).unwrap().map(|entry| entry.unwrap().path()))
            .collect();
        if left.is_empty() { Ok(()) } else { Err(format!("{left:?}")) }
    });
    assert!(du(&data.join("image")) < 3 << 20, "the metadata stays small");
    assert_eq!(total(&daemon.get("/system/df")) / (3 << 20), 0);
}

/// `shoald --fsck` on the roots of a daemon.
fn fsck(daemon: &Daemon, flag: &str) -> (i32, String) {
    let path = |name: &str| daemon.path(name).display().to_string();
    let said = run(Command::new(programs().join("shoald"))
        .args(["--config-file", "/dev/null", "--data-root", &path("data"), "--exec-root", &path("exec")])
        .args(["--pidfile", &path("pid"), flag]));
    (said.code, said.out + &said.err)
}

#[test]
fn a_stopped_daemon_is_checked_and_put_right() {
    let mut daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    let dir = tempfile::tempdir().unwrap();
    daemon.shoal(&["import", &archive(dir.path(), "second", 4, 1 << 20), "second:1"]).ok();
    daemon.docker(&["create", "--name", "kept", "busybox", "true"]).ok();
    let layer =
        |name: &str| daemon.docker(&["image", "inspect", "-f", "{{index .RootFS.Layers 0}}", name]).ok();
    let (first, second) = (layer("busybox"), layer("second:1"));
    let (code, said) = fsck(&daemon, "--fsck");
    assert!(code == 1 && said.contains("in use by another shoald"), "{said}");
    daemon.stop();
    let (code, said) = fsck(&daemon, "--fsck=layers");
    assert!(code == 0 && said.contains("checked 2 images") && said.contains("nothing is wrong"), "{said}");

    let store = daemon.path("data/image");
    let blob = store.join("blobs/sha256").join(&second[7..]);
    let mut bytes = fs::read(&blob).unwrap();
    bytes[700_000] ^= 1;
    fs::write(&blob, bytes).unwrap();
    fs::write(store.join("layers").join(&first[7..]).join("diff/etc/passwd"), "false").unwrap();
    fs::create_dir_all(store.join("containers/nobody/diff")).unwrap();
    fs::write(store.join("tmp/work-9"), "cut short").unwrap();
    let (code, said) = fsck(&daemon, "--fsck=layers");
    assert_eq!(code, 1, "{said}");
    for words in [
        format!("blob {second}: content of {second} has digest"),
        "needs a blob that is missing or false".to_owned(),
        format!("layer {first}: /etc/passwd is not what its blob unpacks to"),
        "writable layer nobody: there is no such container".to_owned(),
        "tmp/work-9: left by work that was cut short".to_owned(),
    ] {
        assert!(said.contains(&words), "{words} in {said}");
    }
    let (code, said) = fsck(&daemon, "--fsck=layers,repair");
    assert_eq!(code, 0, "{said}");
    let (code, said) = fsck(&daemon, "--fsck=layers");
    assert!(code == 0 && said.contains("checked 1 images"), "{said}");
    daemon.restart();
    assert_eq!(daemon.docker(&["images", "--format", "{{.Repository}}"]).ok(), "busybox");
    assert!(daemon.docker(&["run", "--rm", "busybox", "cat", "/etc/passwd"]).ok().contains("root:x:0"));
    assert_eq!(daemon.docker(&["start", "kept"]).code, 0);
}

/// A memory disk, unmounted on drop.
struct SmallDisk {
    path: PathBuf,
}

impl SmallDisk {
    fn mount(dir: &Path, size: &str) -> Self {
        need_root();
        let path = dir.join("disk");
        fs::create_dir(&path).unwrap();
        run(Command::new("mount").args(["-t", "tmpfs", "-o", &format!("size={size}"), "tmpfs"]).arg(&path))
            .ok();
        Self { path }
    }

    /// Takes all that is free.
    fn fill(&self) {
        let zeros = vec![0; 1 << 20];
        let mut file = fs::File::create(self.path.join("ballast")).unwrap();
        while std::io::Write::write_all(&mut file, &zeros).is_ok() {}
        let mut crumbs = fs::File::create(self.path.join("crumbs")).unwrap();
        while std::io::Write::write_all(&mut crumbs, &zeros[..4096]).is_ok() {}
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(&self.path));
    }
}

#[test]
fn images_can_be_removed_from_a_full_disk() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(dir.path(), "48m");
    let data = disk.path.join("data").display().to_string();
    let daemon = Daemon::start(&["--data-root", &data]);
    testkit::image::import_busybox(&daemon);
    daemon.shoal(&["import", &archive(dir.path(), "big", 5, 8 << 20), "big:1"]).ok();
    daemon.docker(&["create", "--name", "one", "busybox", "true"]).ok();
    disk.fill();
    for args in [&["tag", "big:1", "other:1"][..], &["commit", "one", "made:1"]] {
        let said = daemon.docker(args);
        assert!(
            said.code == 0 || said.err.to_lowercase().contains("no space left"),
            "{args:?}: {}",
            said.err
        );
    }
    let said = daemon.docker(&["import", &archive(dir.path(), "more", 6, 1 << 20), "more:1"]);
    assert!(said.code == 1 && said.err.to_lowercase().contains("no space left"), "{}", said.err);
    daemon.docker(&["rmi", "-f", "big:1"]).ok();
    daemon.docker(&["rmi", "-f", "other:1"]);
    eventually("the image's bytes are free", || {
        let stat = nix::sys::statvfs::statvfs(&disk.path).unwrap();
        let free = stat.blocks_free() * stat.fragment_size();
        if free > 8 << 20 { Ok(()) } else { Err(format!("{free} bytes are free")) }
    });
    assert_eq!(daemon.docker(&["start", "-a", "one"]).code, 0);
    daemon.docker(&["rm", "one"]).ok();
}

#[test]
fn the_collector_takes_the_least_recently_used_when_the_disk_fills() {
    let dir = tempfile::tempdir().unwrap();
    let disk = SmallDisk::mount(dir.path(), "88m");
    let data = disk.path.join("data").display().to_string();
    let config = dir.path().join("daemon.json");
    fs::write(&config, r#"{"shoal":{"gc":{"min-free":"30%","min-age":0}}}"#).unwrap();
    let daemon = Daemon::start(&["--data-root", &data, "--config-file", &config.display().to_string()]);
    testkit::image::import_busybox(&daemon);
    daemon.docker(&["create", "--name", "stopped", "busybox"]).ok();
    // Twice 10 MB each: the blob and the layer.
    for number in 1..=3u8 {
        let name = format!("image-{number}");
        daemon
            .shoal(&["import", &archive(dir.path(), &name, number * 40, 10 << 20), &format!("{name}:1")])
            .ok();
        if number == 2 {
            daemon.docker(&["create", "--name", "uses", "image-1:1", "sh"]).ok();
            daemon.docker(&["rm", "uses"]).ok();
        }
    }
    eventually("the one that was not used is gone", || match id(&daemon, "image-2:1").as_str() {
        "" => Ok(()),
        id => Err(format!("{id} is here\n{}", daemon.log())),
    });
    assert!(!id(&daemon, "busybox").is_empty(), "a stopped container uses it");
    assert!(!id(&daemon, "image-1:1").is_empty(), "it was used last");
    let log = daemon.log();
    assert!(
        log.contains("unused images are removed") && log.contains("of the disk are free, fewer than"),
        "{log}"
    );
    let events = daemon
        .docker(&["events", "--since", "0", &testkit::program::until_now(), "--filter", "event=delete"])
        .ok();
    assert!(events.contains("image delete"), "{events}");
}
