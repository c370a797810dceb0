//! Networks of users: apart from each other, with the options their users give them, and in both families.

mod testbed;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use network::{Driver, ErrorKind, NetworkRequest, PortBinding, Protocol, SubnetRequest};
use testbed::{
    HOST_IP, HOST_IP6, Host, OUTSIDE_IP, OUTSIDE_IP6, block_on, create, gateway, ip, ip6, publish, start_on,
    wish,
};

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

fn tcp(host_port: u16, container_port: u16) -> PortBinding {
    publish(Protocol::Tcp, host_port, container_port)
}

fn option(request: &mut NetworkRequest, key: &str, value: &str) {
    request.options.insert(format!("com.docker.network.bridge.{key}"), value.to_owned());
}

fn dual(request: &mut NetworkRequest) {
    request.enable_ipv6 = Some(true);
}

/// Lets the outsider find the way to the containers' own addresses.
fn route_outside_to(host: &Host, record: &network::NetworkRecord) {
    for subnet in &record.subnets {
        let via: IpAddr = if subnet.subnet.is_ipv4() { HOST_IP.into() } else { HOST_IP6.into() };
        host.outside.ip(&["route", "add", &subnet.subnet.to_string(), "via", &via.to_string()]);
    }
}

#[test]
fn networks_are_made_listed_found_and_removed() {
    let host = Host::new();
    let network = host.open();
    let one = create(&network, "one", |_| {}).unwrap();
    let two = create(&network, "two", dual).unwrap();
    assert_ne!(one.subnets[0].subnet, two.subnets[0].subnet);
    let names: Vec<_> = block_on(network.networks()).into_iter().map(|record| record.name).collect();
    assert_eq!(names, ["bridge", "host", "none", "one", "two"]);
    for reference in [one.id.as_str(), "one", &one.id[..6]] {
        assert_eq!(block_on(network.find(reference)).unwrap(), one);
    }
    assert_eq!(block_on(network.find("three")).unwrap_err().to_string(), "network three not found");
    let links = host.namespace.ip(&["-d", "link", "show", &one.interface]);
    assert!(links.contains(&format!("alias shoal:shoal:{}", one.id)) && links.contains("UP"), "{links}");
    assert!(host.rules().unwrap().contains(&one.interface));

    assert_eq!(create(&network, "one", |_| {}).unwrap_err().kind(), ErrorKind::Conflict);
    let (container, _) = start_on(&network, "user", &["one"], &[]);
    let error = block_on(network.remove("one")).unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Forbidden);
    let wanted = format!("error while removing network: network one id {} has active endpoints", one.id);
    assert!(error.to_string().starts_with(&wanted), "{error}");
    block_on(network.detach(&container.id)).unwrap();
    assert_eq!(block_on(network.remove("one")).unwrap().id, one.id);
    assert!(!host.namespace.ip(&["link"]).contains(&one.interface));
    assert!(!host.rules().unwrap().contains(&one.interface));
    for name in ["bridge", "host", "none"] {
        let text = block_on(network.remove(name)).unwrap_err().to_string();
        assert_eq!(text, format!("{name} is a pre-defined network and cannot be removed"));
    }
}

#[test]
fn networks_are_apart_and_their_containers_are_not() {
    let host = Host::new();
    let network = host.open();
    create(&network, "one", dual).unwrap();
    create(&network, "two", dual).unwrap();
    let (a, a_at) = start_on(&network, "a", &["one"], &[]);
    let (b, b_at) = start_on(&network, "b", &["one"], &[]);
    let (c, c_at) = start_on(&network, "c", &["two"], &[]);
    for (container, name) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        container.namespace.serve_tcp(80, name);
    }
    host.outside.serve_tcp(90, "outside");
    assert_eq!(a.namespace.ask_tcp((ip(&b_at[0]), 80)).unwrap(), format!("b {}", ip(&a_at[0])));
    assert_eq!(a.namespace.ask_tcp((ip6(&b_at[0]), 80)).unwrap(), format!("b {}", ip6(&a_at[0])));
    assert_eq!(a.namespace.ask_tcp((ip(&c_at[0]), 80)), None);
    assert_eq!(a.namespace.ask_tcp((ip6(&c_at[0]), 80)), None);
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP, 90)).unwrap(), format!("outside {HOST_IP}"));
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP6, 90)).unwrap(), format!("outside {HOST_IP6}"));
    assert_eq!(host.namespace.ask_tcp((ip6(&c_at[0]), 80)).unwrap().split(' ').next(), Some("c"));
}

