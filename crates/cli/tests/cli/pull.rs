//! Pulling, by itself and within `run`; loading.

use std::sync::atomic::{AtomicBool, Ordering};

use serde_json::{Value, json};

use crate::fake::{Fake, Reply, refuse};

const PROGRESS: &str = concat!(
    "{\"status\":\"Pulling from library/x\",\"id\":\"1\"}\n",
    "{\"status\":\"Downloading\",\"progressDetail\":{\"current\":1,\"total\":2},\"id\":\"abc\"}\n",
    "{\"status\":\"Pull complete\",\"id\":\"abc\"}\n",
    "{\"status\":\"Status: Downloaded newer image for x:1\"}\n",
);

fn progress() -> Reply {
    Reply::Raw("application/json", PROGRESS.as_bytes().to_vec())
}

#[test]
fn run_pulls_what_is_missing_and_keeps_standard_output_clean() {
    let there = AtomicBool::new(false);
    let fake = Fake::start(move |seen| match () {
        () if seen.line.contains("/images/create") => {
            there.store(true, Ordering::SeqCst);
            progress()
        }
        () if seen.line.contains("/start") => Reply::Json(204, Value::Null),
        () if there.load(Ordering::SeqCst) => Reply::Json(201, json!({"Id": "abc", "Warnings": null})),
        () => refuse(404, "No such image: x:1"),
    });
    let ran = fake.run(&["run", "-d", "x:1"]);
    assert_eq!((ran.out.as_str(), ran.code), ("abc\n", Some(0)), "{}", ran.err);
    let want = "Unable to find image 'x:1' locally\n1: Pulling from library/x\nabc: Pull complete\nStatus: Downloaded newer image for x:1\n";
    assert_eq!(ran.err, want);
    assert_eq!(fake.lines()[1], "POST /v1.56/images/create?fromImage=x&tag=1");
}

#[test]
fn run_does_not_pull_when_it_must_not() {
    let fake = Fake::start(|_| refuse(404, "No such image: x:1"));
    let ran = fake.run(&["run", "--pull", "never", "x:1"]);
    assert_eq!((ran.code, fake.lines().len()), (Some(125), 1));
    assert!(ran.err.contains("No such image: x:1"));
}

#[test]
fn an_error_inside_the_stream_is_the_pulls_error() {
    let fake = Fake::start(|_| {
        let text = "{\"status\":\"Downloading\",\"id\":\"a\"}\n{\"errorDetail\":{\"message\":\"manifest unknown\"},\"error\":\"manifest unknown\"}\n";
        Reply::Raw("application/json", text.as_bytes().to_vec())
    });
    let ran = fake.run(&["pull", "x"]);
    assert_eq!((ran.code, ran.err.as_str()), (Some(1), "manifest unknown\n"));
    assert_eq!(ran.out, "Using default tag: latest\na: Downloading\n");
}

#[test]
fn quiet_pull_prints_the_full_name() {
    let fake = Fake::start(|_| progress());
    assert_eq!(fake.run(&["pull", "-q", "x:1"]).out, "docker.io/library/x:1\n");
}

#[test]
fn load_sends_the_archive_whole() {
    let fake = Fake::start(|seen| match seen.line.contains("_ping") {
        true => Reply::Raw("text/plain", b"OK".to_vec()),
        false => Reply::Raw("application/json", b"{\"stream\":\"Loaded image: x:1\\n\"}\n".to_vec()),
    });
    let archive = tempfile::NamedTempFile::new().expect("a temporary file");
    let bytes: Vec<u8> = (0..1_000_003u32).map(|n| n.to_le_bytes()[0]).collect();
    std::fs::write(archive.path(), &bytes).expect("it can be written");
    let ran = fake.run(&["load", "-i", archive.path().to_str().expect("a path of text")]);
    assert_eq!((ran.out.as_str(), ran.code), ("Loaded image: x:1\n", Some(0)), "{}", ran.err);
    let sent = fake.seen().pop().expect("a request");
    assert_eq!(sent.line, "POST /v1.56/images/load?quiet=1");
    assert_eq!(sent.body, bytes);
}

#[test]
fn an_id_file_is_written_or_leaves_no_trace() {
    let folder = tempfile::tempdir().expect("a temporary folder");
    let path = folder.path().join("id");
    let path = path.to_str().expect("a path of text");
    let fake = Fake::start(|_| refuse(500, "disk full"));
    assert_eq!(fake.run(&["create", "--cidfile", path, "x"]).code, Some(1));
    assert!(!std::path::Path::new(path).exists());
    let fake = Fake::start(|_| Reply::Json(201, json!({"Id": "abc"})));
    assert_eq!(fake.run(&["create", "--cidfile", path, "x"]).out, "abc\n");
    assert_eq!(std::fs::read_to_string(path).expect("a file"), "abc");
    let ran = fake.run(&["run", "--cidfile", path, "x"]);
    assert!(ran.err.contains("container ID file found"), "{}", ran.err);
    assert_eq!(ran.code, Some(125));
}
