//! System call filters with their actions, as a program in a container meets them. Needs root and busybox-static.

mod bundle;

use std::io::{IoSliceMut, Read};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd};
use std::os::unix::net::{UnixListener, UnixStream};
use std::os::unix::process::ExitStatusExt;
use std::process::Stdio;

use bundle::Bundle;
use nix::libc;
use nix::sys::socket::{ControlMessageOwned, MsgFlags, recvmsg};
use serde_json::{Value, json};

/// The two calls of a listener (include/uapi/linux/seccomp.h).
#[allow(missing_docs, reason = "made by a macro")]
mod notification {
    use nix::libc;
    nix::ioctl_readwrite!(receive, b'!', 0, libc::seccomp_notif);
    nix::ioctl_readwrite!(answer, b'!', 1, libc::seccomp_notif_resp);
}

fn filtered(script: &str, seccomp: Value) -> Bundle {
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    bundle.linux().set_seccomp(Some(serde_json::from_value(seccomp).unwrap()));
    bundle
}

fn on_mkdir(action: &str) -> Value {
    json!({
        "defaultAction": "SCMP_ACT_ALLOW",
        "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
        "syscalls": [{"names": ["mkdir", "mkdirat"], "action": action}],
    })
}

#[test]
fn actions_do_what_they_say() {
    let script = "mkdir /made; echo code $?; test -d /made && echo made";
    let run = |action| {
        let output = filtered(script, on_mkdir(action)).run();
        String::from_utf8_lossy(&output.stdout).into_owned()
    };
    for (action, expected) in [
        ("SCMP_ACT_KILL", "code 159"),
        ("SCMP_ACT_KILL_THREAD", "code 159"),
        ("SCMP_ACT_KILL_PROCESS", "code 159"),
        ("SCMP_ACT_TRAP", "code 159"),
        ("SCMP_ACT_LOG", "code 0\nmade"),
        ("SCMP_ACT_ALLOW", "code 0\nmade"),
    ] {
        let output = run(action);
        assert!(output.contains(expected), "{action}: {output}");
    }
    // Nobody traces: the call does not exist.
    let mut traced = on_mkdir("SCMP_ACT_TRACE");
    traced["syscalls"][0]["errnoRet"] = 7.into();
    let output = filtered("mkdir /made 2>&1", traced).run();
    assert!(String::from_utf8_lossy(&output.stdout).contains("not implemented"), "{output:?}");
    let mut refused = on_mkdir("SCMP_ACT_ERRNO");
    refused["syscalls"][0]["errnoRet"] = libc::EXDEV.into();
    let output = filtered("mkdir /made 2>&1", refused).run();
    assert!(String::from_utf8_lossy(&output.stdout).contains("Invalid cross-device link"), "{output:?}");
    assert_eq!(output.status.signal(), None);
}

/// What a listener is sent: the state, and the descriptor to decide through.
fn accept(listener: &UnixListener) -> (Value, OwnedFd) {
    let mut stream: UnixStream = listener.accept().unwrap().0;
    let mut bytes = vec![0; 65536];
    let mut control = nix::cmsg_space!([RawFd; 4]);
    let mut slices = [IoSliceMut::new(&mut bytes)];
    let flags = MsgFlags::MSG_CMSG_CLOEXEC;
    let message = recvmsg::<()>(stream.as_raw_fd(), &mut slices, Some(&mut control), flags).unwrap();
    let fds: Vec<RawFd> = message
        .cmsgs()
        .unwrap()
        .flat_map(|message| match message {
            ControlMessageOwned::ScmRights(fds) => fds,
            _ => Vec::new(),
        })
        .collect();
    let length = message.bytes;
    assert_eq!(fds.len(), 1);
    bytes.truncate(length);
    stream.read_to_end(&mut bytes).unwrap();
    // SAFETY: the kernel has just made this descriptor for us, and nobody else knows of it.
    (serde_json::from_slice(&bytes).unwrap(), unsafe { OwnedFd::from_raw_fd(fds[0]) })
}

