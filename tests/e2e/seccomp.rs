//! A profile of one's own (`--security-opt seccomp=FILE`): what its actions do to a program.

use std::fs;

use testkit::{Daemon, Said};

/// Runs a script whose `mkdir` is answered by `rule`; all other calls pass.
fn run(daemon: &Daemon, rule: &str, more: &str, script: &str) -> Said {
    let profile = format!(
        r#"{{"defaultAction": "SCMP_ACT_ALLOW", "archMap": null, {more}
            "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"],
            "syscalls": [{{"names": ["mkdir", "mkdirat"], {rule}}}]}}"#
    );
    let file = daemon.path("profile.json");
    fs::write(&file, profile).unwrap();
    let option = format!("seccomp={}", file.display());
    daemon.docker(&[
        "run",
        "--rm",
        "--network=none",
        "--security-opt",
        &option,
        "busybox",
        "sh",
        "-c",
        script,
    ])
}

#[test]
fn the_actions_of_a_profile_are_taken() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    let script = "mkdir /made; echo $?";
    let said = run(&daemon, r#""action": "SCMP_ACT_ERRNO", "errnoRet": 18"#, "", script);
    assert!(said.err.contains("cross-device"), "{said:?}");
    assert_eq!(run(&daemon, r#""action": "SCMP_ACT_KILL_PROCESS""#, "", script).out.trim(), "159");
    assert_eq!(run(&daemon, r#""action": "SCMP_ACT_LOG""#, "", script).out.trim(), "0");
    // The program itself.
    assert_eq!(run(&daemon, r#""action": "SCMP_ACT_KILL""#, "", "exec mkdir /made").code, 159);
}

#[test]
fn what_contradicts_itself_or_cannot_be_reached_is_refused() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    let notify = r#""action": "SCMP_ACT_NOTIFY""#;
    let said = run(&daemon, notify, "", "true");
    assert!(said.code == 125 && said.err.contains("listenerPath"), "{said:?}");
    let said = run(&daemon, notify, r#""listenerPath": "/nonexistent/agent","#, "true");
    assert!(said.code != 0 && said.err.contains("/nonexistent/agent"), "{said:?}");
    assert_eq!(daemon.docker(&["ps", "-aq"]).ok(), "");
}
