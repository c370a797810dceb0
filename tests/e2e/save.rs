//! Save, load and import: archives between two daemons, and to and from podman, skopeo and a registry.

use std::fs;
use std::io::{Read, Write};
use std::net::TcpListener;
use std::path::Path;
use std::process::Command;

use testkit::program::{Said, programs, run};
use testkit::registry::Registry;
use testkit::{Daemon, eventually};

/// A podman whose whole world is one directory, and a cgroup above those of its containers.
struct Podman {
    dir: tempfile::TempDir,
    parent: String,
}

impl Podman {
    fn new() -> Self {
        let dir = tempfile::Builder::new().prefix("shoal-podman-save.").tempdir().unwrap();
        // In place of the machine's own settings. The locks would be shared by all podmans otherwise.
        fs::write(dir.path().join("containers.conf"), "[engine]\nlock_type = \"file\"\n").unwrap();
        let parent = dir.path().file_name().unwrap().to_str().unwrap().to_owned();
        Self { dir, parent }
    }

    fn call(&self, args: &[&str]) -> Said {
        let path = |name: &str| self.dir.path().join(name);
        let mut command = Command::new("podman");
        command.arg("--runtime").arg(programs().join("shoal-runtime"));
        command.arg("--root").arg(path("root")).arg("--runroot").arg(path("run"));
        command.arg("--tmpdir").arg(path("tmp")).env("XDG_RUNTIME_DIR", path("xdg"));
        command.env("CONTAINERS_CONF", path("containers.conf"));
        command.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]);
        run(command.args(args))
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Also of a test that has failed: nothing is left to run on, and no mount keeps the directory.
        self.call(&["rm", "--all", "--force", "--time=0"]);
        // What conmon calls at a container's end may still be writing.
        let dir = self.dir.path().as_os_str().as_encoded_bytes().to_vec();
        eventually("podman has ended", || if is_named(&dir) { Err("it is still there") } else { Ok(()) });
        // The unified hierarchy, and those of each controller.
        let hierarchies = fs::read_dir("/sys/fs/cgroup").unwrap().flatten().map(|entry| entry.path());
        for hierarchy in hierarchies.chain(["/sys/fs/cgroup".into()]) {
            remove_groups(&hierarchy.join(&self.parent));
        }
    }
}

/// Removes a cgroup and those beneath it; what is not there need not be removed.
fn remove_groups(group: &Path) {
    for entry in fs::read_dir(group).into_iter().flatten().flatten() {
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            remove_groups(&entry.path());
        }
    }
    fs::remove_dir(group).ok();
}

fn is_named(dir: &[u8]) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.windows(dir.len()).any(|words| words == dir))
}

fn skopeo(args: &[&str]) -> String {
    run(Command::new("skopeo").arg("--insecure-policy").args(args)).ok()
}

/// The ids and names of all images, sorted.
fn images(daemon: &Daemon) -> Vec<String> {
    let said = daemon.docker(&["images", "--no-trunc", "--format", "{{.Repository}}:{{.Tag}} {{.ID}}"]).ok();
    let mut lines: Vec<String> = said.lines().map(str::to_owned).collect();
    lines.sort();
    lines
}

/// The manifest of each image: what a push of it would have as its digest.
fn index(daemon: &Daemon) -> String {
    let text = fs::read_to_string(daemon.path("data").join("image/index.json")).unwrap();
    let index: serde_json::Value = serde_json::from_str(&text).unwrap();
    let mut digests: Vec<String> =
        index["manifests"].as_array().unwrap().iter().map(|entry| entry["digest"].to_string()).collect();
    digests.sort();
    digests.concat()
}

fn text(path: &Path) -> &str {
    path.to_str().unwrap()
}

