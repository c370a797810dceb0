//! The server as a whole, with servers of the outside and a clock that are the test's.

use std::net::{IpAddr, Ipv4Addr};
use std::time::{Duration, Instant};

use super::query::tests::{ask, ask_with_room};
use super::response::tests::{absence, answer};
use super::wire::{A, AAAA, NO_ERROR, NO_SUCH_NAME, PTR, RCODE, REFUSED, SERVER_FAILURE, TC, counts, number};
use super::zone::tests::{joined, named};
use super::*;

const CLIENT: Client = Client::Stream(1);
const FIRST: &str = "192.0.2.53";
const SECOND: &str = "192.0.2.54";

struct World {
    server: Server,
    now: Instant,
    effects: Vec<Effect>,
}

impl World {
    /// Container `c1` on `net1` and `net2`, which asks two servers.
    fn new() -> World {
        let mut next = 100;
        let random = move || {
            next += 1;
            next
        };
        let mut server = Server::new(Box::new(random));
        server.name(named("net1", "c1", &["web"], &["10.0.0.2"]));
        server.name(named("net2", "c2", &["db"], &["10.1.0.2", "fd00::2"]));
        server.name(named("net3", "c3", &["secret"], &["10.2.0.2"]));
        server.admit(asker("c1", &[FIRST, SECOND]));
        World { server, now: Instant::now(), effects: Vec::new() }
    }

    fn ask_as(&mut self, container: &str, message: &[u8], client: Client) {
        self.server.ask(container, message, client, self.now, &mut self.effects);
    }

    /// What is answered at once.
    fn answer(&mut self, message: &[u8]) -> Vec<u8> {
        self.ask_as("c1", message, CLIENT);
        self.answered()
    }

    fn answered(&mut self) -> Vec<u8> {
        match &std::mem::take(&mut self.effects)[..] {
            [.., Effect::Answer { bytes, .. }] => bytes.clone(),
            other => panic!("no answer but {other:?}"),
        }
    }

    /// The question that has just been sent to a server, and how.
    fn sent(&mut self) -> (u64, String, Transport, Vec<u8>) {
        match std::mem::take(&mut self.effects).pop() {
            Some(Effect::Send { flight, server, transport, bytes, .. }) => {
                (flight, server.to_string(), transport, bytes)
            }
            other => panic!("nothing sent but {other:?}"),
        }
    }

    fn receive(&mut self, flight: u64, message: &[u8]) {
        self.server.receive(flight, message, self.now, &mut self.effects);
    }

    fn pass(&mut self, seconds: u64) {
        self.now += Duration::from_secs(seconds);
        self.server.tick(self.now, &mut self.effects);
    }
}

fn asker(container: &str, servers: &[&str]) -> Asker {
    Asker {
        container_id: container.to_owned(),
        networks: vec![joined("net1"), joined("net2")],
        servers: servers.iter().map(|server| server.parse().unwrap()).collect(),
        from_host: true,
        search: vec!["corp.example.".to_owned()],
        options: Vec::new(),
    }
}

fn outcome(message: &[u8]) -> u16 {
    number(message, 2).unwrap() & RCODE
}

#[test]
fn local_names_are_answered_without_asking_others() {
    let mut world = World::new();
    for name in ["web", "WEB", "web.net1"] {
        let found = world.answer(&ask(7, name, A));
        assert_eq!((&found[..2], outcome(&found), counts(&found).unwrap()[1]), (&[0, 7][..], NO_ERROR, 1));
        assert!(found.ends_with(&[10, 0, 0, 2]));
    }
    let found = world.answer(&ask(7, "db", AAAA));
    assert!(found.ends_with(&"fd00::2".parse::<std::net::Ipv6Addr>().unwrap().octets()));
    for kind in [AAAA, 15, 16, 33, 65, 255] {
        let none = world.answer(&ask(7, "web", kind));
        assert_eq!(
            (outcome(&none), counts(&none).unwrap()[1]),
            (NO_ERROR, 0),
            "it exists, without type {kind}"
        );
    }
    let found = world.answer(&ask(7, "2.0.1.10.in-addr.arpa", PTR));
    assert!(found.ends_with(b"\x02db\x04net2\0"));
    let with_options = world.answer(&ask_with_room(7, "web", A, 1232));
    assert_eq!(counts(&with_options).unwrap(), [1, 1, 0, 1]);
}

