//! Additional processes in a container, with the real `shoal-shim`. Needs root and busybox-static.

mod container;

use std::io::{Read, Write};
use std::net::Shutdown;
use std::os::unix::net::UnixStream;

use container::{Container, eventually};
use runtime::oci::LinuxNamespaceType;
use shim::{EXIT_STREAM, ErrorKind, ExecSpec, ExitStatus, Request, Response};

/// What an exec has said, by stream, and how it ended.
#[derive(Debug)]
struct Outcome {
    stdout: String,
    stderr: String,
    exit: ExitStatus,
}

fn spec(id: &str, script: &str) -> ExecSpec {
    ExecSpec {
        id: id.to_owned(),
        args: vec!["sh".to_owned(), "-c".to_owned(), script.to_owned()],
        stdout: true,
        stderr: true,
        ..ExecSpec::default()
    }
}

fn begin(container: &Container, spec: ExecSpec) -> (UnixStream, Response) {
    let mut stream = container.connect();
    shim::write(&mut stream, &Request::Exec(spec)).unwrap();
    let answer = shim::read(&mut stream).unwrap().expect("an answer");
    (stream, answer)
}

fn finish(mut stream: UnixStream) -> Outcome {
    let mut said = [Vec::new(), Vec::new(), Vec::new(), Vec::new()];
    let mut header = [0; 8];
    while stream.read_exact(&mut header).is_ok() {
        let length = u32::from_be_bytes([header[4], header[5], header[6], header[7]]) as usize;
        let mut payload = vec![0; length];
        stream.read_exact(&mut payload).unwrap();
        said[usize::from(header[0])].extend(payload);
    }
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    Outcome {
        stdout: text(&said[1]),
        stderr: text(&said[2]),
        exit: shim::decode(&said[usize::from(EXIT_STREAM)]).expect("an exit status"),
    }
}

fn run(container: &Container, spec: ExecSpec) -> Outcome {
    let (stream, answer) = begin(container, spec);
    assert!(matches!(answer, Response::Started { .. }), "{answer:?}");
    finish(stream)
}

#[test]
fn an_exec_is_inside_with_the_containers_privileges() {
    let mut container = Container::shell("sleep 60");
    let pid = container.start();
    let script = "cat /proc/self/status; ls /proc/self/fd; cat /proc/self/cgroup; echo err >&2; exit 7";
    let outcome = run(&container, spec("a", script));
    assert_eq!(outcome.exit.code, 7);
    assert_eq!(outcome.stderr, "err\n");
    for line in [
        "CapInh:\t0000000000000000",
        "CapPrm:\t00000000a80425fb",
        "CapEff:\t00000000a80425fb",
        "CapBnd:\t00000000a80425fb",
        "CapAmb:\t0000000000000000",
        "Seccomp:\t2",
        "SigIgn:\t0000000000000000",
        "SigBlk:\t0000000000000000",
    ] {
        assert!(outcome.stdout.contains(line), "{line} is missing in:\n{}", outcome.stdout);
    }
    // `ls` has the directory it lists open beside its streams.
    assert!(outcome.stdout.contains("0\n1\n2\n3\n") && !outcome.stdout.contains("\n4\n"), "{outcome:?}");
    let cgroup = std::fs::read_to_string(format!("/proc/{pid}/cgroup")).unwrap();
    let own = std::fs::read_to_string("/proc/self/cgroup").unwrap();
    assert_ne!(cgroup, own);
    for kind in ["mnt", "pid", "net", "ipc", "uts", "cgroup"] {
        let theirs = std::fs::read_link(format!("/proc/{pid}/ns/{kind}")).unwrap();
        let outcome = run(&container, spec("ns", &format!("readlink /proc/self/ns/{kind}")));
        assert_eq!(outcome.stdout.trim(), theirs.to_str().unwrap());
    }
}

#[test]
fn input_user_directory_and_variables_are_as_asked() {
    let mut container = Container::shell("sleep 60");
    container.config.process_mut().as_mut().unwrap().set_env(Some(vec!["PATH=/bin".into(), "A=1".into()]));
    container.start();
    let mut asked = spec("a", "cat; id; pwd; echo $A $B");
    asked.stdin = true;
    asked.user = Some("www".to_owned());
    asked.cwd = Some("/etc".into());
    asked.env = vec!["B=2".to_owned()];
    let (mut stream, answer) = begin(&container, asked);
    assert!(matches!(answer, Response::Started { .. }), "{answer:?}");
    stream.write_all(b"in\n").unwrap();
    stream.shutdown(Shutdown::Write).unwrap();
    let outcome = finish(stream);
    assert_eq!(outcome.stdout, "in\nuid=33(www) gid=34 groups=34\n/etc\n1 2\n");
    assert_eq!(outcome.exit.code, 0);
}

#[test]
fn what_cannot_run_is_refused_in_dockers_words() {
    let mut container = Container::shell("sleep 60");
    container.start();
    let program = |name: &str| ExecSpec { args: vec![name.to_owned()], ..spec("a", "") };
    let cwd = |dir: &str| ExecSpec { cwd: Some(dir.into()), ..spec("a", "true") };
    let user = ExecSpec { user: Some("ghost".to_owned()), ..spec("a", "true") };
    for (spec, code, words) in [
        (program("nosuch"), 127, "exec: \"nosuch\": executable file not found in $PATH"),
        (program("/etc/passwd"), 126, "exec: \"/etc/passwd\": permission denied"),
        (
            cwd("/nosuch"),
            126,
            "chdir to cwd (\"/nosuch\") set in config.json failed: no such file or directory",
        ),
        (user, 128, "unable to find user ghost: no matching entries in passwd file"),
    ] {
        match begin(&container, spec).1 {
            Response::Error { message, exit_code, .. } => {
                assert!(message.contains(words), "{message}");
                assert_eq!(exit_code, code, "{message}");
            }
            other => panic!("{words}: {other:?}"),
        }
    }
    assert_eq!(run(&container, spec("b", "ls /proc | grep -c '^[0-9]'")).exit.code, 0, "it still works");
}

