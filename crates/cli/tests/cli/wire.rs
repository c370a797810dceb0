//! The client itself: versions, errors, hostile answers.

use serde_json::json;

use crate::fake::{Fake, Reply, refuse};

#[test]
fn an_older_daemon_is_spoken_to_in_its_version() {
    let fake = Fake::start(|seen| match seen.line.contains("/v1.41/") {
        true => Reply::Json(200, json!([])),
        false => refuse(400, "client version 1.56 is too new. Maximum supported API version is 1.41"),
    });
    assert_eq!(fake.run(&["ps", "-q"]).code, Some(0));
    assert_eq!(fake.lines(), ["GET /v1.56/containers/json", "GET /v1.41/containers/json"]);
    // A daemon that goes on refusing is not asked for ever.
    let fake =
        Fake::start(|_| refuse(400, "client version 1.56 is too new. Maximum supported API version is 1.56"));
    assert_eq!((fake.run(&["ps"]).code, fake.lines().len()), (Some(1), 1));
}

#[test]
fn answers_that_are_no_answers_are_told() {
    let table = [
        (
            Reply::Raw as fn(_, _) -> _,
            "text/html",
            &b"<html>"[..],
            "unexpected answer of the daemon to GET /containers/json",
        ),
        (
            Reply::Raw,
            "application/json",
            b"{\"a\":",
            "unexpected answer of the daemon to GET /containers/json",
        ),
        (
            Reply::Raw,
            "application/json",
            b"[{\"Id\": 5}]",
            "unexpected answer of the daemon to GET /containers/json",
        ),
    ];
    for (make, kind, body, want) in table {
        let fake = Fake::start(move |_| make(kind, body.to_vec()));
        let ran = fake.run(&["ps"]);
        assert_eq!(ran.code, Some(1));
        assert!(ran.err.starts_with(want), "{}", ran.err);
    }
}

#[test]
fn texts_of_the_daemon_do_not_drive_the_terminal() {
    let fake = Fake::start(|_| Reply::Json(201, json!({"Id": "abc", "Warnings": ["\u{1b}[2Jgone"]})));
    let ran = fake.run(&["create", "x"]);
    assert_eq!(ran.err, "WARNING:  [2Jgone\n");
    let fake = Fake::start(|_| refuse(500, "two\nlines\u{7}"));
    assert_eq!(fake.run(&["ps"]).err, "Error response from daemon: two\nlines \n");
}

#[test]
fn names_are_encoded_in_paths() {
    let fake = Fake::start(|_| refuse(404, "No such container"));
    fake.run(&["inspect", "--type=container", "a b?c"]);
    assert_eq!(fake.lines(), ["GET /v1.56/containers/a b?c/json"]);
}

#[test]
fn version_tells_its_own_half_without_a_daemon() {
    let fake = Fake::start(|_| refuse(500, "broken"));
    let ran = fake.run(&["version"]);
    assert!(ran.out.starts_with("Client:\n Version: "), "{}", ran.out);
    assert_eq!((ran.err.as_str(), ran.code), ("Error response from daemon: broken\n", Some(1)));
    let fake = Fake::start(|_| Reply::Json(200, json!({"Version": "9", "ApiVersion": "1.56"})));
    assert_eq!(fake.run(&["version", "-f", "{{.Server.Version}}"]).out, "9\n");
}
