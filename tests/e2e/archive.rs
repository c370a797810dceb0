//! `cp` and `export`: files in and out of containers that run and that do not.

use std::fs;
use std::io::{Read, Write};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use testkit::program::{Said, said};
use testkit::{Daemon, eventually};

/// Copies in each direction while somebody swaps parts of the paths for links.
const RACES: usize = 1500;
/// How many clients copy at the same time.
const RACERS: usize = 3;

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    daemon
}

/// The client with bytes to read.
fn docker_fed(daemon: &Daemon, args: &[&str], input: &[u8]) -> Said {
    let mut command = Command::new("docker");
    command.env_remove("DOCKER_HOST").args(["-H", &daemon.host()]).args(args);
    let mut child =
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // A client that refuses does not read.
    let _ = child.stdin.take().unwrap().write_all(input);
    said(child.wait_with_output().unwrap())
}

/// The archive of a path in a container, listed with numbers of owners.
fn listed(daemon: &Daemon, path: &str) -> String {
    let mut command = Command::new("docker");
    let archive =
        command.args(["-H", &daemon.host(), "cp", path, "-"]).env_remove("DOCKER_HOST").output().unwrap();
    let mut list = Command::new("tar");
    let list = list.args(["--numeric-owner", "-tv"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut list = list.spawn().unwrap();
    list.stdin.take().unwrap().write_all(&archive.stdout).unwrap();
    String::from_utf8(list.wait_with_output().unwrap().stdout).unwrap()
}

/// One request as it goes over the wire, and the whole answer: quicker than a client's process for each.
fn request(daemon: &Daemon, method: &str, path: &str, body: &[u8]) -> Vec<u8> {
    let mut stream = UnixStream::connect(daemon.path("sock")).unwrap();
    let head = format!(
        "{method} /v1.47/containers/{path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes()).unwrap();
    // A request that is refused early is not read to its end.
    let _ = stream.write_all(body);
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    answer
}

fn text(path: &Path) -> String {
    path.to_str().unwrap().to_owned()
}

/// A directory with a file, a directory and a link, and a place to copy to.
fn model(daemon: &Daemon) -> (PathBuf, PathBuf) {
    let (model, out) = (daemon.path("model"), daemon.path("out"));
    fs::create_dir_all(model.join("sub")).unwrap();
    fs::create_dir(&out).unwrap();
    fs::write(model.join("file"), "text").unwrap();
    fs::write(model.join("sub/deep"), "deep").unwrap();
    symlink("sub/deep", model.join("link")).unwrap();
    std::os::unix::fs::chown(model.join("file"), Some(1234), Some(5678)).unwrap();
    (model, out)
}

#[test]
fn both_ways_with_a_container_in_each_state() {
    let daemon = daemon();
    let (model, out) = model(&daemon);
    daemon.docker(&["create", "--name", "made", "busybox"]).ok();
    daemon.docker(&["run", "-d", "--name", "live", "-v", "data:/data", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["run", "--name", "ended", "-v", "data:/data", "busybox", "true"]).ok();
    for name in ["made", "live", "ended"] {
        let cp = |from: &str, to: &str| daemon.docker(&["cp", from, to]);
        let inside = |path: &str| format!("{name}:{path}");
        cp(&text(&model), &inside("/tmp/new")).ok();
        cp(&format!("{}/.", model.display()), &inside("/tmp")).ok();
        cp(&text(&model.join("file")), &inside("/etc/named")).ok();
        let place = out.join(name);
        cp(&inside("/tmp/new"), &text(&place)).ok();
        assert_eq!(fs::read_to_string(place.join("sub/deep")).unwrap(), "deep", "{name}");
        assert_eq!(fs::read_link(place.join("link")).unwrap(), Path::new("sub/deep"));
        cp(&inside("/tmp/sub/deep"), &text(&place.join("renamed"))).ok();
        assert_eq!(fs::read_to_string(place.join("renamed")).unwrap(), "deep");
        // A link by itself, and what it leads to.
        cp(&inside("/tmp/link"), &text(&place.join("as-link"))).ok();
        assert!(fs::symlink_metadata(place.join("as-link")).unwrap().is_symlink());
        daemon.docker(&["cp", "-L", &inside("/tmp/link"), &text(&place.join("followed"))]).ok();
        assert_eq!(fs::read_to_string(place.join("followed")).unwrap(), "deep");
        let listed = listed(&daemon, &inside("/etc/named"));
        assert!(listed.contains("1234/5678") && listed.contains("named"), "{listed}");

        let said = cp(&inside("/nosuch"), &text(&out));
        assert!(
            said.err.contains(&format!("Could not find the file /nosuch in container {name}")),
            "{}",
            said.err
        );
        let said = cp(&text(&model), &inside("/etc/named"));
        assert_ne!(said.code, 0, "a directory over a file: {}", said.out);
        let said = cp(&text(&model.join("file")), &inside("/etc/named/below"));
        assert_ne!(said.code, 0, "into a file: {}", said.out);
    }
    let started = daemon.docker(&["start", "-a", "ended"]);
    assert_eq!(started.code, 0, "{}", started.err);
}

#[test]
fn streams_and_compression() {
    let daemon = daemon();
    let (model, _) = model(&daemon);
    daemon.docker(&["create", "--name", "one", "-v", "data:/data", "busybox"]).ok();
    let tar = |flags: &str| {
        Command::new("tar")
            .args([flags, "-C", &text(&model), "."])
            .stdout(Stdio::piped())
            .output()
            .unwrap()
            .stdout
    };
    docker_fed(&daemon, &["cp", "-", "one:/tmp"], &tar("-c")).ok();
    docker_fed(&daemon, &["cp", "-", "one:/data"], &tar("-cz")).ok();
    for (path, wanted) in [("one:/tmp/sub", "sub/deep"), ("one:/data/sub/.", "./deep")] {
        let listed = listed(&daemon, path);
        assert!(listed.lines().any(|line| line.ends_with(&format!(" {wanted}"))), "{path}: {listed}");
    }
    // The volume got it, not the layer beneath.
    let read = ["run", "--rm", "-v", "data:/d", "busybox", "cat", "/d/sub/deep"];
    assert_eq!(daemon.docker(&read).ok(), "deep");
    let said = docker_fed(&daemon, &["cp", "-", "one:/tmp"], b"this is no archive at all");
    assert_ne!(said.code, 0);
}

#[test]
fn what_is_read_only_stays_so_and_links_lead_within() {
    let daemon = daemon();
    let (model, out) = model(&daemon);
    let file = text(&model.join("file"));
    let args = ["--read-only", "-v", "data:/data", "-v", "fixed:/fixed:ro", "--tmpfs", "/run"];
    daemon.docker(&[&["create", "--name", "stopped"], &args[..], &["busybox"]].concat()).ok();
    daemon
        .docker(&[&["run", "-d", "--name", "live"], &args[..], &["busybox", "sleep", "1000"]].concat())
        .ok();
    for name in ["stopped", "live"] {
        let said = daemon.docker(&["cp", &file, &format!("{name}:/etc/")]);
        assert!(said.err.contains("container rootfs is marked read-only"), "{}", said.err);
        let said = daemon.docker(&["cp", &file, &format!("{name}:/fixed/")]);
        assert!(said.err.contains("mounted volume is marked read-only"), "{}", said.err);
        daemon.docker(&["cp", &file, &format!("{name}:/data/{name}")]).ok();
    }
    let line = "mkdir -p /real /var; ln -s /real /var/abs; ln -s ../../../../etc /out; ln -s /etc/shoal-canary /evil";
    daemon.docker(&["run", "--name", "links", "busybox", "sh", "-c", line]).ok();
    daemon.docker(&["cp", &file, "links:/var/abs/"]).ok();
    daemon.docker(&["cp", "links:/real/file", &text(&out)]).ok();
    assert_eq!(fs::read_to_string(out.join("file")).unwrap(), "text");
    daemon.docker(&["cp", &file, "links:/out/shoal-canary"]).ok();
    // A link is replaced by what is copied over it... or followed, but only within the container.
    daemon.docker(&["cp", &file, "links:/evil"]);
    assert!(!Path::new("/etc/shoal-canary").exists());
    // Files that are made up as they are read have no end and are not read.
    daemon.docker(&["cp", "live:/proc/kcore", &text(&out.join("kcore"))]);
    assert!(fs::metadata(out.join("kcore")).map_or(0, |file| file.len()) < 1 << 20);
    daemon.docker(&["cp", "live:/dev/zero", &text(&out.join("zero"))]);
    let said = Command::new("docker").args(["-H", &daemon.host(), "cp", "live:/", "-"]).output().unwrap();
    assert!(said.stdout.len() > 1 << 20 && said.stdout.len() < 64 << 20, "{}", said.stdout.len());
}

/// CVE-2018-15664 and its kin: parts of the paths are swapped for links to the host while files are copied.
#[test]
fn swapping_links_lead_no_copy_to_the_host() {
    let daemon = daemon();
    let canary = daemon.path("canary");
    fs::create_dir(&canary).unwrap();
    fs::write(canary.join("secret"), "the host's").unwrap();
    let inside = text(&canary);
    // In the container the same path exists, with other contents; the host's must be neither read nor written.
    let line = format!(
        "mkdir -p {inside} /place/real; echo mine > {inside}/secret; echo mine > /place/real/secret; cd /place; \
         while :; do mv real x 2>/dev/null; ln -s {inside} real; rm real; ln -s /proc/1/root{inside} real; rm real; mv x real; done"
    );
    daemon.docker(&["run", "-d", "--name", "swap", "busybox", "sh", "-c", &line]).ok();
    eventually("the swapping has begun", || {
        let answer = request(&daemon, "GET", "swap/archive?path=/place/real/secret", b"");
        if answer.starts_with(b"HTTP/1.1 200") {
            Ok(())
        } else {
            Err(String::from_utf8_lossy(&answer).into_owned())
        }
    });
    let file = daemon.path("planted");
    fs::write(&file, "planted").unwrap();
    let tar =
        Command::new("tar").args(["-c", "-C", &text(daemon.path("").as_path()), "planted"]).output().unwrap();
    let has = |answer: &[u8], word: &str| answer.windows(word.len()).any(|bytes| bytes == word.as_bytes());
    let counts = std::thread::scope(|scope| {
        let racer = || {
            let (mut read, mut written) = (0, 0);
            for _ in 0..RACES / RACERS {
                let answer = request(&daemon, "GET", "swap/archive?path=/place/real/secret", b"");
                assert!(!has(&answer, "the host's"), "a file of the host was read");
                read += usize::from(has(&answer, "mine"));
                let answer = request(&daemon, "PUT", "swap/archive?path=/place/real", &tar.stdout);
                written += usize::from(answer.starts_with(b"HTTP/1.1 200"));
            }
            (read, written)
        };
        let racers: Vec<_> = (0..RACERS).map(|_| scope.spawn(racer)).collect();
        racers.into_iter().map(|racer| racer.join().unwrap()).fold((0, 0), |a, b| (a.0 + b.0, a.1 + b.1))
    });
    assert!(counts.0 > 0 && counts.1 > 0, "the copies met nothing: {counts:?}");
    let names: Vec<_> = fs::read_dir(&canary).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(names, ["secret"]);
    assert_eq!(fs::read_to_string(canary.join("secret")).unwrap(), "the host's");
    daemon.docker(&["rm", "-f", "swap"]).ok();
}

#[test]
fn an_export_is_the_whole_root_without_mounts() {
    let daemon = daemon();
    let line = "echo mine > /mine; rm /bin/true; echo x > /data/x";
    daemon.docker(&["run", "--name", "one", "-v", "data:/data", "busybox", "sh", "-c", line]).ok();
    daemon.docker(&["run", "-d", "--name", "live", "busybox", "sleep", "1000"]).ok();
    let tar = daemon.path("export.tar");
    daemon.docker(&["export", "-o", &text(&tar), "one"]).ok();
    let listed = testkit::program::run(Command::new("tar").args(["-tf", &text(&tar)])).ok();
    let has = |name: &str| listed.lines().any(|line| line == name);
    assert!(has("mine") && has("bin/busybox") && has("data/"), "{listed}");
    assert!(!has("bin/true") && !has("data/x"), "{listed}");
    daemon.docker(&["import", "--change", "CMD sh", &text(&tar), "again"]).ok();
    assert_eq!(daemon.docker(&["run", "--rm", "again", "cat", "/mine"]).ok(), "mine");
    daemon.docker(&["export", "-o", &text(&tar), "live"]).ok();
    eventually("nothing is mounted for it any more", || {
        let mounts = fs::read_to_string("/proc/self/mounts").unwrap();
        if mounts.contains(&text(&daemon.path("data"))) { Err(mounts) } else { Ok(()) }
    });
}
