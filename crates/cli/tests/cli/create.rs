//! What the flags of `run`, `create`, `update` and `exec` become on the wire.

use serde_json::{Value, json};

use crate::fake::{Fake, Reply, refuse};

/// A daemon that makes, changes and runs whatever it is asked to.
fn willing() -> Fake {
    Fake::start(|seen| {
        let path = seen.line.split(['?', ' ']).nth(1).unwrap_or_default();
        match path.rsplit('/').next().unwrap_or_default() {
            "create" | "exec" => Reply::Json(201, json!({"Id": "abc", "Warnings": []})),
            "update" => Reply::Json(200, json!({"Warnings": ["a warning"]})),
            "start" => Reply::Json(200, Value::Null),
            _ => refuse(404, "no such thing"),
        }
    })
}

/// The body of `shoal create FLAGS busybox`.
fn created(flags: &[&str]) -> Value {
    let fake = willing();
    let ran = fake.run(&[&["create"], flags, &["busybox"]].concat());
    assert_eq!((ran.out.as_str(), ran.code), ("abc\n", Some(0)), "{flags:?}: {}", ran.err);
    fake.seen()[0].json()
}

/// Flags, a field, and what the field then is.
type Rows<'a> = Vec<(Vec<&'a str>, &'a str, Value)>;

fn check(rows: Rows<'_>) {
    for (flags, field, want) in rows {
        let body = created(&flags);
        assert_eq!(body.pointer(field), Some(&want), "{flags:?}: {body}");
    }
}

#[test]
fn each_limit_and_device_has_its_field() {
    let throttle = |rate: u64| json!([{"Path": "/dev/sda", "Rate": rate}]);
    check(vec![
        (vec!["--gpus", "all"], "/HostConfig/DeviceRequests/0/Count", json!(-1)),
        (vec!["--gpus", "all"], "/HostConfig/DeviceRequests/0/Capabilities", json!([["gpu"]])),
        (
            vec!["--device", "v.com/c=x"],
            "/HostConfig/DeviceRequests/0",
            json!({"Driver": "cdi", "DeviceIDs": ["v.com/c=x"]}),
        ),
        (vec!["--device-cgroup-rule", "c 1:3 rwm"], "/HostConfig/DeviceCgroupRules", json!(["c 1:3 rwm"])),
        (vec!["--device-read-bps", "/dev/sda:1mb"], "/HostConfig/BlkioDeviceReadBps", throttle(1 << 20)),
        (vec!["--device-write-bps", "/dev/sda:1k"], "/HostConfig/BlkioDeviceWriteBps", throttle(1024)),
        (vec!["--device-read-iops", "/dev/sda:10"], "/HostConfig/BlkioDeviceReadIOps", throttle(10)),
        (vec!["--device-write-iops", "/dev/sda:10"], "/HostConfig/BlkioDeviceWriteIOps", throttle(10)),
        (
            vec!["--blkio-weight-device", "/dev/sda:10"],
            "/HostConfig/BlkioWeightDevice",
            json!([{"Path": "/dev/sda", "Weight": 10}]),
        ),
        (vec!["--blkio-weight", "300"], "/HostConfig/BlkioWeight", json!(300)),
        (vec!["--cpus", "1.5"], "/HostConfig/NanoCpus", json!(1_500_000_000_u64)),
        (vec!["-m", "64m", "--memory-swap", "-1"], "/HostConfig/MemorySwap", json!(-1)),
        (vec!["--memory-swappiness", "0"], "/HostConfig/MemorySwappiness", json!(0)),
        (vec!["--oom-kill-disable"], "/HostConfig/OomKillDisable", json!(true)),
    ]);
}

