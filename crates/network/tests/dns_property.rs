//! Whatever bytes come, in whatever order: no panic, no answer to nobody, one answer to everybody.

use std::collections::HashMap;
use std::net::IpAddr;
use std::time::{Duration, Instant};

use network::dns::{Asker, Client, Effect, Joined, Named, Server, Transport};
use proptest::collection::vec;
use proptest::prelude::*;
use simple_dns::{CLASS, Name, Packet, PacketFlag, QCLASS, QTYPE, Question, RCODE, TYPE};

const CONTAINER: &str = "c1";

fn server() -> Server {
    let mut next = 0u16;
    let random = move || {
        next = next.wrapping_mul(25173).wrapping_add(13849);
        next
    };
    let mut server = Server::new(Box::new(random));
    server.name(Named {
        network_id: "n".to_owned(),
        network_name: "net".to_owned(),
        container_id: CONTAINER.to_owned(),
        names: vec!["web".to_owned(), "a.b".to_owned()],
        addresses: vec!["10.0.0.2".parse().unwrap(), "fd00::2".parse().unwrap()],
    });
    for (container, servers) in [(CONTAINER, &["192.0.2.1", "192.0.2.2"][..]), ("c2", &["192.0.2.1"][..])] {
        server.admit(Asker {
            container_id: container.to_owned(),
            networks: vec![Joined { network_id: "n".to_owned(), links: Default::default() }],
            servers: servers.iter().map(|server| server.parse::<IpAddr>().unwrap()).collect(),
            from_host: false,
            search: vec!["corp".to_owned()],
            options: Vec::new(),
        });
    }
    server
}

fn question(id: u16, name: &str, kind: TYPE) -> Vec<u8> {
    let mut packet = Packet::new_query(id);
    packet.questions.push(Question::new(
        Name::new_unchecked(name),
        QTYPE::TYPE(kind),
        QCLASS::CLASS(CLASS::IN),
        false,
    ));
    packet.build_bytes_vec().unwrap()
}

/// Bytes that are nearly a message: one with some bytes changed, cut off or behind it.
fn nearly(message: Vec<u8>) -> impl Strategy<Value = Vec<u8>> {
    let len = message.len();
    (vec((0..len, any::<u8>()), 0..6), 0..=len, vec(any::<u8>(), 0..40)).prop_map(
        move |(changes, cut, behind)| {
            let mut bytes = message.clone();
            changes.into_iter().for_each(|(at, byte)| bytes[at] = byte);
            if cut % 3 == 0 {
                bytes.truncate(cut);
            }
            bytes.extend(behind);
            bytes
        },
    )
}

fn hostile() -> impl Strategy<Value = Vec<u8>> {
    prop_oneof![
        vec(any::<u8>(), 0..200),
        nearly(question(7, "web", TYPE::A)),
        nearly(question(7, "web.net", TYPE::AAAA)),
        nearly(question(7, "2.0.0.10.in-addr.arpa", TYPE::PTR)),
        nearly(question(7, "a.example", TYPE::A)),
    ]
}

/// What may happen to the server.
#[derive(Debug, Clone)]
enum Step {
    Ask {
        container: bool,
        name: u8,
        id: u16,
    },
    AskHostile(Vec<u8>),
    /// A server answers the eldest question on its way: well, not at all well, or with these bytes.
    Answer {
        outcome: u8,
        ttl: u8,
        bytes: Option<Vec<u8>>,
    },
    Fail,
    Pass(u8),
    Dismiss,
}

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        4 => (any::<bool>(), 0..4u8, any::<u16>())
            .prop_map(|(container, name, id)| Step::Ask { container, name, id }),
        1 => hostile().prop_map(Step::AskHostile),
        3 => (0..6u8, 0..4u8, proptest::option::of(vec(any::<u8>(), 0..60)))
            .prop_map(|(outcome, ttl, bytes)| Step::Answer { outcome, ttl, bytes }),
        1 => Just(Step::Fail),
        2 => (0..3u8).prop_map(Step::Pass),
        1 => Just(Step::Dismiss),
    ]
}

