//! The default bridge: containers reach each other and the outside, and nothing of a dead one stays.

mod testbed;

use std::net::Ipv4Addr;

use testbed::{
    Container, HOST_IP, Host, OUTSIDE_IP, allocate, attach, block_on, eventually, gateway, ip, request, start,
};

#[test]
fn containers_reach_each_other_and_the_outside_under_the_hosts_address() {
    let host = Host::new();
    let network = host.open();
    host.outside.serve_tcp(7000, "outside");
    let (one, _) = start(&network, "one", Vec::new());
    let (two, two_endpoint) = start(&network, "two", Vec::new());
    two.namespace.serve_tcp(7001, "two");

    let seen = one.namespace.ask_tcp((OUTSIDE_IP, 7000)).expect("the outside answers");
    assert_eq!(seen, format!("outside {HOST_IP}"), "traffic to the outside is masqueraded");
    let seen = one.namespace.ask_tcp((ip(&two_endpoint), 7001)).expect("the other container answers");
    assert!(!seen.contains(&HOST_IP.to_string()) && seen.starts_with("two 172."), "{seen}");
    let loopback = one.namespace.ip(&["link", "show", "lo"]);
    assert!(loopback.contains("UP"), "{loopback}");
}

#[test]
fn the_outside_cannot_reach_a_containers_own_address() {
    let host = Host::new();
    let network = host.open();
    let (one, endpoint) = start(&network, "one", Vec::new());
    one.namespace.serve_tcp(80, "one");
    host.outside.ip(&["route", "add", "172.17.0.0/16", "via", &HOST_IP.to_string()]);
    assert_eq!(host.outside.ask_tcp((ip(&endpoint), 80)), None);
    assert!(host.namespace.ask_tcp((ip(&endpoint), 80)).is_some(), "the host itself may");
}

#[test]
fn addresses_are_as_wished_or_next_and_conflicts_are_told() {
    let host = Host::new();
    let network = host.open();
    let (one, two) = (Container::new("one"), Container::new("two"));
    let wish = Ipv4Addr::new(172, 17, 9, 9);
    let mut wanted = request(&one, Vec::new());
    wanted.ipv4 = Some(wish);
    wanted.mac = Some("02:00:00:00:00:07".parse().unwrap());
    let endpoint = allocate(&network, wanted).unwrap();
    assert_eq!(ip(&endpoint), wish);
    attach(&network, &endpoint, &one).unwrap();
    let link = one.namespace.ip(&["link", "show", "eth0"]);
    assert!(link.contains("02:00:00:00:00:07"), "{link}");

    let mut wanted = request(&two, Vec::new());
    wanted.ipv4 = Some(wish);
    let error = allocate(&network, wanted.clone()).unwrap_err();
    assert_eq!(error.to_string(), "Address already in use");
    wanted.ipv4 = None;
    wanted.network = "nosuch".to_owned();
    let error = allocate(&network, wanted).unwrap_err();
    assert_eq!(error.to_string(), "network nosuch not found");
}

#[test]
fn a_failed_attach_leaves_no_interface() {
    let host = Host::new();
    let network = host.open();
    let container = Container::new("one");
    // Something in the container has our name for the interface already.
    container.namespace.ip(&["link", "add", "eth0", "type", "bridge"]);
    let endpoint = allocate(&network, request(&container, Vec::new())).unwrap();
    attach(&network, &endpoint, &container).unwrap_err();
    let links = host.namespace.ip(&["-o", "link"]);
    assert!(!links.contains(&endpoint.host_interface), "{links}");
}

#[test]
fn detach_frees_the_address_and_sweeps_what_outlives_the_container() {
    let host = Host::new();
    let network = host.open();
    let (container, endpoint) = start(&network, "one", Vec::new());
    block_on(network.detach(&container.id)).unwrap();
    block_on(network.detach(&container.id)).expect("a second detach is harmless");
    eventually("the interface is swept", || {
        let links = host.namespace.ip(&["-o", "link"]);
        (!links.contains(&endpoint.host_interface)).then_some(())
    });
    let again = allocate(&network, request(&container, Vec::new())).unwrap();
    assert_ne!(ip(&again), ip(&endpoint), "an address rests before it is given again");
}

#[test]
fn without_a_bridge_there_are_host_and_none() {
    let host = Host::new();
    let mut config = host.config();
    config.bridge.none = true;
    let network = host.open_with(config, Vec::new()).unwrap();
    let names: Vec<_> = block_on(network.networks()).into_iter().map(|info| info.name).collect();
    assert_eq!(names, ["host", "none"]);
    let container = Container::new("one");
    let error = allocate(&network, request(&container, Vec::new())).unwrap_err();
    assert_eq!(error.to_string(), "network bridge not found");
    block_on(network.loopback(container.pid())).unwrap();
    assert!(container.namespace.ip(&["link", "show", "lo"]).contains("UP"));
}

#[test]
fn the_bridge_is_as_the_flags_say() {
    let host = Host::new();
    let mut config = host.config();
    config.bridge.bip = Some("10.77.0.9/24".parse().unwrap());
    config.bridge.fixed_cidr = Some("10.77.0.128/25".parse().unwrap());
    config.bridge.mtu = 1400;
    let network = host.open_with(config, Vec::new()).unwrap();
    let (container, endpoint) = start(&network, "one", Vec::new());
    assert_eq!(gateway(&endpoint), Ipv4Addr::new(10, 77, 0, 9));
    assert_eq!(ip(&endpoint), Ipv4Addr::new(10, 77, 0, 128));
    assert!(container.namespace.ip(&["link", "show", "eth0"]).contains("mtu 1400"));
    let info = block_on(network.networks()).remove(0);
    assert_eq!((info.name.as_str(), info.id.len()), ("bridge", 64));
    assert_eq!(info.subnets[0].subnet.to_string(), "10.77.0.0/24");
    assert_eq!(info.subnets[0].ip_range.unwrap().to_string(), "10.77.0.128/25");
}
