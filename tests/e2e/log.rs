//! Log drivers and every flag of `docker logs`.

use std::fs;
use std::io::Read;
use std::net::TcpListener;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use testkit::{Daemon, eventually};

fn daemon(args: &[&str]) -> Daemon {
    let daemon = Daemon::start(args);
    daemon.load_images();
    daemon
}

/// Runs a shell line to its end in a container with this name.
fn run(daemon: &Daemon, name: &str, options: &[&str], line: &str) {
    let args = [&["run", "--name", name][..], options, &["busybox", "sh", "-c", line]].concat();
    daemon.docker(&args).ok();
}

fn logs(daemon: &Daemon, args: &[&str]) -> String {
    let said = daemon.docker(&[&["logs"][..], args].concat());
    assert_eq!(said.code, 0, "{}", said.err);
    said.out
}

fn inspect(daemon: &Daemon, name: &str, format: &str) -> String {
    daemon.docker(&["inspect", "--format", format, name]).ok()
}

fn dir_of(daemon: &Daemon, name: &str) -> PathBuf {
    daemon.path("data").join("containers").join(inspect(daemon, name, "{{.Id}}"))
}

/// Names of files in a directory that end so.
fn ending(dir: &Path, with: &str) -> Vec<String> {
    let entries = fs::read_dir(dir).unwrap().flatten();
    let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
    names.filter(|name| name.ends_with(with)).collect()
}

/// A client that follows, ended with the test.
struct Follower {
    child: Child,
}

impl Follower {
    fn new(daemon: &Daemon, name: &str) -> Follower {
        let mut command = Command::new("docker");
        command.env_remove("DOCKER_HOST").args(["-H", &daemon.host(), "logs", "-f", name]);
        Follower { child: command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap() }
    }

    /// Everything until the client ends by itself.
    fn all(mut self) -> String {
        let mut all = String::new();
        self.child.stdout.take().unwrap().read_to_string(&mut all).unwrap();
        all
    }
}

