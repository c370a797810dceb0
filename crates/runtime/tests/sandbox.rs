//! What a container sees and may do, with a real kernel. Needs root and busybox-static.

mod bundle;

use std::fs;

use bundle::Bundle;
use runtime::oci::{LinuxMemory, LinuxNamespaceType, LinuxPids, PosixRlimitBuilder, PosixRlimitType};

fn shell(script: &str) -> Bundle {
    Bundle::new(&["sh", "-c", script])
}

#[test]
fn exit_codes_are_the_programs() {
    assert_eq!(Bundle::new(&["true"]).run().status.code(), Some(0));
    assert_eq!(shell("exit 42").run().status.code(), Some(42));
    assert_eq!(
        shell("kill -9 $$").run().status.code(),
        Some(0),
        "the first process of a namespace ignores it"
    );
}

#[test]
fn what_cannot_be_run_is_126_or_127_in_dockers_words_and_leaves_nothing() {
    let cases = [
        ("nosuch", 127, "exec: \"nosuch\": executable file not found in $PATH"),
        ("/nosuch", 127, "exec: \"/nosuch\": stat /nosuch: no such file or directory"),
        ("/etc/passwd", 126, "exec: \"/etc/passwd\": permission denied"),
        ("/etc", 126, "exec: \"/etc\": is a directory"),
        ("/tmp/garbage", 126, "exec /tmp/garbage: exec format error"),
    ];
    for (program, code, words) in cases {
        let bundle = Bundle::new(&[program]);
        let garbage = bundle.rootfs().join("tmp/garbage");
        fs::write(&garbage, "\u{7f}garbage").unwrap();
        fs::set_permissions(&garbage, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let output = bundle.run();
        let stderr = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(code), "{program}: {stderr}");
        assert!(stderr.contains(words), "{program}: {stderr}");
        assert!(!bundle.cgroup().exists(), "{program} left a cgroup");
    }
}

#[test]
fn privileges_are_dockers_default() {
    let status = Bundle::new(&["cat", "/proc/self/status"]).succeed();
    for line in [
        "CapInh:\t0000000000000000",
        "CapPrm:\t00000000a80425fb",
        "CapEff:\t00000000a80425fb",
        "CapBnd:\t00000000a80425fb",
        "CapAmb:\t0000000000000000",
        "Seccomp:\t2",
        "NoNewPrivs:\t0",
        "Umask:\t0022",
        "SigIgn:\t0000000000000000",
        "SigBlk:\t0000000000000000",
    ] {
        assert!(status.contains(line), "{line} is missing in:\n{status}");
    }
}

#[test]
fn an_unprivileged_user_has_no_capabilities_but_its_streams() {
    let mut bundle = shell("id; cat /proc/self/status; echo again > /proc/self/fd/1; echo $HOME");
    bundle.process().user_mut().set_uid(33).set_gid(34).set_additional_gids(Some(vec![50]));
    bundle.process().set_no_new_privileges(Some(true));
    let output = bundle.succeed();
    assert!(output.contains("uid=33(www) gid=34 groups=34,50"), "{output}");
    assert!(output.contains("CapEff:\t0000000000000000"), "{output}");
    assert!(output.contains("NoNewPrivs:\t1"), "{output}");
    assert!(output.ends_with("again\n/tmp\n"), "{output}");
}

#[test]
fn the_filter_refuses_what_docker_refuses() {
    let output = shell("mount -t tmpfs x /tmp 2>&1; echo $?").succeed();
    assert!(output.contains("Operation not permitted") || output.contains("permission denied"), "{output}");
}

#[test]
fn namespaces_are_its_own() {
    let script =
        "hostname; echo pid $$; ls /proc | grep -c '^[0-9]'; ip -o addr show lo; cat /proc/self/cgroup";
    let output = shell(script).succeed();
    assert!(output.starts_with("inside\npid 1\n"), "{output}");
    assert!(output.contains("127.0.0.1/8"), "the loopback interface is up: {output}");
    assert!(!output.contains("shoal-test"), "the cgroup is the root of its namespace: {output}");
}

#[test]
fn the_devices_are_there_and_no_others() {
    let output = shell(
        "ls /dev; echo x > /dev/null; head -c 4 /dev/zero | wc -c; ls -l /dev/fd/0 /dev/stdin /dev/ptmx",
    )
    .succeed();
    for name in ["full", "null", "ptmx", "pts", "random", "shm", "stderr", "tty", "urandom", "zero"] {
        assert!(output.lines().any(|line| line == name), "{name}: {output}");
    }
    assert!(!output.contains("vda"), "{output}");
    let refused = shell("mknod /tmp/disk b 254 0 && cat /tmp/disk 2>&1 | head -c 300").run();
    let text = String::from_utf8_lossy(&refused.stdout).into_owned();
    assert!(text.contains("not permitted"), "{text}");
}

#[test]
fn hidden_paths_are_empty_and_read_only_ones_cannot_be_written() {
    let script = "wc -c < /proc/keys; ls /sys/firmware | wc -l; (echo 1 > /proc/sys/kernel/pid_max) 2>&1; \
                  touch /sys/x 2>&1; touch /proc/irq/x 2>&1; echo done";
    let output = shell(script).succeed();
    assert!(output.starts_with("0\n0\n"), "{output}");
    assert_eq!(output.matches("Read-only file system").count(), 2, "{output}");
    assert!(output.ends_with("done\n"));
}

