//! The commands beyond the specification's own, as podman and containerd call them. Needs root and busybox-static.

mod bundle;

use std::fs::{self, File};
use std::io::{IoSliceMut, Read, Write};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::UnixListener;
use std::process::{Command, Output, Stdio};

use bundle::{Bundle, eventually};
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::Value;

/// A container that runs until it is killed.
fn running() -> Bundle {
    let bundle = Bundle::new(&["sleep", "60"]);
    assert!(bundle.command("create").status().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    bundle
}

fn text(output: Output) -> String {
    assert!(output.status.success(), "{output:?}");
    String::from_utf8(output.stdout).unwrap()
}

fn json(output: Output) -> Value {
    serde_json::from_str(&text(output)).unwrap()
}

/// A call that is not about one container.
fn global(bundle: &Bundle, args: &[&str]) -> Command {
    let mut command = Command::new(bundle::program());
    command.arg("--root").arg(bundle.dir.path().join("state")).args(args);
    command
}

fn exec(bundle: &Bundle, options: &[&str], program: &[&str]) -> Output {
    let mut command = global(bundle, &["exec"]);
    command.args(options).arg(&bundle.id).args(program).output().unwrap()
}

#[test]
fn exec_runs_another_process_inside() {
    let bundle = running();
    let options = ["--env", "A=b", "--cwd", "/tmp", "--user", "33:34"];
    let said = text(exec(&bundle, &options, &["sh", "-c", "id -u; id -g; echo $A; pwd; hostname"]));
    assert_eq!(said, "33\n34\nb\n/tmp\ninside\n");
    assert_eq!(exec(&bundle, &[], &["sh", "-c", "exit 9"]).status.code(), Some(9));
    assert_eq!(exec(&bundle, &[], &["sh", "-c", "kill -9 $$"]).status.code(), Some(137));
    let missing = exec(&bundle, &[], &["nosuch"]);
    assert_eq!(missing.status.code(), Some(127));
    assert!(String::from_utf8_lossy(&missing.stderr).contains("executable file not found in $PATH"));
    let mut cat = global(&bundle, &["exec", &bundle.id, "cat"]);
    let mut child = cat.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
    child.stdin.take().unwrap().write_all(b"through").unwrap();
    assert_eq!(child.wait_with_output().unwrap().stdout, b"through");
}

#[test]
fn exec_takes_a_process_as_json_and_leaves_it_in_the_background() {
    let bundle = running();
    let (process, pid_file) = (bundle.dir.path().join("process.json"), bundle.dir.path().join("pid"));
    let json = r#"{"args": ["sh", "-c", "touch /tmp/ran; sleep 60"], "cwd": "/", "env": ["PATH=/bin"], "user": {"uid": 0, "gid": 0}}"#;
    fs::write(&process, json).unwrap();
    let mut command = global(&bundle, &["exec", "--detach", "--process"]);
    command.arg(&process).arg("--pid-file").arg(&pid_file).arg(&bundle.id);
    assert!(command.stdout(Stdio::null()).status().unwrap().success());
    eventually("it runs", || bundle.rootfs().join("tmp/ran").exists());
    let pid: i32 = fs::read_to_string(pid_file).unwrap().parse().unwrap();
    assert!(bundle.cgroup().processes().unwrap().contains(&pid));
}

#[test]
fn a_paused_container_stands_still_and_takes_no_process() {
    let bundle = running();
    let call = |verb: &str| bundle.command(verb).output().unwrap();
    let status = || json(bundle.command("state").output().unwrap())["status"].clone();
    assert!(call("pause").status.success());
    assert_eq!(status(), "paused");
    assert!(!call("pause").status.success());
    let refused = exec(&bundle, &[], &["true"]);
    assert!(String::from_utf8_lossy(&refused.stderr).contains("cannot exec in a paused container"));
    assert!(call("resume").status.success());
    assert_eq!(status(), "running");
    assert!(String::from_utf8_lossy(&call("resume").stderr).contains("container not paused"));
    assert!(call("pause").status.success());
    assert!(bundle.command("kill").arg("KILL").status().unwrap().success());
    eventually("it dies though it was paused", || status() == "stopped");
}

#[test]
fn containers_and_their_processes_are_listed() {
    let bundle = running();
    assert_eq!(text(global(&bundle, &["list", "-q"]).output().unwrap()), format!("{}\n", bundle.id));
    let listed = json(global(&bundle, &["list", "--format", "json"]).output().unwrap());
    assert_eq!(listed[0]["id"], bundle.id.as_str());
    assert_eq!((&listed[0]["status"], &listed[0]["owner"]), (&"running".into(), &"root".into()));
    let table = text(global(&bundle, &["list"]).output().unwrap());
    assert!(table.starts_with("ID") && table.contains("running"), "{table}");

    let pids = json(global(&bundle, &["ps", "-f", "json", &bundle.id]).output().unwrap());
    assert_eq!(pids[0], listed[0]["pid"]);
    let table = text(global(&bundle, &["ps", &bundle.id]).output().unwrap());
    assert!(table.contains("sleep 60"), "{table}");
}

#[test]
fn limits_are_updated_by_options_and_by_json() {
    let bundle = running();
    let limits = || {
        let stats = bundle.cgroup().stats().unwrap();
        (stats.memory.used.limit_bytes, stats.pids.limit)
    };
    let mut command = bundle.command("update");
    assert!(command.args(["--memory", "67108864", "--pids-limit", "44"]).status().unwrap().success());
    assert_eq!(limits(), (Some(64 << 20), Some(44)));
    let mut command = bundle.command("update");
    let mut child = command.args(["--resources", "-"]).stdin(Stdio::piped()).spawn().unwrap();
    // The form that runc documents: nought is unchanged.
    let form = r#"{"memory": {"limit": 33554432, "swap": 0}, "cpu": {"cpus": ""}, "pids": {"limit": 0}}"#;
    child.stdin.take().unwrap().write_all(form.as_bytes()).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(limits(), (Some(32 << 20), Some(44)));
    let refused = bundle.command("update").args(["--l3-cache-schema", "x"]).output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("not supported"));
}