#[test]
fn names_of_other_networks_are_strangers() {
    let mut world = World::new();
    for (name, kind) in [("secret", A), ("secret.net3", A), ("2.0.2.10.in-addr.arpa", PTR)] {
        world.ask_as("c1", &ask(7, name, kind), CLIENT);
        let (flight, ..) = world.sent();
        world.server.fail(flight, world.now, &mut world.effects);
        world.effects.clear();
    }
    world.ask_as("c9", &ask(7, "web", A), CLIENT);
    assert_eq!(world.effects, [], "who is not admitted hears nothing");
}

#[test]
fn the_outside_is_asked_once_and_its_answer_kept() {
    let mut world = World::new();
    world.ask_as("c1", &ask(7, "A.example", A), CLIENT);
    let (flight, server, transport, asked) = world.sent();
    assert_eq!((server.as_str(), transport), (FIRST, Transport::Datagram));
    assert_eq!(asked, ask(101, "A.example", A), "as it came, with a number of our own");
    // Somebody else asks the same meanwhile.
    world.server.admit(asker("c2", &[FIRST, SECOND]));
    let address = (Ipv4Addr::LOCALHOST, 1000).into();
    world.ask_as("c2", &ask(8, "a.EXAMPLE", A), Client::Datagram { socket: 2, address });
    assert_eq!(world.effects, []);
    world.receive(flight, &answer(&asked, NO_ERROR, Some(30)));
    let effects = std::mem::take(&mut world.effects);
    let [Effect::Close { .. }, Effect::Answer { bytes: one, .. }, Effect::Answer { bytes: two, .. }] =
        &effects[..]
    else {
        panic!("{effects:?}")
    };
    assert_eq!(*one, answer(&ask(7, "A.example", A), NO_ERROR, Some(30)));
    assert_eq!(*two, answer(&ask(8, "a.EXAMPLE", A), NO_ERROR, Some(30)));
    world.pass(10);
    assert_eq!(world.answer(&ask(9, "a.example", A)), answer(&ask(9, "a.example", A), NO_ERROR, Some(20)));
    world.pass(20);
    world.ask_as("c1", &ask(9, "a.example", A), CLIENT);
    world.sent();
}

#[test]
fn who_asks_other_servers_or_from_elsewhere_shares_no_answers() {
    let mut world = World::new();
    world.ask_as("c1", &ask(7, "a.example", A), CLIENT);
    let (flight, _, _, asked) = world.sent();
    world.receive(flight, &answer(&asked, NO_ERROR, Some(30)));
    world.effects.clear();
    world.server.admit(asker("c2", &[SECOND]));
    world.server.admit(Asker { from_host: false, ..asker("c3", &[FIRST, SECOND]) });
    for container in ["c2", "c3"] {
        world.ask_as(container, &ask(7, "a.example", A), CLIENT);
        world.sent();
    }
}

#[test]
fn an_answer_with_options_of_one_client_is_not_kept() {
    let mut world = World::new();
    let mut cookie = ask_with_room(7, "a.example", A, 1232);
    let len = cookie.len();
    cookie[len - 1] = 4;
    cookie.extend([0, 10, 0, 0]);
    for _ in 0..2 {
        world.ask_as("c1", &cookie, CLIENT);
        let (flight, _, _, asked) = world.sent();
        assert_eq!(asked[2..], cookie[2..], "passed on as it came");
        let mut found = answer(&asked[..27], NO_ERROR, Some(30));
        found[11] = 0;
        world.receive(flight, &found);
        assert_eq!(outcome(&world.answered()), NO_ERROR);
    }
}

