//! Lists and inspection.

use serde_json::json;

use crate::fake::{Fake, Reply, refuse};

fn two() -> Fake {
    Fake::start(|_| {
        // Nulls as daemons of other makes write them.
        Reply::Json(
            200,
            json!([
                {"Id": "0123456789abcdef", "Names": ["/web"], "Image": "busybox", "Command": "sleep 1", "Created": 1, "Status": "Up 3 seconds",
                 "State": "running", "Ports": [{"IP": "0.0.0.0", "PrivatePort": 80, "PublicPort": 8080, "Type": "tcp"}], "Labels": {"tier": "db"}},
                {"Id": "fedcba9876543210", "Names": ["/b"], "Image": "busybox", "Command": "true", "Created": 1, "Status": "Exited (0)",
                 "State": "exited", "Ports": null, "Labels": null, "Mounts": null},
            ]),
        )
    })
}

#[test]
fn ps_in_all_forms() {
    let fake = two();
    let table: [(&[&str], &str); 5] = [
        (&["ps", "-q"], "0123456789ab\nfedcba987654\n"),
        (&["ps", "-q", "--no-trunc"], "0123456789abcdef\nfedcba9876543210\n"),
        (
            &["ps", "--format", "{{.Names}}:{{.Label \"tier\"}}:{{.Ports}}"],
            "web:db:0.0.0.0:8080->80/tcp\nb::\n",
        ),
        (
            &["ps", "--format", "table {{.Names}}\\t{{.State}}"],
            "NAMES     STATE\nweb       running\nb         exited\n",
        ),
        (&["container", "ls", "--format", "{{if eq .State \"running\"}}{{upper .Names}}{{end}}"], "WEB\n\n"),
    ];
    for (args, want) in table {
        let ran = fake.run(args);
        assert_eq!((ran.out.as_str(), ran.code), (want, Some(0)), "{args:?}: {}", ran.err);
    }
    fake.run(&["ps", "-a", "-n", "3", "-f", "label=a=b", "-f", "status=running"]);
    let want = "GET /v1.56/containers/json?all=1&limit=3&filters={\"label\":{\"a=b\":true},\"status\":{\"running\":true}}";
    assert_eq!(fake.lines().last().map(String::as_str), Some(want));
}

#[test]
fn a_field_that_is_not_there_is_an_error() {
    let ran = two().run(&["ps", "--format", "{{.Nope}}"]);
    assert_eq!((ran.code, ran.out.as_str()), (Some(1), ""));
    assert!(ran.err.contains("\"Nope\""), "{}", ran.err);
}

#[test]
fn inspect_keeps_the_daemons_order_and_looks_through_all_kinds() {
    let fake = Fake::start(|seen| match seen.line.as_str() {
        "GET /v1.56/nodes/n1" => Reply::Raw("application/json", br#"{"ID":"n1","B":1.50,"A":[]}"#.to_vec()),
        line if line.contains("/nodes/") || line.contains("/services/") => {
            refuse(503, "This node is not a swarm manager.")
        }
        _ => refuse(404, "page not found"),
    });
    let ran = fake.run(&["inspect", "n1"]);
    assert_eq!(
        ran.out,
        "[\n    {\n        \"ID\": \"n1\",\n        \"B\": 1.50,\n        \"A\": []\n    }\n]\n"
    );
    let ran = fake.run(&["inspect", "-f", "{{.Id}} {{json .A}}", "n1"]);
    assert_eq!(ran.out, "n1 []\n");
    let ran = fake.run(&["inspect", "--type", "container", "n1"]);
    assert_eq!((ran.out.as_str(), ran.code), ("[]\n", Some(1)));
    let ran = fake.run(&["inspect", "gone"]);
    assert_eq!(
        (ran.out.as_str(), ran.err.as_str(), ran.code),
        ("[]\n", "Error: No such object: gone\n", Some(1))
    );
}

#[test]
fn one_bad_name_does_not_stop_the_others() {
    let fake = Fake::start(|seen| match seen.line.contains("/bad") {
        true => refuse(404, "No such container: bad"),
        false => Reply::Json(204, serde_json::Value::Null),
    });
    let ran = fake.run(&["rm", "-f", "-v", "a", "b"]);
    assert_eq!((ran.out.as_str(), ran.code), ("a\nb\n", Some(0)));
    assert_eq!(fake.lines()[0], "DELETE /v1.56/containers/a?v=1&force=1");
    let ran = fake.run(&["stop", "-t", "2", "a", "bad", "b"]);
    assert_eq!((ran.out.as_str(), ran.code), ("a\nb\n", Some(1)));
    assert_eq!(ran.err, "Error response from daemon: No such container: bad\n");
}