#[test]
fn the_outside_reaches_what_is_published_and_nothing_else() {
    let host = Host::new();
    let network = host.open();
    let record = create(&network, "one", dual).unwrap();
    let ports = [tcp(8080, 80), publish(Protocol::Udp, 5353, 53)];
    let (a, at) = start_on(&network, "a", &["one"], &ports);
    let (b, b_at) = start_on(&network, "b", &["one"], &[]);
    create(&network, "two", |_| {}).unwrap();
    let (c, _) = start_on(&network, "c", &["two"], &[]);
    a.namespace.serve_tcp(80, "a");
    a.namespace.serve_tcp(81, "unpublished");
    a.namespace.serve_udp(53, "a");
    route_outside_to(&host, &record);
    assert_eq!(at[0].ports.len(), 4, "{:?}", at[0].ports);

    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("a {OUTSIDE_IP}"));
    assert_eq!(host.outside.ask_tcp((HOST_IP6, 8080)).unwrap(), format!("a {OUTSIDE_IP6}"));
    assert_eq!(host.outside.ask_udp((HOST_IP6, 5353)).unwrap(), format!("a {OUTSIDE_IP6}"));
    for port in [80, 81] {
        assert_eq!(host.outside.ask_tcp((ip(&at[0]), port)), None);
        assert_eq!(host.outside.ask_tcp((ip6(&at[0]), port)), None);
    }
    // From the host itself, by any of its addresses.
    for address in [IpAddr::from(LOOPBACK), HOST_IP.into(), HOST_IP6.into(), Ipv6Addr::LOCALHOST.into()] {
        assert!(host.namespace.ask_tcp((address, 8080)).unwrap().starts_with("a "), "{address}");
        assert!(host.namespace.ask_udp((address, 5353)).unwrap().starts_with("a "), "{address}");
    }
    // From the container itself, from another one beside it, and from one on another network.
    for address in [IpAddr::from(HOST_IP), HOST_IP6.into()] {
        assert!(a.namespace.ask_tcp((address, 8080)).unwrap().starts_with("a "), "itself by {address}");
        assert!(b.namespace.ask_tcp((address, 8080)).unwrap().starts_with("a "), "beside it by {address}");
    }
    assert!(c.namespace.ask_tcp((HOST_IP, 8080)).unwrap().starts_with("a "), "another network");
    assert!(b.namespace.ask_udp((HOST_IP6, 5353)).unwrap().starts_with("a "));
    let _ = b_at;
}

#[test]
fn an_internal_network_reaches_nothing_outside() {
    let host = Host::new();
    let network = host.open();
    create(&network, "inner", |request| {
        request.internal = true;
        dual(request);
    })
    .unwrap();
    create(&network, "outer", |_| {}).unwrap();
    let (a, at) = start_on(&network, "a", &["inner"], &[tcp(8080, 80)]);
    let (b, b_at) = start_on(&network, "b", &["inner"], &[]);
    let (c, c_at) = start_on(&network, "c", &["outer"], &[tcp(8081, 80)]);
    for (container, name) in [(&a, "a"), (&b, "b"), (&c, "c")] {
        container.namespace.serve_tcp(80, name);
    }
    host.outside.serve_tcp(90, "outside");
    assert!(at[0].ports.is_empty(), "nothing is published of it");
    assert!(a.namespace.ask_tcp((ip(&b_at[0]), 80)).is_some());
    assert!(a.namespace.ask_tcp((ip6(&b_at[0]), 80)).is_some());
    let routes = a.namespace.ip(&["route"]) + &a.namespace.ip(&["-6", "route"]);
    assert!(!routes.contains("default"), "{routes}");
    // Even one that makes itself a way out.
    let bridge = block_on(network.find("inner")).unwrap().subnets[0].gateway.unwrap();
    a.namespace.ip(&["route", "add", "default", "via", &bridge.to_string()]);
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP, 90)), None);
    assert_eq!(a.namespace.ask_tcp((ip(&c_at[0]), 80)), None);
    assert_eq!(c.namespace.ask_tcp((ip(&at[0]), 80)), None);
}