#[test]
fn counters_are_told_in_runcs_shape_and_so_is_lack_of_memory() {
    let mut bundle =
        Bundle::new(&["sh", "-c", "while [ ! -e /tmp/go ]; do sleep 0.01; done; tail /dev/zero"]);
    let limits = serde_json::json!({"memory": {"limit": 16 << 20, "swap": 16 << 20}});
    bundle.linux().set_resources(Some(serde_json::from_value(limits).unwrap()));
    assert!(bundle.command("create").status().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    let stats = json(bundle.command("events").arg("--stats").output().unwrap());
    assert_eq!((&stats["type"], &stats["id"]), (&"stats".into(), &bundle.id.as_str().into()));
    assert_eq!(stats["data"]["memory"]["usage"]["limit"], 16 << 20);
    assert!(stats["data"]["cpu"]["usage"]["total"].as_u64().unwrap() > 0);

    let mut events = bundle.command("events");
    let mut child = events.args(["--interval", "10ms"]).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = String::new();
    let mut stdout = child.stdout.take().unwrap();
    let mut first = [0; 16];
    stdout.read_exact(&mut first).unwrap();
    File::create(bundle.rootfs().join("tmp/go")).unwrap();
    stdout.read_to_string(&mut lines).unwrap();
    assert!(child.wait().unwrap().success());
    assert!(lines.contains("\"type\":\"oom\""), "{lines}");
}

#[test]
fn a_terminal_goes_to_whoever_listens() {
    let mut bundle = Bundle::new(&["sh", "-c", "tty; read line; echo got $line"]);
    bundle.process().set_terminal(Some(true));
    let refused = bundle.command("create").output().unwrap();
    assert!(String::from_utf8_lossy(&refused.stderr).contains("without setting console socket"));
    let path = bundle.dir.path().join("console.sock");
    let listener = UnixListener::bind(&path).unwrap();
    let mut create = bundle.command("create");
    assert!(create.arg("--console-socket").arg(&path).status().unwrap().success());
    let mut master = File::from(receive(&listener));
    assert!(bundle.command("start").status().unwrap().success());
    master.write_all(b"this\n").unwrap();
    let mut said = Vec::new();
    // A terminal that nobody has open any more answers with an error in place of an end.
    let _ = master.read_to_end(&mut said);
    let said = String::from_utf8_lossy(&said);
    // The terminal echoes what is typed, if need be before the program says anything.
    assert!(said.contains("/dev/pts/0") && said.contains("got this"), "{said:?}");
}

#[test]
fn our_own_terminal_is_passed_through() {
    let mut bundle = Bundle::new(&["sh", "-c", "stty size; read line; echo got $line; exit 6"]);
    bundle.process().set_terminal(Some(true));
    let size = nix::pty::Winsize { ws_row: 33, ws_col: 77, ws_xpixel: 0, ws_ypixel: 0 };
    let ours = nix::pty::openpty(Some(&size), None).unwrap();
    let end = || Stdio::from(ours.slave.try_clone().unwrap());
    let mut child = bundle.command("run").stdin(end()).stdout(end()).spawn().unwrap();
    drop(ours.slave);
    let mut master = File::from(ours.master);
    master.write_all(b"this\n").unwrap();
    let mut said = Vec::new();
    // A terminal that nobody has open any more answers with an error in place of an end.
    let _ = master.read_to_end(&mut said);
    assert_eq!(child.wait().unwrap().code(), Some(6));
    let said = String::from_utf8_lossy(&said);
    assert!(said.contains("33 77") && said.contains("got this"), "{said:?}");
}

fn receive(listener: &UnixListener) -> OwnedFd {
    let (stream, _) = listener.accept().unwrap();
    let mut bytes = [0; 64];
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let mut control = nix::cmsg_space!([RawFd; 1]);
    let message =
        recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut control), MsgFlags::MSG_CMSG_CLOEXEC)
            .unwrap();
    let fds = message.cmsgs().unwrap().find_map(|control| match control {
        ControlMessageOwned::ScmRights(fds) => Some(fds),
        _ => None,
    });
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    unsafe { OwnedFd::from_raw_fd(fds.unwrap()[0]) }
}

