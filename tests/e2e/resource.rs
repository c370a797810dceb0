//! What a container uses, who runs in it, what it may use, and stopping it in the middle: stats, top, update, pause.

use testkit::{Daemon, eventually};

fn daemon() -> Daemon {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    daemon
}

fn inspect(daemon: &Daemon, name: &str, format: &str) -> String {
    daemon.docker(&["inspect", "-f", format, name]).ok()
}

/// How many lines a container has logged.
fn lines(daemon: &Daemon, name: &str) -> usize {
    daemon.docker(&["logs", name]).ok().lines().count()
}

#[test]
fn paused_processes_stand_still_also_for_the_next_daemon() {
    let mut daemon = daemon();
    let ticking = "while :; do echo tick; sleep 0.02; done";
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sh", "-c", ticking]).ok();
    daemon.docker(&["pause", "one"]).ok();
    assert!(daemon.docker(&["ps"]).ok().contains("(Paused)"));
    assert_eq!(
        inspect(&daemon, "one", "{{.State.Status}} {{.State.Running}} {{.State.Paused}}"),
        "paused true true"
    );
    for (args, part) in [
        (["pause", "one"], "is already paused"),
        (["start", "one"], "cannot start a paused container, try unpause instead"),
        (["rm", "one"], "container is paused and must be unpaused first"),
    ] {
        let said = daemon.docker(&args);
        assert!(said.code != 0 && said.err.contains(part), "{args:?}: {}", said.err);
    }
    daemon.kill();
    daemon.restart();
    assert_eq!(inspect(&daemon, "one", "{{.State.Status}}"), "paused");
    let frozen = lines(&daemon, "one");
    // A daemon that starts takes many ticks; what ticks once in that time would be seen.
    assert_eq!(lines(&daemon, "one"), frozen);
    daemon.docker(&["unpause", "one"]).ok();
    eventually("it goes on", || {
        let now = lines(&daemon, "one");
        if now > frozen { Ok(()) } else { Err(format!("{now} lines")) }
    });
    let said = daemon.docker(&["unpause", "one"]);
    assert!(said.err.contains("is not paused"), "{}", said.err);
}

#[test]
fn a_paused_container_can_be_ended_in_every_way() {
    let daemon = daemon();
    let obeying = "trap 'exit 7' TERM; while :; do sleep 0.02; done";
    let end = |verb: &[&str]| {
        daemon.docker(&["run", "-d", "--name", "one", "busybox", "sh", "-c", obeying]).ok();
        daemon.docker(&["pause", "one"]).ok();
        daemon.docker(&[verb, &["one"]].concat()).ok();
    };
    end(&["stop"]);
    assert_eq!(inspect(&daemon, "one", "{{.State.Status}} {{.State.ExitCode}}"), "exited 7");
    daemon.docker(&["rm", "one"]).ok();
    end(&["kill"]);
    assert_eq!(daemon.docker(&["wait", "one"]).ok(), "137");
    daemon.docker(&["rm", "one"]).ok();
    end(&["restart"]);
    assert_eq!(inspect(&daemon, "one", "{{.State.Status}}"), "running");
    daemon.docker(&["rm", "-f", "one"]).ok();
    end(&["rm", "-f"]);
    let events = [
        "events",
        "--since=1",
        &testkit::program::until_now(),
        "--filter=type=container",
        "--format={{.Action}}",
    ];
    let events = daemon.docker(&events).ok();
    assert!(events.contains("pause\nkill\nunpause\ndie\nstop"), "{events}");
}

#[test]
fn stats_show_what_is_used() {
    let daemon = daemon();
    let busy = "head -c 20m /dev/zero > /tmp/f; while :; do :; done";
    daemon.docker(&["run", "-d", "--name", "busy", "-m", "64m", "busybox", "sh", "-c", busy]).ok();
    daemon.docker(&["create", "--name", "idle", "busybox"]).ok();
    eventually("the file is written", || {
        let said = daemon.docker(&[
            "stats",
            "--no-stream",
            "--format",
            "{{.MemUsage}}|{{.CPUPerc}}|{{.PIDs}}",
            "busy",
        ]);
        let used = said.out.split('|').nth(1).and_then(|cpu| cpu.trim_end_matches('%').parse::<f64>().ok());
        let good = said.out.contains("/ 64MiB")
            && used.is_some_and(|cpu| cpu > 5.0)
            && said.out.trim().ends_with("|1");
        if good { Ok(()) } else { Err(said.out) }
    });
    let get = |query: &str| daemon.get(&format!("/containers/{query}"));
    let once = get("busy/stats?stream=false&one-shot=true");
    assert_eq!((once["name"].as_str(), once["os_type"].as_str()), (Some("/busy"), Some("linux")));
    assert_eq!(once["preread"], "0001-01-01T00:00:00Z");
    assert_eq!(once["memory_stats"]["limit"], 64 << 20);
    assert!(once["memory_stats"]["usage"].as_u64() > Some(0), "{once}");
    assert!(once["networks"]["eth0"]["rx_bytes"].is_u64(), "{once}");
    assert!(
        once["cpu_stats"]["system_cpu_usage"].as_u64()
            > once["cpu_stats"]["cpu_usage"]["total_usage"].as_u64()
    );
    assert!(once["blkio_stats"]["io_service_bytes_recursive"].is_array());
    let twice = get("busy/stats?stream=false");
    let total = |part: &str| twice[part]["cpu_usage"]["total_usage"].as_u64();
    assert!(total("cpu_stats") > total("precpu_stats") && total("precpu_stats") > Some(0), "{twice}");
    let none = get("idle/stats?stream=false");
    assert_eq!((none["name"].as_str(), none["read"].as_str()), (Some("/idle"), Some("0001-01-01T00:00:00Z")));
}