#[test]
fn without_icc_only_published_ports_are_shared() {
    for bridged_packets_see_rules in ["0", "1"] {
        without_icc(bridged_packets_see_rules);
    }
}

fn without_icc(bridged_packets_see_rules: &str) {
    let host = Host::new();
    for switch in ["bridge-nf-call-iptables", "bridge-nf-call-ip6tables"] {
        if std::path::Path::new("/proc/sys/net/bridge").exists() {
            host.namespace
                .run("sysctl", &["-w", &format!("net.bridge.{switch}={bridged_packets_see_rules}")]);
        }
    }
    let network = host.open();
    create(&network, "quiet", |request| option(request, "enable_icc", "false")).unwrap();
    let (a, at) = start_on(&network, "a", &["quiet"], &[tcp(8080, 80)]);
    let (b, _) = start_on(&network, "b", &["quiet"], &[]);
    a.namespace.serve_tcp(80, "a");
    assert_eq!(b.namespace.ask_tcp((ip(&at[0]), 80)), None);
    assert!(b.namespace.ask_tcp((HOST_IP, 8080)).is_some(), "by the host's address");
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some());
    // A container that lies about where its neighbour is still goes through the rules.
    let gateway_mac = b.namespace.ip(&["neigh"]);
    let mac =
        gateway_mac.split_whitespace().skip_while(|word| *word != "lladdr").nth(1).expect("a neighbour");
    b.namespace.ip(&["neigh", "replace", &ip(&at[0]).to_string(), "lladdr", mac, "dev", "eth0"]);
    assert_eq!(b.namespace.ask_tcp((ip(&at[0]), 80)), None);
}

#[test]
fn gateway_modes_open_as_much_as_they_say() {
    let host = Host::new();
    let network = host.open();
    let routed = create(&network, "routed", |request| {
        option(request, "gateway_mode_ipv4", "routed");
        option(request, "gateway_mode_ipv6", "routed");
        dual(request);
    })
    .unwrap();
    let open =
        create(&network, "open", |request| option(request, "gateway_mode_ipv4", "nat-unprotected")).unwrap();
    create(&network, "nat", |_| {}).unwrap();
    let (a, at) = start_on(&network, "a", &["routed"], &[tcp(8080, 80)]);
    let (b, b_at) = start_on(&network, "b", &["open"], &[tcp(8081, 80)]);
    let (c, _) = start_on(&network, "c", &["nat"], &[]);
    a.namespace.serve_tcp(80, "a");
    a.namespace.serve_tcp(81, "a");
    b.namespace.serve_tcp(80, "b");
    b.namespace.serve_tcp(81, "b");
    route_outside_to(&host, &routed);
    route_outside_to(&host, &open);
    assert!(at[0].ports.iter().all(|port| port.host_port == 0), "{:?}", at[0].ports);
    assert_eq!(host.outside.ask_tcp((ip(&at[0]), 80)).unwrap(), format!("a {OUTSIDE_IP}"));
    assert_eq!(host.outside.ask_tcp((ip6(&at[0]), 80)).unwrap(), format!("a {OUTSIDE_IP6}"));
    assert_eq!(host.outside.ask_tcp((ip(&at[0]), 81)), None);
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None, "no port of the host");
    assert!(c.namespace.ask_tcp((ip(&at[0]), 80)).is_some(), "from another network");
    assert_eq!(c.namespace.ask_tcp((ip(&at[0]), 81)), None);
    assert_eq!(c.namespace.ask_tcp((ip(&b_at[0]), 80)), None, "networks stay apart");
    for port in [80, 81] {
        assert!(host.outside.ask_tcp((ip(&b_at[0]), port)).is_some());
    }
    assert!(host.outside.ask_tcp((HOST_IP, 8081)).is_some());
    // What leaves a routed network keeps its address.
    host.outside.serve_tcp(90, "outside");
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP, 90)).unwrap(), format!("outside {}", ip(&at[0])));

    block_on(network.detach(&a.id)).unwrap();
    testbed::eventually("the open port goes", || {
        host.outside.ask_tcp((ip(&at[0]), 80)).is_none().then_some(())
    });
}

