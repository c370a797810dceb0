//! Volumes: made by name, by the image, by `--mount`; filled, shared, kept and removed.

use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use testkit::program::run;
use testkit::{Daemon, eventually, not_tested};

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon
}

/// An image with a directory that it declares as a volume.
fn import_with_volume(daemon: &Daemon) {
    daemon.docker(&["run", "--name", "base", "busybox", "sh", "-c", "mkdir -p /data/sub && echo model > /data/sub/file && chown -R 7:8 /data && chmod 711 /data && ln -s /data/sub /link"]).ok();
    let tar = daemon.path("volume-image.tar");
    daemon.docker(&["export", "-o", tar.to_str().unwrap(), "base"]).ok();
    daemon
        .docker(&[
            "import",
            "--change",
            "VOLUME /data",
            "--change",
            "CMD sh",
            tar.to_str().unwrap(),
            "modelled",
        ])
        .ok();
    daemon.docker(&["rm", "base"]).ok();
}

fn volumes(daemon: &Daemon) -> Vec<String> {
    daemon.docker(&["volume", "ls", "-q"]).ok().lines().map(str::to_owned).collect()
}

#[test]
fn a_named_volume_outlives_its_containers() {
    let daemon = daemon();
    let run = |args: &[&str]| daemon.docker(&[&["run", "--rm"], args].concat());
    run(&["-v", "data:/data", "busybox", "sh", "-c", "echo kept > /data/file"]).ok();
    assert_eq!(run(&["-v", "data:/other:ro", "busybox", "cat", "/other/file"]).ok(), "kept");
    let said = run(&["-v", "data:/data:ro", "busybox", "touch", "/data/new"]);
    assert!(said.err.contains("Read-only file system"), "{}", said.err);
    assert_eq!(volumes(&daemon), ["data"]);

    let place =
        daemon.docker(&["volume", "inspect", "-f", "{{.Mountpoint}} {{.Driver}} {{.Scope}}", "data"]).ok();
    let (place, words) = place.split_once(' ').unwrap();
    assert_eq!(words, "local local");
    assert_eq!(fs::read_to_string(Path::new(place).join("file")).unwrap(), "kept\n");

    let id = daemon.docker(&["create", "--name", "user", "-v", "data:/data", "busybox"]).ok();
    let shown =
        "{{range .Mounts}}{{.Type}} {{.Name}} {{.Driver}} {{.Source}} {{.Destination}} {{.RW}}{{end}}";
    assert_eq!(
        daemon.docker(&["inspect", "-f", shown, "user"]).ok(),
        format!("volume data local {place} /data true")
    );
    let said = daemon.docker(&["volume", "rm", "data"]);
    assert!(said.err.contains(&format!("remove data: volume is in use - [{id}]")), "{}", said.err);
    assert_eq!(daemon.docker(&["volume", "ls", "-q", "-f", "dangling=true"]).ok(), "");
    daemon.docker(&["rm", "-v", "user"]).ok();
    assert_eq!(volumes(&daemon), ["data"], "a volume with a name stays");
    daemon.docker(&["volume", "rm", "data"]).ok();
    assert!(!Path::new(place).exists());
    assert!(daemon.docker(&["volume", "rm", "data"]).err.contains("get data: no such volume"));
    daemon.docker(&["volume", "rm", "-f", "data"]).ok();
    let format = ["--format", "{{.Action}}", "--filter", "type=volume", "--filter", "volume=data"];
    let wanted = ["create", "mount", "unmount", "mount", "unmount", "mount", "unmount", "destroy"];
    // The client asks until this second, which has to pass.
    eventually("all of it is told", || {
        let args = [&["events", "--since", "10m", "--until", "0s"], &format[..]].concat();
        let events = daemon.docker(&args).ok();
        if events.lines().eq(wanted) { Ok(()) } else { Err(events) }
    });
}

