//! Images over the wire: a real registry, archives that are wrong, and a disk that is full.

use std::fs;
use std::process::{Child, Command, Stdio};

use testkit::{Daemon, eventually};

/// Debian's registry on a port of its own; ended on drop.
struct Registry {
    child: Child,
    port: u16,
    _dir: tempfile::TempDir,
}

impl Registry {
    fn start() -> Self {
        let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
        let dir = tempfile::tempdir().unwrap();
        let file = dir.path().join("config.yml");
        let text = format!(
            "version: 0.1\nstorage:\n  filesystem:\n    rootdirectory: {}\nhttp:\n  addr: 127.0.0.1:{port}\n",
            dir.path().join("data").display()
        );
        fs::write(&file, text).unwrap();
        let child = Command::new("docker-registry")
            .arg("serve")
            .arg(&file)
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("docker-registry is installed by `cargo xtask test`");
        eventually("the registry listens", || std::net::TcpStream::connect(("127.0.0.1", port)));
        Self { child, port, _dir: dir }
    }

    /// One request with busybox-free means: a raw HTTP call; returns head and body.
    fn call(&self, head: &str, body: &[u8]) -> String {
        use std::io::{Read, Write};
        let mut stream = std::net::TcpStream::connect(("127.0.0.1", self.port)).unwrap();
        write!(
            stream,
            "{head}\r\nHost: 127.0.0.1\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
            body.len()
        )
        .unwrap();
        stream.write_all(body).unwrap();
        let mut answer = Vec::new();
        stream.read_to_end(&mut answer).unwrap();
        String::from_utf8_lossy(&answer).into_owned()
    }

    fn blob(&self, repository: &str, digest: &str, body: &[u8]) {
        let answer = self.call(&format!("POST /v2/{repository}/blobs/uploads/ HTTP/1.1"), b"");
        let place = answer
            .lines()
            .find_map(|line| line.strip_prefix("Location: "))
            .expect("a place to upload to")
            .trim();
        let place = place.split_once("/v2/").expect("an upload path").1;
        let joint = if place.contains('?') { '&' } else { '?' };
        let head = format!(
            "PUT /v2/{place}{joint}digest={digest} HTTP/1.1\r\nContent-Type: application/octet-stream"
        );
        let answer = self.call(&head, body);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }

    /// Pushes the image of an OCI layout directory as `repository:1`.
    fn push(&self, repository: &str, layout: &std::path::Path) {
        let read = |digest: &str| fs::read(layout.join("blobs/sha256").join(&digest[7..])).unwrap();
        let index: serde_json::Value =
            serde_json::from_slice(&fs::read(layout.join("index.json")).unwrap()).unwrap();
        let manifest = read(index["manifests"][0]["digest"].as_str().unwrap());
        let parsed: serde_json::Value = serde_json::from_slice(&manifest).unwrap();
        let layers = parsed["layers"].as_array().unwrap().iter();
        for part in layers.chain([&parsed["config"]]) {
            let digest = part["digest"].as_str().unwrap();
            self.blob(repository, digest, &read(digest));
        }
        let head = format!(
            "PUT /v2/{repository}/manifests/1 HTTP/1.1\r\nContent-Type: application/vnd.oci.image.manifest.v1+json"
        );
        let answer = self.call(&head, &manifest);
        assert!(answer.starts_with("HTTP/1.1 201"), "{answer}");
    }
}

impl Drop for Registry {
    fn drop(&mut self) {
        self.child.kill().ok();
        self.child.wait().ok();
    }
}

/// The shipped image, unpacked as the OCI layout that its archive is.
fn layout(dir: &std::path::Path) {
    let archive = testkit::program::programs().join("hello-http.tar");
    testkit::program::run(Command::new("tar").arg("-C").arg(dir).arg("-xf").arg(archive)).ok();
}

#[test]
fn pull_from_a_real_registry_and_run() {
    let registry = Registry::start();
    let dir = tempfile::tempdir().unwrap();
    layout(dir.path());
    registry.push("team/hello", dir.path());
    let daemon = Daemon::start(&[]);
    let name = format!("127.0.0.1:{}/team/hello:1", registry.port);
    let said = daemon.docker(&["pull", &name]);
    assert_eq!(said.code, 0, "{}", said.err);
    assert!(said.out.contains("Status: Downloaded newer image"), "{}", said.out);
    assert!(daemon.shoal(&["pull", &name]).ok().contains("Image is up to date"));
    daemon.docker(&["run", "-d", "--name", "one", &name]).ok();
    let said = daemon.docker(&["rmi", &name]);
    assert!(said.err.contains("conflict"), "{}", said.err);
    daemon.docker(&["rm", "-f", "one"]).ok();
    daemon.docker(&["tag", &name, "other:2"]).ok();
    assert!(daemon.docker(&["rmi", &name]).ok().contains("Untagged"));
    assert!(daemon.shoal(&["rmi", "other:2"]).ok().contains("Deleted: sha256:"));
    assert_eq!(daemon.docker(&["images", "-q"]).ok(), "");
    let absent = format!("127.0.0.1:{}/team/hello:absent", registry.port);
    assert!(daemon.docker(&["pull", &absent]).err.contains("not found"));
}