#[test]
fn masquerade_binding_bridge_name_and_mtu_are_the_users_choice() {
    let host = Host::new();
    let network = host.open();
    let record = create(&network, "one", |request| {
        option(request, "enable_ip_masquerade", "false");
        option(request, "host_binding_ipv4", "127.0.0.1");
        option(request, "name", "mine0");
        request.options.insert("com.docker.network.driver.mtu".to_owned(), "1400".to_owned());
        request.options.insert("com.docker.network.container_iface_prefix".to_owned(), "net".to_owned());
    })
    .unwrap();
    assert_eq!(record.interface, "mine0");
    let (a, at) = start_on(&network, "a", &["one"], &[tcp(8080, 80)]);
    a.namespace.serve_tcp(80, "a");
    let link = a.namespace.ip(&["link", "show", "net0"]);
    assert!(link.contains("mtu 1400"), "{link}");
    assert_eq!(at[0].ports.len(), 1);
    assert_eq!(at[0].ports[0].host_ip, IpAddr::from(LOOPBACK));
    assert!(host.namespace.ask_tcp((LOOPBACK, 8080)).is_some());
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None);
    route_outside_to(&host, &record);
    host.outside.serve_tcp(90, "outside");
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP, 90)).unwrap(), format!("outside {}", ip(&at[0])));
    let error = create(&network, "two", |request| option(request, "name", "mine0")).unwrap_err();
    assert!(error.to_string().ends_with("networks have same bridge name"), "{error}");
}

#[test]
fn a_network_of_ipv6_alone_is_published_on_both_families() {
    let host = Host::new();
    let network = host.open();
    create(&network, "six", |request| {
        request.enable_ipv4 = Some(false);
        dual(request);
    })
    .unwrap();
    let (a, at) = start_on(&network, "a", &["six"], &[tcp(8080, 80)]);
    a.namespace.serve_tcp(80, "a");
    assert!(at[0].ipv4.is_none());
    assert_eq!(host.outside.ask_tcp((HOST_IP6, 8080)).unwrap(), format!("a {OUTSIDE_IP6}"));
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some(), "by the proxy");
}

#[test]
fn wishes_for_addresses_are_granted_or_refused() {
    let host = Host::new();
    let network = host.open();
    create(&network, "one", |request| {
        request.subnets = vec![
            SubnetRequest {
                subnet: "10.50.0.0/24".to_owned(),
                ip_range: "10.50.0.128/25".to_owned(),
                gateway: "10.50.0.254".to_owned(),
                aux_addresses: [("printer".to_owned(), "10.50.0.129".parse().unwrap())].into(),
            },
            SubnetRequest { subnet: "fd50::/64".to_owned(), ..SubnetRequest::default() },
        ];
        dual(request);
    })
    .unwrap();
    let (_a, at) = start_on(&network, "a", &["one"], &[]);
    assert_eq!(ip(&at[0]), Ipv4Addr::new(10, 50, 0, 128));
    assert_eq!(gateway(&at[0]), Ipv4Addr::new(10, 50, 0, 254));
    let b = testbed::Container::new("b");
    let mut wanted = wish(&b, "one", &[]);
    wanted.ipv4 = Some(Ipv4Addr::new(10, 50, 0, 9));
    wanted.ipv6 = Some("fd50::99".parse().unwrap());
    wanted.mac = Some("02:00:00:00:00:07".parse().unwrap());
    let endpoint = testbed::allocate(&network, wanted.clone()).unwrap();
    testbed::attach(&network, &endpoint, &b).unwrap();
    let seen = b.namespace.ip(&["addr", "show", "dev", "eth0"]);
    for part in ["10.50.0.9/24", "fd50::99/64", "02:00:00:00:00:07"] {
        assert!(seen.contains(part), "{seen}");
    }
    let text = testbed::allocate(&network, wanted).unwrap_err().to_string();
    assert_eq!(text, "endpoint with name web already exists in network one");
    let c = testbed::Container::new("c");
    for (address, wanted) in [
        ("10.50.0.9", "Address already in use"),
        ("10.50.0.254", "Address already in use"),
        ("10.50.0.129", "Address already in use"),
        ("10.51.0.1", "no configured subnet contains IP address 10.51.0.1"),
    ] {
        let mut request = wish(&c, "one", &[]);
        request.ipv4 = Some(address.parse().unwrap());
        assert_eq!(testbed::allocate(&network, request).unwrap_err().to_string(), wanted);
    }
    let mut refused = wish(&c, "one", &[]);
    refused.ipv6 = Some("fd50::99".parse().unwrap());
    assert!(testbed::allocate(&network, refused).is_err());
    let next = testbed::allocate(&network, wish(&c, "one", &[])).unwrap();
    assert_eq!(ip(&next), Ipv4Addr::new(10, 50, 0, 131), "the one that was taken for a moment rests");
}