#[test]
fn an_images_volume_is_filled_once_and_goes_with_its_container() {
    let daemon = daemon();
    import_with_volume(&daemon);
    let look = "cat /data/sub/file; stat -c '%u %g %a' /data; cat /link/file";
    let run = |args: &[&str]| daemon.docker(&[&["run", "--rm"], args].concat());
    assert_eq!(run(&["modelled", "sh", "-c", look]).ok(), "model\n7 8 711\nmodel");
    eventually("--rm takes its own volume", || {
        let left = volumes(&daemon);
        if left.is_empty() { Ok(()) } else { Err(left.join(" ")) }
    });

    // What is in a volume is never overwritten, and what is not copied is not there.
    run(&["-v", "data:/data", "busybox", "sh", "-c", "mkdir /data/sub; echo mine > /data/sub/file"]).ok();
    assert_eq!(run(&["-v", "data:/data", "modelled", "cat", "/data/sub/file"]).ok(), "mine");
    assert_eq!(run(&["-v", "empty:/data:nocopy", "modelled", "ls", "/data"]).ok(), "");
    assert_eq!(run(&["-v", "full:/link", "modelled", "ls", "/link"]).ok(), "file");
    daemon.docker(&["volume", "rm", "data", "empty", "full"]).ok();

    let id = daemon.docker(&["create", "--name", "one", "modelled"]).ok();
    let own = volumes(&daemon);
    assert_eq!((own.len(), own[0].len()), (1, 64));
    daemon.docker(&["rm", &id]).ok();
    assert_eq!(volumes(&daemon), own, "without -v it stays");
    daemon.docker(&["volume", "prune", "-f"]).ok();
    assert!(volumes(&daemon).is_empty());

    daemon.docker(&["create", "--name", "two", "-v", "/etc/more", "modelled"]).ok();
    assert_eq!(volumes(&daemon).len(), 2);
    daemon.docker(&["rm", "-v", "two"]).ok();
    assert!(volumes(&daemon).is_empty());
    let said = daemon.docker(&["create", "-v", "/etc/passwd", "modelled"]);
    assert!(said.err.contains("cannot mount volume over existing file"), "{}", said.err);
    assert!(volumes(&daemon).is_empty(), "a creation that fails leaves nothing");
}