#[test]
fn top_lists_processes_without_asking_the_container() {
    let daemon = daemon();
    daemon
        .docker(&[
            "run",
            "-d",
            "--name",
            "one",
            "-u",
            "1",
            "busybox",
            "sh",
            "-c",
            "sleep 1000 & exec sleep 2000",
        ])
        .ok();
    let pid = inspect(&daemon, "one", "{{.State.Pid}}");
    let table = eventually("both run", || {
        let said = daemon.docker(&["top", "one"]).ok();
        if said.contains("sleep 1000") && said.contains("sleep 2000") { Ok(said) } else { Err(said) }
    });
    let titles: Vec<&str> = table.lines().next().unwrap_or_default().split_whitespace().collect();
    assert_eq!(titles, ["UID", "PID", "PPID", "C", "STIME", "TTY", "TIME", "CMD"]);
    assert!(
        table.lines().any(|line| line.contains(&format!(" {pid} ")) && line.contains("sleep 2000")),
        "{table}"
    );
    let said = daemon.docker(&["top", "one", "-eo", "pid,comm"]).ok();
    assert!(said.starts_with("PID") && said.contains("sleep"), "{said}");
    assert!(daemon.docker(&["top", "one", "aux"]).ok().contains("%CPU"));
    daemon.docker(&["pause", "one"]).ok();
    assert!(daemon.docker(&["top", "one"]).ok().contains("sleep 1000"), "also when they stand still");
    let said = daemon.docker(&["top", "one", "bogus"]);
    assert!(said.code != 0 && said.err.contains("ps: error: unsupported option"), "{}", said.err);
    daemon.docker(&["kill", "one"]).ok();
    daemon.docker(&["wait", "one"]).ok();
    let said = daemon.docker(&["top", "one"]);
    assert!(said.err.contains("is not running"), "{}", said.err);
}

#[test]
fn an_update_reaches_the_kernel_and_the_next_run() {
    let daemon = daemon();
    daemon.docker(&["run", "-d", "--name", "one", "-m", "64m", "busybox", "sleep", "1000"]).ok();
    let update = ["update", "-m", "100m", "--memory-swap", "200m", "--pids-limit", "5", "--cpus", "0.5"];
    daemon.docker(&[&update[..], &["--restart", "on-failure:3", "one"]].concat()).ok();
    let said = |format: &str| inspect(&daemon, "one", format);
    assert_eq!(said("{{.HostConfig.Memory}} {{.HostConfig.MemorySwap}}"), "104857600 209715200");
    assert_eq!(said("{{.HostConfig.NanoCpus}} {{.HostConfig.RestartPolicy.Name}}"), "500000000 on-failure");
    let limited = || {
        let json = daemon.get("/containers/one/stats?stream=false&one-shot=true");
        (json["memory_stats"]["limit"].as_u64(), json["pids_stats"]["limit"].as_u64())
    };
    assert_eq!(limited(), (Some(100 << 20), Some(5)), "at once");
    daemon.docker(&["restart", "-t", "0", "one"]).ok();
    assert_eq!(limited(), (Some(100 << 20), Some(5)), "and again");
    for (args, part) in [
        (["--memory", "1m"], "Minimum memory limit allowed is 6MB"),
        (["--memory", "300m"], "update the memoryswap at the same time"),
        (["--cpu-period", "5000"], "CPU Period cannot be updated as NanoCPUs has already been set"),
        (["--restart", "always:3"], "maximum retry count"),
    ] {
        let said = daemon.docker(&["update", args[0], args[1], "one"]);
        assert!(said.code != 0 && said.err.contains(part), "{args:?}: {}", said.err);
    }
    assert_eq!(limited(), (Some(100 << 20), Some(5)), "what is refused changes nothing");
    daemon.docker(&["run", "-d", "--rm", "--name", "gone", "busybox", "sleep", "1000"]).ok();
    let said = daemon.docker(&["update", "--restart", "always", "gone"]);
    assert!(said.err.contains("AutoRemove is enabled"), "{}", said.err);
}

#[test]
fn limits_of_block_devices_change_one_by_one() {
    let daemon = daemon();
    daemon.docker(&["run", "-d", "--name", "one", "busybox", "sleep", "1000"]).ok();
    let disks = std::fs::read_dir("/sys/block").unwrap().flatten().map(|entry| entry.file_name());
    let mut disks = disks.map(|name| format!("/dev/{}", name.to_string_lossy()));
    let disk = disks.find(|disk| std::path::Path::new(disk).exists()).expect("a machine with a block device");
    let files = "cat /sys/fs/cgroup/blkio/blkio.throttle.read_bps_device /sys/fs/cgroup/io.max 2>/dev/null";
    for (rate, told) in [(1_048_576, "[PATH:1048576]"), (0, "[]")] {
        let body = format!(r#"{{"BlkioDeviceReadBps":[{{"Path":"{disk}","Rate":{rate}}}]}}"#);
        let (status, said) = daemon.exchange("POST", "/containers/one/update", body.as_bytes()).unwrap();
        assert_eq!(status, 200, "{said}");
        assert_eq!(
            inspect(&daemon, "one", "{{.HostConfig.BlkioDeviceReadBps}}"),
            told.replace("PATH", &disk)
        );
        let limits = daemon.docker(&["exec", "one", "sh", "-c", &format!("{files}; true")]).ok();
        assert_eq!(limits.contains("1048576"), rate != 0, "{limits}");
    }
}
