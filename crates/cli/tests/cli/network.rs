//! Networks: what the verbs and flags about them become on the wire, and what is shown of them.

use serde_json::{Value, json};

use crate::fake::{Fake, Reply, refuse};

/// A daemon that has, makes and changes any network.
fn willing() -> Fake {
    Fake::start(|seen| {
        let path = seen.line.split(['?', ' ']).nth(1).unwrap_or_default();
        match path.trim_start_matches("/v1.56") {
            "/networks/create" => Reply::Json(201, json!({"Id": "abc", "Warning": ""})),
            "/containers/create" => Reply::Json(201, json!({"Id": "abc", "Warnings": []})),
            "/networks/prune" => Reply::Json(200, json!({"NetworksDeleted": ["one", "two"]})),
            "/networks" => Reply::Json(
                200,
                json!([
                    {"Name": "own", "Id": "0123456789abcdef", "Driver": "bridge", "Scope": "local", "EnableIPv6": true,
                     "Internal": false, "Labels": {"a": "b"}, "Created": "2026-01-02T03:04:05Z"},
                    {"Name": "none", "Id": "fedcba9876543210", "Driver": "null", "Scope": "local", "Labels": null},
                ]),
            ),
            "/networks/missing" => refuse(404, "network missing not found"),
            "/networks/bridge" => refuse(403, "bridge is a pre-defined network and cannot be removed"),
            _ => Reply::Json(204, Value::Null),
        }
    })
}

fn sent(args: &[&str]) -> (String, Value) {
    let fake = willing();
    let ran = fake.run(args);
    assert_eq!(ran.code, Some(0), "{args:?}: {}", ran.err);
    let seen = &fake.seen()[0];
    (seen.line.clone(), if seen.body.is_empty() { Value::Null } else { seen.json() })
}

#[test]
fn create_sends_what_is_given() {
    let (line, body) = sent(&["network", "create", "n"]);
    assert_eq!(line, "POST /v1.56/networks/create");
    assert_eq!(
        body,
        json!({
            "Name": "n", "Driver": "bridge", "Scope": "", "Internal": false, "Attachable": false, "Ingress": false,
            "ConfigOnly": false, "IPAM": {"Driver": "default", "Options": {}, "Config": []}, "Options": {}, "Labels": {},
        })
    );
    let flags = [
        "network",
        "create",
        "-d",
        "macvlan",
        "--subnet",
        "10.0.0.0/24,fd00::/64",
        "--gateway",
        "10.0.0.1",
        "--ip-range=10.0.0.128/25",
        "--aux-address",
        "x=10.0.0.9",
        "--ipv6",
        "--ipv4=false",
        "--internal",
        "--attachable",
        "--label",
        "a=b",
        "-o",
        "parent=eth0",
        "--ipam-opt",
        "c=d",
        "--scope",
        "local",
        "n",
    ];
    let (_, body) = sent(&flags);
    let config = json!([
        {"Subnet": "10.0.0.0/24", "IPRange": "10.0.0.128/25", "Gateway": "10.0.0.1", "AuxiliaryAddresses": {"x": "10.0.0.9"}},
        {"Subnet": "fd00::/64"},
    ]);
    assert_eq!(body["IPAM"], json!({"Driver": "default", "Options": {"c": "d"}, "Config": config}));
    assert_eq!((&body["EnableIPv4"], &body["EnableIPv6"]), (&json!(false), &json!(true)));
    assert_eq!(
        (&body["Internal"], &body["Attachable"], &body["Scope"]),
        (&json!(true), &json!(true), &json!("local"))
    );
    assert_eq!(
        (&body["Driver"], &body["Options"], &body["Labels"]),
        (&json!("macvlan"), &json!({"parent": "eth0"}), &json!({"a": "b"}))
    );
}

#[test]
fn connect_and_disconnect() {
    let (line, body) = sent(&["network", "connect", "n", "c"]);
    assert_eq!(
        (line.as_str(), body),
        ("POST /v1.56/networks/n/connect", json!({"Container": "c", "EndpointConfig": {}}))
    );
    let flags = [
        "network",
        "connect",
        "--alias",
        "a,b",
        "--driver-opt",
        "k=v",
        "--gw-priority",
        "-5",
        "--ip",
        "10.0.0.2",
        "--ip6",
        "fd00::2",
        "--link",
        "db:store",
        "--link-local-ip",
        "169.254.1.1",
        "n",
        "c",
    ];
    let want = json!({
        "Aliases": ["a", "b"], "DriverOpts": {"k": "v"}, "GwPriority": -5, "Links": ["db:store"],
        "IPAMConfig": {"IPv4Address": "10.0.0.2", "IPv6Address": "fd00::2", "LinkLocalIPs": ["169.254.1.1"]},
    });
    assert_eq!(sent(&flags).1["EndpointConfig"], want);
    let (line, body) = sent(&["network", "disconnect", "-f", "n", "c"]);
    assert_eq!(
        (line.as_str(), body),
        ("POST /v1.56/networks/n/disconnect", json!({"Container": "c", "Force": true}))
    );
}

