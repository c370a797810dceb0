//! The default bridge and published ports, from every side.

use testkit::{Daemon, Lan, eventually};

const SERVE: &str = "echo $HOSTNAME > /www/index.html; exec httpd -f -p 80 -h /www";

/// Fetches from inside a namespace (or here) with busybox's wget.
fn fetch(command: &mut std::process::Command, url: &str) -> Result<String, String> {
    let said = testkit::program::run(command.args(["wget", "-q", "-T", "2", "-O", "-", url]));
    if said.code == 0 { Ok(said.out.trim().to_owned()) } else { Err(said.err) }
}

#[test]
fn a_published_port_is_reachable_from_everywhere() {
    let lan = Lan::new(2);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    let name = daemon.docker(&["run", "-d", "-p", "8080:80", "busybox", "sh", "-c", SERVE]).ok();
    let name = &name[..12];
    let address = Lan::address(0);
    for (from, url) in [
        (0, "http://127.0.0.1:8080/".to_owned()),
        (0, "http://[::1]:8080/".to_owned()),
        (0, format!("http://{address}:8080/")),
        (1, format!("http://{address}:8080/")),
    ] {
        let host = eventually(&format!("{url} from {from}"), || {
            fetch(&mut lan.hosts[from].command("busybox"), &url)
        });
        assert_eq!(host, name);
    }
    let url = format!("http://{address}:8080/");
    let other = daemon.docker(&["run", "--rm", "busybox", "wget", "-q", "-T", "3", "-O", "-", &url]).ok();
    assert_eq!(other, name, "from another container");
    let own = daemon
        .shoal(&[
            "run",
            "--rm",
            "--network",
            &format!("container:{name}"),
            "busybox",
            "wget",
            "-q",
            "-T",
            "3",
            "-O",
            "-",
            &url,
        ])
        .ok();
    assert_eq!(own, name, "from itself");
    let said = daemon.docker(&["run", "--rm", "-p", "8080:80", "busybox", "true"]);
    assert!(said.err.contains("port is already allocated"), "{}", said.err);
}

#[test]
fn a_loopback_port_stays_on_loopback() {
    let lan = Lan::new(2);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    daemon.docker(&["run", "-d", "-p", "127.0.0.1:8080:80", "busybox", "sh", "-c", SERVE]).ok();
    eventually("from loopback", || fetch(&mut lan.hosts[0].command("busybox"), "http://127.0.0.1:8080/"));
    let url = format!("http://{}:8080/", Lan::address(0));
    assert!(fetch(&mut lan.hosts[1].command("busybox"), &url).is_err(), "a neighbour gets in by the address");
    // A neighbour that routes 127.0.0.1 to us over the wire.
    lan.hosts[1].ip(&[
        "route",
        "add",
        "table",
        "local",
        "127.0.0.9/32",
        "via",
        &Lan::address(0),
        "dev",
        "eth0",
    ]);
    assert!(fetch(&mut lan.hosts[1].command("busybox"), "http://127.0.0.9:8080/").is_err());
}

#[test]
fn udp_reaches_a_published_port() {
    let lan = Lan::new(2);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    daemon
        .docker(&["run", "-d", "--name", "u", "-p", "5353:53/udp", "busybox", "sh", "-c", "nc -u -l -p 53"])
        .ok();
    eventually("the datagram is in the log", || {
        let line = format!("echo datagram | nc -u -w 1 {} 5353", Lan::address(0));
        testkit::program::run(lan.hosts[1].command("busybox").args(["sh", "-c", &line]));
        let log = daemon.docker(&["logs", "u"]).ok();
        if log.contains("datagram") { Ok(()) } else { Err(log) }
    });
}

#[test]
fn containers_reach_outside_masqueraded_and_each_other() {
    let lan = Lan::new(2);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    let mut server = lan.hosts[1].command("busybox");
    let mut server = server.args(["nc", "-lk", "-p", "7777", "-e", "echo", "outside"]).spawn().unwrap();
    let address = Lan::address(1);
    eventually("outside is reached", || {
        let said = daemon.docker(&[
            "run",
            "--rm",
            "busybox",
            "sh",
            "-c",
            &format!("nc -w 2 {address} 7777 </dev/null"),
        ]);
        if said.out.contains("outside") { Ok(()) } else { Err(said.err) }
    });
    server.kill().unwrap();
    server.wait().unwrap();
    daemon.docker(&["run", "-d", "--name", "a", "busybox", "sh", "-c", SERVE]).ok();
    let ip = daemon.docker(&["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "a"]).ok();
    let url = format!("http://{ip}/");
    eventually("a neighbour is reached", || {
        let said = daemon.docker(&["run", "--rm", "busybox", "wget", "-q", "-T", "2", "-O", "-", &url]);
        if said.code == 0 { Ok(()) } else { Err(said.err) }
    });
}

#[test]
fn host_and_none() {
    let lan = Lan::new(1);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    let links = |network: &str| {
        daemon.docker(&["run", "--rm", "--network", network, "busybox", "ls", "/sys/class/net"]).ok()
    };
    assert!(links("host").contains("eth0"));
    assert_eq!(links("none"), "lo");
}