impl Drop for Follower {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Lines `1` to `n` with some weight.
fn seq(n: u32) -> String {
    format!("seq {n} | sed 's/$/-----------------------------------------------/'")
}

fn numbers(text: &str) -> Vec<u32> {
    text.lines().map(|line| line.trim_end_matches('-').parse().unwrap()).collect()
}

#[test]
fn rotated_files_are_compressed_and_read_as_one() {
    let daemon = daemon(&[]);
    for (driver, suffix, size) in [("json-file", ".gz", "max-size=250k"), ("local", ".blk", "max-size=150k")]
    {
        let options = ["--log-driver", driver, "--log-opt", size, "--log-opt", "max-file=20", "-i"];
        // It stays after its lines, so that its shim sees the compressor to its end.
        let args = [&["run", "-d", "--name", driver][..], &options, &["busybox", "sh", "-c"]].concat();
        let line = format!("{}; read stop", seq(10_000));
        daemon.docker(&[&args[..], &[&line]].concat()).ok();
        let follower = Follower::new(&daemon, driver);
        let dir = dir_of(&daemon, driver);
        let dir = if driver == "local" { dir.join("local-logs") } else { dir };
        eventually("everything rotated is compressed", || {
            let (plain, squeezed) = (ending(&dir, ".1").len(), ending(&dir, suffix).len());
            if plain == 0 && squeezed > 2 {
                Ok(())
            } else {
                Err(format!("{plain} plain, {squeezed} compressed"))
            }
        });
        let expected: Vec<u32> = (1..=10_000).collect();
        eventually("every line is logged", || {
            let last = logs(&daemon, &["-n", "1", driver]);
            if last.starts_with("10000-") { Ok(()) } else { Err(last) }
        });
        assert_eq!(numbers(&logs(&daemon, &[driver])), expected, "{driver}");
        assert_eq!(numbers(&logs(&daemon, &["-n", "4321", driver])), expected[10_000 - 4321..], "{driver}");
        daemon.docker(&["stop", "-t", "0", driver]).ok();
        assert_eq!(numbers(&follower.all()), expected, "{driver}: followed through rotations");
        assert_eq!(inspect(&daemon, driver, "{{.LogPath}}").is_empty(), driver == "local");
    }
}

#[test]
fn times_and_details() {
    let daemon = daemon(&["--log-opt", "env=COLOUR"]);
    let line = "echo one; sleep 0.3; echo two >&2; sleep 0.3; printf three";
    for driver in ["json-file", "local"] {
        let options = ["--log-driver", driver, "-e", "COLOUR=dark red", "--label", "a.b=1"];
        let labels = if driver == "local" { &[][..] } else { &["--log-opt", "labels=a.b"] };
        run(&daemon, driver, &[&options[..], labels].concat(), line);
        let all = daemon.docker(&["logs", "-t", driver]);
        let stamps: Vec<String> = [all.out.lines().next(), all.err.lines().next()]
            .map(|line| line.unwrap().split_once(' ').unwrap().0.to_owned())
            .to_vec();
        assert_eq!(stamps[0].len(), "2026-11-21T09:08:07.123456789Z".len());
        let said = |args: &[&str]| {
            let said = daemon.docker(&[&["logs"][..], args, &[driver]].concat());
            said.out + &said.err
        };
        assert_eq!(said(&["--since", &stamps[1]]), "threetwo\n", "{driver}");
        assert_eq!(said(&["--until", &stamps[0]]), "one\n", "{driver}");
        assert_eq!(said(&["--since", "1h", "-n", "1"]), "three", "{driver}");
        assert_eq!(said(&["--until", "1h"]), "", "{driver}");
        let details = if driver == "local" { " one\n" } else { "COLOUR=dark+red,a.b=1 one\n" };
        assert_eq!(said(&["--details", "--until", &stamps[0]]), details);
    }
}

#[test]
fn options_are_judged_when_the_container_is_created() {
    let daemon = daemon(&["--log-driver", "local", "--log-opt", "max-size=1m"]);
    for (options, expected) in [
        (&["--log-driver", "fluentd"][..], "no log driver named 'fluentd' is registered"),
        (&["--log-opt", "labels=a"], "unknown log opt 'labels' for local log driver"),
        (&["--log-opt", "mode=fast"], "logging mode not supported: fast"),
        (&["--log-driver", "syslog", "--log-opt", "syslog-address=tcp+tls://x"], "TLS"),
        (&["--log-driver", "json-file", "--log-opt", "max-file=0"], "max-file"),
    ] {
        let said = daemon.docker(&[&["create"][..], options, &["busybox"]].concat());
        assert!(said.code == 1 && said.err.contains(expected), "{}", said.err);
    }
    assert_eq!(daemon.docker(&["info", "--format", "{{.LoggingDriver}}"]).ok(), "local");
    daemon.docker(&["create", "--name", "one", "busybox"]).ok();
    assert_eq!(inspect(&daemon, "one", "{{.HostConfig.LogConfig}}"), "{local map[max-size:1m]}");
    run(&daemon, "none", &["--log-driver", "none"], "echo one");
    let said = daemon.docker(&["logs", "none"]);
    assert!(said.err.contains("configured logging driver does not support reading"), "{}", said.err);
    assert!(daemon.docker(&["logs", "nobody"]).err.contains("No such container: nobody"));
}

#[test]
fn the_journal_gets_dockers_fields() {
    let dir = tempfile::tempdir().unwrap();
    let socket = dir.path().join("journal");
    let daemon = Daemon::start_with(&[], &[("SHOAL_JOURNAL_SOCKET", socket.to_str().unwrap())]);
    daemon.load_images();
    let args =
        ["run", "--name", "one", "--label", "app=web", "--log-driver", "journald", "--log-opt", "labels=app"];
    let args = [&args[..], &["--log-opt", "tag={{.Name}}/{{.ImageName}}", "busybox", "sh", "-c"]].concat();
    let line = "echo hello; head -c 20000 /dev/zero | tr '\\0' x; echo; echo bad >&2";
    let said = daemon.docker(&[&args[..], &[line]].concat());
    assert_eq!(said.code, 125);
    assert!(
        said.err.contains("failed to initialize logging driver: journald is not enabled"),
        "{}",
        said.err
    );
    daemon.docker(&["rm", "one"]).ok();
    let server = UnixDatagram::bind(&socket).unwrap();
    server.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    daemon.docker(&[&args[..], &[line]].concat()).ok();
    let id = inspect(&daemon, "one", "{{.Id}}");
    let mut buffer = vec![0; 65536];
    let mut entries = Vec::new();
    while entries.len() < 4 {
        let count = server.recv(&mut buffer).unwrap();
        entries.push(String::from_utf8(buffer[..count].to_vec()).unwrap());
    }
    let find = |text: &str| entries.iter().find(|entry| entry.starts_with(text)).unwrap();
    let hello = find("MESSAGE=hello\n");
    for field in [
        "PRIORITY=6\n",
        "CONTAINER_NAME=one\n",
        "IMAGE_NAME=busybox\n",
        "CONTAINER_TAG=one/busybox\n",
        "SYSLOG_IDENTIFIER=one/busybox\n",
        "APP=web\n",
        &format!("CONTAINER_ID={}\n", &id[..12]),
        &format!("CONTAINER_ID_FULL={id}\n"),
    ] {
        assert!(hello.contains(field), "{field} in {hello}");
    }
    assert!(find("MESSAGE=bad\n").contains("PRIORITY=3\n"));
    let pieces: Vec<_> =
        entries.iter().filter(|entry| entry.contains("CONTAINER_PARTIAL_MESSAGE=true\n")).collect();
    assert_eq!(pieces.len(), 2);
    assert!(pieces[1].contains("CONTAINER_PARTIAL_LAST=true\n"));
    // Kept beside the journal, so that it can be read here.
    assert!(logs(&daemon, &["one"]).starts_with("hello\nxxx"));
}

#[test]
fn a_syslog_server_gets_every_line_and_holds_nobody_up() {
    let daemon = daemon(&[]);
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("syslog");
    let unix = UnixDatagram::bind(&path).unwrap();
    let address = format!("syslog-address=unixgram://{}", path.display());
    let options = ["--log-driver", "syslog", "--log-opt", &address, "--log-opt", "syslog-facility=local1"];
    let options =
        [&options[..], &["--log-opt", "syslog-format=rfc5424micro", "--log-opt", "tag=web"]].concat();
    run(&daemon, "unix", &options, "echo hello");
    let mut buffer = [0; 1000];
    let count = unix.recv(&mut buffer).unwrap();
    let text = String::from_utf8(buffer[..count].to_vec()).unwrap();
    assert!(
        text.starts_with("<142>1 20") && text.contains(" web ") && text.ends_with(" - hello\n"),
        "{text}"
    );
    assert_eq!(logs(&daemon, &["unix"]), "hello\n");

    // A server that accepts and never reads: far more than it and its socket take.
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = format!("syslog-address=tcp://{}", server.local_addr().unwrap());
    let options = ["--log-driver", "syslog", "--log-opt", &address];
    let line = "head -c 60000000 /dev/zero | tr '\\0' x | fold -w 1000; echo end";
    for (name, mode) in [("non-blocking", &["--log-opt", "mode=non-blocking"][..]), ("blocking", &[])] {
        let begun = Instant::now();
        run(&daemon, name, &[&options[..], mode, &["-a", "stderr"]].concat(), line);
        assert!(begun.elapsed() < Duration::from_secs(30), "{name} took {:?}", begun.elapsed());
        let last = daemon.docker(&["logs", "-n", "2", name]);
        assert!(last.out.contains("end"), "{name}: {}", last.out);
        assert!(last.err.contains("log lines were dropped"), "{name}: {}", last.err);
    }
    drop(server);
    let said = daemon.docker(&[&["run"][..], &options, &["busybox", "true"]].concat());
    assert!(said.code == 125 && said.err.contains("failed to initialize logging driver"), "{}", said.err);
}

#[test]
fn damaged_files_never_break_reading() {
    let daemon = daemon(&[]);
    for driver in ["json-file", "local"] {
        let sizes = ["--log-opt", "max-size=20k", "--log-opt", "max-file=5", "--log-opt", "compress=false"];
        let options = [&["--log-driver", driver][..], &sizes, &["-a", "stderr"]].concat();
        run(&daemon, driver, &options, &seq(1000));
        let all = numbers(&logs(&daemon, &[driver]));
        assert_eq!(all.last(), Some(&1000));
        let dir = dir_of(&daemon, driver);
        let dir = if driver == "local" { dir.join("local-logs") } else { dir };
        let newest = ending(&dir, ".log").pop().unwrap();
        // One cut in the middle of a line, one full of nonsense, one a way out of the directory.
        let old = |number: u32| dir.join(format!("{newest}.{number}"));
        let text = fs::read(old(1)).unwrap();
        fs::write(old(1), &text[..text.len() - 7]).unwrap();
        fs::write(old(2), [0xff; 5000]).unwrap();
        fs::remove_file(old(3)).unwrap();
        std::os::unix::fs::symlink("/etc/passwd", old(3)).unwrap();
        let left = logs(&daemon, &[driver]);
        assert!(!left.contains("root"), "{left}");
        let left = numbers(&left);
        assert_eq!((left.last(), left.len() + 1 < all.len()), (Some(&1000), true), "{driver}");
        assert!(numbers(&logs(&daemon, &["-n", "3", driver])).ends_with(&[1000]), "{driver}");
    }
}