#[test]
fn ls_in_all_forms() {
    let fake = willing();
    for (args, want) in [
        (&["network", "ls", "-q"][..], "fedcba987654\n0123456789ab\n"),
        (&["network", "ls", "-q", "--no-trunc"], "fedcba9876543210\n0123456789abcdef\n"),
        (
            &["network", "list"],
            "NETWORK ID     NAME      DRIVER    SCOPE\nfedcba987654   none      null      local\n0123456789ab   own       bridge    local\n",
        ),
        (
            &[
                "network",
                "ls",
                "--format",
                "{{.Name}} {{.IPv4}} {{.IPv6}} {{.Internal}} {{.Labels}} {{.Label \"a\"}}",
            ],
            "none true false false  \nown true true false a=b b\n",
        ),
    ] {
        let ran = fake.run(args);
        assert_eq!((ran.out.as_str(), ran.code), (want, Some(0)), "{args:?}: {}", ran.err);
    }
}

#[test]
fn rm_and_prune() {
    let fake = willing();
    let ran = fake.run(&["network", "rm", "n", "missing", "bridge"]);
    assert_eq!((ran.out.as_str(), ran.code), ("n\n", Some(1)));
    assert!(ran.err.contains("missing not found") && ran.err.contains("pre-defined"), "{}", ran.err);
    let ran = fake.run(&["network", "rm", "-f", "missing"]);
    assert_eq!((ran.out.as_str(), ran.code), ("", Some(0)), "{}", ran.err);
    let ran = fake.run(&["network", "prune", "-f"]);
    assert_eq!((ran.out.as_str(), ran.code), ("Deleted Networks:\none\ntwo\n\n", Some(0)));
    let ran = fake.run(&["network", "prune"]);
    assert!(ran.out.starts_with("WARNING! This will remove all custom networks"), "{}", ran.out);
}

#[test]
fn a_container_on_several_networks() {
    let (_, body) = sent(&[
        "create",
        "--network",
        "name=one,alias=x,alias=y,ip=10.0.0.2,gw-priority=3,driver-opt=k=v",
        "--network",
        "two",
        "busybox",
    ]);
    assert_eq!(body["HostConfig"]["NetworkMode"], json!("one"));
    let want = json!({
        "one": {"Aliases": ["x", "y"], "IPAMConfig": {"IPv4Address": "10.0.0.2"}, "GwPriority": 3, "DriverOpts": {"k": "v"}},
        "two": {},
    });
    assert_eq!(body["NetworkingConfig"]["EndpointsConfig"], want);
    let (_, body) = sent(&[
        "create",
        "--network",
        "one",
        "--link",
        "db:store",
        "--mac-address",
        "02:00:00:00:00:01",
        "busybox",
    ]);
    let want = json!({"one": {"Links": ["db:store"], "MacAddress": "02:00:00:00:00:01"}});
    assert_eq!(
        (&body["NetworkingConfig"]["EndpointsConfig"], &body["HostConfig"]["Links"]),
        (&want, &json!(["db:store"]))
    );
}

#[test]
fn networks_that_do_not_go_together_are_told_before_the_daemon_is_asked() {
    for (flags, want) in [
        (
            &["--network", "one", "--network", "host"][..],
            "cannot attach both user-defined and non-user-defined",
        ),
        (&["--network", "one", "--network", "one"], "network \"one\" is specified multiple times"),
        (
            &["--network", "name=one,ip=10.0.0.1", "--ip", "10.0.0.2"],
            "cannot specify both --ip and per-network IPv4 address",
        ),
        (
            &["--network", "name=one,alias=a", "--network-alias", "b"],
            "both --network-alias and per-network alias",
        ),
        (&["--network", "alias=a"], "network name missing"),
        (&["--network", "name=one,colour=red"], "invalid field 'colour'"),
        (&["--network", "name=one,gw-priority=x"], "invalid gw-priority (x)"),
        (&["--network-alias", "a"], "network-scoped aliases are only supported for user-defined networks"),
    ] {
        let fake = willing();
        let ran = fake.run(&[&["create"], flags, &["busybox"]].concat());
        assert!(ran.code == Some(125) && ran.err.contains(want), "{flags:?}: {ran:?}");
        assert!(fake.lines().is_empty(), "{flags:?}");
    }
}
