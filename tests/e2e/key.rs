//! Every key of a service on its way from docker's and our client to the container, templates, what a node has for one task
//! alone, and what the swarm must allow.

use serde_json::{Value, json};
use testkit::{Daemon, Lan, eventually};

use crate::service::{create, swarm, until_running};

fn inspected(daemon: &Daemon, id: &str) -> Value {
    let mut all: Value = serde_json::from_str(&daemon.docker(&["inspect", id]).ok()).expect("JSON");
    all[0].take()
}

/// The reason that a service's task waits.
fn until_told(daemon: &Daemon, service: &str, words: &str) {
    eventually(&format!("{service} waits: {words}"), || {
        let said = daemon.docker(&["service", "ps", "--no-trunc", "--format", "{{.Error}}", service]).ok();
        if said.contains(words) { Ok(()) } else { Err(said) }
    });
}

#[test]
fn every_key_reaches_the_container() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    let flags = "--name web --hostname {{.Service.Name}}-{{.Task.Slot}} --env NODE={{.Node.ID}} --label tier=front \
        --env TIER={{index(.Service.Labels)\"tier\"}} --group 1234 --cap-add NET_ADMIN --cap-drop CHOWN --sysctl net.core.somaxconn=77 \
        --ulimit nofile=100:200 --dns 192.0.2.1 --dns-search corp --dns-option ndots:2 --host db:10.0.0.5 --oom-score-adj 100 \
        --limit-pids 50 --limit-memory 64m --mount type=volume,source={{.Service.Name}}-{{.Task.Slot}},target=/data \
        --stop-signal SIGINT --read-only --init busybox";
    create(&daemon, flags, &["sleep", "1000"]).ok();
    let id = until_running(&daemon, "web", 1).remove(0);
    let container = inspected(&daemon, &id);
    let (config, host) = (&container["Config"], &container["HostConfig"]);
    assert_eq!((&config["Hostname"], &config["StopSignal"]), (&json!("web-1"), &json!("SIGINT")));
    let node = daemon.docker(&["info", "-f", "{{.Swarm.NodeID}}"]).ok();
    let env = config["Env"].as_array().expect("a list");
    assert!(env.contains(&json!(format!("NODE={node}"))) && env.contains(&json!("TIER=front")), "{env:?}");
    for (key, want) in [
        ("GroupAdd", json!(["1234"])),
        ("CapAdd", json!(["CAP_NET_ADMIN"])),
        ("CapDrop", json!(["CAP_CHOWN"])),
        ("Sysctls", json!({"net.core.somaxconn": "77"})),
        ("Ulimits", json!([{"Name": "nofile", "Soft": 100, "Hard": 200}])),
        ("Dns", json!(["192.0.2.1"])),
        ("DnsSearch", json!(["corp"])),
        ("DnsOptions", json!(["ndots:2"])),
        ("ExtraHosts", json!(["db:10.0.0.5"])),
        ("OomScoreAdj", json!(100)),
        ("PidsLimit", json!(50)),
        ("Memory", json!(64 << 20)),
        ("ReadonlyRootfs", json!(true)),
        ("Init", json!(true)),
    ] {
        assert_eq!(host[key], want, "{key}");
    }
    assert_eq!(container["Mounts"][0]["Name"], "web-1");
    let seen =
        daemon.docker(&["exec", &id, "sh", "-c", "cat /proc/sys/net/core/somaxconn; id -G; ulimit -n"]).ok();
    assert!(seen.starts_with("77\n") && seen.contains("1234") && seen.ends_with("100"), "{seen}");

    // What docker's client reads it writes back: nothing else may change.
    let change = [
        "service",
        "update",
        "--detach",
        "--cap-drop",
        "NET_ADMIN",
        "--sysctl-rm",
        "net.core.somaxconn",
        "web",
    ];
    daemon.docker(&change).ok();
    let spec: Value = serde_json::from_str(
        &daemon
            .docker(&["service", "inspect", "-f", "{{json .Spec.TaskTemplate.ContainerSpec}}", "web"])
            .ok(),
    )
    .expect("JSON");
    assert_eq!((&spec["CapabilityAdd"], &spec["Sysctls"]), (&Value::Null, &Value::Null));
    assert_eq!((&spec["Hosts"], &spec["DNSConfig"]["Search"]), (&json!(["10.0.0.5 db"]), &json!(["corp"])));
}

#[test]
fn what_makes_no_sense_is_refused_in_one_sentence() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    for (flags, words) in [
        ("--env A={{.Moon}}", "expanding env failed"),
        ("--hostname {{.Node", "expanding hostname failed"),
        ("--placement-pref spread=moon", "invalid placement preference"),
        ("--isolation hyperv", "on Linux only \"default\" is supported"),
        ("--credential-spec file://x", "only Windows has managed service accounts"),
        ("--sysctl net..x=1", "invalid sysctl"),
        ("--oom-score-adj 2000", "range for oom score adj"),
        ("--constraint node.role=worker", "constraint expected one operator from ==, !="),
    ] {
        let said = create(&daemon, &format!("{flags} busybox"), &[]);
        assert_ne!(said.code, 0, "{flags}");
        assert!(said.err.contains(words), "{flags}: {}", said.err);
    }
    assert_eq!(daemon.docker(&["service", "ls", "-q"]).ok(), "", "nothing was made");
}