#[test]
fn a_terminal_is_one_of_the_container() {
    let mut container = Container::shell("sleep 60");
    container.start();
    let mut asked = spec("a", "tty; stty size; read x; stty size; echo $TERM");
    (asked.tty, asked.stdin, asked.console_size) = (true, true, Some((10, 20)));
    let (mut stream, answer) = begin(&container, asked);
    assert!(matches!(answer, Response::Started { .. }), "{answer:?}");
    assert_eq!(container.ask(&Request::ExecResize { id: "a".into(), rows: 30, cols: 40 }), Response::Ok);
    stream.write_all(b"\n").unwrap();
    let outcome = finish(stream);
    assert!(outcome.stdout.contains("/dev/pts/0\r\n"), "{outcome:?}");
    assert!(outcome.stdout.contains("30 40\r\nxterm\r\n"), "{outcome:?}");
}

#[test]
fn the_end_is_told_to_whoever_comes_later() {
    let mut container = Container::shell("sleep 60");
    container.start();
    let (stream, answer) = begin(&container, spec("a", "sleep 60"));
    assert!(matches!(answer, Response::Started { .. }), "{answer:?}");
    drop(stream);
    let Response::Execs { execs } = container.ask(&Request::ExecList) else { panic!("no list") };
    assert_eq!((execs.len(), execs[0].id.as_str(), execs[0].exit), (1, "a", None), "it outlives its client");
    assert_eq!(container.ask(&Request::ExecSignal { id: "a".into(), signal: 9 }), Response::Ok);
    for _ in 0..2 {
        match container.ask(&Request::ExecWait { id: "a".into() }) {
            Response::Exited(exit) => assert_eq!((exit.code, exit.signal), (137, Some(9))),
            other => panic!("{other:?}"),
        }
    }
    let unknown = container.ask(&Request::ExecWait { id: "b".into() });
    assert!(matches!(unknown, Response::Error { kind: ErrorKind::NotFound, .. }), "{unknown:?}");
}

#[test]
fn an_exec_ends_with_its_container_even_in_the_hosts_process_tree() {
    let mut container = Container::shell("sleep 60");
    let namespaces = container.config.linux_mut().as_mut().unwrap().namespaces_mut().as_mut().unwrap();
    namespaces.retain(|namespace| namespace.typ() != LinuxNamespaceType::Pid);
    container.start();
    let (stream, answer) = begin(&container, spec("a", "(sleep 61 & ) ; echo up; sleep 62"));
    let Response::Started { pid } = answer else { panic!("{answer:?}") };
    container.ask(&Request::Signal { signal: 9, all: false });
    assert_eq!(container.wait().code, 137);
    assert_eq!(finish(stream).exit.code, 137);
    eventually("the exec is gone", || !std::path::Path::new(&format!("/proc/{pid}")).exists());
    eventually("the cgroup is gone", || !container.cgroup().exists());
}

#[test]
fn an_exec_that_races_the_end_is_refused_or_ends_and_leaves_nothing() {
    for round in 0..20 {
        let mut container = Container::shell("read x");
        container.spec.open_stdin = true;
        container.spec.stdin_once = true;
        container.start();
        let attached = container.attach(true);
        let mut racing = container.connect();
        shim::write(&mut racing, &Request::Exec(spec("a", "sleep 60"))).unwrap();
        if round % 2 == 0 {
            std::thread::yield_now();
        }
        attached.shutdown(Shutdown::Write).unwrap();
        match shim::read(&mut racing) {
            Ok(Some(Response::Started { .. })) => assert_eq!(finish(racing).exit.code, 137),
            Ok(Some(Response::Error { kind: ErrorKind::Conflict, message, .. })) => {
                assert_eq!(message, format!("container {} is not running", container.id));
            }
            // The shim has gone before it read the request.
            Ok(None) | Err(_) => {}
            Ok(Some(other)) => panic!("{other:?}"),
        }
        container.wait();
        eventually("the cgroup is gone", || !container.cgroup().exists());
    }
}

#[test]
fn a_flood_waits_for_its_client_and_the_container_does_not() {
    let mut container = Container::shell("read x; echo done");
    container.spec.open_stdin = true;
    container.start();
    let (mut stream, answer) = begin(&container, spec("a", "yes | head -c 4000000"));
    assert!(matches!(answer, Response::Started { .. }), "{answer:?}");
    // Nothing of the flood is taken, and everything else goes on.
    assert_eq!(run(&container, spec("b", "echo b")).stdout, "b\n");
    stream.set_read_timeout(Some(std::time::Duration::from_secs(20))).unwrap();
    let outcome = finish(stream.try_clone().unwrap());
    assert_eq!((outcome.stdout.len(), outcome.exit.code), (4_000_000, 0));
    assert_eq!(stream.read(&mut [0; 1]).unwrap(), 0);
}
