//! Published ports, from every side.

mod testbed;

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use network::{HostPort, PortBinding, Protocol};
use testbed::{
    Container, HOST_IP, Host, OUTSIDE_IP, allocate, block_on, eventually, gateway, ip, publish, request,
    start,
};

const LOOPBACK: Ipv4Addr = Ipv4Addr::LOCALHOST;

#[test]
fn tcp_is_reached_from_everywhere_and_sees_the_clients_address() {
    let host = Host::new();
    let network = host.open();
    let (one, endpoint) = start(&network, "one", vec![publish(Protocol::Tcp, 8080, 80)]);
    let (two, two_endpoint) = start(&network, "two", Vec::new());
    one.namespace.serve_tcp(80, "one");

    let gateway = gateway(&endpoint);
    // Bridged packets see the rules on some machines and not on others.
    for bridged in ["1", "0"] {
        // Without br_netfilter there is no such switch, and they never do.
        host.namespace.run("sysctl", &["-eqw", &format!("net.bridge.bridge-nf-call-iptables={bridged}")]);
        assert_eq!(
            host.outside.ask_tcp((HOST_IP, 8080)).unwrap(),
            format!("one {OUTSIDE_IP}"),
            "from outside"
        );
        assert_eq!(
            host.namespace.ask_tcp((LOOPBACK, 8080)).unwrap(),
            format!("one {gateway}"),
            "from loopback"
        );
        assert_eq!(
            host.namespace.ask_tcp((HOST_IP, 8080)).unwrap(),
            format!("one {HOST_IP}"),
            "from the host"
        );
        for address in [HOST_IP, gateway] {
            assert!(two.namespace.ask_tcp((address, 8080)).is_some(), "from another container, by {address}");
            assert!(one.namespace.ask_tcp((address, 8080)).is_some(), "from itself, by {address}");
        }
        assert_eq!(two.namespace.ask_tcp((ip(&endpoint), 80)).unwrap(), format!("one {}", ip(&two_endpoint)));
        assert!(host.namespace.ask_tcp((Ipv6Addr::LOCALHOST, 8080)).is_some(), "from [::1]");
    }
}

#[test]
fn udp_is_reached_from_everywhere() {
    let host = Host::new();
    let network = host.open();
    let (one, endpoint) = start(&network, "one", vec![publish(Protocol::Udp, 5353, 53)]);
    let (two, _) = start(&network, "two", Vec::new());
    one.namespace.serve_udp(53, "one");

    assert_eq!(host.outside.ask_udp((HOST_IP, 5353)).unwrap(), format!("one {OUTSIDE_IP}"), "from outside");
    assert_eq!(host.namespace.ask_udp((LOOPBACK, 5353)).unwrap(), format!("one {}", gateway(&endpoint)));
    assert!(two.namespace.ask_udp((HOST_IP, 5353)).is_some(), "from another container");
    assert!(one.namespace.ask_udp((HOST_IP, 5353)).is_some(), "from itself");
    assert!(host.namespace.ask_udp((Ipv6Addr::LOCALHOST, 5353)).is_some(), "from [::1]");
}

#[test]
fn a_port_of_one_address_is_not_reached_by_another() {
    let host = Host::new();
    let network = host.open();
    let mut binding = publish(Protocol::Tcp, 8080, 80);
    binding.host_ip = Some(IpAddr::V4(LOOPBACK));
    let (one, endpoint) = start(&network, "one", vec![binding]);
    one.namespace.serve_tcp(80, "one");
    assert_eq!(endpoint.ports.len(), 1);
    assert!(host.namespace.ask_tcp((LOOPBACK, 8080)).is_some());
    assert_eq!(host.namespace.ask_tcp((HOST_IP, 8080)), None);
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)), None);
}

#[test]
fn a_neighbour_cannot_talk_to_a_loopback_port() {
    let host = Host::new();
    let network = host.open();
    let mut binding = publish(Protocol::Tcp, 8080, 80);
    binding.host_ip = Some(IpAddr::V4(LOOPBACK));
    let (one, endpoint) = start(&network, "one", vec![binding]);
    let (two, _) = start(&network, "two", Vec::new());
    one.namespace.serve_tcp(80, "one");
    // Both neighbours, on the wire and on the bridge, send packets for 127.0.0.1 to the host, and the host's wire
    // takes such packets.
    host.namespace.run("sysctl", &["-qw", "net.ipv4.conf.wire.route_localnet=1"]);
    let neighbours = [(&host.outside, "wire", HOST_IP), (&two.namespace, "eth0", gateway(&endpoint))];
    for (neighbour, interface, gateway) in neighbours {
        neighbour.run("sysctl", &["-qw", &format!("net.ipv4.conf.{interface}.route_localnet=1")]);
        neighbour.ip(&["addr", "del", "127.0.0.1/8", "dev", "lo"]);
        neighbour.ip(&["route", "add", "127.0.0.1/32", "via", &gateway.to_string(), "dev", interface]);
        assert_eq!(neighbour.ask_tcp((LOOPBACK, 8080)), None, "by {interface}");
    }
    assert!(host.namespace.ask_tcp((LOOPBACK, 8080)).is_some());
}

