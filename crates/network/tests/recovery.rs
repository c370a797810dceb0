//! Crashes, restarts and hostile hands: what is derived from state comes back.

mod testbed;

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::fs::PermissionsExt;

use network::hold::{Answer, Request, SOCKET_NAME};
use network::{IngressPort, Protocol};
use testbed::{
    HOST_IP, HOST_IP6, Host, OUTSIDE_IP, OUTSIDE_IP6, allocate, block_on, create, eventually, gateway, ip,
    live, publish, start, start_on,
};

#[test]
fn a_reopened_network_adopts_the_living_and_drops_the_rest() {
    let host = Host::new();
    let first = host.open();
    let (live, live_endpoint) = start(&first, "live", vec![publish(Protocol::Tcp, 8080, 80)]);
    let (_dead, dead_endpoint) = start(&first, "dead", vec![publish(Protocol::Tcp, 8081, 80)]);
    live.namespace.serve_tcp(80, "live");
    drop(first);
    // While the daemon is away, ports answer.
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some());
    assert!(host.namespace.ask_tcp((Ipv6Addr::LOCALHOST, 8080)).is_some());

    let second = host.open_with(host.config(), vec![live_endpoint.clone()]).unwrap();
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("live {OUTSIDE_IP}"));
    let links = host.namespace.ip(&["-o", "link"]);
    assert!(links.contains(&live_endpoint.host_interface), "{links}");
    assert!(!links.contains(&dead_endpoint.host_interface), "{links}");
    let rules = host.rules().unwrap();
    assert!(!rules.contains(&ip(&dead_endpoint).to_string()), "{rules}");
    assert!(!host.namespace.run("ss", &["-Hlnt"]).contains(":8081"));

    let (_next, next) = start(&second, "next", vec![publish(Protocol::Tcp, 8081, 80)]);
    assert_ne!(ip(&next), ip(&live_endpoint), "a living container's address is not given again");
    assert_eq!(gateway(&next), gateway(&live_endpoint));
    block_on(second.detach(&live.id)).unwrap();
    eventually("the port is closed", || host.outside.ask_tcp((HOST_IP, 8080)).is_none().then_some(()));
}

#[test]
fn balanced_ports_outlive_the_daemon() {
    let host = Host::new();
    let first = host.open();
    let (one, endpoint) = start(&first, "one", Vec::new());
    one.namespace.serve_tcp(80, "one");
    let port =
        IngressPort { protocol: Protocol::Tcp, published_port: 8000, backends: vec![(ip(&endpoint), 80)] };
    block_on(first.set_ingress(vec![port.clone()])).unwrap();
    drop(first);
    let second = host.open_with(host.config(), vec![endpoint]).unwrap();
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8000)).unwrap(), format!("one {OUTSIDE_IP}"));
    block_on(second.set_ingress(vec![port])).expect("the same state again is no change");
    block_on(second.set_ingress(Vec::new())).unwrap();
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8000)), None);
}

#[test]
fn what_is_torn_down_by_hand_comes_back() {
    let host = Host::new();
    let network = host.open();
    let (one, _) = start(&network, "one", vec![publish(Protocol::Tcp, 8080, 80)]);
    one.namespace.serve_tcp(80, "one");
    let direct = format!("one {OUTSIDE_IP}");

    host.namespace.run("nft", &["flush", "ruleset"]);
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some(), "the proxy fills the gap");
    block_on(network.reconcile()).unwrap();
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).as_ref(), Some(&direct), "rules are back");

    host.namespace.ip(&["link", "del", "shoal0"]);
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None);
    block_on(network.reconcile()).unwrap();
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).as_ref(), Some(&direct), "the bridge is back");

    assert!(matches!(host.ask_keeper(&Request::Stop), Some(Answer::Done)));
    eventually("shoal-net is gone", || host.ask_keeper(&Request::List).is_none().then_some(()));
    block_on(network.reconcile()).unwrap();
    let Some(Answer::Holds(holds)) = host.ask_keeper(&Request::List) else { panic!("shoal-net is back") };
    assert_eq!(holds.len(), 2);
}

#[test]
fn a_lost_table_does_not_fail_the_next_container() {
    let host = Host::new();
    let network = host.open();
    host.namespace.run("nft", &["flush", "ruleset"]);
    let (one, _) = start(&network, "one", vec![publish(Protocol::Tcp, 8080, 80)]);
    one.namespace.serve_tcp(80, "one");
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("one {OUTSIDE_IP}"));
}