/// The outside, as effects leave it.
#[derive(Default)]
struct Outside {
    on_their_way: HashMap<u64, (Transport, Vec<u8>)>,
    answers: HashMap<u64, Vec<Vec<u8>>>,
}

impl Outside {
    fn take(&mut self, effects: &mut Vec<Effect>) {
        for effect in effects.drain(..) {
            match effect {
                Effect::Answer { client: Client::Stream(token), bytes } => {
                    self.answers.entry(token).or_default().push(bytes);
                }
                Effect::Answer { .. } => panic!("nobody asked by a datagram"),
                Effect::Send { flight, transport, bytes, .. } => {
                    self.on_their_way.insert(flight, (transport, bytes));
                }
                Effect::Close { flight } => {
                    assert!(self.on_their_way.remove(&flight).is_some(), "what is closed was open");
                }
            }
        }
    }
}

fn answer_to(question: &[u8], outcome: u8, ttl: u8) -> Vec<u8> {
    let mut packet = Packet::parse(question).unwrap().into_reply();
    *packet.rcode_mut() = RCODE::from(u16::from(outcome));
    if outcome == 0 {
        let name = packet.questions[0].qname.clone();
        let data = simple_dns::rdata::RData::A(simple_dns::rdata::A { address: 1 });
        packet.answers.push(simple_dns::ResourceRecord::new(name, CLASS::IN, ttl.into(), data));
    }
    packet.build_bytes_vec_compressed().unwrap()
}