#[test]
fn each_flag_has_its_field() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "A=1\n# no\nB=two words\n").unwrap();
    let file = file.path().to_str().unwrap().to_owned();
    check(vec![
        (vec!["--health-http", ":80/up"], "/HostConfig/Shoal/Health/Http", json!(":80/up")),
        (
            vec!["--health-tcp", ":80", "--health-interval", "2s"],
            "/HostConfig/Shoal/Health/Tcp",
            json!(":80"),
        ),
        (
            vec!["--health-tcp", ":80", "--health-interval", "2s"],
            "/Healthcheck",
            json!({"Interval": 2_000_000_000_u64}),
        ),
        (vec!["--restart", "always,on-unhealthy"], "/HostConfig/Shoal/RestartOnUnhealthy", json!(true)),
        (
            vec!["--restart", "on-failure:3"],
            "/HostConfig/RestartPolicy",
            json!({"Name": "on-failure", "MaximumRetryCount": 3}),
        ),
        (vec!["--env-file", &file], "/Env", json!(["A=1", "B=two words"])),
        (vec!["--label-file", &file], "/Labels", json!({"A": "1", "B": "two words"})),
        (vec!["--annotation", "a=b"], "/HostConfig/Annotations", json!({"a": "b"})),
        (vec!["--volumes-from", "c:ro"], "/HostConfig/VolumesFrom", json!(["c:ro"])),
        (vec!["-v", "/data"], "/Volumes", json!({"/data": {}})),
        (vec!["-v", "vol:/data:nocopy"], "/HostConfig/Binds", json!(["vol:/data:nocopy"])),
        (
            vec!["--mount", "type=volume,src=v,dst=/d,volume-subpath=s"],
            "/HostConfig/Mounts/0/VolumeOptions/Subpath",
            json!("s"),
        ),
        (
            vec!["--mount", "type=image,src=i,dst=/d"],
            "/HostConfig/Mounts/0",
            json!({"Type": "image", "Source": "i", "Target": "/d"}),
        ),
        (
            vec!["--network", "n", "--link-local-ip", "169.254.1.1"],
            "/NetworkingConfig/EndpointsConfig/n/IPAMConfig/LinkLocalIPs",
            json!(["169.254.1.1"]),
        ),
        (vec!["--userns", "host"], "/HostConfig/UsernsMode", json!("host")),
        (vec!["--isolation", "process"], "/HostConfig/Isolation", json!("process")),
        (vec!["-a", "stderr"], "/AttachStdout", json!(false)),
    ]);
    let plain = created(&[]);
    assert!(plain.pointer("/HostConfig/Shoal").is_none(), "{plain}");
}

#[test]
fn flags_that_do_not_fit_are_told_before_the_daemon_is_asked() {
    for (flags, want) in [
        (
            &["--health-http", ":1", "--health-tcp", ":1"][..],
            "cannot specify both --health-http and --health-tcp",
        ),
        (&["--no-healthcheck", "--health-cmd", "x"], "--no-healthcheck conflicts"),
        (&["--rm", "--restart", "always"], "cannot specify both --restart and --rm"),
        (&["--device-read-bps", "sda:1"], "bad format for device"),
        (&["--gpus", "some"], "invalid argument for --gpus"),
        (&["--mount", "type=tmpfs,dst=/x,volume-nocopy"], "cannot mix 'volume-nocopy'"),
    ] {
        let fake = willing();
        let ran = fake.run(&[&["create"], flags, &["busybox"]].concat());
        assert!(ran.code != Some(0) && ran.err.contains(want), "{flags:?}: {ran:?}");
        assert!(fake.lines().is_empty(), "{flags:?}");
    }
}

#[test]
fn proxies_of_the_configuration_file_reach_the_container() {
    let folder = tempfile::tempdir().unwrap();
    let text = json!({"proxies": {"default": {"httpProxy": "http://p:1"}}}).to_string();
    std::fs::write(folder.path().join("config.json"), text).unwrap();
    let fake = willing();
    let mut command = fake.command(&["create", "-e", "HTTP_PROXY=mine", "busybox"]);
    assert!(command.env("DOCKER_CONFIG", folder.path()).output().unwrap().status.success());
    assert_eq!(fake.seen()[0].json()["Env"], json!(["HTTP_PROXY=mine", "http_proxy=http://p:1"]));
}

#[test]
fn update_sends_what_is_given_and_shows_warnings() {
    let fake = willing();
    let ran = fake.run(&["update", "-m", "64m", "--restart", "no", "a", "b"]);
    assert_eq!((ran.out.as_str(), ran.err.as_str(), ran.code), ("a\nb\n", "a warning\na warning\n", Some(0)));
    let want = json!({"Memory": 64 << 20, "RestartPolicy": {"Name": "no", "MaximumRetryCount": 0}});
    assert_eq!(fake.seen()[0].json(), want);
    let ran = fake.run(&["update", "a"]);
    assert_eq!(
        (ran.err.as_str(), ran.code),
        ("you must provide one or more flags when using this command\n", Some(1))
    );
}

#[test]
fn words_after_the_container_are_the_commands() {
    let fake = willing();
    let ran = fake.run(&["exec", "-d", "-u", "me", "-w", "/w", "-e", "A=1", "c", "ls", "-t", "--help"]);
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(0)), "{}", ran.err);
    let body = fake.seen()[0].json();
    assert_eq!(body["Cmd"], json!(["ls", "-t", "--help"]));
    assert_eq!(
        (&body["Tty"], &body["User"], &body["AttachStdout"]),
        (&json!(false), &json!("me"), &json!(false))
    );
    assert_eq!(fake.seen()[1].json()["Detach"], json!(true));
    let ran = fake.run(&["exec", "c"]);
    assert!(ran.code == Some(1) && ran.err.contains("'shoal exec' requires at least 2 arguments"), "{ran:?}");
    let ran = fake.run(&["exec", "--nosuch", "c", "ls"]);
    assert!(ran.code == Some(125) && ran.err.contains("unknown flag: --nosuch"), "{ran:?}");
}
