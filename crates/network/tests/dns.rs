//! The embedded DNS in real namespaces: sockets, rules and `shoal-net`, with servers of the outside that misbehave.

mod testbed;

use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::time::Instant;

use network::dns::{Asker, Joined, Named};
use network::hold::{Answer, Request};
use network::{AttachRequest, Endpoint, Live, Network, Resolver};
use simple_dns::{RCODE, TYPE};
use testbed::names::{Manner, SERVER, question, receive_framed, send_framed};
use testbed::{Container, Host, OUTSIDE_IP, allocate, block_on, eventually, request};

/// A second server beside the one at [`OUTSIDE_IP`].
const SECOND_IP: Ipv4Addr = Ipv4Addr::new(10, 199, 0, 3);
const SAID: Manner = Manner::Address(Ipv4Addr::new(192, 0, 2, 7));

fn resolver(servers: &[Ipv4Addr]) -> Resolver {
    Resolver {
        servers: servers.iter().map(|server| (*server).into()).collect(),
        from_host: true,
        ..Resolver::default()
    }
}

fn host() -> Host {
    let host = Host::new();
    host.outside.ip(&["addr", "add", &format!("{SECOND_IP}/24"), "dev", "wire"]);
    host
}

/// A container with a DNS, attached to the default bridge.
fn start(network: &Network, resolver: Resolver) -> (Container, Endpoint) {
    let container = Container::new("asker");
    let endpoint = allocate(network, request(&container, Vec::new())).expect("allocate");
    let attached = network.attach(std::slice::from_ref(&endpoint), container.pid(), Some(resolver));
    block_on(attached).expect("attach");
    (container, endpoint)
}

/// Names some containers in a network `net1`, and puts the asker on it.
fn name(host: &Host, asker: &Container, resolver: &Resolver) {
    let named = |container: &str, names: &[&str], addresses: &[&str]| Named {
        network_id: "net1-id".to_owned(),
        network_name: "net1".to_owned(),
        container_id: container.to_owned(),
        names: names.iter().map(|name| (*name).to_owned()).collect(),
        addresses: addresses.iter().map(|address| address.parse().expect("an address")).collect(),
    };
    let names = vec![
        named("c1", &["web", "both"], &["10.5.0.2"]),
        named("c2", &["db", "both"], &["10.5.0.3", "fd05::3"]),
        named(
            "c3",
            &["many"],
            &(0..60)
                .map(|last| format!("10.6.0.{last}"))
                .collect::<Vec<_>>()
                .iter()
                .map(String::as_str)
                .collect::<Vec<_>>(),
        ),
    ];
    assert!(matches!(host.ask_keeper(&Request::Name(names)), Some(Answer::Done)));
    let joined = Joined { network_id: "net1-id".to_owned(), links: Default::default() };
    let asker = Asker {
        container_id: asker.id.clone(),
        networks: vec![joined],
        servers: resolver.servers.clone(),
        from_host: resolver.from_host,
        search: resolver.search.clone(),
        options: resolver.options.clone(),
    };
    assert!(matches!(host.ask_keeper(&Request::Admit(asker)), Some(Answer::Done)));
}

fn live(container: &Container, endpoint: &Endpoint, resolver: &Resolver) -> Live {
    Live {
        container_id: container.id.clone(),
        container_name: "web".to_owned(),
        pid: container.pid(),
        endpoints: vec![endpoint.clone()],
        ports: Vec::new(),
        dns: Some(resolver.clone()),
    }
}

#[test]
fn local_names_are_answered_by_datagram_and_stream_and_port_53_stays_free() {
    let host = host();
    let network = host.open();
    let resolver = resolver(&[]);
    let (asker, _) = start(&network, resolver.clone());
    name(&host, &asker, &resolver);
    let inside = &asker.namespace;
    assert_eq!(inside.addresses("Web"), ["10.5.0.2"]);
    assert_eq!(inside.addresses("web.net1"), ["10.5.0.2"]);
    assert_eq!(inside.resolve_at(SERVER, "db", TYPE::AAAA).unwrap().records, ["fd05::3"]);
    let none = inside.resolve_at(SERVER, "web", TYPE::AAAA).unwrap();
    assert_eq!((none.outcome, none.records), (RCODE::NoError, Vec::new()));
    let name = inside.resolve_at(SERVER, "3.0.5.10.in-addr.arpa", TYPE::PTR).unwrap();
    assert_eq!(name.records, ["db.net1"]);
    let mut both = inside.addresses("both");
    assert_ne!(both, inside.addresses("both"), "the first is another one each time");
    both.sort();
    assert_eq!(both, ["10.5.0.2", "10.5.0.3"]);
    let cut = inside.resolve_at(SERVER, "many", TYPE::A).unwrap();
    assert!(cut.is_truncated && cut.records.len() < 60);
    assert_eq!(inside.resolve_by_stream_at(SERVER, "many", TYPE::A).unwrap().records.len(), 60);
    let stranger = inside.resolve_at(SERVER, "nobody", TYPE::A).unwrap();
    assert_eq!(stranger.outcome, RCODE::ServerFailure, "there is nobody to ask");

    inside.enter(|| {
        for address in [Ipv4Addr::UNSPECIFIED, Ipv4Addr::LOCALHOST, SERVER.0] {
            UdpSocket::bind((address, 53)).expect("port 53 of UDP is free");
            TcpListener::bind((address, 53)).expect("port 53 of TCP is free");
        }
        // Several questions over one connection.
        let mut stream = TcpStream::connect(SERVER).unwrap();
        for _ in 0..3 {
            let asked = question("web", TYPE::A);
            send_framed(&mut stream, &asked).unwrap();
            let answer = receive_framed(&mut stream).unwrap();
            assert_eq!(testbed::names::read(&answer, &asked).records, ["10.5.0.2"]);
        }
    });
}