#[test]
fn host_and_none_take_no_containers_and_lacking_drivers_say_so() {
    let host = Host::new();
    let network = host.open();
    let a = testbed::Container::new("a");
    for name in ["host", "none"] {
        let error = testbed::allocate(&network, wish(&a, name, &[])).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Forbidden);
    }
    let made = create(&network, "ip", |request| {
        request.driver = "ipvlan".to_owned();
        request.options.insert("parent".to_owned(), "wire".to_owned());
    });
    match made {
        Ok(record) => assert_eq!(record.driver, Driver::Ipvlan),
        Err(error) => {
            assert_eq!(error.to_string(), "this kernel has no ipvlan: it needs the option CONFIG_IPVLAN");
        }
    }
    let error = create(&network, "mac", |request| {
        request.driver = "macvlan".to_owned();
        request.options.insert("parent".to_owned(), "absent0".to_owned());
    })
    .unwrap_err();
    assert_eq!(error.to_string(), "-o parent interface was not found on the host: absent0");
    assert_eq!(block_on(network.networks()).iter().filter(|record| record.name == "mac").count(), 0);
}

#[test]
fn a_macvlan_container_is_a_machine_of_its_own() {
    let host = Host::new();
    let network = host.open();
    let made = create(&network, "lan", |request| {
        request.driver = "macvlan".to_owned();
        request.options.insert("parent".to_owned(), "wire".to_owned());
        request.subnets = vec![SubnetRequest {
            subnet: "10.199.0.0/24".to_owned(),
            ip_range: "10.199.0.64/26".to_owned(),
            gateway: OUTSIDE_IP.to_string(),
            ..SubnetRequest::default()
        }];
    });
    if let Err(error) = &made
        && error.kind() == ErrorKind::NotImplemented
    {
        eprintln!("skipped: {error}");
        return;
    }
    made.unwrap();
    let (a, at) = start_on(&network, "a", &["lan"], &[tcp(8080, 80)]);
    a.namespace.serve_tcp(80, "a");
    assert_eq!(host.outside.ask_tcp((ip(&at[0]), 80)).unwrap(), format!("a {OUTSIDE_IP}"));
    assert!(at[0].ports.is_empty(), "it has no need to publish");
    let routes = a.namespace.ip(&["route"]);
    assert!(routes.contains(&format!("default via {OUTSIDE_IP}")), "{routes}");
    block_on(network.detach(&a.id)).unwrap();
    block_on(network.remove("lan")).unwrap();
}

