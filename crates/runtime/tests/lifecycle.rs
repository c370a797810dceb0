//! `create`, `start`, `state`, `kill`, `delete` as a higher runtime calls them. Needs root and busybox-static.

mod bundle;

use std::fs;

use bundle::{Bundle, eventually};

fn status(bundle: &Bundle) -> Option<String> {
    let output = bundle.command("state").output().unwrap();
    let state: serde_json::Value = serde_json::from_slice(&output.stdout).ok()?;
    Some(state["status"].as_str()?.to_owned())
}

#[test]
fn a_container_goes_through_its_states() {
    let bundle = Bundle::new(&["sh", "-c", "echo ran > /tmp/ran; sleep 60"]);
    let pid_file = bundle.dir.path().join("pid");
    let created = bundle.command("create").arg("--pid-file").arg(&pid_file).status().unwrap();
    assert!(created.success());
    assert_eq!(status(&bundle).as_deref(), Some("created"));
    let ran = bundle.rootfs().join("tmp/ran");
    assert!(!ran.exists(), "it ran before it was started");
    let pid: i32 = fs::read_to_string(pid_file).unwrap().parse().unwrap();
    assert_eq!(bundle.cgroup().processes().unwrap(), [pid]);
    assert!(!bundle.command("create").status().unwrap().success(), "the id is taken");

    assert!(bundle.command("start").status().unwrap().success());
    eventually("it runs", || ran.exists());
    assert_eq!(status(&bundle).as_deref(), Some("running"));
    assert!(!bundle.command("start").status().unwrap().success(), "it runs already");
    assert!(!bundle.command("delete").status().unwrap().success(), "it runs");

    assert!(bundle.command("kill").arg("KILL").status().unwrap().success());
    eventually("it is dead", || status(&bundle).as_deref() == Some("stopped"));
    assert!(bundle.command("delete").status().unwrap().success());
    assert_eq!(status(&bundle), None);
    assert!(!bundle.cgroup().exists());
}

#[test]
fn a_created_container_can_be_deleted_by_force() {
    let bundle = Bundle::new(&["true"]);
    assert!(bundle.command("create").status().unwrap().success());
    assert!(!bundle.command("delete").status().unwrap().success());
    assert!(bundle.command("delete").arg("--force").status().unwrap().success());
    assert!(!bundle.cgroup().exists());
}

#[test]
fn killing_a_cgroup_kills_all_of_it() {
    let bundle = Bundle::new(&["sh", "-c", "sleep 60 & sleep 60 & sleep 60; true"]);
    assert!(bundle.command("create").status().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    let cgroup = bundle.cgroup();
    eventually("four processes", || cgroup.processes().unwrap().len() == 4);
    let children = runtime::cgroup::detect().unwrap().children(&bundle.parent_cgroup()).unwrap();
    assert_eq!(children, ["c"]);
    cgroup.kill().unwrap();
    assert!(cgroup.processes().unwrap().is_empty());
    cgroup.remove().unwrap();
    assert!(!cgroup.exists());
}

#[test]
fn what_is_not_there_says_so() {
    let bundle = Bundle::new(&["true"]);
    let output = bundle.command("checkpoint").output().unwrap();
    assert!(!output.status.success());
    assert!(String::from_utf8_lossy(&output.stderr).contains("there is no command \"checkpoint\""));
    let output = bundle.command("start").output().unwrap();
    assert!(String::from_utf8_lossy(&output.stderr).contains("does not exist"));
}
