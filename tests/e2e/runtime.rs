//! Containers made by Debian's runc and crun in place of the built-in runtime.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use testkit::{Daemon, eventually};

/// A daemon that knows both, and the directory of the configuration.
fn daemon() -> (Daemon, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    // crun does not work where both versions of cgroups are mounted: its calls do not see the second.
    let crun = dir.path().join("crun");
    let script = "#!/bin/sh\nexec unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun \"$@\"' sh \"$@\"\n";
    fs::write(&crun, script).unwrap();
    fs::set_permissions(&crun, fs::Permissions::from_mode(0o755)).unwrap();
    let crun = format!("crun={}", crun.display());
    let daemon = Daemon::start(&[
        "--add-runtime",
        "runc=runc",
        "--add-runtime",
        &crun,
        "--add-runtime",
        "none=/no/such",
    ]);
    daemon.load_images();
    (daemon, dir)
}

const RUNTIMES: [&str; 2] = ["runc", "crun"];

#[test]
fn a_container_lives_its_life() {
    let (daemon, _dir) = daemon();
    let known = daemon
        .docker(&["info", "--format", "{{range $k, $v := .Runtimes}}{{$k}} {{end}}{{.DefaultRuntime}}"])
        .ok();
    assert_eq!(known, "crun none runc shoal-runtime shoal-runtime");
    for runtime in RUNTIMES {
        let run = |args: &[&str]| daemon.docker(&[&["run", "--rm", "--runtime", runtime][..], args].concat());
        let said = run(&[
            "-u",
            "nobody",
            "--group-add",
            "root",
            "busybox",
            "sh",
            "-c",
            "id -u; echo err >&2; exit 3",
        ]);
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (3, "65534\n", "err\n"), "{runtime}");
        let said = run(&["busybox", "nosuch"]);
        assert_eq!(said.code, 127, "{runtime}: {}", said.err);
        assert!(said.err.contains("executable file"), "{}", said.err);
        let said = run(&["-t", "busybox", "sh", "-c", "test -t 1 && echo terminal"]);
        assert_eq!(said.out, "terminal\r\n", "{runtime}: {}", said.err);

        let line =
            "trap 'exit 4' TERM; echo up; wget -qO- 127.0.0.1 2>/dev/null; while :; do sleep 0.1; done";
        let args =
            ["run", "-d", "--runtime", runtime, "--name", runtime, "-m", "64m", "busybox", "sh", "-c", line];
        daemon.docker(&args).ok();
        eventually("it is logged", || {
            let said = daemon.docker(&["logs", runtime]);
            if said.out == "up\n" { Ok(()) } else { Err(said.out + &said.err) }
        });
        let inspect = |format: &str| daemon.docker(&["inspect", "--format", format, runtime]).ok();
        assert_eq!(inspect("{{.HostConfig.Runtime}} {{.State.Status}}"), format!("{runtime} running"));
        let said = daemon.docker(&["exec", runtime, "sh", "-c", "hostname; cat /proc/1/comm"]);
        assert_eq!(said.out, format!("{}\nsh\n", &inspect("{{.Id}}")[..12]), "{}", said.err);
        assert!(daemon.docker(&["exec", runtime, "ip", "addr"]).ok().contains("172."), "it is on the bridge");
        daemon.docker(&["stop", runtime]).ok();
        assert_eq!(inspect("{{.State.ExitCode}}"), "4", "{runtime}");
        daemon.docker(&["start", runtime]).ok();
        daemon.docker(&["rm", "-f", runtime]).ok();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap();
        let root = daemon.path("exec").display().to_string();
        assert!(!mounts.lines().any(|line| line.contains(&root) && line.contains("overlay")), "{mounts}");
    }
}

#[test]
fn what_a_runtime_cannot_do_is_told() {
    let (mut daemon, _dir) = daemon();
    let said = daemon.docker(&["run", "--runtime", "runsc", "busybox"]);
    assert!(said.code == 125 && said.err.contains("unknown or invalid runtime name: runsc"), "{}", said.err);
    let said = daemon.docker(&["run", "--rm", "--runtime", "none", "busybox"]);
    assert!(said.code == 125 && said.err.contains("fork/exec /no/such"), "{}", said.err);
    let said = daemon.docker(&["run", "--rm", "--init", "--runtime", "runc", "busybox"]);
    assert!(said.code == 125 && said.err.contains("--init is not implemented"), "{}", said.err);
    eventually("nothing is left", || {
        let left = daemon.docker(&["ps", "-aq"]).ok();
        if left.is_empty() { Ok(()) } else { Err(left) }
    });
    // A container outlives the daemon, whoever made it.
    let line = "while :; do sleep 0.1; done";
    daemon.docker(&["run", "-d", "--runtime", "runc", "--name", "one", "busybox", "sh", "-c", line]).ok();
    let pid = daemon.docker(&["inspect", "--format", "{{.State.Pid}}", "one"]).ok();
    daemon.kill();
    daemon.restart();
    assert_eq!(daemon.docker(&["inspect", "--format", "{{.State.Pid}}", "one"]).ok(), pid);
    assert!(Path::new("/proc").join(&pid).exists());
    daemon.docker(&["rm", "-f", "one"]).ok();
    assert!(!Path::new("/proc").join(&pid).exists());
}