proptest! {
    #![proptest_config(ProptestConfig { cases: ProptestConfig::default().cases.max(512), failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever a container sends: what is answered has its number, is a whole answer, and fits.
    #[test]
    fn any_question_is_answered_properly_or_not_at_all(bytes in hostile()) {
        let (mut server, mut effects) = (server(), Vec::new());
        let address = ([127, 0, 0, 1], 1000).into();
        let client = Client::Datagram { socket: 1, address };
        server.ask(CONTAINER, &bytes, client, Instant::now(), &mut effects);
        prop_assert!(effects.len() <= 1);
        if let Some(Effect::Answer { bytes: answer, .. }) = effects.first() {
            prop_assert_eq!(&answer[..2], &bytes[..2]);
            prop_assert!(answer.len() <= 4096);
            prop_assert!(answer[2] & 0x80 != 0);
        }
    }

    /// Local names are answered so that another library reads the same, whatever the case.
    #[test]
    fn local_answers_are_read_by_others(id in any::<u16>(), upper in any::<u8>(), kind in 0..3usize) {
        let name: String = "web.net".chars().enumerate().map(|(at, letter)| {
            if upper >> at & 1 == 1 { letter.to_ascii_uppercase() } else { letter }
        }).collect();
        let (kind, records) = [(TYPE::A, 1), (TYPE::AAAA, 1), (TYPE::MX, 0)][kind];
        let asked = question(id, &name, kind);
        let (mut server, mut effects) = (server(), Vec::new());
        server.ask(CONTAINER, &asked, Client::Stream(1), Instant::now(), &mut effects);
        let [Effect::Answer { bytes, .. }] = &effects[..] else { panic!("{effects:?}") };
        let packet = Packet::parse(bytes).unwrap();
        prop_assert_eq!((packet.id(), packet.rcode(), packet.answers.len()), (id, RCODE::NoError, records));
        prop_assert!(packet.has_flags(PacketFlag::RESPONSE));
        prop_assert_eq!(packet.questions[0].qname.to_string(), name.clone());
        for record in &packet.answers {
            prop_assert_eq!(record.name.to_string(), name.clone());
        }
    }

    /// Whatever a server sends: it is an answer to our question, or counts for nothing.
    #[test]
    fn any_answer_is_one_to_the_question_or_none(
        change in vec((any::<proptest::sample::Index>(), any::<u8>()), 0..4),
        noise in vec(any::<u8>(), 0..100),
        is_noise in any::<bool>(),
    ) {
        let (mut server, mut effects, now) = (server(), Vec::new(), Instant::now());
        server.ask("c2", &question(7, "a.example", TYPE::A), Client::Stream(1), now, &mut effects);
        let Some(Effect::Send { flight, bytes: sent, .. }) = effects.pop() else { panic!("it is sent") };
        let mut bytes = answer_to(&sent, 0, 60);
        for (at, byte) in change {
            let at = at.index(bytes.len());
            bytes[at] = byte;
        }
        if is_noise {
            bytes = noise;
        }
        server.receive(flight, &bytes, now, &mut effects);
        for effect in &effects {
            if let Effect::Answer { bytes: answer, .. } = effect {
                prop_assert_eq!(&answer[..2], &[0, 7]);
                prop_assert_eq!(&bytes[..2], &sent[..2]);
                prop_assert_eq!(&answer[12..27], &sent[12..27]);
            }
        }
        // And asking again, out of the cache or not, does no harm.
        server.ask("c2", &question(8, "a.example", TYPE::A), Client::Stream(2), now + Duration::from_secs(7), &mut effects);
    }

    /// In whatever order things happen, everybody who asks is answered once, and in the end nothing is left.
    #[test]
    fn everybody_is_answered_once(steps in vec(step(), 0..80)) {
        let (mut server, mut effects, mut now) = (server(), Vec::new(), Instant::now());
        let (mut outside, mut asked) = (Outside::default(), Vec::new());
        for (token, step) in (1u64..).zip(steps) {
            let eldest = outside.on_their_way.keys().min().copied();
            match step {
                Step::Ask { container, name, id } => {
                    let name = ["web", "a.example", "web.corp", "b.example"][usize::from(name)];
                    let container = if container { CONTAINER } else { "c2" };
                    server.ask(container, &question(id, name, TYPE::A), Client::Stream(token), now, &mut effects);
                    asked.push((token, id));
                }
                Step::AskHostile(bytes) => {
                    server.ask(CONTAINER, &bytes, Client::Stream(token), now, &mut effects);
                }
                Step::Answer { outcome, ttl, bytes } => if let Some(flight) = eldest {
                    let answer = bytes.unwrap_or_else(|| {
                        let sent = &outside.on_their_way[&flight].1;
                        // What a hostile container has sent need not be readable to others.
                        match Packet::parse(sent) {
                            Ok(_) => answer_to(sent, outcome, ttl),
                            Err(_) => Vec::new(),
                        }
                    });
                    server.receive(flight, &answer, now, &mut effects);
                },
                Step::Fail => if let Some(flight) = eldest {
                    server.fail(flight, now, &mut effects);
                },
                Step::Pass(seconds) => {
                    now += Duration::from_secs(seconds.into());
                    server.tick(now, &mut effects);
                }
                Step::Dismiss => {
                    let asker = server.askers().find(|asker| asker.container_id == "c2").unwrap().clone();
                    server.dismiss("c2", &mut effects);
                    server.admit(asker);
                }
            }
            outside.take(&mut effects);
            prop_assert!(server.deadline().is_none() == outside.on_their_way.is_empty());
        }
        for _ in 0..10 {
            now += Duration::from_secs(30);
            server.tick(now, &mut effects);
            outside.take(&mut effects);
        }
        prop_assert!(outside.on_their_way.is_empty());
        prop_assert_eq!(server.deadline(), None);
        for (token, id) in asked {
            let answers = outside.answers.get(&token).map_or(&[][..], Vec::as_slice);
            prop_assert_eq!(answers.len(), 1);
            prop_assert_eq!(&answers[0][..2], &id.to_be_bytes());
        }
    }
}