#[test]
fn what_is_saved_is_the_same_again_elsewhere() {
    let (here, there) = (Daemon::start(&[]), Daemon::start(&[]));
    here.load_images();
    here.docker(&["tag", "busybox", "other:2"]).ok();
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first.tar"), dir.path().join("second.tar"));
    let names = ["busybox", "other:2", "shoal/hello-http"];
    here.docker(&[&["save", "-o", text(&first)][..], &names].concat()).ok();
    let said = there.docker(&["load", "-i", text(&first)]).ok();
    for name in ["busybox:latest", "other:2", "shoal/hello-http:latest"] {
        assert!(said.contains(&format!("Loaded image: {name}")), "{said}");
    }
    assert_eq!(images(&there), images(&here));
    assert_eq!(index(&there), index(&here));
    assert_eq!(there.docker(&["run", "--rm", "other:2", "echo", "alive"]).ok(), "alive");
    // The same bytes from everywhere and from either client, each layer in it once.
    there.shoal(&[&["save", "-o", text(&second)][..], &names].concat()).ok();
    assert!(
        fs::read(&first).unwrap() == fs::read(&second).unwrap(),
        "two archives of the same images differ"
    );
    let listed = run(Command::new("tar").arg("-tf").arg(&first)).ok();
    let mut entries: Vec<&str> = listed.lines().collect();
    let all = entries.len();
    entries.sort_unstable();
    entries.dedup();
    assert_eq!(entries.len(), all, "{listed}");
    // By its id an image has no name, and what is there is not taken in twice.
    let id = here.docker(&["images", "-q", "busybox"]).ok();
    here.shoal(&["image", "save", "-o", text(&second), &id]).ok();
    assert!(here.docker(&["load", "-q", "-i", text(&second)]).ok().contains("Loaded image ID: sha256:"));
    assert_eq!(images(&there), images(&here));
    there.docker(&["rmi", "-f", "busybox", "other:2", "shoal/hello-http"]).ok();
    assert!(there.shoal(&["load", "-q", "-i", text(&second)]).ok().contains("Loaded image ID: sha256:"));
    assert_eq!(there.docker(&["run", "--rm", &id, "echo", "alive"]).ok(), "alive");
}

#[test]
fn archives_go_to_podman_and_come_from_it() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    let saved = path("saved.tar");
    daemon.docker(&["save", "-o", text(&saved), "busybox"]).ok();
    let podman = Podman::new();
    let said = podman.call(&["load", "-i", text(&saved)]).ok();
    assert!(said.contains("docker.io/library/busybox:latest"), "{said}");
    let parent = format!("--cgroup-parent=/{}", podman.parent);
    let options = ["run", "--rm", "--network=none", &parent, "busybox", "echo", "in podman"];
    assert_eq!(podman.call(&options).ok(), "in podman");
    let id = daemon.docker(&["images", "-q", "--no-trunc", "busybox"]).ok();
    daemon.docker(&["rmi", "busybox"]).ok();
    for format in ["docker-archive", "oci-archive"] {
        let archive = path(format);
        podman.call(&["save", "--format", format, "-o", text(&archive), "busybox"]).ok();
        let said = daemon.docker(&["load", "-i", text(&archive)]).ok();
        assert!(said.contains("Loaded image: busybox:latest"), "{format}: {said}");
        assert_eq!(daemon.docker(&["run", "--rm", "busybox", "echo", "back"]).ok(), "back");
        if format == "docker-archive" {
            assert_eq!(daemon.docker(&["images", "-q", "--no-trunc", "busybox"]).ok(), id);
        }
        daemon.docker(&["rmi", "-f", "busybox"]).ok();
    }
    // Two images in one archive, which podman tells apart by Docker's table.
    testkit::image::import_busybox(&daemon);
    daemon.docker(&["save", "-o", text(&saved), "busybox", "shoal/hello-http"]).ok();
    let said = podman.call(&["load", "-i", text(&saved)]).ok();
    assert!(said.contains("busybox:latest") && said.contains("shoal/hello-http:latest"), "{said}");
}

