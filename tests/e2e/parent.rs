//! Networks on top of an interface of the machine: macvlan and ipvlan, where the kernel has them, or told by name.

use testkit::image::import_busybox;
use testkit::program::run;
use testkit::{Daemon, Lan, Namespace, eventually, not_tested};

use crate::network::{SERVE, fetch_from, fetch_line};

/// Whether the kernel can make such an interface at all.
fn has(host: &Namespace, driver: &str) -> bool {
    let probe = ["link", "add", "link", "eth0", "name", "probe", "type", driver];
    let made = run(host.command("ip").args(probe)).code == 0;
    if made {
        host.ip(&["link", "del", "probe"]);
    }
    made
}

/// Makes a network with a parent, or checks how its lack is told.
fn create(daemon: &Daemon, host: &Namespace, driver: &str, options: &[&str]) -> bool {
    let create = [&["network", "create", "-d", driver, "-o", "parent=eth0"], options, &["net"]].concat();
    let said = daemon.docker(&create);
    if has(host, driver) {
        said.ok();
        return true;
    }
    let option = format!("CONFIG_{}", driver.to_uppercase());
    let wanted = format!("this kernel has no {driver}: it needs the option {option}");
    assert!(said.code == 1 && said.err.contains(&wanted), "{} {}", said.code, said.err);
    let left = daemon.docker(&["network", "ls", "-q", "-f", "name=net"]).ok();
    assert_eq!(left, "", "nothing half-made");
    not_tested(driver, &wanted);
    false
}

/// Starts a container that serves at `ip`, asks it from another at `other`, and gives its short id.
fn between(daemon: &Daemon, ip: &str, other: &str) -> String {
    let id = daemon
        .shoal(&["run", "-d", "--name", "web", "--network", "net", "--ip", ip, "busybox", "sh", "-c", SERVE])
        .ok();
    let line = fetch_line(ip, 80);
    eventually(&format!("{ip} from {other}"), || {
        let ask = ["run", "--rm", "--network", "net", "--ip", other, "busybox", "sh", "-c", &line];
        let said = daemon.shoal(&ask);
        if said.out.trim() == &id[..12] { Ok(()) } else { Err(format!("{} {}", said.out, said.err)) }
    });
    id[..12].to_owned()
}

/// Removes what is there, so that the parent is free again.
fn remove(daemon: &Daemon) {
    for path in ["/containers/web?force=1", "/networks/net"] {
        let (status, said) = daemon.request("DELETE", path);
        assert_eq!(status, 204, "{path}: {said}");
    }
}

/// One daemon for all: a start is expensive where these kernels are emulated.
#[test]
fn containers_are_on_the_wire_of_a_parent_or_routed_to_behind_it() {
    let lan = Lan::new(2);
    let (host, outside) = (&lan.hosts[0], &lan.hosts[1]);
    let daemon = Daemon::start_in(host, &[]);
    import_busybox(&daemon);
    let wire = ["--subnet", "10.88.0.0/24", "--ip-range", "10.88.0.128/25"];
    for driver in ["macvlan", "ipvlan"] {
        if create(&daemon, host, driver, &wire) {
            on_the_wire(&daemon, outside);
        }
    }
    let subnets = ["-o", "ipvlan_mode=l3", "--subnet", "10.77.1.0/24", "--subnet", "10.77.2.0/24"];
    if create(&daemon, host, "ipvlan", &subnets) {
        behind_the_parent(&daemon, outside);
    }
}

/// They are machines of the wire, as the parent is.
fn on_the_wire(daemon: &Daemon, outside: &Namespace) {
    let id = between(daemon, "10.88.0.130", "10.88.0.140");
    let said = eventually("from outside", || fetch_from(outside, "10.88.0.130:80"));
    assert_eq!(said, id);
    remove(daemon);
}

/// They are in other subnets than the wire, and find each other without a gateway.
fn behind_the_parent(daemon: &Daemon, outside: &Namespace) {
    let id = between(daemon, "10.77.1.5", "10.77.2.5");
    outside.ip(&["route", "add", "10.77.0.0/16", "via", &Lan::address(0)]);
    let said = eventually("from outside, by a route", || fetch_from(outside, "10.77.1.5:80"));
    assert_eq!(said, id);

    // While it runs it leaves and comes back, and its interface keeps its name.
    daemon.shoal(&["network", "disconnect", "net", "web"]).ok();
    let links = ["exec", "web", "ls", "/sys/class/net"];
    assert_eq!(daemon.shoal(&links).ok(), "lo");
    daemon.shoal(&["network", "connect", "--ip", "10.77.1.6", "net", "web"]).ok();
    assert_eq!(daemon.shoal(&links).ok(), "eth0\nlo");
    let said = eventually("from outside again", || fetch_from(outside, "10.77.1.6:80"));
    assert_eq!(said, id);
    remove(daemon);
}
