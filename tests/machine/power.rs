//! A power cut: a machine with containers goes without a word, and comes back with its disk and nothing else.
//!
//! Two tests, of which the virtual machine runs one in each of its lives. The daemon of the first is never ended.

use std::fs::{self, File};
use std::net::SocketAddr;
use std::process::{Child, Command, Stdio};

use testkit::program::{Said, programs, run};
use testkit::{eventually, http};

/// On the disk.
const DATA: &str = "/disk/power/data";
/// In memory.
const EXEC: &str = "/run/power";
const SOCKET: &str = "unix:///run/power.sock";
/// Where the container that is to come back is published.
const WEB: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(std::net::Ipv4Addr::LOCALHOST), 7070);

fn docker(args: &[&str]) -> Said {
    run(Command::new("docker").args(["-H", SOCKET]).args(args))
}

/// Starts the daemon, which outlives the test unless it is killed.
fn start() -> Child {
    fs::create_dir_all(DATA).unwrap();
    let log = File::create("/run/power.log").unwrap();
    let mut daemon = Command::new(programs().join("shoald"));
    daemon.args(["--config-file", "/dev/null", "--data-root", DATA, "--exec-root", EXEC, "-H", SOCKET]);
    daemon.args(["--pidfile", "/run/power.pid"]).stdin(Stdio::null());
    let daemon = daemon.stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    eventually("shoald answers", || {
        let said = docker(&["version"]);
        let log = || fs::read_to_string("/run/power.log").unwrap_or_default();
        if said.code == 0 { Ok(()) } else { Err(said.err + &log()) }
    });
    daemon
}

fn answers() {
    eventually("the container answers", || http::fetch(WEB).map(|_| ()));
}

fn state(name: &str) -> String {
    docker(&["inspect", "-f", "{{.State.Status}} {{.State.ExitCode}}", name]).ok()
}

#[test]
#[expect(clippy::zombie_processes, reason = "the daemon is there until there is no power")]
fn goes() {
    start();
    let image = programs().join("hello-http.tar");
    docker(&["load", "-i", &image.display().to_string()]).ok();
    // A new image is flushed within a minute, and may be lost until then: that is not what is shown here.
    run(&mut Command::new("sync")).ok();
    let web = |words: &[&str]| docker(&[&["run", "-d"], words, &["shoal/hello-http"]].concat()).ok();
    web(&["--name", "none"]);
    web(&["--name", "stopped", "--restart", "unless-stopped"]);
    docker(&["stop", "stopped"]).ok();
    web(&["--name", "removed", "--rm"]);
    docker(&["rm", "-f", "removed"]).ok();
    web(&["--name", "web", "--restart", "always", "-p", "7070:80", "-m", "64m", "-v", "kept:/kept"]);
    answers();
    // What was answered is on the disk: nothing waits here.
}

#[test]
fn is_back() {
    assert!(!fs::exists(EXEC).unwrap(), "the machine was started anew");
    let before: Vec<_> = fs::read_dir(DATA).expect("the disk was kept").collect();
    assert!(!before.is_empty(), "the first life left something");
    let mut daemon = start();
    answers();
    assert_eq!(state("web"), "running 0");
    assert_eq!(docker(&["inspect", "-f", "{{.RestartCount}}", "web"]).ok(), "0");
    assert_eq!(state("none"), "exited 255");
    assert!(state("stopped").starts_with("exited "), "{}", state("stopped"));
    assert_eq!(docker(&["ps", "-aq"]).ok().lines().count(), 3, "what was removed stays so");
    assert_eq!(docker(&["volume", "ls", "-q"]).ok(), "kept");
    let limit = docker(&["stats", "--no-stream", "--format", "{{.MemUsage}}", "web"]).ok();
    assert!(limit.ends_with("/ 64MiB"), "{limit}");
    docker(&["start", "none", "stopped"]).ok();
    docker(&["rm", "-f", "none", "stopped", "web"]).ok();
    docker(&["run", "-d", "--rm", "--name", "new", "-p", "7070:80", "shoal/hello-http"]).ok();
    answers();
    docker(&["rm", "-f", "new"]).ok();
    daemon.kill().unwrap();
    daemon.wait().unwrap();
}
