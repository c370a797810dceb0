//! What a configuration says of the process: scheduling, personality, labels, limits, names. Needs root and
//! busybox-static.

mod bundle;

use bundle::Bundle;
use runtime::oci::{LinuxPersonality, LinuxPersonalityDomain, PosixRlimitBuilder, PosixRlimitType, Process};
use serde_json::{Value, json};

fn shell(script: &str) -> Bundle {
    Bundle::new(&["sh", "-c", script])
}

/// Replaces fields of the process.
fn with(bundle: &mut Bundle, fields: Value) {
    let mut process = serde_json::to_value(bundle.process()).unwrap();
    for (key, value) in fields.as_object().unwrap() {
        process[key] = value.clone();
    }
    *bundle.process() = serde_json::from_value::<Process>(process).unwrap();
}

/// Nice value, real-time priority and policy out of proc_pid_stat(5).
fn schedule(stat: &str) -> [i32; 3] {
    let fields: Vec<&str> = stat[stat.rfind(')').unwrap()..].split_ascii_whitespace().collect();
    [19, 40, 41].map(|number| fields[number - 2].parse().unwrap())
}

#[test]
fn the_scheduler_and_the_priority_of_input_and_output_are_set() {
    let mut bundle = shell("cat /proc/1/stat; ionice -p 1");
    with(
        &mut bundle,
        json!({
            "scheduler": {"policy": "SCHED_BATCH", "nice": 7},
            "ioPriority": {"class": "IOPRIO_CLASS_IDLE", "priority": 0},
            "user": {"uid": 33, "gid": 33},
        }),
    );
    let output = bundle.succeed();
    assert_eq!(schedule(output.lines().next().unwrap()), [7, 0, 3]);
    assert!(output.ends_with("idle\n"), "{output}");
    with(&mut bundle, json!({"scheduler": {"policy": "SCHED_IDLE"}}));
    assert_eq!(schedule(bundle.succeed().lines().next().unwrap())[2], 5);
}

#[test]
fn a_deadline_is_kept() {
    let mut bundle = Bundle::new(&["cat", "/proc/1/stat"]);
    let scheduler = json!({
        "policy": "SCHED_DEADLINE", "runtime": 5_000_000, "deadline": 50_000_000, "period": 100_000_000,
    });
    with(&mut bundle, json!({"scheduler": scheduler}));
    assert_eq!(schedule(&bundle.succeed())[2], 6);
}

#[test]
fn a_32_bit_personality_is_told_to_programs() {
    let mut bundle = shell("uname -m");
    let mut personality = LinuxPersonality::default();
    personality.set_domain(LinuxPersonalityDomain::PerLinux32);
    bundle.linux().set_personality(Some(personality));
    assert_eq!(bundle.succeed(), "i686\n");
}

#[test]
fn labels_of_modules_that_the_kernel_lacks_are_refused_by_name() {
    let has = |path: &str| std::path::Path::new(path).exists();
    if !has("/sys/module/apparmor") {
        let mut bundle = shell("true");
        with(&mut bundle, json!({"apparmorProfile": "docker-default"}));
        let output = bundle.run();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert!(
            stderr.contains("process.apparmorProfile cannot be set: AppArmor is not enabled"),
            "{stderr}"
        );
        with(&mut bundle, json!({"apparmorProfile": "unconfined"}));
        bundle.succeed();
    }
    if !has("/sys/fs/selinux") {
        let mut bundle = shell("true");
        with(&mut bundle, json!({"selinuxLabel": "system_u:system_r:container_t:s0"}));
        assert!(String::from_utf8_lossy(&bundle.run().stderr).contains("SELinux is not enabled"));
        let mut bundle = shell("true");
        bundle.linux().set_mount_label(Some("system_u:object_r:container_file_t:s0".to_owned()));
        assert!(String::from_utf8_lossy(&bundle.run().stderr).contains("linux.mountLabel"));
    }
}

#[test]
fn every_limit_has_its_name() {
    let mut bundle = shell("cat /proc/self/limits");
    let limit = |typ| PosixRlimitBuilder::default().typ(typ).soft(77_u64).hard(78_u64).build().unwrap();
    let types =
        [PosixRlimitType::RlimitRttime, PosixRlimitType::RlimitSigpending, PosixRlimitType::RlimitMsgqueue];
    bundle.process().set_rlimits(Some(types.map(limit).to_vec()));
    let output = bundle.succeed();
    for name in ["Max realtime timeout", "Max pending signals", "Max msgqueue size"] {
        let line = output.lines().find(|line| line.starts_with(name)).unwrap();
        assert!(line.contains(" 77 ") && line.contains(" 78 "), "{line}");
    }
}

#[test]
fn names_and_mask_and_groups_are_as_asked_for() {
    let mut bundle = shell("cat /proc/sys/kernel/domainname; umask; cat /proc/self/oom_score_adj; id -G");
    bundle.spec.set_domainname(Some("example.org".to_owned()));
    with(
        &mut bundle,
        json!({
            "oomScoreAdj": 321, "user": {"uid": 0, "gid": 7, "umask": 0o027, "additionalGids": [9, 8]},
        }),
    );
    assert_eq!(bundle.succeed(), "example.org\n0027\n321\n7 8 9\n");
}

#[test]
fn all_five_capability_sets_are_as_asked_for() {
    let mut bundle = shell("grep Cap /proc/self/status");
    let set = |names: &[&str]| names.iter().map(|name| format!("CAP_{name}")).collect::<Vec<_>>();
    with(
        &mut bundle,
        json!({
            "user": {"uid": 33, "gid": 33},
            "capabilities": {
                "bounding": set(&["CHOWN", "KILL", "NET_RAW", "SETUID"]),
                "permitted": set(&["CHOWN", "KILL", "NET_RAW"]),
                "inheritable": set(&["CHOWN", "KILL"]),
                "effective": set(&["CHOWN", "NET_RAW"]),
                // One that is not inheritable cannot be ambient, and is no reason to fail.
            "ambient": set(&["KILL", "NET_RAW"]),
            },
        }),
    );
    let output = bundle.succeed();
    for line in ["CapInh:\t0000000000000021", "CapPrm:\t0000000000000020", "CapEff:\t0000000000000020"] {
        assert!(output.contains(line), "{line}: {output}");
    }
    assert!(
        output.contains("CapBnd:\t00000000000020a1") && output.contains("CapAmb:\t0000000000000020"),
        "{output}"
    );
}

#[test]
fn what_needs_hardware_of_its_own_is_refused_by_name() {
    let mut bundle = shell("true");
    let linux: Value = json!({"intelRdt": {"closID": "x"}});
    bundle.linux().set_intel_rdt(serde_json::from_value(linux["intelRdt"].clone()).unwrap());
    let output = bundle.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("linux.intelRdt"), "{output:?}");
}
