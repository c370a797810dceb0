//! Flags of `run` and `create`, each by what a container sees, or by the words of the refusal.

use std::fs;

use testkit::Daemon;

fn daemon(args: &[&str]) -> Daemon {
    let daemon = Daemon::start(args);
    testkit::image::import_busybox(&daemon);
    daemon
}

/// What a container with these flags says.
fn run(daemon: &Daemon, flags: &[&str], script: &str) -> String {
    let command = ["busybox", "sh", "-c", script];
    daemon.docker(&[&["run", "--rm"], flags, &command].concat()).ok()
}

/// Flags of containers without a network, a script, and what it says.
const SEEN: &[(&[&str], &str, &str)] = &[
    (&["--group-add", "nobody", "--group-add", "7"], "id -G", "0 7 65534"),
    (&["--user", "nobody"], "id -u; id -g", "65534\n65534"),
    (
        &["--hostname", "mine", "--domainname", "example.org"],
        "hostname; cat /proc/sys/kernel/domainname",
        "mine\nexample.org",
    ),
    (&["--read-only", "--tmpfs", "/w"], "touch /x 2>/dev/null || touch /w/x && echo only", "only"),
    (
        &["--tmpfs", "/t:size=1m,mode=700,exec"],
        "grep ' /t ' /proc/mounts | cut -d' ' -f4",
        "rw,nosuid,nodev,relatime,size=1024k,mode=700",
    ),
    (&["--shm-size", "1m"], "df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2", "1024"),
    (&["--ipc", "none"], "test -e /dev/shm || grep -c ' /dev/shm ' /proc/mounts || true", "0"),
    (&["--ulimit", "nofile=100:200"], "ulimit -n; ulimit -Hn", "100\n200"),
    (&["--sysctl", "kernel.shmmax=4096"], "cat /proc/sys/kernel/shmmax", "4096"),
    (
        &["--cap-drop", "ALL", "--cap-add", "CHOWN"],
        "grep CapEff /proc/self/status | cut -f2",
        "0000000000000001",
    ),
    (&["--security-opt", "no-new-privileges"], "grep NoNewPrivs /proc/self/status | cut -f2", "1"),
    (&["--security-opt", "seccomp=unconfined"], "grep '^Seccomp:' /proc/self/status | cut -f2", "0"),
    (&["--security-opt", "systempaths=unconfined"], "grep -c ' /proc/' /proc/mounts || true", "0"),
    (&["--device", "/dev/null:/dev/hole:r"], "ls /dev/hole; stat -c %t,%T /dev/hole", "/dev/hole\n1,3"),
    (&["--add-host", "db:10.1.2.3"], "grep db /etc/hosts", "10.1.2.3\tdb"),
    (
        &["--dns", "9.9.9.9", "--dns-search", "example.org", "--dns-option", "ndots:3"],
        "cat /etc/resolv.conf",
        "nameserver 9.9.9.9\nsearch example.org\noptions ndots:3",
    ),
    (&["--annotation", "a=b", "--isolation", "default", "--stop-timeout", "3"], "echo fine", "fine"),
    (&["--cgroupns", "private"], "grep -c ':/$' /proc/self/cgroup > /dev/null && echo own", "own"),
    (&["--init"], "test $$ -ne 1 && echo below", "below"),
    (&["-v", "/etc/hostname:/proc/uptime:ro"], "cmp /proc/uptime /proc/uptime && echo over", "over"),
];

#[test]
fn each_flag_does_what_it_says() {
    let daemon = daemon(&["--bridge", "none"]);
    for (flags, script, expected) in SEEN {
        let said = run(&daemon, &[&["--net", "none"], *flags].concat(), script);
        // Some kernels tell of each tmpfs how wide its inode numbers are.
        assert_eq!(said.replace(",inode64", ""), *expected, "{flags:?}");
    }
}

