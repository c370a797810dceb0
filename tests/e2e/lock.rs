//! Locked managers, damaged logs, clusters of one made by force or of a backup.

use std::fs;
use std::io::Write;
use std::process::{Command, Stdio};

use testkit::{Daemon, Lan, eventually};

const LOCKED: &str = "Swarm is encrypted and needs to be unlocked before it can be used.";
const PASSPHRASE: &str = "correct horse battery staple";

fn daemon(lan: &Lan, index: usize) -> Daemon {
    let daemon = Daemon::start_in(&lan.hosts[index], &[]);
    daemon.load_images();
    daemon
}

fn state(daemon: &Daemon) -> String {
    daemon.docker(&["info", "--format", "{{.Swarm.LocalNodeState}}"]).ok()
}

fn running(daemon: &Daemon) -> Vec<String> {
    let ids = daemon
        .docker(&["ps", "-q", "--no-trunc", "--filter", "label=com.docker.swarm.service.name=web"])
        .ok();
    ids.lines().map(str::to_owned).collect()
}

fn web(daemon: &Daemon, replicas: usize) -> Vec<String> {
    let count = replicas.to_string();
    daemon
        .docker(&["service", "create", "--detach", "--name", "web", "--replicas", &count, "shoal/hello-http"])
        .ok();
    until_running(daemon, replicas)
}

fn until_running(daemon: &Daemon, count: usize) -> Vec<String> {
    eventually(&format!("{count} tasks run"), || {
        let ids = running(daemon);
        if ids.len() == count { Ok(ids) } else { Err(daemon.docker(&["service", "ps", "web"]).out) }
    })
}

/// `docker swarm unlock` with this key; what it says on failure.
fn unlock(daemon: &Daemon, key: &str) -> Result<(), String> {
    let mut child = Command::new("docker")
        .env_remove("DOCKER_HOST")
        .args(["-H", &daemon.host(), "swarm", "unlock"])
        .stdin(Stdio::piped())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .expect("docker starts");
    let mut stdin = child.stdin.take().expect("is piped");
    writeln!(stdin, "{key}").expect("writes");
    drop(stdin);
    let said = child.wait_with_output().expect("docker ends");
    if said.status.success() { Ok(()) } else { Err(String::from_utf8_lossy(&said.stderr).into_owned()) }
}

#[test]
fn a_locked_manager_runs_its_containers_and_waits_for_its_key() {
    let lan = Lan::new(1);
    let mut daemon = daemon(&lan, 0);
    let said = daemon.docker(&["swarm", "init", "--autolock", "--advertise-addr", &Lan::address(0)]).ok();
    let first = daemon.docker(&["swarm", "unlock-key", "-q"]).ok();
    assert!(first.starts_with("SWMKEY-1-") && said.contains(&first), "{said}");
    let containers = web(&daemon, 2);
    let key_file = daemon.path("data").join("swarm/key.pem");
    assert!(!fs::read_to_string(&key_file).expect("reads").contains("PRIVATE KEY"));

    daemon.kill();
    daemon.restart();
    assert_eq!(state(&daemon), "locked");
    assert_eq!(running(&daemon), containers, "its containers run on");
    for args in [&["node", "ls"][..], &["service", "ls"], &["swarm", "join-token", "worker"]] {
        let said = daemon.docker(args);
        assert!(said.code != 0 && said.err.contains(LOCKED), "{args:?}: {}", said.err);
    }
    let said = daemon.docker(&["swarm", "leave"]);
    assert!(said.err.contains("Please unlock it first or use `--force`"), "{}", said.err);
    let other = "SWMKEY-1-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";
    for wrong in [other, "nonsense"] {
        assert!(unlock(&daemon, wrong).expect_err("is refused").contains("invalid key"));
    }
    unlock(&daemon, &first).expect("unlocks");
    assert_eq!(state(&daemon), "active");
    assert!(unlock(&daemon, &first).expect_err("is refused").contains("swarm is not locked"));
    assert_eq!(until_running(&daemon, 2), containers, "none was started anew");

    daemon.docker(&["swarm", "unlock-key", "--rotate"]).ok();
    let second = daemon.docker(&["swarm", "unlock-key", "-q"]).ok();
    assert_ne!(first, second);
    daemon.kill();
    daemon.restart();
    assert!(unlock(&daemon, &first).expect_err("is rotated").contains("invalid key"));
    let mut shoal = daemon.command(&["swarm", "unlock"]);
    let mut child = shoal.stdin(Stdio::piped()).spawn().expect("shoal starts");
    writeln!(child.stdin.take().expect("is piped"), "{second}").expect("writes");
    assert!(child.wait().expect("shoal ends").success());

    daemon.docker(&["swarm", "update", "--autolock=false"]).ok();
    eventually("the node's key lies open", || {
        let text = fs::read_to_string(&key_file).expect("reads");
        if text.contains("PRIVATE KEY") { Ok(()) } else { Err("not yet") }
    });
    let said = daemon.docker(&["swarm", "unlock-key"]);
    assert!(said.code != 0 && said.err.contains("no unlock key is set"), "{}", said.err);
    daemon.kill();
    daemon.restart();
    assert_eq!(state(&daemon), "active");
    let shown = daemon.docker(&["swarm", "update", "--autolock=true"]).ok();
    assert!(shown.contains("SWMKEY-1-"));
    daemon.stop();
    daemon.restart();
    assert_eq!(state(&daemon), "locked");
    daemon.docker(&["swarm", "leave", "--force"]).ok();
    assert_eq!((state(&daemon).as_str(), running(&daemon).len()), ("inactive", 0));
}

