//! Counters, freezer and limits of running containers, on whichever cgroup version this machine has. Needs root and
//! busybox-static.

mod bundle;

use std::fs;

use bundle::{Bundle, eventually};
use runtime::cgroup::Version;
use runtime::oci::LinuxResources;

fn resources(json: serde_json::Value) -> LinuxResources {
    serde_json::from_value(json).unwrap()
}

fn running(script: &str) -> Bundle {
    let bundle = Bundle::new(&["sh", "-c", script]);
    assert!(bundle.command("create").status().unwrap().success());
    assert!(bundle.command("start").status().unwrap().success());
    bundle
}

/// The text of the first of `files` that the container's cgroup has.
fn control(bundle: &Bundle, files: [&str; 2]) -> String {
    let cgroup = bundle.cgroup();
    let paths = cgroup.dirs().flat_map(|dir| files.map(|file| dir.join(file)));
    let text = paths.into_iter().find_map(|path| fs::read_to_string(path).ok());
    text.unwrap_or_else(|| panic!("none of {files:?}")).trim().to_owned()
}

fn memory_limit(bundle: &Bundle) -> String {
    control(bundle, ["memory.limit_in_bytes", "memory.max"])
}

#[test]
fn counters_grow_with_what_is_done() {
    let mut bundle =
        Bundle::new(&["sh", "-c", "i=0; while [ $i -lt 20000 ]; do i=$((i+1)); done; sleep 60; true"]);
    let limits = resources(serde_json::json!({"memory": {"limit": 64 << 20}, "pids": {"limit": 50}}));
    bundle.linux().set_resources(Some(limits));
    assert!(bundle.command("create").status().unwrap().success());
    let before = bundle.cgroup().stats().unwrap();
    assert_eq!(before.memory.used.limit_bytes, Some(64 << 20));
    assert_eq!((before.pids.current, before.pids.limit), (1, Some(50)));
    assert!(before.memory.used.bytes > 0);
    assert!(before.memory.stat.contains_key("inactive_file"), "{:?}", before.memory.stat);
    assert!(bundle.command("start").status().unwrap().success());
    eventually("a second process", || bundle.cgroup().stats().unwrap().pids.current == 2);
    let after = bundle.cgroup().stats().unwrap();
    assert!(after.cpu.total_ns > before.cpu.total_ns);
    assert!(after.cpu.user_ns + after.cpu.system_ns > 0);
    if bundle.cgroup().version() == Version::V1 {
        let sum: u64 = after.cpu.per_cpu_ns.iter().sum();
        assert!(sum >= after.cpu.total_ns, "{after:?}");
    }
    assert!(after.memory.used.max_bytes >= after.memory.used.bytes);
}

#[test]
fn a_group_that_is_gone_is_not_found() {
    let bundle = Bundle::new(&["true"]);
    let cgroup = bundle.cgroup();
    let errors = [
        cgroup.stats().map(drop).unwrap_err(),
        cgroup.freeze().unwrap_err(),
        cgroup.thaw().unwrap_err(),
        cgroup.is_frozen().map(drop).unwrap_err(),
        cgroup.update(&resources(serde_json::json!({"pids": {"limit": 5}}))).unwrap_err(),
        cgroup.update(&resources(serde_json::json!({"cpu": {"cpus": "0"}}))).unwrap_err(),
    ];
    for error in errors {
        assert_eq!(error.kind(), runtime::ErrorKind::NotFound, "{error}");
    }
}

