//! `kill -9` at random moments: nothing that was acknowledged is lost.

use std::time::Duration;

use testkit::{Daemon, Lan, eventually};

/// Updates that are made.
const UPDATES: u32 = 200;
/// One in so many is followed by a kill.
const KILL_EVERY: u32 = 25;

#[test]
fn no_acknowledged_update_is_lost() {
    let lan = Lan::new(1);
    let mut daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    daemon.docker(&["swarm", "init", "--advertise-addr", &Lan::address(0)]).ok();
    daemon.docker(&["service", "create", "--name", "web", "--replicas", "2", "shoal/hello-http"]).ok();
    let containers = daemon.docker(&["ps", "-q", "--no-trunc"]).ok();
    let mut acknowledged = 0;
    for number in 1..=UPDATES {
        let value = format!("n={number}");
        let update = ["service", "update", "--detach", "--label-add", &value, "web"];
        if number % KILL_EVERY == 0 {
            // The update is under way when the daemon dies, at another point of it each time.
            let mut child = daemon
                .command(&update)
                .stdout(std::process::Stdio::null())
                .stderr(std::process::Stdio::null())
                .spawn()
                .unwrap();
            let mut moment = [0; 1];
            std::io::Read::read_exact(&mut std::fs::File::open("/dev/urandom").unwrap(), &mut moment)
                .unwrap();
            std::thread::sleep(Duration::from_micros(u64::from(moment[0]) * 40));
            daemon.kill();
            if child.wait().unwrap().success() {
                acknowledged = number;
            }
            daemon.restart();
            let stored = eventually("the manager is back", || label(&daemon));
            assert!(stored >= acknowledged, "{stored} is stored, {acknowledged} was acknowledged");
        } else {
            daemon.shoal(&update).ok();
            acknowledged = number;
        }
    }
    // The last one may have died unacknowledged; nothing before it may be missing.
    let stored = eventually("the label is read", || label(&daemon));
    assert!(
        (acknowledged..=UPDATES).contains(&stored),
        "{stored} is stored, {acknowledged} was acknowledged"
    );
    assert_eq!(
        daemon.docker(&["ps", "-q", "--no-trunc"]).ok(),
        containers,
        "the tasks were adopted each time"
    );
}

/// The number in the service's label; the service is there whenever the manager answers.
fn label(daemon: &Daemon) -> Result<u32, String> {
    let said = daemon.shoal(&["service", "inspect", "--format", "{{.Spec.Labels.n}}", "web"]);
    assert!(!said.err.contains("o such service"), "the service is lost: {}", said.err);
    said.out.trim().parse().map_err(|_| said.err + &said.out)
}