#[test]
fn what_a_node_offers_is_given_to_one_task_each() {
    let lan = Lan::new(1);
    let offers = ["--node-generic-resource", "gpu=UUID1", "--node-generic-resource", "gpu=UUID2,ssd=3"];
    let daemon = Daemon::start_in(&lan.hosts[0], &offers);
    daemon.load_images();
    daemon.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    let named = |value: &str| json!({"NamedResourceSpec": {"Kind": "gpu", "Value": value}});
    let ssd = json!({"DiscreteResourceSpec": {"Kind": "ssd", "Value": 3}});
    let want = json!([named("UUID1"), named("UUID2"), ssd]);
    eventually("the node tells what it offers", || {
        let told = daemon.get("/nodes")[0]["Description"]["Resources"]["GenericResources"].take();
        if told == want { Ok(()) } else { Err(told.to_string()) }
    });
    assert!(daemon.get("/info")["GenericResources"].to_string().contains("UUID2"));

    let flags = "--name gpus --replicas 3 --generic-resource gpu=1 --generic-resource ssd=1 busybox";
    create(&daemon, flags, &["sleep", "1000"]).ok();
    let ids = until_running(&daemon, "gpus", 2);
    let mut given: Vec<String> = ids
        .iter()
        .flat_map(|id| {
            let said = daemon.docker(&["exec", id, "sh", "-c", "env | grep DOCKER_RESOURCE | sort"]).ok();
            said.lines().map(str::to_owned).collect::<Vec<_>>()
        })
        .collect();
    given.sort();
    let want = [
        "DOCKER_RESOURCE_GPU=UUID1",
        "DOCKER_RESOURCE_GPU=UUID2",
        "DOCKER_RESOURCE_SSD=1",
        "DOCKER_RESOURCE_SSD=1",
    ];
    assert_eq!(given, want);
    until_told(&daemon, "gpus", "no suitable node (insufficient resources on 1 node)");
}

#[test]
fn devices_of_a_kind_are_each_one_tasks_own() {
    let lan = Lan::new(1);
    let cdi = tempfile::tempdir().expect("directory");
    let device = |name: &str| json!({"name": name, "containerEdits": {"env": [format!("GPU_{name}=1")]}});
    let file = json!({"cdiVersion": "0.6.0", "kind": "v.com/gpu", "devices": [device("0"), device("1")]});
    std::fs::write(cdi.path().join("v.json"), file.to_string()).expect("written");
    let daemon = Daemon::start_in(&lan.hosts[0], &["--cdi-spec-dir", cdi.path().to_str().expect("UTF-8")]);
    daemon.load_images();
    daemon.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    let wish = [
        "service",
        "create",
        "--detach",
        "--name",
        "gpus",
        "--replicas",
        "3",
        "--device",
        "v.com/gpu=any",
        "busybox",
        "sleep",
        "1000",
    ];
    let said = daemon.shoal(&wish);
    let sentence =
        "Shoal.CDIDevices is not allowed in this swarm; `shoal swarm update --allow cdi` would allow it";
    assert!(said.code != 0 && said.err.contains(sentence), "{}", said.err);
    daemon.shoal(&["swarm", "update", "--allow", "cdi"]).ok();
    daemon.shoal(&wish).ok();
    let ids = until_running(&daemon, "gpus", 2);
    let mut seen: Vec<String> =
        ids.iter().map(|id| daemon.docker(&["exec", id, "sh", "-c", "env | grep ^GPU_"]).ok()).collect();
    seen.sort();
    assert_eq!(seen, ["GPU_0=1", "GPU_1=1"]);
    until_told(&daemon, "gpus", "requested CDI devices not available on 1 node");
}

