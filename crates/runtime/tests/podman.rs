//! podman with `shoal-runtime` in place of its own OCI runtime.

mod bundle;

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

use bundle::{Bundle, eventually};

/// A podman whose whole world is one directory; its containers are gone with it.
struct Podman {
    dir: tempfile::TempDir,
    /// The cgroup above those of the containers.
    parent: String,
}

/// How podman ended, and what it said.
#[derive(Debug)]
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Said {
    fn of(command: &mut Command) -> Said {
        let output = command.output().expect("podman is installed by `cargo xtask test`");
        Said {
            code: output.status.code().unwrap_or(-1),
            out: String::from_utf8_lossy(&output.stdout).into_owned(),
            err: String::from_utf8_lossy(&output.stderr).into_owned(),
        }
    }

    /// What a call that must succeed has said.
    fn ok(self) -> String {
        assert_eq!(self.code, 0, "{self:?}");
        self.out
    }
}

impl Podman {
    fn new() -> Self {
        // Its root file system becomes the image.
        let bundle = Bundle::new(&[]);
        let dir = tempfile::Builder::new().prefix("shoal-podman-").tempdir().unwrap();
        let archive = dir.path().join("box.tar");
        let tar =
            Command::new("tar").arg("-C").arg(bundle.rootfs()).arg("-cf").arg(&archive).arg(".").status();
        assert!(tar.unwrap().success());
        // In place of the machine's own settings. The locks would be shared by all podmans otherwise.
        fs::write(dir.path().join("containers.conf"), "[engine]\nlock_type = \"file\"\n").unwrap();
        let parent = format!("/shoal-test-podman-{}", bundle.id);
        let podman = Self { dir, parent };
        podman.call(&["import", "--quiet", archive.to_str().unwrap(), "box"]).ok();
        podman
    }

    fn command(&self, args: &[&str]) -> Command {
        let path = |name: &str| self.dir.path().join(name);
        let mut command = Command::new("podman");
        command.arg("--runtime").arg(bundle::program());
        command.arg("--root").arg(path("root")).arg("--runroot").arg(path("run"));
        command.arg("--tmpdir").arg(path("tmp")).env("XDG_RUNTIME_DIR", path("xdg"));
        command.env("CONTAINERS_CONF", path("containers.conf"));
        command.args(["--storage-driver=vfs", "--cgroup-manager=cgroupfs", "--events-backend=file"]);
        command.args(args).stdin(Stdio::null());
        command
    }

    fn call(&self, args: &[&str]) -> Said {
        Said::of(&mut self.command(args))
    }

    /// Runs a container of the image in the foreground, without a network.
    fn run(&self, options: &[&str], program: &[&str]) -> Said {
        let parent = format!("--cgroup-parent={}", self.parent);
        self.call(&[&["run", "--rm", "--network=none", &parent], options, &["box"], program].concat())
    }

    fn inspect(&self, format: &str) -> String {
        self.call(&["inspect", "--format", format, "it"]).ok().trim().to_owned()
    }
}

impl Drop for Podman {
    fn drop(&mut self) {
        // Also of a test that has failed: nothing is left to run on, and no mount keeps the directory.
        let _ = self.command(&["rm", "--all", "--force", "--time=0"]).output();
        // What conmon calls at a container's end may still be writing.
        let dir = self.dir.path().as_os_str().as_encoded_bytes();
        let deadline = Instant::now() + Duration::from_secs(10);
        while is_named_by_a_process(dir) && Instant::now() < deadline {
            std::thread::yield_now();
        }
        let layout = runtime::cgroup::detect();
        let _ =
            layout.and_then(|layout| layout.cgroup(self.parent.as_ref())).and_then(|cgroup| cgroup.remove());
    }
}

fn is_named_by_a_process(dir: &[u8]) -> bool {
    let processes = fs::read_dir("/proc").unwrap().flatten();
    let mut lines = processes.filter_map(|process| fs::read(process.path().join("cmdline")).ok());
    lines.any(|line| line.windows(dir.len()).any(|words| words == dir))
}

