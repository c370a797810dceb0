//! Containers on networks.

use crate::world::World;
use engine::spec::{HostPort, NetworkMode};
use std::io::Read;
use std::net::TcpStream;

#[test]
fn the_bridge_gives_an_address_and_publishes_ports() {
    let world = World::new();
    let script = "ip -o -4 addr show eth0; cat /etc/hosts; mkdir -p /www; \
                  while :; do echo served | nc -l -p 8000; done";
    world.create_with("web", script, |spec| {
        spec.host.network_mode = NetworkMode::Default;
        let wanted = HostPort { host_ip: "127.0.0.1".into(), host_port: String::new() };
        spec.host.port_bindings.insert("8000/tcp".parse().unwrap(), vec![wanted]);
    });
    world.start("web");
    let record = world.inspect("web");
    let endpoint = &record.endpoints[0];
    let port = endpoint.ports[0].host_port;
    let answer = crate::world::eventually("it serves", || {
        let mut answer = String::new();
        TcpStream::connect(("127.0.0.1", port))?.read_to_string(&mut answer)?;
        if answer.is_empty() { Err(std::io::Error::other("empty")) } else { Ok(answer) }
    });
    assert_eq!(answer, "served\n");
    let (logs, ip) = (world.logs("web"), endpoint.address_v4().unwrap());
    assert!(logs.contains(&format!("inet {ip}/")), "{logs}");
    assert!(logs.contains(&format!("{ip}\t{}", record.short_id())), "{logs}");

    let second = world.create_with("two", "true", |spec| {
        spec.host.network_mode = NetworkMode::Default;
        let wanted = HostPort { host_ip: "127.0.0.1".into(), host_port: port.to_string() };
        spec.host.port_bindings.insert("8000/tcp".parse().unwrap(), vec![wanted]);
    });
    let taken = world.wait(world.containers().start(&second)).unwrap_err();
    assert!(taken.to_string().contains("port is already allocated"), "{taken}");
    assert_eq!(world.exec_dirs().len(), 1, "the failed start leaves nothing");
    world.wait(world.containers().kill("web", "KILL")).unwrap();
    assert_eq!(world.exit_code("web"), 137);
    world.start(&second);
}

#[test]
fn a_shared_network_is_the_same_network() {
    let world = World::new();
    world.create_with("one", "sleep 1000", |spec| spec.host.network_mode = NetworkMode::Bridge);
    let join = |name: &str| {
        world.create_with(name, "ip -o -4 addr show eth0; hostname", |spec| {
            spec.host.network_mode = NetworkMode::Container("one".into());
        })
    };
    let early = join("early");
    let refused = world.wait(world.containers().start(&early)).unwrap_err();
    assert!(
        refused.to_string().starts_with("cannot join network namespace of a non running container"),
        "{refused}"
    );
    world.start("one");
    join("two");
    world.start("two");
    assert_eq!(world.exit_code("two"), 0);
    let one = world.inspect("one");
    let logs = world.logs("two");
    assert!(
        logs.contains(&format!("inet {}/", one.endpoints[0].address_v4().unwrap()))
            && logs.contains(one.short_id()),
        "{logs}"
    );
}

#[test]
fn ports_and_addresses_survive_the_engine() {
    let mut world = World::new();
    world.create_with("web", "while :; do echo served | nc -l -p 8000; done", |spec| {
        spec.host.network_mode = NetworkMode::Default;
        let wanted = HostPort { host_ip: "127.0.0.1".into(), host_port: String::new() };
        spec.host.port_bindings.insert("8000/tcp".parse().unwrap(), vec![wanted]);
    });
    world.start("web");
    let before = world.inspect("web").endpoints.clone();
    world.crash();
    world.open();
    assert_eq!(world.inspect("web").endpoints, before);
    let port = before[0].ports[0].host_port;
    crate::world::eventually("it serves", || {
        let mut answer = String::new();
        TcpStream::connect(("127.0.0.1", port))?.read_to_string(&mut answer)?;
        if answer == "served\n" { Ok(()) } else { Err(std::io::Error::other(answer)) }
    });
}