/// Flags, and the words of the refusal, as Docker has them.
const REFUSED: &[(&[&str], &str)] = &[
    (&["--cpuset-cpus", "4095"], "Requested CPUs are not available - requested 4095, available: 0"),
    (&["--cpuset-cpus", "3-1"], "Invalid value 3-1 for cpuset cpus: invalid format: 3-1"),
    (&["--cpuset-mems", "99"], "Requested memory nodes are not available - requested 99, available: 0"),
    (&["--cpus", "9999"], "Range of CPUs is from 0.01 to "),
    (
        &["--cpu-period", "5"],
        "CPU cfs period can not be less than 1ms (i.e. 1000) or larger than 1s (i.e. 1000000)",
    ),
    (&["--cpu-quota", "5"], "CPU cfs quota can not be less than 1ms (i.e. 1000)"),
    (&["--memory", "1m"], "Minimum memory limit allowed is 6MB"),
    (&["--memory-reservation", "1m"], "Minimum memory reservation allowed is 6MB"),
    (
        &["--memory-swap", "5m"],
        "You should always set the Memory limit when using Memoryswap limit, see usage",
    ),
    (&["--oom-score-adj", "2000"], "Invalid value 2000, range for oom score adj is [-1000, 1000]"),
    (&["--security-opt", "wings=2"], "invalid --security-opt 2: \"wings=2\""),
    (
        &["--storage-opt", "size=1G"],
        "--storage-opt is supported only for overlay over xfs with 'pquota' mount option",
    ),
    (&["--storage-opt", "speed=1"], "Unknown option speed"),
    (&["--isolation", "hyperv"], "linux only supports 'default'"),
    (&["--link", "nosuch"], "could not get container for nosuch: No such container: nosuch"),
    (&["--net", "host", "--link", "a"], "host type networking can't be used with links"),
    (&["--ip", "10.0.0.9"], "user specified IP address is supported on user defined networks only"),
    (&["--ipc", "container:nosuch"], "No such container: nosuch"),
    (&["--pid", "container:nosuch"], "No such container: nosuch"),
    (&["--hostname", "a", "--uts", "host"], "conflicting options: hostname and the UTS mode"),
    (
        &["--hostname", "aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"],
        "invalid hostname",
    ),
    (&["--workdir", "rel"], "the working directory 'rel' is invalid, it needs to be an absolute path"),
    (&["--runtime", "nosuch"], "nosuch"),
    (&["-v", "/etc:/proc/self"], "because it is inside /proc"),
    (&["-v", "/etc:/proc"], "/proc cannot be mounted over"),
    (&["--tmpfs", "/x:wings"], "invalid tmpfs option [\"wings\"]"),
    (&["--sysctl", "net.core.somaxconn=1", "--net", "host"], "sysctl 'net.core.somaxconn' is not allowed"),
];

#[test]
fn what_cannot_be_is_refused_in_dockers_words() {
    let daemon = daemon(&["--bridge", "none"]);
    for (flags, words) in REFUSED {
        let said = daemon.docker(&[&["create"], *flags, &["busybox"]].concat());
        assert_ne!(said.code, 0, "{flags:?}");
        assert!(said.err.contains(words), "{flags:?}: {}", said.err);
    }
    assert_eq!(daemon.docker(&["ps", "-aq"]).ok(), "", "a refusal leaves nothing");
    for (flags, words) in [
        (["--group-add", "ghost"], "Unable to find group ghost: no matching entries in group file"),
        (["--user", "ghost"], "unable to find user ghost: no matching entries in passwd file"),
        (["--user", "2147483648"], "uids and gids must be in range 0-2147483647"),
        (
            ["--device", "/dev/nosuch"],
            "error gathering device information while adding custom device \"/dev/nosuch\"",
        ),
        (["--device-read-bps", "/dev/nosuch:1mb"], "stat /dev/nosuch: no such file or directory"),
        (["--gpus", "all"], "could not select device driver \"\" with capabilities: [[gpu]]"),
    ] {
        let said =
            daemon.docker(&[&["run", "--rm", "--net", "none"], &flags[..], &["busybox", "true"]].concat());
        assert!(matches!(said.code, 125 | 127), "{flags:?}: {}", said.code);
        assert!(said.err.contains(words), "{flags:?}: {}", said.err);
    }
}

