//! What only a machine with systemd and cgroup version 2 alone can show. Run by `cargo xtask test` in its virtual machine.
#![forbid(unsafe_code)]

mod power;

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::{Value, json};
use tempfile::TempDir;
use testkit::program::{Said, programs, run};
use testkit::{Daemon, eventually};

/// Bytes that the containers here may use.
const MEMORY_MAX: u64 = 64 << 20;

#[test]
fn this_is_the_machine_that_is_meant() {
    assert!(Path::new("/sys/fs/cgroup/cgroup.controllers").exists(), "version 2 is mounted alone");
    assert_eq!(fs::read_to_string("/proc/1/comm").unwrap().trim(), "systemd");
}

/// A bundle that sleeps, and the state of the runtime that runs it.
struct Bundle {
    dir: TempDir,
}

impl Bundle {
    fn new(change: impl FnOnce(&mut Value)) -> Bundle {
        let dir = tempfile::Builder::new().prefix("machine.").tempdir().unwrap();
        let bundle = Bundle { dir };
        let bin = bundle.path("bundle/rootfs/bin");
        fs::create_dir_all(&bin).unwrap();
        fs::copy("/bin/busybox", bin.join("busybox")).unwrap();
        symlink("busybox", bin.join("sleep")).unwrap();
        bundle.runtime(&["spec", "--bundle", &bundle.path("bundle").display().to_string()]).ok();
        let config = bundle.path("bundle/config.json");
        let mut spec: Value = serde_json::from_slice(&fs::read(&config).unwrap()).unwrap();
        spec["process"]["terminal"] = json!(false);
        spec["process"]["args"] = json!(["sleep", "1000"]);
        change(&mut spec);
        fs::write(config, spec.to_string()).unwrap();
        bundle
    }

    fn path(&self, name: &str) -> PathBuf {
        self.dir.path().join(name)
    }

    fn runtime(&self, args: &[&str]) -> Said {
        let mut command = Command::new(programs().join("shoal-runtime"));
        run(command.arg("--systemd-cgroup").arg("--root").arg(self.path("state")).args(args))
    }
}

impl Bundle {
    /// The container keeps the streams it is started with: they must not be ours to wait for.
    fn start(&self) {
        let said = fs::File::create(self.path("said")).unwrap();
        let mut command = Command::new(programs().join("shoal-runtime"));
        command.arg("--systemd-cgroup").arg("--root").arg(self.path("state")).args(["run", "-d", "--bundle"]);
        command
            .arg(self.path("bundle"))
            .arg("one")
            .stdin(Stdio::null())
            .stdout(said.try_clone().unwrap())
            .stderr(said);
        let status = command.status().unwrap();
        assert!(status.success(), "{}", fs::read_to_string(self.path("said")).unwrap());
    }
}

impl Drop for Bundle {
    fn drop(&mut self) {
        self.runtime(&["delete", "--force", "one"]);
    }
}

fn property(unit: &str, name: &str) -> String {
    run(Command::new("systemctl").args(["show", unit, "--property", name, "--value"])).ok()
}

#[test]
fn a_container_is_a_scope_of_systemd() {
    let bundle = Bundle::new(|spec| {
        spec["linux"]["cgroupsPath"] = json!("system.slice:machine:one");
        spec["linux"]["resources"]["memory"] = json!({ "limit": MEMORY_MAX });
        spec["linux"]["resources"]["pids"] = json!({ "limit": 55 });
        spec["linux"]["resources"]["cpu"] = json!({ "quota": 50_000, "period": 100_000 });
    });
    let unit = "machine-one.scope";
    bundle.start();
    assert_eq!(property(unit, "ActiveState"), "active");
    assert_eq!(property(unit, "MemoryMax"), MEMORY_MAX.to_string());
    assert_eq!(property(unit, "TasksMax"), "55");
    assert_eq!(property(unit, "CPUQuotaPerSecUSec"), "500ms");
    let group = Path::new("/sys/fs/cgroup/system.slice").join(unit);
    assert_eq!(fs::read_to_string(group.join("memory.max")).unwrap().trim(), MEMORY_MAX.to_string());
    assert_eq!(fs::read_to_string(group.join("cpu.max")).unwrap().trim(), "50000 100000");
    let state: Value = serde_json::from_str(&bundle.runtime(&["state", "one"]).ok()).unwrap();
    let inside = fs::read_to_string(group.join("cgroup.procs")).unwrap();
    assert_eq!(inside.trim(), state["pid"].to_string(), "it holds the container and nothing else");

    // systemd keeps what is updated, also when it reads its units again.
    bundle.runtime(&["update", "--memory", &(MEMORY_MAX / 2).to_string(), "one"]).ok();
    run(Command::new("systemctl").arg("daemon-reload")).ok();
    assert_eq!(property(unit, "MemoryMax"), (MEMORY_MAX / 2).to_string());
    assert_eq!(fs::read_to_string(group.join("memory.max")).unwrap().trim(), (MEMORY_MAX / 2).to_string());

    bundle.runtime(&["pause", "one"]).ok();
    assert_eq!(fs::read_to_string(group.join("cgroup.freeze")).unwrap().trim(), "1");
    bundle.runtime(&["resume", "one"]).ok();
    bundle.runtime(&["kill", "one", "KILL"]).ok();
    eventually("it can be deleted", || {
        let said = bundle.runtime(&["delete", "one"]);
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    });
    eventually("the scope is gone", || {
        let state = property(unit, "LoadState");
        if state == "not-found" && !group.exists() { Ok(()) } else { Err(state) }
    });
}

