//! Containers made by Debian's runc and crun in place of the built-in runtime.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::Stdio;

use testkit::{Daemon, eventually};

/// A daemon that knows both, and the directory of its configuration, where `calls` tells how they were called.
fn daemon() -> (Daemon, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let calls = dir.path().join("calls");
    let known = |name: &str, run: &str| {
        let path = dir.path().join(name);
        let script = format!("#!/bin/sh\necho {name} \"$@\" >> {}\nexec {run}\n", calls.display());
        fs::write(&path, script).unwrap();
        fs::set_permissions(&path, fs::Permissions::from_mode(0o755)).unwrap();
        format!("{name}={}", path.display())
    };
    // crun does not work where both versions of cgroups are mounted: its calls do not see the second.
    let run_crun = "unshare -m sh -c 'umount /sys/fs/cgroup/unified 2>/dev/null; exec crun \"$@\"' sh \"$@\"";
    let (runc, crun) = (known("runc", "runc \"$@\""), known("crun", run_crun));
    let runtimes = ["--add-runtime", &runc, "--add-runtime", &crun, "--add-runtime", "none=/no/such"];
    let daemon = Daemon::start(&runtimes);
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

#[test]
fn an_exec_is_the_runtimes_own() {
    let (daemon, dir) = daemon();
    for runtime in RUNTIMES {
        let run = ["run", "-d", "--runtime", runtime, "--name", runtime, "-e", "A=1", "--group-add", "29"];
        daemon.docker(&[&run[..], &["-w", "/tmp", "busybox", "sleep", "1000"]].concat()).ok();
        let exec = |args: &[&str]| daemon.docker(&[&["exec"], args].concat());
        let sh = |flags: &[&str], line: &str| exec(&[flags, &[runtime, "sh", "-c", line]].concat());
        let said = sh(&[], "echo out; echo err >&2; exit 3");
        assert_eq!((said.code, said.out.as_str(), said.err.as_str()), (3, "out\n", "err\n"), "{runtime}");
        assert_eq!(sh(&[], "kill -9 $$").code, 137, "{runtime}");
        assert_eq!(sh(&[], "pwd; echo $A; id -G").ok(), "/tmp\n1\n0 29", "{runtime}");
        assert_eq!(sh(&["-e", "A=2", "-e", "B=3", "-w", "/etc"], "pwd; echo $A$B").ok(), "/etc\n23");
        assert_eq!(sh(&["-u", "nobody"], "id -u; id -g").ok(), "65534\n65534", "{runtime}");
        assert_eq!(sh(&["-u", "1234:5678"], "id -u; id -g").ok(), "1234\n5678", "{runtime}");
        assert!(sh(&[], "cat /proc/self/status").ok().contains("CapEff:\t00000000a80425fb"), "{runtime}");
        let privileged = sh(&["--privileged"], "cat /proc/self/status").ok();
        assert!(!privileged.contains("CapEff:\t00000000a80425fb"), "{runtime}: {privileged}");
        let missing = exec(&[runtime, "nosuch"]);
        let words = "OCI runtime exec failed: exec failed: unable to start container process: exec: \"nosuch\": executable file not found in $PATH";
        assert!(missing.code == 127 && missing.out.contains(words), "{runtime}: {}", missing.out);
        assert_eq!(exec(&[runtime, "/etc/passwd"]).code, 126, "{runtime}");
        let ghost = exec(&["-u", "ghost", runtime, "true"]);
        assert!(ghost.code == 126 && ghost.out.contains("unable to find user ghost"), "{}", ghost.out);

        let mut child = daemon.command(&["exec", "-i", runtime, "sh", "-c", "wc -c; echo after"]);
        let mut child = child.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(&[b'x'; 300_000]).unwrap();
        let said = testkit::program::said(child.wait_with_output().unwrap());
        assert_eq!((said.code, said.out.as_str()), (0, "300000\nafter\n"), "{runtime}");

        let calls = fs::read_to_string(dir.path().join("calls")).unwrap();
        let execs =
            calls.lines().filter(|call| call.starts_with(runtime) && call.contains(" exec --detach "));
        assert_eq!(execs.count(), 11, "{calls}");
        let of_calls = |path: &Path| {
            let ends = ["process", "pid", "log", "sock"];
            path.display().to_string().contains("/exec-")
                && path.extension().is_some_and(|end| ends.iter().any(|e| end == *e))
        };
        let runs =
            fs::read_dir(daemon.path("exec")).unwrap().flatten().flat_map(|dir| fs::read_dir(dir.path()));
        let left: Vec<_> =
            runs.flatten().flatten().map(|entry| entry.path()).filter(|path| of_calls(path)).collect();
        assert!(left.is_empty(), "{left:?}");
        daemon.docker(&["rm", "-f", runtime]).ok();
    }
}

#[test]
fn an_exec_has_a_terminal_and_outlives_its_client_but_not_its_container() {
    let (mut daemon, _dir) = daemon();
    for runtime in RUNTIMES {
        let health = ["--health-cmd", "test -e /tmp/well", "--health-interval", "200ms"];
        let args = [&["run", "-d", "--runtime", runtime, "--name", runtime], &health[..]].concat();
        daemon.docker(&[&args[..], &["busybox", "sleep", "1000"]].concat()).ok();
        let begin = |body: &str, start: &str| {
            let path = format!("/containers/{runtime}/exec");
            let (status, said) = daemon.exchange("POST", &path, body.as_bytes()).unwrap();
            assert_eq!(status, 201, "{said}");
            let id = said.split('"').nth(3).unwrap().to_owned();
            let (status, said) =
                daemon.exchange("POST", &format!("/exec/{id}/start"), start.as_bytes()).unwrap();
            assert_eq!(status, 200, "{said}");
            id
        };
        // crun sets its size when it runs already, and until then busybox tells none and is content.
        let line = "until stty size > /tmp/first; grep -q 77 /tmp/first; do sleep 0.1; done; while test ! -e /tmp/go; do sleep 0.1; done; stty size > /tmp/second; exit 9";
        let tty = format!(r#"{{"Cmd": ["sh", "-c", "{line}"], "Tty": true, "ConsoleSize": [33, 77]}}"#);
        let exec = begin(&tty, r#"{"Detach": true, "Tty": true, "ConsoleSize": [33, 77]}"#);
        let told = |daemon: &Daemon, file: &str, size: &str| {
            let said = daemon.docker(&["exec", runtime, "cat", file]);
            let state = || daemon.get(&format!("/exec/{exec}/json"));
            if said.out.trim() == size { Ok(()) } else { Err(format!("{runtime}: {said:?} {}", state())) }
        };
        eventually("the size of its terminal", || told(&daemon, "/tmp/first", "33 77"));
        let (status, said) = daemon.request("POST", &format!("/exec/{exec}/resize?h=44&w=88"));
        assert_eq!(status, 200, "{said}");
        let state = daemon.get(&format!("/exec/{exec}/json"));
        assert_eq!(state["Running"], true, "{state}");
        let pid = state["Pid"].as_u64().unwrap();
        let words = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        assert!(words.starts_with("sh\0-c\0until"), "it is another's number: {words}");
        daemon.kill();
        daemon.restart();
        daemon.docker(&["exec", runtime, "touch", "/tmp/go"]).ok();
        eventually("its new size", || told(&daemon, "/tmp/second", "44 88"));
        eventually("its exit code is known", || {
            let state = daemon.get(&format!("/exec/{exec}/json"));
            if state["ExitCode"] == 9 { Ok(()) } else { Err(state.to_string()) }
        });
        let health = || daemon.docker(&["inspect", "--format", "{{.State.Health.Status}}", runtime]).ok();
        assert_ne!(health(), "healthy");
        daemon.docker(&["exec", "-d", runtime, "touch", "/tmp/well"]).ok();
        eventually("it is well", || if health() == "healthy" { Ok(()) } else { Err(health()) });
        let long = daemon.command(&["exec", runtime, "sleep", "999"]).stdout(Stdio::null()).spawn().unwrap();
        let sleeps = || daemon.docker(&["exec", runtime, "pidof", "sleep"]).out;
        eventually(
            "it runs",
            || if sleeps().split_whitespace().count() == 2 { Ok(()) } else { Err(sleeps()) },
        );
        daemon.docker(&["kill", runtime]).ok();
        assert_eq!(testkit::program::said(long.wait_with_output().unwrap()).code, 137, "{runtime}");
        daemon.docker(&["wait", runtime]).ok();
        let said = daemon.docker(&["exec", runtime, "true"]);
        assert!(said.code == 1 && said.err.contains("is not running"), "{}", said.err);
        daemon.docker(&["rm", "-f", runtime]).ok();
    }
}

#[test]
fn init_is_ours_whoever_makes_the_container() {
    let (daemon, _dir) = daemon();
    for runtime in RUNTIMES {
        let run =
            |args: &[&str]| daemon.docker(&[&["run", "--init", "--runtime", runtime][..], args].concat());
        let said = run(&["--rm", "busybox", "sh", "-c", "cat /proc/1/comm; (sleep 0.1 &) ; exit 3"]);
        if said.err.contains("no static program") {
            assert_eq!(said.code, 125);
            eprintln!("{runtime}: --init is only seen refused, the shim is built for developers");
            continue;
        }
        assert_eq!((said.code, said.out.as_str()), (3, "shoal-init\n"), "{runtime}: {}", said.err);
        let said = run(&["--rm", "busybox", "nosuch"]);
        assert!(said.code == 127 && said.err.contains("exec nosuch"), "{runtime}: {}", said.err);
        let said = run(&["--rm", "-t", "-u", "nobody", "busybox", "sh", "-c", "test -t 0 && id -u"]);
        assert_eq!((said.code, said.out.as_str()), (0, "65534\r\n"), "{runtime}: {}", said.err);

        run(&["-d", "--name", runtime, "busybox", "sleep", "1000"]).ok();
        // Orphans do not stay, and signals reach the program, which without an init would ignore them.
        daemon.docker(&["exec", runtime, "sh", "-c", "sh -c 'sleep 0.1 &'"]).ok();
        eventually("nobody but the two is left", || {
            let left = daemon.docker(&["exec", runtime, "ps", "-o", "comm"]).ok();
            if left == "COMMAND\nshoal-init\nsleep\nps" { Ok(()) } else { Err(left) }
        });
        assert_eq!(daemon.docker(&["diff", runtime]).ok(), "", "{runtime}: it is no file of the container's");
        let refused = daemon.docker(&["exec", runtime, "sh", "-c", "echo x > /dev/init"]);
        assert!(refused.code != 0 && refused.err.contains("Read-only"), "{runtime}: {}", refused.err);
        daemon.docker(&["stop", runtime]).ok();
        let code = daemon.docker(&["inspect", "--format", "{{.State.ExitCode}}", runtime]).ok();
        assert_eq!(code, "143", "{runtime}");
        daemon.docker(&["rm", "-f", runtime]).ok();
        let said = run(&["--rm", "-v", "/dev:/dev", "busybox", "true"]);
        assert!(said.code == 125 && said.err.contains("another /dev"), "{runtime}: {}", said.err);
    }
}