#[test]
fn names_of_the_outside_are_asked_for_and_kept() {
    let host = host();
    let network = host.open();
    let served = host.outside.serve_names(OUTSIDE_IP, SAID);
    let (one, _) = start(&network, resolver(&[OUTSIDE_IP]));
    let (two, _) = start(&network, resolver(&[OUTSIDE_IP]));
    assert_eq!(one.namespace.addresses("a.example"), ["192.0.2.7"]);
    assert_eq!(one.namespace.addresses("A.EXAMPLE"), ["192.0.2.7"]);
    assert_eq!(two.namespace.addresses("a.example"), ["192.0.2.7"]);
    let by_stream = two.namespace.resolve_by_stream_at(SERVER, "a.example", TYPE::A).unwrap();
    assert_eq!(by_stream.records, ["192.0.2.7"]);
    assert_eq!(served.counts(), (1, 0));
}

#[test]
fn a_long_answer_is_fetched_by_a_stream() {
    let host = host();
    let network = host.open();
    let served = host.outside.serve_names(OUTSIDE_IP, Manner::Many(200));
    let (asker, _) = start(&network, resolver(&[OUTSIDE_IP]));
    let cut = asker.namespace.resolve_at(SERVER, "a.example", TYPE::A).unwrap();
    assert!(cut.is_truncated, "a datagram has no room for it");
    assert_eq!(served.counts(), (1, 1));
    let whole = asker.namespace.resolve_by_stream_at(SERVER, "a.example", TYPE::A).unwrap();
    assert_eq!((whole.is_truncated, whole.records.len()), (false, 200));
}

#[test]
fn the_next_server_answers_where_one_fails_or_is_silent_or_lies_or_is_not_there() {
    for manner in [
        Some(Manner::Failure(RCODE::ServerFailure)),
        Some(Manner::Failure(RCODE::Refused)),
        Some(Manner::Silent),
        Some(Manner::Hostile),
        None,
    ] {
        let host = host();
        let network = host.open();
        let first = manner.map(|manner| host.outside.serve_names(OUTSIDE_IP, manner));
        host.outside.serve_names(SECOND_IP, SAID);
        let (asker, _) = start(&network, resolver(&[OUTSIDE_IP, SECOND_IP]));
        assert_eq!(asker.namespace.addresses("a.example"), ["192.0.2.7"], "{manner:?}");
        assert!(first.is_none_or(|first| first.counts().0 > 0));
    }
}

#[test]
fn a_server_of_the_containers_own_network_is_asked_from_there() {
    let host = host();
    let network = host.open();
    let own = Ipv4Addr::new(10, 77, 0, 1);
    let (asker, _) = start(&network, Resolver { from_host: false, ..resolver(&[own]) });
    asker.namespace.ip(&["addr", "add", &format!("{own}/32"), "dev", "lo"]);
    asker.namespace.serve_names(own, SAID);
    assert_eq!(asker.namespace.addresses("a.example"), ["192.0.2.7"]);
    let many = Manner::Many(100);
    let other = Ipv4Addr::new(10, 77, 0, 2);
    asker.namespace.ip(&["addr", "add", &format!("{other}/32"), "dev", "lo"]);
    asker.namespace.serve_names(other, many);
    name(&host, &asker, &Resolver { from_host: false, ..resolver(&[other]) });
    let whole = asker.namespace.resolve_by_stream_at(SERVER, "b.example", TYPE::A).unwrap();
    assert_eq!(whole.records.len(), 100, "by a stream as well");
    // It came back: ports are held in the machine's network.
    assert!(host.ask_keeper(&Request::List).is_some());
    let (_, endpoint) =
        testbed::start(&network, "web", vec![testbed::publish(network::Protocol::Tcp, 8080, 80)]);
    assert!(host.namespace.run("ss", &["-Hlnt"]).contains(":8080"), "{endpoint:?}");
}

