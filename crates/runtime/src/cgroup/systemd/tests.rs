//! The driver against a socket that speaks as systemd does.

use std::io::{BufRead, BufReader, Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::Path;
use std::thread::{self, JoinHandle};

use super::message::tests::{job_removed, refused, returned};
use super::*;

const FIXED: usize = message::FIXED_BYTES;

/// Greets one caller and answers each call with what `script` has for it; gives the calls as text.
fn systemd(listener: UnixListener, script: Vec<Vec<Vec<u8>>>) -> JoinHandle<Vec<String>> {
    thread::spawn(move || {
        let (stream, _) = listener.accept().unwrap();
        let mut reader = BufReader::new(stream.try_clone().unwrap());
        let mut line = Vec::new();
        reader.read_until(b'\n', &mut line).unwrap();
        assert!(line.starts_with(b"\0AUTH EXTERNAL 30\r\n"), "{line:?}");
        (&stream).write_all(b"OK 0123456789abcdef\r\n").unwrap();
        line.clear();
        reader.read_until(b'\n', &mut line).unwrap();
        assert_eq!(line, b"BEGIN\r\n");
        script.into_iter().map(|answers| answer(&stream, &mut reader, &answers)).collect()
    })
}

fn answer(mut stream: &UnixStream, reader: &mut impl Read, answers: &[Vec<u8>]) -> String {
    let mut fixed = [0; FIXED];
    reader.read_exact(&mut fixed).unwrap();
    let mut message = vec![0; message::length(&fixed).unwrap() - FIXED];
    reader.read_exact(&mut message).unwrap();
    answers.iter().for_each(|answer| stream.write_all(answer).unwrap());
    String::from_utf8_lossy(&message).into_owned()
}

fn fake(script: Vec<Vec<Vec<u8>>>) -> (tempfile::TempDir, Systemd, JoinHandle<Vec<String>>) {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("private");
    let listener = UnixListener::bind(&socket).unwrap();
    (dir, Systemd::at(&socket), systemd(listener, script))
}

fn unit() -> Unit {
    Unit::parse(Some(Path::new("a.slice:b:c")), "id").unwrap()
}

#[test]
fn a_scope_is_made_when_its_job_is_done() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root");
    // Its end may be told before the call is answered, among those of others.
    let answers = vec![job_removed("/job/8", "failed"), job_removed("/job/9", "done"), returned(1, "/job/9")];
    let (_dir, systemd, thread) = fake(vec![answers]);
    let resources = serde_json::from_value(serde_json::json!({"pids": {"limit": 5}})).unwrap();
    systemd.enter(&unit(), &resources).unwrap();
    let calls = thread.join().unwrap();
    for words in ["StartTransientUnit", "b-c.scope", "a.slice", "Delegate", "TasksMax", "PIDs"] {
        assert!(calls[0].contains(words), "{words}: {calls:?}");
    }
}

#[test]
fn a_job_that_fails_is_an_error() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root");
    let (_dir, systemd, thread) = fake(vec![vec![returned(1, "/job/9"), job_removed("/job/9", "failed")]]);
    let error = systemd.enter(&unit(), &LinuxResources::default()).unwrap_err();
    assert!(error.to_string().contains("failed"), "{error}");
    thread.join().unwrap();
}

#[test]
fn systemds_words_are_passed_on() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root");
    let (_dir, systemd, thread) =
        fake(vec![vec![refused(1, "x.UnitExists", "Unit b-c.scope was already loaded")]]);
    let error = systemd.enter(&unit(), &LinuxResources::default()).unwrap_err();
    assert!(error.to_string().contains("already loaded"), "{error}");
    thread.join().unwrap();
}

#[test]
fn a_scope_that_is_gone_is_stopped() {
    assert!(nix::unistd::geteuid().is_root(), "this test needs root");
    let none = |serial| vec![refused(serial, NO_SUCH_UNIT, "Unit b-c.scope not loaded.")];
    let (_dir, systemd, thread) = fake(vec![none(1), none(2)]);
    systemd.stop("b-c.scope").unwrap();
    let calls = thread.join().unwrap();
    assert!(calls[0].contains("StopUnit") && calls[1].contains("ResetFailedUnit"), "{calls:?}");
}