#[test]
fn archives_go_through_skopeo_and_a_registry() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    let dir = tempfile::tempdir().unwrap();
    let path = |name: &str| dir.path().join(name).display().to_string();
    let saved = path("saved.tar");
    daemon.docker(&["save", "-o", &saved, "busybox"]).ok();
    let registry = Registry::start();
    let name = registry.name("team/box:1");
    let from = format!("docker-archive:{saved}:busybox:latest");
    skopeo(&["copy", "--dest-tls-verify=false", &from, &format!("docker://{name}")]);
    daemon.docker(&["pull", &name]).ok();
    let id = |name: &str| daemon.docker(&["images", "-q", "--no-trunc", name]).ok();
    assert_eq!(id(&name), id("busybox"));
    // The same archive read as an OCI layout, and layouts that skopeo writes.
    skopeo(&["copy", &format!("oci-archive:{saved}"), &format!("oci:{}:busybox:1", path("layout"))]);
    skopeo(&["copy", &format!("oci-archive:{saved}"), &format!("oci-archive:{}:busybox:2", path("oci.tar"))]);
    run(Command::new("tar").args(["-C", &path("layout"), "-czf", &path("layout.tgz"), "."])).ok();
    let config = id("busybox");
    daemon.docker(&["rmi", "-f", "busybox", &name]).ok();
    for (archive, name) in [("layout.tgz", "busybox:1"), ("oci.tar", "busybox:2")] {
        let said = daemon.docker(&["load", "-i", &path(archive)]).ok();
        assert!(said.contains(&format!("Loaded image: {name}")), "{said}");
        assert_eq!(id(name), config);
    }
    assert_eq!(daemon.docker(&["run", "--rm", "busybox:2", "echo", "alive"]).ok(), "alive");
    // From one daemon to the registry and into another name of it, by the API alone.
    let (host, there) = (daemon.host(), registry.name("team/box:3"));
    let from = ["copy", "--src-daemon-host", &host, "--dest-tls-verify=false", "docker-daemon:busybox:2"];
    skopeo(&[&from[..], &[&format!("docker://{there}")]].concat());
    let to = ["copy", "--dest-daemon-host", &host, "--src-tls-verify=false", &format!("docker://{there}")];
    skopeo(&[&to[..], &["docker-daemon:back:1"]].concat());
    assert_eq!(daemon.docker(&["run", "--rm", "back:1", "echo", "back"]).ok(), "back");
}

#[test]
fn what_cannot_be_saved_or_loaded_is_told_in_a_sentence() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    let dir = tempfile::tempdir().unwrap();
    let target = dir.path().join("kept.tar");
    fs::write(&target, "before").unwrap();
    for client in [Daemon::docker, Daemon::shoal] {
        let said = client(&daemon, &["save", "-o", text(&target), "busybox", "absent:1"]);
        assert!(said.code != 0 && said.err.contains("No such image: absent:1"), "{}", said.err);
        assert_eq!(fs::read(&target).unwrap(), b"before");
    }
    let (status, body) = daemon.request("GET", "/images/absent/get");
    assert!(status == 404 && body.contains("No such image: absent:latest"), "{status} {body}");
    let said = daemon.shoal(&["save", "--platform", "linux/s390x", "-o", text(&target), "busybox"]);
    assert!(said.err.contains("does not provide the specified platform (linux/s390x)"), "{}", said.err);
    let wanted = "%7B%22os%22%3A%22linux%22%2C%22architecture%22%3A%22s390x%22%7D";
    let (status, _) = daemon.request("GET", &format!("/images/get?names=busybox&platform={wanted}"));
    assert_eq!(status, 404);
    daemon.shoal(&["save", "-o", text(&target), "busybox"]).ok();
    daemon.docker(&["rmi", "busybox"]).ok();
    let said = daemon.shoal(&["load", "--platform", "linux/s390x", "-i", text(&target)]);
    assert!(said.code != 0 && said.err.contains("linux/s390x"), "{}", said.err);
    let whole = fs::read(&target).unwrap();
    let mut broken = whole.clone();
    let at = broken.len() / 2;
    broken[at] ^= 1;
    fs::write(&target, broken).unwrap();
    let said = daemon.docker(&["load", "-q", "-i", text(&target)]);
    assert!(said.code != 0 && said.err.contains("has digest"), "{}", said.err);
    assert_eq!(said.err.trim().lines().count(), 1, "{}", said.err);
    fs::write(&target, [&b"BZh91AY&SY"[..], &[0; 600]].concat()).unwrap();
    let said = daemon.docker(&["load", "-q", "-i", text(&target)]);
    assert!(said.err.contains("bzip2 is not supported"), "{}", said.err);
    assert_eq!(daemon.docker(&["images", "-aq"]).ok(), "");
    let store = daemon.path("data").join("image");
    for directory in ["blobs/sha256", "layers", "tmp"] {
        eventually("nothing is left", || {
            let left = fs::read_dir(store.join(directory)).unwrap().count();
            if left == 0 { Ok(()) } else { Err(format!("{left} in {directory}")) }
        });
    }
}