#[test]
fn conflicts_are_told_in_dockers_words_and_keep_nothing() {
    let host = Host::new();
    let network = host.open();
    let (_one, _) = start(&network, "one", vec![publish(Protocol::Tcp, 8080, 80)]);
    let two = Container::new("two");
    let wanted = request(&two, vec![publish(Protocol::Tcp, 8081, 81), publish(Protocol::Tcp, 8080, 80)]);
    let text = allocate(&network, wanted).unwrap_err().to_string();
    assert!(text.starts_with("driver failed programming external connectivity on endpoint web ("), "{text}");
    assert!(
        text.ends_with("): Bind for 0.0.0.0:8080 failed: port is already allocated (by container web)"),
        "{text}"
    );

    let mut binding = publish(Protocol::Tcp, 8080, 80);
    binding.host_ip = Some(IpAddr::V4(LOOPBACK));
    let text = allocate(&network, request(&two, vec![binding])).unwrap_err().to_string();
    assert!(
        text.ends_with("Bind for 127.0.0.1:8080 failed: port is already allocated (by container web)"),
        "{text}"
    );

    host.namespace.serve_tcp(9090, "other program");
    let wanted = request(&two, vec![publish(Protocol::Tcp, 9090, 80)]);
    let text = allocate(&network, wanted).unwrap_err().to_string();
    assert!(
        text.ends_with("failed to bind host port for 0.0.0.0:9090/tcp: address already in use"),
        "{text}"
    );

    // What the failed attempts had taken is free, for UDP the number always was.
    let ports = vec![publish(Protocol::Tcp, 8081, 81), publish(Protocol::Udp, 8080, 80)];
    allocate(&network, request(&two, ports)).unwrap();
}

#[test]
fn a_port_that_ended_a_moment_ago_can_be_published() {
    let host = Host::new();
    let network = host.open();
    // A server of the host that closed its connection first leaves it in TIME-WAIT.
    host.namespace.enter(|| {
        let listener = std::net::TcpListener::bind((LOOPBACK, 8080)).unwrap();
        let mut client = std::net::TcpStream::connect((LOOPBACK, 8080)).unwrap();
        drop(listener.accept().unwrap());
        drop(listener);
        let _ = std::io::Read::read(&mut client, &mut [0]);
    });
    let (one, _) = start(&network, "one", vec![publish(Protocol::Tcp, 8080, 80)]);
    one.namespace.serve_tcp(80, "one");
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some());
}

#[test]
fn ephemeral_ports_and_ranges_take_what_is_free() {
    let host = Host::new();
    let network = host.open();
    let ephemeral = || vec![publish(Protocol::Tcp, 0, 80)];
    let range = || PortBinding {
        container_port: 80,
        protocol: Protocol::Tcp,
        host_ip: None,
        host_port: HostPort::Range { first: 7001, last: 7002 },
    };
    let (one, two, three) = (Container::new("one"), Container::new("two"), Container::new("three"));
    let first = allocate(&network, request(&one, ephemeral())).unwrap();
    assert_eq!(first.ports.len(), 2, "one for each family");
    assert_eq!(first.ports[0].host_port, 49153);
    assert_eq!(first.ports[1].host_port, 49153);
    block_on(network.detach(&one.id)).unwrap();
    let second = allocate(&network, request(&one, ephemeral())).unwrap();
    assert_eq!(second.ports[0].host_port, 49154, "a port rests before it is given again");
    let ranged = allocate(&network, request(&two, vec![range(), range()])).unwrap();
    let mut numbers: Vec<_> = ranged.ports.iter().map(|port| port.host_port).collect();
    numbers.dedup();
    assert_eq!(numbers, [7001, 7002]);
    let text = allocate(&network, request(&three, vec![range()])).unwrap_err().to_string();
    assert!(text.ends_with("all ports are allocated"), "{text}");
}