#[test]
fn a_container_on_several_networks_has_one_way_out_that_moves() {
    let host = Host::new();
    let network = host.open();
    create(&network, "bravo", dual).unwrap();
    create(&network, "alpha", |_| {}).unwrap();
    create(&network, "inner", |request| request.internal = true).unwrap();
    let (a, at) = start_on(&network, "a", &["bravo", "inner", "alpha"], &[tcp(8080, 80)]);
    a.namespace.serve_tcp(80, "a");
    assert_eq!(
        at.iter().map(|endpoint| endpoint.interface.as_str()).collect::<Vec<_>>(),
        ["eth0", "eth1", "eth2"]
    );
    let default = || a.namespace.ip(&["route", "show", "default"]);
    assert!(default().contains("dev eth0"), "the one of both families: {}", default());
    assert_eq!(at[0].ports.len(), 2);
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some());

    // One that is more important.
    create(&network, "first", |_| {}).unwrap();
    let mut wanted = wish(&a, "first", &[tcp(8080, 80)]);
    wanted.gw_priority = 5;
    let endpoint = testbed::allocate(&network, wanted).unwrap();
    let now = block_on(network.connect(&endpoint, a.pid(), None)).unwrap();
    assert!(default().contains("dev eth3"), "{}", default());
    assert!(a.namespace.ip(&["-6", "route", "show", "default"]).contains("dev eth0"));
    let of = |network_name: &str| now.iter().find(|endpoint| endpoint.network_name == network_name).unwrap();
    assert_eq!((of("first").ports.len(), of("bravo").ports.len()), (1, 1), "each family by its own way");
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("a {OUTSIDE_IP}"));
    assert_eq!(host.outside.ask_tcp((HOST_IP6, 8080)).unwrap(), format!("a {OUTSIDE_IP6}"));
    assert!(host.rules().unwrap().contains(&format!("tcp . 8080 : {} . 80", ip(of("first")))));

    let first_id = of("first").network_id.clone();
    let left = block_on(network.disconnect(&a.id, &first_id)).unwrap();
    assert_eq!(left.len(), 3);
    assert!(default().contains("dev eth0"), "{}", default());
    assert!(!a.namespace.ip(&["link"]).contains("eth3"));
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).unwrap(), format!("a {OUTSIDE_IP}"));
    for endpoint in &left {
        block_on(network.disconnect(&a.id, &endpoint.network_id)).unwrap();
    }
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None);
    assert_eq!(default(), "");
    let text = block_on(network.disconnect(&a.id, &first_id)).unwrap_err().to_string();
    assert!(text.contains("is not connected to network"), "{text}");
    // Somebody else may have the port, and then the container comes back.
    let (b, _) = start_on(&network, "b", &["alpha"], &[tcp(8080, 80)]);
    let endpoint = testbed::allocate(&network, wish(&a, "alpha", &[tcp(8080, 80)])).unwrap();
    let text = block_on(network.connect(&endpoint, a.pid(), None)).unwrap_err().to_string();
    assert!(text.contains("port is already allocated"), "{text}");
    block_on(network.detach(&b.id)).unwrap();
    let endpoint = testbed::allocate(&network, wish(&a, "alpha", &[tcp(8080, 80)])).unwrap();
    let now = block_on(network.connect(&endpoint, a.pid(), None)).unwrap();
    assert_eq!(now[0].interface, "eth0");
    testbed::eventually("the port is published again", || host.outside.ask_tcp((HOST_IP, 8080)));
}

#[test]
fn the_default_bridge_has_the_daemons_options() {
    let host = Host::new();
    let mut config = host.config();
    config.bridge.ipv6 = true;
    config.bridge.fixed_cidr_v6 = Some("fd77::/64".parse().unwrap());
    config.bridge.icc = false;
    config.bridge.host_ip = Some(HOST_IP);
    let network = host.open_with(config, Vec::new()).unwrap();
    let (a, at) = start_on(&network, "a", &["bridge"], &[tcp(8080, 80)]);
    let (b, _) = start_on(&network, "b", &["bridge"], &[]);
    a.namespace.serve_tcp(80, "a");
    assert_eq!(ip6(&at[0]).to_string(), "fd77::2");
    assert_eq!(b.namespace.ask_tcp((ip(&at[0]), 80)), None);
    assert_eq!(b.namespace.ask_tcp((ip6(&at[0]), 80)), None);
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some());
    assert_eq!(host.namespace.ask_tcp((LOOPBACK, 8080)), None, "published on one address");
    host.outside.serve_tcp(90, "outside");
    assert_eq!(a.namespace.ask_tcp((OUTSIDE_IP6, 90)).unwrap(), format!("outside {HOST_IP6}"));
    let record = block_on(network.find("bridge")).unwrap();
    assert_eq!(record.options["com.docker.network.bridge.enable_icc"], "false");
    assert_eq!(record.options["com.docker.network.bridge.host_binding_ipv4"], HOST_IP.to_string());
}