/// Answers requests: a redirect from `/moved`, the archive at `/root.tar`, 404 for all else.
fn serve(archive: Vec<u8>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = listener.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let mut asked = [0; 4096];
            let length = stream.read(&mut asked).unwrap_or(0);
            let line = String::from_utf8_lossy(&asked[..length]).into_owned();
            let (head, body) = match line.split_whitespace().nth(1) {
                Some("/moved") => ("302 Found\r\nLocation: /root.tar", &[][..]),
                Some("/root.tar") => ("200 OK", &archive[..]),
                _ => ("404 Not Found", &b"no"[..]),
            };
            let length = body.len();
            // A client that goes early is the client's affair.
            let _ =
                write!(stream, "HTTP/1.1 {head}\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n")
                    .and_then(|()| stream.write_all(body));
        }
    });
    port
}

#[test]
fn an_import_takes_changes_compression_and_urls() {
    let daemon = Daemon::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let archive = testkit::image::busybox_tar(dir.path());
    let changes = [
        r#"CMD ["echo","imported"]"#,
        "ENV A=1 B=2",
        "EXPOSE 80/tcp",
        "WORKDIR /tmp",
        "USER nobody",
        "LABEL x=y",
        "VOLUME /data",
        "STOPSIGNAL SIGINT",
        "HEALTHCHECK CMD true",
    ];
    let changes = changes.iter().flat_map(|change| ["--change", change]);
    let mut args = vec!["import"];
    args.extend(changes);
    args.extend(["--message", "mine", "--platform", "linux/arm64", text(&archive), "made:1"]);
    daemon.docker(&args).ok();
    let told = "{{json .Config.Env}} {{.Config.WorkingDir}} {{.Config.User}} {{.Config.Labels}} {{.Comment}} \
                {{.Architecture}} {{.Config.StopSignal}} {{json .Config.ExposedPorts}}";
    assert_eq!(
        daemon.docker(&["image", "inspect", "-f", told, "made:1"]).ok(),
        r#"["A=1","B=2"] /tmp nobody map[x:y] mine arm64 SIGINT {"80/tcp":{}}"#
    );
    let packed = dir.path().join("busybox.tar.gz");
    run(Command::new("gzip").arg("--keep").arg(&archive)).ok();
    daemon.shoal(&["import", "-c", r#"CMD ["echo","small"]"#, text(&packed), "made:2"]).ok();
    assert_eq!(daemon.docker(&["run", "--rm", "made:2"]).ok(), "small");
    let layers = ["image", "inspect", "-f", "{{.RootFS.Layers}}", "made:1", "made:2"];
    let layers = daemon.docker(&layers).ok();
    let mut lines = layers.lines();
    assert_eq!(lines.next(), lines.next(), "the layer does not depend on its compression");
    let port = serve(fs::read(&archive).unwrap());
    let url = |rest: &str| format!("http://user:secret@127.0.0.1:{port}/{rest}");
    daemon.docker(&["import", &url("moved"), "made:3"]).ok();
    assert_eq!(daemon.docker(&["run", "--rm", "made:3", "echo", "fetched"]).ok(), "fetched");
    let comment = daemon.docker(&["image", "inspect", "-f", "{{.Comment}}", "made:3"]).ok();
    assert_eq!(comment, format!("Imported from http://127.0.0.1:{port}/moved"));
    let said = daemon.docker(&["import", &url("absent"), "made:4"]);
    assert!(said.code != 0 && said.err.contains("404 Not Found"), "{}", said.err);
    assert!(!said.err.contains("secret") && !daemon.log().contains("secret"), "{}", said.err);
    assert!(!daemon.docker(&["images"]).ok().contains("made:4"));
}
