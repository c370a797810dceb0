//! Programs that people have: the `docker` client over every container command, docker-py and testcontainers.
//!
//! What they expect is written down in `tests/walk` and `tests/python`, so that it can be tried against Docker's own
//! daemon too.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::program::run;
use testkit::{Daemon, Namespace};

/// Where this package lies.
const HERE: &str = env!("CARGO_MANIFEST_DIR");

/// Runs `program` with `script` against `daemon`.
fn play(daemon: &Daemon, program: &Path, script: &str) {
    let mut command = Command::new(program);
    command.arg(Path::new(HERE).join(script));
    command.env("DOCKER_HOST", daemon.host()).env("TESTCONTAINERS_RYUK_DISABLED", "true");
    let said = run(&mut command);
    assert_eq!(said.code, 0, "{script}:\n{}{}", said.out, said.err);
}

/// The Python that `cargo xtask test` has furnished with the clients.
fn python() -> PathBuf {
    let python = std::env::var_os("SHOAL_PYTHON").map(PathBuf::from);
    python.expect("SHOAL_PYTHON names no Python with docker-py and testcontainers: run `cargo xtask test`")
}

#[test]
fn the_docker_client_walks_over_every_container_command() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    play(&daemon, Path::new("bash"), "walk/container.sh");
}

#[test]
fn shoal_walks_the_same_way() {
    // The walk publishes a port; on a machine of its own nobody else has it.
    let machine = Namespace::new();
    let daemon = Daemon::start_in(&machine, &[]);
    daemon.load_images();
    // What the walk calls `docker` is ours.
    let dir = tempfile::tempdir().expect("a directory");
    let shoal = testkit::program::programs().join("shoal").canonicalize().expect("the program");
    std::os::unix::fs::symlink(shoal, dir.path().join("docker")).expect("a link");
    let path = format!("{}:{}", dir.path().display(), std::env::var("PATH").expect("a path"));
    let mut command = Command::new("bash");
    command
        .arg(Path::new(HERE).join("walk/container.sh"))
        .env("PATH", path)
        .env("DOCKER_HOST", daemon.host());
    let said = run(&mut command);
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
}

#[test]
fn docker_py() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    play(&daemon, &python(), "python/docker_py.py");
}

#[test]
fn testcontainers() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    play(&daemon, &python(), "python/containers.py");
}
