//! The text beside that of Docker's client.

use super::*;

/// A service with everything that is shown.
const SERVICE: &str = r#"{"ID":"svc1","Endpoint":{"Spec":{"Mode":"vip"}},"Spec":
    {"Name":"web","Labels":{"a":"b","c":""},"TaskTemplate":{"ContainerSpec":{"Image":"busybox","Args":["x","y"],
    "Env":["A=1"],"Dir":"/x","User":"u","Init":true,"CapabilityAdd":["CAP_NET_ADMIN"],"CapabilityDrop":["CAP_CHOWN",
    "CAP_KILL"],"Hosts":["10.0.0.1 a b","10.0.0.2 c"],"DNSConfig":{"Nameservers":["1.1.1.1","8.8.8.8"]},
    "Ulimits":[{"Name":"nofile","Soft":1,"Hard":2},{"Name":"core","Soft":0,"Hard":0}],"Sysctls":{"net.a":"1"},
    "Groups":["audio"],"Mounts":[{"Type":"volume","Source":"v","Target":"/v"}],"Secrets":[{"SecretID":"s",
    "SecretName":"sn","File":{"Name":"t"}}],"Configs":[{"ConfigID":"s","ConfigName":"cn","File":{"Name":"t"}}],
    "Healthcheck":{"Test":["CMD-SHELL","true"],"Interval":1000000000,"Retries":3,"Timeout":2000000000,"StartPeriod":0},
    "OomScoreAdj":5},"LogDriver":{"Name":"syslog","Options":{"x":"y"}},"Networks":[{"Target":"idfront"}],
    "Placement":{"Constraints":["node.role==worker"],"Preferences":[{"Spread":{"SpreadDescriptor":"node.labels.a"}}],
    "MaxReplicas":3},"Resources":{"Limits":{"Pids":5,"MemoryBytes":104857600},"Reservations":{"NanoCPUs":500000000,
    "GenericResources":[{"DiscreteResourceSpec":{"Kind":"gpu","Value":1}}]}}},"Mode":{"Replicated":{"Replicas":1}},
    "UpdateConfig":{"Parallelism":1,"Delay":1000000000,"FailureAction":"pause","Monitor":5000000000,"MaxFailureRatio":0,
    "Order":"stop-first"},"RollbackConfig":{"Parallelism":1,"FailureAction":"pause","Order":"stop-first"},
    "EndpointSpec":{"Mode":"vip","Ports":[{"Protocol":"tcp","TargetPort":80,"PublishedPort":8080,
    "PublishMode":"ingress"}]}}}"#;

/// What Docker's client (28.2) prints for it, without blanks at the ends of lines; and the generic resource, which it leaves out.
const TEXT: &[&str] = &[
    "",
    "ID:\t\tsvc1",
    "Name:\t\tweb",
    "Labels:",
    " a=b",
    " c",
    "Service Mode:\tReplicated",
    " Replicas:\t1",
    "Placement:",
    " Constraints:\t[node.role==worker]",
    " Preferences:   [spread=node.labels.a]",
    " Max Replicas Per Node:   3",
    "UpdateConfig:",
    " Parallelism:\t1",
    " Delay:\t\t1s",
    " On failure:\tpause",
    " Monitoring Period: 5s",
    " Max failure ratio: 0",
    " Update order:      stop-first",
    "RollbackConfig:",
    " Parallelism:\t1",
    " On failure:\tpause",
    " Max failure ratio: 0",
    " Rollback order:    stop-first",
    "ContainerSpec:",
    " Image:\t\tbusybox",
    " Args:\t\tx y",
    " Env:\t\tA=1",
    " Dir:\t\t/x",
    " Init:\t\ttrue",
    " User: u",
    "Capabilities:",
    " Add: CAP_NET_ADMIN",
    " Drop: CAP_CHOWN, CAP_KILL",
    "SysCtls:",
    " net.a: 1",
    "Ulimits:",
    " core: 0:0",
    " nofile: 1:2",
    "Mounts:",
    " Target:\t/v",
    "  Source:\tv",
    "  ReadOnly:\tfalse",
    "  Type:\t\tvolume",
    "Configs:",
    " Target:\tt",
    "  Source:\tcn",
    "Secrets:",
    " Target:\tt",
    "  Source:\tsn",
    "Log Driver:",
    " Name:\t\tsyslog",
    " LogOpts:",
    "  x:       y",
    "",
    "Resources:",
    " Reservations:",
    "  CPU:\t\t0.5",
    "  gpu:\t\t1",
    " Limits:",
    "  Memory:\t100MiB",
    "  PIDs:\t\t5",
    "Networks: idfront",
    "Endpoint Mode:\tvip",
    " Healthcheck:",
    "  Interval = 1s",
    "  Retries = 3",
    "  StartPeriod =\t0s",
    "  Timeout =\t2s",
    "  Tests:",
    "\t Test = CMD-SHELL",
    "\t Test = true",
];

#[test]
fn a_service_is_shown_as_docker_shows_it() {
    let service: Service = serde_json::from_str(SERVICE).unwrap();
    let now = OffsetDateTime::from_unix_timestamp(0).unwrap();
    let text = pretty(&service, &["idfront".to_owned()], now);
    assert_eq!(text.lines().collect::<Vec<_>>(), TEXT);
}

#[test]
fn what_docker_has_not_is_shown_too() {
    let text = r#"{"Spec":{"Mode":{"ReplicatedJob":{"MaxConcurrent":2,"TotalCompletions":5}},"TaskTemplate":{"ContainerSpec":{
        "Shoal":{"Privileged":true,"CDIDevices":["v.com/gpu=any"],"ShmSize":1048576}}}},
        "UpdateStatus":{"State":"completed","StartedAt":"1970-01-01T00:00:00Z","Message":"done"}}"#;
    let service: Service = serde_json::from_str(text).unwrap();
    let text = pretty(&service, &[], OffsetDateTime::from_unix_timestamp(60).unwrap());
    assert!(
        text.contains("Service Mode:\tReplicatedJob\n Max Concurrent:\t2\n Total Completions:\t5"),
        "{text}"
    );
    assert!(text.contains("Shoal:\n Privileged: true\n Devices: v.com/gpu=any\n Shm Size: 1MiB\n"), "{text}");
    assert!(text.contains(" State:\t\tcompleted\n Started:\tAbout a minute ago\n Message:\tdone"), "{text}");
}
