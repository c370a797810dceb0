//! `run`, `start`, `logs`: streams, exit codes, signals.

use std::io::Write;
use std::process::Stdio;
use std::sync::Mutex;
use std::sync::mpsc;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::sync::watch;

use crate::fake::{Fake, Ran, Reply, Seen, refuse};

fn frame(stream: u8, payload: &str) -> Vec<u8> {
    let mut out = vec![stream, 0, 0, 0];
    out.extend(u32::try_from(payload.len()).expect("a short payload").to_be_bytes());
    out.extend(payload.as_bytes());
    out
}

/// A daemon with one container that reads its input to the end, tells its length, and exits with 7.
fn counting(seen: &Seen, end: &watch::Sender<Option<Value>>) -> Reply {
    let line = seen.line.as_str();
    match () {
        () if line.contains("/containers/create") => {
            Reply::Json(201, json!({"Id": "abc", "Warnings": ["mind the gap"]}))
        }
        () if line.contains("/abc/attach") => {
            let end = end.clone();
            Reply::Hijack(Box::new(move |mut stream| {
                Box::pin(async move {
                    let mut input = Vec::new();
                    stream.read_to_end(&mut input).await.expect("the input ends");
                    let mut output = frame(2, "counting\n");
                    output.extend(frame(1, &format!("{}\n", input.len())));
                    // In pieces that cut the headers.
                    for piece in output.chunks(5) {
                        stream.write_all(piece).await.expect("the client listens");
                    }
                    stream.shutdown().await.expect("the client listens");
                    end.send_replace(Some(json!({"StatusCode": 7})));
                })
            }))
        }
        () if line.contains("/abc/wait") => Reply::Later(end.subscribe()),
        () if line.contains("/abc/start") => Reply::Json(204, Value::Null),
        () => refuse(404, "page not found"),
    }
}

#[test]
fn run_carries_streams_half_close_and_exit_code() {
    let end = watch::Sender::new(None);
    let fake = Fake::start(move |seen| counting(seen, &end));
    let mut child = fake
        .command(&["run", "--rm", "-i", "--name", "n", "-e", "A=1", "busybox", "wc", "-c"])
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("the program starts");
    let sent = vec![b'x'; 300_000];
    child.stdin.take().expect("a pipe").write_all(&sent).expect("the program reads");
    let ran = Ran::from(child.wait_with_output().expect("the program ends"));
    assert_eq!((ran.out.as_str(), ran.code), ("300000\n", Some(7)), "{}", ran.err);
    assert_eq!(ran.err, "WARNING: mind the gap\ncounting\n");
    let body = fake.seen()[0].json();
    assert_eq!(fake.lines()[0], "POST /v1.56/containers/create?name=n");
    assert_eq!(body["Cmd"], json!(["wc", "-c"]));
    assert_eq!(body["Env"], json!(["A=1"]));
    assert_eq!(
        (&body["OpenStdin"], &body["StdinOnce"], &body["HostConfig"]["AutoRemove"]),
        (&json!(true), &json!(true), &json!(true))
    );
    // The end is asked for before the start: it cannot be missed.
    let order: Vec<String> = fake.lines().into_iter().skip(1).collect();
    assert_eq!(order[0], "POST /v1.56/containers/abc/attach?stream=1&stdin=1&stdout=1&stderr=1");
    assert_eq!(order[1], "POST /v1.56/containers/abc/wait?condition=removed");
    assert_eq!(order[2], "POST /v1.56/containers/abc/start");
}

#[test]
fn detached_run_prints_the_id() {
    let end = watch::Sender::new(None);
    let fake = Fake::start(move |seen| counting(seen, &end));
    let ran = fake.run(&["run", "-d", "busybox"]);
    assert_eq!((ran.out.as_str(), ran.code), ("abc\n", Some(0)));
    assert_eq!(fake.lines().len(), 2);
}

#[test]
fn failures_of_the_command_and_of_the_daemon_have_their_codes() {
    let table = [
        ("exec: \"nosuch\": executable file not found in $PATH: unknown", 127),
        ("exec: \"/etc/passwd\": permission denied: unknown", 126),
        ("driver failed", 125),
    ];
    for (message, code) in table {
        let end = watch::Sender::new(None);
        let fake = Fake::start(move |seen| match seen.line.contains("/start") {
            true => refuse(400, message),
            false => counting(seen, &end),
        });
        let ran = fake.run(&["run", "-d", "busybox", "x"]);
        assert_eq!(ran.code, Some(code));
        assert!(ran.err.contains(&format!("shoal: Error response from daemon: {message}\n")), "{}", ran.err);
    }
}

