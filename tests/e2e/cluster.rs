//! Walks over every command of a cluster, by the real `docker` client and by `shoal`, on several machines.

use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Command, Stdio};

use rcgen::{BasicConstraints, CertificateParams, IsCa, KeyPair, PKCS_ECDSA_P256_SHA256};
use testkit::{Daemon, Lan};

// Carried along: where these tests run, the repository may not be.
/// Swarms and nodes, on six machines.
const CLUSTER: (&str, usize) =
    (concat!(include_str!("../walk/words.sh"), include_str!("../walk/cluster.sh")), 6);
/// Services, tasks, secrets, configs and stacks, on three managers and two workers.
const SERVICE: (&str, usize) =
    (concat!(include_str!("../walk/words.sh"), include_str!("../walk/service.sh")), 5);

/// Runs a walk with what is in `first` before all other programs, and does to the machines what it asks for.
fn walk((walk, machines): (&str, usize), first: Option<&Path>) {
    let lan = Lan::new(machines);
    let mut daemons: Vec<Daemon> = lan.hosts.iter().map(|host| Daemon::start_in(host, &[])).collect();
    daemons.iter().for_each(Daemon::load_images);
    let dir = tempfile::tempdir().expect("a directory");
    authority(dir.path());
    let script = dir.path().join("script");
    std::fs::write(&script, walk).expect("the script");
    let path = std::env::var("PATH").expect("a path");
    let path = first.map_or(path.clone(), |first| format!("{}:{path}", first.display()));
    let sockets: Vec<String> =
        daemons.iter().map(|daemon| daemon.path("sock").display().to_string()).collect();
    let mut walk = Command::new("bash")
        .arg(script)
        .env("PATH", path)
        .env("SOCKETS", sockets.join(" "))
        .env("ROOT", dir.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .spawn()
        .expect("bash starts");
    let mut answers = walk.stdin.take().expect("is piped");
    for line in BufReader::new(walk.stdout.take().expect("is piped")).lines() {
        obey(&mut daemons, &line.expect("a request"));
        writeln!(answers, "done").expect("the walk goes on");
    }
    assert!(walk.wait().expect("the walk ends").success(), "see above what was not as it should be");
}

/// Does what the walk asks for: `kill 2`, `start 2`, counted from one.
fn obey(daemons: &mut [Daemon], request: &str) {
    let (what, number) = request.split_once(' ').expect("a verb and a number");
    let index: usize = number.parse().expect("a number");
    let daemon = &mut daemons[index - 1];
    match what {
        "kill" => daemon.kill(),
        "start" => daemon.restart(),
        other => panic!("the walk asks for {other}"),
    }
}

/// An authority for a swarm: its certificate and key.
fn authority(dir: &Path) {
    let key = KeyPair::generate_for(&PKCS_ECDSA_P256_SHA256).expect("a key");
    let mut params = CertificateParams::default();
    params.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    let certificate = params.self_signed(&key).expect("a certificate");
    std::fs::write(dir.join("root.pem"), certificate.pem()).expect("writes");
    std::fs::write(dir.join("root.key"), key.serialize_pem()).expect("writes");
}

/// As [`walk`], where what the walk calls `docker` is ours.
fn walk_as_shoal(script: (&str, usize)) {
    let dir = tempfile::tempdir().expect("a directory");
    let shoal = testkit::program::programs().join("shoal").canonicalize().expect("the program");
    std::os::unix::fs::symlink(shoal, dir.path().join("docker")).expect("a link");
    walk(script, Some(dir.path()));
}

#[test]
fn the_docker_client_walks_over_every_swarm_and_node_command() {
    walk(CLUSTER, None);
}

#[test]
fn shoal_walks_over_every_swarm_and_node_command() {
    walk_as_shoal(CLUSTER);
}

#[test]
fn the_docker_client_walks_over_every_service_secret_config_and_stack_command() {
    walk(SERVICE, None);
}

#[test]
fn shoal_walks_over_every_service_secret_and_config_command() {
    walk_as_shoal(SERVICE);
}