/// A bundle whose calls of mkdir are decided by whoever listens at the socket.
fn decided(script: &str) -> (Bundle, UnixListener) {
    let mut bundle = Bundle::new(&["sh", "-c", script]);
    let path = bundle.dir.path().join("agent.sock");
    let mut rules = on_mkdir("SCMP_ACT_NOTIFY");
    rules["listenerMetadata"] = "what the agent knows".into();
    rules["flags"] = json!(["SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"]);
    rules["listenerPath"] = path.to_str().unwrap().into();
    bundle.linux().set_seccomp(Some(serde_json::from_value(rules).unwrap()));
    let listener = UnixListener::bind(&path).unwrap();
    (bundle, listener)
}

/// Lets the next call fail.
fn refuse(notifications: &OwnedFd) {
    // SAFETY: plain data, for which zeros are valid, and which the kernel wants zeroed.
    let mut request: libc::seccomp_notif = unsafe { std::mem::zeroed() };
    // SAFETY: the descriptor is a listener, and the structure is its own.
    unsafe { notification::receive(notifications.as_raw_fd(), &raw mut request) }.unwrap();
    assert!([libc::SYS_mkdir, libc::SYS_mkdirat].contains(&request.data.nr.into()));
    let mut response = libc::seccomp_notif_resp { id: request.id, val: 0, error: -libc::EXDEV, flags: 0 };
    // SAFETY: as above.
    unsafe { notification::answer(notifications.as_raw_fd(), &raw mut response) }.unwrap();
}

fn was_refused(child: std::process::Child) {
    let output = child.wait_with_output().unwrap();
    let text = String::from_utf8_lossy(&output.stdout);
    assert!(text.contains("cross-device") && text.ends_with("done\n"), "{output:?}");
}

#[test]
fn calls_that_are_left_to_a_listener_are_decided_by_it() {
    for no_new_privileges in [false, true] {
        let (mut bundle, listener) = decided("mkdir /made 2>&1; echo done");
        bundle.process().set_no_new_privileges(Some(no_new_privileges));
        let child = bundle.command("run").stdout(Stdio::piped()).spawn().unwrap();
        let (state, notifications) = accept(&listener);
        assert_eq!(state["fds"], json!(["seccompFd"]));
        assert_eq!(state["metadata"], "what the agent knows");
        assert_eq!(
            (&state["state"]["id"], &state["state"]["status"]),
            (&json!(bundle.id), &json!("creating"))
        );
        assert_eq!(state["state"]["pid"], state["pid"]);
        refuse(&notifications);
        was_refused(child);
    }
}

#[test]
fn calls_of_an_additional_process_are_left_to_the_listener_too() {
    let (bundle, listener) = decided("sleep 60");
    let mut create = bundle.command("create").spawn().unwrap();
    let (_, of_first) = accept(&listener);
    assert!(create.wait().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    let mut exec = bundle.command("exec");
    let exec = exec.args(["sh", "-c", "mkdir /made 2>&1; echo done"]).stdout(Stdio::piped()).spawn().unwrap();
    let (state, notifications) = accept(&listener);
    assert_eq!((&state["state"]["id"], &state["state"]["status"]), (&json!(bundle.id), &json!("running")));
    assert_eq!(state["state"]["pid"].as_i64(), Some(bundle.pid()));
    assert_ne!(state["state"]["pid"], state["pid"]);
    refuse(&notifications);
    was_refused(exec);
    drop(of_first);

    // Whoever does not listen does not hold up the caller.
    drop(listener);
    let exec = bundle.command("exec").arg("true").output().unwrap();
    assert!(String::from_utf8_lossy(&exec.stderr).contains("agent.sock"), "{exec:?}");
}

#[test]
fn without_its_listener_a_container_is_not_made() {
    let mut rules = on_mkdir("SCMP_ACT_NOTIFY");
    rules["listenerPath"] = "/nonexistent/agent.sock".into();
    let bundle = filtered("true", rules);
    let output = bundle.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("/nonexistent/agent.sock"), "{output:?}");
    assert!(!bundle.cgroup().exists());
}