#[test]
fn signals_go_to_the_container() {
    let end = watch::Sender::new(None);
    let (started, wait) = mpsc::channel();
    let started = Mutex::new(started);
    let fake = Fake::start(move |seen| match () {
        () if seen.line.contains("/abc/attach") => {
            let mut end = end.subscribe();
            Reply::Hijack(Box::new(move |stream| {
                Box::pin(async move {
                    end.wait_for(Option::is_some).await.expect("the container ends");
                    drop(stream);
                })
            }))
        }
        () if seen.line.contains("/abc/kill") => {
            end.send_replace(Some(json!({"StatusCode": 143})));
            Reply::Json(204, Value::Null)
        }
        () if seen.line.contains("/abc/start") => {
            started.lock().expect("one start").send(()).expect("the test waits");
            Reply::Json(204, Value::Null)
        }
        () => counting(seen, &end),
    });
    let child = fake
        .command(&["run", "busybox"])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .expect("the program starts");
    wait.recv_timeout(std::time::Duration::from_secs(20)).expect("the container starts");
    let killed =
        std::process::Command::new("sh").args(["-c", &format!("kill -TERM {}", child.id())]).status();
    assert!(killed.expect("a shell").success());
    let ran = Ran::from(child.wait_with_output().expect("the program ends"));
    assert_eq!(ran.code, Some(143));
    assert!(
        fake.lines().iter().any(|line| line.ends_with("/containers/abc/kill?signal=TERM")),
        "{:?}",
        fake.lines()
    );
}

#[test]
fn the_third_ctrl_c_is_for_the_program_itself() {
    let end = watch::Sender::new(None);
    let (told, wait) = mpsc::channel();
    let told = Mutex::new(told);
    // The container takes every signal and lives on.
    let fake = Fake::start(move |seen| match () {
        () if seen.line.contains("/abc/attach") => Reply::Hijack(Box::new(|stream| {
            Box::pin(async move {
                std::future::pending::<()>().await;
                drop(stream);
            })
        })),
        () if seen.line.contains("/abc/kill") || seen.line.contains("/abc/start") => {
            told.lock().expect("no panic while it is held").send(()).expect("the test waits");
            Reply::Json(204, Value::Null)
        }
        () => counting(seen, &end),
    });
    let mut command = fake.command(&["run", "busybox"]);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let child = command.spawn().expect("the program starts");
    for _ in 0..3 {
        // The start, then the arrival of each signal but the last: signals that come at once are one.
        wait.recv_timeout(std::time::Duration::from_secs(20)).expect("the daemon hears of it");
        let kill =
            std::process::Command::new("sh").args(["-c", &format!("kill -INT {}", child.id())]).status();
        assert!(kill.expect("a shell").success());
    }
    let ran = Ran::from(child.wait_with_output().expect("the program ends"));
    assert!(ran.err.ends_with("got 3 SIGTERM/SIGINTs, forcefully exiting\n"), "{}", ran.err);
    assert_eq!(ran.code, Some(1));
}

#[test]
fn logs_are_parted_and_an_early_reader_is_no_error() {
    let fake = Fake::start(|seen| {
        assert!(
            seen.line.ends_with("/containers/web/logs?stdout=1&stderr=1&timestamps=1&tail=5"),
            "{}",
            seen.line
        );
        let many: Vec<u8> = std::iter::repeat_n(frame(1, "out\n"), 20_000).flatten().collect();
        Reply::Raw("application/vnd.docker.multiplexed-stream", [frame(2, "err\n"), many].concat())
    });
    let ran = fake.run(&["logs", "-t", "-n", "5", "web"]);
    assert_eq!((ran.code, ran.err.as_str(), ran.out.len()), (Some(0), "err\n", 80_000));
    let mut child = fake
        .command(&["logs", "-t", "--tail=5", "web"])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .expect("it starts");
    drop(child.stdout.take());
    let ran = Ran::from(child.wait_with_output().expect("the program ends"));
    assert_eq!((ran.code, ran.err.as_str()), (Some(141), "err\n"));
}
