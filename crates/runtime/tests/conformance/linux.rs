//! config-linux.md: namespaces, devices, cgroups, paths, kernel parameters.

use std::fs;

use serde_json::json;

use crate::case::{Case, Failed, Runtime, ensure};
use crate::{Rule, rule};

pub(crate) const RULES: &[Rule] = &[
    rule("a namespace that is not named is the caller's", namespaces_are_inherited),
    rule("a namespace that is named is new", namespaces_are_new),
    rule("a namespace with a path is joined", namespaces_are_joined),
    Rule { must: "a namespace is not named twice", holds: namespaces_are_named_once, broken_by: &["crun"] },
    rule("the default devices are there", default_devices),
    rule("other devices are made as they are described", other_devices),
    rule("what device rules deny cannot be opened", devices_are_denied),
    rule("/dev has its links", device_links),
    rule("the container is in the cgroup of cgroupsPath", the_cgroup),
    rule("limits are set before the program runs", limits_are_set),
    rule("masked paths cannot be read", masked_paths),
    rule("read-only paths cannot be written", readonly_paths),
    rule("kernel parameters of the container's namespaces are set", sysctls),
];

const KINDS: [(&str, &str); 4] = [("pid", "pid"), ("ipc", "ipc"), ("uts", "uts"), ("network", "net")];

fn links(case: &Case<'_>) -> Result<Vec<String>, Failed> {
    Ok(case.said()?.lines().map(str::to_owned).collect())
}

fn own(file: &str) -> String {
    fs::read_link(format!("/proc/self/ns/{file}")).unwrap().to_string_lossy().into_owned()
}

const SHOW: &str = "for n in pid ipc uts net; do readlink /proc/self/ns/$n; done";

fn namespaces_are_inherited(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, SHOW);
    case.config["linux"]["namespaces"] = json!([{"type": "mount"}]);
    let links = links(&case)?;
    let expected: Vec<String> = KINDS.iter().map(|(_, file)| own(file)).collect();
    ensure(links == expected, || format!("{links:?}"))
}

fn namespaces_are_new(runtime: &Runtime) -> Result<(), Failed> {
    let links = links(&Case::new(runtime, SHOW))?;
    let shared = KINDS.iter().filter(|(_, file)| links.contains(&own(file))).count();
    ensure(links.len() == KINDS.len() && shared == 0, || format!("{links:?}"))
}

fn namespaces_are_joined(runtime: &Runtime) -> Result<(), Failed> {
    let first = Case::new(runtime, "sleep 60");
    first.must_create()?;
    let pid = first.state().and_then(|state| state["pid"].as_i64()).unwrap_or_default();
    let mut case = Case::new(runtime, SHOW);
    let path = |file: &str| format!("/proc/{pid}/ns/{file}");
    let joined = KINDS.map(|(kind, file)| json!({"type": kind, "path": path(file)}));
    case.config["linux"]["namespaces"] = json!(joined);
    case.config["linux"]["namespaces"].as_array_mut().unwrap().push(json!({"type": "mount"}));
    let links = links(&case)?;
    let theirs = KINDS.map(|(_, file)| fs::read_link(path(file)).unwrap().to_string_lossy().into_owned());
    ensure(links == theirs, || format!("{links:?}, not {theirs:?}"))
}

fn namespaces_are_named_once(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "true");
    case.config["linux"]["namespaces"] = json!([{"type": "mount"}, {"type": "pid"}, {"type": "pid"}]);
    case.is_refused()
}

fn default_devices(runtime: &Runtime) -> Result<(), Failed> {
    let script = "for d in null zero full random urandom tty; do [ -c /dev/$d ] || echo no $d; done; \
                  echo x > /dev/null && stat -c '%t %T' /dev/null && ls /dev/ptmx";
    let said = Case::new(runtime, script).said()?;
    ensure(said == "1 3\n/dev/ptmx", || said)
}

fn other_devices(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "stat -c '%F %t %T %a %u %g' /dev/own");
    case.config["linux"]["devices"] = json!([
        {"path": "/dev/own", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640, "uid": 3, "gid": 4},
    ]);
    let said = case.said()?;
    ensure(said == "character special file a e5 640 3 4", || said)
}

fn devices_are_denied(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "cat /dev/own 2>&1 | grep -c 'not permitted'");
    case.config["linux"]["devices"] = json!([{"path": "/dev/own", "type": "c", "major": 1, "minor": 1}]);
    let said = case.said()?;
    ensure(said == "1", || said)
}

fn device_links(runtime: &Runtime) -> Result<(), Failed> {
    let said = Case::new(runtime, "for l in fd stdin stdout stderr; do readlink /dev/$l; done").said()?;
    let expected = "/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2";
    ensure(said == expected, || said)
}

fn the_cgroup(runtime: &Runtime) -> Result<(), Failed> {
    let case = Case::new(runtime, "cat /proc/self/cgroup");
    let said = case.said()?;
    let path = format!("/shoal-test-{}/c", case.id);
    ensure(said.lines().any(|line| line.ends_with(&path)), || said)
}

fn limits_are_set(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "true");
    case.config["linux"]["resources"]["memory"] = json!({"limit": 64 << 20});
    case.config["linux"]["resources"]["pids"] = json!({"limit": 33});
    case.must_create()?;
    let path = format!("/shoal-test-{}/c", case.id);
    let cgroup = runtime::cgroup::detect().unwrap().cgroup(path.as_ref()).unwrap();
    let stats = cgroup.stats().map_err(|error| Failed(error.to_string()))?;
    ensure(stats.memory.used.limit_bytes == Some(64 << 20) && stats.pids.limit == Some(33), || {
        format!("{stats:?}")
    })
}

fn masked_paths(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "cat /secret; ls /hidden; echo end");
    fs::write(case.inside("secret"), "secret\n").unwrap();
    fs::create_dir_all(case.inside("hidden/secret")).unwrap();
    case.config["linux"]["maskedPaths"] = json!(["/secret", "/hidden", "/no/such"]);
    let said = case.said()?;
    ensure(said == "end", || said)
}

fn readonly_paths(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "touch /tmp/x 2>/dev/null || echo refused");
    case.config["linux"]["readonlyPaths"] = json!(["/tmp", "/no/such"]);
    let said = case.said()?;
    ensure(said == "refused", || said)
}

fn sysctls(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "cat /proc/sys/net/ipv4/ip_forward /proc/sys/kernel/msgmax");
    case.config["linux"]["sysctl"] = json!({"net.ipv4.ip_forward": "1", "kernel.msgmax": "4321"});
    let said = case.said()?;
    ensure(said == "1\n4321", || said)
}