#[test]
fn sctp_is_in_the_rules_whether_or_not_this_kernel_speaks_it() {
    let host = Host::new();
    let network = host.open();
    create(&network, "one", dual).unwrap();
    let (a, at) = start_on(&network, "a", &["one"], &[publish(Protocol::Sctp, 9900, 99)]);
    let rules = host.rules().unwrap();
    for target in
        [format!("sctp . 9900 : {} . 99", ip(&at[0])), format!("sctp . 9900 : {} . 99", ip6(&at[0]))]
    {
        assert!(rules.contains(&target), "{rules}");
    }
    let b = testbed::Container::new("b");
    let taken = wish(&b, "one", &[publish(Protocol::Sctp, 9900, 99)]);
    assert!(
        testbed::allocate(&network, taken.clone()).unwrap_err().to_string().contains("already allocated")
    );
    block_on(network.detach(&a.id)).unwrap();
    testbed::allocate(&network, taken).unwrap();
}

#[test]
fn a_bridge_that_was_there_keeps_its_addresses_and_stays() {
    let host = Host::new();
    let network = host.open();
    host.namespace.ip(&["link", "add", "lan0", "type", "bridge"]);
    host.namespace.ip(&["addr", "add", "10.60.0.1/24", "dev", "lan0"]);
    create(&network, "one", |request| option(request, "name", "lan0")).unwrap();
    let (a, at) = start_on(&network, "a", &["one"], &[]);
    assert!(host.namespace.ip(&["addr", "show", "lan0"]).contains("10.60.0.1/24"));
    a.namespace.serve_tcp(80, "a");
    assert!(host.namespace.ask_tcp((ip(&at[0]), 80)).is_some());
    block_on(network.detach(&a.id)).unwrap();
    block_on(network.remove("one")).unwrap();
    assert!(host.namespace.ip(&["addr", "show", "lan0"]).contains("10.60.0.1/24"));
    // What is no bridge is refused, and nothing is half made.
    let error = create(&network, "two", |request| option(request, "name", "wire")).unwrap_err();
    assert_eq!(error.to_string(), "interface wire exists and is not a bridge");
    assert!(block_on(network.find("two")).is_err());
}

#[test]
fn a_machine_that_turns_ipv6_off_for_new_interfaces_still_has_networks_of_it() {
    let host = Host::new();
    host.namespace.run("sysctl", &["-w", "net.ipv6.conf.default.disable_ipv6=1"]);
    let network = host.open();
    create(&network, "one", dual).unwrap();
    let container = testbed::Container::new("a");
    container.namespace.run("sysctl", &["-w", "net.ipv6.conf.default.disable_ipv6=1"]);
    let endpoint = testbed::allocate(&network, wish(&container, "one", &[])).unwrap();
    testbed::attach(&network, &endpoint, &container).unwrap();
    container.namespace.serve_tcp(80, "a");
    assert!(host.namespace.ask_tcp((ip6(&endpoint), 80)).is_some());
}

#[test]
fn a_container_does_not_look_for_routers_nor_for_its_own_address() {
    let host = Host::new();
    let network = host.open();
    create(&network, "dual", dual).unwrap();
    let (a, at) = start_on(&network, "a", &["dual"], &[]);
    for switch in ["accept_ra", "accept_dad"] {
        let path = format!("/proc/sys/net/ipv6/conf/eth0/{switch}");
        assert_eq!(a.namespace.enter(|| std::fs::read_to_string(&path)).unwrap().trim(), "0", "{switch}");
    }
    // Its address is its own at once, the one that the kernel makes too.
    let addresses = a.namespace.ip(&["-6", "addr", "show", "dev", "eth0"]);
    assert!(addresses.contains(&ip6(&at[0]).to_string()) && addresses.contains("fe80::"), "{addresses}");
    assert!(!addresses.contains("tentative"), "{addresses}");
}