#[test]
fn what_is_set_is_told() {
    let daemon = daemon(&["--bridge", "none"]);
    let warned = daemon.docker(&[
        "create",
        "--name",
        "told",
        "--net",
        "none",
        "--oom-kill-disable",
        "--ipc",
        "shareable",
        "--device-read-bps",
        "/dev/null:1mb",
        "--device-write-iops",
        "/dev/null:9",
        "--annotation",
        "a=b",
        "--pids-limit",
        "-1",
        "--gpus",
        "device=3",
        "--security-opt",
        "label=disable",
        "busybox",
    ]);
    assert!(
        warned.err.contains("OOM killer is disabled") || warned.err.contains("OomKillDisable discarded"),
        "{}",
        warned.err
    );
    let told = |format: &str| daemon.docker(&["inspect", "-f", format, "told"]).ok();
    assert_eq!(told("{{.HostConfig.IpcMode}} {{.HostConfig.Annotations}}"), "shareable map[a:b]");
    assert_eq!(told("{{json .HostConfig.BlkioDeviceReadBps}}"), r#"[{"Path":"/dev/null","Rate":1048576}]"#);
    assert_eq!(told("{{json .HostConfig.BlkioDeviceWriteIOps}}"), r#"[{"Path":"/dev/null","Rate":9}]"#);
    assert_eq!(
        told("{{json .HostConfig.DeviceRequests}}"),
        r#"[{"Driver":"","Count":0,"DeviceIDs":["3"],"Capabilities":[["gpu"]],"Options":{}}]"#
    );
    assert!(told("{{json .HostConfig.MaskedPaths}}").contains("/proc/kcore"));
    assert!(told("{{json .HostConfig.ReadonlyPaths}}").contains("/proc/sys"));
}

#[test]
fn containers_share_what_they_are_told_to() {
    let daemon = daemon(&["--bridge", "none"]);
    let hold = "echo shared > /dev/shm/note; sleep 1000";
    daemon
        .docker(&[
            "run",
            "-d",
            "--name",
            "one",
            "--net",
            "none",
            "--ipc",
            "shareable",
            "--group-add",
            "nobody",
            "busybox",
            "sh",
            "-c",
            hold,
        ])
        .ok();
    assert_eq!(
        daemon.docker(&["exec", "one", "id", "-G"]).ok(),
        "0 65534",
        "an additional process has the groups"
    );
    let read = "until cat /dev/shm/note 2>/dev/null; do :; done";
    assert_eq!(run(&daemon, &["--net", "none", "--ipc", "container:one"], read), "shared");
    assert!(
        run(&daemon, &["--net", "none", "--pid", "container:one"], "cat /proc/1/cmdline").contains("sleep")
    );
    daemon.docker(&["run", "-d", "--name", "two", "--net", "none", "busybox", "sleep", "1000"]).ok();
    let said = daemon.docker(&["run", "--rm", "--net", "none", "--ipc", "container:two", "busybox", "true"]);
    assert!(
        said.err.contains("non-shareable IPC (hint: use IpcMode:shareable for the donor container)"),
        "{}",
        said.err
    );
}

#[test]
fn a_link_tells_names_and_variables() {
    let daemon = daemon(&[]);
    daemon
        .docker(&[
            "run",
            "-d",
            "--name",
            "one",
            "-e",
            "COLOUR=red",
            "--expose",
            "80",
            "busybox",
            "sleep",
            "1000",
        ])
        .ok();
    let address =
        daemon.docker(&["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "one"]).ok();
    let said = run(&daemon, &["--link", "one:db"], "grep -w db /etc/hosts; env | grep ^DB_ | sort");
    assert!(said.starts_with(&format!("{address}\tdb ")), "{said}");
    for line in [
        "DB_ENV_COLOUR=red".to_owned(),
        format!("DB_PORT=tcp://{address}:80"),
        format!("DB_PORT_80_TCP_ADDR={address}"),
    ] {
        assert!(said.contains(&line), "{line}: {said}");
    }
    // Whoever links to it finds it again when it comes back elsewhere, and keeps what it has written itself.
    let linking = ["run", "-d", "--name", "two", "--link", "one:db", "busybox", "sleep", "1000"];
    daemon.docker(&linking).ok();
    daemon.docker(&["exec", "two", "sh", "-c", "echo 10.1.2.3 mine >> /etc/hosts"]).ok();
    daemon.docker(&["stop", "-t", "0", "one"]).ok();
    daemon.docker(&["run", "-d", "--name", "between", "busybox", "sleep", "1000"]).ok();
    daemon.docker(&["start", "one"]).ok();
    let moved =
        daemon.docker(&["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "one"]).ok();
    assert_ne!(moved, address);
    testkit::eventually("the new address is there", || {
        let said = daemon.docker(&["exec", "two", "cat", "/etc/hosts"]).ok();
        let is_there = said.contains(&format!("{moved}\tdb ")) && !said.contains(&format!("{address}\tdb "));
        if is_there && said.ends_with("10.1.2.3 mine") { Ok(()) } else { Err(said) }
    });
    daemon.docker(&["rm", "-f", "one", "two", "between"]).ok();
}

#[test]
fn devices_come_from_the_vendors_description() {
    let dir = tempfile::tempdir().unwrap();
    let spec = "cdiVersion: 0.6.0\nkind: acme.com/gpu\ncontainerEdits:\n  env: [ACME=yes]\ndevices:\n- name: \"0\"\n  \
        containerEdits:\n    env: [CARD=0]\n    deviceNodes: [{path: /dev/card0, hostPath: /dev/null, permissions: rw}]\n    \
        mounts: [{hostPath: /etc/hostname, containerPath: /etc/card, options: [ro, bind]}]\n    additionalGids: [44]\n";
    fs::write(dir.path().join("acme.yaml"), spec).unwrap();
    let daemon = daemon(&["--bridge", "none", "--cdi-spec-dir", &dir.path().display().to_string()]);
    let script = "echo $ACME $CARD; stat -c %t,%T /dev/card0; test -s /etc/card && id -G";
    for flag in [["--device", "acme.com/gpu=0"], ["--gpus", "all"]] {
        let said = run(&daemon, &[&["--net", "none"], &flag[..]].concat(), script);
        assert_eq!(said, "yes 0\n1,3\n0 44", "{flag:?}");
    }
    let said =
        daemon.docker(&["run", "--rm", "--net", "none", "--device", "acme.com/gpu=9", "busybox", "true"]);
    assert!(
        said.err.contains("CDI device injection failed: unresolvable CDI devices acme.com/gpu=9"),
        "{}",
        said.err
    );
    assert!(
        daemon.docker(&["info", "-f", "{{.CDISpecDirs}}"]).ok().contains(&dir.path().display().to_string())
    );
}

#[test]
fn what_the_daemon_gives_to_all() {
    let daemon = daemon(&[
        "--bridge",
        "none",
        "--default-ipc-mode",
        "shareable",
        "--default-shm-size",
        "2M",
        "--no-new-privileges",
        "--seccomp-profile",
        "unconfined",
        "--dns",
        "9.9.9.9",
        "--dns-search",
        "example.org",
    ]);
    let script = "df /dev/shm | tail -1 | tr -s ' ' | cut -d' ' -f2; grep -E 'NoNewPrivs|^Seccomp:' /proc/self/status | cut -f2; \
        cat /etc/resolv.conf";
    assert_eq!(
        run(&daemon, &["--net", "none"], script),
        "2048\n1\n0\nnameserver 9.9.9.9\nsearch example.org"
    );
    daemon.docker(&["create", "--name", "told", "--net", "none", "busybox"]).ok();
    assert_eq!(daemon.docker(&["inspect", "-f", "{{.HostConfig.IpcMode}}", "told"]).ok(), "shareable");
    let options = daemon.docker(&["info", "-f", "{{.SecurityOptions}}"]).ok();
    assert!(
        options.contains("name=seccomp,profile=unconfined") && options.contains("name=no-new-privileges"),
        "{options}"
    );
}