#[test]
fn no_descriptor_and_no_directory_of_the_host_is_left_open() {
    let bundle = shell("ls -l /proc/self/fd; cat /proc/self/mountinfo");
    let output = bundle.succeed();
    let open: Vec<_> = output.lines().filter(|line| line.contains(" -> ")).collect();
    assert_eq!(open.len(), 3, "{output}");
    // Of a mount the table tells what of its file system it shows, which for the root is the host's own business.
    let places = output.lines().filter_map(|line| line.split(' ').nth(4));
    let host = [bundle.dir.path(), &std::env::current_dir().unwrap()].map(|path| path.display().to_string());
    for place in places {
        assert!(!host.iter().any(|path| place.starts_with(path.as_str())), "{place}: {output}");
    }
    let mut inside = Bundle::new(&["true"]);
    inside.process().set_cwd("/proc/self/fd/7".into());
    assert_ne!(inside.run().status.code(), Some(0));
}

#[test]
fn the_working_directory_is_made() {
    let mut bundle = shell("pwd; stat -c %a /a/b");
    bundle.process().set_cwd("/a/b".into());
    assert_eq!(bundle.succeed(), "/a/b\n755\n");
}

#[test]
fn limits_are_set_and_raised_only_as_far_as_allowed() {
    let mut bundle = shell(
        "ulimit -n; ulimit -Hn; cat /sys/fs/cgroup/pids/pids.max /sys/fs/cgroup/pids.max \
        /sys/fs/cgroup/memory/memory.limit_in_bytes /sys/fs/cgroup/memory.max 2>/dev/null; true",
    );
    let nofile = PosixRlimitBuilder::default()
        .typ(PosixRlimitType::RlimitNofile)
        .soft(512_u64)
        .hard(u64::MAX >> 1)
        .build()
        .unwrap();
    bundle.process().set_rlimits(Some(vec![nofile]));
    let mut pids = LinuxPids::default();
    pids.set_limit(77);
    let mut memory = LinuxMemory::default();
    memory.set_limit(Some(32 << 20));
    bundle.linux().resources_mut().as_mut().unwrap().set_pids(Some(pids)).set_memory(Some(memory));
    let output = bundle.succeed();
    assert!(output.starts_with("512\n"), "{output}");
    assert!(output.contains("\n77\n") && output.contains("\n33554432\n"), "{output}");
}

#[test]
fn too_much_memory_is_noticed() {
    let mut bundle = shell("head -c 64m /dev/zero | tail -c 64m | wc -c; sleep 1");
    let mut memory = LinuxMemory::default();
    memory.set_limit(Some(8 << 20)).set_swap(Some(8 << 20));
    bundle.linux().resources_mut().as_mut().unwrap().set_memory(Some(memory));
    let mut child = bundle.command("run").stdout(std::process::Stdio::null()).spawn().unwrap();
    let cgroup = bundle.cgroup();
    bundle::eventually("the kernel kills it", || cgroup.oom_kills() > 0);
    child.wait().unwrap();
}

#[test]
fn a_read_only_root_still_has_its_mount_points_and_directories() {
    let mut bundle = shell("touch /x 2>&1; echo x > /dev/shm/x && echo shm");
    let mut root = bundle.spec.root().clone().unwrap();
    root.set_readonly(Some(true));
    bundle.spec.set_root(Some(root));
    let output = bundle.succeed();
    assert!(output.contains("Read-only") && output.ends_with("shm\n"), "{output}");
}

#[test]
fn the_hosts_network_can_be_shared_and_anothers_joined() {
    let mut bundle = Bundle::new(&["sh", "-c", "ls -l /proc/self/ns/net"]);
    bundle.share(LinuxNamespaceType::Network);
    let host = fs::read_link("/proc/self/ns/net").unwrap();
    assert!(bundle.succeed().contains(host.to_str().unwrap()));
    let owner = Bundle::new(&["sleep", "60"]);
    assert!(owner.command("create").status().unwrap().success());
    let state = owner.command("state").output().unwrap();
    let state: serde_json::Value = serde_json::from_slice(&state.stdout).unwrap();
    let pid = state["pid"].as_i64().unwrap();
    let mut guest = Bundle::new(&["sh", "-c", "ls -l /proc/self/ns/net"]);
    for namespace in guest.linux().namespaces_mut().as_mut().unwrap() {
        if namespace.typ() == LinuxNamespaceType::Network {
            namespace.set_path(Some(format!("/proc/{pid}/ns/net").into()));
        }
    }
    let expected = fs::read_link(format!("/proc/{pid}/ns/net")).unwrap();
    assert!(guest.succeed().contains(expected.to_str().unwrap()));
}

#[test]
fn sysctls_of_the_host_are_refused_and_its_own_are_set() {
    let mut bundle = Bundle::new(&["cat", "/proc/sys/net/ipv4/ip_unprivileged_port_start"]);
    let own = runtime::default::sysctls().map(|(key, value)| (key.to_owned(), value.to_owned()));
    bundle.linux().set_sysctl(Some(own.into_iter().collect()));
    assert_eq!(bundle.succeed(), "0\n");
    let foreign = [("kernel.panic".to_owned(), "1".to_owned())];
    bundle.linux().set_sysctl(Some(foreign.into_iter().collect()));
    let output = bundle.run();
    assert!(String::from_utf8_lossy(&output.stderr).contains("kernel.panic"), "{output:?}");
}
