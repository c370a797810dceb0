//! Storage drivers that keep a tree for each container, walked through with the real `docker` client.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::Daemon;

/// A btrfs of its own, in a file; unmounted on drop.
struct Btrfs {
    dir: tempfile::TempDir,
}

impl Btrfs {
    fn make() -> Btrfs {
        let dir = tempfile::Builder::new().prefix("shoal-test.").tempdir().unwrap();
        let (file, place) = (dir.path().join("disk"), dir.path().join("mounted"));
        fs::File::create(&file).unwrap().set_len(256 << 20).unwrap();
        fs::create_dir(&place).unwrap();
        let made = Command::new("mkfs.btrfs").arg("-q").arg(&file).status();
        assert!(made.expect("mkfs.btrfs (package btrfs-progs)").success());
        let mounted = Command::new("mount").args(["-o", "loop"]).args([&file, &place]).status().unwrap();
        assert!(mounted.success(), "a btrfs can be mounted");
        Btrfs { dir }
    }

    fn root(&self) -> PathBuf {
        self.dir.path().join("mounted/data")
    }
}

impl Drop for Btrfs {
    fn drop(&mut self) {
        // The daemon is gone by now; a mount that stays would keep the directory.
        Command::new("umount").arg("-l").arg(self.dir.path().join("mounted")).status().ok();
    }
}

/// What a container's files go through, from the image to an image again.
fn walk(daemon: &mut Daemon, driver: &str) {
    daemon.load_images();
    assert_eq!(daemon.docker(&["info", "--format", "{{.Driver}}"]).ok(), driver);
    daemon.docker(&["create", "--name", "made", "busybox"]).ok();
    assert_eq!(daemon.docker(&["diff", "made"]).ok(), "");
    let line = "echo new > /new; echo x > /etc/group; rm -f /bin/false; mkdir -p /a/b; echo y > /a/b/c; mkfifo /pipe; true";
    daemon.docker(&["run", "--name", "one", "-v", "kept:/etc", "busybox", "sh", "-c", line]).ok();
    let said = daemon.docker(&["diff", "one"]).ok();
    let told: Vec<&str> = said.lines().collect();
    for line in ["A /new", "C /bin", "D /bin/false", "A /a", "A /a/b", "A /a/b/c", "A /pipe"] {
        assert!(told.contains(&line), "{line} in {said}");
    }
    assert!(!said.contains("/etc/group") && !said.contains("/bin/true"), "{said}");
    // The image has not changed, and neither has the volume's own beginning.
    assert_eq!(daemon.docker(&["run", "--rm", "busybox", "ls", "/bin/false"]).ok(), "/bin/false");
    assert_eq!(daemon.docker(&["run", "--rm", "-v", "kept:/k", "busybox", "cat", "/k/group"]).ok(), "x");

    daemon.docker(&["commit", "one", "mine"]).ok();
    let line = "cat /new /a/b/c; ls /bin/false 2>&1 | grep -c No";
    assert_eq!(daemon.docker(&["run", "--rm", "mine", "sh", "-c", line]).ok(), "new\ny\n1");

    // Of a container that does not run: out, in, all of it, and its size.
    let at = daemon.path("copied");
    let at = at.to_str().unwrap();
    daemon.docker(&["cp", "one:/a/b/c", at]).ok();
    assert_eq!(fs::read_to_string(at).unwrap(), "y\n");
    daemon.docker(&["cp", at, "one:/in"]).ok();
    let archive = daemon.path("all.tar");
    daemon.docker(&["export", "-o", archive.to_str().unwrap(), "one"]).ok();
    let names = Command::new("tar").arg("-tf").arg(&archive).output().unwrap();
    let names = String::from_utf8_lossy(&names.stdout).into_owned();
    assert!(names.lines().any(|name| name == "in") && !names.contains("bin/false"), "{names}");
    let size = daemon.docker(&["ps", "-a", "-s", "--filter", "name=one", "--format", "{{.Size}}"]).ok();
    assert!(!size.starts_with("0B") && size.contains("virtual"), "{size}");

    // A daemon that dies keeps them, and finds its driver again.
    daemon.kill();
    daemon.restart();
    assert_eq!(daemon.docker(&["info", "--format", "{{.Driver}}"]).ok(), driver);
    daemon.docker(&["start", "-a", "one"]).ok();
    assert_eq!(daemon.docker(&["exec", "one", "true"]).code, 1);
    daemon.docker(&["rm", "-v", "one", "made"]).ok();
}

#[test]
fn vfs_keeps_a_tree_for_each_container() {
    let mut daemon = Daemon::start(&["--storage-driver", "vfs"]);
    walk(&mut daemon, "vfs");
    assert_eq!(fs::read_dir(daemon.path("data/image/containers")).unwrap().count(), 0);
}

#[test]
fn on_btrfs_a_container_shares_the_blocks_of_its_image() {
    let disk = Btrfs::make();
    let root = disk.root();
    let mut daemon = Daemon::start(&["--storage-driver", "btrfs", "--data-root", root.to_str().unwrap()]);
    walk(&mut daemon, "btrfs");
    daemon.docker(&["create", "--name", "held", "busybox"]).ok();
    let shared = shared_bytes(&root.join("image/containers"));
    assert!(shared > 1 << 20, "{shared} bytes are shared with the image");
    daemon.docker(&["rm", "held"]).ok();
    drop(daemon);
}

#[test]
fn where_overlayfs_does_not_work_files_are_copied() {
    // Overlayfs does not take an overlay for its writable layer.
    let dir = tempfile::Builder::new().prefix("shoal-test.").tempdir().unwrap();
    let path = |name: &str| dir.path().join(name);
    for name in ["lower", "upper", "work", "merged"] {
        fs::create_dir(path(name)).unwrap();
    }
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        path("lower").display(),
        path("upper").display(),
        path("work").display()
    );
    let mounted =
        Command::new("mount").args(["-t", "overlay", "overlay", "-o", &options]).arg(path("merged")).status();
    assert!(mounted.unwrap().success());
    let _unmount = Unmount(path("merged"));
    let root = path("merged/data");
    let daemon = Daemon::start(&["--data-root", root.to_str().unwrap()]);
    daemon.load_images();
    assert_eq!(daemon.docker(&["info", "--format", "{{.Driver}}"]).ok(), "vfs");
    assert_eq!(daemon.docker(&["run", "--rm", "busybox", "echo", "here"]).ok(), "here");
    drop(daemon);
}

struct Unmount(PathBuf);

impl Drop for Unmount {
    fn drop(&mut self) {
        Command::new("umount").arg("-l").arg(&self.0).status().ok();
    }
}

/// Bytes of files beneath a directory whose blocks others have too, as the kernel tells them (FS_IOC_FIEMAP).
fn shared_bytes(top: &Path) -> u64 {
    let said = Command::new("btrfs").args(["filesystem", "du", "--raw", "-s"]).arg(top).output().unwrap();
    let text = String::from_utf8_lossy(&said.stdout).into_owned();
    let total = |line: &str| line.split_whitespace().next()?.parse::<u64>().ok();
    let exclusive = |line: &str| line.split_whitespace().nth(1)?.parse::<u64>().ok();
    let line = text.lines().last().unwrap_or_default();
    total(line).unwrap_or(0).saturating_sub(exclusive(line).unwrap_or(0))
}