#[test]
fn the_next_server_is_asked_on_failure_refusal_and_silence() {
    for failed in [Some(SERVER_FAILURE), Some(REFUSED), None] {
        let mut world = World::new();
        world.ask_as("c1", &ask(7, "a.example", A), CLIENT);
        let (flight, _, _, first) = world.sent();
        match failed {
            Some(outcome) => world.receive(flight, &answer(&first, outcome, None)),
            None => {
                world.pass(1);
                assert_eq!(world.effects, []);
                world.pass(1);
            }
        }
        let (same, server, transport, second) = world.sent();
        assert_eq!((same, server.as_str(), transport), (flight, SECOND, Transport::Datagram));
        assert_ne!(first[..2], second[..2]);
        // The late answer of the first has the old number.
        world.receive(flight, &answer(&first, NO_ERROR, Some(1)));
        assert_eq!(world.effects, []);
        world.receive(flight, &answer(&second, NO_ERROR, Some(1)));
        assert_eq!(outcome(&world.answered()), NO_ERROR);
        if failed.is_none() {
            world.ask_as("c1", &ask(7, "b.example", A), CLIENT);
            assert_eq!(world.sent().1, SECOND, "the slow one comes last for a while");
        }
    }
}

#[test]
fn when_all_fail_the_asker_hears_of_it() {
    let mut world = World::new();
    world.ask_as("c1", &ask(7, "a.example", A), CLIENT);
    for server in [FIRST, SECOND, FIRST, SECOND] {
        assert_eq!(world.sent().1, server);
        world.pass(2);
    }
    let failed = world.answered();
    assert_eq!((&failed[..2], outcome(&failed)), (&[0, 7][..], SERVER_FAILURE));
    assert_eq!(world.server.deadline(), None);
    // A refusal is passed on, even one without the question.
    world
        .server
        .admit(Asker { options: vec!["attempts:1".into(), "timeout:1".into()], ..asker("c1", &[FIRST]) });
    world.ask_as("c1", &ask(8, "a.example", A), CLIENT);
    let (flight, _, _, asked) = world.sent();
    world.receive(flight, &[asked[0], asked[1], 0x80, 5, 0, 0, 0, 0, 0, 0, 0, 0]);
    let refused = world.answered();
    assert_eq!((&refused[..2], outcome(&refused), &refused[12..]), (&[0, 8][..], REFUSED, &asked[12..]));
}

#[test]
fn options_set_patience_and_rounds() {
    let mut world = World::new();
    world
        .server
        .admit(Asker { options: vec!["timeout:7".into(), "attempts:1".into()], ..asker("c1", &[FIRST]) });
    world.ask_as("c1", &ask(7, "a.example", A), CLIENT);
    world.sent();
    world.pass(6);
    assert_eq!(world.effects, []);
    world.pass(1);
    assert_eq!(outcome(&world.answered()), SERVER_FAILURE);
}

#[test]
fn a_truncated_answer_is_asked_for_again_by_a_stream() {
    let mut world = World::new();
    let address = (Ipv4Addr::LOCALHOST, 1000).into();
    world.ask_as("c1", &ask(7, "a.example", A), Client::Datagram { socket: 2, address });
    let (flight, _, _, asked) = world.sent();
    world.receive(flight, &answer(&asked, TC, None));
    let (_, server, transport, again) = world.sent();
    assert_eq!((server.as_str(), transport), (FIRST, Transport::Stream));
    let mut large = answer(&again, NO_ERROR, Some(30));
    large.extend([0; 600]);
    world.receive(flight, &large);
    let cut = world.answered();
    assert!(
        cut.len() <= 512 && number(&cut, 2).unwrap() & TC != 0,
        "who has no room is told to use a stream too"
    );
    assert_eq!(world.answer(&ask(7, "a.example", A)).len(), large.len(), "and then it is there");
}