#[test]
fn the_frozen_stand_still_until_they_are_thawed() {
    let bundle = running("i=0; while :; do i=$((i+1)); echo $i > /tmp/count; done");
    let count = bundle.rootfs().join("tmp/count");
    eventually("it counts", || count.exists());
    let cgroup = bundle.cgroup();
    assert!(!cgroup.is_frozen().unwrap());
    cgroup.freeze().unwrap();
    assert!(cgroup.is_frozen().unwrap());
    cgroup.freeze().unwrap();
    let used = cgroup.stats().unwrap().cpu.total_ns;
    let text = fs::read_to_string(&count).unwrap();
    for _ in 0..100 {
        std::thread::yield_now();
    }
    assert_eq!(cgroup.stats().unwrap().cpu.total_ns, used);
    assert_eq!(fs::read_to_string(&count).unwrap(), text);
    cgroup.thaw().unwrap();
    assert!(!cgroup.is_frozen().unwrap());
    eventually("it counts on", || fs::read_to_string(&count).unwrap() != text);
    cgroup.freeze().unwrap();
    cgroup.kill().unwrap();
}

#[test]
fn limits_grow_and_shrink_in_the_order_that_the_kernel_wants() {
    let bundle = running("sleep 60");
    let cgroup = bundle.cgroup();
    for megabytes in [64, 256, 32] {
        let limit = megabytes << 20;
        let json = serde_json::json!({"memory": {"limit": limit, "swap": 2 * limit}});
        cgroup.update(&resources(json)).unwrap();
        assert_eq!(memory_limit(&bundle), limit.to_string());
        let swap = cgroup.stats().unwrap().memory.swap;
        assert_eq!(swap.map_or(Some(limit), |swap| swap.limit_bytes), Some(limit));
    }
    for (quota, period, share) in [(50_000, 100_000, 2), (200_000, 400_000, 2), (5_000, 10_000, 2)] {
        let json = serde_json::json!({"cpu": {"quota": quota, "period": period, "shares": 512}});
        cgroup.update(&resources(json)).unwrap();
        let text = control(&bundle, ["cpu.cfs_quota_us", "cpu.max"]);
        assert_eq!(text.split(' ').next().unwrap(), quota.to_string(), "1/{share} of a processor");
    }
    let json = serde_json::json!({"pids": {"limit": 7}, "memory": {"limit": -1}});
    cgroup.update(&resources(json)).unwrap();
    let stats = cgroup.stats().unwrap();
    assert_eq!((stats.pids.limit, stats.memory.used.limit_bytes), (Some(7), None));
    cgroup.update(&resources(serde_json::json!({"pids": {"limit": -1}}))).unwrap();
    assert_eq!(cgroup.stats().unwrap().pids.limit, None);
}

#[test]
fn a_limit_of_another_hierarchy_takes_the_processes_there() {
    let bundle = running("sleep 60 & sleep 60");
    let cgroup = bundle.cgroup();
    eventually("three processes", || cgroup.processes().unwrap().len() >= 2);
    cgroup.update(&resources(serde_json::json!({"cpu": {"cpus": "0"}}))).unwrap();
    assert_eq!(control(&bundle, ["cpuset.cpus", "cpuset.cpus"]), "0");
    for process in cgroup.processes().unwrap() {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let allowed = status.lines().find_map(|line| line.strip_prefix("Cpus_allowed_list:")).unwrap();
        assert_eq!(allowed.trim(), "0");
    }
}

#[test]
fn what_is_refused_undoes_what_was_written() {
    let bundle = running("sleep 60");
    let cgroup = bundle.cgroup();
    cgroup.update(&resources(serde_json::json!({"memory": {"limit": 64 << 20}}))).unwrap();
    let json = serde_json::json!({"memory": {"limit": 32 << 20}, "cpu": {"cpus": "4000"}});
    let error = cgroup.update(&resources(json)).unwrap_err();
    assert!(error.to_string().contains("cpuset.cpus"), "{error}");
    assert_eq!(memory_limit(&bundle), (64 << 20).to_string());
    let json = serde_json::json!({"memory": {"limit": 32 << 20}, "blockIO": {"leafWeight": 10}});
    let error = cgroup.update(&resources(json)).unwrap_err();
    assert!(error.to_string().contains("blkio.leaf_weight"), "{error}");
    assert_eq!(memory_limit(&bundle), (64 << 20).to_string());
}
