//! config.md: root, mounts, process, hostname.

use serde_json::json;

use crate::case::{Case, Failed, Runtime, ensure};
use crate::{Rule, rule};

pub(crate) const RULES: &[Rule] = &[
    rule("a read-only root cannot be written", the_root_is_read_only),
    rule("mounts are made in order, with their options", mounts_are_in_order),
    rule("process.cwd is the working directory", the_working_directory),
    Rule { must: "process.cwd is absolute", holds: a_relative_directory, broken_by: &["crun"] },
    rule("process.env is the environment", the_environment),
    rule("process.user has numbers, groups and umask", the_user),
    rule("process.rlimits are set", limits_are_set),
    Rule {
        must: "no type of process.rlimits is given twice",
        holds: limits_are_given_once,
        broken_by: &["runc", "crun"],
    },
    rule("process.capabilities are all there are", capabilities_are_all),
    rule("process.noNewPrivileges is set", no_new_privileges),
    rule("process.oomScoreAdj is set", the_score),
    rule("the exit code is the program's", the_exit_code),
    rule("hostname is that of the uts namespace", the_host_name),
];

fn the_root_is_read_only(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "touch /x 2>/dev/null || echo refused");
    case.config["root"]["readonly"] = json!(true);
    let said = case.said()?;
    ensure(said == "refused" && !case.inside("x").exists(), || said)
}

fn mounts_are_in_order(runtime: &Runtime) -> Result<(), Failed> {
    let mut case =
        Case::new(runtime, "ls /m; touch /m/over/x 2>/dev/null || echo refused; grep -c ' /m' /proc/mounts");
    let tmpfs = |destination: &str, options: &[&str]| json!({"destination": destination, "type": "tmpfs", "source": "tmpfs", "options": options});
    let mounts = case.config["mounts"].as_array_mut().unwrap();
    mounts.extend([tmpfs("/m", &["mode=755"]), tmpfs("/m/over", &["ro", "nosuid"])]);
    let said = case.said()?;
    ensure(said == "over\nrefused\n2", || said)
}

fn the_working_directory(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "pwd");
    case.config["process"]["cwd"] = json!("/tmp");
    let said = case.said()?;
    ensure(said == "/tmp", || said)
}

fn a_relative_directory(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "pwd");
    case.config["process"]["cwd"] = json!("tmp");
    case.is_refused()
}

fn the_environment(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "echo $A $B");
    case.config["process"]["env"] = json!(["PATH=/bin", "A=one", "B=two"]);
    let said = case.said()?;
    ensure(said == "one two", || said)
}

fn the_user(runtime: &Runtime) -> Result<(), Failed> {
    let script = "id -u; id -g; grep Groups: /proc/self/status; touch /tmp/x; stat -c %a /tmp/x";
    let mut case = Case::new(runtime, script);
    case.config["process"]["user"] = json!({"uid": 7, "gid": 8, "additionalGids": [9, 10], "umask": 0o077});
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o777);
    std::fs::set_permissions(case.inside("tmp"), permissions).unwrap();
    let said = case.said()?;
    let words: Vec<&str> = said.split_ascii_whitespace().collect();
    ensure(words.starts_with(&["7", "8"]) && words.contains(&"9") && words.ends_with(&["600"]), || said)
}

fn limits_are_set(runtime: &Runtime) -> Result<(), Failed> {
    let limit = json!({"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99});
    let mut case = Case::new(runtime, "ulimit -Sn; ulimit -Hn");
    case.config["process"]["rlimits"] = json!([limit]);
    let said = case.said()?;
    ensure(said == "77\n99", || said)?;
    let mut case = Case::new(runtime, "true");
    case.config["process"]["rlimits"] = json!([{"type": "RLIMIT_NOSUCH", "soft": 1, "hard": 1}]);
    case.is_refused()
}

fn limits_are_given_once(runtime: &Runtime) -> Result<(), Failed> {
    let limit = json!({"type": "RLIMIT_NOFILE", "soft": 77, "hard": 99});
    let mut case = Case::new(runtime, "true");
    case.config["process"]["rlimits"] = json!([limit, limit]);
    case.is_refused()
}

fn capabilities_are_all(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "grep -E 'Cap(Prm|Eff|Bnd)' /proc/self/status");
    let set = json!(["CAP_KILL"]);
    case.config["process"]["capabilities"] = json!({"bounding": set, "effective": set, "permitted": set});
    let said = case.said()?;
    // CAP_KILL is number 5.
    ensure(said.matches("0000000000000020").count() == 3, || said)
}

fn no_new_privileges(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "grep NoNewPrivs /proc/self/status");
    case.config["process"]["noNewPrivileges"] = json!(true);
    let said = case.said()?;
    ensure(said.ends_with('1'), || said)
}

fn the_score(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "cat /proc/self/oom_score_adj");
    case.config["process"]["oomScoreAdj"] = json!(321);
    let said = case.said()?;
    ensure(said == "321", || said)
}

fn the_exit_code(runtime: &Runtime) -> Result<(), Failed> {
    for (script, code) in [("exit 0", 0), ("exit 7", 7), ("kill -9 $$; sleep 9", 137)] {
        let mut case = Case::new(runtime, script);
        // The first process of a namespace is not killed by its own.
        case.config["linux"]["namespaces"] = json!([{"type": "mount"}]);
        let said = case.run();
        ensure(said.as_ref().is_some_and(|said| said.code == code), || format!("{script}: {said:?}"))?;
    }
    Ok(())
}

fn the_host_name(runtime: &Runtime) -> Result<(), Failed> {
    let mut case = Case::new(runtime, "hostname");
    case.config["hostname"] = json!("inside");
    let said = case.said()?;
    ensure(said == "inside", || said)
}