#[test]
fn a_container_in_the_foreground_has_its_streams_and_exit_code() {
    let podman = Podman::new();
    assert_eq!(podman.run(&[], &["echo", "hello"]).ok(), "hello\n");
    assert_eq!(podman.run(&[], &["sh", "-c", "exit 7"]).code, 7);
    assert_eq!(podman.run(&["--tty"], &["tty"]).ok().trim(), "/dev/pts/0");
    assert_eq!(podman.run(&["--user=33:34"], &["id", "-u"]).ok(), "33\n");
    let parent = format!("--cgroup-parent={}", podman.parent);
    let mut cat = podman.command(&["run", "--rm", "--network=none", "--interactive", &parent, "box", "cat"]);
    let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"through");
}

#[test]
fn what_cannot_be_run_is_told_in_podmans_own_terms() {
    let podman = Podman::new();
    let said = podman.run(&[], &["nosuch"]);
    assert_eq!(said.code, 127, "{said:?}");
    assert!(said.err.contains("executable file not found"), "{said:?}");
    assert_eq!(podman.run(&[], &["/etc/passwd"]).code, 126);
}

#[test]
fn a_container_in_the_background_is_driven_through_its_life() {
    let podman = Podman::new();
    let script = "echo begun; trap 'echo asked; exit 3' TERM; while :; do sleep 0.05; done";
    let parent = format!("--cgroup-parent={}", podman.parent);
    let options =
        ["run", "--detach", &parent, "--name=it", "--network=none", "--memory=64m", "--pids-limit=50"];
    podman.call(&[&options[..], &["box", "sh", "-c", script]].concat()).ok();
    assert_eq!(podman.inspect("{{.State.Status}}"), "running");
    eventually("it has begun", || podman.call(&["logs", "it"]).out == "begun\n");

    assert_eq!(podman.call(&["exec", "it", "echo", "inside"]).ok(), "inside\n");
    assert_eq!(podman.call(&["exec", "it", "sh", "-c", "exit 5"]).code, 5);
    assert_eq!(podman.call(&["exec", "--tty", "it", "tty"]).ok().trim(), "/dev/pts/0");
    assert_eq!(podman.call(&["exec", "it", "nosuch"]).code, 127);
    let top = podman.call(&["top", "it", "args"]).ok();
    assert!(top.contains("sleep 0.05"), "{top}");

    podman.call(&["pause", "it"]).ok();
    assert_eq!(podman.inspect("{{.State.Status}}"), "paused");
    podman.call(&["unpause", "it"]).ok();
    assert_eq!(podman.inspect("{{.State.Status}}"), "running");

    podman.call(&["stop", "--time=20", "it"]).ok();
    assert_eq!(podman.inspect("{{.State.Status}} {{.State.ExitCode}}"), "exited 3");
    assert_eq!(podman.call(&["logs", "it"]).ok(), "begun\nasked\n");
    podman.call(&["start", "it"]).ok();
    podman.call(&["kill", "it"]).ok();
    assert_eq!(podman.call(&["wait", "it"]).ok(), "137\n");
    podman.call(&["rm", "it"]).ok();
    assert_eq!(podman.call(&["ps", "--all", "--quiet"]).ok(), "");
}

#[test]
fn a_container_has_users_of_its_own() {
    let podman = Podman::new();
    let maps = ["--uidmap=0:100000:65536", "--gidmap=0:100000:65536"];
    let said = podman
        .run(&maps, &["sh", "-c", "id -u; cat /proc/self/uid_map; touch /new; stat -c %u /new /bin/busybox"]);
    let output = said.ok();
    assert!(output.starts_with("0\n") && output.contains("100000      65536"), "{output}");
    assert!(output.ends_with("\n0\n0\n"), "{output}");
    assert_eq!(podman.run(&[&maps[..], &["--tty"]].concat(), &["tty"]).ok().trim(), "/dev/pts/0");
    let data = podman.dir.path().join("data");
    fs::create_dir(&data).unwrap();
    let volume = format!("--volume={}:/data:idmap", data.display());
    podman.run(&[&maps[..], &[&volume]].concat(), &["touch", "/data/mine"]).ok();
    assert_eq!(std::os::unix::fs::MetadataExt::uid(&fs::metadata(data.join("mine")).unwrap()), 0);
}
