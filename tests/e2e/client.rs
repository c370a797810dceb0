//! Programs that people have: the `docker` client over every container, volume and network command, Compose, docker-py and
//! testcontainers.
//!
//! What they expect is written down in `tests/walk` and `tests/python`, so that it can be tried against Docker's own
//! daemon too.

use std::path::{Path, PathBuf};
use std::process::Command;

use testkit::program::run;
use testkit::registry::Registry;
use testkit::{Daemon, Namespace};

// Carried along: where these tests run, the repository may not be.
const WALK: &str = concat!(include_str!("../walk/words.sh"), include_str!("../walk/container.sh"));
const VOLUMES: &str = concat!(include_str!("../walk/words.sh"), include_str!("../walk/volume.sh"));
const NETWORKS: &str = concat!(include_str!("../walk/words.sh"), include_str!("../walk/network.sh"));
const COMPOSE: &str = include_str!("../walk/compose.sh");
const DOCKER_PY: &str = include_str!("../python/docker_py.py");
const IMAGES: &str = include_str!("../python/images.py");
const CONTAINERS: &str = include_str!("../python/containers.py");

/// Runs `script` by `program` against `daemon`, with what is in `first` before all other programs.
fn play(daemon: &Daemon, program: &Path, script: &str, first: Option<&Path>) {
    let file = daemon.path("script");
    std::fs::write(&file, script).expect("the script");
    let path = std::env::var("PATH").expect("a path");
    let path = first.map_or(path.clone(), |first| format!("{}:{path}", first.display()));
    let mut command = Command::new(program);
    command.arg(file).env("PATH", path).env("DOCKER_HOST", daemon.host());
    let said = run(command.env("TESTCONTAINERS_RYUK_DISABLED", "true"));
    assert_eq!(said.code, 0, "{}{}", said.out, said.err);
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
    play(&daemon, Path::new("bash"), WALK, None);
}

#[test]
fn shoal_walks_the_same_way() {
    // The walk publishes a port; on a machine of its own nobody else has it.
    let machine = Namespace::new();
    let daemon = Daemon::start_in(&machine, &[]);
    daemon.load_images();
    as_shoal(&daemon, WALK);
}

/// What the walk calls `docker` is ours.
fn as_shoal(daemon: &Daemon, walk: &str) {
    let dir = tempfile::tempdir().expect("a directory");
    let shoal = testkit::program::programs().join("shoal").canonicalize().expect("the program");
    std::os::unix::fs::symlink(shoal, dir.path().join("docker")).expect("a link");
    play(daemon, Path::new("bash"), walk, Some(dir.path()));
}

#[test]
fn the_docker_client_walks_over_every_volume_command_and_mount() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    play(&daemon, Path::new("bash"), VOLUMES, None);
}

#[test]
fn shoal_walks_over_volumes_the_same_way() {
    let daemon = Daemon::start(&[]);
    testkit::image::import_busybox(&daemon);
    as_shoal(&daemon, VOLUMES);
}

#[test]
fn the_docker_client_walks_over_every_network_command() {
    let machine = Namespace::new();
    let daemon = Daemon::start_in(&machine, &[]);
    daemon.load_images();
    machine.inside(|| play(&daemon, Path::new("bash"), NETWORKS, None));
}

#[test]
fn shoal_walks_over_every_network_command() {
    let machine = Namespace::new();
    let daemon = Daemon::start_in(&machine, &[]);
    daemon.load_images();
    machine.inside(|| as_shoal(&daemon, NETWORKS));
}

#[test]
fn a_project_of_compose_comes_up_and_goes_down() {
    let machine = Namespace::new();
    let daemon = Daemon::start_in(&machine, &[]);
    daemon.load_images();
    let before = daemon.docker(&["network", "ls", "-q"]).ok();
    machine.inside(|| play(&daemon, Path::new("bash"), COMPOSE, None));
    assert_eq!(daemon.docker(&["network", "ls", "-q"]).ok(), before);
    assert_eq!(daemon.docker(&["ps", "-aq"]).ok(), "");
}

#[test]
fn images_by_docker_py() {
    let (daemon, registry) = (Daemon::start(&[]), Registry::start());
    daemon.load_images();
    let script = format!(
        "import os\nos.environ['REGISTRY'] = '{}'\n{IMAGES}",
        registry.name("").trim_end_matches('/')
    );
    play(&daemon, &python(), &script, None);
}

#[test]
fn docker_py() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    play(&daemon, &python(), DOCKER_PY, None);
}

#[test]
fn testcontainers() {
    let daemon = Daemon::start(&[]);
    daemon.load_images();
    play(&daemon, &python(), CONTAINERS, None);
}