#[test]
fn a_port_can_be_published_again_at_once() {
    let host = Host::new();
    let network = host.open();
    for round in 0..5 {
        let (one, endpoint) = start(&network, "one", vec![publish(Protocol::Tcp, 8080, 80)]);
        one.namespace.serve_tcp(80, &format!("round{round}"));
        let seen = host.outside.ask_tcp((HOST_IP, 8080)).expect("the newest container answers");
        assert_eq!(seen, format!("round{round} {OUTSIDE_IP}"), "through the rules, to {}", ip(&endpoint));
        block_on(network.detach(&one.id)).unwrap();
    }
}

#[test]
fn detach_leaves_nothing() {
    let host = Host::new();
    let network = host.open();
    let ports = vec![publish(Protocol::Tcp, 8080, 80), publish(Protocol::Udp, 5353, 53)];
    let (one, endpoint) = start(&network, "one", ports);
    one.namespace.serve_udp(53, "one");
    assert!(host.outside.ask_udp((HOST_IP, 5353)).is_some());
    let held = host.namespace.run("ss", &["-Hlntu"]);
    assert!(held.contains(":8080") && held.contains(":5353"), "{held}");
    assert!(host.rules().unwrap().contains(&ip(&endpoint).to_string()));

    block_on(network.detach(&one.id)).unwrap();
    let held = host.namespace.run("ss", &["-Hlntu"]);
    assert!(!held.contains(":8080") && !held.contains(":5353"), "{held}");
    eventually("the rules are swept", || {
        (!host.rules().unwrap().contains(&ip(&endpoint).to_string())).then_some(())
    });
    eventually("the flows are forgotten", || {
        let flows = host.namespace.run("conntrack", &["-L", "-p", "udp"]);
        (!flows.contains(&ip(&endpoint).to_string())).then_some(())
    });
}

#[test]
fn a_udp_client_that_never_stops_reaches_the_next_container() {
    let host = Host::new();
    let network = host.open();
    // It began before anybody was there: the kernel remembers its flow as one to the host itself.
    let ask = |socket: &std::net::UdpSocket| {
        let mut buffer = [0; 64];
        socket.send(b"?").ok()?;
        let len = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
    };
    let socket = host.outside.enter(|| {
        let socket = std::net::UdpSocket::bind((OUTSIDE_IP, 40000)).unwrap();
        socket.connect((HOST_IP, 5353)).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_millis(100))).unwrap();
        socket
    });
    assert_eq!(ask(&socket), None);
    for name in ["one", "two"] {
        let (container, _) = start(&network, name, vec![publish(Protocol::Udp, 5353, 53)]);
        container.namespace.serve_udp(53, name);
        let direct = format!("{name} {OUTSIDE_IP}");
        eventually("the client reaches the container by the rules", || {
            ask(&socket).filter(|answer| *answer == direct)
        });
        block_on(network.detach(&container.id)).unwrap();
    }
}

#[test]
fn without_rules_the_proxy_serves() {
    let host = Host::new();
    let mut config = host.config();
    config.nat = false;
    let network = host.open_with(config, Vec::new()).unwrap();
    let ports = vec![publish(Protocol::Tcp, 8080, 80), publish(Protocol::Udp, 5353, 53)];
    let (one, endpoint) = start(&network, "one", ports);
    one.namespace.serve_tcp(80, "one");
    one.namespace.serve_udp(53, "one");
    assert_eq!(host.rules(), None, "no rules at all");
    let by_proxy = format!("one {}", gateway(&endpoint));
    assert_eq!(host.outside.ask_tcp((HOST_IP, 8080)).as_ref(), Some(&by_proxy));
    assert_eq!(host.outside.ask_udp((HOST_IP, 5353)), Some(by_proxy));
}

#[test]
fn without_the_proxy_ports_are_bound_and_rules_serve() {
    let host = Host::new();
    let mut config = host.config();
    config.userland_proxy = false;
    let network = host.open_with(config, Vec::new()).unwrap();
    let ports = vec![publish(Protocol::Tcp, 8080, 80), publish(Protocol::Udp, 5353, 53)];
    let (one, endpoint) = start(&network, "one", ports);
    one.namespace.serve_tcp(80, "one");
    one.namespace.serve_udp(53, "one");
    assert_eq!(endpoint.ports.len(), 2, "IPv4 only");
    assert!(host.outside.ask_tcp((HOST_IP, 8080)).is_some());
    assert!(host.namespace.ask_tcp((LOOPBACK, 8080)).is_some());
    assert!(host.namespace.ask_udp((LOOPBACK, 5353)).is_some(), "an unread socket swallows nothing");
    assert!(!host.namespace.run("ss", &["-Hlnt"]).contains(":8080"), "bound, but not listening");
    let error = host.namespace.enter(|| std::net::TcpListener::bind((LOOPBACK, 8080)).unwrap_err());
    assert_eq!(error.kind(), std::io::ErrorKind::AddrInUse);
}