#[test]
fn forged_answers_do_not_count_and_a_flood_of_them_leads_to_a_stream() {
    let mut world = World::new();
    world.ask_as("c1", &ask(7, "a.example", A), CLIENT);
    let (flight, _, _, asked) = world.sent();
    for guess in 0..7 {
        world.receive(flight, &answer(&ask(guess, "a.example", A), NO_ERROR, Some(30)));
        assert_eq!(world.effects, []);
    }
    world.receive(flight, &answer(&ask(101, "b.example", A), NO_ERROR, Some(30)));
    let (_, _, transport, again) = world.sent();
    assert_eq!(transport, Transport::Stream);
    assert_ne!(again[..2], asked[..2]);
    // A server that answers nonsense over a stream is left.
    world.receive(flight, b"nonsense");
    assert_eq!(world.sent().1, SECOND);
}

#[test]
fn a_search_domain_of_ours_counts_where_the_outside_knows_nothing() {
    let mut world = World::new();
    let asked = ask(7, "web.corp.example", A);
    world.ask_as("c1", &asked, CLIENT);
    let (flight, _, _, sent) = world.sent();
    world.receive(flight, &absence(&sent, NO_SUCH_NAME, 300, 30));
    assert!(world.answered().ends_with(&[10, 0, 0, 2]));
    assert!(world.answer(&asked).ends_with(&[10, 0, 0, 2]), "from the cache too");
    let other = ask(7, "nobody.corp.example", A);
    world.ask_as("c1", &other, CLIENT);
    let (flight, _, _, sent) = world.sent();
    world.receive(flight, &absence(&sent, NO_SUCH_NAME, 300, 30));
    assert_eq!(outcome(&world.answered()), NO_SUCH_NAME);
    // What the outside knows is the outside's.
    world.pass(60);
    world.ask_as("c1", &asked, CLIENT);
    let (flight, _, _, sent) = world.sent();
    world.receive(flight, &answer(&sent, NO_ERROR, Some(30)));
    assert!(world.answered().ends_with(&[192, 0, 2, 1]));
}

#[test]
fn an_internal_network_asks_nobody() {
    let mut world = World::new();
    world.server.admit(asker("c1", &[]));
    assert_eq!(outcome(&world.answer(&ask(7, "a.example", A))), SERVER_FAILURE);
    assert!(world.answer(&ask(7, "web.corp.example", A)).ends_with(&[10, 0, 0, 2]));
    let itself: IpAddr = SERVER_ADDRESS.into();
    world.server.admit(Asker { servers: vec![itself], from_host: false, ..asker("c1", &[]) });
    assert_eq!(outcome(&world.answer(&ask(7, "a.example", A))), SERVER_FAILURE, "nor itself");
}

#[test]
fn a_flood_is_answered_with_failure_and_others_have_room() {
    let mut world = World::new();
    world.server.admit(asker("c2", &[FIRST]));
    let mut refused = 0;
    for number in 0..1000 {
        world.ask_as("c1", &ask(7, &format!("n{number}.example"), A), CLIENT);
        refused += usize::from(matches!(world.effects.pop(), Some(Effect::Answer { .. })));
    }
    assert_eq!(refused, 1000 - 128);
    world.effects.clear();
    world.ask_as("c2", &ask(7, "other.example", A), CLIENT);
    world.sent();
    // One name asked for over and over causes one question, and a bounded number of answers.
    world.effects.clear();
    for id in 0..1000 {
        world.ask_as("c2", &ask(id, "other.example", A), CLIENT);
    }
    assert_eq!(world.effects.len(), 1000 - 64 + 1 - 1);
    world.server.dismiss("c1", &mut world.effects);
    world.server.admit(asker("c1", &[FIRST]));
    world.effects.clear();
    world.ask_as("c1", &ask(7, "again.example", A), CLIENT);
    world.sent();
}