#[test]
fn the_swarm_says_what_services_may_have() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    let wish = [
        "service",
        "create",
        "--detach",
        "--name",
        "deep",
        "--privileged",
        "--pid",
        "host",
        "--ipc",
        "none",
        "--shm-size",
        "1m",
        "--device",
        "/dev/null:/dev/nothing:r",
        "busybox:latest",
        "sleep",
        "1000",
    ];
    let said = daemon.shoal(&wish);
    assert!(
        said.code != 0 && said.err.contains("Shoal.Privileged is not allowed in this swarm"),
        "{}",
        said.err
    );
    let body = json!({"Name": "api", "TaskTemplate": {"ContainerSpec": {"Image": "busybox", "Shoal": {"PidMode": "host"}}}});
    let (status, text) =
        daemon.exchange("POST", "/services/create", body.to_string().as_bytes()).expect("an answer");
    assert!(status == 403 && text.contains("--allow pid"), "{status} {text}");
    let said = daemon.shoal(&["swarm", "update", "--allow", "everything"]);
    assert!(said.code != 0 && said.err.contains("want one of privileged"), "{}", said.err);

    daemon.shoal(&["swarm", "update", "--allow", "privileged,pid,ipc,devices"]).ok();
    // Docker's client does not know the list, and leaves it.
    daemon.docker(&["swarm", "update", "--task-history-limit", "3"]).ok();
    assert_eq!(
        daemon.get("/swarm")["Spec"]["Shoal"]["Allow"],
        json!(["privileged", "pid", "ipc", "devices"])
    );
    daemon.shoal(&wish).ok();
    let id = until_running(&daemon, "deep", 1).remove(0);
    let host = inspected(&daemon, &id)["HostConfig"].take();
    assert_eq!(
        (&host["Privileged"], &host["PidMode"], &host["IpcMode"]),
        (&json!(true), &json!("host"), &json!("none"))
    );
    assert_eq!(
        (&host["ShmSize"], &host["Devices"][0]["PathInContainer"]),
        (&json!(1 << 20), &json!("/dev/nothing"))
    );

    // Nor does it know of this, and leaves it too. (It adds the tag where a service's image has none, and so would restart it.)
    daemon.docker(&["service", "update", "--detach", "--label-add", "x=y", "deep"]).ok();
    assert_eq!(until_running(&daemon, "deep", 1)[0], id);

    // Narrowed again: what runs goes on, the next change is refused.
    daemon.shoal(&["swarm", "update", "--allow", ""]).ok();
    assert_eq!(daemon.get("/swarm")["Spec"]["Shoal"]["Allow"], json!([]));
    let said = daemon.docker(&["service", "update", "--detach", "--label-add", "a=b", "deep"]);
    assert!(
        said.code != 0 && said.err.contains("Shoal.Privileged is not allowed"),
        "{}{}",
        said.out,
        said.err
    );
    assert_eq!(until_running(&daemon, "deep", 1), [id]);
}

#[test]
fn a_task_tells_where_it_is_and_what_it_waits_for() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    let check = ["--health-cmd", "false", "--health-interval", "1s", "--health-start-period", "600s"];
    create(&daemon, "--name slow", &[&check[..], &["busybox", "sleep", "1000"]].concat()).ok();
    eventually("it tells what it waits for", || {
        let said = daemon.shoal(&["service", "ps", "--no-trunc", "slow"]).ok();
        if said.contains("(waiting until the container is healthy)") { Ok(()) } else { Err(said) }
    });
    let said = daemon.shoal(&["service", "ps", "--no-trunc", "--format", "{{.Placement}}", "slow"]).ok();
    assert_eq!(said, "the only node; 0 of its 0 tasks were of the service");
    let id = daemon.shoal(&["service", "ps", "-q", "slow"]).ok();
    let told = daemon.shoal(&["inspect", "-f", "{{.Shoal.Placement}}", &id]).ok();
    assert!(told.contains("the only node"), "{told}");
}

#[test]
fn what_only_the_api_can_say() {
    let lan = Lan::new(1);
    let daemon = swarm(&lan);
    let mut swarm = daemon.get("/swarm");
    let version = swarm["Version"]["Index"].to_string();
    let mut spec = swarm["Spec"].take();
    spec["TaskDefaults"] = json!({"LogDriver": {"Name": "local", "Options": {"max-file": "2"}}});
    let path = format!("/swarm/update?version={version}");
    let (status, text) = daemon.exchange("POST", &path, spec.to_string().as_bytes()).expect("an answer");
    assert_eq!(status, 200, "{text}");
    let body = json!({"Name": "api", "TaskTemplate": {
        "ContainerSpec": {
            "Image": "busybox", "Command": ["sleep", "1000"],
            "Privileges": {"Seccomp": {"Mode": "unconfined"}, "NoNewPrivileges": true, "AppArmor": {"Mode": "disabled"}},
            "Mounts": [{"Type": "image", "Source": "busybox", "Target": "/image", "ImageOptions": {"Subpath": "bin"}}],
            "Hosts": ["host-gateway me myself", "10.0.0.5 db"],
        },
        "Resources": {"Limits": {"MemoryBytes": 64 << 20}, "SwapBytes": 32 << 20},
    }});
    let (status, text) =
        daemon.exchange("POST", "/services/create", body.to_string().as_bytes()).expect("an answer");
    assert_eq!(status, 201, "{text}");
    let id = until_running(&daemon, "api", 1).remove(0);
    let host = inspected(&daemon, &id)["HostConfig"].take();
    assert_eq!(host["LogConfig"], json!({"Type": "local", "Config": {"max-file": "2"}}));
    assert_eq!((&host["Memory"], &host["MemorySwap"]), (&json!(64 << 20), &json!(96 << 20)));
    let script = "grep -E '^(Seccomp|NoNewPrivs):' /proc/1/status; ls /image/busybox; grep -cE '[[:space:]](me|myself|db)$' /etc/hosts";
    let seen = daemon.docker(&["exec", &id, "sh", "-c", script]).ok();
    let words: Vec<&str> = seen.split_whitespace().collect();
    assert_eq!(words, ["NoNewPrivs:", "1", "Seccomp:", "0", "/image/busybox", "3"], "{seen}");
}