#[test]
fn a_damaged_log_is_told_and_given_up_by_force_alone() {
    let lan = Lan::new(1);
    let mut daemon = daemon(&lan, 0);
    daemon.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    let containers = web(&daemon, 2);
    let raft = daemon.path("data").join("swarm/manager/raft");
    daemon.stop();
    let older = fs::read(raft.join("raft.redb")).expect("reads");
    daemon.restart();
    daemon.docker(&["service", "create", "--detach", "--name", "late", "shoal/hello-http"]).ok();
    daemon.stop();
    fs::write(raft.join("raft.redb"), older).expect("writes");
    daemon.restart();
    assert_eq!(state(&daemon), "error");
    let error = daemon.docker(&["info", "--format", "{{.Swarm.Error}}"]).ok();
    assert!(error.contains("raft.redb") && error.contains("was acknowledged"), "{error}");
    assert!(containers.iter().all(|id| running(&daemon).contains(id)), "its containers run on");
    assert!(daemon.docker(&["service", "ls"]).err.contains("was acknowledged"));
    assert!(daemon.docker(&["swarm", "init"]).err.contains("already part of a swarm"));

    daemon.docker(&["swarm", "init", "--force-new-cluster", "--advertise-addr", &Lan::address(0)]).ok();
    assert_eq!(daemon.docker(&["service", "ls", "--format", "{{.Name}}"]).ok(), "web");
    assert_eq!(until_running(&daemon, 2), containers);
}

#[test]
fn a_cluster_goes_on_by_force_with_its_worker() {
    let lan = Lan::new(2);
    let (manager, worker) = (daemon(&lan, 0), daemon(&lan, 1));
    manager.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    let token = manager.docker(&["swarm", "join-token", "-q", "worker"]).ok();
    worker.docker(&["swarm", "join", "--token", &token, &format!("{}:2377", Lan::address(0))]).ok();
    let ready = || {
        eventually("two nodes are ready", || {
            let said = manager.docker(&["node", "ls", "--format", "{{.Status}}"]).ok();
            if said.matches("Ready").count() == 2 { Ok(()) } else { Err(said) }
        });
    };
    ready();
    manager
        .docker(&["service", "create", "--detach", "--name", "web", "--replicas", "4", "shoal/hello-http"])
        .ok();
    let both = || (running(&manager), running(&worker));
    eventually("both run two each", || {
        let (here, there) = both();
        if (here.len(), there.len()) == (2, 2) {
            Ok(())
        } else {
            Err(format!("{} {}", here.len(), there.len()))
        }
    });
    let before = both();
    manager.docker(&["swarm", "init", "--force-new-cluster", "--advertise-addr", &Lan::address(0)]).ok();
    ready();
    assert_eq!(manager.docker(&["swarm", "join-token", "-q", "worker"]).ok(), token);
    assert_eq!(both(), before, "no container was touched");
    manager.docker(&["service", "scale", "--detach", "web=6"]).ok();
    eventually("three each", || {
        let (here, there) = both();
        if (here.len(), there.len()) == (3, 3) {
            Ok(())
        } else {
            Err(format!("{} {}", here.len(), there.len()))
        }
    });
}

