//! Published ports of SCTP: the rules everywhere, the traffic where the kernel speaks it.

use std::io;
use std::net::{SocketAddr, TcpListener};

use serde_json::Value;
use testkit::http::{answer_once, fetch_over};
use testkit::image::import_busybox;
use testkit::namespace::inside_process;
use testkit::program::run;
use testkit::{Daemon, Lan, eventually, not_tested, sctp};

/// The protocol's number, as it stands in the rules.
const SCTP: i32 = nix::libc::IPPROTO_SCTP;

/// The host's addresses of IPv6, by its place in the network.
fn address6(index: usize) -> String {
    format!("fd88::{}", index + 1)
}

fn at(address: &str, port: u16) -> SocketAddr {
    SocketAddr::new(address.parse().expect("an address"), port)
}

/// A machine, and another outside of it, in both families; and two containers of one network.
struct Bed {
    lan: Lan,
    daemon: Daemon,
}

impl Bed {
    fn new() -> Bed {
        let lan = Lan::new(2);
        for (index, host) in lan.hosts.iter().enumerate() {
            host.ip(&["addr", "add", &format!("{}/64", address6(index)), "dev", "eth0", "nodad"]);
        }
        let daemon = Daemon::start_in(&lan.hosts[0], &[]);
        import_busybox(&daemon);
        daemon.docker(&["network", "create", "--ipv6", "one"]).ok();
        for container in [&["--name", "web", "-p", "9900:99/sctp"][..], &["--name", "neighbour"]] {
            let run = [&["run", "-d", "--network", "one"], container, &["busybox", "sleep", "1000"]];
            daemon.docker(&run.concat()).ok();
        }
        Bed { lan, daemon }
    }

    /// What the daemon tells of a container: its process, and its place in the network.
    fn inspect(&self, name: &str) -> (String, Value) {
        let shown = self.daemon.get(&format!("/containers/{name}/json"));
        (shown["State"]["Pid"].to_string(), shown["NetworkSettings"]["Networks"]["one"].clone())
    }

    fn rules(&self) -> String {
        run(self.lan.hosts[0].command("nft").args(["-n", "list", "ruleset"])).ok()
    }
}

/// One exchange with the server, from where `enter` leads; gives the address that the server saw.
fn caller(
    listener: &TcpListener,
    target: &str,
    port: u16,
    enter: impl FnOnce(&(dyn Fn() -> io::Result<String> + Sync)) -> io::Result<String>,
) -> String {
    let target = at(target, port);
    std::thread::scope(|scope| {
        let server = scope.spawn(|| answer_once(listener, "served"));
        let said = enter(&|| fetch_over(sctp::connect(target)?));
        assert_eq!(said.unwrap_or_else(|error| panic!("{target}: {error}")), "served");
        server.join().unwrap().unwrap().ip().to_string()
    })
}

#[test]
fn a_published_port_is_reachable_from_outside_and_from_a_neighbour() {
    let bed = Bed::new();
    let (outside, host) = (&bed.lan.hosts[1], &bed.lan.hosts[0]);
    let ((web, place), (neighbour, _)) = (bed.inspect("web"), bed.inspect("neighbour"));
    let (own, own6) = (place["IPAddress"].as_str().unwrap(), place["GlobalIPv6Address"].as_str().unwrap());
    let rules = bed.rules();
    for target in [format!("{SCTP} . 9900 : {own} . 99"), format!("{SCTP} . 9900 : {own6} . 99")] {
        assert!(rules.contains(&target), "{rules}");
    }
    let shown = bed.daemon.docker(&["port", "web"]).ok();
    assert_eq!(shown, "99/sctp -> 0.0.0.0:9900\n99/sctp -> [::]:9900");

    match inside_process(&web, || sctp::listen(at(own, 99))) {
        Ok(listener) => {
            let (shown, shown6) = (Lan::address(0), address6(0));
            let from_outside = caller(&listener, &shown, 9900, |ask| outside.inside(ask));
            assert_eq!(from_outside, Lan::address(1), "the client's own address");
            let from_host = caller(&listener, &shown, 9900, |ask| host.inside(ask));
            assert_eq!(from_host, shown, "the client's own address");
            caller(&listener, "127.0.0.1", 9900, |ask| host.inside(ask));
            caller(&listener, &shown, 9900, |ask| inside_process(&neighbour, ask));
            caller(&listener, own, 99, |ask| inside_process(&neighbour, ask));
            caller(&listener, &shown, 9900, |ask| inside_process(&web, ask));
            let listener = inside_process(&web, || sctp::listen(at(own6, 99))).unwrap();
            let from_outside = caller(&listener, &shown6, 9900, |ask| outside.inside(ask));
            assert_eq!(from_outside, address6(1), "the client's own address");
            caller(&listener, &shown6, 9900, |ask| inside_process(&neighbour, ask));
            let taken = host.inside(|| sctp::listen(at("0.0.0.0", 9900))).unwrap_err();
            assert_eq!(taken.kind(), io::ErrorKind::AddrInUse, "the host's port is held");
        }
        Err(error) => {
            assert_eq!(error.raw_os_error(), Some(nix::libc::EPROTONOSUPPORT), "{error}");
            not_tested("traffic over SCTP", &error.to_string());
        }
    }

    let again = ["run", "--rm", "-p", "9900:1/sctp", "busybox", "true"];
    let said = bed.daemon.docker(&again);
    assert!(said.err.contains("port is already allocated"), "{}", said.err);
    bed.daemon.shoal(&["rm", "-f", "web"]).ok();
    eventually("its rules go", || match bed.rules() {
        rules if rules.contains("9900") => Err(rules),
        _ => Ok(()),
    });
    bed.daemon.shoal(&again).ok();
}