#[test]
fn two_daemons_live_side_by_side() {
    let host = Host::new();
    let network = host.open();
    let other_root = tempfile::tempdir().unwrap();
    let mut config =
        network::NetworkConfig::new("other", other_root.path().to_owned(), host.config().libexec);
    config.userland_proxy = true;
    let other = host.open_with(config, Vec::new()).unwrap();
    let (one, one_endpoint) = start(&network, "one", vec![publish(Protocol::Tcp, 8080, 80)]);
    let (two, two_endpoint) = start(&other, "two", vec![publish(Protocol::Tcp, 8081, 80)]);
    one.namespace.serve_tcp(80, "one");
    two.namespace.serve_tcp(80, "two");
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("one {OUTSIDE_IP}"));
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8081)).unwrap(), format!("two {OUTSIDE_IP}"));
    assert!(one.namespace.ask_tcp((HOST_IP, 8081)).is_some(), "across, by the published port");
    assert_eq!(one.namespace.ask_tcp((ip(&two_endpoint), 80)), None, "but not by the address");
    assert_ne!(gateway(&one_endpoint), gateway(&two_endpoint));

    let third = testbed::Container::new("third");
    let wanted = testbed::request(&third, vec![publish(Protocol::Tcp, 8080, 80)]);
    let text = allocate(&other, wanted).unwrap_err().to_string();
    assert!(text.ends_with("address already in use"), "{text}");
    // A restart of one leaves the other's table and interfaces alone.
    drop(other);
    drop(network);
    let network = host.open_with(host.config(), vec![one_endpoint]).unwrap();
    assert!(host.outside.ask_tcp((HOST_IP, 8081)).is_some());
    drop(network);
    testbed::ask_keeper(other_root.path(), &Request::Stop);
}

#[test]
fn shoal_net_exists_only_when_needed_and_is_the_daemons_alone() {
    let host = Host::new();
    let network = host.open();
    let (_one, _) = start(&network, "one", Vec::new());
    assert!(host.ask_keeper(&Request::List).is_none(), "nothing is held, nothing runs");
    let (_two, _) = start(&network, "two", vec![publish(Protocol::Tcp, 8080, 80)]);
    let mode = std::fs::metadata(host.root.path().join(SOCKET_NAME)).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o600);
}

#[test]
fn a_configuration_that_cannot_work_is_refused() {
    let host = Host::new();
    let mut config = host.config();
    config.bridge.name = "a-name-much-too-long".to_owned();
    let text = host.open_with(config, Vec::new()).err().unwrap().to_string();
    assert!(text.contains("a-name-much-too-long"), "{text}");
    let mut config = host.config();
    config.bridge.name = "wire".to_owned();
    let text = host.open_with(config, Vec::new()).err().unwrap().to_string();
    assert_eq!(text, "interface wire exists and is not a bridge");
    let mut config = host.config();
    config.bridge.bip = Some("10.1.0.1/24".parse().unwrap());
    config.bridge.fixed_cidr = Some("10.2.0.0/25".parse().unwrap());
    let text = host.open_with(config, Vec::new()).err().unwrap().to_string();
    assert!(text.contains("10.2.0.0/25"), "{text}");
    assert_eq!(host.namespace.ask_tcp((Ipv4Addr::LOCALHOST, 1)), None);
}

#[test]
fn a_new_bip_moves_the_bridge_and_other_addresses_of_it_stay() {
    let host = Host::new();
    drop(host.open());
    let addresses = || host.namespace.ip(&["-4", "-o", "addr", "show", "dev", "shoal0"]);
    assert!(addresses().contains("172.17.0.1/16"), "{}", addresses());
    let mut config = host.config();
    config.bridge.bip = Some("10.78.0.1/24".parse().unwrap());
    drop(host.open_with(config.clone(), Vec::new()).unwrap());
    assert!(addresses().contains("10.78.0.1/24") && !addresses().contains("172.17.0.1"), "{}", addresses());
    host.namespace.ip(&["addr", "add", "10.79.0.1/24", "dev", "shoal0"]);
    drop(host.open_with(config, Vec::new()).unwrap());
    assert!(addresses().contains("10.78.0.1/24") && addresses().contains("10.79.0.1/24"), "{}", addresses());
}