/// The quorum is lost for good: a follower goes on with all that was acknowledged, and whoever returns later works for it.
#[test]
fn a_follower_goes_on_by_force_without_the_others() {
    let lan = Lan::new(3);
    let mut managers: Vec<Daemon> = (0..3).map(|index| daemon(&lan, index)).collect();
    managers[0].docker(&["swarm", "init", "--autolock", "--advertise-addr", &Lan::address(0)]).ok();
    let key = managers[0].docker(&["swarm", "unlock-key", "-q"]).ok();
    let token = managers[0].docker(&["swarm", "join-token", "-q", "manager"]).ok();
    for manager in &managers[1..] {
        manager.docker(&["swarm", "join", "--token", &token, &format!("{}:2377", Lan::address(0))]).ok();
        let key_file = manager.path("data").join("swarm/key.pem");
        eventually("a manager that has joined locks its keys", || {
            let text = fs::read_to_string(&key_file).map_err(|error| error.to_string())?;
            if text.contains("PRIVATE KEY") { Err(text) } else { Ok(()) }
        });
    }
    eventually("all three manage", || {
        let said = managers[0].docker(&["node", "ls", "--format", "{{.ManagerStatus}}"]).ok();
        if said.matches("Reachable").count() == 2 { Ok(()) } else { Err(said) }
    });
    managers[0]
        .docker(&["service", "create", "--detach", "--name", "web", "--replicas", "3", "shoal/hello-http"])
        .ok();
    managers[0].crash();
    managers[2].crash();

    let address = Lan::address(1);
    let force = ["swarm", "init", "--force-new-cluster", "--advertise-addr", &address];
    let survivor = managers[1].docker(&["info", "--format", "{{.Swarm.NodeID}}"]).ok();
    assert_eq!(managers[1].docker(&force).code, 0, "{}", managers[1].log());
    assert_eq!(managers[1].docker(&["info", "--format", "{{.Swarm.NodeID}}"]).ok(), survivor);
    assert_eq!(managers[1].docker(&["swarm", "join-token", "-q", "manager"]).ok(), token);
    until_running(&managers[1], 3);
    managers[1].kill();
    managers[1].restart();
    unlock(&managers[1], &key).expect("the lock is the one it was");

    managers[2].restart();
    assert_eq!(state(&managers[2]), "locked");
    unlock(&managers[2], &key).expect("unlocks");
    eventually("the manager that returns is a worker", || {
        let said = managers[1].docker(&["node", "ls", "--format", "{{.Status}}{{.ManagerStatus}};"]).ok();
        let there = managers[2].docker(&["info", "--format", "{{.Swarm.ControlAvailable}}"]).ok();
        let is_so = said.contains("Ready;") && said.contains("ReadyLeader;") && there == "false";
        if is_so { Ok(()) } else { Err(format!("{said} {there}")) }
    });
}

#[test]
fn a_backup_is_restored_on_another_machine() {
    let lan = Lan::new(2);
    let (mut lost, fresh) = (daemon(&lan, 0), daemon(&lan, 1));
    lost.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    web(&lost, 2);
    let token = lost.docker(&["swarm", "join-token", "-q", "worker"]).ok();
    let directory = tempfile::tempdir().expect("a temporary directory");
    let passphrase = directory.path().join("passphrase");
    fs::write(&passphrase, format!("{PASSPHRASE}\n")).expect("writes");
    let passphrase = passphrase.to_str().expect("a path");
    let to = directory.path().join("backups");
    let to = to.to_str().expect("a path");
    let backup = ["swarm", "backup", "--to", to, "--keep", "1", "--passphrase-file", passphrase];
    lost.shoal(&backup).ok();
    let file = lost.shoal(&backup).ok();
    assert_eq!(fs::read_dir(to).expect("lists").count(), 1, "one is kept");
    lost.crash();

    let restore = |from: &str| {
        let address = Lan::address(1);
        fresh.shoal(&[
            "swarm",
            "restore",
            "--passphrase-file",
            passphrase,
            "--advertise-addr",
            &address,
            from,
        ])
    };
    assert!(restore(passphrase).err.contains("no backup of a swarm"));
    assert_eq!(state(&fresh), "inactive");
    let said = restore(&file).ok();
    assert!(said.contains("only manager"), "{said}");
    assert_eq!(fresh.docker(&["swarm", "join-token", "-q", "worker"]).ok(), token);
    // The tasks of the machine that is lost run here.
    until_running(&fresh, 2);
    eventually("the lost manager is down", || {
        let said = fresh.docker(&["node", "ls", "--format", "{{.Status}} {{.ManagerStatus}}"]).ok();
        if said.contains("Down") && said.contains("Ready Leader") { Ok(()) } else { Err(said) }
    });
}
