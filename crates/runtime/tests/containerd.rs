//! dockerd and its containerd with `shoal-runtime` in place of runc. Needs root, busybox-static and docker.

mod bundle;

use std::fs;
use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};

use bundle::{Bundle, eventually};

/// A dockerd whose whole world is one directory, without a network; ended when dropped.
struct Dockerd {
    dir: tempfile::TempDir,
    parent: String,
    child: Child,
}

impl Dockerd {
    fn start() -> Dockerd {
        // Its root file system becomes the image.
        let bundle = Bundle::new(&[]);
        let dir = tempfile::Builder::new().prefix("shoal-dockerd-").tempdir().unwrap();
        let path = |name: &str| dir.path().join(name);
        let runtime = serde_json::json!({"runtimes": {"shoal": {"path": bundle::program()}}});
        fs::write(path("daemon.json"), runtime.to_string()).unwrap();
        let parent = format!("/shoal-test-dockerd-{}", bundle.id);
        // Namespaces of its own: nothing of it reaches the host's network or mounts.
        let mut command = Command::new("unshare");
        command.args(["--net", "--mount", "dockerd", "--bridge=none", "--iptables=false"]);
        command.args(["--ip6tables=false", "--storage-driver=vfs", "--cgroup-parent", &parent]);
        command.arg("--config-file").arg(path("daemon.json")).arg("--data-root").arg(path("data"));
        command.arg("--exec-root").arg(path("exec")).arg("--pidfile").arg(path("pid"));
        command.arg("-H").arg(format!("unix://{}", path("s").display()));
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(fs::File::create(path("log")).unwrap());
        let child = command.spawn().expect("docker is installed by `cargo xtask test`");
        let archive = path("box.tar");
        let tar =
            Command::new("tar").arg("-C").arg(bundle.rootfs()).arg("-cf").arg(&archive).arg(".").status();
        assert!(tar.unwrap().success());
        let dockerd = Dockerd { dir, parent, child };
        eventually("dockerd answers", || dockerd.call(&["version"]).status.success());
        dockerd.said(&["import", archive.to_str().unwrap(), "box"]);
        dockerd
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn call(&self, args: &[&str]) -> Output {
        let host = format!("unix://{}", self.path("s").display());
        Command::new("docker").arg("-H").arg(host).args(args).stdin(Stdio::null()).output().unwrap()
    }

    /// What a call that must succeed has said.
    fn said(&self, args: &[&str]) -> String {
        let output = self.call(args);
        assert!(output.status.success(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().trim().to_owned()
    }
}

impl Drop for Dockerd {
    fn drop(&mut self) {
        let ids = self.call(&["ps", "--all", "--quiet"]).stdout;
        for id in String::from_utf8_lossy(&ids).lines() {
            self.call(&["rm", "--force", id]);
        }
        let pid = fs::read_to_string(self.path("pid")).unwrap_or_default();
        // It ends in order, and its containerd with it.
        if let Ok(pid) = pid.trim().parse() {
            let _ =
                nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), nix::sys::signal::Signal::SIGTERM);
        } else {
            let _ = self.child.kill();
        }
        let _ = self.child.wait();
        let layout = runtime::cgroup::detect();
        let _ =
            layout.and_then(|layout| layout.cgroup(self.parent.as_ref())).and_then(|cgroup| cgroup.remove());
    }
}

#[test]
fn dockers_own_engine_runs_its_containers_with_it() {
    let docker = Dockerd::start();
    let options = ["--runtime=shoal", "--network=none"];
    let run = |more: &[&str]| docker.call(&[&["run", "--rm"], &options[..], more].concat());
    assert_eq!(run(&["box", "echo", "hello"]).stdout, b"hello\n");
    assert_eq!(run(&["box", "sh", "-c", "exit 7"]).status.code(), Some(7));
    assert_eq!(run(&["--tty", "box", "tty"]).stdout, b"/dev/pts/0\r\n");
    let missing = run(&["box", "nosuch"]);
    assert_eq!(missing.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("executable file not found in $PATH"));

    let detached = ["run", "--detach", "--name=background", "--memory=64m"];
    docker.said(&[&detached[..], &options[..], &["box", "sh", "-c", "echo begun; sleep 60; true"]].concat());
    assert_eq!(docker.said(&["exec", "background", "echo", "inside"]), "inside");
    assert_eq!(docker.call(&["exec", "background", "sh", "-c", "exit 5"]).status.code(), Some(5));
    let status = || docker.said(&["inspect", "--format", "{{.State.Status}}", "background"]);
    docker.said(&["pause", "background"]);
    assert_eq!(status(), "paused");
    docker.said(&["unpause", "background"]);
    docker.said(&["update", "--memory=32m", "--memory-swap=64m", "background"]);
    let stats = docker.said(&["stats", "--no-stream", "--format", "{{.MemUsage}}", "background"]);
    assert!(stats.ends_with("/ 32MiB"), "{stats}");
    assert!(docker.said(&["top", "background"]).contains("sleep 60"));
    assert_eq!(docker.said(&["logs", "background"]), "begun");
    docker.said(&["kill", "background"]);
    assert_eq!(docker.said(&["wait", "background"]), "137");
    docker.said(&["rm", "background"]);
}
