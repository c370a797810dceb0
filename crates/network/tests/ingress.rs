//! Ports balanced over several containers.

mod testbed;

use std::collections::BTreeMap;
use std::net::{Ipv4Addr, Ipv6Addr};

use network::{Endpoint, IngressPort, Network, Protocol};
use testbed::{Container, HOST_IP, Host, block_on, eventually, ip, publish, start};

const PORT: u16 = 8000;
const QUESTIONS: usize = 60;

fn tasks(network: &Network) -> Vec<(Container, Endpoint)> {
    ["one", "two", "three"]
        .map(|name| {
            let (container, endpoint) = start(network, name, Vec::new());
            container.namespace.serve_tcp(80, name);
            container.namespace.serve_udp(80, name);
            (container, endpoint)
        })
        .into()
}

fn port(protocol: Protocol, tasks: &[(Container, Endpoint)]) -> IngressPort {
    let backends = tasks.iter().map(|(_, endpoint)| (ip(endpoint), 80)).collect();
    IngressPort { protocol, published_port: PORT, backends }
}

fn tally(mut ask: impl FnMut() -> Option<String>) -> BTreeMap<String, usize> {
    let mut tally = BTreeMap::new();
    for _ in 0..QUESTIONS {
        let answer = ask().expect("a backend answers");
        let name = answer.split(' ').next().unwrap_or_default().to_owned();
        *tally.entry(name).or_default() += 1;
    }
    tally
}

#[test]
fn all_backends_share_the_load_from_every_side() {
    let host = Host::new();
    let network = host.open();
    let tasks = tasks(&network);
    block_on(network.set_ingress(vec![port(Protocol::Tcp, &tasks), port(Protocol::Udp, &tasks)])).unwrap();
    let sides = [
        tally(|| host.outside.ask_tcp((HOST_IP, PORT))),
        tally(|| host.outside.ask_udp((HOST_IP, PORT))),
        tally(|| host.namespace.ask_tcp((Ipv4Addr::LOCALHOST, PORT))),
        tally(|| host.namespace.ask_tcp((Ipv6Addr::LOCALHOST, PORT))),
        tally(|| tasks[0].0.namespace.ask_tcp((HOST_IP, PORT))),
    ];
    for side in sides {
        assert_eq!(side.len(), 3, "{side:?}");
        assert!(side.values().all(|count| *count >= 5), "{side:?}");
    }
}

#[test]
fn backends_come_and_go() {
    let host = Host::new();
    let network = host.open();
    let tasks = tasks(&network);
    for wanted in [&tasks[..1], &tasks[..3], &tasks[1..2]] {
        block_on(network.set_ingress(vec![port(Protocol::Tcp, wanted)])).unwrap();
        let seen = tally(|| host.outside.ask_tcp((HOST_IP, PORT)));
        assert_eq!(seen.len(), wanted.len(), "{seen:?}");
    }
    block_on(network.set_ingress(Vec::new())).unwrap();
    assert_eq!(host.outside.ask_tcp((HOST_IP, PORT)), None);
    assert!(!host.rules().unwrap().contains("ingress-tcp"), "nothing stays");
}

#[test]
fn a_udp_flow_leaves_a_removed_backend() {
    let host = Host::new();
    let network = host.open();
    let tasks = tasks(&network);
    block_on(network.set_ingress(vec![port(Protocol::Udp, &tasks[..1])])).unwrap();
    let socket = host.outside.enter(|| {
        let socket = std::net::UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        socket.connect((HOST_IP, PORT)).unwrap();
        socket.set_read_timeout(Some(std::time::Duration::from_millis(200))).unwrap();
        socket
    });
    let ask = || {
        let mut buffer = [0; 64];
        socket.send(b"?").ok()?;
        let len = socket.recv(&mut buffer).ok()?;
        Some(String::from_utf8_lossy(&buffer[..len]).into_owned())
    };
    assert!(ask().unwrap().starts_with("one "));
    block_on(network.set_ingress(vec![port(Protocol::Udp, &tasks[1..2])])).unwrap();
    eventually("the same flow reaches the other backend", || {
        ask().filter(|answer| answer.starts_with("two "))
    });
}

#[test]
fn a_port_that_is_taken_is_told_and_the_others_work() {
    let host = Host::new();
    let network = host.open();
    let tasks = tasks(&network);
    let (_holder, _) = start(&network, "holder", vec![publish(Protocol::Tcp, 8001, 80)]);
    let mut taken = port(Protocol::Tcp, &tasks);
    taken.published_port = 8001;
    let error = block_on(network.set_ingress(vec![taken, port(Protocol::Tcp, &tasks)])).unwrap_err();
    let text = error.to_string();
    assert_eq!(
        text,
        "failed to publish ingress port Bind for 0.0.0.0:8001 failed: port is already allocated (by container web)"
    );
    assert!(host.outside.ask_tcp((HOST_IP, PORT)).is_some());
}
