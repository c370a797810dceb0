//! `create` and `start` that are killed before each change they make: what is left can be told, and is taken away by
//! `delete --force`. Needs root, busybox-static and a build with crash points.

mod bundle;

use std::fs;
use std::path::PathBuf;
use std::process::ExitStatus;

use bundle::Bundle;

/// More changes than any command makes.
const MANY: u32 = 200;

/// Runs a command that dies before its change number `alive + 1`; its end, and the changes it came to.
fn crash(bundle: &Bundle, verb: &str, alive: u32) -> (ExitStatus, String) {
    let file: PathBuf = bundle.dir.path().join("crash");
    fs::write(&file, format!("{alive}\n")).unwrap();
    let status = bundle.command(verb).env(fault::VARIABLE, &file).status().unwrap();
    (status, fs::read_to_string(file).unwrap())
}

/// Nothing is left but the bundle.
fn delete(bundle: &Bundle, when: &str) {
    let deleted = bundle.command("delete").arg("--force").output().unwrap();
    assert!(deleted.status.success(), "{when}: {deleted:?}");
    assert!(!bundle.cgroup().exists(), "{when}: its cgroup is left");
    let state = bundle.dir.path().join("state").join(&bundle.id);
    assert!(!state.exists(), "{when}: its directory is left");
}

#[test]
fn a_create_that_is_killed_can_be_taken_back() {
    let bundle = Bundle::new(&["sleep", "60"]);
    for alive in 1..MANY {
        let (status, passed) = crash(&bundle, "create", alive);
        let when = passed.lines().last().unwrap_or_default().to_owned();
        delete(&bundle, &when);
        if status.success() {
            assert!(alive > 5, "it makes more changes than it counts: {passed}");
            return;
        }
    }
    panic!("it never came to an end");
}

#[test]
fn a_start_that_is_killed_leaves_a_container_that_is_what_it_says() {
    for alive in 1..MANY {
        let bundle = Bundle::new(&["sleep", "60"]);
        assert!(bundle.command("create").status().unwrap().success());
        let (status, passed) = crash(&bundle, "start", alive);
        let state = bundle.command("state").output().unwrap().stdout;
        let state: serde_json::Value = serde_json::from_slice(&state).unwrap();
        let pid = state["pid"].as_i64().unwrap();
        let program = fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap();
        let expected = if program.contains("sleep") { "running" } else { "created" };
        assert_eq!(state["status"], expected, "{passed}");
        delete(&bundle, &passed);
        if status.success() {
            return;
        }
    }
    panic!("it never came to an end");
}