#[test]
fn open_files_are_passed_on_and_no_others() {
    let bundle = Bundle::new(&["sh", "-c", "cat <&3; [ -e /proc/self/fd/4 ] || echo no other"]);
    let file = bundle.dir.path().join("passed");
    fs::write(&file, "passed\n").unwrap();
    // For the bundle that it writes.
    let _ = bundle.command("run");
    let program = bundle::program();
    let program = program.display();
    let dir = bundle.dir.path().display();
    let run = format!(
        "{program} --root {dir}/state run --preserve-fds 1 --bundle {dir} {} 3<{}",
        bundle.id,
        file.display()
    );
    assert_eq!(text(Command::new("sh").arg("-c").arg(run).output().unwrap()), "passed\nno other\n");
    let refused = bundle.command("run").args(["--preserve-fds", "40"]).output().unwrap();
    assert!(!refused.status.success(), "what is not open cannot be passed on");
}

#[test]
fn run_leaves_a_container_if_it_is_to_be_kept_or_in_the_background() {
    let kept = Bundle::new(&["true"]);
    assert!(kept.command("run").arg("--keep").status().unwrap().success());
    assert_eq!(json(kept.command("state").output().unwrap())["status"], "stopped");
    assert!(kept.command("delete").status().unwrap().success());
    let detached = Bundle::new(&["sleep", "60"]);
    assert!(detached.command("run").arg("--detach").stdout(Stdio::null()).status().unwrap().success());
    assert_eq!(json(detached.command("state").output().unwrap())["status"], "running");
}

#[test]
fn errors_are_in_the_log_as_higher_runtimes_read_them() {
    let bundle = Bundle::new(&["true"]);
    let log = bundle.dir.path().join("log.json");
    let log_option = log.to_str().unwrap();
    let mut start = global(&bundle, &["--log", log_option, "--log-format", "json", "start", "nosuch"]);
    assert!(!start.status().unwrap().success());
    let line: Value = serde_json::from_str(fs::read_to_string(log).unwrap().trim()).unwrap();
    assert_eq!(
        (&line["level"], &line["msg"]),
        (&"error".into(), &"container \"nosuch\" does not exist".into())
    );
    assert!(line["time"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn features_and_version_can_be_read_by_programs() {
    let bundle = Bundle::new(&["true"]);
    let features = json(global(&bundle, &["features"]).output().unwrap());
    assert_eq!(features["ociVersionMax"], "1.2.0");
    let version = text(global(&bundle, &["--version"]).output().unwrap());
    assert!(version.starts_with("shoal-runtime version ") && version.contains("\nspec: 1.2.0"), "{version}");
    let dir = bundle.dir.path().join("new");
    fs::create_dir(&dir).unwrap();
    let spec = || global(&bundle, &["spec", "--bundle", dir.to_str().unwrap()]).status().unwrap().success();
    assert!(spec());
    assert!(!spec(), "what is there is not overwritten");
}

#[test]
fn the_state_is_for_its_owner_alone() {
    use std::os::unix::fs::PermissionsExt;
    let bundle = running();
    for dir in [bundle.dir.path().join("state"), bundle.dir.path().join("state").join(&bundle.id)] {
        assert_eq!(fs::metadata(&dir).unwrap().permissions().mode() & 0o777, 0o700, "{}", dir.display());
    }
}
