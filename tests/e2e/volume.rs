//! Volumes: made by name, by the image, by `--mount`; filled, shared, kept and removed.

use std::fs;
use std::path::Path;

use testkit::{Daemon, eventually};

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
    let said = daemon.docker(&["volume", "create", "-o", "type=nfs", "-o", "device=:/x", "far"]);
    assert!(said.err.contains("not implemented"), "{}", said.err);
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