#[test]
fn networks_outlive_the_daemon_and_those_it_forgot_go() {
    let host = Host::new();
    let network = host.open();
    let kept = create(&network, "kept", |request| request.enable_ipv6 = Some(true)).unwrap();
    let forgotten = create(&network, "forgotten", |_| {}).unwrap();
    let ports = [publish(Protocol::Tcp, 8080, 80)];
    let (a, at) = start_on(&network, "a", &["kept"], &ports);
    a.namespace.serve_tcp(80, "a");
    let endpoint = at[0].clone();
    let stream = host.outside.enter(|| std::net::TcpStream::connect((HOST_IP6, 8080))).unwrap();
    drop(network);

    let network = host.reopen(vec![kept.clone()], vec![live(&a, &at)]).unwrap();
    let links = host.namespace.ip(&["-o", "link"]);
    assert!(links.contains(&kept.interface) && !links.contains(&forgotten.interface), "{links}");
    assert!(links.contains(&endpoint.host_interface), "{links}");
    assert_eq!(block_on(network.find("kept")).unwrap(), kept);
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some());
    assert!(host.outside.ask_tcp((HOST_IP6, 8080)).is_some());
    assert!(!testbed::read_all(stream).is_empty(), "a flow lives on");
    let (_b, next) = start_on(&network, "b", &["kept"], &[]);
    assert_ne!(
        testbed::ip6(&next[0]),
        testbed::ip6(&endpoint),
        "a living container's address is not given again"
    );
    let again = create(&network, "again", |_| {}).unwrap();
    assert_eq!(again.subnets[0].subnet, forgotten.subnets[0].subnet, "what was forgotten is free");
}

#[test]
fn whatever_is_torn_down_is_back_within_five_seconds() {
    let host = Host::new();
    let network = host.open();
    let record = create(&network, "one", |request| request.enable_ipv6 = Some(true)).unwrap();
    let ports = [publish(Protocol::Tcp, 8080, 80), publish(Protocol::Udp, 5353, 53)];
    let (a, at) = start_on(&network, "a", &["one", "bridge"], &ports);
    let (b, _) = start_on(&network, "b", &["one"], &[]);
    a.namespace.serve_tcp(80, "a");
    let target = testbed::ip6(&at[0]);
    let bridge = record.interface.as_str();
    let veth = at[0].host_interface.as_str();
    let gateway = record.subnets[1].gateway.unwrap().to_string() + "/64";
    for subnet in &record.subnets {
        let via: std::net::IpAddr = if subnet.subnet.is_ipv4() { HOST_IP.into() } else { HOST_IP6.into() };
        host.outside.ip(&["route", "add", &subnet.subnet.to_string(), "via", &via.to_string()]);
    }
    let held = host.outside.enter(|| std::net::TcpStream::connect((HOST_IP, 8080))).unwrap();
    let ip_link = |arguments: &[&str]| drop(host.namespace.ip(arguments));
    let nft = |arguments: &[&str]| drop(host.namespace.run("nft", arguments));
    type Damage<'d> = (&'d str, Box<dyn Fn() + 'd>);
    let damages: Vec<Damage<'_>> = vec![
        ("veth", Box::new(|| ip_link(&["link", "del", veth]))),
        ("veth down", Box::new(|| ip_link(&["link", "set", veth, "down"]))),
        ("veth off its bridge", Box::new(|| ip_link(&["link", "set", veth, "nomaster"]))),
        ("bridge", Box::new(|| ip_link(&["link", "del", bridge]))),
        ("bridge down", Box::new(|| ip_link(&["link", "set", bridge, "down"]))),
        ("bridge's address", Box::new(|| ip_link(&["addr", "del", &gateway, "dev", bridge]))),
        ("ruleset", Box::new(|| nft(&["flush", "ruleset"]))),
        ("rules", Box::new(|| nft(&["flush", "table", "inet", "shoal"]))),
        ("a map", Box::new(|| nft(&["flush", "map", "inet", "shoal", "ports6_any"]))),
    ];
    for (what, damage) in damages {
        damage();
        let end = std::time::Instant::now() + std::time::Duration::from_secs(5);
        let is_whole = || {
            // By the rules, which keep the client's address, and not by the proxy.
            host.outside.ask_tcp((HOST_IP6, 8080)) == Some(format!("a {OUTSIDE_IP6}"))
                && b.namespace.ask_tcp((target, 80)).is_some()
                && host.outside.ask_tcp((testbed::ip(&at[0]), 80)).is_none()
                && host.rules().is_some_and(|rules| rules.contains("udp . 5353"))
        };
        testbed::eventually(what, || is_whole().then_some(()));
        let late = std::time::Instant::now().saturating_duration_since(end);
        assert!(late.is_zero(), "{what}: {late:?} too late");
    }
    assert!(!testbed::read_all(held).is_empty(), "a flow lives on through all of it");
    assert!(matches!(host.ask_keeper(&Request::Stop), Some(Answer::Done)));
    eventually("the ports are held again", || match host.ask_keeper(&Request::List) {
        Some(Answer::Holds(holds)) if holds.len() == 4 => Some(()),
        _ => None,
    });
}
