//! The default bridge and published ports, from every side.

use std::net::{TcpListener, UdpSocket};
use std::time::Duration;

use testkit::http::{answer_once, fetch};
use testkit::{Daemon, Lan, Namespace, eventually};

/// What a container runs to tell who it is, on port 80.
pub(crate) const SERVE: &str = "echo $HOSTNAME > /www/index.html; exec httpd -f -p 80 -h /www";

/// What a container runs to fetch a page. Not wget: Debian's static busybox dies in its name lookup.
pub(crate) fn fetch_line(address: &str, port: u16) -> String {
    format!("printf 'GET / HTTP/1.0\\r\\n\\r\\n' | nc -w 3 {address} {port} | tail -n 1")
}

/// Fetches the page at `address` on the machine `from`.
pub(crate) fn fetch_from(from: &Namespace, address: &str) -> std::io::Result<String> {
    let address = address.parse().expect("an address");
    from.inside(|| fetch(address))
}

#[test]
fn a_published_port_is_reachable_from_everywhere() {
    let lan = Lan::new(2);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    let name = daemon.docker(&["run", "-d", "-p", "8080:80", "busybox", "sh", "-c", SERVE]).ok();
    let name = &name[..12];
    let address = Lan::address(0);
    for (from, address) in [
        (0, "127.0.0.1:8080".to_owned()),
        (0, "[::1]:8080".to_owned()),
        (0, format!("{address}:8080")),
        (1, format!("{address}:8080")),
    ] {
        let host = eventually(&format!("{address} from {from}"), || fetch_from(&lan.hosts[from], &address));
        assert_eq!(host, name);
    }
    let line = fetch_line(&address, 8080);
    let other = daemon.docker(&["run", "--rm", "busybox", "sh", "-c", &line]).ok();
    assert_eq!(other, name, "from another container");
    let namespace = format!("container:{name}");
    let own = daemon.shoal(&["run", "--rm", "--network", &namespace, "busybox", "sh", "-c", &line]).ok();
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
    eventually("from loopback", || fetch_from(&lan.hosts[0], "127.0.0.1:8080"));
    let address = format!("{}:8080", Lan::address(0));
    for from in &lan.hosts {
        assert!(fetch_from(from, &address).is_err(), "the port is open on another address");
    }
}

#[test]
fn udp_reaches_a_published_port() {
    let lan = Lan::new(2);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    let id = daemon.docker(&["run", "-d", "-p", "5353:80/udp", "shoal/hello-http"]).ok();
    for (from, target) in [(1, format!("{}:5353", Lan::address(0))), (0, "127.0.0.1:5353".to_owned())] {
        let answer = eventually(&format!("{target} answers"), || {
            lan.hosts[from].inside(|| {
                let socket = UdpSocket::bind("0.0.0.0:0")?;
                socket.set_read_timeout(Some(Duration::from_millis(200)))?;
                // Connected: an answer from any other address would not be taken.
                socket.connect(&target)?;
                socket.send(b"who?")?;
                let mut answer = [0; 64];
                let length = socket.recv(&mut answer)?;
                Ok::<_, std::io::Error>(String::from_utf8_lossy(&answer[..length]).into_owned())
            })
        });
        assert_eq!(answer.trim(), &id[..12]);
    }
}

#[test]
fn containers_reach_outside_masqueraded_and_each_other() {
    let lan = Lan::new(2);
    let daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    let listener = lan.hosts[1].inside(|| TcpListener::bind("0.0.0.0:7777")).unwrap();
    let line = fetch_line(&Lan::address(1), 7777);
    std::thread::scope(|scope| {
        let caller = scope.spawn(|| answer_once(&listener, "outside"));
        let said = daemon.docker(&["run", "--rm", "busybox", "sh", "-c", &line]);
        assert_eq!(said.out.trim(), "outside", "{}", said.err);
        let caller = caller.join().unwrap().unwrap();
        assert_eq!(caller.ip().to_string(), Lan::address(0), "masqueraded as the host");
    });
    let id = daemon.docker(&["run", "-d", "--name", "web", "busybox", "sh", "-c", SERVE]).ok();
    let ip = daemon.docker(&["inspect", "-f", "{{.NetworkSettings.Networks.bridge.IPAddress}}", "web"]).ok();
    let line = fetch_line(&ip, 80);
    eventually("a neighbour is reached", || {
        let said = daemon.docker(&["run", "--rm", "busybox", "sh", "-c", &line]);
        if said.out.trim() == &id[..12] { Ok(()) } else { Err(said.err) }
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

/// The places of a container, as it tells them itself and as the daemon does.
fn places(daemon: &Daemon, name: &str) -> String {
    let told = daemon.docker(&["inspect", "-f", "{{json .NetworkSettings.Networks}}", name]).ok();
    let own = daemon.docker(&["exec", name, "sh", "-c", "ip -o addr show; ip route; cat /etc/hosts"]).ok();
    format!("{told}\n{own}")
}

#[test]
fn a_killed_daemon_finds_networks_and_places_as_they_were() {
    let lan = Lan::new(1);
    let mut daemon = Daemon::start_in(&lan.hosts[0], &[]);
    daemon.load_images();
    let run = |args: &[&str]| daemon.docker(args).ok();
    run(&["network", "create", "--ipv6", "--subnet", "10.213.0.0/24", "--label", "a=b", "one"]);
    run(&["network", "create", "--internal", "two"]);
    run(&[
        "run",
        "-d",
        "--name",
        "web",
        "--network",
        "one",
        "--ip",
        "10.213.0.9",
        "-p",
        "8080:80",
        "busybox",
        "sh",
        "-c",
        SERVE,
    ]);
    run(&["network", "connect", "--alias", "www", "two", "web"]);
    run(&["run", "-d", "--name", "other", "--network", "two", "busybox", "sleep", "1000"]);
    let networks = run(&["network", "inspect", "one", "two"]);
    let before = (places(&daemon, "web"), places(&daemon, "other"));
    daemon.kill();
    // Names and ports do without the daemon.
    eventually("the port answers", || fetch_from(&lan.hosts[0], "127.0.0.1:8080"));
    daemon.restart();
    assert_eq!(daemon.docker(&["network", "inspect", "one", "two"]).ok(), networks);
    assert_eq!((places(&daemon, "web"), places(&daemon, "other")), before);
    let line = ["exec", "other", "nslookup", "www", "127.0.0.11"];
    let found = eventually("the alias is known", || match daemon.docker(&line) {
        said if said.code == 0 => Ok(said.out),
        said => Err(said.err),
    });
    let address =
        daemon.docker(&["inspect", "-f", "{{.NetworkSettings.Networks.two.IPAddress}}", "web"]).ok();
    assert!(found.contains(&address), "{found}");

    // What was disconnected before the daemon died stays so, and the addresses are free again.
    daemon.docker(&["network", "disconnect", "one", "web"]).ok();
    daemon.kill();
    daemon.restart();
    let names = "{{range $name, $_ := .NetworkSettings.Networks}}{{$name}}{{end}}";
    assert_eq!(daemon.docker(&["inspect", "-f", names, "web"]).ok(), "two");
    let again = ["run", "--rm", "--network", "one", "--ip", "10.213.0.9", "busybox", "true"];
    assert_eq!(daemon.docker(&again).code, 0);
    daemon.docker(&["rm", "-f", "web", "other"]).ok();
    daemon.docker(&["network", "rm", "one", "two"]).ok();
}