#[test]
fn a_daemon_has_systemd_make_its_cgroups() {
    let mut daemon = Daemon::start(&["--exec-opt", "native.cgroupdriver=systemd"]);
    daemon.load_images();
    assert_eq!(daemon.docker(&["info", "-f", "{{.CgroupDriver}} {{.CgroupVersion}}"]).ok(), "systemd 2");
    let id =
        daemon.docker(&["run", "-d", "-m", "64m", "--pids-limit", "44", "busybox", "sleep", "1000"]).ok();
    let listed =
        run(Command::new("systemctl").args(["list-units", "--type=scope", "--plain", "--no-legend"])).ok();
    let unit = listed
        .split_whitespace()
        .find(|word| word.contains(&id))
        .expect("a scope of the container")
        .to_owned();
    assert_eq!(property(&unit, "MemoryMax"), MEMORY_MAX.to_string());
    assert_eq!(property(&unit, "TasksMax"), "44");
    assert_eq!(daemon.docker(&["exec", &id, "cat", "/proc/self/cgroup"]).ok(), "0::/");
    daemon.docker(&["update", "-m", "32m", "--memory-swap", "32m", &id]).ok();
    assert_eq!(property(&unit, "MemoryMax"), (MEMORY_MAX / 2).to_string());
    daemon.docker(&["pause", &id]).ok();
    daemon.kill();
    daemon.restart();
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.State.Status}}", &id]).ok(), "paused");
    daemon.docker(&["unpause", &id]).ok();
    let used = daemon.docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", &id]).ok();
    assert!(used.ends_with("/ 32MiB") && !used.starts_with("0B"), "{used}");
    daemon.docker(&["rm", "-f", &id]).ok();
    eventually("the scope is gone", || {
        let state = property(&unit, "LoadState");
        if state == "not-found" { Ok(()) } else { Err(state) }
    });
}

#[test]
fn other_runtimes_have_systemd_make_their_cgroups_too() {
    let runtimes = ["--add-runtime", "runc=runc", "--add-runtime", "crun=crun"];
    let daemon = Daemon::start(&[&["--exec-opt", "native.cgroupdriver=systemd"], &runtimes[..]].concat());
    daemon.load_images();
    for runtime in ["runc", "crun"] {
        let run = [
            "run",
            "-d",
            "--runtime",
            runtime,
            "-m",
            "64m",
            "--pids-limit",
            "44",
            "busybox",
            "sleep",
            "1000",
        ];
        let id = daemon.docker(&run).ok();
        let pid = daemon.docker(&["inspect", "-f", "{{.State.Pid}}", &id]).ok();
        let group = fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
        let unit = group.trim().rsplit('/').next().unwrap().to_owned();
        assert!(unit.ends_with(&format!("-{id}.scope")), "{runtime}: {group}");
        assert_eq!(property(&unit, "ActiveState"), "active", "{runtime}");
        // crun writes some of the limits itself.
        let limit = |file: &str| {
            let path = group.trim().strip_prefix("0::/").unwrap();
            fs::read_to_string(Path::new("/sys/fs/cgroup").join(path).join(file)).unwrap().trim().to_owned()
        };
        assert_eq!(limit("memory.max"), MEMORY_MAX.to_string(), "{runtime}");
        assert_eq!(limit("pids.max"), "44", "{runtime}");
        assert_eq!(daemon.docker(&["exec", &id, "cat", "/proc/self/cgroup"]).ok(), "0::/", "{runtime}");
        let used = daemon.docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", &id]).ok();
        assert!(used.ends_with("/ 64MiB") && !used.starts_with("0B"), "{runtime}: {used}");
        daemon.docker(&["pause", &id]).ok();
        daemon.docker(&["unpause", &id]).ok();
        daemon.docker(&["rm", "-f", &id]).ok();
        eventually("the scope is gone", || {
            let state = property(&unit, "LoadState");
            if state == "not-found" { Ok(()) } else { Err(format!("{runtime}: {state}")) }
        });
    }
}