#[test]
fn wrong_archives_leave_nothing() {
    let daemon = Daemon::start(&[]);
    let dir = tempfile::tempdir().unwrap();
    let archive = fs::read(testkit::program::programs().join("hello-http.tar")).unwrap();
    let cut = dir.path().join("cut.tar");
    fs::write(&cut, &archive[..archive.len() / 2]).unwrap();
    let mut flipped = archive.clone();
    let middle = flipped.len() / 2;
    flipped[middle] ^= 0xff;
    let corrupt = dir.path().join("corrupt.tar");
    fs::write(&corrupt, flipped).unwrap();
    let garbage = dir.path().join("garbage.tar");
    fs::write(&garbage, b"this is no archive").unwrap();
    for path in [cut, corrupt, garbage] {
        let path = path.display().to_string();
        for said in [daemon.shoal(&["load", "-i", &path]), daemon.docker(&["load", "-i", &path])] {
            assert_ne!(said.code, 0, "{path}: {}", said.out);
            assert!(!said.err.trim().is_empty(), "{path}");
        }
    }
    assert_eq!(daemon.docker(&["images", "-aq"]).ok(), "");
    let blobs = daemon.path("data").join("image");
    let used = testkit::program::run(Command::new("du").arg("-s").arg(&blobs)).ok();
    let kilobytes: u64 =
        used.split_whitespace().next().and_then(|text| text.parse().ok()).expect("du counts");
    assert!(kilobytes < 4096, "{used}: debris is left");
}

#[test]
fn a_full_disk_is_an_error_and_leaves_no_debris() {
    testkit::program::need_root();
    let dir = tempfile::tempdir().unwrap();
    let small = SmallDisk::mount(dir.path());
    let data = small.path.join("data").display().to_string();
    let daemon = Daemon::start(&["--data-root", &data]);
    let source = dir.path().join("big.tar");
    let zeros = dir.path().join("zeros");
    fs::write(&zeros, vec![7; 64 << 20]).unwrap();
    testkit::program::run(Command::new("tar").arg("-cf").arg(&source).arg("-C").arg(dir.path()).arg("zeros"))
        .ok();
    let before = small.used();
    let said = daemon.shoal(&["import", &source.display().to_string(), "big:1"]);
    assert_ne!(said.code, 0);
    assert!(said.err.to_lowercase().contains("no space left"), "{}", said.err);
    eventually("the space is given back", || {
        let used = small.used();
        if used <= before + (1 << 20) { Ok(()) } else { Err(format!("{used} of {before} bytes are used")) }
    });
    assert_eq!(daemon.docker(&["images", "-q"]).ok(), "");
    testkit::image::import_busybox(&daemon);
    assert_eq!(daemon.docker(&["run", "--rm", "busybox", "echo", "alive"]).ok(), "alive");
}

/// A memory disk of 48 MB, unmounted on drop.
struct SmallDisk {
    path: std::path::PathBuf,
}

impl SmallDisk {
    fn mount(dir: &std::path::Path) -> Self {
        let path = dir.join("disk");
        fs::create_dir(&path).unwrap();
        testkit::program::run(
            Command::new("mount").args(["-t", "tmpfs", "-o", "size=48m", "tmpfs"]).arg(&path),
        )
        .ok();
        Self { path }
    }

    fn used(&self) -> u64 {
        let stat = nix::sys::statvfs::statvfs(&self.path).unwrap();
        (stat.blocks() - stat.blocks_free()) * stat.fragment_size()
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        testkit::program::run(Command::new("umount").arg("-l").arg(&self.path));
    }
}

#[test]
fn a_device_in_a_layer_stays_inert() {
    testkit::program::need_root();
    let dir = tempfile::tempdir().unwrap();
    let root = dir.path().join("root");
    fs::create_dir_all(root.join("bin")).unwrap();
    let busybox =
        ["/bin/busybox", "/usr/bin/busybox"].into_iter().find(|path| fs::exists(path).unwrap_or(false));
    fs::copy(busybox.expect("busybox is installed by `cargo xtask test`"), root.join("bin/sh")).unwrap();
    // The kernel's memory and its log: whoever could open them would own the machine.
    for (name, minor) in [("mem", "1"), ("kmsg", "11")] {
        testkit::program::run(Command::new("mknod").arg(root.join(name)).args(["c", "1", minor])).ok();
    }
    let archive = dir.path().join("root.tar");
    testkit::program::run(Command::new("tar").arg("-C").arg(&root).arg("-cf").arg(&archive).arg(".")).ok();
    let daemon = Daemon::start(&[]);
    daemon.shoal(&["import", &archive.display().to_string(), "devices:1"]).ok();
    for name in ["/mem", "/kmsg"] {
        let line = format!("read -r x < {name} && echo opened");
        let said = daemon.docker(&["run", "--rm", "devices:1", "/bin/sh", "-c", &line]);
        assert!(!said.out.contains("opened"), "{name}: {}", said.out);
        let denied = said.err.contains("not permitted") || said.err.contains("ermission denied");
        assert!(denied, "{name}: {}", said.err);
    }
}
