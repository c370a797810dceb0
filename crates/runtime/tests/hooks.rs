//! Hooks of every kind: where, when, with what, and what becomes of a container when one fails. Needs root and
//! busybox-static.

mod bundle;

use std::fs;
use std::path::PathBuf;

use bundle::{Bundle, eventually};
use runtime::oci::{Hook, Hooks};
use serde_json::Value;

/// A hook that runs a script of the host's shell.
fn hook(script: &str) -> Hook {
    let mut hook = Hook::default();
    hook.set_path("/bin/sh".into())
        .set_args(Some(vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()]))
        .set_env(Some(vec!["MARK=set".to_owned(), "PATH=/bin:/usr/bin".to_owned()]));
    hook
}

/// Each kind writes its state, its namespaces and its view of the root to a file of its name.
fn recording(args: &[&str]) -> (Bundle, PathBuf) {
    let mut bundle = Bundle::new(args);
    let log = bundle.dir.path().join("log");
    fs::create_dir(&log).unwrap();
    let record = |kind: &str, extra: &str| {
        let log = log.display();
        vec![hook(&format!(
            "cat > {log}/{kind}.json; echo {kind} $MARK >> {log}/order; readlink /proc/self/ns/uts > {log}/{kind}.uts; {extra}"
        ))]
    };
    let root = bundle.rootfs();
    let seen = format!("ls {}/proc/self > {}/mounts 2>&1", root.display(), log.display());
    let mut hooks = Hooks::default();
    #[allow(deprecated, reason = "configurations still have them")]
    hooks.set_prestart(Some(record("prestart", "")));
    let mut inside = hook("cat > /tmp/startContainer.json; echo $HOME$MARK > /tmp/env");
    inside.set_env(Some(vec!["MARK=set".to_owned(), "PATH=/bin".to_owned()]));
    hooks
        .set_create_runtime(Some(record("createRuntime", "")))
        .set_create_container(Some(record("createContainer", &seen)))
        .set_start_container(Some(vec![inside]))
        .set_poststart(Some(record("poststart", "")))
        .set_poststop(Some(record("poststop", "")));
    bundle.spec.set_hooks(Some(hooks));
    (bundle, log)
}

fn state(file: PathBuf) -> Value {
    serde_json::from_slice(&fs::read(&file).unwrap_or_else(|error| panic!("{}: {error}", file.display())))
        .unwrap()
}

#[test]
fn every_kind_runs_in_its_place_and_order() {
    let (bundle, log) = recording(&["sleep", "60"]);
    let read = |name: &str| fs::read_to_string(log.join(name)).unwrap();
    assert!(bundle.command("create").status().unwrap().success());
    assert_eq!(read("order"), "prestart set\ncreateRuntime set\ncreateContainer set\n");
    let pid = bundle.pid();
    let host = fs::read_link("/proc/self/ns/uts").unwrap();
    for (kind, expected, own) in
        [("prestart", pid, false), ("createRuntime", pid, false), ("createContainer", 1, true)]
    {
        let state = state(log.join(format!("{kind}.json")));
        assert_eq!(state["status"], "creating", "{kind}");
        assert_eq!(state["pid"], expected, "{kind}");
        assert_eq!(state["id"], bundle.id, "{kind}");
        assert_eq!(state["bundle"], bundle.dir.path().to_str().unwrap(), "{kind}");
        assert!(state["ociVersion"].as_str().unwrap().starts_with("1."));
        assert_eq!(read(&format!("{kind}.uts")).trim() != host.to_str().unwrap(), own, "{kind}");
    }
    // The root is mounted where the bundle has it, with all in it, and the host's tree is still there.
    assert!(read("mounts").contains("status"), "{}", read("mounts"));
    assert!(!bundle.rootfs().join("tmp/startContainer.json").exists());
    assert!(bundle.command("start").status().unwrap().success());
    let inside = state(bundle.rootfs().join("tmp/startContainer.json"));
    assert_eq!((&inside["status"], &inside["pid"]), (&"created".into(), &1.into()));
    assert_eq!(fs::read_to_string(bundle.rootfs().join("tmp/env")).unwrap(), "set\n");
    let after = state(log.join("poststart.json"));
    assert_eq!((&after["status"], &after["pid"]), (&"running".into(), &pid.into()));
    assert!(bundle.command("delete").arg("--force").status().unwrap().success());
    let gone = state(log.join("poststop.json"));
    assert_eq!((&gone["status"], &gone["pid"]), (&"stopped".into(), &Value::Null));
    assert!(read("order").ends_with("createContainer set\npoststart set\npoststop set\n"));
}

#[test]
fn a_failing_hook_ends_the_container_and_is_quoted() {
    type Set = fn(&mut Hooks, Vec<Hook>);
    let kinds: [(&str, Set); 4] = [
        ("createRuntime", |hooks, list| {
            hooks.set_create_runtime(Some(list));
        }),
        ("createContainer", |hooks, list| {
            hooks.set_create_container(Some(list));
        }),
        ("startContainer", |hooks, list| {
            hooks.set_start_container(Some(list));
        }),
        ("poststart", |hooks, list| {
            hooks.set_poststart(Some(list));
        }),
    ];
    for (kind, set) in kinds {
        let mut bundle = Bundle::new(&["sleep", "60"]);
        let mark = bundle.dir.path().join("poststop");
        let mut hooks = Hooks::default();
        hooks.set_poststop(Some(vec![hook(&format!("touch {}", mark.display()))]));
        set(&mut hooks, vec![hook("echo the reason >&2; exit 3"), hook("touch /nowhere/else")]);
        bundle.spec.set_hooks(Some(hooks));
        let output = bundle.run();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(!output.status.success(), "{kind}: {output:?}");
        assert!(stderr.contains("/bin/sh failed: exit status: 3: the reason"), "{kind}: {stderr}");
        assert!(!bundle.cgroup().exists(), "{kind}");
        assert!(mark.exists(), "{kind}: nobody has taken back what hooks have begun");
    }
}

#[test]
fn a_hook_that_takes_too_long_is_killed() {
    let mut bundle = Bundle::new(&["true"]);
    let mark = bundle.dir.path().join("pid");
    let mut slow = hook(&format!("echo $$ > {}; exec sleep 1000", mark.display()));
    slow.set_timeout(Some(1));
    let mut hooks = Hooks::default();
    hooks.set_create_runtime(Some(vec![slow]));
    bundle.spec.set_hooks(Some(hooks));
    let output = bundle.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("longer than 1 s"), "{output:?}");
    let pid = fs::read_to_string(mark).unwrap();
    eventually("it is gone", || !PathBuf::from(format!("/proc/{}", pid.trim())).exists());
}

#[test]
fn hooks_work_with_users_of_its_own() {
    let (mut bundle, log) = recording(&["true"]);
    let map = runtime::oci::LinuxIdMappingBuilder::default().host_id(100_000_u32).size(65_536_u32).build();
    let map = Some(vec![map.unwrap()]);
    bundle.linux().set_uid_mappings(map.clone()).set_gid_mappings(map);
    bundle.own(runtime::oci::LinuxNamespaceType::User, None);
    bundle.own_root(100_000);
    for dir in [bundle.dir.path(), &log] {
        fs::set_permissions(dir, std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    }
    let output = bundle.run();
    // Those in the container's namespaces are its root, who is nobody to files that others have made.
    let stderr = String::from_utf8_lossy(&output.stderr);
    assert!(log.join("createContainer.json").exists(), "{stderr}");
    assert_eq!(state(log.join("createRuntime.json"))["status"], "creating");
}