#[test]
fn mounts_in_the_long_form() {
    let daemon = daemon();
    let run = |mount: &str, line: &str| {
        daemon.docker(&["run", "--rm", "--mount", mount, "busybox", "sh", "-c", line])
    };
    run(
        "type=volume,src=data,dst=/d,volume-label=a=b",
        "mkdir -p /d/in/side; echo x > /d/in/side/file; ln -s /etc /d/out",
    )
    .ok();
    assert_eq!(daemon.docker(&["volume", "inspect", "-f", "{{.Labels.a}}", "data"]).ok(), "b");
    assert_eq!(run("type=volume,src=data,dst=/s,volume-subpath=in/side,readonly", "cat /s/file").ok(), "x");
    let said = run("type=volume,src=data,dst=/s,volume-subpath=missing", "true");
    assert_ne!(said.code, 0, "{}", said.out);
    // A link in a volume leads to what the volume has there, not to the host's.
    let said = run("type=volume,src=data,dst=/s,volume-subpath=out", "ls /s");
    assert_ne!(said.code, 0, "{}", said.out);

    let bound = daemon.path("bound");
    fs::create_dir(&bound).unwrap();
    let device = format!("device={}", bound.display());
    daemon.docker(&["volume", "create", "-o", "type=none", "-o", "o=bind", "-o", &device, "bound"]).ok();
    run("type=volume,src=bound,dst=/d", "echo there > /d/file").ok();
    assert_eq!(fs::read_to_string(bound.join("file")).unwrap(), "there\n");
    daemon
        .docker(&["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "memory"])
        .ok();
    let shown = run("type=volume,src=memory,dst=/d", "grep ' /d ' /proc/mounts").ok();
    assert!(shown.contains("tmpfs") && shown.contains("size=1024k"), "{shown}");
    // A server without a name, or a kernel that does not know its file system: told when it is mounted.
    daemon
        .docker(&[
            "volume",
            "create",
            "-o",
            "type=nfs",
            "-o",
            "device=:/x",
            "-o",
            "o=addr=nobody.invalid",
            "far",
        ])
        .ok();
    let said = run("type=volume,src=far,dst=/d", "true");
    assert!(said.err.contains("error resolving passed in network volume address"), "{}", said.err);
    let said = daemon.docker(&["volume", "create", "-d", "other", "far"]);
    assert!(said.err.contains("plugin \"other\" not found"), "{}", said.err);
}

#[test]
fn read_only_reaches_the_mounts_below_unless_told_otherwise() {
    let daemon = daemon();
    let source = daemon.path("tree");
    fs::create_dir_all(source.join("below")).unwrap();
    let below = source.join("below");
    testkit::program::run(std::process::Command::new("mount").args(["-t", "tmpfs", "tmpfs"]).arg(&below))
        .ok();
    let run = |more: &str| {
        let mount = format!("type=bind,src={},dst=/m,readonly{more}", source.display());
        daemon.docker(&["run", "--rm", "--mount", &mount, "busybox", "touch", "/m/below/new"])
    };
    let (all, top) = (run(""), run(",bind-recursive=writable"));
    testkit::program::run(std::process::Command::new("umount").arg(&below)).ok();
    assert!(all.err.contains("Read-only file system"), "{} {}", all.out, all.err);
    assert_eq!(top.code, 0, "{}", top.err);
}

#[test]
fn mounts_of_other_containers() {
    let daemon = daemon();
    daemon.docker(&["create", "--name", "one", "-v", "/own", "-v", "shared:/shared", "busybox"]).ok();
    let write = "echo x > /own/file; echo y > /shared/file";
    daemon.docker(&["run", "--name", "two", "--volumes-from", "one", "busybox", "sh", "-c", write]).ok();
    let read = ["busybox", "sh", "-c", "cat /own/file /shared/file; touch /own/new"];
    let said = daemon.docker(&[&["run", "--rm", "--volumes-from", "two:ro"][..], &read].concat());
    assert_eq!(said.out, "x\ny\n");
    assert!(said.err.contains("Read-only file system"), "{}", said.err);
    // The user's own mount wins over another container's.
    let args = ["run", "--rm", "--volumes-from", "two", "-v", "mine:/shared", "busybox", "ls", "/shared"];
    assert_eq!(daemon.docker(&args).ok(), "");
    let said = daemon.docker(&["run", "--rm", "--volumes-from", "nosuch", "busybox"]);
    assert!(said.err.contains("No such container: nosuch"), "{}", said.err);

    daemon.docker(&["rm", "-v", "one"]).ok();
    assert_eq!(volumes(&daemon).len(), 3, "the other still uses it");
    daemon.docker(&["rm", "-v", "two"]).ok();
    assert_eq!(volumes(&daemon), ["mine", "shared"]);
}

#[test]
fn a_killed_daemon_forgets_no_volume_and_keeps_no_debris() {
    let mut daemon = daemon();
    daemon.docker(&["create", "--name", "one", "-v", "/own", "-v", "data:/data", "busybox"]).ok();
    let before = volumes(&daemon);
    daemon.kill();
    // As if a creation had died half-way: a volume of a container that never was.
    let root = daemon.path("data").join("volumes");
    let debris = root.join("debris");
    fs::create_dir_all(debris.join("_data")).unwrap();
    fs::write(debris.join("made-for"), "nobody").unwrap();
    daemon.restart();
    assert_eq!(volumes(&daemon), before);
    assert!(!debris.exists());
    let own = before.iter().find(|name| name.len() == 64).unwrap();
    assert!(root.join(own).exists());
    daemon.docker(&["rm", "-v", "one"]).ok();
    assert_eq!(volumes(&daemon), ["data"]);
}

/// A file system in a file, as a block device. It goes with the test.
struct Disk {
    device: String,
    dir: std::path::PathBuf,
}

impl Disk {
    /// `None`, said aloud, where this machine has no loop devices or no ext4.
    fn new(dir: &Path, make: &[&str]) -> Option<Disk> {
        let image = dir.join("disk.img");
        fs::File::create(&image).unwrap().set_len(32 << 20).unwrap();
        run(Command::new("mkfs.ext4").arg("-q").args(make).arg(&image)).ok();
        // Where they are modules.
        for module in ["loop", "ext4"] {
            run(Command::new("modprobe").arg(module));
        }
        let made = run(Command::new("losetup").args(["--find", "--show"]).arg(&image));
        if made.code != 0 {
            not_tested("block devices", &made.err);
            return None;
        }
        Some(Disk { device: made.out.trim().to_owned(), dir: dir.to_owned() })
    }
}

impl Drop for Disk {
    fn drop(&mut self) {
        run(Command::new("umount").arg("-l").arg(self.dir.join("mounted")));
        run(Command::new("losetup").args(["--detach", &self.device]));
    }
}

#[test]
fn a_block_device_is_mounted_for_several_containers_and_never_on_the_host() {
    let daemon = daemon();
    let Some(disk) = Disk::new(&daemon.path(""), &[]) else { return };
    let device = format!("device={}", disk.device);
    let create = |name: &str, o: &str| {
        let o = format!("o={o}");
        daemon.docker(&["volume", "create", "-o", "type=ext4", "-o", &device, "-o", &o, name]).ok();
    };
    create("disk", "noatime,_netdev,errors=continue");
    daemon.docker(&["run", "-d", "--name", "one", "-v", "disk:/d", "busybox", "sleep", "1000"]).ok();
    let write = "mkdir /d/in; echo both > /d/in/file; grep ' /d ' /proc/mounts";
    let shown = daemon.docker(&["exec", "one", "sh", "-c", write]).ok();
    assert!(shown.contains("ext4") && shown.contains("noatime"), "{shown}");
    let table = fs::read_to_string("/proc/self/mounts").unwrap();
    assert!(!table.contains(&disk.device), "{table}");

    let also = |mount: &str, line: &str| {
        daemon.docker(&["run", "--rm", "--mount", mount, "busybox", "sh", "-c", line])
    };
    assert_eq!(also("type=volume,src=disk,dst=/e", "cat /e/in/file; echo more >> /e/in/file").ok(), "both");
    assert_eq!(daemon.docker(&["exec", "one", "cat", "/d/in/file"]).ok(), "both\nmore");
    assert_eq!(also("type=volume,src=disk,dst=/e,volume-subpath=in", "ls /e").ok(), "file");
    let said = also("type=volume,src=disk,dst=/e,readonly", "touch /e/x");
    assert!(said.err.contains("Read-only"), "{}", said.err);

    // A stopped container's files are found on the disk, and an archive of it holds them.
    daemon.docker(&["stop", "-t", "0", "one"]).ok();
    let back = daemon.path("back");
    daemon.docker(&["cp", "one:/d/in/file", back.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(&back).unwrap(), "both\nmore\n");
    let archive = daemon.path("disk.tar");
    daemon.shoal(&["volume", "export", "-o", archive.to_str().unwrap(), "disk"]).ok();
    let listed = run(Command::new("tar").arg("-tf").arg(&archive)).ok();
    assert!(listed.contains("./in/file"), "{listed}");
    daemon.docker(&["rm", "one"]).ok();

    create("only-read", "ro");
    let said = also("type=volume,src=only-read,dst=/e", "cat /e/in/file; touch /e/x");
    assert!(said.out.contains("both") && said.err.contains("Read-only"), "{} {}", said.out, said.err);
    create("wrong", "nosuchoption");
    let said = also("type=volume,src=wrong,dst=/e", "true");
    assert!(said.code == 125 && said.err.contains("nosuchoption"), "{} {}", said.code, said.err);
}

#[test]
fn a_size_is_a_quota_or_a_clear_error() {
    let dir = tempfile::Builder::new().prefix("shoal-test.").tempdir().unwrap();
    let make = ["-O", "project,quota", "-E", "quotatype=prjquota"];
    let Some(_disk) = Disk::new(dir.path(), &make).and_then(|disk| {
        let mounted = disk.dir.join("mounted");
        fs::create_dir(&mounted).unwrap();
        let mut mount = Command::new("mount");
        let said = run(mount.args(["-o", "prjquota", &disk.device]).arg(&mounted));
        if said.code == 0 {
            return Some(disk);
        }
        not_tested("quotas", &said.err);
        None
    }) else {
        let daemon = daemon();
        let said = daemon.docker(&["volume", "create", "-o", "size=1m", "small"]);
        assert!(said.err.contains("quota size requested but no quota support: "), "{}", said.err);
        assert!(
            volumes(&daemon).is_empty() && fs::read_dir(daemon.path("data/volumes")).unwrap().count() == 0
        );
        return;
    };
    let daemon = Daemon::start(&["--data-root", dir.path().join("mounted").to_str().unwrap()]);
    testkit::image::import_busybox(&daemon);
    daemon.docker(&["volume", "create", "-o", "size=1m", "small"]).ok();
    let write = |bytes: &str| {
        let line = format!("dd if=/dev/zero of=/d/file bs={bytes} count=1; sync");
        daemon.docker(&["run", "--rm", "-v", "small:/d", "busybox", "sh", "-c", &line])
    };
    let said = write("2M");
    let words = ["No space left on device", "quota exceeded"];
    assert!(words.iter().any(|words| said.err.contains(words)), "{} {}", said.code, said.err);
    assert_eq!(write("500K").code, 0);
    daemon.docker(&["volume", "rm", "small"]).ok();
}

#[test]
fn memory_is_one_for_all_who_have_it_and_outlives_the_daemon() {
    let mut daemon = daemon();
    daemon
        .docker(&["volume", "create", "-o", "type=tmpfs", "-o", "device=tmpfs", "-o", "o=size=1m", "memory"])
        .ok();
    let keep = |name: &str| {
        let line = "trap 'exit 0' TERM; sleep 1000 & wait";
        let mount = "memory:/in/memory";
        daemon.docker(&["run", "-d", "--name", name, "-v", mount, "busybox", "sh", "-c", line]).ok();
    };
    keep("one");
    daemon.docker(&["exec", "one", "sh", "-c", "mkdir /in/memory/sub; echo a > /in/memory/sub/file"]).ok();
    keep("two");
    let also = |mount: &str, line: &str| {
        daemon.docker(&["run", "--rm", "--mount", mount, "busybox", "sh", "-c", line])
    };
    // Who laid a link on the way there meanwhile leads nobody to the host's files.
    daemon.docker(&["exec", "one", "sh", "-c", "mv /in /elsewhere; ln -s /etc /in"]).ok();
    assert_eq!(also("type=volume,src=memory,dst=/m,volume-subpath=sub", "cat /m/file").ok(), "a");
    let said = also("type=volume,src=memory,dst=/m,readonly", "cat /m/sub/file; touch /m/x");
    assert!(said.out == "a\n" && said.err.contains("Read-only"), "{} {}", said.out, said.err);
    // What another container has is found through that container, by whoever archives it.
    let archive = daemon.path("memory.tar");
    daemon.shoal(&["volume", "export", "-o", archive.to_str().unwrap(), "memory"]).ok();
    assert_eq!(run(Command::new("tar").arg("-xOf").arg(&archive).arg("./sub/file")).ok(), "a");

    daemon.kill();
    daemon.restart();
    daemon.docker(&["rm", "-f", "one"]).ok();
    let run = |line: &str| daemon.docker(&["run", "--rm", "-v", "memory:/m", "busybox", "sh", "-c", line]);
    assert_eq!(run("cat /m/sub/file; echo b > /m/other").ok(), "a");
    assert_eq!(daemon.docker(&["exec", "two", "cat", "/in/memory/other"]).ok(), "b");
    daemon.docker(&["rm", "-f", "two"]).ok();
    assert_eq!(run("ls /m").ok(), "", "with the last container it is gone");
    let said = daemon.shoal(&["volume", "export", "memory"]);
    assert!(said.err.contains("no running container has it"), "{}", said.err);
}

#[test]
fn an_image_that_is_mounted_stays_until_its_container_goes() {
    let mut daemon = daemon();
    import_with_volume(&daemon);
    let mount = "type=image,src=modelled,dst=/i,image-subpath=data";
    let line = "cat /i/sub/file; touch /i/x; sleep 1000";
    daemon.docker(&["run", "-d", "--name", "one", "--mount", mount, "busybox", "sh", "-c", line]).ok();
    let said = daemon.docker(&["rmi", "modelled"]);
    assert!(said.err.contains("is using its referenced image"), "{}", said.err);
    daemon.docker(&["image", "prune", "-a", "-f"]).ok();
    daemon.docker(&["image", "inspect", "modelled"]).ok();
    daemon.kill();
    daemon.restart();
    eventually("what the image has is read, and not written to", || {
        let said = daemon.docker(&["logs", "one"]);
        let done = said.out == "model\n" && said.err.contains("Read-only file system");
        if done { Ok(()) } else { Err(format!("{} {}", said.out, said.err)) }
    });
    // Without its name its files stay for whom they are mounted.
    daemon.docker(&["stop", "-t", "0", "one"]).ok();
    daemon.docker(&["rmi", "-f", "modelled"]).ok();
    daemon.docker(&["start", "one"]).ok();
    eventually("it is read again", || {
        let said = daemon.docker(&["logs", "one"]);
        if said.out == "model\nmodel\n" { Ok(()) } else { Err(said.out) }
    });
    let back = daemon.path("back");
    daemon.docker(&["stop", "-t", "0", "one"]).ok();
    daemon.docker(&["cp", "one:/i/sub/file", back.to_str().unwrap()]).ok();
    assert_eq!(fs::read_to_string(back).unwrap(), "model\n");
    daemon.docker(&["rm", "one"]).ok();
    let containers = daemon.path("data/image/containers");
    let left = fs::read_dir(&containers).map_or(0, Iterator::count);
    assert_eq!(left, 0, "layers are kept for nobody in {}", containers.display());
}

#[test]
fn what_is_mounted_becomes_the_users_when_asked() {
    let daemon = daemon();
    let bound = daemon.path("bound");
    fs::create_dir_all(bound.join("sub")).unwrap();
    fs::write(bound.join("sub/file"), "x").unwrap();
    std::os::unix::fs::symlink("/etc/passwd", bound.join("link")).unwrap();
    let before = fs::metadata("/etc/passwd").unwrap();
    let mount = format!("{}:/b:U", bound.display());
    let line = "echo y > /b/sub/file; echo z > /v/file; stat -c '%u %g' /b /b/sub/file /v";
    let args = ["run", "--rm", "-u", "7:8", "-v", &mount, "-v", "own:/v:U", "busybox", "sh", "-c", line];
    assert_eq!(daemon.docker(&args).ok(), "7 8\n7 8\n7 8");
    let after = fs::metadata("/etc/passwd").unwrap();
    assert_eq!((before.uid(), before.ctime()), (after.uid(), after.ctime()), "a link was followed");
    let said = daemon.docker(&["run", "--rm", "-u", "7", "-v", "/etc:/b:U", "busybox", "true"]);
    assert!(said.err.contains("cannot be given to a container's user"), "{}", said.err);
}

#[test]
fn archives_of_volumes_neither_read_nor_write_outside() {
    let daemon = daemon();
    let outside = daemon.path("outside");
    fs::write(&outside, "secret").unwrap();
    // A container that swaps a directory for a link, again and again, while its volume is exported.
    let swap = "mkdir -p /d/a /d/keep; echo mine > /d/a/file; while :; do mv /d/a /d/b; ln -s /host /d/a; rm /d/a; mv /d/b /d/a; done";
    daemon.docker(&["run", "-d", "--name", "swaps", "-v", "data:/d", "busybox", "sh", "-c", swap]).ok();
    let place = daemon.docker(&["volume", "inspect", "-f", "{{.Mountpoint}}", "data"]).ok();
    std::os::unix::fs::symlink(&outside, Path::new(&place).join("keep/file")).unwrap();
    for round in 0..20 {
        let archive = daemon.path("out.tar");
        let said = daemon.shoal(&["volume", "export", "-o", archive.to_str().unwrap(), "data"]);
        if said.code == 0 {
            let bytes = fs::read(&archive).unwrap();
            assert!(!bytes.windows(6).any(|window| window == b"secret"), "round {round}");
        }
    }
    // Out: through a link of the archive, by a name that climbs, through a link that is there.
    let hostile = daemon.path("hostile");
    fs::create_dir_all(hostile.join("real")).unwrap();
    fs::write(hostile.join("real/evil"), "evil").unwrap();
    let target = daemon.path("target");
    fs::create_dir(&target).unwrap();
    let tar = daemon.path("hostile.tar");
    std::os::unix::fs::symlink(&target, hostile.join("link")).unwrap();
    let pack = |args: &[&str]| {
        let mut command = Command::new("tar");
        command.arg("-C").arg(&hostile).arg("-P").args(args).arg("-f").arg(&tar);
        run(&mut command).ok();
    };
    pack(&["-c", "link"]);
    pack(&["-r", "--transform", "s,^real,link,", "real/evil"]);
    pack(&["-r", "--transform", "s,^real,../../../../../../../../../..,", "real/evil"]);
    daemon.docker(&["rm", "-f", "swaps"]).ok();
    let said = daemon.shoal(&["volume", "import", "caught", tar.to_str().unwrap()]);
    assert_eq!(fs::read_dir(&target).unwrap().count(), 0, "{} {}", said.code, said.err);
    assert!(!Path::new("/evil").exists());
}