#[test]
fn names_resolve_while_the_daemon_is_away_and_after_it_is_back() {
    let host = host();
    let resolver = resolver(&[OUTSIDE_IP]);
    host.outside.serve_names(OUTSIDE_IP, SAID);
    let first = host.open();
    let (asker, endpoint) = start(&first, resolver.clone());
    let (gone, _) = start(&first, resolver.clone());
    name(&host, &asker, &resolver);
    drop(first);
    assert_eq!(asker.namespace.addresses("web"), ["10.5.0.2"]);
    assert_eq!(asker.namespace.addresses("a.example"), ["192.0.2.7"]);
    let live = vec![live(&asker, &endpoint, &resolver)];
    let second = host.namespace.enter(|| block_on(Network::open(host.config(), Vec::new(), live))).unwrap();
    assert_eq!(asker.namespace.addresses("b.example"), ["192.0.2.7"]);
    let Some(Answer::Names { named, askers }) = host.ask_keeper(&Request::Names) else {
        panic!("it is there")
    };
    assert_eq!(named, [], "names that no living container has are gone");
    assert_eq!(askers.len(), 1, "who asks is who lives: {} does not", gone.id);
    block_on(second.detach(&asker.id)).unwrap();
    let Some(Answer::Names { askers, .. }) = host.ask_keeper(&Request::Names) else { panic!("it is there") };
    assert_eq!(askers, []);
    assert_eq!(asker.namespace.addresses("b.example"), Vec::<String>::new(), "and its sockets are closed");
}

#[test]
fn a_killed_shoal_net_comes_back_with_sockets_anew() {
    let host = host();
    let network = host.open();
    host.outside.serve_names(OUTSIDE_IP, SAID);
    let (one, endpoint) = start(&network, resolver(&[OUTSIDE_IP]));
    let (two, _) = start(&network, Resolver { from_host: false, ..resolver(&[OUTSIDE_IP]) });
    assert!(matches!(host.ask_keeper(&Request::Stop), Some(Answer::Done)));
    eventually("shoal-net is gone", || host.ask_keeper(&Request::List).is_none().then_some(()));
    block_on(network.reconcile()).unwrap();
    for asker in [&one, &two] {
        eventually("names resolve again", || {
            (asker.namespace.addresses("a.example") == ["192.0.2.7"]).then_some(())
        });
    }
    // The same, with the daemon away in between.
    drop(network);
    assert!(matches!(host.ask_keeper(&Request::Stop), Some(Answer::Done)));
    eventually("shoal-net is gone", || host.ask_keeper(&Request::List).is_none().then_some(()));
    let live = vec![live(&one, &endpoint, &resolver(&[OUTSIDE_IP]))];
    let _network = host.namespace.enter(|| block_on(Network::open(host.config(), Vec::new(), live))).unwrap();
    eventually("names resolve again", || {
        (one.namespace.addresses("b.example") == ["192.0.2.7"]).then_some(())
    });
}

/// A container on some networks, with a DNS and these names in each.
fn start_on(
    network: &Network,
    nets: &[&str],
    names: &[&str],
    resolver: &Resolver,
) -> (Container, Vec<Endpoint>) {
    let container = Container::new("named");
    let wish = |net: &&str| AttachRequest {
        dns_names: names.iter().map(|name| (*name).to_owned()).collect(),
        ..testbed::wish(&container, net, &[])
    };
    let endpoints = block_on(network.allocate(nets.iter().map(wish).collect())).expect("allocate");
    block_on(network.attach(&endpoints, container.pid(), Some(resolver.clone()))).expect("attach");
    (container, endpoints)
}

#[test]
fn names_follow_the_life_of_containers_on_networks_of_users() {
    let host = host();
    let network = host.open();
    testbed::create(&network, "one", |request| request.enable_ipv6 = Some(true)).unwrap();
    let second = testbed::create(&network, "two", |request| request.internal = true).unwrap();
    let resolver = resolver(&[OUTSIDE_IP]);
    host.outside.serve_names(OUTSIDE_IP, Manner::Failure(RCODE::NameError));
    let (asker, own) = start_on(&network, &["one"], &["asker"], &resolver);
    let (web, endpoints) = start_on(&network, &["one", "two"], &["web", "site"], &resolver);
    let (hidden, _) = start_on(&network, &["two"], &["hidden"], &resolver);
    let address = |net: &str| {
        let endpoint = endpoints.iter().find(|endpoint| endpoint.network_name == net).unwrap();
        vec![testbed::ip(endpoint).to_string()]
    };
    assert_eq!(asker.namespace.addresses("site"), address("one"));
    assert_eq!(asker.namespace.addresses("web.two"), Vec::<String>::new());
    assert_eq!(hidden.namespace.addresses("web"), address("two"));
    let six = asker.namespace.resolve_at(SERVER, "web", TYPE::AAAA).unwrap().records;
    assert_eq!(six, [testbed::ip6(&endpoints[0]).to_string()]);
    let outcome =
        |container: &Container| container.namespace.resolve_at(SERVER, "a.example", TYPE::A).unwrap().outcome;
    assert_eq!(outcome(&asker), RCODE::NameError, "the outside says so");
    assert_eq!(outcome(&hidden), RCODE::ServerFailure, "nobody is asked for an internal network");

    // Connected, the asker sees the other network; renamed and disconnected, the web server is another.
    let wish = AttachRequest { dns_names: vec!["asker".to_owned()], ..testbed::wish(&asker, "two", &[]) };
    let more = block_on(network.allocate(vec![wish])).unwrap();
    block_on(network.connect(&more[0], asker.pid(), Some(resolver.clone()))).unwrap();
    assert_eq!(asker.namespace.addresses("hidden").len(), 1);
    assert_eq!(asker.namespace.addresses("web.two"), address("two"));
    let names = [(second.id.clone(), vec!["www".to_owned()])].into();
    block_on(network.rename(&web.id, "www", names)).unwrap();
    assert_eq!(hidden.namespace.addresses("www"), address("two"));
    assert_eq!(hidden.namespace.addresses("web"), Vec::<String>::new());
    block_on(network.disconnect(&web.id, &second.id)).unwrap();
    assert_eq!(hidden.namespace.addresses("www"), Vec::<String>::new());
    assert_eq!(asker.namespace.addresses("web"), address("one"));
    block_on(network.disconnect(&asker.id, &second.id)).unwrap();
    assert_eq!(asker.namespace.addresses("hidden"), Vec::<String>::new());

    // A container of the default bridge has a DNS from when it is connected.
    let late = Container::new("late");
    let bridge = allocate(&network, request(&late, Vec::new())).unwrap();
    block_on(network.attach(std::slice::from_ref(&bridge), late.pid(), None)).unwrap();
    let more = block_on(network.allocate(vec![testbed::wish(&late, "one", &[])])).unwrap();
    block_on(network.connect(&more[0], late.pid(), Some(resolver.clone()))).unwrap();
    assert_eq!(late.namespace.addresses("web"), address("one"));

    // The next daemon goes on, and what died meanwhile is forgotten.
    let records: Vec<_> = block_on(network.networks()).into_iter().filter(|net| !net.predefined).collect();
    drop(network);
    assert_eq!(asker.namespace.addresses("web"), address("one"));
    let living = Live { dns: Some(resolver), ..testbed::live(&asker, &own) };
    let network = host.reopen(records, vec![living]).unwrap();
    assert_eq!(asker.namespace.addresses("web"), Vec::<String>::new());
    assert_eq!(asker.namespace.addresses("asker"), [testbed::ip(&own[0]).to_string()]);
    block_on(network.detach(&asker.id)).unwrap();
}

#[test]
fn hostile_bytes_of_a_container_harm_nobody() {
    let host = host();
    let network = host.open();
    let resolver = resolver(&[]);
    let (asker, _) = start(&network, resolver.clone());
    name(&host, &asker, &resolver);
    let good = question("web", TYPE::A);
    asker.namespace.enter(|| {
        let socket = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0)).unwrap();
        for at in 0..good.len() {
            for byte in [0, 0x3f, 0x40, 0x80, 0xc0, 0xff] {
                let mut bad = good.clone();
                bad[at] = byte;
                socket.send_to(&bad, SERVER).unwrap();
                socket.send_to(&bad[..at], SERVER).unwrap();
            }
        }
        // Connections that say nothing, half of something, or too much, are bounded in number.
        let mut streams: Vec<TcpStream> = (0..100).filter_map(|_| TcpStream::connect(SERVER).ok()).collect();
        for (number, stream) in streams.iter_mut().enumerate() {
            use std::io::Write;
            let _ = match number % 3 {
                0 => Ok(()),
                1 => stream.write_all(&[0, 30, 1, 2, 3]),
                _ => stream.write_all(&[0xff; 70_000]),
            };
        }
        let begun = Instant::now();
        assert_eq!(asker.namespace.addresses("web"), ["10.5.0.2"]);
        assert!(begun.elapsed() < testbed::CLIENT_TIMEOUT);
    });
    eventually("there is room for connections again", || {
        asker.namespace.resolve_by_stream_at(SERVER, "web", TYPE::A)
    });
}
